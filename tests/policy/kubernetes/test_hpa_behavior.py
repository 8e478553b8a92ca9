"""What holds replicas back: kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal_test.go.

Names are those of upstream's tests and cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.hpa import behavior as behaviors
from drydock.policy.kubernetes.hpa.behavior import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    DISABLED,
    PERCENT,
    PODS,
    SMALLEST,
    Behavior,
    Event,
    Policy,
    Recommendation,
    Rules,
)

NOW = 10_000.0


def rules(pods: int, pods_period: int, percent: int, percent_period: int, window: int) -> Rules:
    """generateScalingRules."""
    found = [Policy(PODS, pods, pods_period)] if pods else []
    found += [Policy(PERCENT, percent, percent_period)] if percent else []
    return Rules(tuple(found), window=window)


def spread(changes: Sequence[int], period: int) -> list[Event]:
    """generateEventsUniformDistribution: the middle of each part of the period."""
    part = period / len(changes)
    return [Event(NOW - int(period - part * at - part / 2), change) for at, change in enumerate(changes)]


SCALING: list[tuple[str, dict[str, Any], int, int, int, int, int, str]] = [
    # name, rules and events, minReplicas, maxReplicas, current, wanted, expected, condition
    ("prenormalized desired replicas within range", {}, 3, 8, 5, 7, 7, "DesiredWithinRange"),
    ("prenormalized desired replicas < minReplicas", {}, 2, 8, 3, 1, 2, "TooFewReplicas"),
    ("prenormalized desired replicas within range when minReplicas is 0", {}, 0, 10, 1, 0, 0, "DesiredWithinRange"),
    ("maxReplicas is the limit because maxReplicas < scaleUpLimit", {}, 1, 10, 20, 1000, 10, "TooManyReplicas"),
    ("desired replica count is more than the maximum replica count", {}, 100, 150, 100, 1000, 150, "TooManyReplicas"),
    ("scaleUpLimit is the limit because scaleUpLimit < maxReplicas with user policies",
     {"up": rules(0, 0, 1, 60, 0)}, 1, 2000, 3, 1000, 4, "ScaleUpLimit"),
    ("scaleDownLimit is the limit because scaleDownLimit > minReplicas with user defined policies",
     {"down": rules(20, 60, 0, 0, 0)}, 3, 2000, 1000, 3, 980, "ScaleDownLimit"),
    ("scaleUp with default behavior", {}, 1, 1000, 10, 50, 20, "ScaleUpLimit"),
    ("scaleUp with pods policy larger than percent policy",
     {"up": rules(100, 60, 100, 60, 0)}, 1, 1000, 10, 500, 110, "ScaleUpLimit"),
    ("scaleUp with percent policy larger than pods policy",
     {"up": rules(2, 60, 100, 60, 0)}, 1, 1000, 10, 500, 20, "ScaleUpLimit"),
    ("scaleUp with spec MaxReplicas limitation with large pod policy",
     {"up": rules(100, 60, 0, 0, 0)}, 1, 1000, 10, 50, 50, "DesiredWithinRange"),
    ("scaleUp with spec MaxReplicas limitation with large percent policy",
     {"up": rules(10000, 60, 0, 0, 0)}, 1, 1000, 10, 50, 50, "DesiredWithinRange"),
    ("scaleUp with pod policy limitation", {"up": rules(30, 60, 0, 0, 0)}, 1, 1000, 10, 50, 40, "ScaleUpLimit"),
    ("scaleUp with percent policy limitation", {"up": rules(0, 0, 200, 60, 0)}, 1, 1000, 10, 50, 30, "ScaleUpLimit"),
    ("scaleDown with percent policy larger than pod policy",
     {"down": rules(20, 60, 1, 60, 300)}, 1, 1000, 100, 2, 80, "ScaleDownLimit"),
    ("scaleDown with pod policy larger than percent policy",
     {"down": rules(2, 60, 1, 60, 300)}, 1, 1000, 100, 2, 98, "ScaleDownLimit"),
    ("scaleDown with spec MinReplicas=nil limitation with large pod policy",
     {"down": rules(100, 60, 0, 0, 300)}, 1, 1000, 10, 0, 1, "TooFewReplicas"),
    ("scaleDown with spec MinReplicas limitation with large percent policy",
     {"down": rules(0, 0, 100, 60, 300)}, 5, 1000, 10, 2, 5, "TooFewReplicas"),
    ("scaleDown with pod policy limitation", {"down": rules(5, 60, 0, 0, 300)}, 1, 1000, 10, 2, 5, "ScaleDownLimit"),
    ("scaleDown with percent policy limitation",
     {"down": rules(0, 0, 50, 60, 300)}, 1, 1000, 10, 5, 5, "DesiredWithinRange"),
    ("scaleUp with spec MaxReplicas limitation with large pod policy and events",
     {"up": rules(300, 60, 0, 0, 0), "added": spread([1, 5, 9], 120)}, 1, 200, 100, 500, 200, "TooManyReplicas"),
    ("scaleUp with spec MaxReplicas limitation with large percent policy and events",
     {"up": rules(0, 0, 10000, 60, 0), "added": spread([1, 5, 9], 120)}, 1, 200, 100, 500, 200, "TooManyReplicas"),
    ("scaleUp with currentReplicas limitation with rate.PeriodSeconds with a lot of recent scale up events",
     {"up": rules(5, 120, 0, 0, 0), "added": spread([1, 5, 9], 120)}, 1, 1000, 100, 500, 100, "ScaleUpLimit"),
    ("scaleUp with pod policy and previous scale up events",
     {"up": rules(150, 120, 0, 0, 0), "added": spread([1, 5, 9], 120)}, 1, 1000, 100, 500, 235, "ScaleUpLimit"),
    ("scaleUp with percent policy and previous scale up events",
     {"up": rules(0, 0, 200, 120, 0), "added": spread([1, 5, 9], 120)}, 1, 1000, 100, 500, 255, "ScaleUpLimit"),
    ("scaleUp with percent policy and previous scale up and down events",
     {"up": rules(0, 0, 300, 300, 0), "added": spread([4], 120), "removed": spread([2], 120)},
     1, 1000, 6, 24, 16, "ScaleUpLimit"),
    ("scaleDown with default policy and previous events",
     {"removed": spread([1, 5, 9], 120)}, 1, 1000, 10, 5, 5, "DesiredWithinRange"),
    ("scaleDown with spec MinReplicas=nil limitation with large pod policy and previous events",
     {"down": rules(115, 120, 0, 0, 300), "removed": spread([1, 5, 9], 120)}, 1, 1000, 100, 0, 1, "TooFewReplicas"),
    ("scaleDown with spec MinReplicas limitation with large pod policy and previous events",
     {"down": rules(130, 120, 0, 0, 300), "removed": spread([1, 5, 9], 120)}, 5, 1000, 100, 0, 5, "TooFewReplicas"),
    ("scaleDown with spec MinReplicas limitation with large percent policy and previous events",
     {"down": rules(0, 0, 100, 120, 300), "removed": spread([1, 5, 9], 120)}, 5, 1000, 100, 2, 5, "TooFewReplicas"),
    ("scaleDown with pod policy limitation and previous events",
     {"down": rules(5, 120, 0, 0, 300), "removed": spread([1, 5, 9], 120)}, 1, 1000, 100, 2, 100, "ScaleDownLimit"),
    ("scaleDown with percent policy limitation and previous events",
     {"down": rules(0, 0, 50, 120, 300), "removed": spread([2, 4, 6], 120)}, 1, 1000, 100, 0, 56, "ScaleDownLimit"),
    ("scaleDown with percent policy and previous scale up and down events",
     {"down": rules(0, 0, 50, 180, 0), "added": spread([2], 120), "removed": spread([4], 120)},
     1, 1000, 10, 1, 6, "ScaleDownLimit"),
    ("scaleDown with previous events preventing further scale down",
     {"down": rules(0, 0, 10, 120, 300), "removed": spread([10, 10, 10], 120)}, 1, 1000, 100, 0, 100,
     "ScaleDownLimit"),
    ("scaleDown with with previous events still allowing more scale down",
     {"down": rules(0, 0, 1000, 120, 300), "removed": spread([10, 10, 10], 120)}, 1, 1000, 10, 5, 5,
     "DesiredWithinRange"),
    *(
        (f"events and two policies for up, {pods_period} s and {percent} %",
         {"up": rules(1000, pods_period, percent, 60, 0), "added": spread([8, 12, 9, 11], 120)},
         1, 1000, 100, 200, 200, "DesiredWithinRange")
        for pods_period, percent in ((60, 0), (120, 100), (30, 100))
    ),
    *(
        (f"events and two policies for down, {pods_period} s and {percent} %",
         {"down": rules(1000, pods_period, percent, 60, 300), "removed": spread([8, 12, 9, 11], 120)},
         1, 1000, 100, 5, 5, "DesiredWithinRange")
        for pods_period, percent in ((60, 0), (120, 100), (30, 100))
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("held", "least", "most", "current", "wanted", "expected", "reason"),
    [case[1:] for case in SCALING],
    ids=[case[0] for case in SCALING],
)
def test_scaling_with_rules(
    held: dict[str, Any], least: int, most: int, current: int, wanted: int, expected: int, reason: str
) -> None:
    given = Behavior(held.get("up", DEFAULT_UP), held.get("down", DEFAULT_DOWN))
    found = behaviors.limit(
        current, wanted, least=least, most=most, behavior=given, added=held.get("added", ()),
        removed=held.get("removed", ()), now=NOW,
    )  # fmt: skip
    assert (found.replicas, found.reason) == (expected, reason)


@pytest.mark.parametrize(
    ("current", "wanted", "least", "most", "expected", "reason"),
    [
        pytest.param(5, 7, 3, 8, 7, "DesiredWithinRange", id="prenormalized desired replicas within range"),
        pytest.param(3, 1, 2, 8, 2, "TooFewReplicas", id="prenormalized desired replicas < minReplicas"),
        pytest.param(1, 0, 0, 10, 0, "DesiredWithinRange", id="prenormalized desired zeroed replicas within range"),
        pytest.param(20, 1000, 1, 10, 10, "TooManyReplicas", id="maxReplicas is the limit"),
        pytest.param(3, 1000, 1, 2000, 6, "ScaleUpLimit", id="scaleUpLimit is the limit (tests: 8 times)"),
        pytest.param(1, 1000, 1, 2000, 4, "ScaleUpLimit", id="4 at least"),
    ],
)  # fmt: skip
def test_convert_desired_replicas_with_rules(
    current: int, wanted: int, least: int, most: int, expected: int, reason: str
) -> None:
    found = behaviors.limit_without_behavior(current, wanted, least=least, most=most)
    assert (found.replicas, found.reason) == (expected, reason)


SMALL = Rules((Policy(PODS, 2, 60), Policy(PERCENT, 50, 60)), select=SMALLEST, window=300)


def test_calculate_scale_up_limit_with_scaling_rules() -> None:
    assert behaviors.up_limit(1, [], [], SMALL, NOW) == 2


def test_calculate_scale_down_limit_with_behaviors() -> None:
    assert behaviors.down_limit(5, [], [], SMALL, NOW) == 3


@pytest.mark.parametrize(("up", "expected"), [(rules(0, 0, 50, 60, 60), 6), (DEFAULT_UP, 8)])
def test_half_as_many_a_minute_against_the_defaults(up: Rules, expected: int) -> None:
    """docs/facts.md 4.8, derived: of four pods twelve are wanted."""
    assert behaviors.limit(4, 12, least=1, most=100, behavior=Behavior(up, DEFAULT_DOWN)).replicas == expected


@pytest.mark.parametrize(("current", "wanted"), [(5, 50), (5, 1)])
def test_a_disabled_direction_does_not_move(current: int, wanted: int) -> None:
    still = Behavior(Rules(DEFAULT_UP.policies, DISABLED), Rules(DEFAULT_DOWN.policies, DISABLED))
    assert behaviors.limit(current, wanted, least=1, most=100, behavior=still).replicas == current


STABILIZING: list[tuple[str, list[tuple[int, float]], int, int, int, int, int]] = [
    # name, earlier (replicas, minutes ago), current, wanted, window up, window down, expected
    ("empty recommendations for scaling down", [], 100, 5, 0, 0, 5),
    ("simple scale down stabilization", [(4, 2), (5, 1)], 100, 3, 0, 180, 5),
    ("simple scale up stabilization", [(4, 2), (5, 1)], 1, 7, 300, 0, 4),
    ("no scale down stabilization", [(1, 2), (2, 1)], 100, 3, 300, 0, 3),
    ("no scale up stabilization", [(4, 2), (5, 1)], 1, 3, 0, 300, 3),
    ("no scale down stabilization, reuse recommendation element", [(10, 10), (9, 9)], 100, 3, 0, 0, 3),
    ("no scale up stabilization, reuse recommendation element", [(10, 10), (9, 9)], 1, 100, 0, 0, 100),
    ("scale down stabilization, reuse one of obsolete recommendation element",
     [(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, 0, 180, 5),
    ("scale up stabilization, reuse one of obsolete recommendation element",
     [(10, 100), (6, 1), (5, 2), (9, 3)], 1, 100, 300, 0, 5),
    ("scale up and down stabilization, do not scale up when prenormalized rec goes down",
     [(2, 100), (3, 3)], 2, 1, 300, 300, 2),
    ("scale up and down stabilization, do not scale down when prenormalized rec goes up",
     [(2, 100), (1, 3)], 2, 3, 300, 300, 2),
    ("TestNormalizeDesiredReplicas, empty log", [], 100, 5, 0, 300, 5),
    ("TestNormalizeDesiredReplicas, stabilize", [(4, 2), (5, 1)], 100, 3, 0, 300, 5),
    ("TestNormalizeDesiredReplicas, no stabilize", [(1, 2), (2, 1)], 100, 3, 0, 300, 3),
    ("TestNormalizeDesiredReplicas, no stabilize - old recommendations", [(10, 10), (9, 9)], 100, 3, 0, 300, 3),
    ("TestNormalizeDesiredReplicas, stabilize - old recommendations",
     [(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, 0, 300, 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "current", "wanted", "up", "down", "expected"),
    [case[1:] for case in STABILIZING],
    ids=[case[0] for case in STABILIZING],
)
def test_normalize_desired_replicas_with_behavior(
    earlier: list[tuple[int, float]], current: int, wanted: int, up: int, down: int, expected: int
) -> None:
    said = [Recommendation(NOW - 60 * minutes, replicas) for replicas, minutes in earlier]
    given = Behavior(Rules(DEFAULT_UP.policies, window=up), Rules(DEFAULT_DOWN.policies, window=down))
    found = behaviors.stabilize(current, wanted, said, given, NOW)
    assert found.replicas == expected
    up_reason, down_reason = "ScaleUpStabilized", "ScaleDownStabilized"
    assert found.reason == (
        "ReadyForNewScale" if expected == wanted else up_reason if wanted >= current else down_reason
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], 0, id="empty entries"),
        pytest.param([(7, 61)], 0, id="one outdated entry"),
        pytest.param([(7, 58)], 7, id="one actual entry"),
        pytest.param([(7, 61), (6, 59)], 6, id="two entries, one of them to be replaced"),
        pytest.param([(8, 29), (6, 59), (7, 61), (9, 61)], 14, id="replace one entry"),
        pytest.param([(7, 58), (6, 59)], 13, id="two entries, both actual"),
        pytest.param([(7, 60)], 0, id="exactly a period ago is no longer in it (ours)"),
    ],
)
def test_store_scale_events(events: list[tuple[int, float]], expected: int) -> None:
    assert behaviors.changed([Event(NOW - ago, replicas) for replicas, ago in events], 60, NOW) == expected


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Rules((), window=0), "at least one policy"),
        (lambda: Rules(DEFAULT_UP.policies, select="Most"), "Max, Min or Disabled, not 'Most'"),
        (lambda: Rules(DEFAULT_UP.policies, window=3601), "from 0 to 3600, not 3601"),
        (lambda: Rules((Policy("Replicas", 1, 60),)), "Pods or Percent, not 'Replicas'"),
        (lambda: Rules((Policy(PODS, 0, 60),)), "a value above 0"),
        (lambda: Rules((Policy(PODS, 1, 1801),)), "periodSeconds from 1 to 1800, not 1 and 1801"),
    ],
)
def test_rules_that_the_api_refuses(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 200), st.integers(0, 400), st.integers(1, 50), st.integers(50, 300),
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 600)), max_size=8),
)  # fmt: skip
def test_what_is_set_lies_between_what_is_there_and_what_is_wanted(
    current: int, wanted: int, least: int, most: int, earlier: list[tuple[int, float]]
) -> None:
    said = [Recommendation(NOW - ago, replicas) for replicas, ago in earlier]
    stable = behaviors.stabilize(current, wanted, said, Behavior(), NOW).replicas
    assert min(current, wanted) <= stable <= max(current, wanted)
    if least <= current <= most:
        set_to = behaviors.limit(current, stable, least=least, most=most).replicas
        assert least <= set_to <= most
        assert min(current, stable, most) <= set_to <= max(current, stable, least)
