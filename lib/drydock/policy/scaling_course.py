"""Minute by minute, to how many tasks a load is scaled: `scaling.decide` on alarms that see one metric for each task.

Derived: every minute is one of `scaling`.

What is left out (ours): tasks that come or go are there from the next minute on, and share the load evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from drydock.policy import scaling
from drydock.policy.scaling import Asked, Bounds, Change, Cooling, Step, Stepping, Tracking, Way


@dataclass(frozen=True)
class Watch:
    """An alarm over so many minutes, and the policy that it calls with what it has looked at.

    `is_low`: the alarm by which target tracking scales in.
    """

    policy: str
    above: bool
    threshold: float
    periods: int
    way: Callable[[Sequence[float]], Way]
    out_cooldown: float = scaling.COOLDOWN
    in_cooldown: float = scaling.COOLDOWN
    is_low: bool = False

    def rings(self, values: Sequence[float]) -> bool:
        """Whether the last minutes are all beyond the threshold."""
        last = values[-self.periods :]
        beyond = [value > self.threshold if self.above else value < self.threshold for value in last]
        return len(last) == self.periods and all(beyond)

    def asked(self, values: Sequence[float]) -> Asked:
        way = self.way(values[-self.periods :])
        return Asked(self.policy, "low" if self.is_low else "high", way, self.out_cooldown, self.in_cooldown)


@dataclass(frozen=True)
class Minute:
    """One minute: the whole load, how many tasks shared it, and what each had."""

    load: float
    tasks: int
    each: float


def tracking(
    target: float, *, policy: str = "tracking", out_cooldown: float = scaling.COOLDOWN,
    in_cooldown: float = scaling.COOLDOWN,
) -> list[Watch]:  # fmt: skip
    """The two alarms of target tracking."""
    low = scaling.low_threshold(target)
    return [
        Watch(policy, True, target, scaling.HIGH_PERIODS, lambda seen: Tracking(target, seen, is_high=True),
              out_cooldown, in_cooldown),
        Watch(policy, False, low, scaling.LOW_PERIODS, lambda seen: Tracking(target, seen, is_high=False),
              out_cooldown, in_cooldown, is_low=True),
    ]  # fmt: skip


def tracked(tasks: int, value: float, target: float) -> int:
    """The tasks that target tracking sets once its alarms have seen `value` for each of `tasks` for long enough."""
    rings = [watch for watch in tracking(target) if watch.rings([value] * watch.periods)]
    return rings[0].way([value]).wanted(tasks) if rings else tasks


def stepping(
    steps: Sequence[Step], *, above: bool, threshold: float, policy: str = "steps", kind: str = scaling.CHANGE,
    periods: int = 1, cooldown: float = scaling.COOLDOWN,
) -> Watch:  # fmt: skip
    """The alarm of a step scaling policy."""
    return Watch(
        policy,
        above,
        threshold,
        periods,
        lambda seen: Stepping(kind, steps, threshold, above, seen),
        cooldown,
        cooldown,
    )


def course(loads: Sequence[float], watches: Sequence[Watch], *, start: int, bounds: Bounds) -> list[Minute]:
    """What becomes of a service of `start` tasks, by the load of each minute."""
    tasks, cooling = start, Cooling()
    passed: list[Minute] = []
    values: list[float] = []
    for minute, load in enumerate(loads):
        values.append(load / max(1, tasks))
        passed.append(Minute(load, tasks, values[-1]))
        lows = [watch for watch in watches if watch.is_low]
        decision = scaling.decide(
            tasks,
            bounds,
            [watch.asked(values) for watch in watches if watch.rings(values)],
            cooling,
            60.0 * (minute + 1),
            all_low=all(watch.rings(values) for watch in lows),
        )
        if isinstance(decision, Change):
            tasks, cooling = decision.capacity, decision.cooling
    return passed


def turns(tasks: Sequence[int]) -> int:
    """How often a number of tasks that grew then shrank, or the other way round."""
    changes = [after - before for before, after in pairwise(tasks) if after != before]
    return sum((first > 0) != (second > 0) for first, second in pairwise(changes))
