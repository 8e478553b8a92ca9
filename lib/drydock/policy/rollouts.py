"""How many pods of each version Argo Rollouts runs for a weight, what comes next, and how Flagger goes on or back.

Source: argoproj/argo-rollouts, utils/replicaset/canary.go and replicaset.go (August 2026): observed in its code, and
held against its tests. Weights are per cent. A Rollout without `trafficRouting` shares requests by the number of pods;
with it, the router does, and the pods only have to bear the load.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drydock.policy.kubernetes.deployments import bounds


@dataclass(frozen=True)
class Pods:
    """Pods of one version: how many there are to be, and how many of these are available."""

    wanted: int
    available: int

    def counted(self, *, as_available: bool) -> int:
        """How many may be counted on: not more than are to stay."""
        return min(self.wanted, self.available) if as_available else self.wanted


def closest(replicas: int, weight: int, surge: int) -> tuple[int, int]:
    """(canary, stable) pods whose share comes closest to `weight`, without a traffic router.

    With room for a surge, one pod more than `replicas` is looked at, too. For a weight between 0 and 100 neither side
    is empty, except for one replica without surge. Of two that are equally close the larger canary is taken. Where that
    one would be all replicas nothing is left, and Argo Rollouts takes no canary: so in its code, with no surge.

    >>> closest(10, 25, 1)
    (3, 8)
    >>> closest(2, 75, 0)
    (0, 2)
    """
    if not replicas:
        return 0, 0
    up, down = -(-replicas * weight // 100), replicas * weight // 100
    empty = weight in (0, 100) or (replicas == 1 and not surge)
    options = [(up, replicas)] if up < replicas or empty else []
    for total in (replicas, replicas + 1)[: 2 if surge else 1]:
        if total > replicas:
            options.append((up, total))
        if total * weight % 100 != 50 and (down or empty):
            options.append((down, total))
    if not options:
        return 0, replicas
    canary, total = min(options, key=lambda option: abs(option[0] * 100 / option[1] - weight))
    return canary, total - canary


def share(replicas: int, weight: int, surge: int) -> float:
    """The canary's part of the pods of `closest`, 0 to 1. `replicas`: above 0."""
    canary, stable = closest(replicas, weight, surge)
    return canary / (canary + stable)


def fenceposts(replicas: int, surge: int | str, unavailable: int | str) -> tuple[int, int]:
    """maxSurge and maxUnavailable in pods, as a Deployment has them, but never more missing than there are.

    Raises ValueError.

    >>> fenceposts(10, "25%", "25%")
    (3, 2)
    """
    found = bounds(replicas, surge, unavailable)
    return found.surge, min(replicas, found.unavailable)


def scale(
    replicas: int,
    weight: int,
    stable: Pods,
    canary: Pods,
    *,
    surge: int | str = "25%",
    unavailable: int | str = "25%",
    older: int = 0,
) -> tuple[int, int]:
    """(canary, stable) pods that are wanted next, on the way to what `closest` says.

    older  pods of versions before both. While there are some, nothing else is taken away.
    """
    more, less = fenceposts(replicas, surge, unavailable)
    to_canary, to_stable = closest(replicas, weight, more)
    most, fewest = replicas + more, replicas - less
    room = most - stable.wanted - canary.wanted - older
    next_stable = max(stable.wanted, min(to_stable, stable.wanted + room)) if room > 0 else stable.wanted
    room -= next_stable - stable.wanted
    next_canary = max(canary.wanted, min(to_canary, canary.wanted + room)) if room > 0 else canary.wanted
    if older:
        return next_canary, next_stable
    rises = to_canary >= canary.wanted
    spare = canary.counted(as_available=rises) + stable.counted(as_available=not rises) - fewest
    if spare <= 0:
        return next_canary, next_stable
    if rises:
        next_stable = _down(stable.wanted, to_stable, spare, next_stable)
        next_stable, next_canary = _within(stable, canary, next_stable, next_canary, most, fewest)
    else:
        next_canary = _down(canary.wanted, to_canary, spare, next_canary)
        next_canary, next_stable = _within(canary, stable, next_canary, next_stable, most, fewest)
    return next_canary, next_stable


