"""Which RunTask requests ECS takes.

Source: Amazon ECS API Reference, *RunTask*; the model of botocore for enumerations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drydock.policy.ecs import capacity as capacity_providers
from drydock.policy.requests import fields, network, task_definition
from drydock.policy.requests.errors import Invalid, parameter
from drydock.policy.requests.world import World
from drydock.policy.requests.world import capacity as capacity_of

MAXIMUM_COUNT = 10
MAXIMUM_STARTED_BY = 128
MAXIMUM_REFERENCE_ID = 1024
MAXIMUM_OVERRIDES = 8192


def validate(request: Mapping[str, Any], world: World) -> None:
    """Refuse a RunTask request that ECS refuses.

    ``request``: as botocore sends it, camelCase. ``world``: the facts it refers to. A task that merely cannot be
    placed is not refused: ECS lists it under ``failures``. Source: documented limits; nearly all wording observed.

    Raises Invalid, mostly InvalidParameterException; ClusterNotFoundException, ClientException.
    """
    code = "InvalidParameterException"
    count = request.get("count")
    if count is not None and not 1 <= count <= MAXIMUM_COUNT:
        raise parameter(f"count must be between 1 and {MAXIMUM_COUNT}, got {count}.")
    cluster = network.find_cluster(world)
    launch_type = request.get("launchType")
    types = ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")
    fields.enumeration(code, "launchType", launch_type, types)
    fields.enumeration(code, "propagateTags", request.get("propagateTags"), ("TASK_DEFINITION", "SERVICE", "NONE"))
    if request.get("propagateTags") == "SERVICE":
        raise parameter("propagateTags SERVICE is only supported for services.")
    where = capacity_of(request, cluster)
    capacity_providers.validate(
        request.get("capacityProviderStrategy") or where.strategy,
        launch_type=launch_type,
        associated=cluster.capacity_providers,
        known=world.capacity_providers,
    )
    if len(request.get("startedBy") or "") > MAXIMUM_STARTED_BY:
        raise parameter(f"startedBy can have at most {MAXIMUM_STARTED_BY} characters.")
    if len(request.get("referenceId") or "") > MAXIMUM_REFERENCE_ID:
        raise parameter(f"referenceId can have at most {MAXIMUM_REFERENCE_ID} characters.")
    fields.tags(request.get("tags"))
    definition = network.find_task_definition(world)
    network.fits(definition, where)
    if where.launch_type == "EC2" and cluster.container_instances == 0:
        raise parameter("No Container Instances were found in your cluster.")
    network.validate(request, definition.get("networkMode"), where, world)
    fields.placement(request, where)
    overrides = request.get("overrides") or {}
    _overrides(overrides, definition, where.fargate)
    if request.get("enableExecuteCommand") and not (overrides.get("taskRoleArn") or definition.get("taskRoleArn")):
        raise parameter(
            "The task couldn't be started because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )


def _overrides(overrides: Mapping[str, Any], definition: Mapping[str, Any], fargate: bool) -> None:
    if len(json.dumps(overrides, separators=(",", ":"), default=str)) > MAXIMUM_OVERRIDES:
        raise parameter(f"Container Overrides length must be at most {MAXIMUM_OVERRIDES}")
    named = {container.get("name") for container in definition.get("containerDefinitions") or ()}
    for override in overrides.get("containerOverrides") or ():
        if not any(value is not None for value in override.values()):
            continue
        name = override.get("name")
        if not name:
            raise parameter("The container name must be included in a container override.")
        if name not in named:
            raise parameter(f"Override for container named {name} is not a container in the TaskDefinition.")
        for requirement in (override.get("resourceRequirements") or ()) if fargate else ():
            raise parameter(task_definition.no_resource(requirement).message)
    if overrides.get("inferenceAcceleratorOverrides"):
        raise parameter("Unsupported field 'inferenceAcceleratorOverrides'.")
    storage = overrides.get("ephemeralStorage")
    if storage is not None and not 21 <= (storage.get("sizeInGiB") or 0) <= 200:
        raise parameter("EphemeralStorage size should be at least 21 and at most 200")
    if fargate and (overrides.get("cpu") or overrides.get("memory")):
        cpu = str(overrides.get("cpu") or definition.get("cpu") or "")
        memory = str(overrides.get("memory") or definition.get("memory") or "")
        try:
            task_definition.fargate_size(task_definition.cpu_units(cpu), task_definition.memory_mib(memory))
        except Invalid as error:
            raise parameter(error.message) from None
