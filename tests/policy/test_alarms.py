"""Alarm states: the tables of the CloudWatch user guide, "How alarm state is evaluated when data is missing"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drydock.policy.alarms import (
    ALARM,
    BREACHING,
    IGNORE,
    INSUFFICIENT_DATA,
    MISSING,
    NOT_BREACHING,
    OK,
    Point,
    Rule,
    judge,
    least_samples,
    pause,
)

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
RETAIN = None


def points(drawn: str, samples: float = 1.0) -> list[Point | None]:
    """0 is within the threshold of 1, X breaches it, - is missing; a minute between them."""
    values = {"0": 0.0, "X": 5.0}
    return [
        Point(NOON + timedelta(minutes=minute), values[mark], samples) if mark != "-" else None
        for minute, mark in enumerate(drawn.split())
    ]


def rule(periods: int, of: int | None = None, missing: str = MISSING, least: float = 0) -> Rule:
    return Rule("GreaterThanThreshold", 1.0, periods, of, missing, least)


def state(asked: Rule, drawn: str) -> str | None:
    verdict = judge(asked, points(drawn))
    return verdict.state if verdict else RETAIN


TREATMENTS = (MISSING, IGNORE, BREACHING, NOT_BREACHING)
DOCUMENTED = [
    (3, None, "0 - X - X", (OK, OK, OK, OK)),
    (3, None, "0 - - - -", (OK, OK, OK, OK)),
    (3, None, "- - - - 0", (OK, OK, OK, OK)),
    (3, None, "- - - - -", (INSUFFICIENT_DATA, RETAIN, ALARM, OK)),
    (3, None, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
    (3, None, "- - - - X", (INSUFFICIENT_DATA, RETAIN, ALARM, OK)),
    (3, None, "X - - - -", (ALARM, RETAIN, ALARM, OK)),
    (3, None, "- - X - -", (ALARM, RETAIN, ALARM, OK)),
    (3, 2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
    (3, 2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
    (3, 2, "0 - X - -", (OK, OK, ALARM, OK)),
    (3, 2, "- - - - 0", (OK, OK, ALARM, OK)),
    (3, 2, "- - - - X", (INSUFFICIENT_DATA, RETAIN, ALARM, OK)),
    (3, 2, "- - - X -", (ALARM, RETAIN, ALARM, OK)),
]


@pytest.mark.parametrize(("periods", "of", "drawn", "expected"), DOCUMENTED)
def test_the_documented_tables(periods: int, of: int | None, drawn: str, expected: tuple[str | None, ...]) -> None:
    found = tuple(state(rule(periods, of, missing), drawn) for missing in TREATMENTS)
    assert found == expected


def told(asked: Rule, drawn: str) -> str:
    verdict = judge(asked, points(drawn))
    assert verdict is not None
    return verdict.reason


def test_reasons_are_worded_as_awss() -> None:
    assert told(rule(1), "- - X") == (
        "Threshold Crossed: 1 datapoint [5.0 (26/11/26 12:02:00)] was greater than the threshold (1.0)."
    )
    assert told(rule(2), "0 0 X X") == (
        "Threshold Crossed: 2 datapoints [5.0 (26/11/26 12:03:00), 5.0 (26/11/26 12:02:00)] "
        "were greater than the threshold (1.0)."
    )
    assert told(rule(1), "X X 0") == (
        "Threshold Crossed: 1 datapoint [0.0 (26/11/26 12:02:00)] was not greater than the threshold (1.0)."
    )
    assert told(rule(1, 1), "0 0 X") == (
        "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (26/11/26 12:02:00)] was greater than the threshold "
        "(1.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert told(rule(3, 2), "0 0 0 0 X") == (
        "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (26/11/26 12:03:00), 0.0 (26/11/26 12:02:00)] were "
        "not greater than the threshold (1.0) (minimum 2 datapoints for ALARM -> OK transition)."
    )
    assert told(rule(1), "- - -") == "Insufficient Data: 1 datapoint was unknown."
    assert told(rule(3), "- - - - -") == "Insufficient Data: 3 datapoints were unknown."
    assert told(rule(1, missing=NOT_BREACHING), "- - -") == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )
    assert told(rule(2, missing=BREACHING), "- - - -") == (
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
        "[Breaching]."
    )


@pytest.mark.parametrize(
    ("comparison", "value", "breaches"),
    [
        ("GreaterThanThreshold", 1.0, False),
        ("GreaterThanOrEqualToThreshold", 1.0, True),
        ("LessThanThreshold", 1.0, False),
        ("LessThanOrEqualToThreshold", 1.0, True),
    ],
)
def test_at_the_threshold(comparison: str, value: float, breaches: bool) -> None:
    assert Rule(comparison, 1.0, 1).breaches(value) is breaches


@pytest.mark.parametrize(("percentile", "samples"), [(99, 1000), (50, 20), (90, 100), (10, 100), (100, 0)])
def test_how_many_samples_a_percentile_needs(percentile: float, samples: float) -> None:
    assert least_samples(percentile) == pytest.approx(samples)


def test_with_too_few_samples_the_state_stays() -> None:
    low = rule(1, least=least_samples(90))
    assert judge(low, points("- - X", samples=99)) is None
    assert judge(low, points("- - X", samples=100)) is not None


@pytest.mark.parametrize(("period", "periods", "seconds"), [(10, 1, 10), (60, 3, 60), (300, 1, 60), (3600, 48, 3600)])
def test_how_often_an_alarm_is_looked_at(period: int, periods: int, seconds: int) -> None:
    assert pause(period, periods) == seconds
