"""How a deployment configuration moves traffic from the original task set to the replacement.

Source: AWS CodeDeploy User Guide, "Predefined deployment configurations for an Amazon ECS compute platform"; API
Reference, *TrafficRoutingConfig*, *TimeBasedCanary*, *TimeBasedLinear* (documented). That nothing is waited for after
the last shift is observed (the tenth step of ten comes nine minutes after the first).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.requests.errors import Invalid

ALL_AT_ONCE, CANARY, LINEAR = "AllAtOnce", "TimeBasedCanary", "TimeBasedLinear"
DEFAULT = "CodeDeployDefault.ECSAllAtOnce"
"""What a group deploys by that names none (ours: for ECS the documentation does not say)."""
WRONG = "InvalidTrafficRoutingConfigurationException"
ONLY_ALB = (
    "Only ALB supports gradual traffic routing, use AllAtOnce Traffic routing instead when you create/update "
    "Deployment group."
)
_PARTS = {
    CANARY: ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
    LINEAR: ("timeBasedLinear", "linearPercentage", "linearInterval"),
}


@dataclass(frozen=True)
class Course:
    """`percent` of the traffic at once, and the rest, or as much again, every `minutes`."""

    kind: str = ALL_AT_ONCE
    percent: int = 100
    minutes: int = 0

    def shown(self) -> dict[str, Any]:
        """As TrafficRoutingConfig."""
        if self.kind not in _PARTS:
            return {"type": self.kind}
        part, percentage, interval = _PARTS[self.kind]
        return {"type": self.kind, part: {percentage: self.percent, interval: self.minutes}}


PREDEFINED = {
    DEFAULT: Course(),
    "CodeDeployDefault.ECSLinear10PercentEvery1Minutes": Course(LINEAR, 10, 1),
    "CodeDeployDefault.ECSLinear10PercentEvery3Minutes": Course(LINEAR, 10, 3),
    "CodeDeployDefault.ECSCanary10Percent5Minutes": Course(CANARY, 10, 5),
    "CodeDeployDefault.ECSCanary10Percent15Minutes": Course(CANARY, 10, 15),
}


def percent(course: Course, elapsed: float) -> int:
    """Percent of the traffic that the replacement has so many AWS seconds after the shift has begun.

    >>> canary = Course(CANARY, 10, 5)
    >>> [percent(canary, 60 * minute) for minute in (0, 4.9, 5)]
    [10, 10, 100]
    """
    if course.kind == LINEAR:
        return min(100, (int(elapsed // (60 * course.minutes)) + 1) * course.percent)
    if course.kind == CANARY and elapsed < 60 * course.minutes:
        return course.percent
    return 100


def seconds(course: Course) -> int:
    """AWS seconds from the first shift until the replacement has all of the traffic.

    >>> [seconds(course) // 60 for course in PREDEFINED.values()]
    [0, 9, 27, 5, 15]
    """
    if course.kind == LINEAR:
        return (math.ceil(100 / course.percent) - 1) * 60 * course.minutes
    return 60 * course.minutes


def read(config: Mapping[str, Any] | None) -> Course:
    """The course of a TrafficRoutingConfig; without one all at once. Invalid.

    That a step has 1 to 99 percent and an interval at least a minute is ours; the API gives no bounds.
    """
    kind = (config or {}).get("type", ALL_AT_ONCE)
    others = [part for other, (part, *_) in _PARTS.items() if other != kind and (config or {}).get(part)]
    if others:
        raise Invalid(WRONG, f"{others[0]} cannot be specified for the traffic routing type {kind}.")
    if kind == ALL_AT_ONCE:
        return Course()
    part, percentage, interval = _PARTS[kind]
    given = (config or {}).get(part) or {}
    step, minutes = given.get(percentage), given.get(interval)
    if step is None or minutes is None:
        raise Invalid(WRONG, f"The traffic routing type {kind} needs {part} with {percentage} and {interval}.")
    if not 1 <= step <= 99:
        raise Invalid(WRONG, f"{percentage} must be between 1 and 99, not {step}.")
    if minutes < 1:
        raise Invalid(WRONG, f"{interval} must be at least 1 minute, not {minutes}.")
    return Course(kind, step, minutes)
