"""What an interruption of Spot costs; the times are AWS's, docs/facts.md 3.3."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.ecs.interruption import Course, course, cut_off, lasts, serves_on, shortage, wave


@pytest.mark.parametrize(
    ("stop_timeout", "start", "dry", "expected"),
    [(30, 60, 0, 30), (120, 60, 0, 0), (0, 60, 0, 60), (30, 60, 300, 330), (120, 60, 60, 0), (120, 120, 0, 0)],
)
def test_a_task_is_missing_from_its_end_until_another_serves(
    stop_timeout: int, start: int, dry: int, expected: int
) -> None:
    assert shortage(stop_timeout, start, dry) == expected


@pytest.mark.parametrize("stop_timeout", [-1, 121])
def test_fargate_has_no_other_stop_timeout(stop_timeout: int) -> None:
    with pytest.raises(ValueError, match="0 to 120 seconds"):
        serves_on(stop_timeout)


def test_what_is_under_way_is_cut_off() -> None:
    assert cut_off(20, 0.2) == 4


@settings(max_examples=50)
@given(st.integers(0, 120), st.integers(0, 120), st.floats(0, 600), st.floats(0, 3600))
def test_a_longer_stop_timeout_never_makes_the_shortage_longer(one: int, other: int, start: float, dry: float) -> None:
    short, long = shortage(min(one, other), start, dry), shortage(max(one, other), start, dry)
    assert 0 <= long <= short <= start + dry


@pytest.mark.parametrize(
    ("stop_timeout", "delay", "sigterm", "killed"),
    [(30, 0, 0, 30), (120, 0, 0, 120), (60, 30, 30, 90), (60, 90, 90, 120), (30, 300, 120, 120)],
)
def test_a_container_hears_of_it_when_its_connections_have_drained_and_is_gone_in_two_minutes(
    stop_timeout: int, delay: int, sigterm: int, killed: int
) -> None:
    assert course(stop_timeout, delay) == Course(sigterm, killed)


def test_a_rate_is_kept_on_average_and_none_takes_nothing() -> None:
    chance = Random(1)
    assert sum(lasts(2, chance) for _ in range(20_000)) / 20_000 == pytest.approx(1800, rel=0.03)
    assert lasts(0, chance) == math.inf
    with pytest.raises(ValueError, match="0 or more"):
        lasts(-1, chance)


def test_a_wave_is_as_large_as_asked_for() -> None:
    tasks = list(range(7))
    assert sorted(wave(tasks, Random(1))) == tasks
    assert len(set(wave(tasks, Random(1), count=3))) == 3
    assert len(wave(tasks, Random(1), percent=50)) == 4
    assert len(wave(tasks, Random(1), count=9)) == 7
    assert wave([], Random(1), percent=50) == []
