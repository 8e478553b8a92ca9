"""What runbooks of ECS services wait for, held against answers as ECS gives them in turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import jmespath
import pytest
from botocore.stub import Stubber

from drydock.runbooks import Condition, Look, executor
from drydock.runbooks.ecs import deployed, registered, rolled_out, serving, steady
from drydock.runbooks.stops import TasksStopped, none_stopped, stopped

ECS = boto3.client("ecs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
OLD, NEW = "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1", "…:task-definition/web:2"


def one(name: str, status: str, state: str, definition: str = OLD) -> dict[str, Any]:
    return {"id": name, "status": status, "rolloutState": state, "taskDefinition": definition}


def answer(*deployments: dict[str, Any], running: int = 2) -> dict[str, Any]:
    return {"services": [{"deployments": list(deployments), "runningCount": running, "desiredCount": 2}]}


def told(condition: Condition, found: Any) -> tuple[bool, bool]:
    """(it holds, it never will)."""
    return bool(jmespath.search(condition.holds, found)), bool(jmespath.search(condition.fails, found))


WAIT, DONE, FAILED = (False, False), (True, False), (False, True)
BEFORE = one("a", "PRIMARY", "COMPLETED")
REPLACED = one("a", "ACTIVE", "COMPLETED")


@pytest.mark.parametrize(
    ("found", "comes"),
    [
        (answer(BEFORE), WAIT),
        (answer(one("b", "PRIMARY", "IN_PROGRESS", NEW), REPLACED), WAIT),
        (answer(one("b", "PRIMARY", "COMPLETED", NEW), REPLACED), WAIT),
        (answer(one("b", "PRIMARY", "COMPLETED", NEW)), DONE),
        (answer(one("b", "PRIMARY", "FAILED", NEW), REPLACED), FAILED),
        (answer(one("c", "PRIMARY", "IN_PROGRESS"), one("b", "ACTIVE", "FAILED", NEW)), FAILED),
        (answer(one("c", "PRIMARY", "COMPLETED")), FAILED),
    ],
    ids=["not seen yet", "under way", "old tasks are left", "alone", "failed", "being rolled back", "rolled back"],
)
def test_a_deployment_has_rolled_out_once_it_is_alone_and_was_not_rolled_back(found: Any, comes: Any) -> None:
    assert told(rolled_out(ECS, "a", "web", known=["a"], instead_of=OLD), found) == comes


@pytest.mark.parametrize(
    ("found", "comes"),
    [
        (answer(BEFORE), WAIT),
        (answer(one("b", "PRIMARY", "COMPLETED")), DONE),
        (answer(one("c", "PRIMARY", "IN_PROGRESS"), one("b", "ACTIVE", "FAILED")), FAILED),
    ],
)
def test_a_forced_deployment_is_told_by_its_id(found: Any, comes: Any) -> None:
    assert told(rolled_out(ECS, "a", "web", known=["a"]), found) == comes


@pytest.mark.parametrize(
    ("found", "comes"),
    [
        (answer(BEFORE), DONE),
        (answer(BEFORE, running=1), WAIT),
        (answer(one("a", "PRIMARY", "COMPLETED", NEW)), WAIT),
        (answer(one("b", "PRIMARY", "FAILED", NEW), REPLACED), WAIT),
        (answer(one("c", "PRIMARY", "FAILED")), FAILED),
        (answer({"id": "a", "status": "PRIMARY", "taskDefinition": OLD}), DONE),
    ],
    ids=["as before", "a task is missing", "another", "the one that failed", "this one failed", "without a state"],
)
def test_a_service_is_steady_with_the_task_definition_that_is_named(found: Any, comes: Any) -> None:
    assert told(steady(ECS, "a", "web", task_definition=OLD), found) == comes


def test_a_service_is_steady_with_the_capacity_that_it_had() -> None:
    spot = {"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}
    as_before = steady(ECS, "a", "web", of="(capacityProviderStrategy || `[]`) == `[]`")
    assert told(as_before, answer(BEFORE)) == DONE
    assert told(as_before, answer(BEFORE | {"capacityProviderStrategy": [spot]})) == WAIT


def seen(look: Look, found: Any) -> Any:
    return jmespath.search(look.expression, found)


def test_a_forced_deployment_is_found_again() -> None:
    look = deployed(ECS, "a", "web", known=["a"])
    assert seen(look, answer(BEFORE)) is None
    assert seen(look, answer(one("b", "PRIMARY", "IN_PROGRESS"), REPLACED))["service"]["deployments"][0]["id"] == "b"


@pytest.mark.parametrize(("revision", "image", "is_it"), [(3, "new", False), (4, "other", False), (4, "new", True)])
def test_a_revision_is_found_again_by_its_number_and_images(revision: int, image: str, is_it: bool) -> None:
    look = registered(ECS, {"family": "web", "containerDefinitions": [{"image": "new"}]}, newest=OLD[:-1] + "3")
    latest = {"revision": revision, "containerDefinitions": [{"image": image}]}
    assert seen(look, {"taskDefinition": latest, "tags": []}) == ({"taskDefinition": latest} if is_it else None)


def test_where_ecs_shifts_requests_the_targets_are_those_of_the_group_that_the_tasks_are_in() -> None:
    entry = {"targetGroupArn": "first", "advancedConfiguration": {"alternateTargetGroupArn": "second"}}
    service = {"loadBalancers": [entry], "currentServiceRevisions": [{"arn": "revision"}]}
    resolved = {"loadBalancers": [{"targetGroupArn": "second"}]}
    revision = {"createdAt": datetime.now(UTC), "resolvedConfiguration": resolved}
    with Stubber(ECS) as ecs:
        ecs.add_response("describe_services", {"services": [service]})
        ecs.add_response("describe_service_revisions", {"serviceRevisions": [revision]})
        assert serving(ECS, "a", "web") == {"second"}


def test_tasks_that_stopped_by_themselves_are_told_with_why_and_how_many() -> None:
    def task(by: str, code: str, reason: str, *containers: dict[str, Any]) -> dict[str, Any]:
        told = {"stopCode": code, "stoppedReason": reason, "containers": list(containers)}
        return {"taskDefinitionArn": "arn/web:2", "startedBy": by, **told}

    exited = task(
        "new", "EssentialContainerExited", "Essential container in task exited", {"name": "app", "exitCode": 2}
    )
    no_image = {"name": "app", "reason": "CannotPullContainerError: not found"}
    found = [
        exited,
        exited,
        task("new", "TaskFailedToStart", "Task failed to start", no_image),
        task("new", "ServiceSchedulerInitiated", "Task failed container health checks", {"name": "app", "exitCode": 0}),
        task("new", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
        task("new", "ServiceSchedulerInitiated", "Availability-zone rebalancing initiated by (deployment ecs-svc/1)"),
        task("old", "EssentialContainerExited", "of a deployment before"),
    ]
    with Stubber(ECS) as ecs:
        for _ in range(2):
            ecs.add_response("list_tasks", {"taskArns": ["task"]})
            ecs.add_response("describe_tasks", {"tasks": found})
        assert stopped(ECS, cluster="a", service="web", known=["old"]) == [
            "2 × web:2: Essential container in task exited; app exit code 2",
            "1 × web:2: Task failed to start; app CannotPullContainerError: not found",
            "1 × web:2: Task failed container health checks",
        ]
        with pytest.raises(TasksStopped, match="of a deployment before"):
            none_stopped(ECS, cluster="a", service="web")


GONE_SOON = {"services": [{"status": "DRAINING", "deployments": [], "runningCount": 1, "desiredCount": 0}]}
MISSING = {"services": [], "failures": [{"arn": "web", "reason": "MISSING"}]}


@pytest.mark.parametrize(("found", "status"), [(GONE_SOON, "DRAINING"), (MISSING, "MISSING")])
def test_a_service_that_is_deleted_is_not_waited_for(found: Any, status: str) -> None:
    for condition in (rolled_out(ECS, "a", "web", known=["a"]), steady(ECS, "a", "web", wants=0, instead_of=2)):
        assert jmespath.search(condition.fails, found) == f"the service is {status}"


def test_a_number_of_tasks_that_somebody_else_has_set_is_not_waited_for() -> None:
    condition = steady(ECS, "a", "web", wants=2, instead_of=4)
    found = answer(BEFORE)
    assert told(condition, found) == DONE
    found["services"][0] |= {"desiredCount": 4, "runningCount": 4}
    assert told(condition, found) == WAIT
    found["services"][0] |= {"desiredCount": 7}
    assert jmespath.search(condition.fails, found) == "somebody else has set desiredCount to 7"


def test_a_deployment_that_shows_late_is_waited_for_where_only_its_time_tells_it() -> None:
    course = Course(
        answer(BEFORE), answer(one("b", "PRIMARY", "IN_PROGRESS"), REPLACED), answer(one("b", "PRIMARY", "COMPLETED"))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "time", course)
        executor.wait(course, steady(ECS, "a", "web", task_definition=OLD, minutes=1), {}, {}, minutes=20)  # type: ignore[arg-type]
    assert course.asked > 3 and course.now >= 60


class Course:
    """A cloud, and its clock, whose service answers one after another, the last for ever; a look takes five seconds."""

    speed = 1.0

    def __init__(self, *answers: Any) -> None:
        self.answers, self.now, self.asked = list(answers), 0.0, 0

    def client(self, _service: str) -> Any:
        return self

    def describe_services(self, **_: Any) -> Any:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {**found, "ResponseMetadata": {}}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
