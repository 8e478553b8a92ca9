"""OTLP over HTTP: what X-Ray has at /v1/traces, for spans in protobuf or JSON.

Source (documented): OpenTelemetry's specification of OTLP 1.x, "OTLP/HTTP"; the CloudWatch user guide, "OTLP
endpoints".
"""

from __future__ import annotations

import base64
import hmac
import json
import zlib
from collections.abc import Iterable
from typing import Any

from moto.core.utils import unix_time

from drydock.embedded.carriers.envoy import PROXY_KEY, ProxyKey
from drydock.embedded.core.host import Host
from drydock.embedded.core.wsgi import Answer, Environ, send
from drydock.policy.traces import spans

from .store import Store

DEFAULT_REGION = "us-east-1"
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"


def answer(host: Host, store: Store, path: str, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A request that nobody has signed, to `path` or below it."""
    kind = environ.get("CONTENT_TYPE", "")
    if host.access_key is not None and not _is_own_proxy(host, environ):
        return send(_refused(kind, 403, "Missing Authentication Token"), environ, start_response)
    if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != path:
        return send(_refused(kind, 404, f"Spans are sent by POST to {path}."), environ, start_response)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    with host.lock:
        made = taken(store, "", kind, environ.get("HTTP_CONTENT_ENCODING", ""), body)
        host.settle_data(made[0] == 200)
    return send(made, environ, start_response)


def _is_own_proxy(host: Host, environ: Environ) -> bool:
    """Whether a proxy of this instance sends it, which cannot sign."""
    shown = environ.get(f"HTTP_{PROXY_KEY.upper().replace('-', '_')}", "")
    return hmac.compare_digest(shown.encode("latin-1", "replace"), host.helper(ProxyKey).key.encode())


def taken(store: Store, region: str, content_type: str, encoding: str, body: bytes) -> Answer:
    """Keep the spans of a request. `region`: that it is signed for; empty: that of who sends, or else the first one."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (_PROTOBUF, _JSON):
        return _refused(kind, 415, f"Spans are sent as {_PROTOBUF} or {_JSON}.")
    try:
        body = _inflated(body, encoding)
        if len(body) > spans.LARGEST_REQUEST:
            return _refused(kind, 413, "A request has 5 MB at most.")
        found = spans.taken(_json(body) if kind == _JSON else _protobuf(body), unix_time())
    except spans.Malformed as wrong:
        return _refused(kind, 400, str(wrong))
    store.put(region or found.region or DEFAULT_REGION, found.documents)
    return _answer(kind, found.rejected, found.why)


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() != "gzip":
        raise spans.Malformed(f"Content-Encoding is gzip or none, not {encoding}.")
    reader = zlib.decompressobj(wbits=31)
    try:
        found = reader.decompress(body, spans.LARGEST_REQUEST + 1)
    except zlib.error:
        found = b""
    if len(found) <= spans.LARGEST_REQUEST and (not reader.eof or reader.unused_data):
        raise spans.Malformed("The body says that it is gzip, and is not, or not all of it.")
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise spans.Malformed("The body is not JSON.") from None


def _protobuf(body: bytes) -> Any:
    """The message in OTLP's JSON form, which has ids in hexadecimal."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        message = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise spans.Malformed("The body is no ExportTraceServiceRequest.") from None
    found: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    for group in found.get("resourceSpans", ()):
        for part in group.get("scopeSpans", ()):
            for span in part.get("spans", ()):
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return found


def _answer(kind: str, rejected: int, why: str) -> Answer:
    if kind == _JSON:
        told = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}} if rejected else {}
        return 200, {"Content-Type": _JSON}, json.dumps(told).encode()
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTracePartialSuccess,
        ExportTraceServiceResponse,
    )

    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=why) if rejected else None
    return 200, {"Content-Type": _PROTOBUF}, ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def _refused(kind: str, status: int, why: str) -> Answer:
    """google.rpc.Status, of which OTLP has the message alone be read."""
    if kind.startswith(_PROTOBUF):
        text = why.encode()[:127]  # so that its length is one byte
        return status, {"Content-Type": _PROTOBUF}, b"\x12" + bytes([len(text)]) + text
    return status, {"Content-Type": _JSON}, json.dumps({"message": why}).encode()
