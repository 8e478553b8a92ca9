from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drydock.policy.requests import unsupported
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.run_task import validate
from drydock.policy.requests.world import Cluster, World

from .shapes import TAGS, WORD, Field, beside, fields, overlaid, requests
from .test_service import BRIDGE, DEFINITION, NETWORK, NO_TASK_ROLE, WORLD

EC2_WORLD = replace(WORLD, task_definition=BRIDGE)


def task(**fields: Any) -> dict[str, Any]:
    base = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": NETWORK}
    return {key: value for key, value in {**base, **fields}.items() if value is not None}


def override(**fields: Any) -> dict[str, Any]:
    return task(overrides={"containerOverrides": [fields]})


ACCEPTED: list[tuple[dict[str, Any], World]] = [
    (task(), WORLD),
    (task(count=10, startedBy="x" * 128), WORLD),
    (override(name="app", environment=[{"name": "A", "value": "1"}]), WORLD),
    (override(), WORLD),
    (task(overrides={"cpu": "512", "memory": "1GB", "ephemeralStorage": {"sizeInGiB": 21}}), WORLD),
    (task(overrides={"cpu": "7"}, launchType="EC2", networkConfiguration=None), EC2_WORLD),
    (task(launchType=None, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}]), WORLD),
    (task(enableExecuteCommand=True), WORLD),
    (
        task(enableExecuteCommand=True, overrides={"taskRoleArn": "arn:role"}),
        replace(WORLD, task_definition=NO_TASK_ROLE),
    ),
    (task(propagateTags="TASK_DEFINITION"), WORLD),
    (task(launchType=None, networkConfiguration=None), EC2_WORLD),
]


@pytest.mark.parametrize(("request_", "world"), ACCEPTED)
def test_accepted(request_: dict[str, Any], world: World) -> None:
    validate(request_, world)


P = "InvalidParameterException"
NO_INSTANCES = replace(EC2_WORLD, cluster=Cluster(container_instances=0))


@pytest.mark.parametrize(
    ("request_", "world", "code", "message"),
    [
        (task(count=11), WORLD, P, "count must be between 1 and 10"),
        (task(count=0), WORLD, P, "count must be between 1 and 10"),
        (task(), replace(WORLD, cluster=None), "ClusterNotFoundException", "Cluster not found."),
        (task(), replace(WORLD, task_definition=None), "ClientException", "TaskDefinition not found."),
        (task(networkConfiguration=None), WORLD, P, "Network Configuration must be provided"),
        (task(startedBy="x" * 129), WORLD, P, "startedBy"),
        (task(referenceId="x" * 1025), WORLD, P, "referenceId"),
        (
            override(name="nope"),
            WORLD,
            P,
            "Override for container named nope is not a container in the TaskDefinition.",
        ),
        (override(command=["x"]), WORLD, P, "container name must be included"),
        (override(name="app", command=["x" * 8200]), WORLD, P, "Container Overrides length must be at most 8192"),
        (
            task(overrides={"cpu": "512", "memory": "512"}),
            WORLD,
            P,
            "No Fargate configuration exists for given values: 512 CPU, 512 memory.",
        ),
        (task(overrides={"memory": "4096"}), WORLD, P, "values: 256 CPU, 4096 memory."),
        (task(overrides={"ephemeralStorage": {"sizeInGiB": 20}}), WORLD, P, "EphemeralStorage"),
        (task(propagateTags="SERVICE"), WORLD, P, "SERVICE"),
        (task(enableExecuteCommand=True), replace(WORLD, task_definition=NO_TASK_ROLE), P, "taskRoleArn"),
        (task(networkConfiguration=None), EC2_WORLD, P, "Task definition does not support launch_type FARGATE."),
        (task(capacityProviderStrategy=[{"capacityProvider": "FARGATE"}]), WORLD, P, "Specifying both a launch type"),
        (
            task(launchType=None, networkConfiguration=None),
            NO_INSTANCES,
            P,
            "No Container Instances were found in your cluster.",
        ),
        (task(placementStrategy=[{"type": "random"}]), WORLD, P, "Placement strategies are not supported with FARGATE"),
        (task(tags=[{"key": "aws:x"}]), WORLD, P, "aws:"),
        (task(launchType="EC2", networkConfiguration=None, platformVersion="1.4.0"), EC2_WORLD, P, "platform version"),
    ],
)
def test_refused(request_: dict[str, Any], world: World, code: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate(request_, world)
    assert message in caught.value.message
    assert caught.value.code == code


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests("RunTask"))
def test_any_request_is_accepted_or_refused(request: dict[str, Any]) -> None:
    for world in (WORLD, EC2_WORLD, World()):
        try:
            validate(request, world)
        except Invalid as error:
            assert error.message


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(overlaid(task(), "RunTask"))
def test_a_valid_request_with_anything_replaced(request: dict[str, Any]) -> None:
    test_any_request_is_accepted_or_refused.hypothesis.inner_test(request)


