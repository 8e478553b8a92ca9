"""Spans of OpenTelemetry as the segment documents that they become.

Source: the exporter to X-Ray of OpenTelemetry's Collector, which ADOT has (`awsxrayexporter`, translator): names,
namespaces, flags, origin, `http` of both generations of semantic conventions, `aws`, annotations and metadata. Left
out: stack traces in parts (one is kept whole as text), `sql`, links, the metadata of EC2, EKS and Elastic Beanstalk.
Limits: the CloudWatch user guide, "OTLP endpoints" (documented). A span comes here in the JSON form of OTLP.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from drydock.policy.traces.segments import LARGEST_DOCUMENT, LAST_SECOND, LONGEST_NAME, Document

LARGEST_REQUEST = 5 * 1024 * 1024
MOST_SPANS = 10_000
PAST, FUTURE = 14 * 86400.0, 2 * 3600.0
"""How many seconds before now and after it a span may lie."""

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
_ERROR = 2
_ANNOTATED = "aws.xray.annotations"
_METADATA = "aws.xray.metadata."
_LOCAL_SERVICE, _REMOTE_SERVICE, _KIND = "aws.local.service", "aws.remote.service", "aws.span.kind"
_LOCAL_ROOT = "LOCAL_ROOT"
_ORIGINS = {
    "aws_eks": "AWS::EKS::Container", "aws_ec2": "AWS::EC2::Instance", "aws_app_runner": "AWS::AppRunner::Service",
    "aws_elastic_beanstalk": "AWS::ElasticBeanstalk::Environment",
}  # fmt: skip
_LAUNCH_TYPES = {"ec2": "AWS::ECS::EC2", "fargate": "AWS::ECS::Fargate"}
_NOT_IN_NAMES = re.compile(r"[^ \w.:/%&#=+\-@]")
_NOT_IN_KEYS = re.compile(r"[^0-9A-Za-z.]")
_OF_HTTP = {
    "http.method", "http.request.method", "http.client_ip", "client.address", "http.user_agent", "user_agent.original",
    "http.status_code", "http.response.status_code", "http.url", "url.full", "http.scheme", "url.scheme", "http.host",
    "http.target", "url.path", "url.query", "http.server_name", "net.host.name", "net.host.port", "net.peer.name",
    "net.peer.port", "net.peer.ip", "server.address", "server.port", "network.peer.address", "host.name",
}  # fmt: skip
_OF_AWS = {
    "aws.operation": "operation", "rpc.method": "operation", "aws.region": "region", "aws.account_id": "account_id",
    "aws.request_id": "request_id", "aws.requestId": "request_id", "aws.queue_url": "queue_url",
    "aws.queue.url": "queue_url", "messaging.url": "queue_url", "aws.table_name": "table_name",
    "aws.table.name": "table_name",
}  # fmt: skip
_OF_ECS = {
    "container.name": "container", "container.id": "container_id", "cloud.availability_zone": "availability_zone",
    "aws.ecs.container.arn": "container_arn", "aws.ecs.cluster.arn": "cluster_arn", "aws.ecs.task.arn": "task_arn",
    "aws.ecs.task.family": "task_family", "aws.ecs.launchtype": "launch_type",
}  # fmt: skip

Attributes = Mapping[str, Any]


def endpoints(definition: Mapping[str, Any]) -> list[str]:
    """Where the containers of a task definition send spans, as OpenTelemetry's variables say."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return [
        str(item.get("value", ""))
        for container in definition["containerDefinitions"]
        for item in container.get("environment") or ()
        if item.get("name") in names
    ]


def is_of_aws(host: str) -> bool:
    """Whether X-Ray's endpoint of some region has this name."""
    return re.fullmatch(r"xray\.[a-z0-9-]+\.amazonaws\.com", host) is not None


class Malformed(Exception):
    """A request that is no message of OTLP; says what is wrong."""


class Rejected(Exception):
    """A span that is not taken; says why."""


