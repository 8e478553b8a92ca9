"""To how many a capacity is scaled, and when: the rules of Application Auto Scaling.

Source: Application Auto Scaling User Guide, "How target tracking scaling works", "How step scaling works", "Suspend and
resume scaling"; API Reference, *StepAdjustment*, *StepScalingPolicyConfiguration*, *PutScalingPolicy*,
*RegisterScalableTarget*; ECS developer guide, "Automatically scale your Amazon ECS service" (documented). How many
periods the alarms of target tracking look at, and that the low one is at nine tenths (observed). Ours: that the new
capacity is the old one times what is measured over what is wanted, in both ways; that of what its alarm looked at the
last counts for out, and for in the highest; that a thousandth of a unit is none; what step scaling aggregates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import fmean
from typing import Any, Protocol

COOLDOWN = 300
"""Seconds, of services of ECS (documented)."""
HIGH_PERIODS, LOW_PERIODS = 3, 15
_LOW = Fraction(9, 10)
_FINE = 3
"""Decimals of a capacity that count."""
AT_MAX, AT_MIN, AT_DESIRED, FLAPPING = (
    "AlreadyAtMaxCapacity",
    "AlreadyAtMinCapacity",
    "AlreadyAtDesiredCapacity",
    "AutoScalingAnticipatedFlapping",
)
CHANGE, PERCENT, EXACT = "ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"
_AGGREGATIONS: Mapping[str, Any] = {"Average": fmean, "Minimum": min, "Maximum": max}


def low_threshold(target: float) -> float:
    """Below what the low alarm of target tracking is in ALARM."""
    return float(Fraction(str(target)) * _LOW)


@dataclass(frozen=True)
class Bounds:
    """Between how many a capacity is kept."""

    least: int
    most: int

    def within(self, capacity: int) -> int:
        return max(self.least, min(self.most, capacity))


class Way(Protocol):
    """How a policy finds the capacity that it wants."""

    def wanted(self, capacity: int) -> int:
        """What it makes of a capacity, without bounds."""
        ...


@dataclass(frozen=True)
class Tracking:
    """Target tracking whose alarm is in ALARM. `values`: what the alarm looked at, the oldest first."""

    target: float
    values: Sequence[float]
    is_high: bool

    def wanted(self, capacity: int) -> int:
        """One more at least where more than the target is measured; never fewer than keep it below the target."""
        value = self.values[-1] if self.is_high else max(self.values)
        exact = capacity * Fraction(str(value)) / Fraction(str(self.target))
        found = math.ceil(round(exact, _FINE))
        if self.is_high:
            return max(found, capacity + 1) if value > self.target else capacity
        return min(found, capacity)


@dataclass(frozen=True)
class Step:
    """A step adjustment; a bound that is None is infinite."""

    adjustment: int
    lower: float | None = None
    upper: float | None = None

    def covers(self, difference: float, *, above: bool) -> bool:
        """Whether a measure so far from the threshold is the step's; `above`: the alarm's threshold is exceeded."""
        lower = -math.inf if self.lower is None else self.lower
        upper = math.inf if self.upper is None else self.upper
        return lower <= difference < upper if above else lower < difference <= upper


@dataclass(frozen=True)
class Stepping:
    """Step scaling whose alarm has called it. `above`: the alarm compares by greater, not by less."""

    kind: str
    steps: Sequence[Step]
    threshold: float
    above: bool
    values: Sequence[float]
    aggregation: str = "Average"
    magnitude: int = 0

    def wanted(self, capacity: int) -> int:
        difference = _AGGREGATIONS[self.aggregation](self.values) - self.threshold
        step = next((step for step in self.steps if step.covers(difference, above=self.above)), None)
        return capacity if step is None else adjusted(self.kind, step.adjustment, capacity, self.magnitude)


def adjusted(kind: str, adjustment: int, capacity: int, magnitude: int = 0) -> int:
    """What an adjustment makes of a capacity. Of a percentage, what is above 1 is rounded down and what is below up."""
    if kind == EXACT:
        return adjustment
    if kind == CHANGE:
        return max(0, capacity + adjustment)
    if adjustment == 0:
        return capacity
    sign = 1 if adjustment > 0 else -1
    size = capacity * abs(adjustment) // 100 or (1 if capacity else 0)
    return max(0, capacity + sign * max(size, magnitude))


@dataclass(frozen=True)
class Asked:
    """A policy that its alarm has called, and how long nothing more is done after what it does."""

    policy: str
    alarm: str
    way: Way
    out_cooldown: float = COOLDOWN
    in_cooldown: float = COOLDOWN


@dataclass(frozen=True)
class Cooling:
    """Until which second nothing more is added than is asked of `base`, and until which nothing is taken away."""

    out_until: float = -math.inf
    base: int = 0
    in_until: float = -math.inf


@dataclass(frozen=True)
class Change:
    """Another capacity, for which policy, and what follows for the next."""

    capacity: int
    asked: Asked
    cooling: Cooling


@dataclass(frozen=True)
class Unchanged:
    """No other capacity, and the code of the reason."""

    asked: Asked
    code: str


def decide(
    capacity: int,
    bounds: Bounds,
    asked: Sequence[Asked],
    cooling: Cooling,
    now: float,
    *,
    may_grow: bool = True,
    may_shrink: bool = True,
    all_low: bool = True,
) -> Change | Unchanged | None:
    """What follows when policies are called; None where nothing does.

    The largest capacity wins, out before in. While the last scale-out cools down, it counts as a part of the next, and
    nothing is scaled in; nor is it after a scale-in, which a scale-out ends. Target tracking scales in only if all of
    its policies that may are low (`all_low`). What is outside of its bounds is brought inside by a scale-out from below
    and a scale-in from above, and by nothing else.
    """
    is_cooling = now < cooling.out_until
    base = min(cooling.base, capacity) if is_cooling else capacity
    outs = _by_size(base, (one for one in asked if one.way.wanted(base) > base))
    if outs:
        wanted, first = outs[-1]
        to = bounds.within(wanted)
        if not may_grow:
            return None
        if to <= capacity:
            if is_cooling and wanted <= capacity:
                return None
            return Unchanged(first, AT_MAX)
        cooled = Cooling(now + first.out_cooldown, base)
        return Change(to, first, cooled)
    if not may_shrink or is_cooling or now < cooling.in_until:
        return None
    lows = [one for one in asked if not (isinstance(one.way, Tracking) and not one.way.is_high and not all_low)]
    ins = _by_size(capacity, (one for one in lows if one.way.wanted(capacity) < capacity))
    tight = [one for one in lows if isinstance(one.way, Tracking) and not one.way.is_high]
    stuck = next((one for one in tight if one.way.wanted(capacity) == capacity), None)
    if stuck is not None and (not ins or isinstance(ins[-1][1].way, Tracking)):
        return Unchanged(stuck, AT_MIN if capacity <= bounds.least else FLAPPING)
    if not ins:
        exact = (one for one in asked if isinstance(one.way, Stepping) and one.way.kind == EXACT)
        same = next((one for one in exact if one.way.wanted(capacity) == capacity), None)
        return Unchanged(same, AT_DESIRED) if same is not None else None
    wanted, last = ins[-1]
    to = bounds.within(wanted)
    if to >= capacity:
        return Unchanged(last, AT_MIN)
    return Change(to, last, replace(cooling, in_until=now + last.in_cooldown))


def _by_size(base: int, asked: Iterable[Asked]) -> list[tuple[int, Asked]]:
    return sorted(((one.way.wanted(base), one) for one in asked), key=lambda pair: pair[0])


# -- wording ------------------------------------------------------------------------------------


def cause_of_alarm(alarm: str, state: str, policy: str) -> str:
    """Documented."""
    return f"monitor alarm {alarm} in state {state} triggered policy {policy}"


def cause_of_bounds(capacity: int, bounds: Bounds) -> str:
    """Observed, of a capacity that registering a target or a scheduled action brought inside."""
    side, limit = ("minimum", bounds.least) if capacity < bounds.least else ("maximum", bounds.most)
    return f"{side} capacity was set to {limit}"


def description(capacity: int) -> str:
    """Documented."""
    return f"Setting desired count to {capacity}."


NOT_SCALED = "Attempting to scale due to alarm triggered"


def message(capacity: int, *, fulfilled: bool) -> str:
    """Documented where it is fulfilled, else observed."""
    rest = "Change successfully fulfilled by ecs." if fulfilled else "Waiting for change to be fulfilled by ecs."
    return f"Successfully set desired count to {capacity}. {rest}"
