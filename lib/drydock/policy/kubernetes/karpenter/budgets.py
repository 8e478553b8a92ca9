"""Disruption budgets of a NodePool: how many of its nodes may go at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

UNBOUNDED = 2**31 - 1
REASONS = ("Underutilized", "Empty", "Drifted")
_NODES = re.compile(r"(100|[0-9]{1,2})%|[0-9]+")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:0s)?")
_EVERY = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Cron:
    """A schedule of five fields, in UTC. With both days restricted, one of the two has to match."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def is_on(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, (day.weekday() + 1) % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week

    def hits(self, after: datetime, upto: datetime) -> bool:
        """Whether there is a hit after the one moment and not after the other."""
        day = datetime(upto.year, upto.month, upto.day, tzinfo=UTC)
        while day >= after - timedelta(days=1):
            if self.is_on(day):
                moments = (
                    day + timedelta(hours=hour, minutes=minute) for hour in self.hours for minute in self.minutes
                )
                if any(after < moment <= upto for moment in moments):
                    return True
            day -= timedelta(days=1)
        return False


def cron(text: str) -> Cron:
    """A schedule as a budget has it: five fields, or @daily and the like. Raises ValueError, naming the field."""
    if text.startswith("@") and text not in _EVERY:
        raise ValueError(f"schedule {text!r} is none of {', '.join(_EVERY)}.")
    parts = _EVERY.get(text, text).split()
    if len(parts) != 5:
        raise ValueError(
            f"schedule {text!r} has {len(parts)} fields, and cron has five: minute hour day month weekday."
        )
    minutes, hours, days, months, weekdays = (_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
    free = [part.split("/")[0] in ("*", "?") for part in parts]
    return Cron(minutes, hours, days, months, weekdays, either_day=not free[2] and not free[4])


def _field(text: str, name: str, least: int, most: int, words: Sequence[str]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, every = part.partition("/")
        step = _number(every, name, 1, most, ()) if every else 1
        if span in ("*", "?"):
            first, last = least, most
        else:
            low, dash, high = span.partition("-")
            first = _number(low, name, least, most, words)
            last = _number(high, name, least, most, words) if dash else most if every else first
        if first > last:
            raise ValueError(f"{name} {part!r}: beginning of range ({first}) beyond end of range ({last}).")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, name: str, least: int, most: int, words: Sequence[str]) -> int:
    if text.lower() in words:
        return words.index(text.lower()) + least
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{name} {text!r} is no number from {least} to {most}.")
    return int(text)


@dataclass(frozen=True)
class Budget:
    """At most `nodes`, a number or a percentage, at once, for these reasons (none: all), while it is active.

    schedule, duration  both or neither: active for so long after each hit of the schedule, in UTC. Neither: always.

    Raises ValueError for what the API refuses.
    """

    nodes: str = "10%"
    reasons: tuple[str, ...] = ()
    schedule: str = ""
    duration: str = ""

    def __post_init__(self) -> None:
        if not _NODES.fullmatch(self.nodes):
            raise ValueError(f"nodes {self.nodes!r} is neither a number nor a percentage up to 100%.")
        if bool(self.schedule) != bool(self.duration):
            raise ValueError("'schedule' must be set with 'duration'.")
        for reason in self.reasons:
            if reason not in REASONS:
                raise ValueError(f"reason {reason!r} is none of {', '.join(REASONS)}.")
        if self.schedule:
            cron(self.schedule)
            _length(self.duration)

    def is_active(self, now: datetime) -> bool:
        """Whether the schedule hit within the duration before `now`. Source: pkg/apis/v1/nodepool.go (observed)."""
        if not self.schedule:
            return True
        now = now.astimezone(UTC)
        return cron(self.schedule).hits(now - _length(self.duration), now)

    def allowed(self, total: int, now: datetime) -> int:
        """Nodes of `total` that may go at once, a percentage rounded up; UNBOUNDED while it is not active."""
        if not self.is_active(now):
            return UNBOUNDED
        if self.nodes.endswith("%"):
            return -(-total * int(self.nodes[:-1]) // 100)
        return int(self.nodes)


def _length(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or not (match[1] or match[2]):
        raise ValueError(f"duration {text!r} is not of hours and minutes, such as 8h or 1h30m.")
    return timedelta(hours=int(match[1] or 0), minutes=int(match[2] or 0))


def allowed(budgets: Sequence[Budget], total: int, reason: str, now: datetime, *, disrupting: int = 0) -> int:
    """How many more nodes may go now for this reason: the least of the active budgets, less what is going.

    disrupting  nodes that are being removed, or not ready. Without any budget nothing is bounded.

    Source: pkg/controllers/disruption/helpers.go, *BuildDisruptionBudgetMapping* (observed).
    """
    bounds = [one.allowed(total, now) for one in budgets if not one.reasons or reason in one.reasons]
    return max(0, min([UNBOUNDED, *bounds]) - disrupting)