@dataclass
class Taken:
    """What came of a request: documents, in which region, and what was rejected for which reason (the first)."""

    documents: list[Document] = field(default_factory=list)
    region: str = ""
    rejected: int = 0
    why: str = ""


def taken(request: Any, now: float) -> Taken:
    """The segment documents of an ExportTraceServiceRequest. `now`: in seconds. Raises Malformed."""
    found = Taken()
    spans = list(_spans(request))
    if len(spans) > MOST_SPANS:
        raise Malformed(f"A request has {MOST_SPANS} spans at most, not {len(spans)}.")
    for span, resource, scope in spans:
        found.region = found.region or _region(resource)
        try:
            found.documents += documents(span, resource, scope, now)
        except Rejected as why:
            found.rejected += 1
            found.why = found.why or str(why)
    return found


def _spans(request: Any) -> Iterator[tuple[Mapping[str, Any], Attributes, str]]:
    if not isinstance(request, dict):
        raise Malformed("The request is no object.")
    for group in _objects(request, "resourceSpans"):
        resource = attributes(group.get("resource") or {})
        for part in _objects(group, "scopeSpans"):
            scope = part.get("scope", {})
            for span in _objects(part, "spans"):
                yield span, resource, str(scope.get("name", "")) if isinstance(scope, dict) else ""


