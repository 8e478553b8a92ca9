"""Faults switched on by environment variables, so that a drill is a new task definition, not a new image.

    ERROR_RATE            0 to 1: share of requests answered 500; FAULT_SEED (1) makes the sequence repeat
    LATENCY_MS            added to every request
    CRASH_AT_START        true: exit 1 before listening
    FAIL_HEALTH           true: /health is 503; "30s": from 30 seconds on; "100 requests": after 100 requests
    IGNORE_SIGTERM        true: only SIGKILL ends the task
    LEAK_MIB_PER_REQUEST  memory kept by each request, until the task's limit kills it

/health and /version are never slowed, failed at random or leaky: a service can be broken and look healthy.
"""
from __future__ import annotations

import random
import re
import threading
import time

from chassis import Invalid, Settings

MIB = 1024 * 1024


class Faults:
    def __init__(self, *, error_rate: float = 0, seed: int = 1, latency: float = 0, leak_mib: float = 0,
                 health_seconds: float | None = None, health_requests: int | None = None,
                 crash_at_start: bool = False, ignore_sigterm: bool = False) -> None:
        self.error_rate = error_rate
        self.latency = latency  # seconds
        self.leak_mib = leak_mib
        self.health_seconds = health_seconds
        self.health_requests = health_requests
        self.crash_at_start = crash_at_start
        self.ignore_sigterm = ignore_sigterm
        self._random = random.Random(seed)
        self._started = time.monotonic()
        self._requests = 0
        self._leaked: list[bytes] = []
        self._lock = threading.Lock()

    @classmethod
    def read(cls, settings: Settings) -> Faults:
        """Raises Invalid for a value that can't be used."""
        seconds, requests = _when(settings.text("FAIL_HEALTH"))
        return cls(
            error_rate=settings.number("ERROR_RATE", 0, 0, 1),
            seed=settings.integer("FAULT_SEED", 1),
            latency=settings.number("LATENCY_MS", 0) / 1000,
            leak_mib=settings.number("LEAK_MIB_PER_REQUEST", 0),
            health_seconds=seconds,
            health_requests=requests,
            crash_at_start=settings.flag("CRASH_AT_START"),
            ignore_sigterm=settings.flag("IGNORE_SIGTERM"),
        )

    def strike(self) -> bool:
        """Apply the faults of one request; True when it must be answered 500."""
        with self._lock:
            self._requests += 1
            failed = self._random.random() < self.error_rate
            if self.leak_mib:
                self._leaked.append(b"\x01" * int(self.leak_mib * MIB))  # zeros would not take real memory
        time.sleep(self.latency)
        return failed

    def health_fails(self) -> bool:
        if self.health_seconds is not None and time.monotonic() - self._started >= self.health_seconds:
            return True
        return self.health_requests is not None and self._requests >= self.health_requests


def _when(value: str) -> tuple[float | None, int | None]:
    """FAIL_HEALTH as (seconds, requests) after which /health fails."""
    text = value.lower()
    if text in ("", "false", "0", "no", "off"):
        return None, None
    if text in ("true", "1", "yes", "on"):
        return 0, None
    if found := re.fullmatch(r"(\d+(?:\.\d+)?) ?s(?:econds)?", text):
        return float(found[1]), None
    if found := re.fullmatch(r"(\d+) ?requests?", text):
        return None, int(found[1])
    raise Invalid(f'FAIL_HEALTH must be true, false, "30s" or "100 requests", not {value!r}')
