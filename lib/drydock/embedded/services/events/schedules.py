"""Schedule expressions: `rate(5 minutes)` and `cron(0 12 * * ? *)`.

Source: Amazon EventBridge User Guide, "Schedule patterns" (documented). A rate is told in AWS seconds, from when its
rule is first seen; a cron expression is of the wall clock's UTC, as timestamps are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_croniter import AwsCroniter

_RATE = re.compile(r"rate\((?P<value>[1-9][0-9]*) (?P<unit>minute|hour|day)(?P<many>s?)\)")
_CRON = re.compile(r"cron\((?P<fields>.*)\)")
_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}


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
class Cron:
    """At the minutes that the fields tell."""

    fields: AwsCroniter

    def next(self, _now: float, wall: datetime) -> float:
        """Seconds since the epoch; infinity where there is no such minute any more."""
        found = self.fields.get_next(wall)
        return found[0].timestamp() if found and found[0] is not None else float("inf")

    def is_due(self, due: float, _now: float, wall: datetime) -> bool:
        return wall >= datetime.fromtimestamp(due, UTC) if due != float("inf") else False


def read(expression: str) -> Rate | Cron:
    """The schedule that an expression tells; ValueError if it tells none."""
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
        return Cron(AwsCroniter(cron["fields"]))
    except AwsCroniterExpressionError as error:
        raise ValueError(str(error)) from error
