"""CloudWatch's arithmetic: how long data are kept and how finely, into which periods they fall, what is told of them.

Source: CloudWatch API Reference, *GetMetricStatistics* and *PutMetricData* (documented); that periods are counted from
StartTime is said by AWS in boto/boto3#3457 (reported).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HOUR, DAY = 3600, 86_400
KEPT = {1: 3 * HOUR, 60: 15 * DAY, 300: 63 * DAY, 3600: 455 * DAY}
"""For how many seconds data of a step in seconds are kept; then they are gathered into the next step."""
LISTED = 14 * DAY
"""For how long after its last datum a metric is listed."""
MOST_POINTS = 1440
LARGEST = 2.0**360
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(?:\d{1,2}(?:\.\d+)?|100(?:\.0+)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sample:
    """What was put for one step of time: `count` values between `low` and `high` that add up to `sum`."""

    at: float
    low: float
    high: float
    sum: float
    count: float


def beginning(start: float, period: int, now: float) -> float:
    """The start of the first period: CloudWatch rounds StartTime down, more coarsely the longer ago it is."""
    if period in (1, 5, 10, 20, 30):
        step = period
    elif start >= now - KEPT[60]:
        step = 60
    else:
        step = 300 if start >= now - KEPT[300] else 3600
    return start // step * step


def by_period(samples: Iterable[Sample], start: float, period: int) -> list[tuple[float, list[Sample]]]:
    """The samples of each period that has any, with the time at which it begins, in order of time."""
    found: dict[float, list[Sample]] = {}
    for sample in samples:
        found.setdefault(start + (sample.at - start) // period * period, []).append(sample)
    return sorted(found.items())


def is_percentile(statistic: str) -> bool:
    return _PERCENTILE.fullmatch(statistic) is not None


def percent(statistic: str) -> float:
    """Of `p99.9`, 99.9."""
    return float(statistic.removeprefix("p"))


def statistic(name: str, samples: Sequence[Sample]) -> float | None:
    """A statistic of samples, one of STATISTICS or a percentile; None if they do not give the percentile."""
    if name == "SampleCount":
        return sum(sample.count for sample in samples)
    if name == "Sum":
        return sum(sample.sum for sample in samples)
    if name == "Average":
        count = sum(sample.count for sample in samples)
        return sum(sample.sum for sample in samples) / count if count else None
    if name == "Minimum":
        return min(sample.low for sample in samples)
    if name == "Maximum":
        return max(sample.high for sample in samples)
    return _percentile(percent(name), samples)


def _percentile(percent: float, samples: Sequence[Sample]) -> float | None:
    """The smallest value that so many percent of the values do not exceed (nearest rank).

    None where a set of statistics hides its values, or one is negative (documented). CloudWatch approximates (derived).
    """
    if any(sample.low != sample.high or sample.low < 0 for sample in samples):
        return None
    ordered = sorted(samples, key=lambda sample: sample.low)
    wanted = percent / 100 * sum(sample.count for sample in ordered)
    below = 0.0
    for sample in ordered:
        below += sample.count
        if below >= wanted:
            return sample.low
    return None
