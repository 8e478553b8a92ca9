from __future__ import annotations

import pytest

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
