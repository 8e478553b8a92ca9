"""The rules of Application Auto Scaling, held against AWS's examples and against random histories."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from drydock.policy.scaling import (
    AT_DESIRED,
    AT_MAX,
    AT_MIN,
    FLAPPING,
    Asked,
    Bounds,
    Change,
    Cooling,
    Step,
    Stepping,
    Tracking,
    Unchanged,
    adjusted,
    decide,
    low_threshold,
)

WIDE = Bounds(1, 1000)
REST = Cooling()


def high(target: float, *values: float, name: str = "tracking", **more: float) -> Asked:
    return Asked(name, "AlarmHigh", Tracking(target, values, is_high=True), **more)


def low(target: float, *values: float, name: str = "tracking", **more: float) -> Asked:
    return Asked(name, "AlarmLow", Tracking(target, values, is_high=False), **more)


def step(kind: str, adjustment: int, name: str = "step", magnitude: int = 0, **more: float) -> Asked:
    way = Stepping(kind, [Step(adjustment, lower=0)], 50, True, [60], magnitude=magnitude)
    return Asked(name, "alarm", way, **more)


def capacity(decision: object) -> int | None:
    return decision.capacity if isinstance(decision, Change) else None


@pytest.mark.parametrize(
    ("tasks", "asked", "expected"),
    [
        # docs/facts.md 4.7, "Vectors"
        (3, high(1000, 1666.67), 5),
        (5, high(1000, 60_000), 300),
        (5, high(70, 90), 7),
        (10, low(70, 30), 5),
        # docs/facts.md 1.7, A88: 5000 requests a minute of three tasks, a thousand each
        (3, high(1000, 5000 / 3), 5),
        # the last minute counts for out, the highest for in
        (5, high(70, 200, 100, 90), 7),
        (10, low(70, 10, 30, 20), 5),
        # one more at least; out of nothing, too
        (1, high(70, 70.0001), 2),
        (0, high(10, 500), 1),
    ],
)
def test_target_tracking_scales_in_proportion(tasks: int, asked: Asked, expected: int) -> None:
    assert capacity(decide(tasks, WIDE, [asked], REST, 0)) == expected


def test_the_low_alarm_is_below_nine_tenths_of_the_target() -> None:
    """docs/facts.md 4.7: 63 of 70 is no scale-in."""
    assert [low_threshold(target) for target in (70, 50, 75, 1000, 0.7)] == [63.0, 45.0, 67.5, 900.0, 0.63]


def test_the_largest_of_several_wins() -> None:
    """docs/facts.md 4.7: of five and eight eight; +3 and +200 % of ten are thirty (*PutScalingPolicy*)."""
    decision = decide(4, WIDE, [high(70, 85, name="cpu"), high(500, 1000, name="requests")], REST, 0)
    assert isinstance(decision, Change)
    assert (decision.capacity, decision.asked.policy) == (8, "requests")
    both = [step("ChangeInCapacity", 3), step("PercentChangeInCapacity", 200)]
    assert capacity(decide(10, WIDE, both, REST, 0)) == 30
    ins = [low(70, 30, name="cpu"), low(500, 400, name="requests")]
    assert capacity(decide(10, WIDE, ins, REST, 0)) == 8
    assert capacity(decide(10, WIDE, [*ins, high(70, 80)], REST, 0)) == 12, "out goes before in"


def test_target_tracking_scales_in_only_if_all_agree() -> None:
    assert decide(10, WIDE, [low(70, 30)], REST, 0, all_low=False) is None
    assert capacity(decide(10, WIDE, [step("ChangeInCapacity", -2)], REST, 0, all_low=False)) == 8, "steps do not ask"


@pytest.mark.parametrize(
    ("kind", "adjustment", "magnitude", "tasks", "expected"),
    [
        ("ChangeInCapacity", 2, 0, 4, 6),
        ("ChangeInCapacity", -5, 0, 4, 0),
        ("ExactCapacity", 7, 0, 4, 7),
        # Application Auto Scaling User Guide, "Scaling adjustment types"
        ("PercentChangeInCapacity", 10, 0, 127, 139),
        ("PercentChangeInCapacity", 10, 0, 6, 7),
        ("PercentChangeInCapacity", -10, 0, 6, 5),
        ("PercentChangeInCapacity", -67, 0, 10, 4),
        ("PercentChangeInCapacity", 50, 0, 0, 0),
        # API Reference, *StepScalingPolicyConfiguration*: 25 % of four tasks, two at least
        ("PercentChangeInCapacity", 25, 2, 4, 6),
        ("PercentChangeInCapacity", 25, 0, 4, 5),
    ],
)
def test_adjustments(kind: str, adjustment: int, magnitude: int, tasks: int, expected: int) -> None:
    assert adjusted(kind, adjustment, tasks, magnitude) == expected


@pytest.mark.parametrize(
    ("measured", "above", "expected"),
    [
        # API Reference, *StepAdjustment*: from 50 to below 60, and above 40 to 50, of a threshold of 50
        (50, True, 1), (59.9, True, 1), (60, True, 2), (1000, True, 2), (49.9, True, 0),
        (50, False, -1), (40.1, False, -1), (40, False, -2), (0, False, -2), (50.1, False, 0),
    ],
)  # fmt: skip
def test_which_step_a_breach_is_in(measured: float, above: bool, expected: int) -> None:
    steps = [Step(1, 0, 10), Step(2, 10)] if above else [Step(-1, -10, 0), Step(-2, None, -10)]
    way = Stepping("ChangeInCapacity", steps, 50, above, [measured])
    assert way.wanted(10) - 10 == expected


def test_steps_are_of_what_is_aggregated() -> None:
    steps = [Step(1, 0, 10), Step(2, 10)]
    found = [
        Stepping("ChangeInCapacity", steps, 50, True, [51, 55, 65], how).wanted(10)
        for how in ("Minimum", "Average", "Maximum")
    ]
    assert found == [11, 11, 12]


def test_while_a_scale_out_cools_down_it_is_a_part_of_the_next() -> None:
    """API Reference, *StepScalingPolicyConfiguration*: two were added, three are asked, one more comes."""
    first = decide(10, WIDE, [step("ChangeInCapacity", 2, out_cooldown=300)], REST, 0)
    assert isinstance(first, Change)
    assert first.capacity == 12
    assert decide(12, WIDE, [step("ChangeInCapacity", 2)], first.cooling, 299) is None
    again = decide(12, WIDE, [step("ChangeInCapacity", 3)], first.cooling, 299)
    assert isinstance(again, Change)
    assert again.capacity == 13
    assert decide(13, WIDE, [step("ChangeInCapacity", 3)], again.cooling, 598) is None
    assert capacity(decide(12, WIDE, [step("ChangeInCapacity", 2)], first.cooling, 300)) == 14
    assert decide(12, WIDE, [low(70, 10)], first.cooling, 299) is None


def test_while_a_scale_in_cools_down_only_a_scale_out_happens_and_ends_that() -> None:
    first = decide(10, WIDE, [low(70, 40, in_cooldown=300)], REST, 0)
    assert isinstance(first, Change)
    assert first.capacity == 6
    assert decide(6, WIDE, [low(70, 30)], first.cooling, 299) is None
    out = decide(6, WIDE, [high(70, 80, out_cooldown=60)], first.cooling, 10)
    assert isinstance(out, Change)
    assert out.capacity == 7
    assert capacity(decide(7, WIDE, [low(70, 30)], out.cooling, 70)) == 3
    assert capacity(decide(6, WIDE, [low(70, 30)], first.cooling, 300)) == 3


def test_the_bounds_hold_and_are_told_as_a_reason() -> None:
    bounds = Bounds(2, 10)
    assert capacity(decide(8, bounds, [high(70, 700)], REST, 0)) == 10
    assert decide(10, bounds, [high(70, 700)], REST, 0) == Unchanged(high(70, 700), AT_MAX)
    assert capacity(decide(5, bounds, [low(70, 1)], REST, 0)) == 2
    assert decide(2, bounds, [low(70, 1)], REST, 0) == Unchanged(low(70, 1), AT_MIN)
    assert decide(3, bounds, [low(70, 50)], REST, 0) == Unchanged(low(70, 50), FLAPPING)


def test_what_is_outside_of_its_bounds_comes_inside_by_scaling_towards_them() -> None:
    """ECS developer guide, "Automatically scale your Amazon ECS service"."""
    bounds = Bounds(2, 10)
    assert capacity(decide(1, bounds, [high(70, 71)], REST, 0)) == 2
    assert capacity(decide(20, bounds, [low(70, 60)], REST, 0)) == 10
    assert capacity(decide(1, bounds, [low(70, 0)], REST, 0)) is None
    assert capacity(decide(20, bounds, [high(70, 140)], REST, 0)) is None


def test_what_is_so_already_is_a_reason_of_its_own() -> None:
    assert decide(60, WIDE, [step("ExactCapacity", 60)], REST, 0) == Unchanged(step("ExactCapacity", 60), AT_DESIRED)


def test_what_a_user_took_away_does_not_count_as_added() -> None:
    cooling = Cooling(out_until=300, base=10)
    assert capacity(decide(2, WIDE, [high(70, 140)], cooling, 10)) == 4


def test_what_is_suspended_does_not_happen() -> None:
    assert decide(5, WIDE, [high(70, 90)], REST, 0, may_grow=False) is None
    assert decide(5, WIDE, [low(70, 10)], REST, 0, may_shrink=False) is None


@pytest.mark.parametrize("seed", range(50))
def test_a_history_stays_within_the_bounds_and_waits_for_its_cool_downs(seed: int) -> None:
    chance = random.Random(seed)
    least = chance.randint(0, 5)
    bounds = Bounds(least, least + chance.randint(0, 30))
    tasks, cooling, now = bounds.within(chance.randint(0, 30)), REST, 0.0
    cooldowns = {"out_cooldown": float(chance.choice((0, 60, 300))), "in_cooldown": float(chance.choice((0, 60, 300)))}
    changes: list[tuple[float, int, int]] = []
    for _ in range(200):
        now += chance.choice((1, 60))
        value = chance.uniform(0, 200)
        asked = [high(70, value, **cooldowns)] if value > 70 else [low(70, value, **cooldowns)] if value < 63 else []
        if chance.random() < 0.3:
            asked.append(step(chance.choice(("ChangeInCapacity", "PercentChangeInCapacity")),
                              chance.randint(-60, 60), magnitude=chance.randint(0, 2), **cooldowns))  # fmt: skip
        may_grow, may_shrink = chance.random() < 0.9, chance.random() < 0.9
        found = decide(tasks, bounds, asked, cooling, now, may_grow=may_grow, may_shrink=may_shrink)
        if isinstance(found, Change):
            assert bounds.least <= found.capacity <= bounds.most
            assert found.capacity != tasks
            assert may_grow if found.capacity > tasks else may_shrink
            assert found.asked in asked
            base = cooling.base if now < cooling.out_until else tasks
            assert (found.asked.way.wanted(base) > tasks) == (found.capacity > tasks)
            changes.append((now, tasks, found.capacity))
            tasks, cooling = found.capacity, found.cooling
    for (then, _, was), (at, before, after) in pairwise(changes):
        assert was == before
        if after < before:
            grew = was > next(old for when, old, new in changes if (when, new) == (then, was))
            assert at - then >= cooldowns["out_cooldown" if grew else "in_cooldown"]
