"""What CloudWatch is told of load balancers once a minute, from Envoy's counters.

Source: "CloudWatch metrics for your Application Load Balancer", Elastic Load Balancing user guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = "AWS/ApplicationELB"
CLASSES = ("2XX", "3XX", "4XX", "5XX")

# Answers that Envoy gave in the name of a cluster: nobody to ask, no connection, connection lost.
_GENERATED = (
    "upstream_cx_none_healthy",
    "upstream_rq_pending_failure_eject",
    "upstream_cx_destroy_remote_with_active_rq",
)
PATTERN = (
    r"^cluster\.targetgroup/.*\.(upstream_rq_[2345]xx|" + "|".join(_GENERATED) + r")$"
    r"|^http\..*\.downstream_rq_5xx$"
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

    Response times come as `cluster.<id>.time_sum` and `.time_count`, in milliseconds and requests.
    """

    def passed(name: str) -> float:
        there, here = before.get(name, 0), now.get(name, 0)
        return here - there if here >= there else here  # a new Envoy begins at zero

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
        if timed := passed(f"{prefix}.time_count"):
            seconds = passed(f"{prefix}.time_sum") / 1000
            found.append(_time(both, seconds, timed))
            found.append(_time(_dimensions(LoadBalancer=group.load_balancer), seconds, timed))
        found.append(_datum("HealthyHostCount", both, group.healthy))
        found.append(_datum("UnHealthyHostCount", both, group.unhealthy))
    for balancer, counts in balancers.items():
        own = passed(f"http.{balancer}.downstream_rq_5xx") - counts["HTTPCode_Target_5XX_Count"]
        found += _counts(_dimensions(LoadBalancer=balancer), {**counts, "HTTPCode_ELB_5XX_Count": own})
    return found


def _dimensions(**named: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in named.items()]


def _datum(name: str, dimensions: list[dict[str, str]], value: float) -> Datum:
    return {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": "Count"}


def _counts(dimensions: list[dict[str, str]], counts: Mapping[str, float]) -> list[Datum]:
    return [_datum(name, dimensions, count) for name, count in counts.items() if count > 0]


def _time(dimensions: list[dict[str, str]], seconds: float, requests: float) -> Datum:
    average = seconds / requests
    statistics = {"SampleCount": requests, "Sum": seconds, "Minimum": average, "Maximum": average}
    return {
        "MetricName": "TargetResponseTime",
        "Dimensions": dimensions,
        "StatisticValues": statistics,
        "Unit": "Seconds",
    }
