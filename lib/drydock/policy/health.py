"""Container health checks: from results of a command to HEALTHY or UNHEALTHY, and a task's health.

Source: Amazon ECS API Reference, *HealthCheck* and *Container*; Developer Guide, "Determine Amazon ECS task health
using container health checks" (AmazonECS/latest/developerguide/healthcheck.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """``healthStatus`` of a container or a task, as the API spells it."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


@dataclass(frozen=True)
class HealthCheck:
    """A container definition's ``healthCheck``. All times in AWS seconds (documented defaults)."""

    command: tuple[str, ...]
    interval: float = 30
    timeout: float = 5
    retries: int = 3
    start_period: float = 0

    @classmethod
    def read(cls, request: Mapping[str, Any]) -> HealthCheck:
        """Read the request's ``{"command", "interval", "timeout", "retries", "startPeriod"}``."""

        def value(name: str, default: int) -> int:
            given = request.get(name)
            return default if given is None else given

        return cls(
            tuple(request["command"]),
            value("interval", 30),
            value("timeout", 5),
            value("retries", 3),
            value("startPeriod", 0),
        )

    def argv(self, shell: tuple[str, ...] = ("/bin/sh", "-c")) -> tuple[str, ...]:
        """The program to execute: ``CMD`` as it stands, ``CMD-SHELL`` through the container's shell.

        ECS also accepts a command without either word and hands it to the shell.
        """
        first, *rest = self.command
        if first == "CMD":
            return tuple(rest)
        if first == "CMD-SHELL":
            return (*shell, " ".join(rest))
        return (*shell, " ".join(self.command))


@dataclass(frozen=True)
class ContainerHealth:
    """Where a container's health check stands: begin with ``ContainerHealth(check)`` when it starts.

    ``next_at`` is when the next run is due, in AWS seconds since the container started: Docker waits one
    interval before the first run and one after the end of each. ``failures`` counts consecutive failures
    that matter.
    """

    check: HealthCheck
    status: Health = Health.UNKNOWN
    failures: int = 0
    last_finished: float = 0.0

    @property
    def next_at(self) -> float:
        return self.last_finished + self.check.interval

    def after(self, succeeded: bool, began: float, finished: float) -> ContainerHealth:
        """The state after one run. ``began`` and ``finished``: AWS seconds since the container started.

        A run longer than the time-out counts as failed. A success makes the container HEALTHY at once, also
        inside the start period; after that, failures count even inside it. A failure in the start period
        of a container that was never healthy does not count. ``retries`` consecutive failures make it
        UNHEALTHY (documented for ECS; when the start period is measured is as in Docker).
        """
        if succeeded and finished - began <= self.check.timeout:
            return replace(self, status=Health.HEALTHY, failures=0, last_finished=finished)
        starting = self.status is Health.UNKNOWN and began < self.check.start_period
        failures = self.failures if starting else self.failures + 1
        unhealthy = failures >= self.check.retries
        return replace(
            self,
            status=Health.UNHEALTHY if unhealthy else self.status,
            failures=failures,
            last_finished=finished,
        )


def task_health(essential: Iterable[Health]) -> Health:
    """A task's ``healthStatus``: the worst of its essential containers, UNHEALTHY > UNKNOWN > HEALTHY.

    ``essential`` has one entry for each essential container, UNKNOWN for one without a health check; an
    empty sequence is UNKNOWN. Source: documented, with the examples of the API reference.
    """
    states = set(essential)
    if Health.UNHEALTHY in states:
        return Health.UNHEALTHY
    if states == {Health.HEALTHY}:
        return Health.HEALTHY
    return Health.UNKNOWN
