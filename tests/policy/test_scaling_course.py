"""A service under a load, minute by minute."""

from __future__ import annotations

import pytest

from drydock.policy.scaling import Bounds, Step
from drydock.policy.scaling_course import course, stepping, tracking, turns

BOUNDS = Bounds(2, 8)


def tasks(loads: list[float], *watches: object, start: int = 2) -> list[int]:
    return [minute.tasks for minute in course(loads, watches, start=start, bounds=BOUNDS)]  # type: ignore[arg-type]


def test_target_tracking_is_out_after_three_minutes_and_in_after_fifteen() -> None:
    """docs/facts.md 4.7: how many periods the two alarms look at."""
    found = course([80.0] * 3 + [240.0] * 5 + [60.0] * 20, tracking(50, out_cooldown=0), start=2, bounds=BOUNDS)
    assert [minute.tasks for minute in found] == [2] * 6 + [5] * 17 + [2] * 5
    assert found[5].each == 120


def test_without_a_load_that_is_shared_it_never_settles_below_the_most() -> None:
    assert tasks([10_000.0] * 20, *tracking(50, out_cooldown=0))[-1] == BOUNDS.most


def test_a_cool_down_holds_the_next_step_back() -> None:
    out = [Step(1, lower=0)]
    at_once = tasks([400.0] * 6, stepping(out, above=True, threshold=50, cooldown=0))
    later = tasks([400.0] * 6, stepping(out, above=True, threshold=50, cooldown=120))
    assert at_once == [2, 3, 4, 5, 6, 7]
    assert later == [2, 3, 3, 4, 4, 5]


@pytest.mark.parametrize(("out", "low", "expected"), [(3, 30, 28), (1, 25, 0)])
def test_steps_that_are_too_large_for_what_is_between_their_alarms_flap(out: int, low: float, expected: int) -> None:
    both = [
        stepping([Step(out, lower=0)], above=True, threshold=50, cooldown=0),
        stepping([Step(-out, upper=0)], above=False, threshold=low, cooldown=0),
    ]
    assert turns(tasks([120.0] * 30, *both)) == expected


def test_of_two_tracking_policies_both_have_to_be_low() -> None:
    both = [*tracking(50, policy="requests"), *tracking(25, policy="half")]
    assert set(tasks([180.0] * 40, *both, start=8)) == {8}


def test_turns() -> None:
    assert turns([2, 2, 5, 5, 2, 5]) == 2
    assert turns([2, 3, 5]) == turns([4]) == turns([]) == 0
