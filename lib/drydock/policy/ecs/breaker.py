"""The deployment circuit breaker: how many failed tasks make a rolling deployment fail.

Source: Amazon ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures"
(AmazonECS/latest/developerguide/deployment-circuit-breaker.html); with vectors in docs/facts.md, 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

MINIMUM_THRESHOLD = 3
MAXIMUM_THRESHOLD = 200


class Status(StrEnum):
    """``deploymentCircuitBreaker.status`` of a service deployment."""

    DISABLED = "DISABLED"
    MONITORING = "MONITORING"
    TRIGGERED = "TRIGGERED"
    MONITORING_COMPLETE = "MONITORING_COMPLETE"


class Event(StrEnum):
    """What the breaker is told about the tasks of the deployment that it watches."""

    RUNNING = "RUNNING"
    """A task reached RUNNING: stage 2 begins."""
    FAILED = "FAILED"
    """A task could not be placed or started, or stopped before it was ever healthy."""
    HEALTH_CHECK_FAILED = "HEALTH_CHECK_FAILED"
    """An ELB, Cloud Map or container health check failed for a task."""
    HEALTHY = "HEALTHY"
    """A task reached a healthy state."""
    COMPLETED = "COMPLETED"
    """The deployment reached its steady state."""


@dataclass(frozen=True)
class ThresholdConfiguration:
    """``thresholdConfiguration``; ``value`` is a percentage of desired_count, or a count for COUNT."""

    type: str = "BOUNDED_PERCENT"
    value: int = 50


def threshold(desired_count: int, configuration: ThresholdConfiguration | None = None) -> int:
    """The number of failures at which the deployment fails.

    BOUNDED_PERCENT: desired_count × value %, rounded up, between 3 and 200. UNBOUNDED_PERCENT: the same
    without limits. COUNT: the value. Source: documented; that UNBOUNDED_PERCENT rounds up is derived from
    BOUNDED_PERCENT, and that it is at least 1 is ours (a threshold of 0 would fail before it began).

    Raises ValueError for another type.
    """
    configuration = configuration or ThresholdConfiguration()
    share = -(-desired_count * configuration.value // 100)
    match configuration.type:
        case "BOUNDED_PERCENT":
            return min(MAXIMUM_THRESHOLD, max(MINIMUM_THRESHOLD, share))
        case "UNBOUNDED_PERCENT":
            return max(1, share)
        case "COUNT":
            return configuration.value
        case other:
            raise ValueError(
                f"thresholdConfiguration.type must be BOUNDED_PERCENT, UNBOUNDED_PERCENT or COUNT, got {other!r}"
            )


@dataclass(frozen=True)
class Breaker:
    """The breaker of one deployment. ``after`` and ``with_desired_count`` return the next state.

    ``stage`` is 1 until a task has been RUNNING, then 2.
    """

    desired_count: int
    enable: bool = False
    rollback: bool = False
    reset_on_healthy_task: bool = True
    threshold_configuration: ThresholdConfiguration = ThresholdConfiguration()
    status: Status = Status.DISABLED
    failure_count: int = 0
    stage: int = 1

    @classmethod
    def read(cls, configuration: Mapping[str, Any] | None, desired_count: int) -> Breaker:
        """Begin from the request's ``deploymentCircuitBreaker`` (None: disabled)."""
        configuration = configuration or {}
        enable = bool(configuration.get("enable"))
        reset = configuration.get("resetOnHealthyTask")
        given = configuration.get("thresholdConfiguration")
        return cls(
            desired_count=desired_count,
            enable=enable,
            rollback=enable and bool(configuration.get("rollback")),
            reset_on_healthy_task=True if reset is None else reset,
            threshold_configuration=(
                ThresholdConfiguration(given["type"], given["value"]) if given else ThresholdConfiguration()
            ),
            status=Status.MONITORING if enable else Status.DISABLED,
        )

    @property
    def threshold(self) -> int:
        """Computed from the latest desired_count (documented)."""
        return threshold(self.desired_count, self.threshold_configuration)

    @property
    def triggered(self) -> bool:
        return self.status is Status.TRIGGERED

    def with_desired_count(self, desired_count: int) -> Breaker:
        """The state after the service was scaled: the threshold follows, and may be reached by it."""
        return replace(self, desired_count=desired_count)._judged()

    def after(self, event: Event) -> Breaker:
        """The state after ``event``. Nothing changes once it is DISABLED, TRIGGERED or MONITORING_COMPLETE.

        FAILED and HEALTH_CHECK_FAILED add one; HEALTHY sets the count to 0 unless resetOnHealthyTask is
        false; the count reaching the threshold triggers. Source: documented for tasks that never reach
        RUNNING and for health checks; that a task which was RUNNING but stopped before it was healthy
        counts too is what AWS said of a change made in December 2021 (observed). A task that was healthy
        and then stops does not count (documented by AWS support): send no event for it.
        """
        if self.status is not Status.MONITORING:
            return self
        match event:
            case Event.RUNNING:
                return replace(self, stage=2)
            case Event.FAILED | Event.HEALTH_CHECK_FAILED:
                return replace(self, failure_count=self.failure_count + 1)._judged()
            case Event.HEALTHY:
                return replace(self, stage=2, failure_count=0 if self.reset_on_healthy_task else self.failure_count)
            case Event.COMPLETED:
                return replace(self, status=Status.MONITORING_COMPLETE)

    def _judged(self) -> Breaker:
        if self.status is Status.MONITORING and 0 < self.threshold <= self.failure_count:
            return replace(self, status=Status.TRIGGERED)
        return self
