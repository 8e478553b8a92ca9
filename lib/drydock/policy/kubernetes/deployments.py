"""How a Deployment rolls and how it is scaled while it does.

Source: kubernetes/kubernetes, pkg/controller/deployment/rolling.go, sync.go and util/deployment_util.go (observed);
Kubernetes documentation, "Deployments", rolling update strategy (documented).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_SURGE = DEFAULT_UNAVAILABLE = "25%"


@dataclass(frozen=True)
class Bounds:
    """How many pods there may be beyond the replicas, and how many of the replicas may be away."""

    surge: int
    unavailable: int


@dataclass(frozen=True)
class ReplicaSet:
    """One version of a Deployment's pods.

    replicas   its spec.replicas.
    available  pods of it that are available.
    revision   the higher, the newer.
    most       its annotation deployment.kubernetes.io/max-replicas: replicas and surge of the Deployment when it was
               last scaled.
    """

    name: str
    replicas: int
    available: int = 0
    revision: int = 0
    most: int = 0


def bounds(replicas: int, surge: str | int = DEFAULT_SURGE, unavailable: str | int = DEFAULT_UNAVAILABLE) -> Bounds:
    """maxSurge is rounded up, maxUnavailable down. Where both are 0, one may be away, or nothing would ever move.

    surge, unavailable  a number of pods, or text such as "25%". Raises ValueError.
    """
    more = _scaled("maxSurge", surge, replicas, round_up=True)
    fewer = _scaled("maxUnavailable", unavailable, replicas, round_up=False)
    if not more and not fewer:
        return Bounds(0, 1)
    return Bounds(more, fewer)


def max_unavailable(replicas: int, unavailable: str | int = DEFAULT_UNAVAILABLE, surge: str | int = 1) -> int:
    """How many may be away, and never more than there are."""
    return min(bounds(replicas, surge, unavailable).unavailable, replicas) if replicas else 0


def new_replicas(wanted: int, surge: int, new: int, everything: int) -> int:
    """To how many the newest ReplicaSet is scaled now.

    wanted      spec.replicas of the Deployment.
    surge       as a number of pods.
    new         replicas of the newest ReplicaSet.
    everything  replicas of all of them.
    """
    if new > wanted:
        return wanted
    room = max(0, wanted + surge - everything)
    return new + min(room, wanted - new)


def old_replicas(wanted: int, unavailable: int, new: ReplicaSet, old: Sequence[ReplicaSet]) -> list[int]:
    """To how many each older ReplicaSet is scaled now; `old` is in order, the oldest first.

    What is not available goes first, then what is more than must be available.
    """
    least = wanted - unavailable
    pods = new.replicas + sum(one.replicas for one in old)
    allowed = pods - least - (new.replicas - new.available)
    sizes = [one.replicas for one in old]
    if allowed <= 0:
        return sizes
    for index, one in enumerate(old):
        unhealthy = min(one.replicas - one.available, allowed)
        sizes[index] -= unhealthy
        allowed -= unhealthy
    spare = new.available + sum(one.available for one in old) - least
    for index in range(len(old)):
        gone = max(0, min(sizes[index], spare))
        sizes[index] -= gone
        spare -= gone
    return sizes


def scaled(wanted: int, surge: int, sets: Sequence[ReplicaSet]) -> dict[str, int]:
    """To how many each ReplicaSet is scaled when a Deployment's replicas change, also while it rolls.

    Each gets its share, rounded to the nearest, the largest first; what is left over goes to the largest.
    `sets`: all of them. One that is alone takes everything, and so does the newest where all that is wanted is
    available of it.
    """
    active = [one for one in sets if one.replicas]
    sizes = {one.name: one.replicas for one in sets}
    if len(active) <= 1:
        if sets:
            sizes[(active or [max(sets, key=lambda one: one.revision)])[0].name] = wanted
        return sizes
    newest = max(sets, key=lambda one: one.revision)
    if newest.replicas == newest.available == wanted:
        return {one.name: wanted if one is newest else 0 for one in sets}
    add = (wanted + surge if wanted else 0) - sum(sizes.values())
    if not add:
        return sizes
    active.sort(key=lambda one: (-one.replicas, -one.revision if add > 0 else one.revision))
    added = 0
    for one in active:
        share = _share(one, wanted, surge) if add != added else 0
        share = min(share, add - added) if add > 0 else max(share, add - added)
        sizes[one.name] += share
        added += share
    sizes[active[0].name] = max(0, sizes[active[0].name] + add - added)
    return sizes


def _share(one: ReplicaSet, wanted: int, surge: int) -> int:
    if not wanted:
        return -one.replicas
    return math.floor(one.replicas * (wanted + surge) / one.most + 0.5) - one.replicas


def _scaled(name: str, value: str | int, replicas: int, *, round_up: bool) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        found: float = value
    elif isinstance(value, str) and re.fullmatch(r"\d+%", value):
        found = int(value[:-1]) * replicas / 100
    else:
        found = -1
    if found < 0:
        raise ValueError(f"{name} is a number of pods or per cent of them, such as 1 or '25%', not {value!r}.")
    return math.ceil(found) if round_up else int(found)
