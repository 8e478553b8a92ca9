"""One turn over several metrics, and the conditions: names as in upstream's horizontal_test.go where it has them."""

from __future__ import annotations

import pytest

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
from drydock.policy.kubernetes.hpa.replicas import Measured, Proposal, by_average, by_utilization


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
    turn = controller.turn(current, metrics, least=least, most=most)
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
