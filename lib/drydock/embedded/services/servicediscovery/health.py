"""The health that Cloud Map keeps for an instance: what was last reported, 30 s later."""

from __future__ import annotations

from dataclasses import dataclass

DELAY = 30.0


@dataclass(frozen=True)
class Health:
    """A status (HEALTHY, UNHEALTHY) and the one it turns into at `due`, in AWS seconds.

    Cloud Map waits about 30 s after UpdateInstanceCustomHealthStatus; the opposite report within that
    time takes it back, and the same report again does not hurry it (API reference,
    HealthCheckCustomConfig).
    """

    status: str = "HEALTHY"
    pending: str | None = None
    due: float = 0.0

    def at(self, now: float) -> str:
        return self.pending if self.pending and now >= self.due else self.status

    def reported(self, status: str, now: float) -> Health:
        current = self.at(now)
        if status == current:
            return Health(current)
        if status == self.pending:
            return self
        return Health(current, status, now + DELAY)
