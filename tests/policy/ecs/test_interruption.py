"""What an interruption of Spot costs; the times are AWS's, docs/facts.md 3.3."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.ecs.interruption import cut_off, serves_on, shortage


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
