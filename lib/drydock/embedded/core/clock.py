"""The engine's clock: AWS seconds that pass `speed` times as fast as ours."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drydock import disk

log = logging.getLogger(__name__)

DEFAULT_SPEED = 30.0
_PATIENCE = 2.0
_WIDTH = 24


class Clock:
    """Waits are told in AWS seconds; timestamps are the wall clock's.

    `time()` is monotonic and runs `speed` times as fast as real time. It goes on after a restart where it was (`keep`):
    while nothing runs, no AWS second passes. Real work (an HTTP probe, a process that shuts down) is not sped up, so
    its limits come from `patience()`.
    """

    def __init__(self, speed: float = DEFAULT_SPEED) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self.origin = 0.0
        """AWS seconds that had passed before this clock was made."""
        self._zero = time.monotonic()

    def elapsed(self) -> float:
        """Our seconds since this clock was made."""
        return time.monotonic() - self._zero

    def time(self) -> float:
        """AWS seconds since the first clock of this instance was made."""
        return self.origin + self.elapsed() * self.speed

    def utcnow(self) -> datetime:
        return datetime.now(UTC)

    def moment(self, at: float) -> datetime:
        """What the wall clock showed at an AWS second of this run."""
        return self.utcnow() - timedelta(seconds=self.real(self.time() - at))

    def aws(self, moment: float) -> float:
        """The AWS second of a time of the wall clock, in seconds since the epoch."""
        return self.time() - (self.utcnow().timestamp() - moment) * self.speed

    def real(self, aws_seconds: float) -> float:
        """Our seconds in which `aws_seconds` pass."""
        return aws_seconds / self.speed

    def patience(self, aws_seconds: float) -> float:
        """Our seconds that real work may take where AWS allows it `aws_seconds`."""
        return max(self.real(aws_seconds), min(aws_seconds, _PATIENCE))


class ManualClock(Clock):
    """A clock that only moves when told to, for tests that step the engine. `began`: what time it is at its start."""

    def __init__(self, speed: float = DEFAULT_SPEED, began: datetime | None = None) -> None:
        super().__init__(speed)
        self._now = 0.0
        self._began = began or datetime.now(UTC)

    def elapsed(self) -> float:
        return self.real(self._now)

    def time(self) -> float:
        return self.origin + self._now

    def utcnow(self) -> datetime:
        return self._began + timedelta(seconds=self.elapsed())

    def advance(self, aws_seconds: float) -> None:
        self._now += aws_seconds


class Kept:
    """The time of a clock on disk, in a file of one line that is overwritten in place. Unusable."""

    def __init__(self, clock: Clock, path: Path) -> None:
        self._clock = clock
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            content = os.read(self._file, 2 * _WIDTH)
        except OSError as error:
            raise disk.unusable(error, path) from error
        try:
            clock.origin = float(content) if content else 0.0
            if not 0 <= clock.origin < math.inf:
                raise ValueError
        except ValueError:
            log.error("%s was damaged: what waits for AWS seconds to pass begins to wait again", path)
            clock.origin = 0.0
        self._next = 0.0

    def turn(self) -> None:
        """Write it, once a second."""
        if self._clock.elapsed() >= self._next:
            self._next = self._clock.elapsed() + 1.0
            self._write()

    def _write(self) -> None:
        os.pwrite(self._file, f"{self._clock.time():{_WIDTH - 1}.3f}\n".encode(), 0)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._write()
        os.close(self._file)
