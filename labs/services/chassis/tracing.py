"""Spans of a service, sent by OTLP/HTTP in JSON to where OTEL_EXPORTER_OTLP_ENDPOINT says.

An emitter of our own: importing OpenTelemetry's SDK takes about as long as all else that a task does at its start. It
is loaded where spans are wanted and nowhere else, so without the variable it costs nothing.

A caller's decision whether to sample is kept. Where there is none, all traces are sampled, or with
OTEL_TRACES_SAMPLER=parentbased_traceidratio the share that OTEL_TRACES_SAMPLER_ARG says. Contexts come as the W3C's
`traceparent` or as a load balancer's `X-Amzn-Trace-Id`, and go on as `traceparent`.

Sources: OpenTelemetry's specification of OTLP 1.x and its semantic conventions for HTTP and messaging; W3C Trace
Context; the X-Ray developer guide, "Tracing header".
"""
from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from chassis.log import Log
from chassis.settings import Invalid, Settings
from chassis.sigv4 import Signer, region_of
from chassis.task import metadata

SERVER, CLIENT, CONSUMER = 2, 3, 5
LONGEST_QUEUE = 2048
LARGEST_BATCH = 512
DELAY = 0.5  # seconds for which a batch is gathered
TIMEOUT = 5.0
ALL, SHARE = "parentbased_always_on", "parentbased_traceidratio"
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")


@dataclass(frozen=True)
class Context:
    """Where a span belongs: its trace, the span above it, and whether anybody keeps it."""

    trace_id: str
    parent_id: str
    sampled: bool


@dataclass
class Span:
    tracer: Tracer
    context: Context
    name: str
    kind: int
    attributes: dict[str, Any]
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    began: int = field(default_factory=time.time_ns)

    def child(self, name: str, **attributes: Any) -> Span:
        """A call that this one makes; `__` in the name of an attribute stands for a dot."""
        context = Context(self.context.trace_id, self.id, self.context.sampled)
        return Span(self.tracer, context, name, CLIENT, _dotted(attributes))

    def headers(self) -> dict[str, str]:
        """What tells the service that is called of this span."""
        return {"traceparent": f"00-{self.context.trace_id}-{self.id}-{int(self.context.sampled):02x}"}

    def end(self, status: int | None = None, error: str = "") -> None:
        """`status`: of HTTP. `error`: why there is none, or why the work failed."""
        if status is not None:
            self.attributes["http.response.status_code"] = int(status)
        failed = bool(error) or (status or 0) >= (400 if self.kind == CLIENT else 500)
        if failed:
            self.attributes["error.type"] = str(int(status)) if status is not None else error
        if self.context.sampled:
            self.tracer.keep({
                "traceId": self.context.trace_id,
                "spanId": self.id,
                **({"parentSpanId": self.context.parent_id} if self.context.parent_id else {}),
                "name": self.name,
                "kind": self.kind,
                "startTimeUnixNano": str(self.began),
                "endTimeUnixNano": str(time.time_ns()),
                "attributes": _attributes(self.attributes),
                "status": {"code": 2, "message": error} if failed else {},
            })


