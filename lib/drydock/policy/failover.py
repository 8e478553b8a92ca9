"""How long clients go on to a region that has failed: by DNS with health checks, and by Global Accelerator.

Sources: Amazon Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy", and API
Reference, *HealthCheckConfig*; AWS Global Accelerator API Reference, *EndpointGroup*, and Developer Guide, "How
failover works for unhealthy endpoints" (documented). Derived: a region fails at a moment that no check knows of, so
detection takes between (threshold − 1) and threshold intervals; caches that were filled at moments of their own run
out evenly over the TTL. The time that a check waits for an answer, and the time in which AWS spreads what it knows,
are left out where they are not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INTERVALS = (10, 30)
"""Seconds between checks, of Route 53 and of Global Accelerator; 30 unless said otherwise."""
THRESHOLDS = (1, 10)
"""Consecutive failures from which on an endpoint is unhealthy: 3 unless said otherwise."""
HEALTHY_PART = 0.18
"""Route 53 takes an endpoint for healthy if more than this part of its checkers does (documented)."""
TRIED = 3
"""Endpoint groups, the closest ones, that Global Accelerator tries before it fails open. Documented; whether the group
that a client belongs to is one of them is not plain there: the example has three more, and so has this."""


@dataclass(frozen=True)
class Detection:
    """Seconds from a failure until it is known: at least, and at most."""

    least: float
    most: float


def detection(interval: int, threshold: int) -> Detection:
    """Between the first check that fails and the last that is needed. Raises ValueError for what neither service takes.

    >>> detection(30, 3)
    Detection(least=60, most=90)
    """
    if interval not in INTERVALS:
        raise ValueError(f"The interval of health checks is 10 or 30 seconds, not {interval!r}.")
    if not THRESHOLDS[0] <= threshold <= THRESHOLDS[1]:
        raise ValueError(f"The threshold of health checks is from 1 to 10, not {threshold!r}.")
    return Detection((threshold - 1) * interval, threshold * interval)


def is_healthy(healthy_checkers: int, checkers: int) -> bool:
    """Whether Route 53 takes an endpoint for healthy, by what its checkers say.

    >>> is_healthy(3, 16)
    True
    """
    return healthy_checkers > HEALTHY_PART * checkers


def still_there(at: float, known: float, ttl: float, stuck: float) -> float:
    """Part of the clients, 0 to 1, that still go to the failed region `at` seconds after its failure.

    known  seconds until the answer changes.
    ttl    seconds that a resolver keeps an answer; 0 where no name changes, as with anycast addresses.
    stuck  part of the clients that never asks again.
    """
    if at < known:
        return 1.0
    left = max(0.0, 1 - (at - known) / ttl) if ttl else 0.0
    return stuck + (1 - stuck) * left


def lost_seconds(until: float, known: float, ttl: float, stuck: float) -> float:
    """Seconds of the region's whole traffic that are lost until `until`: the area under `still_there`.

    >>> lost_seconds(200, 90, 60, 0.0)
    120.0
    """
    if until <= known:
        return until
    window = min(until - known, ttl)
    caches = window - window * window / (2 * ttl) if ttl else 0.0
    return known + (1 - stuck) * caches + stuck * (until - known)


@dataclass(frozen=True)
class Group:
    """An endpoint group of an accelerator. `weight`: the largest of its healthy endpoints; 0 where there is none."""

    region: str
    weight: int
    dial: int = 100


def accelerated(groups: Sequence[Group]) -> tuple[str, str]:
    """(region, why) by which Global Accelerator serves a client, for whom the groups are in order, closest first.

    The traffic dials of groups with a dial between 0 and 100 are left out: such a one takes the client here.
    """
    if not groups:
        raise ValueError("An accelerator without an endpoint group sends nobody anywhere.")
    original = next((group for group in groups if group.dial), groups[0])
    if original.weight:
        return original.region, "the closest whose dial is not 0"
    for group in [one for one in groups if one is not original][:TRIED]:
        if group.weight:
            return group.region, "failed over: the closest with a healthy endpoint, its dial ignored"
    return groups[0].region, f"failed open: none of the {TRIED} closest others has a healthy endpoint"


def capacity_each(regions: int, lost: int = 1) -> float:
    """Part of all of the load that each of `regions` has to bear, so that `lost` of them may fail.

    >>> capacity_each(3)
    0.5
    """
    if not 0 <= lost < regions:
        raise ValueError(f"Of {regions} regions {lost} cannot be lost: at least one has to be left.")
    return 1 / (regions - lost)