def _objects(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = holder.get(name) or []
    if not (isinstance(found, list) and all(isinstance(each, dict) for each in found)):
        raise Malformed(f"{name} is no list of objects.")
    return found


def attributes(holder: Any) -> dict[str, Any]:
    """The attributes of a resource, a span or an event as plain values. Raises Malformed."""
    if not isinstance(holder, dict):
        raise Malformed("What has attributes is no object.")
    found = {}
    for pair in _objects(holder, "attributes"):
        value = _value(pair.get("value", {}))
        if value is not None:
            found[str(pair.get("key", ""))] = value
    return found


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Malformed("The value of an attribute is no object.")
    try:
        match next(iter(value.items()), ("", None)):
            case "stringValue" | "bytesValue", text:
                return str(text)
            case "boolValue", flag:
                return bool(flag)
            case "intValue", number:
                return _int64(number)
            case "doubleValue", number:
                return found if math.isfinite(found := float(number)) else str(found)  # JSON has no word for it
            case "arrayValue", several:
                return [_value(each) for each in several.get("values", [])]
            case "kvlistValue", pairs:
                return {pair["key"]: _value(pair["value"]) for pair in pairs.get("values", [])}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as wrong:
        raise Malformed(f"The value of an attribute cannot be read: {wrong}") from None
    return None


def _int64(number: Any) -> int:
    if not -(2**63) <= (found := int(number)) < 2**63:
        raise ValueError("an intValue has 64 bits")
    return found


def _region(resource: Attributes) -> str:
    arn = str(resource.get("aws.ecs.task.arn", "")).split(":")
    return str(resource.get("cloud.region") or (arn[3] if len(arn) > 4 else ""))


# -- one span ---------------------------------------------------------------------------------------------


def documents(span: Mapping[str, Any], resource: Attributes, scope: str, now: float) -> list[Document]:
    """The segment or subsegment of a span; both, of a call with which a service's part of a trace begins.

    Raises Rejected, or Malformed for what is no span at all.
    """
    about = attributes(span)
    made = _document(span, about, resource, scope, now)
    if about.get(_KIND) != _LOCAL_ROOT:
        if made.get("type") and not made.get("namespace") and _kind(span) > SERVER and _REMOTE_SERVICE in about:
            made["namespace"] = "remote"
        return [_small(made)]
    if _kind(span) in (SERVER, INTERNAL):
        return [_small({name: value for name, value in made.items() if name not in ("type", "namespace")})]
    service = hashlib.sha256(f"service {made['id']}".encode()).hexdigest()[:16]
    call = {**made, "type": "subsegment", "parent_id": service, "namespace": made.get("namespace", "remote")}
    call["name"] = _trimmed(str(about.get(_REMOTE_SERVICE, made["name"])), about)
    whole = {name: value for name, value in made.items() if name not in ("type", "namespace", "http")}
    whole["aws"] = {name: value for name, value in made.get("aws", {}).items() if name not in _OF_AWS.values()}
    return [
        _small(call),
        _small({**whole, "id": service, "name": _clean(str(about.get(_LOCAL_SERVICE, made["name"])))}),
    ]


def _kind(span: Mapping[str, Any]) -> int:
    """0 for a kind that nobody knows, as OTLP wants it read."""
    kind = span.get("kind", 0)
    if isinstance(kind, str):
        names = {f"SPAN_KIND_{n}": i for i, n in enumerate(("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"), 1)}
        return names.get(kind, 0)
    return kind if isinstance(kind, int) and 0 <= kind <= CONSUMER else 0


def _document(span: Mapping[str, Any], about: Attributes, resource: Attributes, scope: str, now: float) -> Document:
    trace, id = _hexadecimal(span, "traceId", 32), _hexadecimal(span, "spanId", 16)
    parent = _hexadecimal(span, "parentSpanId", 16) if span.get("parentSpanId") else ""
    kind = _kind(span)
    start, end = _seconds(span, "startTimeUnixNano"), _seconds(span, "endTimeUnixNano")
    if not now - PAST <= start <= now + FUTURE:
        raise Rejected("A span may begin 14 days before now and 2 hours after it.")
    below = bool(parent) and kind != SERVER
    error, fault, throttle = _flags(span, about)
    http, cause, aws = _http(kind, about), _cause(span, kind), _aws(about, resource)
    annotations, metadata = _notes(about, resource, below)
    if scope and not below:
        metadata.setdefault("default", {})["otel.scope.name"] = scope
    namespace = _namespace(kind, about)
    made: Document = {
        "name": _name(span, kind, about, resource),
        "id": id,
        "trace_id": f"1-{trace[:8]}-{trace[8:]}",
        "start_time": start,
        "end_time": end,
    }
    optional = {
        "parent_id": parent, "type": "subsegment" if below else "", "namespace": namespace,
        "error": error, "fault": fault, "throttle": throttle, "cause": cause, "origin": _origin(resource),
        "user": str(about.get("enduser.id", "")), "http": http, "aws": aws,
        "service": {"version": str(resource["service.version"])} if resource.get("service.version") else {},
        "annotations": annotations, "metadata": metadata,
    }  # fmt: skip
    return {**made, **{name: value for name, value in optional.items() if value}}


def _hexadecimal(span: Mapping[str, Any], name: str, length: int) -> str:
    text = str(span.get(name, "")).lower()
    if not re.fullmatch(rf"(?!0+$)[0-9a-f]{{{length}}}", text):
        raise Rejected(f"{name} of a span is {length} hexadecimal digits that are not all zero.")
    return text


def _seconds(span: Mapping[str, Any], name: str) -> float:
    try:
        found = int(span.get(name, 0)) / 1e9
    except (ValueError, TypeError, OverflowError):
        found = 0.0
    if not 0 < found <= LAST_SECOND:
        raise Rejected(f"{name} of a span is a number of nanoseconds since 1970.")
    return found


def _small(document: Document) -> Document:
    try:
        text = json.dumps(document, allow_nan=False)
    except ValueError:
        raise Rejected("JSON within a span has a number that is not finite.") from None
    if len(text.encode()) > LARGEST_DOCUMENT:
        raise Rejected("The segment document of a span is 64 kB at most.")
    return document


def _name(span: Mapping[str, Any], kind: int, about: Attributes, resource: Attributes) -> str:
    """Of a segment, the service; of a call, what is called."""
    is_root = about.get(_KIND) == _LOCAL_ROOT
    if kind == SERVER or (kind == INTERNAL and is_root):
        first = about.get(_LOCAL_SERVICE)
    elif kind in (CLIENT, PRODUCER, CONSUMER):
        first = _trimmed(str(about[_REMOTE_SERVICE]), about) if _REMOTE_SERVICE in about else None
    else:
        first = None
    candidates = (
        first,
        about.get("peer.service"),
        about.get("aws.service"),
        _database(about),
        resource.get("service.name") if kind == SERVER else None,
        about.get("rpc.service"),
        about.get("http.host"),
        about.get("net.peer.name"),
        about.get("server.address") if kind == CLIENT else None,
        span.get("name"),
    )
    return _clean(str(next((each for each in candidates if each), "")))


def _database(about: Attributes) -> str:
    """A database by its name and its host, as in `customers@db.example.com`."""
    name = str(about.get("db.name") or about.get("db.namespace") or "")
    url = str(about.get("db.connection_string", "")).removeprefix("jdbc:")
    try:
        host = urlsplit(url).hostname if name and url else None
    except ValueError:
        host = None
    return f"{name}@{host}" if host else name


def _clean(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name)[:LONGEST_NAME].strip() or "span"


def _trimmed(name: str, about: Attributes) -> str:
    prefixes = ("AWS.SDK.", "AWS::") if about.get("rpc.system") == "aws-api" else ()
    prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), "")
    return _clean(name.removeprefix(prefix))


