import unittest

from backend import Backend
from chassis import Invalid, Log, Request, Settings, tracer
from faults import Faults


def ask(environ, path, query=None, method="GET", body=b"", backend=None):
    settings = Settings(environ)
    backend = backend or Backend(settings, Faults.read(settings))
    return backend.answer(Request(method, path, query or {}, body, "127.0.0.1"))


class BackendTest(unittest.TestCase):
    def test_says_who_answers(self):
        self.assertEqual(ask({"VERSION": "7"}, "/").body["version"], "7")

    def test_items_are_added_listed_and_removed(self):
        settings = Settings({})
        backend = Backend(settings, Faults())
        added = ask({}, "/items", method="POST", body=b'{"name": "rope"}', backend=backend)
        self.assertEqual(added.status, 201)
        self.assertEqual(ask({}, "/items", backend=backend).body, {"items": [{"id": 1, "name": "rope"}]})
        self.assertEqual(ask({}, "/items/1", method="DELETE", backend=backend).body["name"], "rope")
        self.assertEqual(ask({}, "/items/1", backend=backend).status, 404)
        self.assertEqual(ask({}, "/items", method="POST", body=b"[]", backend=backend).status, 400)

    def test_secret_is_proved_not_shown(self):
        # RFC 4231, test case 2
        reply = ask({"APP_SECRET": "Jefe"}, "/secret", {"nonce": "what do ya want for nothing?"})
        self.assertEqual(reply.body["hmac_sha256"],
                         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        self.assertEqual(ask({}, "/secret", {"nonce": "n"}).status, 404)
        self.assertEqual(ask({"APP_SECRET": "Jefe"}, "/secret").status, 400)


class TracingTest(unittest.TestCase):
    """Contexts as the W3C's Trace Context and the X-Ray developer guide, "Tracing header", write them."""

    def setUp(self):
        self.tracer = tracer(Settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}), Log("test"))
        self.kept = []
        self.tracer.keep = self.kept.append

    def receive(self, **headers):
        return self.tracer.receive("GET", "/", {name.replace("_", "-"): text for name, text in headers.items()}, "")

    def test_none_is_made_unless_it_is_asked_for(self):
        self.assertIsNone(tracer(Settings({}), Log("test")))

    def test_an_endpoint_has_to_be_a_url(self):
        with self.assertRaisesRegex(Invalid, "OTEL_EXPORTER_OTLP_ENDPOINT"):
            tracer(Settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4318"}), Log("test"))

    def test_where_an_sdk_would_call_another_endpoint_so_does_this(self):
        for own, url in (("http://127.0.0.1:4566/", "http://127.0.0.1:4566/v1/traces"),
                         ("", "https://xray.eu-west-1.amazonaws.com/v1/traces")):
            environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://xray.eu-west-1.amazonaws.com", "AWS_ENDPOINT_URL": own}
            self.assertEqual(tracer(Settings(environ), Log("test")).url, url)

    def test_a_trace_goes_on_from_caller_to_called(self):
        caller = self.receive(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").child("GET")
        called = self.receive(**caller.headers())
        called.end(200)
        self.assertEqual(self.kept[0]["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736")
        self.assertEqual(self.kept[0]["parentSpanId"], caller.id)

    def test_a_load_balancer_begins_a_trace(self):
        span = self.receive(X_Amzn_Trace_Id="Self=1-67891234-12456789abcdef012345678a;"
                                            "Root=1-5759e988-bd862e3fe1be46a994272793")
        self.assertEqual(span.context.trace_id, "5759e988bd862e3fe1be46a994272793")
        self.assertEqual(span.context.parent_id, "")

    def test_what_is_not_sampled_is_not_kept_and_called_so(self):
        for headers in ({"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"},
                        {"X_Amzn_Trace_Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"}):
            span = self.receive(**headers)
            span.end(200)
            self.assertRegex(span.child("GET").headers()["traceparent"], "-00$")
        self.assertEqual(self.kept, [])

    def test_a_share_of_what_begins_here_is_sampled(self):
        some = tracer(Settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_SAMPLER_ARG": "0.25",
                                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}), Log("test"))
        for digits, sampled in (("3" * 16, True), ("5" * 16, False)):
            root = {"X-Amzn-Trace-Id": f"Root=1-5759e988-bd862e3f{digits}"}
            self.assertEqual(some.receive("GET", "/", root, "").context.sampled, sampled)
        self.assertTrue(some.receive("GET", "/", {"traceparent": f"00-{'f' * 32}-{'f' * 16}-01"}, "").context.sampled)

    def test_what_is_no_context_begins_a_trace_of_its_own(self):
        for given in ("", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff-" + "1" * 32 + "-00f067aa0ba902b7-01"):
            with self.subTest(given):
                self.assertEqual(self.receive(traceparent=given).context.parent_id, "")

    def test_a_server_fails_from_500_on_and_a_client_from_400(self):
        server = self.receive()
        client = server.child("GET")
        server.end(404)
        client.end(404)
        self.assertEqual([span["status"].get("code") for span in self.kept], [None, 2])


class FaultsTest(unittest.TestCase):
    def test_error_rate_repeats_with_its_seed(self):
        first, second = (Faults(error_rate=0.3, seed=4) for _ in range(2))
        sequence = [first.strike() for _ in range(1000)]
        self.assertEqual(sequence, [second.strike() for _ in range(1000)])
        self.assertAlmostEqual(sum(sequence) / 1000, 0.3, delta=0.05)

    def test_health_fails_from_a_number_of_requests_on(self):
        faults = Faults.read(Settings({"FAIL_HEALTH": "2 requests"}))
        self.assertFalse(faults.health_fails())
        faults.strike()
        self.assertFalse(faults.health_fails())
        faults.strike()
        self.assertTrue(faults.health_fails())

    def test_a_bad_value_names_its_setting(self):
        for name, value in {"ERROR_RATE": "1.5", "LATENCY_MS": "-1", "FAIL_HEALTH": "soon",
                            "FAULT_SEED": "0.5", "CRASH_AT_START": "maybe",
                            "LEAK_MIB_PER_REQUEST": "nan"}.items():
            with self.subTest(name), self.assertRaisesRegex(Invalid, name):
                Faults.read(Settings({name: value}))


if __name__ == "__main__":
    unittest.main()
