"""Requests for each minute: a day, a week, and bursts in them, of one seed."""

from __future__ import annotations

import math
import random

DAY = 24 * 60
PEAK_HOUR = 15
WEEKEND = 0.6
"""What Saturday and Sunday have of a working day's traffic above the low (ours)."""


def days(
    count: int,
    *,
    low: float,
    peak: float,
    bursts_a_day: float = 0.0,
    burst: float = 2.0,
    noise: float = 0.0,
    seed: int = 0,
) -> list[float]:
    """Requests for each minute of so many days, beginning on a Monday at midnight.

    low, peak     requests a minute at night and at 15 h of a working day; between them a cosine.
    bursts_a_day  how many to expect; each multiplies the traffic by `burst` at once and dies away in half an hour.
    noise         how far a minute may be off, as a part of it.

    Raises ValueError for what is negative, and for a peak below the low.
    """
    if min(count, low, bursts_a_day, burst, noise) < 0 or peak < low:
        raise ValueError(f"Traffic is 0 or more and its peak no lower than its low: low={low:g}, peak={peak:g}.")
    random_of = random.Random(f"traffic {seed}")
    minutes = range(count * DAY)
    level = [low + (peak - low) * _of_the_day(minute) * _of_the_week(minute) for minute in minutes]
    extra = [0.0] * len(level)
    begins = random_of.expovariate(bursts_a_day / DAY) if bursts_a_day else math.inf
    while begins < len(level):
        for minute in range(int(begins), min(int(begins) + 30, len(level))):
            extra[minute] += (burst - 1) * (1 - (minute - int(begins)) / 30)
        begins += random_of.expovariate(bursts_a_day / DAY)
    return [
        one * (1 + more) * (1 + noise * (2 * random_of.random() - 1)) for one, more in zip(level, extra, strict=True)
    ]


def step(minutes: int, *, before: float, after: float, at: int) -> list[float]:
    """Requests for each minute of a load that changes once, at minute `at`."""
    return [before if minute < at else after for minute in range(minutes)]


def _of_the_day(minute: int) -> float:
    """From 0 at 3 h to 1 at 15 h."""
    return (1 + math.cos(2 * math.pi * (minute / DAY - PEAK_HOUR / 24))) / 2


def _of_the_week(minute: int) -> float:
    return WEEKEND if minute // DAY % 7 >= 5 else 1.0