class Tracer:
    """Gathers spans and sends them, in a thread of its own: who is answered never waits for it.

    What cannot be sent is dropped, and the log says so once until sending works again. Raises Invalid for an endpoint
    that is no http or https URL, and for a sampler that is not there.
    """

    def __init__(self, settings: Settings, log: Log) -> None:
        own = settings.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        self.url = own or f"{settings.text('OTEL_EXPORTER_OTLP_ENDPOINT').rstrip('/')}/v1/traces"
        self._signer = Signer.of(self.url)
        if region_of(self.url) and (instead := settings.text("AWS_ENDPOINT_URL")):
            self.url = f"{instead.rstrip('/')}{urlsplit(self.url).path}"  # as AWS's SDKs do
        self._where = urlsplit(self.url)
        if self._where.scheme not in ("http", "https") or not self._where.hostname:
            raise Invalid(f"OTEL_EXPORTER_OTLP_ENDPOINT must be like http://127.0.0.1:4566, not {self.url!r}")
        given = settings.text("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or settings.text("OTEL_EXPORTER_OTLP_HEADERS")
        pairs = (pair.partition("=") for pair in given.split(",") if pair.strip())
        self._headers = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
        sampler = settings.text("OTEL_TRACES_SAMPLER", ALL)
        if sampler not in (ALL, SHARE):
            raise Invalid(f"OTEL_TRACES_SAMPLER must be {ALL} or {SHARE}, not {sampler!r}")
        self._share = settings.number("OTEL_TRACES_SAMPLER_ARG", 1, 0, 1) if sampler == SHARE else 1.0
        self._log = log
        self._service = settings.text("OTEL_SERVICE_NAME", log.service)
        self._version = settings.text("VERSION", "dev")
        self._resource: list[dict[str, Any]] = []
        self._spans: queue.Queue[dict[str, Any] | None] = queue.Queue(LONGEST_QUEUE)
        self._closing = threading.Event()
        self._failing = False
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def receive(self, method: str, path: str, headers: Mapping[str, str], client: str) -> Span:
        """The span of a request that has arrived."""
        host, _, port = headers.get("Host", "").partition(":")
        forwarded = headers.get("X-Forwarded-For", "").partition(",")[0].strip()
        attributes = {
            "http.request.method": method, "url.path": path, "url.scheme": "http",
            "client.address": forwarded or client, "server.address": host,
            "server.port": int(port) if port.isdecimal() else None,
            "user_agent.original": headers.get("User-Agent", ""),
        }
        return Span(self, self._context(headers), method, SERVER, attributes)

    def take(self, queue_url: str, message: Mapping[str, Any]) -> Span:
        """The span of a message of SQS that is worked on, with what ADOT adds so that X-Ray knows whose work it is."""
        carried, queue_name = message.get("Attributes", {}).get("AWSTraceHeader", ""), queue_url.rpartition("/")[2]
        attributes = {
            "messaging.system": "aws_sqs", "messaging.operation.type": "process",
            "messaging.destination.name": queue_name, "messaging.message.id": message["MessageId"],
            "rpc.system": "aws-api", "aws.queue_url": queue_url, "aws.span.kind": "LOCAL_ROOT",
            "aws.local.service": self._service, "aws.remote.service": "AWS::SQS",
        }
        context = self._context({"X-Amzn-Trace-Id": carried})
        return Span(self, context, f"process {queue_name}", CONSUMER, attributes)

    def _context(self, headers: Mapping[str, str]) -> Context:
        """Of a request; a new trace where it names none. Its id begins with the time, as X-Ray's do."""
        if found := _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip()):
            return Context(found[1], found[2], bool(int(found[3], 16) & 1))
        pairs = (part.strip().partition("=") for part in headers.get("X-Amzn-Trace-Id", "").split(";"))
        fields = {name: value for name, _, value in pairs}
        trace, parent = f"{int(time.time()):08x}{secrets.token_hex(12)}", ""
        if found := _ROOT.fullmatch(fields.get("Root", "")):
            trace, parent = found[1] + found[2], fields.get("Parent", "")
        sampled = int(trace[16:], 16) < self._share * 2**64
        if fields.get("Sampled") in ("0", "1"):
            sampled = fields["Sampled"] == "1"
        return Context(trace, parent if re.fullmatch("[0-9a-f]{16}", parent) else "", sampled)

    def keep(self, span: dict[str, Any]) -> None:
        try:
            self._spans.put_nowait(span)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Send what there is; at most for as long as one request may take."""
        self._closing.set()
        with contextlib.suppress(queue.Full):
            self._spans.put_nowait(None)
        self._thread.join(TIMEOUT)

    def _work(self) -> None:
        while not (self._closing.is_set() and self._spans.empty()):
            batch = [self._spans.get()]
            self._closing.wait(DELAY)
            while len(batch) < LARGEST_BATCH and not self._spans.empty():
                batch.append(self._spans.get())
            spans = [span for span in batch if span is not None]
            if spans:
                self._send(spans)

    def _send(self, spans: list[dict[str, Any]]) -> None:
        scope = {"name": "chassis", "version": self._version}
        try:
            body = json.dumps({"resourceSpans": [
                {"resource": {"attributes": self._about()}, "scopeSpans": [{"scope": scope, "spans": spans}]},
            ]}).encode()
            status, answer = self._post(body)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self._failed(len(spans), str(error) or type(error).__name__)
            return
        if status != 200:
            self._failed(len(spans), f"{status} {answer[:300].decode(errors='replace')}")
            return
        if self._failing:
            self._log.info("spans are sent again", endpoint=self.url)
        self._failing = False
        if answer:
            with contextlib.suppress(ValueError):
                refused = json.loads(answer).get("partialSuccess") or {}
                if int(refused.get("rejectedSpans", 0)):
                    self._log.warning("spans refused", endpoint=self.url, **refused)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self._where.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._where.hostname or "", self._where.port, timeout=TIMEOUT)
        path = self._where.path or "/"
        headers = {"Host": self._where.netloc, "Content-Type": "application/json", **self._headers}
        if self._signer is not None:
            headers |= self._signer.sign("POST", path, headers, body)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _failed(self, spans: int, reason: str) -> None:
        self._dropped += spans
        if not self._failing:
            self._log.warning("spans not sent", endpoint=self.url, dropped=self._dropped, reason=reason)
        self._failing = True

    def _about(self) -> list[dict[str, Any]]:
        """Who sends, as OpenTelemetry's detector of ECS tells it; asked for once, when the first batch leaves."""
        if not self._resource:
            about = {"service.name": self._service, "service.version": self._version, "cloud.provider": "aws",
                     "telemetry.sdk.language": "python", "telemetry.sdk.name": "chassis"}
            task, container = metadata("/task"), metadata("")
            if task:
                arn = str(task.get("TaskARN", ""))
                about |= {
                    "cloud.platform": "aws_ecs", "cloud.region": arn.split(":")[3] if arn.count(":") > 4 else "",
                    "cloud.availability_zone": task.get("AvailabilityZone") or "",
                    "aws.ecs.cluster.arn": task.get("Cluster", ""), "aws.ecs.task.arn": arn,
                    "aws.ecs.task.family": task.get("Family", ""), "aws.ecs.task.revision": task.get("Revision", ""),
                    "aws.ecs.launchtype": str(task.get("LaunchType") or "").lower(),
                    "aws.ecs.container.arn": container.get("ContainerARN", ""),
                    "container.name": container.get("Name", ""), "container.id": container.get("DockerId", ""),
                }
            else:
                about["cloud.region"] = os.environ.get("AWS_REGION", "")
            self._resource = _attributes(about)
        return self._resource


def _dotted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in attributes.items()}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As OTLP has them in JSON, without those that are empty."""
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value not in ("", None)]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}
