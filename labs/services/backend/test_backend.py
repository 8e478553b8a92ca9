import unittest

from backend import Backend
from chassis import Invalid, Request, Settings
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
