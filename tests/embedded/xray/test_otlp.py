"""OTLP at the embedded endpoint: OpenTelemetry's own SDK sends protobuf, others JSON; who may is as for every call."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from tests.support.clients import client_of

from drydock.embedded.assembly import AWS
from drydock.policy.traces.spans import LARGEST_REQUEST

JSON, PROTOBUF = "application/json", "application/x-protobuf"
KEY, SECRET = "DRYDOCKTESTKEY000001", "a-secret-of-the-tests-0123456789"


def spans(**fields: Any) -> dict[str, Any]:
    now = time.time_ns()
    one = {"traceId": f"{now // 10**9:08x}" + "a" * 24, "spanId": "b" * 16, "name": "GET", "kind": 2,
           "startTimeUnixNano": str(now - 10**6), "endTimeUnixNano": str(now), **fields}  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]}


def post(
    host: AWS, body: bytes, kind: str = JSON, headers: dict[str, str] | None = None, path: str = "/v1/traces"
) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer."""
    where = urlsplit(host.endpoint)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    connection.request("POST", path, body, {"Content-Type": kind, **(headers or {})})
    answer = connection.getresponse()
    found = answer.status, answer.headers.get("Content-Type", ""), answer.read()
    connection.close()
    return found


def found(host: AWS, **config: Any) -> list[dict[str, Any]]:
    xray = client_of(host, "xray", **config)
    return list(xray.get_trace_summaries(StartTime=time.time() - 60, EndTime=time.time() + 1)["TraceSummaries"])


def test_the_sdk_of_opentelemetry(host, client):
    """A call from one service to another, which fails, as the SDK sends it; compressed, as most are."""

    providers = []

    def service(name: str) -> Any:
        provider = TracerProvider(resource=Resource({"service.name": name}))
        providers.append(provider)
        exporter = OTLPSpanExporter(f"{host.endpoint}/v1/traces", compression=Compression.Gzip)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return provider.get_tracer("test")

    frontend, backend = service("frontend"), service("backend")
    carrier: dict[str, str] = {}
    with frontend.start_as_current_span("GET /api", kind=SpanKind.SERVER):
        with frontend.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"server.address": "b"}) as call:
            inject(carrier)
            call.set_attribute("http.response.status_code", 500)
        with backend.start_as_current_span("GET /", extract(carrier), SpanKind.SERVER) as served:
            served.record_exception(ValueError("no rope"))
            served.set_status(Status(StatusCode.ERROR))
    for provider in providers:
        provider.shutdown()
    [summary] = found(host)
    assert [each["Name"] for each in summary["ServiceIds"]] == ["frontend", "backend"]
    assert not summary["HasFault"]
    [trace] = client("xray").batch_get_traces(TraceIds=[summary["Id"]])["Traces"]
    first, second = (json.loads(segment["Document"]) for segment in trace["Segments"])
    assert first["subsegments"][0]["fault"] and second["parent_id"] == first["subsegments"][0]["id"]
    assert second["cause"]["exceptions"][0]["message"] == "no rope"


def test_json_and_protobuf_are_answered_in_kind(host):
    body = json.dumps(spans()).encode()
    assert post(host, body) == (200, JSON, b"{}")
    assert post(host, gzip.compress(body), headers={"Content-Encoding": "GZIP"})[0] == 200
    assert post(host, ExportTraceServiceRequest().SerializeToString(), PROTOBUF) == (200, PROTOBUF, b"")
    assert len(found(host)) == 1


def test_there_is_nothing_below_the_path(host):
    assert post(host, b"{}", path="/v1/traces/more")[0] == 404


def test_a_span_that_is_not_taken_is_told(host):
    status, _, body = post(host, json.dumps(spans(traceId="none")).encode())
    assert (status, json.loads(body)["partialSuccess"]["rejectedSpans"]) == (200, "1")
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(trace_id=b"short")
    status, _, body = post(host, message.SerializeToString(), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(body).partial_success
    assert (status, partial.rejected_spans) == (200, 1) and "traceId" in partial.error_message


@pytest.mark.parametrize(
    ("body", "kind", "headers", "status"),
    [
        (b"{", JSON, {}, 400),
        (b"[]", JSON, {}, 400),
        (b"\xff", PROTOBUF, {}, 400),
        (b"{}", "text/plain", {}, 415),
        (b"{}", JSON, {"Content-Encoding": "zstd"}, 400),
        (b"{}", JSON, {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-8], JSON, {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * (LARGEST_REQUEST + 1)), JSON, {"Content-Encoding": "gzip"}, 413),
    ],
)
def test_what_is_no_request_is_refused_in_kind(host, body, kind, headers, status):
    given, answered, told = post(host, body, kind, headers)
    assert given == status
    assert answered == (PROTOBUF if kind == PROTOBUF else JSON)
    assert told.startswith(b"\x12") if kind == PROTOBUF else json.loads(told)["message"]


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[AWS]:
    host = AWS(tmp_path / "aws", seed="test", access_key=(KEY, SECRET))
    host.listen()
    host.run()
    yield host
    host.close()


def test_an_instance_with_a_key_takes_spans_that_are_signed(signed):
    body = gzip.compress(json.dumps(spans()).encode())
    assert post(signed, body, headers={"Content-Encoding": "gzip"})[0] == 403
    for secret, status in (("another-secret", 400), (SECRET, 200)):
        headers = {"Content-Type": JSON, "Content-Encoding": "gzip", "Host": urlsplit(signed.endpoint).netloc}
        request = AWSRequest("POST", f"{signed.endpoint}/v1/traces", headers, body)
        SigV4Auth(Credentials(KEY, secret), "xray", "eu-west-1").add_auth(request)
        assert post(signed, body, headers=dict(request.headers))[0] == status
    rows = signed.data.read("SELECT region FROM trace_segments")
    assert rows == [("eu-west-1",)]
    assert "v1/traces" not in (signed.directory / "journal.jsonl").read_text()
