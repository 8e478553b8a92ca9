"""Which containers that end are started again within their task.

Documented: Amazon ECS API Reference, *ContainerRestartPolicy*; ECS developer guide, "Restart individual containers in
Amazon ECS tasks with container restart policies". The rule is that of the container agent: amazon-ecs-agent,
ecs-agent/api/container/restart/restart_tracker.go, ShouldRestart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_PERIOD = 300


@dataclass(frozen=True)
class RestartPolicy:
    """A policy that is enabled. `ignored`: exit codes that nothing is restarted after; `period`: AWS seconds."""

    ignored: frozenset[int] = frozenset()
    period: int = DEFAULT_PERIOD

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> RestartPolicy | None:
        """That of a container definition, if it has one."""
        given = definition.get("restartPolicy") or {}
        if not given.get("enabled"):
            return None
        return cls(frozenset(given.get("ignoredExitCodes") or ()), given.get("restartAttemptPeriod") or DEFAULT_PERIOD)

    def restarts(self, exit_code: int, ran: float) -> bool:
        """Whether one that ended so is restarted, after it `ran` for AWS seconds since its last start.

        >>> policy = RestartPolicy(frozenset({0}), 60)
        >>> policy.restarts(1, ran=60), policy.restarts(1, ran=59), policy.restarts(0, ran=3600)
        (True, False, False)
        """
        return exit_code not in self.ignored and ran >= self.period
