"""What runbooks of ECS services wait for, held against answers as ECS gives them in turn."""

from __future__ import annotations

from typing import Any

import boto3
import jmespath
import pytest

from drydock.runbooks import Condition, Look
from drydock.runbooks.ecs import deployed, registered, rolled_out, steady

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
