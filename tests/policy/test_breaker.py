from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.ecs.breaker import Breaker, Event, Status, ThresholdConfiguration, threshold

F, H = Event.FAILED, Event.HEALTHY


@pytest.mark.parametrize(
    ("desired", "expected"),
    [(1, 3), (2, 3), (6, 3), (7, 4), (10, 5), (25, 13), (400, 200), (800, 200), (0, 3)],
)
def test_default_threshold(desired: int, expected: int) -> None:
    assert threshold(desired) == expected


@pytest.mark.parametrize(
    ("kind", "value", "desired", "expected"),
    [
        ("COUNT", 5, 800, 5),
        ("UNBOUNDED_PERCENT", 50, 800, 400),
        ("UNBOUNDED_PERCENT", 10, 25, 3),
        ("UNBOUNDED_PERCENT", 50, 1, 1),
        ("UNBOUNDED_PERCENT", 50, 0, 1),
        ("BOUNDED_PERCENT", 10, 10, 3),
        ("BOUNDED_PERCENT", 100, 10, 10),
    ],
)
def test_configured_threshold(kind: str, value: int, desired: int, expected: int) -> None:
    assert threshold(desired, ThresholdConfiguration(kind, value)) == expected


def test_unknown_type() -> None:
    with pytest.raises(ValueError, match=r"thresholdConfiguration\.type"):
        threshold(1, ThresholdConfiguration("PERCENT", 1))


def breaker(desired: int = 2, **configuration: object) -> Breaker:
    return Breaker.read({"enable": True, "rollback": True, **configuration}, desired)


def trips_at(state: Breaker, events: list[Event]) -> int | None:
    for number, event in enumerate(events, 1):
        state = state.after(event)
        if state.triggered:
            return number
    return None


def test_healthy_task_resets_by_default() -> None:
    assert trips_at(breaker(), [F, F, H, F, F, F]) == 6
    assert trips_at(breaker(resetOnHealthyTask=False), [F, F, H, F, F, F]) == 4


def test_health_check_failures_count_as_failed_starts_do() -> None:
    events = [F, Event.RUNNING, Event.HEALTH_CHECK_FAILED, Event.HEALTH_CHECK_FAILED]
    assert trips_at(breaker(), events) == 4


def test_stage_is_two_once_a_task_ran() -> None:
    assert breaker().after(F).stage == 1
    assert breaker().after(F).after(Event.RUNNING).stage == 2


def test_disabled_never_trips() -> None:
    for configuration in (None, {"enable": False, "rollback": True}):
        state = Breaker.read(configuration, 1)
        assert state.status is Status.DISABLED
        assert not state.rollback
        assert trips_at(state, [F] * 50) is None


def test_a_completed_deployment_is_no_longer_watched() -> None:
    state = breaker().after(Event.COMPLETED)
    assert state.status is Status.MONITORING_COMPLETE
    assert trips_at(state, [F] * 10) is None


def test_the_threshold_follows_the_latest_desired_count() -> None:
    state = breaker(20).after(F).after(F).after(F)
    assert (state.threshold, state.triggered) == (10, False)
    assert state.with_desired_count(2).triggered
    assert not state.with_desired_count(8).triggered


def test_configuration_is_read() -> None:
    state = breaker(10, thresholdConfiguration={"type": "COUNT", "value": 2})
    assert (state.threshold, state.rollback, state.reset_on_healthy_task) == (2, True, True)


@given(st.integers(0, 500), st.lists(st.sampled_from(Event), max_size=60), st.booleans())
def test_count_and_status_always_agree(desired: int, events: list[Event], reset: bool) -> None:
    state = breaker(desired, resetOnHealthyTask=reset)
    for event in events:
        state = state.after(event)
        assert (state.status is Status.TRIGGERED) == (state.failure_count >= state.threshold)
        assert state.failure_count <= state.threshold
