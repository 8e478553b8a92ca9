from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.health import ContainerHealth, Health, HealthCheck, task_health

H, U, X = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN


def run(check: HealthCheck, results: list[bool]) -> list[Health]:
    state = ContainerHealth(check)
    seen = []
    for result in results:
        began = state.next_at
        state = state.after(result, began, began + 1)
        seen.append(state.status)
    return seen


def test_defaults_are_those_of_the_api() -> None:
    check = HealthCheck.read({"command": ["CMD-SHELL", "true"]})
    assert (check.interval, check.timeout, check.retries, check.start_period) == (30, 5, 3, 0)
    assert HealthCheck.read({"command": ["x"], "startPeriod": 0, "retries": 1}).retries == 1


def test_one_success_is_enough_and_retries_failures_are_needed() -> None:
    check = HealthCheck(("CMD", "x"), retries=3)
    assert run(check, [False, False, True]) == [X, X, H]
    assert run(check, [True, False, False, False]) == [H, H, H, U]
    assert run(check, [True, False, False, True, False, False]) == [H] * 6
    assert run(check, [False, False, False, True]) == [X, X, U, H]


def test_failures_in_the_start_period_do_not_count() -> None:
    check = HealthCheck(("CMD", "x"), interval=10, retries=2, start_period=35)
    assert run(check, [False, False, False, False]) == [X, X, X, X]
    assert run(check, [False, False, False, False, False]) == [X, X, X, X, U]


def test_after_a_success_failures_count_even_in_the_start_period() -> None:
    check = HealthCheck(("CMD", "x"), interval=10, retries=2, start_period=300)
    assert run(check, [True, False, False]) == [H, H, U]


def test_a_run_that_takes_too_long_failed() -> None:
    state = ContainerHealth(HealthCheck(("CMD", "x"), timeout=5, retries=1))
    assert state.after(True, 30, 35.5).status is U
    assert state.after(True, 30, 35).status is H


def test_intervals_are_counted_from_the_end_of_a_run() -> None:
    state = ContainerHealth(HealthCheck(("CMD", "x"), interval=30))
    assert state.next_at == 30
    assert state.after(True, 30, 33).next_at == 63


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (["CMD", "curl", "-f", "http://x"], ("curl", "-f", "http://x")),
        (["CMD-SHELL", "curl -f x || exit 1"], ("/bin/sh", "-c", "curl -f x || exit 1")),
        (["curl -f x"], ("/bin/sh", "-c", "curl -f x")),
    ],
)
def test_command_forms(command: list[str], argv: tuple[str, ...]) -> None:
    assert HealthCheck(tuple(command)).argv() == argv


@pytest.mark.parametrize(
    ("essential", "expected"),
    [
        ((U, X), U), ((U, H), U), ((H, X), X), ((H, H), H),
        ((U, X, X), U), ((U, X, H), U), ((U, H, H), U), ((H, X, H), X), ((H, X, X), X), ((H, H, H), H),
        ((), X),
    ],
)  # fmt: skip
def test_task_health_as_in_the_api_reference(essential: tuple[Health, ...], expected: Health) -> None:
    assert task_health(essential) is expected


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), max_size=20), st.integers(1, 4), st.integers(0, 200))
def test_a_health_is_what_its_last_runs_say(runs: list[tuple[bool, int]], retries: int, start_period: int) -> None:
    check = HealthCheck(("CMD", "x"), retries=retries, start_period=start_period)
    state, expected, failed = ContainerHealth(check), X, 0
    for succeeded, took in runs:
        began = state.next_at
        state = state.after(succeeded, began, began + took)
        assert state.next_at == began + took + check.interval
        if succeeded and took <= check.timeout:
            expected, failed = H, 0
        elif expected is not X or began >= start_period:
            failed += 1
        if failed >= retries:
            expected = U
        assert state.status is expected


@settings(max_examples=50)
@given(st.lists(st.sampled_from([H, X, U]), min_size=1, max_size=6), st.sampled_from([H, X, U]))
def test_a_task_is_as_well_as_its_worst_container(healths: list[Health], more: Health) -> None:
    worse = [H, X, U].index
    assert task_health(healths) == max(healths, key=worse)
    assert worse(task_health([*healths, more])) >= worse(task_health(healths))
    assert task_health(reversed(healths)) == task_health(healths)
