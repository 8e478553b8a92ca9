"""Traces as X-Ray shows them: their services and the calls between them, counted; a summary of one.

Source (documented): the X-Ray developer guide, "Getting data from X-Ray", whose service graph of four nodes is a test;
the API reference of `TraceSummary`, `Service` and `Edge`. Ours: what an edge counts is the call as its caller saw it;
a time in a histogram is rounded to a millisecond, as in the examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from drydock.policy.traces.segments import Document, calls, compiled, is_remote

CLIENT, REMOTE = "client", "remote"


@dataclass(frozen=True, order=True)
class Service:
    """A node of the graph. `type`: `client`, `remote`, or that of an AWS resource; empty where nobody has said it."""

    name: str
    type: str = ""

    def as_id(self, account: str) -> dict[str, Any]:
        found = {"Name": self.name, "Names": [self.name], "AccountId": account, "Type": self.type}
        return {name: value for name, value in found.items() if value}


def service_of(segment: Document) -> Service:
    return Service(segment["name"], segment.get("origin") or (REMOTE if segment.get("inferred") else ""))


@dataclass(frozen=True)
class Call:
    """A request from one service to another, as `seen` by whoever made it: its subsegment, or else the segment."""

    source: Service
    target: Service
    seen: Document


@dataclass(frozen=True)
class Trace:
    """All that came with one trace id; `segments` are whole, by their start, with inferred ones after them."""

    id: str
    segments: Sequence[Document]

    @classmethod
    def of(cls, id: str, documents: Iterable[Document]) -> Trace:
        return cls(id, compiled(documents))

    @cached_property
    def served(self) -> list[Document]:
        """The segments; no subsegment that stayed by itself."""
        return [segment for segment in self.segments if segment.get("type") != "subsegment"]

    @cached_property
    def root(self) -> Document:
        """The segment that the trace begins with: one that nobody in it called, or else the first."""
        return next((segment for segment in self.served if self._caller_of(segment) is None), self.segments[0])

    @cached_property
    def _owners(self) -> dict[str, Document]:
        """By the id of a segment or subsegment, the segment that it is in."""
        return {each["id"]: segment for segment in self.segments for each in (segment, *calls(segment))}

    @cached_property
    def _entries(self) -> dict[str, Document]:
        return {each["id"]: each for segment in self.segments for each in (segment, *calls(segment))}

    def _caller_of(self, segment: Document) -> Document | None:
        owner = self._owners.get(segment.get("parent_id") or "")
        return owner if owner is not None and owner["id"] != segment["id"] else None

    @property
    def start(self) -> float:
        return float(min(segment["start_time"] for segment in self.segments))

    @property
    def end(self) -> float:
        return max(end_of(each) for segment in self.segments for each in (segment, *calls(segment)))

    @property
    def duration(self) -> float:
        return max(0.0, self.end - self.start)

    @property
    def is_partial(self) -> bool:
        return any(each.get("in_progress") for segment in self.segments for each in (segment, *calls(segment)))

    @cached_property
    def services(self) -> list[Service]:
        """By when they are first heard of."""
        return list(dict.fromkeys(service_of(segment) for segment in self.served))

    @cached_property
    def links(self) -> list[Call]:
        """The calls between services. That of a client begins each segment that has no caller and says no parent."""
        found = []
        for segment in self.served:
            target, caller = service_of(segment), self._caller_of(segment)
            if caller is None:
                if not segment.get("parent_id"):
                    found.append(Call(Service(segment["name"], CLIENT), target, segment))
            elif caller.get("type") != "subsegment":
                parent = self._entries[segment["parent_id"]]
                found.append(Call(service_of(caller), target, parent if is_remote(parent) else segment))
        return found


def end_of(segment: Document) -> float:
    """What has no end yet lasts no time."""
    return float(segment.get("end_time") or segment["start_time"])


def lasted(segment: Document) -> float:
    return max(0.0, end_of(segment) - float(segment["start_time"]))


@dataclass(frozen=True)
class Verdict:
    """Which of X-Ray's flags a segment has; where it has none, those that its HTTP status stands for."""

    error: bool
    throttle: bool
    fault: bool

    @property
    def ok(self) -> bool:
        return not (self.error or self.throttle or self.fault)