BESIDE = beside(
    count=st.integers(1, 10),
    startedBy=WORD,
    group=WORD,
    tags=TAGS,
    referenceId=WORD,
    clientToken=WORD,
    enableECSManagedTags=st.booleans(),
)


@settings(max_examples=100)
@given(st.sampled_from(ACCEPTED), BESIDE)
def test_what_is_accepted_stays_so_whatever_is_beside_it(
    accepted: tuple[dict[str, Any], World], more: dict[str, Any]
) -> None:
    request, world = accepted
    validate({**request, **more}, world)


def test_the_definition_of_these_tests_is_one_that_ecs_registers() -> None:
    from drydock.policy.requests import task_definition

    request = {key: value for key, value in DEFINITION.items() if key != "status"}
    task_definition.validate(request)
    task_definition.validate({key: value for key, value in BRIDGE.items() if key != "status"})


R, OV, CO = "RunTaskRequest", "TaskOverride", "ContainerOverride"
ACTS: set[Field] = {
    *((R, name) for name in (
        "capacityProviderStrategy", "cluster", "count", "enableECSManagedTags", "enableExecuteCommand", "group",
        "launchType", "networkConfiguration", "overrides", "placementConstraints", "placementStrategy",
        "propagateTags", "referenceId", "startedBy", "tags", "taskDefinition", "clientToken",
    )),
    *((OV, name) for name in ("containerOverrides", "cpu", "memory", "executionRoleArn", "taskRoleArn")),
    *((CO, name) for name in (
        "name", "command", "environment", "environmentFiles", "cpu", "memory", "memoryReservation"
    )),
    *(("AwsVpcConfiguration", name) for name in ("subnets", "securityGroups", "assignPublicIp")),
    ("NetworkConfiguration", "awsvpcConfiguration"),
    *(("CapacityProviderStrategyItem", name) for name in ("capacityProvider", "weight", "base")),
    *(("PlacementConstraint", name) for name in ("type", "expression")),
    *(("PlacementStrategy", name) for name in ("type", "field")), *(("Tag", name) for name in ("key", "value")),
    *(("EnvironmentFile", name) for name in ("value", "type")), *(("KeyValuePair", name) for name in ("name", "value")),
}  # fmt: skip
NOT_HERE: dict[Field, dict[str, Any]] = {
    (R, "platformVersion"): task(platformVersion="1.3.0"),
    (R, "volumeConfigurations"): task(volumeConfigurations=[{"name": "v"}]),
    (OV, "inferenceAcceleratorOverrides"): task(overrides={"inferenceAcceleratorOverrides": [{"deviceName": "d"}]}),
    (CO, "resourceRequirements"): override(name="app", resourceRequirements=[{"type": "GPU", "value": "1"}]),
}
SAID = {(OV, "ephemeralStorage")}
"""As a gap of the task definition that it overrides."""


def test_each_field_of_the_model_acts_is_refused_or_is_said() -> None:
    assert not (ACTS & NOT_HERE.keys() or ACTS & SAID)
    assert fields("RunTask", {*NOT_HERE, *SAID}) == ACTS | NOT_HERE.keys() | SAID


@pytest.mark.parametrize("field", NOT_HERE, ids=".".join)
def test_what_is_not_there_is_refused(field: Field) -> None:
    with pytest.raises(Invalid):
        validate(NOT_HERE[field], WORLD)
        unsupported.launches(NOT_HERE[field])


def test_what_asks_for_nothing_else_is_launched() -> None:
    unsupported.launches(task(platformVersion="LATEST", volumeConfigurations=[]))
