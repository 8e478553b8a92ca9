"""What calls between services need, which ways of joining them have it, and what their proxies use.

Sources, all documented: botocore 1.44.5 (Cloud Map, Elastic Load Balancing, ECS ``ServiceConnectConfiguration``, VPC
Lattice); AWS Containers Blog, the two posts on migrating from App Mesh to Service Connect and to VPC Lattice; Istio's
documentation, *Performance and Scalability* of 1.24, for what proxies use. Which way has the fewest parts is our own
judgement: parts that somebody runs, beside the services themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

NEEDS = {
    "find": "find each other by name",
    "balance": "share requests out among tasks",
    "metrics": "metrics of requests without code",
    "retry": "retries and timeouts without code",
    "outlier": "leave out hosts that fail",
    "weights": "weights for two versions",
    "encrypt": "encrypt between tasks",
    "caller": "know the caller and refuse others",
    "accounts": "across VPCs and accounts",
}
"""What somebody may need, by a short name."""


@dataclass(frozen=True)
class Way:
    """A way of joining services. `parts`: what somebody has to run or configure for it, our own count.

    has  needs that it meets, with how or with what is missing from it, for those that have a condition.
    """

    name: str
    platforms: frozenset[str]
    parts: int
    has: frozenset[str]
    notes: str


_BOTH = frozenset({"ECS", "EKS"})
WAYS = (
    Way("Cloud Map DNS", _BOTH, 0, frozenset({"find"}), "Answers are cached for their TTL. The rest is code."),
    Way(
        "Application Load Balancer",
        _BOTH,
        1,
        frozenset({"find", "balance", "metrics", "outlier", "weights"}),
        "Outliers only with weighted_random and anomaly mitigation. Encrypted up to the balancer, and from it to tasks "
        "only with an HTTPS target group.",
    ),
    Way(
        "ECS Service Connect",
        frozenset({"ECS"}),
        1,
        frozenset({"find", "balance", "metrics", "retry", "outlier", "encrypt"}),
        "Retries and outlier detection cannot be configured. Weights only in the course of a deployment.",
    ),
    Way(
        "VPC Lattice",
        _BOTH,
        2,
        frozenset({"find", "balance", "metrics", "weights", "encrypt", "caller", "accounts"}),
        "The caller is known by IAM: it signs its requests. Encrypted up to Lattice and, where targets have HTTPS, "
        "from there.",
    ),
    Way(
        "Istio ambient, ztunnel only",
        frozenset({"EKS"}),
        2,
        frozenset({"find", "encrypt", "caller"}),
        "Mutual TLS from node to node; it shares connections, not requests.",
    ),
    Way(
        "Istio ambient with waypoints",
        frozenset({"EKS"}),
        3,
        frozenset({"find", "balance", "metrics", "retry", "outlier", "weights", "encrypt", "caller"}),
        "A waypoint is an Envoy that several pods share.",
    ),
    Way(
        "Istio sidecars",
        frozenset({"EKS"}),
        3,
        frozenset({"find", "balance", "metrics", "retry", "outlier", "weights", "encrypt", "caller"}),
        "An Envoy in every pod.",
    ),
)


def check_needs(needs: Collection[str]) -> None:
    """Raises ValueError for a need that there is not."""
    if unknown := sorted(set(needs) - set(NEEDS)):
        raise ValueError(f"{', '.join(unknown)}: no such need; there are {', '.join(NEEDS)}.")


def ways(needs: Collection[str], platform: str) -> list[Way]:
    """The ways on `platform`, ECS or EKS, that meet all needs; the fewest parts first. Raises ValueError."""
    check_needs(needs)
    _check_platform(platform)
    fits = [way for way in WAYS if platform in way.platforms and set(needs) <= way.has]
    return sorted(fits, key=lambda way: (way.parts, len(way.has)))


def missing(way: Way, needs: Collection[str]) -> list[str]:
    """The needs that `way` does not meet, in the order of `NEEDS`."""
    return [need for need in NEEDS if need in needs and need not in way.has]


def _check_platform(platform: str) -> None:
    if platform not in _BOTH:
        raise ValueError(f"platform is 'ECS' or 'EKS', not {platform!r}.")


@dataclass(frozen=True)
class Use:
    """What the proxies of a mesh use in all."""

    vcpu: float
    gb: float


PER_THOUSAND = {"sidecar": 0.20, "waypoint": 0.25, "ztunnel": 0.06}
"""vCPU of one proxy at 1,000 requests a second of 1 KB, Istio 1.24."""
MB = {"sidecar": 60, "waypoint": 60, "ztunnel": 12}
"""Memory of one proxy, in MB, there."""
CONTROL_PLANE = Use(1.0, 1.5)
"""One istiod: enough for 1,000 services and 2,000 sidecars, there."""


CONNECT_CPU, CONNECT_MEMORY = 256, 64
"""CPU units and MiB that AWS recommends to add to a task for its Service Connect proxy; ECS Developer Guide."""


def sidecars(services: int, tasks: int, rps: float) -> Use:
    """Istio's sidecars: one in each of `tasks` pods of each service. `rps`: of all calls; each passes two of them."""
    count = services * tasks
    return Use(
        CONTROL_PLANE.vcpu + 2 * rps / 1000 * PER_THOUSAND["sidecar"],
        CONTROL_PLANE.gb + count * MB["sidecar"] / 1000,
    )


def ambient(services: int, nodes: int, rps: float, *, waypoints: bool) -> Use:
    """Istio ambient: a ztunnel on each node; each call passes two of them, and a waypoint of its service if wanted.

    Each service has a waypoint of its own then, which is Istio's most and not its default of one for a namespace.
    """
    vcpu = 2 * rps / 1000 * PER_THOUSAND["ztunnel"]
    mb = nodes * MB["ztunnel"]
    if waypoints:
        vcpu += rps / 1000 * PER_THOUSAND["waypoint"]
        mb += services * MB["waypoint"]
    return Use(CONTROL_PLANE.vcpu + vcpu, CONTROL_PLANE.gb + mb / 1000)


def service_connect(services: int, tasks: int) -> Use:
    """What the Service Connect proxies are given, one in each of `tasks` tasks of each service."""
    count = services * tasks
    return Use(count * CONNECT_CPU / 1024, count * CONNECT_MEMORY / 1024)
