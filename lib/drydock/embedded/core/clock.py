"""The engine's clock: AWS seconds that pass `speed` times as fast as ours."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

DEFAULT_SPEED = 30.0
_PATIENCE = 2.0


class Clock:
    """Waits are told in AWS seconds; timestamps are the wall clock's.

    `time()` is monotonic and runs `speed` times as fast as real time. Real work (an HTTP probe, a
    process that shuts down) is not sped up, so its limits come from `patience()`.
    """

    def __init__(self, speed: float = DEFAULT_SPEED) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._zero = time.monotonic()

    def elapsed(self) -> float:
        """Our seconds since this clock was made."""
        return time.monotonic() - self._zero

    def time(self) -> float:
        """AWS seconds since this clock was made."""
        return self.elapsed() * self.speed

    def utcnow(self) -> datetime:
        return datetime.now(UTC)

    def real(self, aws_seconds: float) -> float:
        """Our seconds in which `aws_seconds` pass."""
        return aws_seconds / self.speed

    def patience(self, aws_seconds: float) -> float:
        """Our seconds that real work may take where AWS allows it `aws_seconds`."""
        return max(self.real(aws_seconds), min(aws_seconds, _PATIENCE))


class ManualClock(Clock):
    """A clock that only moves when told to, for tests that step the engine."""

    def __init__(self, speed: float = DEFAULT_SPEED) -> None:
        super().__init__(speed)
        self._now = 0.0
        self._began = datetime.now(UTC)

    def elapsed(self) -> float:
        return self.real(self._now)

    def time(self) -> float:
        return self._now

    def utcnow(self) -> datetime:
        return self._began + timedelta(seconds=self.elapsed())

    def advance(self, aws_seconds: float) -> None:
        self._now += aws_seconds
