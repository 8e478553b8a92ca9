"""Token buckets: whether one more call is let through.

Source: "Request throttling for the Amazon ECS API", Amazon ECS API reference, which says so of ECS; the other services'
pages on throttling say the same of theirs (documented).
"""

from __future__ import annotations

from dataclasses import dataclass

from drydock.policy.profiles import Bucket


@dataclass(frozen=True)
class Level:
    """How full a bucket was at a moment (AWS seconds)."""

    tokens: float
    at: float


def take(bucket: Bucket, level: Level | None, now: float) -> tuple[bool, Level]:
    """Whether a call at `now` finds a token, and what is left; `level` None: nobody has called yet.

    >>> take(Bucket(2, 1), Level(0.5, at=10.0), now=10.25)
    (False, Level(tokens=0.75, at=10.25))
    """
    tokens = bucket.capacity if level is None else min(bucket.capacity, level.tokens + (now - level.at) * bucket.refill)
    return tokens >= 1, Level(tokens - 1 if tokens >= 1 else tokens, now)
