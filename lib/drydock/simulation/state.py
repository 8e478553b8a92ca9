"""What the loop counts: tasks that are alike, what a policy sees, a deployment that is under way, and what is lost."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from drydock.policy.ecs import breaker
from drydock.policy.scaling import Asked
from drydock.simulation.model import CPU, Cause, Release, Scaling

MINUTE = 60.0
_KEPT = 16
"""Measured values that the longest alarm looks at, and one."""


class Group(NamedTuple):
    """Tasks that are alike."""

    provider: str
    zone: str
    revision: int


class Metric:
    """What one policy sees: of the period that runs, and of those before."""

    def __init__(self, policy: Scaling) -> None:
        self.policy, self.watches = policy, policy.watches()
        self.seen: deque[float] = deque(maxlen=_KEPT)
        self.asked: list[Asked] = []
        self.all_low = True
        self.load = self.served = self.could = self.task_seconds = 0.0

    def value(self, per_task: float) -> float:
        """Over the period, for each task: per cent of what it can serve, or requests a minute; then a new period."""
        load, served, could, seconds = self.load, self.served, self.could, self.task_seconds
        self.load = self.served = self.could = self.task_seconds = 0.0
        if not seconds:
            return 100.0 if self.policy.metric == CPU else load
        if self.policy.metric == CPU:
            return min(100.0, round(100 * served / (could * per_task / MINUTE), 9))
        return round(MINUTE * load / seconds, 9)

    def look(self, value: float) -> None:
        self.seen.append(value)
        values = list(self.seen)
        ringing = [watch.rings(values) for watch in self.watches]
        self.asked = [watch.asked(values) for watch, rings in zip(self.watches, ringing, strict=True) if rings]
        self.all_low = all(rings for watch, rings in zip(self.watches, ringing, strict=True) if watch.is_low)


@dataclass
class Deployment:
    """A release that is under way, and which revision was there before. `percent`: of the traffic, where it shifts."""

    release: Release
    before: int
    revision: int
    breaker: breaker.Breaker
    percent: float | None = None
    failed: bool = False
    undone: bool = False
    faulty: bool = False
    """Whether something of it has failed."""


@dataclass
class Side:
    """A part of the traffic, and the tasks for it."""

    share: float
    tasks: float
    warm: float
    errors: float = 0.0


@dataclass
class Lost:
    """Counts what is lost, by cause."""

    all: float = 0.0
    late: float = 0.0
    by_cause: dict[Cause, float] = field(default_factory=dict)

    def add(self, requests: float, cause: Cause) -> None:
        self.all += requests
        self.by_cause[cause] = self.by_cause.get(cause, 0.0) + requests


def by_provider(counted: Counter[Group]) -> Counter[str]:
    found: Counter[str] = Counter()
    for group, count in counted.items():
        found[group.provider] += count
    return found


def of_revision(counted: Counter[Group], revision: int) -> Counter[Group]:
    return Counter({group: count for group, count in counted.items() if group.revision == revision})
