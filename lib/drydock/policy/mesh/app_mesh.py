"""When App Mesh ended, and what of its routes and nodes Istio and ECS Service Connect have.

Sources: the dates, AWS Containers Blog, the posts on migrating from App Mesh (documented). Fields of App Mesh and ECS,
botocore 1.44.5 (documented); of Istio, its reference of VirtualService and DestinationRule, networking.istio.io/v1
(documented). What differs although a field is there is derived from the rules of `retries` and `outliers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from drydock.policy.mesh import outliers, retries

CLOSED = date(2024, 9, 24)
"""From this day on no new customers."""
ENDED = date(2026, 9, 30)
"""From this day on nobody."""

_UNITS = {"s": 1000, "ms": 1}
_EVENTS = {
    "server-error": "5xx",
    "gateway-error": "gateway-error",
    "client-error": "retriable-4xx",
    "stream-error": "refused-stream",
    "connection-error": "connect-failure",
}


def may_use(day: date, *, customer: bool) -> bool:
    """Whether somebody can use App Mesh on that day. `customer`: who had used it before `CLOSED`."""
    return day < ENDED and (customer or day < CLOSED)


@dataclass(frozen=True)
class Carried:
    """What becomes of an App Mesh configuration: the new one, what differs in it, and what it has not."""

    config: dict[str, Any]
    differs: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def virtual_service(host: str, spec: Mapping[str, Any]) -> Carried:
    """Istio's VirtualService for an App Mesh route of HTTP with a prefix. `host`: the Kubernetes Service.

    Each virtual node becomes a subset of its name. Raises ValueError, naming it, for a field that this does not carry.
    """
    route = _only(spec, "httpRoute", of="spec")["httpRoute"]
    _only(route, "match", "action", "retryPolicy", "timeout", of="httpRoute")
    match = _only(route["match"], "prefix", of="match")
    targets = _only(route["action"], "weightedTargets", of="action")["weightedTargets"]
    for target in targets:
        _only(target, "virtualNode", "weight", of="weightedTargets")
    http: dict[str, Any] = {
        "match": [{"uri": {"prefix": match["prefix"]}}],
        "route": [
            {"destination": {"host": host, "subset": one["virtualNode"]}, "weight": one["weight"]} for one in targets
        ],
    }
    differs: list[str] = []
    if "retryPolicy" in route:
        http["retries"] = _retries(route["retryPolicy"], differs)
    if "timeout" in route:
        http["timeout"] = _duration(_only(route["timeout"], "perRequest", of="timeout")["perRequest"])
    return Carried(_resource("VirtualService", host, {"hosts": [host], "http": [http]}), tuple(differs))


def _retries(policy: Mapping[str, Any], differs: list[str]) -> dict[str, Any]:
    _only(policy, "maxRetries", "perRetryTimeout", "httpRetryEvents", "tcpRetryEvents", of="retryPolicy")
    asked = [*policy.get("httpRetryEvents", ()), *policy.get("tcpRetryEvents", ())]
    for event in asked:
        new = retries.ENVOY_EVENTS[_EVENTS[event]]
        if more := sorted(str(one) for one in new - retries.APP_MESH_EVENTS[event]):
            span = more[0] if len(more) == 1 else f"{len(more)} more, from {more[0]} to {more[-1]}"
            differs.append(f"retries: {_EVENTS[event]} takes the place of {event} and retries {span}")
    return {
        "attempts": policy["maxRetries"],
        "perTryTimeout": _duration(policy["perRetryTimeout"]),
        "retryOn": ",".join(dict.fromkeys(_EVENTS[event] for event in asked)),
    }


def destination_rule(host: str, nodes: Mapping[str, Mapping[str, Any]], *, hosts: int) -> Carried:
    """Istio's DestinationRule for App Mesh's virtual nodes: name → spec; each becomes a subset by its attributes.

    hosts  how many pods there are, for what the limit of ejections makes of them.

    Raises ValueError, naming it, for a field that this does not carry.
    """
    subsets: list[dict[str, Any]] = []
    differs: list[str] = []
    lost: list[str] = []
    for name, spec in nodes.items():
        _only(spec, "listeners", "serviceDiscovery", of=name)
        found = _only(spec["serviceDiscovery"], "awsCloudMap", of="serviceDiscovery")["awsCloudMap"]
        labels = {one["key"]: one["value"] for one in found.get("attributes", ())}
        if not labels:
            lost.append(f"{name}: it selects no attributes, so its subset is every pod of {host}")
        subset: dict[str, Any] = {"name": name, "labels": labels}
        [listener] = spec["listeners"]
        _only(listener, "portMapping", "outlierDetection", of="listener")
        if "outlierDetection" in listener:
            subset["trafficPolicy"] = {
                "outlierDetection": _outliers(name, listener["outlierDetection"], hosts, differs)
            }
        subsets.append(subset)
    config = _resource("DestinationRule", host, {"host": host, "subsets": subsets})
    return Carried(config, tuple(dict.fromkeys(differs)), tuple(lost))


def _outliers(name: str, given: Mapping[str, Any], hosts: int, differs: list[str]) -> dict[str, Any]:
    percent = given["maxEjectionPercent"]
    before = outliers.most_out(hosts, percent, outliers.Limit.FIRST_FREE)
    now = outliers.most_out(hosts, percent)
    if before != now:
        differs.append(
            f"outliers of {name}: of {hosts} hosts at {percent} % App Mesh ejected {before}, Envoy now {now}"
        )
    return {
        "consecutive5xxErrors": given["maxServerErrors"],
        "interval": _duration(given["interval"]),
        "baseEjectionTime": _duration(given["baseEjectionDuration"]),
        "maxEjectionPercent": percent,
    }


def service_connect_lacks(route: Mapping[str, Any], node: Mapping[str, Any]) -> tuple[str, ...]:
    """What an App Mesh route and node have set that ECS Service Connect has no field for, in words."""
    http = route.get("httpRoute", {})
    listener = node["listeners"][0]
    found = []
    if len(http.get("action", {}).get("weightedTargets", ())) > 1:
        found.append("weights: a deployment's strategy (CANARY, LINEAR, BLUE_GREEN) shifts traffic instead")
    if "retryPolicy" in http:
        found.append("retryPolicy: retries are Service Connect's own and cannot be set")
    if "outlierDetection" in listener:
        found.append("outlierDetection: it is Service Connect's own and cannot be set")
    if http.get("match", {}).get("prefix", "/") != "/":
        found.append("match: it routes by name and port only")
    if "validation" in listener.get("tls", {}):
        found.append("tls.validation: it has no check of the client's certificate")
    return tuple(found)


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _duration(given: Mapping[str, Any]) -> str:
    milliseconds = given["value"] * _UNITS[given["unit"]]
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _only(given: Mapping[str, Any], *fields: str, of: str) -> Mapping[str, Any]:
    """`given`, if it has no other fields. Raises ValueError with those that it has."""
    if other := sorted(set(given) - set(fields)):
        raise ValueError(
            f"{of} has {', '.join(other)}, which is not carried over here; it may have {', '.join(fields)}."
        )
    return given