def _namespace(kind: int, about: Attributes) -> str:
    if about.get("rpc.system") == "aws-api" or ("aws.service" in about and "peer.service" not in about):
        return "aws"
    return "remote" if kind == CLIENT else ""


def _origin(resource: Attributes) -> str:
    if resource.get("cloud.provider", "aws") != "aws":
        return ""
    platform = str(resource.get("cloud.platform", ""))
    if platform == "aws_ecs":
        return _LAUNCH_TYPES.get(str(resource.get("aws.ecs.launchtype", "")).lower(), "AWS::ECS::Container")
    return _ORIGINS.get(platform, "")


def _flags(span: Mapping[str, Any], about: Attributes) -> tuple[bool, bool, bool]:
    """(error, fault, throttle): by the HTTP status where it is a failure, or else by the status of the span."""
    code = _status(about)
    if code is not None and 400 <= code <= 599:
        return code < 500, code >= 500, code == 429
    status = span.get("status") or {}
    failed = isinstance(status, dict) and status.get("code") in (_ERROR, "STATUS_CODE_ERROR")
    return False, failed, False


def _status(about: Attributes) -> int | None:
    """Of HTTP; Envoy says it as text. None for what is no number."""
    code = about.get("http.status_code", about.get("http.response.status_code"))
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        return int(code)
    return code if type(code) is int else None


def _http(kind: int, about: Attributes) -> Document:
    if not any(name.startswith(("http.", "url.")) for name in about):
        return {}
    client = about.get("http.client_ip") or about.get("client.address")
    request = {
        "method": about.get("http.method") or about.get("http.request.method"),
        "url": about.get("http.url") or about.get("url.full") or _url(kind, about),
        "user_agent": about.get("http.user_agent") or about.get("user_agent.original"),
        "client_ip": client or about.get("net.peer.ip") or about.get("network.peer.address"),
        "x_forwarded_for": True if client and kind == SERVER else None,
    }
    status = _status(about)
    length = about.get("http.response.body.size", about.get("http.response_content_length"))
    response = {"status": status, "content_length": length if type(length) is int else None}
    texts = {n: v if v is None or v is True else str(v) for n, v in request.items()}
    parts: dict[str, Document] = {"request": texts, "response": response}
    shown = {part: {n: v for n, v in fields.items() if v is not None} for part, fields in parts.items()}
    return {part: fields for part, fields in shown.items() if fields}


