"""What CloudWatch is told of load balancers once a minute, from Envoy's counters.

Source: "CloudWatch metrics for your Application Load Balancer", and "… Network Load Balancer", Elastic Load Balancing
user guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drydock.embedded.carriers.envoy import risen

NAMESPACE, NETWORK = "AWS/ApplicationELB", "AWS/NetworkELB"
CLASSES = ("2XX", "3XX", "4XX", "5XX")

# Answers that Envoy gave in the name of a cluster: nobody to ask, no connection, connection lost.
_GENERATED = (
    "upstream_cx_none_healthy",
    "upstream_rq_pending_failure_eject",
    "upstream_cx_destroy_remote_with_active_rq",
)
PATTERN = (
    r"^cluster\.targetgroup/.*\.(upstream_rq_[2345]xx|upstream_cx_connect_fail|" + "|".join(_GENERATED) + r")$"
    r"|^(http|tcp)\..*\.downstream_(rq_[345]xx|cx_total|cx_active|cx_[rt]x_bytes_total)$"
)

Numbers = Mapping[str, float]
Datum = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """A target group in use: its id and its load balancer's as CloudWatch spells them, and its targets."""

    id: str
    load_balancer: str
    healthy: int
    unhealthy: int


def data(before: Numbers, now: Numbers, groups: list[Group]) -> list[Datum]:
    """The metrics of the time between two readings of Envoy's statistics; counts of zero are left out.

    Response times come as `cluster.<id>.time_sum` and `.time_count`, in milliseconds and requests, and where it is
    known how many took so long, as `cluster.<id>.time_of.<milliseconds>`.
    """
    passed = risen(before, now)
    found: list[Datum] = []
    balancers: dict[str, dict[str, float]] = {}
    for group in groups:
        prefix = f"cluster.{group.id}"
        classes = {kind: passed(f"{prefix}.upstream_rq_{kind.lower()}") for kind in CLASSES}
        unrouted = passed(f"{prefix}.upstream_cx_none_healthy")
        requests = sum(classes.values()) - unrouted
        classes["5XX"] -= min(classes["5XX"], sum(passed(f"{prefix}.{name}") for name in _GENERATED))
        counts = {"RequestCount": requests} | {
            f"HTTPCode_Target_{kind}_Count": count for kind, count in classes.items()
        }
        whole = balancers.setdefault(group.load_balancer, {})
        for name, count in counts.items():
            whole[name] = whole.get(name, 0) + count
        both = _dimensions(TargetGroup=group.id, LoadBalancer=group.load_balancer)
        found += _counts(both, counts)
        if requests and group.healthy:
            found += _counts(both, {"RequestCountPerTarget": requests / group.healthy})
        found += _counts(both, {"TargetConnectionErrorCount": passed(f"{prefix}.upstream_cx_connect_fail")})
        for told in _times(now, prefix, passed):
            found.append({"Dimensions": both, **told})
            found.append({"Dimensions": _dimensions(LoadBalancer=group.load_balancer), **told})
        found.append(_datum("HealthyHostCount", both, group.healthy))
        found.append(_datum("UnHealthyHostCount", both, group.unhealthy))
    for balancer, counts in balancers.items():
        http = f"http.{balancer}"
        own = {
            f"HTTPCode_ELB_{kind}_Count": passed(f"{http}.downstream_rq_{kind.lower()}")
            - counts[f"HTTPCode_Target_{kind}_Count"]
            for kind in ("3XX", "4XX", "5XX")
        }
        found += _counts(_dimensions(LoadBalancer=balancer), {**counts, **own, **_connections(http, now, passed)})
    return found


def network(before: Numbers, now: Numbers, groups: list[Group]) -> list[Datum]:
    """The same of Network Load Balancers, which know no requests."""
    passed = risen(before, now)
    found: list[Datum] = []
    for group in groups:
        both = _dimensions(TargetGroup=group.id, LoadBalancer=group.load_balancer)
        found.append(_datum("HealthyHostCount", both, group.healthy))
        found.append(_datum("UnHealthyHostCount", both, group.unhealthy))
    for balancer in sorted({group.load_balancer for group in groups}):
        told = _connections(f"tcp.{balancer}", now, passed)
        flows = {"NewFlowCount": told["NewConnectionCount"], "ProcessedBytes": told["ProcessedBytes"]}
        found += _counts(_dimensions(LoadBalancer=balancer), flows)
    return found


def _connections(prefix: str, now: Numbers, passed: Callable[[str], float]) -> dict[str, float]:
    sides = ("rx", "tx")
    return {
        "ActiveConnectionCount": now.get(f"{prefix}.downstream_cx_active", 0),
        "NewConnectionCount": passed(f"{prefix}.downstream_cx_total"),
        "ProcessedBytes": sum(passed(f"{prefix}.downstream_cx_{side}_bytes_total") for side in sides),
    }


def _times(now: Numbers, prefix: str, passed: Callable[[str], float]) -> list[Datum]:
    """TargetResponseTime, with each time that was seen where that is known, so that there are percentiles."""
    requests = passed(f"{prefix}.time_count")
    if not requests:
        return []
    start = f"{prefix}.time_of."
    seen = {float(name.removeprefix(start)): passed(name) for name in now if name.startswith(start)}
    new = {milliseconds: count for milliseconds, count in seen.items() if count > 0}
    if new:
        values = {"Values": [milliseconds / 1000 for milliseconds in new], "Counts": list(new.values())}
        return [{"MetricName": "TargetResponseTime", **values, "Unit": "Seconds"}]
    seconds = passed(f"{prefix}.time_sum") / 1000
    average = seconds / requests
    statistics = {"SampleCount": requests, "Sum": seconds, "Minimum": average, "Maximum": average}
    return [{"MetricName": "TargetResponseTime", "StatisticValues": statistics, "Unit": "Seconds"}]


def _dimensions(**named: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in named.items()]


def _datum(name: str, dimensions: list[dict[str, str]], value: float) -> Datum:
    unit = "Bytes" if name == "ProcessedBytes" else "Count"
    return {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit}


def _counts(dimensions: list[dict[str, str]], counts: Mapping[str, float]) -> list[Datum]:
    return [_datum(name, dimensions, count) for name, count in counts.items() if count > 0]
