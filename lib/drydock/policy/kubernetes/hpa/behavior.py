"""What holds a wanted number of replicas back: stabilization windows, scaling policies, and the bounds.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go, and pkg/apis/autoscaling/v2/defaults.go
(observed); KEP-853 (documented, though it says 60 s where the code has 15 s). Tests: horizontal_test.go.
Times are seconds on one clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from drydock.policy.kubernetes.hpa.replicas import MOST

PODS, PERCENT = "Pods", "Percent"
LARGEST, SMALLEST, DISABLED = "Max", "Min", "Disabled"
DOWN_WINDOW = 300.0
"""--horizontal-pod-autoscaler-downscale-stabilization."""
SYNC_PERIOD = 15.0
"""--horizontal-pod-autoscaler-sync-period."""


@dataclass(frozen=True)
class Policy:
    """`value` pods, or per cent of the replicas, may come or go within `period` seconds."""

    type: str
    value: int
    period: float


@dataclass(frozen=True)
class Rules:
    """behavior.scaleUp or behavior.scaleDown.

    select  which of several policies counts: Max is the one that changes most, Min the least; Disabled stops scaling.
    window  stabilizationWindowSeconds.
    """

    policies: tuple[Policy, ...]
    select: str = LARGEST
    window: float = 0.0

    def __post_init__(self) -> None:
        if self.select not in (LARGEST, SMALLEST, DISABLED):
            raise ValueError(f"selectPolicy is Max, Min or Disabled, not {self.select!r}.")
        if not 0 <= self.window <= 3600:
            raise ValueError(f"stabilizationWindowSeconds is from 0 to 3600, not {self.window:g}.")
        if not self.policies:
            raise ValueError("A scaling rule has at least one policy. To stop scaling, set selectPolicy to Disabled.")
        for policy in self.policies:
            if policy.type not in (PODS, PERCENT):
                raise ValueError(f"The type of a policy is Pods or Percent, not {policy.type!r}.")
            if policy.value <= 0 or not 0 < policy.period <= 1800:
                raise ValueError(
                    f"A policy has a value above 0 and a periodSeconds from 1 to 1800, not {policy.value} and "
                    f"{policy.period:g}."
                )


DEFAULT_UP = Rules((Policy(PODS, 4, 15.0), Policy(PERCENT, 100, 15.0)))
DEFAULT_DOWN = Rules((Policy(PERCENT, 100, 15.0),), window=DOWN_WINDOW)


@dataclass(frozen=True)
class Behavior:
    """spec.behavior with what is left out filled in by the API's defaults."""

    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN


@dataclass(frozen=True)
class Event:
    """Replicas that were added, or removed, at a time."""

    at: float
    replicas: int


@dataclass(frozen=True)
class Recommendation:
    """What was wanted at a time, before it was stabilized."""

    at: float
    replicas: int


@dataclass(frozen=True)
class Decision:
    """A number of replicas, and the reason of the condition that says what came of it."""

    replicas: int
    reason: str
    message: str = field(default="", compare=False)


def changed(events: Iterable[Event], period: float, now: float) -> int:
    """How many replicas came, or went, within the last `period` seconds."""
    since = now - period
    return sum(event.replicas for event in events if event.at > since)


def up_limit(current: int, added: Iterable[Event], removed: Iterable[Event], rules: Rules, now: float) -> int:
    """To how many it may be scaled up now. A percentage is rounded up, so that one replica can grow at all."""
    if rules.select == DISABLED:
        return current
    limits = []
    for policy in rules.policies:
        start = current - changed(added, policy.period, now) + changed(removed, policy.period, now)
        limits.append(
            start + policy.value if policy.type == PODS else min(MOST, math.ceil(start * (1 + policy.value / 100)))
        )
    return min(limits) if rules.select == SMALLEST else max(limits)


def down_limit(current: int, added: Iterable[Event], removed: Iterable[Event], rules: Rules, now: float) -> int:
    """To how few it may be scaled down now. What a percentage leaves is cut to whole replicas."""
    if rules.select == DISABLED:
        return current
    limits = []
    for policy in rules.policies:
        start = current - changed(added, policy.period, now) + changed(removed, policy.period, now)
        limits.append(start - policy.value if policy.type == PODS else int(start * (1 - policy.value / 100)))
    return max(limits) if rules.select == SMALLEST else min(limits)


def stabilize(
    current: int, desired: int, earlier: Iterable[Recommendation], behavior: Behavior, now: float
) -> Decision:
    """Up: the lowest of what was wanted in the window. Down: the highest. What is wanted now is one of them.

    A window looks back; it is no time to wait from the first wish on.
    """
    up = down = desired
    up_since, down_since = now - behavior.up.window, now - behavior.down.window
    for one in earlier:
        if one.at > up_since and one.replicas < up:
            up = one.replicas
        if one.at > down_since and one.replicas > down:
            down = one.replicas
    replicas = min(max(current, up), down)
    if replicas == desired:
        return Decision(replicas, "ReadyForNewScale", "recommended size matches current size")
    if desired >= current:
        return Decision(
            replicas,
            "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent recommendation",
        )
    return Decision(
        replicas,
        "ScaleDownStabilized",
        "recent recommendations were higher than current one, applying the highest recent recommendation",
    )


def limit(
    current: int,
    desired: int,
    *,
    least: int,
    most: int,
    behavior: Behavior = Behavior(),
    added: Iterable[Event] = (),
    removed: Iterable[Event] = (),
    now: float = 0.0,
) -> Decision:
    """The policies and the bounds, whichever is nearer. The reason is that of the condition ScalingLimited."""
    if desired > current:
        allowed = max(current, up_limit(current, added, removed, behavior.up, now))
        if desired > min(allowed, most):
            return _too_many(allowed, most)
    elif desired < current:
        allowed = min(current, down_limit(current, added, removed, behavior.down, now))
        if desired < max(allowed, least):
            if allowed > least:
                return Decision(
                    allowed,
                    "ScaleDownLimit",
                    "the desired replica count is decreasing faster than the maximum scale rate",
                )
            return Decision(least, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
    return Decision(desired, "DesiredWithinRange", "the desired count is within the acceptable range")


def limit_without_behavior(current: int, desired: int, *, least: int, most: int) -> Decision:
    """As `limit` of an autoscaler that has no spec.behavior: twice as many, or 4, in one turn of the loop."""
    if desired < least:
        return Decision(least, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
    allowed = max(2 * current, 4)
    if desired > min(allowed, most):
        return _too_many(allowed, most)
    return Decision(desired, "DesiredWithinRange", "the desired count is within the acceptable range")


def _too_many(allowed: int, most: int) -> Decision:
    if most > allowed:
        return Decision(
            allowed, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
        )
    return Decision(most, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
