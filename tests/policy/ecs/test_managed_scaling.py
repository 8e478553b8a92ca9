"""CapacityProviderReservation; vectors of docs/facts.md 4.6, from the ECS Developer Guide of June 2023."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.ecs.managed_scaling import reservation, wanted


@pytest.mark.parametrize(("needed", "running", "expected"), [(0, 0, 100), (1, 0, 200), (4, 4, 100), (7, 10, 70)])
def test_the_metric(needed: int, running: int, expected: float) -> None:
    assert reservation(needed, running) == expected


@pytest.mark.parametrize(
    ("needed", "running", "target", "expected"),
    [(4, 4, 100, 4), (4, 4, 80, 5), (7, 10, 100, 7), (1, 0, 100, 2), (0, 0, 100, 0), (1, 10, 100, 5)],
)
def test_the_instances_that_follow(needed: int, running: int, target: int, expected: int) -> None:
    assert wanted(needed, running, target) == expected


@pytest.mark.parametrize("target", [0, 101])
def test_a_target_outside_its_range_is_refused(target: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        wanted(1, 1, target)


@settings(max_examples=50)
@given(st.integers(0, 300), st.integers(1, 300), st.integers(1, 100))
def test_what_is_needed_is_there_and_no_step_takes_more_than_half(needed: int, running: int, target: int) -> None:
    to = wanted(needed, running, target)
    assert to >= needed
    assert 2 * to >= running
