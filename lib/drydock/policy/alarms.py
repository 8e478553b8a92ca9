"""When a metric alarm changes its state, and how CloudWatch words why.

Source: CloudWatch user guide, "Using Amazon CloudWatch alarms": what is evaluated when data are missing, and its tables
(documented). How many more data points than EvaluationPeriods are looked at is not; it is two here, as in the tables.
The wording is of messages of real alarms (observed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
BREACHING, NOT_BREACHING, IGNORE, MISSING = "breaching", "notBreaching", "ignore", "missing"
TREATMENTS = (BREACHING, NOT_BREACHING, IGNORE, MISSING)
FIRST_REASON = "Unchecked: Initial alarm creation"
LOOKED_AT_MORE = 2
"""Periods before the evaluation periods whose data points may take the place of missing ones."""
DAY, HOUR = 86_400, 3600

_COMPARES: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}
COMPARISONS = tuple(_COMPARES)


@dataclass(frozen=True)
class Rule:
    """What a metric alarm is held against. `of`: DatapointsToAlarm where it was asked for; all periods if not."""

    comparison: str
    threshold: float
    periods: int
    of: int | None = None
    missing: str = MISSING
    least_samples: float = 0.0
    """Of the evaluated data points together; with fewer the state stays."""

    @property
    def least(self) -> int:
        """How many data points have to breach."""
        return self.of or self.periods

    @property
    def looked_at(self) -> int:
        """How many periods are looked at: the evaluation range."""
        return self.periods + LOOKED_AT_MORE

    def breaches(self, value: float) -> bool:
        return _COMPARES[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Point:
    """A data point: when its period began, its value, and of how many samples it is."""

    at: datetime
    value: float
    samples: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """The state that follows, why, and the data points that it follows from, the oldest first."""

    state: str
    reason: str
    points: Sequence[Point]


def judge(rule: Rule, found: Sequence[Point | None]) -> Verdict | None:
    """What follows from the evaluation range, oldest first, None for a period without data; None: the state stays."""
    there = [point for point in found if point is not None]
    used = there[-rule.periods :]
    if rule.least_samples and used and sum(point.samples for point in used) < rule.least_samples:
        return None
    breaching = [point for point in used if rule.breaches(point.value)]
    missing = rule.periods - len(used)
    if len(breaching) >= rule.least:
        return Verdict(ALARM, _crossed(rule, breaching, is_alarm=True), used)
    if missing and rule.missing == BREACHING and len(breaching) + missing >= rule.least:
        return Verdict(ALARM, _filled(rule, used, breaching, missing, "Breaching"), used)
    if not missing:
        return Verdict(OK, _crossed(rule, _within(rule, used), is_alarm=False), used)
    if rule.missing in (BREACHING, NOT_BREACHING):
        filled = "Breaching" if rule.missing == BREACHING else "NonBreaching"
        return Verdict(OK, _filled(rule, used, _within(rule, used), missing, filled), used)
    if within := _within(rule, used):
        return Verdict(OK, _crossed(rule, within, is_alarm=False), used)
    if rule.missing == IGNORE:
        return None
    age = next((len(found) - place for place, point in enumerate(found) if point is not None), 0)
    if age >= rule.least:  # all that there is breaches, and the oldest for long enough
        return Verdict(ALARM, _crossed(rule, used, is_alarm=True), used)
    return Verdict(INSUFFICIENT_DATA, f"Insufficient Data: {_are(missing, 'datapoint')} unknown.", used)


def least_samples(percentile: float) -> float:
    """How many samples a percentile needs to be significant (documented): 10/(1 - p), or 10/p below the half."""
    rest = min(percentile, 100 - percentile)
    return 1000 / rest if rest > 0 else 0.0


def widest(period: int) -> int:
    """How many seconds the evaluation periods may be long together (documented)."""
    return 7 * DAY if period >= HOUR else DAY


def pause(period: int, periods: int) -> int:
    """How many seconds are between two evaluations (documented)."""
    if period * periods > DAY:
        return HOUR
    return 10 if period < 60 else 60


# -- wording ------------------------------------------------------------------------------------


def _within(rule: Rule, points: Sequence[Point]) -> list[Point]:
    return [point for point in points if not rule.breaches(point.value)]


def _crossed(rule: Rule, named: Sequence[Point], *, is_alarm: bool) -> str:
    _, words = _COMPARES[rule.comparison]
    listed = ", ".join(f"{point.value} ({point.at:%d/%m/%y %H:%M:%S})" for point in reversed(named))
    verb = "was" if len(named) == 1 else "were"
    compared = f"{verb} {'' if is_alarm else 'not '}{words} the threshold ({rule.threshold})"
    if rule.of is None:
        count = f"{len(named)} datapoint{'' if len(named) == 1 else 's'}"
        return f"Threshold Crossed: {count} [{listed}] {compared}."
    least = rule.least if is_alarm else rule.periods - rule.least + 1
    change = f"{OK} -> {ALARM}" if is_alarm else f"{ALARM} -> {OK}"
    return (
        f"Threshold Crossed: {len(named)} out of the last {rule.periods} datapoints [{listed}] {compared} "
        f"(minimum {least} datapoint{'' if least == 1 else 's'} for {change} transition)."
    )


def _filled(rule: Rule, used: Sequence[Point], named: Sequence[Point], missing: int, treated: str) -> str:
    counted = f"{_are(missing, 'missing datapoint')} treated as [{treated}]"
    if not used:
        periods = f"{rule.periods} period{'' if rule.periods == 1 else 's'}"
        return f"Threshold Crossed: no datapoints were received for {periods} and {counted}."
    if not named:
        return f"Threshold Crossed: {counted}."
    is_alarm = rule.breaches(named[0].value)
    told = _crossed(Rule(rule.comparison, rule.threshold, rule.periods), named, is_alarm=is_alarm)
    return f"{told.removesuffix('.')} and {counted}."


def _are(count: int, noun: str) -> str:
    return f"{count} {noun} was" if count == 1 else f"{count} {noun}s were"


def stamp(moment: datetime) -> str:
    """A moment as alarms write it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


def reason_data(rule: Rule, verdict: Verdict, told: Mapping[str, Any], asked_at: datetime) -> dict[str, Any]:
    """StateReasonData. `told`: what it says of the alarm's statistic, unit and period."""
    points = verdict.points
    return {
        "version": "1.0",
        "queryDate": stamp(asked_at),
        **({"startDate": stamp(points[0].at)} if points else {}),
        **told,
        "recentDatapoints": [point.value for point in points],
        "threshold": rule.threshold,
        **(
            {
                "evaluatedDatapoints": [
                    {"timestamp": stamp(point.at), "sampleCount": point.samples, "value": point.value}
                    for point in reversed(points)
                ]
            }
            if points
            else {}
        ),
    }