def verdict(segment: Document) -> Verdict:
    given = [bool(segment.get(flag)) for flag in ("error", "throttle", "fault")]
    if any(given):
        return Verdict(*given)
    status = segment.get("http", {}).get("response", {}).get("status")
    if not isinstance(status, int | float):
        return Verdict(False, False, False)
    return Verdict(400 <= status < 500, status == 429, status >= 500)


# -- counted ----------------------------------------------------------------------------------------------


@dataclass
class Count:
    """What happened at a node or on an edge, in the API's own terms. Times in seconds."""

    start: float = float("inf")
    end: float = 0.0
    ok: int = 0
    throttled: int = 0
    errors: int = 0
    faults: int = 0
    response_time: float = 0.0
    response_times: Counter[float] = field(default_factory=Counter)
    durations: Counter[float] = field(default_factory=Counter)

    def add(self, segment: Document) -> None:
        self.start, self.end = min(self.start, segment["start_time"]), max(self.end, end_of(segment))
        if segment.get("in_progress"):
            return
        found = verdict(segment)
        self.faults += found.fault
        self.throttled += found.throttle and not found.fault
        self.errors += found.error and not (found.throttle or found.fault)
        self.ok += found.ok
        self.response_time += lasted(segment)
        self.response_times[round(lasted(segment), 3)] += 1
        through = max([end_of(segment), *(end_of(call) for call in calls(segment))]) - segment["start_time"]
        self.durations[round(max(0.0, through), 3)] += 1

    @property
    def total(self) -> int:
        return self.ok + self.throttled + self.errors + self.faults

    def statistics(self) -> dict[str, Any]:
        return {
            "OkCount": self.ok,
            "ErrorStatistics": {
                "ThrottleCount": self.throttled, "OtherCount": self.errors, "TotalCount": self.throttled + self.errors,
            },
            "FaultStatistics": {"OtherCount": self.faults, "TotalCount": self.faults},
            "TotalCount": self.total,
            "TotalResponseTime": round(self.response_time, 6),
        }  # fmt: skip


def histogram(times: Mapping[float, int]) -> list[dict[str, Any]]:
    return [{"Value": value, "Count": count} for value, count in sorted(times.items())]


def services(traces: Iterable[Trace], account: str) -> list[dict[str, Any]]:
    """The service graph of some traces, as GetServiceGraph and GetTraceGraph answer it: nodes with their edges."""
    nodes: dict[Service, Count] = {}
    edges: dict[tuple[Service, Service], Count] = {}
    roots: set[Service] = set()
    inferred: set[Service] = set()
    for trace in traces:
        for link in trace.links:
            if link.source.type == CLIENT:
                roots.add(link.target)
                nodes.setdefault(link.source, Count()).add(link.seen)
            edges.setdefault((link.source, link.target), Count()).add(link.seen)
        for segment in trace.served:
            nodes.setdefault(service_of(segment), Count()).add(segment)
            if segment.get("inferred"):
                inferred.add(service_of(segment))
    for source, target in edges:  # a client has no segments of its own; its callers may have left no node
        nodes.setdefault(source, Count())
        nodes.setdefault(target, Count())
    numbers = {service: number for number, service in enumerate(nodes)}
    found = []
    for service, count in nodes.items():
        is_client = service.type == CLIENT
        found.append({
            "ReferenceId": numbers[service],
            **service.as_id("" if is_client else account),
            **({"Root": True} if service in roots else {}),
            "State": "unknown" if is_client or service in inferred else "active",
            "StartTime": count.start,
            "EndTime": count.end,
            "Edges": [_edge(numbers[to], edge) for (source, to), edge in edges.items() if source == service],
            **({} if is_client else {
                "SummaryStatistics": count.statistics(),
                "DurationHistogram": histogram(count.durations),
                "ResponseTimeHistogram": histogram(count.response_times),
            }),
        })  # fmt: skip
    return found


