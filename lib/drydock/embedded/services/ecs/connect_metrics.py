"""What CloudWatch is told of Service Connect once a minute, from the numbers of the tasks' proxies.

Source: ECS developer guide, "Amazon ECS CloudWatch metrics". What comes in is counted by the proxies of the tasks that
are called, by DiscoveryName; what targets answer, by those of the tasks that call, by TargetDiscoveryName and their own
service (documented). What a target's proxy answers itself, as its container does not, counts as the target's (ours).
Only ports with an appProtocol have requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drydock.embedded.carriers.envoy import risen
from drydock.embedded.services.ecs.proxied import egress, ingress

NAMESPACE = "AWS/ECS"
CLASSES = ("2XX", "3XX", "4XX", "5XX")
PATTERN = (
    r"^cluster\.egress/.*\.((retry\.)?upstream_rq_([2345]xx|timeout)|upstream_cx_(connect_fail|none_healthy|[rt]x_bytes_total))$"
    r"|^(http|tcp)\.ingress/.*\.downstream_(rq_completed|cx_total|cx_active|cx_rx_bytes_total)$"
)
_MADE_UP = ("cx_connect_fail", "cx_none_healthy", "rq_timeout")
"""What a proxy answers itself with a 5xx."""
Numbers = Mapping[str, float]
Datum = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """Two readings of a proxy's statistics. `own`: discovery names that its task is behind, each with whether it is
    grpc; `called`: those that it may call, each with how many tasks are behind it.

    Times of answers are `cluster.<name>.time_of.<milliseconds>`, with how many took so long.
    """

    cluster: str
    service: str
    before: Numbers
    now: Numbers
    own: Mapping[str, bool]
    called: Mapping[str, int]


def data(readings: Iterable[Reading]) -> list[Datum]:
    """The metrics of the time between the readings; counts of zero are left out."""
    sums: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    times: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for reading in readings:
        where = {"ServiceName": reading.service, "ClusterName": reading.cluster}
        for name, counts in _incoming(reading):
            for key in _keys("DiscoveryName", name, where):
                _add(sums.setdefault(key, {}), counts)
        for name, counts, took in _targets(reading):
            for key in _keys("TargetDiscoveryName", name, where):
                _add(sums.setdefault(key, {}), counts)
                _add(times.setdefault(key, {}), took)
    found = [
        _datum(key, {"MetricName": metric, "Value": value, "Unit": "Bytes" if "Bytes" in metric else "Count"})
        for key, counts in sums.items()
        for metric, value in counts.items()
        if value > 0
    ]
    return found + [
        _datum(
            key,
            {
                "MetricName": "TargetResponseTime",
                "Values": list(took),
                "Counts": list(took.values()),
                "Unit": "Milliseconds",
            },
        )
        for key, took in times.items()
        if took
    ]


def _incoming(reading: Reading) -> Iterable[tuple[str, dict[str, float]]]:
    passed = risen(reading.before, reading.now)
    for name, grpc in reading.own.items():
        counts: dict[str, float] = {}
        for kind in ("http", "tcp"):
            prefix = f"{kind}.{ingress(name)}"
            _add(
                counts,
                {
                    "RequestCount": passed(f"{prefix}.downstream_rq_completed"),
                    "GrpcRequestCount": passed(f"{prefix}.downstream_rq_completed") if grpc else 0.0,
                    "NewConnectionCount": passed(f"{prefix}.downstream_cx_total"),
                    "ActiveConnectionCount": reading.now.get(f"{prefix}.downstream_cx_active", 0),
                    "ProcessedBytes": passed(f"{prefix}.downstream_cx_rx_bytes_total"),
                },
            )
        yield name, counts


def _targets(reading: Reading) -> Iterable[tuple[str, dict[str, float], dict[float, float]]]:
    passed = risen(reading.before, reading.now)
    for name, tasks in reading.called.items():
        start = f"cluster.{egress(name)}/"
        clusters = {each.split(".", 2)[1] for each in reading.now if each.startswith(start)}
        counts: dict[str, float] = {}
        took: dict[float, float] = {}
        for cluster in clusters:
            prefix = f"cluster.{cluster}"
            codes = {
                kind: sum(passed(f"{prefix}.{retry}upstream_rq_{kind.lower()}") for retry in ("", "retry."))
                for kind in CLASSES
            }
            made_up = sum(passed(f"{prefix}.upstream_{why}") for why in _MADE_UP)
            codes["5XX"] -= min(codes["5XX"], made_up)
            _add(counts, {f"HTTPCode_Target_{kind}_Count": count for kind, count in codes.items()})
            _add(counts, {"RequestCountPerTarget": sum(codes.values()) / tasks if tasks else 0.0})
            both = sum(passed(f"{prefix}.upstream_cx_{side}_bytes_total") for side in ("rx", "tx"))
            _add(counts, {"TargetProcessedBytes": both})
            times = f"{prefix}.time_of."
            new = {float(key.removeprefix(times)): passed(key) for key in reading.now if key.startswith(times)}
            _add(took, {milliseconds: count for milliseconds, count in new.items() if count > 0})
        yield name, counts, took


def _keys(dimension: str, name: str, where: Mapping[str, str]) -> list[tuple[tuple[str, str], ...]]:
    return [((dimension, name),), ((dimension, name), *where.items())]


def _add(sums: dict[Any, float], more: Mapping[Any, float]) -> None:
    for key, value in more.items():
        sums[key] = sums.get(key, 0) + value


def _datum(key: tuple[tuple[str, str], ...], told: Datum) -> Datum:
    return {"Dimensions": [{"Name": name, "Value": value} for name, value in key], **told}
