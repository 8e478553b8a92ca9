"""CloudWatch's arithmetic, against its documentation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drydock.policy.metrics import DAY, Sample, beginning, by_period, is_percentile, statistic


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-11-26T{text}").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("ago", "period", "begins"),
    [
        (0, 60, "12:32:00"),
        (0, 300, "12:32:00"),
        (14 * DAY, 60, "12:32:00"),
        (16 * DAY, 300, "12:30:00"),
        (62 * DAY, 300, "12:30:00"),
        (64 * DAY, 3600, "12:00:00"),
        (0, 10, "12:32:30"),
        (0, 5, "12:32:30"),
        (0, 1, "12:32:34"),
    ],
)
def test_the_start_is_rounded_down_as_documented(ago: int, period: int, begins: str) -> None:
    start = at("12:32:34")
    assert beginning(start, period, now=start + ago) == at(begins)


def test_the_documented_examples_of_short_periods() -> None:
    assert beginning(at("01:05:13"), 10, now=at("01:05:23")) == at("01:05:10")
    assert beginning(at("15:02:17"), 5, now=at("15:07:17")) == at("15:02:15")


def value(moment: str, number: float, count: float = 1) -> Sample:
    return Sample(at(moment), number, number, number * count, count)


def test_periods_are_counted_from_the_start() -> None:
    samples = [value("05:19:00", 2), value("05:18:59", 1), value("04:59:00", 0)]
    found = by_period(samples, at("04:59:00"), 1200)
    assert [(begin, sorted(sample.low for sample in run)) for begin, run in found] == [
        (at("04:59:00"), [0, 1]),
        (at("05:19:00"), [2]),
    ]


def test_statistics_of_values_and_of_sets() -> None:
    samples = [value("00:00:00", 10, count=3), Sample(at("00:00:00"), 2, 20, 44, 4)]
    names = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
    assert [statistic(name, samples) for name in names] == [7, 74, 74 / 7, 2, 20]


def test_percentiles_need_the_values_themselves() -> None:
    values = [value("00:00:00", number) for number in range(1, 101)]
    assert [statistic(name, values) for name in ("p0", "p50", "p99", "p99.9", "p100")] == [1, 50, 99, 100, 100]
    assert statistic("p90", [value("00:00:00", 5, count=4), value("00:00:00", 50)]) == 50
    assert statistic("p90", [Sample(0, 1, 2, 3, 2)]) is None
    assert statistic("p90", [value("00:00:00", 1), value("00:00:00", -1)]) is None


@pytest.mark.parametrize("text", ["p100.1", "p101", "p", "tm99", "P90", "p9x", "IQM"])
def test_what_is_no_percentile(text: str) -> None:
    assert not is_percentile(text)