def _edge(target: int, count: Count) -> dict[str, Any]:
    return {
        "ReferenceId": target,
        "StartTime": count.start,
        "EndTime": count.end,
        "SummaryStatistics": count.statistics(),
        "ResponseTimeHistogram": histogram(count.response_times),
        "Aliases": [],
    }


# -- one trace --------------------------------------------------------------------------------------------


def summary(trace: Trace, account: str) -> dict[str, Any]:
    """A trace as GetTraceSummaries answers it; without the analyses of root causes, which are not made here."""
    root, found = trace.root, verdict(trace.root)
    request = root.get("http", {}).get("request", {})
    response = root.get("http", {}).get("response", {})
    http = {
        "HttpURL": request.get("url"), "HttpStatus": response.get("status"), "HttpMethod": request.get("method"),
        "UserAgent": request.get("user_agent"), "ClientIp": request.get("client_ip"),
    }  # fmt: skip
    return {
        "Id": trace.id,
        "StartTime": trace.start,
        "Duration": round(trace.duration, 6),
        **({} if root.get("in_progress") else {"ResponseTime": round(lasted(root), 6)}),
        "HasFault": found.fault,
        "HasError": found.error,
        "HasThrottle": found.throttle,
        "IsPartial": trace.is_partial,
        "Http": {name: value for name, value in http.items() if value is not None},
        "Annotations": _annotations(trace, account),
        "Users": [
            {"UserName": user, "ServiceIds": [service.as_id(account) for service in of]}
            for user, of in users(trace).items()
        ],
        "ServiceIds": [service.as_id(account) for service in trace.services],
        "ResourceARNs": [{"ARN": arn} for arn in told(trace, "resource_arn")],
        "InstanceIds": [{"Id": id} for id in told(trace, "aws", "ec2", "instance_id")],
        "AvailabilityZones": [{"Name": zone} for zone in zones(trace)],
        "EntryPoint": service_of(root).as_id(account),
        "Revision": len(trace.segments),
    }


def told(trace: Trace, *path: str) -> list[str]:
    """What the segments of a trace say at a place, each once."""
    found: dict[str, None] = {}
    for segment in trace.served:
        value: Any = segment
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            found[value] = None
    return list(found)


def zones(trace: Trace) -> list[str]:
    both = (*told(trace, "aws", "ec2", "availability_zone"), *told(trace, "aws", "ecs", "availability_zone"))
    return list(dict.fromkeys(both))


def users(trace: Trace) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for segment in trace.served:
        if segment.get("user"):
            found.setdefault(segment["user"], []).append(service_of(segment))
    return {user: list(dict.fromkeys(of)) for user, of in found.items()}


def annotated(trace: Trace) -> Iterator[tuple[str, Any, Service]]:
    """Key, value and service of each annotation of segments and subsegments."""
    for segment in trace.segments:
        for each in (segment, *calls(segment)):
            for key, value in (each.get("annotations") or {}).items():
                yield key, value, service_of(segment)


def _annotations(trace: Trace, account: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, dict[tuple[type, Any], list[Service]]] = {}
    for key, value, service in annotated(trace):
        of = found.setdefault(key, {}).setdefault((type(value), value), [])
        if service not in of:
            of.append(service)
    return {
        key: [
            {"AnnotationValue": _typed(value), "ServiceIds": [service.as_id(account) for service in of]}
            for (_, value), of in values.items()
        ]
        for key, values in found.items()
    }


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BooleanValue": value}
    return {"StringValue": value} if isinstance(value, str) else {"NumberValue": value}
