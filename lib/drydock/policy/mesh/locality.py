"""Which zone a proxy sends a request to: by priority, by weight, or its own first.

Sources: Envoy's documentation, *Priority levels*, *Panic threshold*, *Locality weighted load balancing*, *Zone aware
routing* (documented); what is rounded, and who gets what that leaves: Envoy's code,
``source/extensions/load_balancing_policies/common/load_balancer_impl.cc`` and ``locality_wrr.cc``, with their tests
(observed). Hosts are healthy or not here: none is degraded or left out of the count, and all weigh the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drydock.policy.mesh.outliers import PANIC, panics

FACTOR = 140
"""Envoy's default of overprovisioning_factor, in per cent: from 72 % healthy hosts on all are as good as healthy."""
LEAST_HOSTS = 6
"""Envoy's default of min_cluster_size: with fewer healthy hosts their zones do not count."""
_WHOLE = 10_000


@dataclass(frozen=True)
class Hosts:
    """Those of one priority level, or of one zone. `weight`: load_balancing_weight of the zone."""

    healthy: int
    all: int
    weight: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.healthy <= self.all:
            raise ValueError(f"Of {self.all} hosts 0 to {self.all} are healthy, not {self.healthy}.")
        if self.weight < 0:
            raise ValueError(f"A weight is 0 or more, not {self.weight}.")


@dataclass(frozen=True)
class Level:
    """What one priority gets: whole per cent of the requests, and whether they go to all its hosts, healthy or not."""

    percent: int
    panic: bool


def levels(hosts: Sequence[Hosts], *, factor: int = FACTOR, threshold: float = PANIC) -> tuple[Level, ...]:
    """What each priority level gets, the first being the highest. Their sum is 100.

    threshold  healthy_panic_threshold, in per cent; 0 turns panic off.

    A level takes what its health is worth, and the next one the rest. No level panics while their healths sum up to
    100. Where all panic, each gets its part of all hosts. Raises ValueError without a level, and for a factor or a
    threshold that Envoy refuses.
    """
    if not hosts:
        raise ValueError("A cluster has at least one priority level.")
    _check(factor)
    if not 0 <= threshold <= 100:
        raise ValueError(f"healthy_panic_threshold is from 0 to 100 per cent, not {threshold}.")
    worth = [min(100, factor * one.healthy // one.all) if one.all else 0 for one in hosts]
    total = min(100, sum(worth))
    panic = [
        threshold > 0 and total < 100 and (not one.all or panics(one.healthy, one.all, threshold)) for one in hosts
    ]
    count = sum(one.all for one in hosts)
    if all(panic) and count:
        parts, rest_to = [100 * one.all // count for one in hosts], [one.all for one in hosts]
    elif total:
        parts, left, rest_to = [], 100, worth
        for each in worth:
            parts.append(min(left, each * 100 // total))
            left -= parts[-1]
    else:
        parts, rest_to = [0] * len(hosts), [1]
    parts[next(place for place, each in enumerate(rest_to) if each)] += 100 - sum(parts)
    return tuple(Level(percent, panicking) for percent, panicking in zip(parts, panic, strict=True))


def shares(zones: Mapping[str, Hosts], *, factor: int = FACTOR) -> dict[str, float]:
    """The part of the requests that each zone of one priority level gets by its weight (locality_weighted_lb_config).

    A zone's weight is cut by as much as its healthy hosts fall short of all, times the factor. In panic it does not
    count: `levels`. All get 0 where no zone with a weight has a healthy host. Raises ValueError for a factor below 1.
    """
    _check(factor)
    counts = {
        name: one.weight * min(1.0, factor / 100 * one.healthy / one.all) if one.all else 0.0
        for name, one in zones.items()
    }
    total = sum(counts.values())
    return {name: count / total if total else 0.0 for name, count in counts.items()}


@dataclass(frozen=True)
class Route:
    """Where the proxies of one zone send their requests, by zone.

    why  empty where zones count; else why they do not, and each host gets the same.
    """

    shares: Mapping[str, float]
    why: str = ""


def own_zone_first(
    zone: str, callers: Mapping[str, int], hosts: Mapping[str, int], *, least: int = LEAST_HOSTS
) -> Route:
    """Where a proxy in `zone` sends its requests where zones count (zone_aware_lb_config).

    callers  healthy proxies by zone: Envoy's local cluster
    hosts    healthy hosts of priority 0 by zone; 0 for a zone whose hosts are all out
    least    min_cluster_size

    As many stay in the zone as its hosts can take without getting more than others. The rest goes to zones that have
    room, in proportion to it. Neither cluster is in panic. Raises ValueError without a healthy host, and for numbers
    below 0.
    """
    for what, counts in (("callers", callers), ("hosts", hosts)):
        for name, count in counts.items():
            if count < 0:
                raise ValueError(f"{what}: {name} has 0 or more, not {count}.")
    total, sources = sum(hosts.values()), sum(callers.values())
    if not total:
        raise ValueError("No host is healthy: Envoy is in panic, and sends requests to all of them.")
    why = ""
    if len(hosts) < 2 or len(callers) < 2:
        why = "the hosts, or the callers, are in one zone"
    elif not callers.get(zone):
        why = f"no caller is known in {zone}"
    elif total < least:
        why = f"{total} healthy hosts, fewer than {least}"
    if why:
        return Route({name: count / total for name, count in hosts.items()}, why)
    has = {name: _WHOLE * count // total for name, count in hosts.items()}
    sends = {name: _WHOLE * callers.get(name, 0) // sources if count else 0 for name, count in hosts.items()}
    here = has.get(zone, 0)
    if here and here >= sends[zone]:
        return Route({name: float(name == zone) for name in hosts})
    stays = here * _WHOLE // sends[zone] / _WHOLE if here else 0.0
    room = {name: max(0, has[name] - sends[name]) if name != zone else 0 for name in hosts}
    if not any(room.values()):
        room = dict.fromkeys(hosts, 1)
    away = {name: (1 - stays) * each / sum(room.values()) for name, each in room.items()}
    return Route({name: away[name] + (stays if name == zone else 0.0) for name in hosts})


def _check(factor: int) -> None:
    if factor < 1:
        raise ValueError(f"overprovisioning_factor is 1 per cent or more, not {factor}.")
