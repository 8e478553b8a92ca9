"""One turn over several metrics, and the conditions: names as in upstream's horizontal_test.go where it has them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.hpa import controller, course
from drydock.policy.kubernetes.hpa.behavior import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    PERCENT,
    PODS,
    Behavior,
    Event,
    Policy,
    Recommendation,
    Rules,
)
from drydock.policy.kubernetes.hpa.controller import History, Metric, Turn
from drydock.policy.kubernetes.hpa.replicas import (
    Measured,
    Proposal,
    by_average,
    by_average_value,
    by_utilization,
    by_value,
)


def wants(replicas: int) -> Metric:
    return Metric("cpu", Proposal(replicas, 0, 1.0))


FAILED = Metric("qps", None, "FailedGetExternalMetric", "unable to get external metric")
INVALID = Metric("?", None, "InvalidMetricSourceType", "unknown metric source type")


def said(turn: Turn) -> dict[str, str]:
    return {one.type: f"{one.status} {one.reason}" for one in turn.conditions}


CPU_UP = Metric("cpu", by_utilization(Measured(3, 1200, 3000), 30, current=3))
CPU_DOWN = Metric("cpu", by_utilization(Measured(5, 1400, 5000), 50, current=5))
QPS = Metric("qps", by_average(Measured(3, 60000), 15000, current=3))


@pytest.mark.parametrize(
    ("current", "metrics", "least", "most", "expected", "active"),
    [
        pytest.param(3, [CPU_UP, FAILED], 2, 6, 4, "True ValidMetricFound", id="TestScaleUpOneMetricEmpty"),
        pytest.param(5, [CPU_DOWN, FAILED], 2, 6, 5, "False FailedGetExternalMetric",
                     id="TestNoScaleDownOneMetricEmpty"),
        pytest.param(5, [CPU_DOWN, INVALID], 2, 6, 5, "False InvalidMetricSourceType",
                     id="TestNoScaleDownOneMetricInvalid"),
        pytest.param(3, [INVALID], 2, 6, 3, "False InvalidMetricSourceType", id="TestConditionInvalidSourceType"),
        pytest.param(3, [FAILED], 1, 100, 3, "False FailedGetExternalMetric", id="TestConditionFailedGetMetrics"),
        pytest.param(3, [QPS], 1, 5, 4, "True ValidMetricFound", id="TestNoBackoffUpscaleCM"),
        pytest.param(3, [wants(18), QPS], 1, 5, 5, "True ValidMetricFound", id="TestNoBackoffUpscaleCMNoBackoffCpu"),
        pytest.param(5, [CPU_DOWN], 2, 6, 3, "True ValidMetricFound", id="scale down"),
    ],
)  # fmt: skip
def test_several_metrics(
    current: int, metrics: list[Metric], least: int, most: int, expected: int, active: str
) -> None:
    turn = controller.turn(current, metrics, least=least, most=most, history=History(()))
    assert turn.replicas == expected
    assert said(turn)["ScalingActive"] == active
    assert turn.rescaled is (expected != current)


@pytest.mark.parametrize(
    ("current", "least", "most", "expected"),
    [
        pytest.param(1, 2, 6, 2, id="TestScaleUpRCImmediately"),
        pytest.param(6, 2, 5, 5, id="TestScaleDownRCImmediately"),
    ],
)
def test_outside_the_bounds_no_metric_is_asked(current: int, least: int, most: int, expected: int) -> None:
    turn = controller.turn(current, [FAILED], least=least, most=most)
    assert turn.replicas == expected
    assert said(turn) == {"AbleToScale": "True SucceededRescale"}


GENERATED = Rules((Policy(PERCENT, 700, 60),))
WANTED: list[tuple[str, int, int, int, Proposal, Behavior | None, int, str]] = [
    # name, replicas, minReplicas, maxReplicas, what the metric asks for, behavior, expected, ScalingLimited
    ("ScaleUpCMUnreadyandCpuHot", 3, 2, 6, by_average(Measured(3, 95000), 15000, current=3), None, 6,
     "True TooManyReplicas"),
    ("ScaleUpCMObject", 3, 2, 6, by_value(20000, 15000, current=3, ready=3), None, 4, "False DesiredWithinRange"),
    ("ScaleUpFromZeroCMObject", 0, 0, 6, by_value(20000, 15000, current=0, ready=0), None, 2,
     "False DesiredWithinRange"),
    ("ScaleUpFromZeroIgnoresToleranceCMObject", 0, 0, 6, by_value(1000, 1000, current=0, ready=0), None, 1,
     "False DesiredWithinRange"),
    ("ScaleUpPerPodCMObject", 3, 2, 6, by_average_value(40000, 10000, current=3), None, 4, "False DesiredWithinRange"),
    ("ScaleUpCMExternal", 3, 2, 6, by_value(8600, 6666, current=3, ready=3), None, 4, "False DesiredWithinRange"),
    ("ScaleUpPerPodCMExternal", 3, 2, 6, by_average_value(8600, 2222, current=3), None, 4, "False DesiredWithinRange"),
    ("ScaleDownCMObject", 5, 2, 6, by_value(12000, 20000, current=5, ready=5), None, 3, "False DesiredWithinRange"),
    ("ScaleDownToZeroCMObject", 5, 0, 6, by_value(0, 20000, current=5, ready=5), None, 0, "False DesiredWithinRange"),
    ("ScaleDownPerPodCMObject", 5, 2, 6, by_average_value(60000, 20000, current=5), None, 3,
     "False DesiredWithinRange"),
    ("ScaleDownCMExternal", 5, 2, 6, by_value(8600, 14400, current=5, ready=5), None, 3, "False DesiredWithinRange"),
    ("ScaleDownPerPodCMExternal", 5, 2, 6, by_average_value(8600, 3000, current=5), None, 3,
     "False DesiredWithinRange"),
    ("ToleranceCMExternal", 4, 2, 6, by_value(8600, 8666, current=4, ready=4), None, 4, "False DesiredWithinRange"),
    ("TolerancePerPodCMExternal", 4, 2, 6, by_average_value(8600, 2200, current=4), None, 4,
     "False DesiredWithinRange"),
    ("MinReplicas", 3, 2, 5, by_utilization(Measured(3, 115, 3000), 90, current=3), None, 2, "True TooFewReplicas"),
    ("ZeroMinReplicasDesiredZero", 3, 0, 5, by_utilization(Measured(3, 0, 3000), 90, current=3), None, 0,
     "False DesiredWithinRange"),
    ("MinReplicasDesiredZero", 3, 2, 5, by_utilization(Measured(3, 0, 3000), 90, current=3), None, 2,
     "True TooFewReplicas"),
    ("MaxReplicas", 3, 2, 5, by_utilization(Measured(3, 18500, 3000), 90, current=3), None, 5, "True TooManyReplicas"),
    ("SuperfluousMetrics", 4, 2, 6, by_utilization(Measured(4, 23500, 4000), 100, current=4), None, 6,
     "True TooManyReplicas"),
    ("MissingMetrics", 4, 2, 6, by_utilization(Measured(2, 495, 2000), 100, current=4, missing=[1000, 1000]), None, 3,
     "False DesiredWithinRange"),
    ("EventCreated", 1, 1, 5, by_utilization(Measured(1, 200, 200), 50, current=1), None, 2,
     "False DesiredWithinRange"),
    ("EventNotCreated", 2, 1, 5, by_utilization(Measured(2, 400, 800), 50, current=2), None, 2,
     "False DesiredWithinRange"),
    ("MissingReports", 4, 1, 5, by_utilization(Measured(1, 200, 200), 50, current=4), None, 2,
     "False DesiredWithinRange"),
    ("UpscaleCap", 3, 1, 100, by_utilization(Measured(3, 600, 300), 10, current=3), Behavior(up=GENERATED), 24,
     "True ScaleUpLimit"),
    ("UpscaleCapGreaterThanMaxReplicas", 3, 1, 20, by_utilization(Measured(3, 600, 300), 10, current=3),
     Behavior(up=GENERATED), 20, "True TooManyReplicas"),
    ("MoreReplicasThanSpecNoScale", 4, 1, 8, by_utilization(Measured(5, 2500, 5000), 50, current=4), None, 4,
     "False DesiredWithinRange"),
    ("ScaleDownWithScalingRules", 5, 2, 6, by_utilization(Measured(5, 1400, 5000), 50, current=5),
     Behavior(up=Rules((Policy(PERCENT, 100, 15),), window=30)), 3, "False DesiredWithinRange"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("current", "least", "most", "proposal", "behavior", "expected", "limited"),
    [case[1:] for case in WANTED],
    ids=[case[0] for case in WANTED],
)
def test_a_turn(
    current: int, least: int, most: int, proposal: Proposal, behavior: Behavior | None, expected: int, limited: str
) -> None:
    turn = controller.turn(
        current, [Metric("metric", proposal)], least=least, most=most, behavior=behavior, history=History(())
    )
    assert turn.replicas == expected
    assert said(turn)["ScalingLimited"] == limited
    assert said(turn)["AbleToScale"] == ("True SucceededRescale" if turn.rescaled else "True ReadyForNewScale")


def test_scale_down_stabilize_initial_size() -> None:
    """A controller that has just started takes what it finds for its first recommendation, so nothing goes at once."""
    turn = controller.turn(5, [CPU_DOWN], least=2, most=6)
    assert turn.replicas == 5
    assert said(turn)["AbleToScale"] == "True ScaleDownStabilized"
    assert controller.turn(5, [CPU_DOWN], least=2, most=6, history=turn.history, now=299.0).replicas == 5
    later = controller.turn(5, [CPU_DOWN], least=2, most=6, history=turn.history, now=300.0)
    assert later.replicas == 3


def test_stabilize_downscale() -> None:
    """TestStabilizeDownscale."""
    cpu = Metric("cpu", by_utilization(Measured(3, 150, 300), 100, current=4, missing=[]))
    past = History((Recommendation(-600, 10), Recommendation(-60, 4)))
    turn = controller.turn(4, [cpu], least=1, most=5, history=past)
    assert turn.replicas == 4
    assert said(turn)["AbleToScale"] == "True ScaleDownStabilized"


def test_too_many_says_so() -> None:
    turn = controller.turn(3, [wants(18)], least=1, most=5)
    assert said(turn) == {
        "AbleToScale": "True SucceededRescale",
        "ScalingActive": "True ValidMetricFound",
        "ScalingLimited": "True TooManyReplicas",
    }


def test_a_target_that_was_scaled_to_nothing_is_left_alone() -> None:
    turn = controller.turn(0, [wants(5)], least=1, most=5)
    assert turn.replicas == 0
    assert said(turn)["ScalingActive"] == "False ScalingDisabled"
    assert controller.turn(0, [wants(3)], least=0, most=5).replicas == 3


def test_bounds_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="from 0 to maxReplicas, not 6 with maxReplicas 5"):
        controller.turn(3, [wants(3)], least=6, most=5)


def test_events_are_remembered_for_the_longest_period_only() -> None:
    """TestStoreScaleEvents: outdated ones go when a new one comes."""
    up = Rules((Policy(PODS, 10, 60), Policy(PERCENT, 100, 60)))
    past = History(added=(Event(39.0, 7), Event(41.0, 6)))
    turn = controller.turn(10, [wants(15)], least=1, most=50, behavior=Behavior(up=up), history=past, now=100.0)
    assert turn.history.added == (Event(41.0, 6), Event(100.0, 4))
    assert controller.turn(10, [wants(15)], least=1, most=50, history=past, now=100.0).history.added == past.added


def test_kep_853_story_5() -> None:
    """Scaling down from 10: a window of 600 s and one pod a minute. The first pod goes in minute 11."""
    down = Rules((Policy(PODS, 1, 60),), window=600)
    behavior = Behavior(Rules(DEFAULT_UP.policies), down)
    replicas, history = 10, History()
    course = []
    for minute, wanted in enumerate([10, 9, 9, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]):
        turn = controller.turn(
            replicas, [wants(wanted)], least=1, most=20, behavior=behavior, history=history, now=60.0 * (minute + 1)
        )
        replicas, history = turn.replicas, turn.history
        course.append(replicas)
    assert course.index(9) + 1 == 11
    assert course[:10] == [10] * 10


STEADY = course.Container(request=250, startup=30)


def autoscaler(behavior: Behavior | None = None) -> course.Autoscaler:
    return course.Autoscaler(70, 1, 100, behavior)


def test_a_load_that_fits_changes_nothing() -> None:
    passed = course.course([875] * 40, autoscaler(Behavior()), STEADY, start=5)
    assert {one.pods for one in passed} == {5}


def test_a_new_pod_serves_once_it_is_ready_and_an_old_one_goes_after_the_window() -> None:
    loads = [875] * 4 + [1750] * 20 + [875] * 40
    passed = course.course(loads, autoscaler(Behavior()), STEADY, start=5)
    grown = next(one for one in passed if one.pods == 10)
    ready = next(one for one in passed if one.ready == 10)
    assert (grown.at, ready.at - grown.at) == (5 * 15 + 15, 15)
    shrunk = next(one for one in passed if one.at > 30 * 15 and one.pods < 10)
    assert shrunk.at - 24 * 15 == DEFAULT_DOWN.window + 15


def test_no_pod_uses_more_than_its_limit() -> None:
    container = course.Container(request=250, limit=500, startup=600)
    passed = course.course([10_000] * 10, autoscaler(), container, start=2)
    assert {one.usage for one in passed} == {1000}
    assert passed[0].unserved == 9000


PROPOSALS = st.lists(st.integers(0, 30) | st.none(), min_size=1, max_size=3)
TURNS = st.lists(st.tuples(st.integers(1, 40), PROPOSALS), min_size=1, max_size=12)


@settings(max_examples=50)
@given(TURNS, st.integers(1, 5), st.integers(0, 20), st.integers(1, 20), st.booleans(), st.sampled_from([15, 60]))
def test_turn_after_turn_bounds_and_policies_hold_and_a_metric_that_fails_shrinks_nothing(
    turns: list[tuple[int, list[int | None]]], least: int, further: int, start: int, one_pod: bool, period: int
) -> None:
    most = least + further
    rules = Rules((Policy(PODS, 2, period),))
    behavior = Behavior(rules, Rules(rules.policies, window=60)) if one_pod else None
    replicas, history, now = start, History(), 0.0
    changes: list[tuple[float, int]] = []
    for number, (seconds, proposals) in enumerate(turns):
        now += seconds
        metrics = [FAILED if wanted is None else wants(wanted) for wanted in proposals]
        turn = controller.turn(replicas, metrics, least=least, most=most, behavior=behavior, history=history, now=now)
        assert least <= turn.replicas <= most
        assert turn.rescaled is (turn.replicas != replicas)
        if None in proposals and least <= replicas <= most:
            assert turn.replicas >= replicas
        if turn.wanted is not None and turn.replicas != replicas:
            assert turn.replicas > replicas or turn.wanted < replicas
        if number or least <= start <= most:
            changes.append((now, turn.replicas - replicas))
        grows = turn.replicas > replicas
        replicas, history = turn.replicas, turn.history
        if one_pod and grows:
            recent = [change for at, change in changes if at > now - period]
            assert sum(max(0, change) for change in recent) <= 2 + sum(max(0, -change) for change in recent)


@settings(max_examples=50)
@given(st.integers(1, 20), st.lists(st.integers(0, 30), min_size=1, max_size=3), st.integers(0, 30))
def test_a_metric_more_never_asks_for_fewer(current: int, proposals: list[int], more: int) -> None:
    def replicas(*wanted: int) -> int:
        metrics = [wants(each) for each in wanted]
        return controller.turn(current, metrics, least=1, most=25, history=History(())).replicas

    assert replicas(*proposals, more) >= replicas(*proposals)
    assert replicas(*proposals) == replicas(*proposals[::-1])


def test_an_autoscaler_without_a_metric_is_refused() -> None:
    """In horizontal.go no metric at all counts as all metrics invalid; the API fills one in."""
    with pytest.raises(ValueError, match="at least one metric"):
        controller.turn(5, [], least=2, most=6)
