"""A real Envoy's spans: what a proxy of Service Connect does for a request is seen in X-Ray, its retries too."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.envoy import Proxies, ProxyKey, Spans
from drydock.embedded.services.ecs.proxied import Outward, Plan, Revision, render
from drydock.policy.mesh.service_connect import Endpoint

CLIENT, SERVER, PORT = "127.72.0.1", "127.72.0.2", 9000
TRACE, CALLER = f"{int(time.time()):08x}bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
KEY = ("DRYDOCKTESTKEY000001", "a-secret-of-the-tests-0123456789")


class Handler(BaseHTTPRequestHandler):
    """Fails once, and keeps the contexts that it gets."""

    contexts: list[str] = []

    def do_GET(self) -> None:
        self.contexts.append(self.headers["traceparent"])
        self.send_response(503 if len(self.contexts) == 1 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer((SERVER, 8080), Handler)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[AWS]:
    host = AWS(tmp_path / "aws", seed="test", access_key=KEY)
    host.listen()
    host.run()
    yield host
    host.close()


@pytest.mark.process
def test_a_request_and_its_tries_are_in_the_trace_of_the_caller(signed, server):
    spans = Spans(
        ("127.0.0.1", signed.port), "frontend/service-connect", (("aws.ecs.task.arn", "arn:a"),),
        signed.helper(ProxyKey).key,
    )  # fmt: skip
    endpoint = Endpoint("backend", "backend", PORT, "http", 8080, None, 300, 15)
    way = Outward((CLIENT, PORT), endpoint, (Revision("tasks", ((SERVER, 8080),)),))
    proxy = signed.helper(Proxies).of("client")
    proxy.wait(proxy.apply("test", render(Plan(CLIENT, 1.0, (way,), spans=spans))), timeout=20)
    connection = http.client.HTTPConnection(CLIENT, PORT, timeout=20)
    connection.request("GET", "/items", headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    assert connection.getresponse().status == 200
    connection.close()

    def kept():
        with signed.lock:
            trace = signed.services.of("xray").store.trace("us-east-1", f"1-{TRACE[:8]}-{TRACE[8:]}")
        return trace if trace is not None and len(trace.segments[0].get("subsegments", ())) == 2 else None

    with signed.lock:
        signed.services.install("xray")
    segment = eventually(kept, "the spans of the request").segments[0]
    assert (segment["name"], segment["parent_id"]) == ("frontend/service-connect", CALLER)
    assert segment["metadata"]["default"]["otel.resource.aws.ecs.task.arn"] == "arn:a"
    tries = segment["subsegments"]
    assert [each["http"]["response"]["status"] for each in tries] == [503, 200]
    assert [bool(each.get("fault")) for each in tries] == [True, False]
    assert [context.split("-")[2] for context in Handler.contexts] == [each["id"] for each in tries], json.dumps(tries)


@pytest.mark.parametrize(
    ("variable", "url", "traced"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:{port}", True),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://xray.us-east-1.amazonaws.com/v1/traces", True),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318", False),
        ("BACKEND_URL", "http://127.0.0.1:{port}", False),
    ],
)
def test_the_proxy_of_a_task_sends_spans_where_its_task_does(world, variable, url, traced):
    lab = world.lab()
    lab.client("servicediscovery").create_http_namespace(Name="shop")
    definition = lab.register(
        "back", environment={variable: url.format(port=world.host.port)},
        portMappings=[{"containerPort": 8080, "name": "web", "appProtocol": "http"}],
    )  # fmt: skip
    lab.create(
        definition, 1, "back",
        serviceConnectConfiguration={"enabled": True, "namespace": "shop", "services": [{"portName": "web"}]},
    )  # fmt: skip
    lab.until_steady(1, "back")
    [task] = world.tasks()
    applied = world.proxies.made[task.id].applied["service-connect"]
    managers = [each["filter_chains"][0]["filters"][0]["typed_config"] for each in applied.listeners]
    assert {"tracing" in manager for manager in managers} == {traced}
    assert ("spans" in {cluster["name"] for cluster in applied.clusters}) is traced
    if traced:
        config = managers[0]["tracing"]["provider"]["typed_config"]
        about = config["resource_detectors"][0]["typed_config"]["attributes"]
        assert (config["service_name"], about["aws.ecs.task.arn"]) == ("back/service-connect", task.arn)
        assert "On AWS" in about["drydock.note"]
