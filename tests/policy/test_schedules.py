"""When schedule expressions are due: of AWS seconds, or of the wall clock in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drydock.policy.schedules import NEVER, read_any


def due(expression: str, wall: str, zone: str | None = None) -> str:
    """The next moment after a wall clock's UTC."""
    found = read_any(expression, zone).next(0.0, datetime.fromisoformat(wall).replace(tzinfo=UTC))
    return "never" if found == NEVER else f"{datetime.fromtimestamp(found, UTC):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("expression", "wall", "zone", "expected"),
    [
        ("cron(0 12 * * ? *)", "2026-11-27T11:00", None, "2026-11-27T12:00"),
        ("cron(0 12 * * ? *)", "2026-11-27T12:00", None, "2026-11-28T12:00"),
        ("cron(0 12 * * ? *)", "2026-11-27T11:00", "America/New_York", "2026-11-27T17:00"),
        ("cron(0 12 * * ? *)", "2026-07-01T11:00", "America/New_York", "2026-07-01T16:00"),
        ("cron(0 9 ? * MON-FRI *)", "2026-11-27T10:00", "Europe/Berlin", "2026-11-30T08:00"),
        ("at(2026-12-24T18:00:00)", "2026-11-27T11:00", "Asia/Kolkata", "2026-12-24T12:30"),
        ("at(2026-12-24T18:00:00)", "2026-12-24T18:00", None, "never"),
        ("cron(0 0 1 1 ? 2020)", "2026-11-27T11:00", None, "never"),
        # an hour that comes twice: half past two in Berlin is at 00:30 and at 01:30 UTC
        ("cron(30 2 * * ? *)", "2026-10-25T00:00", "Europe/Berlin", "2026-10-25T00:30"),
        ("cron(45 * * * ? *)", "2026-10-25T01:00", "Europe/Berlin", "2026-10-25T01:45"),
    ],
)
def test_the_wall_clock_of_a_time_zone(expression: str, wall: str, zone: str | None, expected: str) -> None:
    assert due(expression, wall, zone) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("rate(1 minutes)", "singular"),
        ("rate(5 minute)", "plural"),
        ("rate(0 minutes)", "an expression is"),
        ("cron(61 * * * ? *)", "61"),
        ("at(2026-13-01T00:00:00)", "month"),
        ("at(tomorrow)", "an expression is"),
        ("every day", "an expression is"),
    ],
)
def test_what_tells_no_schedule(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_any(expression, None)


def test_a_time_zone_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="no time zone Mars/Olympus"):
        read_any("cron(0 12 * * ? *)", "Mars/Olympus")
