"""Schedule expressions: `rate(5 minutes)`, `cron(0 12 * * ? *)`, `at(2026-01-01T12:00:00)`.

Source: Amazon EventBridge User Guide, "Schedule patterns"; Application Auto Scaling API Reference, *PutScheduledAction*
(documented). A rate is told in AWS seconds; the others are of the wall clock in a time zone, as timestamps are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from aws_croniter import AwsCroniter

_RATE = re.compile(r"rate\((?P<value>[1-9][0-9]*) (?P<unit>minute|hour|day)(?P<many>s?)\)")
_CRON = re.compile(r"cron\((?P<fields>.*)\)")
_AT = re.compile(r"at\((?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}
NEVER = float("inf")


@dataclass(frozen=True)
class Rate:
    """Every `period` AWS seconds."""

    period: float

    def next(self, now: float, _wall: datetime) -> float:
        """AWS seconds."""
        return now + self.period

    def is_due(self, due: float, now: float, _wall: datetime) -> bool:
        return now >= due


@dataclass(frozen=True)
class _OfTheWall:
    zone: tzinfo

    def is_due(self, due: float, _now: float, wall: datetime) -> bool:
        return due != NEVER and wall >= datetime.fromtimestamp(due, UTC)


@dataclass(frozen=True)
class Cron(_OfTheWall):
    """At the minutes that the fields tell."""

    fields: AwsCroniter

    def next(self, _now: float, wall: datetime) -> float:
        """Seconds since the epoch; NEVER where there is no such minute any more."""
        there = wall.astimezone(self.zone).replace(tzinfo=UTC)  # the library knows no zones
        found = self.fields.get_next(there)
        if not found or found[0] is None:
            return NEVER
        moment: datetime = found[0].replace(tzinfo=self.zone)
        if moment <= wall:  # the hour that comes twice has come for the second time
            moment = moment.replace(fold=1)
        return moment.timestamp()


@dataclass(frozen=True)
class At(_OfTheWall):
    """Once."""

    moment: datetime

    def next(self, _now: float, wall: datetime) -> float:
        """Seconds since the epoch; NEVER once it is past."""
        at = self.moment.replace(tzinfo=self.zone)
        return at.timestamp() if at > wall else NEVER


def read(expression: str, zone: tzinfo = UTC) -> Rate | Cron:
    """The schedule that repeats which an expression tells; ValueError if it tells none."""
    if rate := _RATE.fullmatch(expression):
        value = int(rate["value"])
        if bool(rate["many"]) == (value == 1):
            raise ValueError("the unit of a rate is singular for 1 and plural for more")
        return Rate(value * _SECONDS[rate["unit"]])
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise ValueError("an expression is rate(value unit) or cron(fields)")
    from aws_croniter import AwsCroniter
    from aws_croniter.exceptions import AwsCroniterExpressionError

    try:
        return Cron(zone, AwsCroniter(cron["fields"]))
    except AwsCroniterExpressionError as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=256)
def read_any(expression: str, timezone: str | None) -> Rate | Cron | At:
    """The same, also of what is to be once, in a time zone by its name. ValueError."""
    try:
        zone = ZoneInfo(timezone) if timezone else UTC
    except (OSError, LookupError, ValueError) as error:
        raise ValueError(f"there is no time zone {timezone}") from error
    if at := _AT.fullmatch(expression):
        return At(zone, datetime.fromisoformat(at["moment"]))
    return read(expression, zone)
