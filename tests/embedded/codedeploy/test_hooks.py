"""Hooks of life-cycle events: the functions are the test's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.blue_green import BlueGreen
from tests.support.lab import Lab
from tests.support.stepped import World

HOOKS = [{event: f"check-{event}"} for event in (
    "BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic",
)]  # fmt: skip


@pytest.fixture
def called(world: World) -> list[tuple[str, dict[str, str]]]:
    """(function, event) of all calls."""
    return _calls(world)


def _calls(world: World) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []

    def invoke(**request: Any) -> dict[str, Any]:
        assert request["InvocationType"] == "Event"
        found.append((request["FunctionName"], json.loads(request["Payload"])))
        return {"StatusCode": 202}

    world.host.client("lambda", "us-east-1", derived=True).invoke = invoke
    return found


def answer(shop: BlueGreen, told: dict[str, str], status: str = "Succeeded") -> None:
    shop.client.put_lifecycle_event_hook_execution_status(
        deploymentId=told["DeploymentId"],
        lifecycleEventHookExecutionId=told["LifecycleEventHookExecutionId"],
        status=status,
    )


def test_each_hook_is_called_once_and_waited_for(
    world: World, shop: BlueGreen, called: list[tuple[str, dict[str, str]]]
) -> None:
    shop.service()
    shop.group()
    identity = shop.deploy(hooks=HOOKS)
    for number, hook in enumerate(HOOKS, 1):
        [(event, function)] = hook.items()
        shop.until_event(event)
        world.settle()
        assert [name for name, _ in called[number - 1 :]] == [function]
        assert shop.weight() == (100 if event == "AfterAllowTraffic" else 0)
        told = called[-1][1]
        assert told["DeploymentId"] == identity
        answer(shop, told)
        with pytest.raises(ClientError, match="LifecycleEventAlreadyCompletedException"):
            answer(shop, told)
    shop.until_status("Succeeded")
    assert len(called) == len(HOOKS)


def test_a_hook_that_fails_or_does_not_answer_fails_the_deployment(
    world: World, shop: BlueGreen, called: list[tuple[str, dict[str, str]]]
) -> None:
    shop.service()
    shop.group(autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    shop.deploy(hooks=HOOKS[:1])
    shop.until_event("BeforeInstall")
    world.settle()
    with pytest.raises(ClientError, match="InvalidLifecycleEventHookExecutionStatusException"):
        answer(shop, called[-1][1], "Skipped")
    with pytest.raises(ClientError, match="InvalidLifecycleEventHookExecutionIdException"):
        answer(shop, {**called[-1][1], "LifecycleEventHookExecutionId": "another"})
    answer(shop, called[-1][1], "Failed")
    failed = shop.until_status("Failed")
    assert failed["errorInformation"] == {
        "code": "HOOK_EXECUTION_FAILURE",
        "message": "The deployment failed because one or more of the lifecycle event validation functions failed.",
    }
    assert "rollbackInfo" not in failed  # nothing was made yet
    assert set(shop.events().values()) == {"Failed", "Skipped"}
    shop.deploy("3", hooks=HOOKS[2:3])
    shop.until_event("AfterAllowTestTraffic")
    world.clock.advance(3600)
    failed = shop.until_status("Failed")
    assert "within one hour" in failed["errorInformation"]["message"]
    back = failed["rollbackInfo"]["rollbackDeploymentId"]
    shop.until_status("Succeeded", back)
    assert shop.events(back)["AfterAllowTestTraffic"] == "Skipped"
    assert shop.weight(shop.test) == 0


def test_a_hook_is_called_again_after_a_crash_and_may_answer_then(
    world: World, shop: BlueGreen, called: list[tuple[str, dict[str, str]]]
) -> None:
    shop.service()
    shop.group()
    identity = shop.deploy(hooks=HOOKS[:1])
    shop.until_event("BeforeInstall")
    world.settle()
    with world.crashed() as again:
        heard = _calls(again)
        again.settle()
        assert heard == called
        lab = Lab(again.client, shop.lab.image, shop.lab.vpc, shop.lab.subnets, again.until)
        after = BlueGreen(lab, shop.blue, shop.green, shop.production, shop.test, shop.role, "", [identity])
        answer(after, heard[0][1])
        after.until_status("Succeeded")