def _down(wanted: int, to: int, spare: int, now: int) -> int:
    return max(to, wanted - spare) if wanted > to else now


def _within(drained: Pods, kept: Pods, drain: int, keep: int, most: int, fewest: int) -> tuple[int, int]:
    """Both counts with no more than `most` in all, and `fewest` available; what is drained gives way first."""
    lowered = keep - max(0, keep + drain - most)
    available = min(drained.available, drain) + min(kept.available, lowered)
    back = min(max(0, kept.available - lowered), max(0, fewest - available))
    keep = lowered + back
    return drain - max(0, keep + drain - most), keep


def routed(replicas: int, weight: int) -> tuple[int, int]:
    """(canary, stable) pods with a traffic router: the stable side stays whole, the canary's part is rounded up.

    >>> routed(10, 25)
    (3, 10)
    """
    return -(-replicas * weight // 100), replicas


def stages(replicas: int, weights: Sequence[int], *, surge: int | str, unavailable: int | str) -> list[tuple[int, int]]:
    """(canary, stable) after each decision on the way through these weights and then 100, from all stable.

    Each pod that is wanted is available one decision later: ours.
    """
    canary, stable = Pods(0, 0), Pods(replicas, replicas)
    found = [(0, replicas)]
    for weight in (*weights, 100):
        while True:
            wanted = scale(replicas, weight, stable, canary, surge=surge, unavailable=unavailable)
            if wanted == (canary.wanted, stable.wanted):
                break
            found.append(wanted)
            canary, stable = (Pods(one, one) for one in wanted)
    return found


def flagger_weights(step: int, most: int) -> list[int]:
    """The canary's weights, in per cent, that Flagger goes through before it promotes.

    Source: fluxcd/flagger, pkg/controller/scheduler.go, runCanary, and its documentation, "Rollout Weights": it goes on
    while the weight is below maxWeight, so the last one may be above it.

    >>> flagger_weights(20, 50)
    [20, 40, 60]
    """
    found = [0]
    while found[-1] < most:
        found.append(min(100, found[-1] + step))
    return found[1:]


def flagger_minutes(interval: float, step: int, most: int, threshold: int) -> tuple[float, float]:
    """(least minutes until it is promoted, minutes until it is rolled back) by Flagger's documented formulas.

    interval · maxWeight / stepWeight, and interval · threshold.

    >>> flagger_minutes(1, 2, 50, 10)
    (25.0, 10)
    """
    return interval * most / step, interval * threshold


@dataclass(frozen=True)
class Check:
    """One run of Flagger's analysis. `weight` is the canary's after it; `failed` counts the checks that failed."""

    minute: float
    passed: bool
    weight: int
    failed: int
    end: str = ""


def analysis(outcomes: Sequence[bool], *, interval: float, step: int, most: int, threshold: int) -> list[Check]:
    """Flagger's analysis, one run each `interval` minutes, as far as it goes: "promoted", "rolled back", or neither.

    outcomes  of the metrics, one for each run that checks them; after the last, what the last says goes on. A failure
              halts the weight and is counted. The count does not go back. A run after the count has reached the
              threshold rolls back; one after the weight has reached maxWeight and passes promotes. The first run
              checks no metrics, as no traffic goes to the canary yet.
    """
    runs = [Check(0.0, True, min(100, step), 0)]
    results = list(outcomes) or [True]
    while not runs[-1].end and len(runs) <= math.ceil(most / step) + threshold + 1:
        last = runs[-1]
        minute = last.minute + interval
        passed = results[min(len(runs) - 1, len(results) - 1)]
        if last.failed >= threshold:
            runs.append(Check(minute, False, 0, last.failed, "rolled back"))
        elif not passed:
            runs.append(Check(minute, False, last.weight, last.failed + 1))
        elif last.weight >= most:
            runs.append(Check(minute, True, last.weight, last.failed, "promoted"))
        else:
            runs.append(Check(minute, True, min(100, last.weight + step), last.failed))
    return runs
