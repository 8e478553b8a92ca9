"""Rates of calls, as a profile has them."""

from __future__ import annotations

from collections.abc import Iterable

from drydock.embedded.core.clock import Clock
from drydock.policy.profiles import Rate
from drydock.policy.throttling import Level, take

MESSAGE = "Rate exceeded"


class Throttle:
    """Counts calls in buckets that fill on the engine's clock: who waits as on AWS is let through at any speed."""

    def __init__(self, clock: Clock, rates: Iterable[Rate]) -> None:
        self._clock = clock
        self._rates = {(rate.service, operation): rate for rate in rates for operation in rate.operations}
        self._levels: dict[tuple[str, str, frozenset[str]], Level] = {}

    def refuses(self, service: str, operation: str, region: str) -> str | None:
        """The code of the error that a call in a region gets, None if it is let through. The host's lock is held."""
        rate = self._rates.get((service, operation))
        if rate is None:
            return None
        key = (region, service, rate.operations)
        passes, self._levels[key] = take(
            rate.elsewhere.get(region, rate.bucket), self._levels.get(key), self._clock.time()
        )
        return None if passes else rate.code