def _url(kind: int, about: Attributes) -> str | None:
    """Put together of its parts, where nobody gives it whole; None without a host."""
    host_of = ("http.server_name", "net.host.name", "host.name", "server.address") if kind == SERVER else (
        "net.peer.name", "server.address", "net.peer.ip")  # fmt: skip
    host = about.get("http.host") or next((about[name] for name in host_of if name in about), None)
    if host is None:
        return None
    scheme = about.get("http.scheme") or about.get("url.scheme") or "http"
    ports = ("net.host.port",) if kind == SERVER else ("net.peer.port",)
    port = next((str(about[name]) for name in (*ports, "server.port") if name in about), "")
    if "http.host" in about or (scheme, port) in (("http", "80"), ("https", "443")):
        port = ""
    query = f"?{about['url.query']}" if about.get("url.query") else ""
    target = about.get("http.target") or f"{about.get('url.path') or '/'}{query}"
    return f"{scheme}://{host}{':' if port else ''}{port}{target}"


def _cause(span: Mapping[str, Any], kind: int) -> Document:
    """The exceptions that the span tells of, or else the message of its status."""
    found: list[Document] = []
    for event in _objects(span, "events"):
        if event.get("name") == "exception":
            about = attributes(event)
            told = {
                "id": _exception_id(span, len(found)),
                "type": str(about.get("exception.type", "")),
                "message": str(about.get("exception.message", "")),
                "remote": kind in (CLIENT, PRODUCER),
            }
            stack = str(about.get("exception.stacktrace", ""))
            found.append({**told, **({"stack": [{"label": stack}]} if stack else {})})
    status = span.get("status") or {}
    if not found and isinstance(status, dict) and status.get("code") in (_ERROR, "STATUS_CODE_ERROR"):
        if not status.get("message"):
            return {}
        found = [{"id": _exception_id(span, 0), "message": str(status["message"])}]
    return {"exceptions": found} if found else {}


def _exception_id(span: Mapping[str, Any], number: int) -> str:
    return hashlib.sha256(f"exception {number} of {span.get('spanId')}".encode()).hexdigest()[:16]


def _aws(about: Attributes, resource: Attributes) -> Document:
    if resource.get("cloud.provider", "aws") != "aws":
        return {}
    sdk = " for ".join(str(resource[n]) for n in ("telemetry.sdk.name", "telemetry.sdk.language") if n in resource)
    version = str(resource.get("telemetry.sdk.version", ""))
    ecs = {name: str(resource[given]) for given, name in _OF_ECS.items() if resource.get(given)}
    found: Document = {
        "account_id": str(resource.get("cloud.account.id", "")),
        "ecs": ecs if resource.get("cloud.platform") == "aws_ecs" else {},
        "xray": {n: v for n, v in (("sdk", sdk), ("sdk_version", version)) if v},
        **{name: str(about[given]) for given, name in _OF_AWS.items() if given in about},
    }
    return {name: value for name, value in found.items() if value}


def _notes(about: Attributes, resource: Attributes, below: bool) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Annotations, which are those that `aws.xray.annotations` names, and metadata: the rest, by namespace."""
    named = about.get(_ANNOTATED)
    wanted = {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()
    everything = {} if below else {f"otel.resource.{name}": value for name, value in resource.items()}
    everything |= {
        name: value
        for name, value in about.items()
        if name in wanted or (name not in _OF_HTTP and name not in _OF_AWS and name not in (_ANNOTATED, "enduser.id"))
    }
    annotations: dict[str, Any] = {}
    default: dict[str, Any] = {}
    metadata: dict[str, dict[str, Any]] = {}
    for name, value in everything.items():
        if name in wanted and isinstance(value, str | int | float | bool):
            annotations[_NOT_IN_KEYS.sub("_", name)] = value
        elif name.startswith(_METADATA) and isinstance(value, str):
            _keep(name, value, default, metadata)
        else:
            default[name] = value
    if default:
        metadata["default"] = default
    return annotations, metadata


def _keep(name: str, value: str, default: dict[str, Any], metadata: dict[str, dict[str, Any]]) -> None:
    try:
        given = json.loads(value)
    except ValueError:
        given = None
    namespace = name.removeprefix(_METADATA)
    if not isinstance(given, dict):
        default[name] = value
    elif namespace.lower() == "default":
        default.update(given)
    else:
        metadata[namespace] = given
