"""Counts: Amazon ECS API Reference, *TaskSet*: 1.2 tasks are 2, always rounded up."""

from __future__ import annotations

import pytest

from drydock.policy.ecs import rollout, task_sets
from drydock.policy.ecs.task_sets import MOST, Stability, Status
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.task_set import validate_controller, validate_scale


@pytest.mark.parametrize(
    ("desired", "scale", "status", "count"),
    [
        (12, 10.0, "ACTIVE", 2),  # 1.2, as documented
        (10, 30.0, "ACTIVE", 3),
        (4, 50.0, "PRIMARY", 2),
        (3, 100.0, "PRIMARY", 3),
        (1, 0.1, "ACTIVE", 1),
        (70, 10.0, "ACTIVE", 7),  # 7.000000000000001 in floating point
        (1000, 33.3, "ACTIVE", 333),
        (5, 0.0, "ACTIVE", 0),
        (0, 100.0, "PRIMARY", 0),
        (5, 100.0, "DRAINING", 0),
    ],
)
def test_a_share_of_the_desired_count_is_rounded_up(desired: int, scale: float, status: str, count: int) -> None:
    assert task_sets.computed_count(desired, scale, status) == count


def test_a_scale_that_names_no_value_is_none_of_the_tasks() -> None:
    said = [task_sets.percent(scale) for scale in (None, {}, {"unit": "PERCENT"}, {"value": 50.0})]
    assert said == [100.0, 0.0, 0.0, 50.0]


def task(name: str, status: str = "RUNNING", healthy: bool | None = True, stopping: bool = False) -> rollout.Task:
    return rollout.Task(name, "ecs-svc/1", status, healthy=healthy, stopping=stopping)


@pytest.mark.parametrize(
    ("tasks", "stability"),
    [
        ([task("a"), task("b")], Stability.STEADY_STATE),
        ([task("a"), task("b"), task("c", stopping=True)], Stability.STEADY_STATE),
        ([task("a")], Stability.STABILIZING),
        ([task("a"), task("b"), task("c")], Stability.STABILIZING),
        ([task("a"), task("b", "PENDING", None)], Stability.STABILIZING),
        ([task("a"), task("b", healthy=None)], Stability.STABILIZING),
        ([task("a"), task("b", healthy=False)], Stability.STABILIZING),
    ],
)
def test_it_is_steady_with_all_of_its_tasks_running_and_healthy(
    tasks: list[rollout.Task], stability: Stability
) -> None:
    assert task_sets.stability(task_sets.view("ecs-svc/1", 2, tasks)) == stability


def test_it_looks_at_its_own_tasks_and_fills_empties_and_repairs_them() -> None:
    other = rollout.Task("x", "ecs-svc/2", "RUNNING", healthy=True)
    assert rollout.next_actions(task_sets.view("ecs-svc/1", 2, [other])) == [rollout.Start("ecs-svc/1", 2)]
    both = [task("a"), task("b"), other]
    [stop] = rollout.next_actions(task_sets.view("ecs-svc/1", 0, both))
    assert isinstance(stop, rollout.Stop) and set(stop.tasks) == {"a", "b"}
    sick = [task("a", healthy=False), task("b"), other]
    assert rollout.next_actions(task_sets.view("ecs-svc/1", 2, sick)) == [rollout.Start("ecs-svc/1", 1)]


@pytest.mark.parametrize(
    ("status", "scale", "force", "says"),
    [
        ("PRIMARY", 100.0, False, "Primary TaskSet cannot be deleted"),
        ("PRIMARY", 0.0, False, "Primary TaskSet cannot be deleted"),
        ("ACTIVE", 10.0, False, "scaled above 0"),
        ("ACTIVE", 0.0, False, ""),
        ("ACTIVE", 10.0, True, ""),
        ("PRIMARY", 100.0, True, ""),
        ("DRAINING", 100.0, False, ""),
    ],
)
def test_what_serves_or_is_scaled_up_is_deleted_by_force_only(
    status: str, scale: float, force: bool, says: str
) -> None:
    why = task_sets.why_not_deleted(Status(status), scale, force=force)
    assert says in why if says else why == ""


@pytest.mark.parametrize(
    ("scale", "says"),
    [({"value": 101.0}, "scale.value"), ({"value": -1.0}, "scale.value"), ({"unit": "TASKS"}, "scale.unit")],
)
def test_a_scale_is_a_per_cent(scale: dict[str, object], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        validate_scale(scale)


@pytest.mark.parametrize(
    ("controller", "by_codedeploy", "managed"),
    [("ECS", True, False), ("CODE_DEPLOY", False, False), ("CODE_DEPLOY", True, True), ("EXTERNAL", False, True)],
)
def test_who_manages_task_sets(controller: str, by_codedeploy: bool, managed: bool) -> None:
    if managed:
        validate_controller(controller, by_codedeploy=by_codedeploy)
        return
    with pytest.raises(Invalid, match="only supports task set management on services configured to use external"):
        validate_controller(controller, by_codedeploy=by_codedeploy)


def test_a_service_has_five_at_most() -> None:
    assert MOST == 5  # observed: github.com/pipe-cd/pipecd/issues/4692
