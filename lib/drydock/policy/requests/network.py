"""The ``networkConfiguration`` of services and tasks, and whether a task definition fits where it is to run.

Source: Amazon ECS API Reference, *AwsVpcConfiguration*, and *TaskDefinition* for networkMode and compatibilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.policy.requests import fields
from drydock.policy.requests.errors import Invalid, client, parameter
from drydock.policy.requests.task_definition import compatibilities
from drydock.policy.requests.world import Capacity, Cluster, World

CODE = "InvalidParameterException"


def find_cluster(world: World) -> Cluster:
    """The cluster, if it exists and is active. Raises Invalid (ClusterNotFoundException)."""
    if world.cluster is None:
        raise Invalid("ClusterNotFoundException", "Cluster not found.")
    if world.cluster.status == "INACTIVE":
        raise Invalid("ClusterNotFoundException", "The referenced cluster was inactive.")
    return world.cluster


def find_task_definition(world: World) -> Mapping[str, Any]:
    """The task definition, if it exists and is not inactive. Raises Invalid (ClientException)."""
    if world.task_definition is None:
        raise client("TaskDefinition not found.")
    if world.task_definition.get("status") in ("INACTIVE", "DELETE_IN_PROGRESS"):
        raise client("TaskDefinition is inactive")
    return world.task_definition


def fits(definition: Mapping[str, Any], capacity: Capacity) -> None:
    """Refuse a task definition that cannot run on this capacity. Raises Invalid (InvalidParameterException)."""
    launch_type = "FARGATE" if capacity.fargate else capacity.launch_type
    if not launch_type:
        return
    supported = definition.get("compatibilities") or compatibilities(definition)
    if launch_type not in supported:
        raise parameter(f"Task definition does not support launch_type {launch_type}.")


def validate(request: Mapping[str, Any], mode: str | None, capacity: Capacity, world: World) -> None:
    """Refuse a networkConfiguration that does not go with the task definition's network mode.

    Source: documented (16 subnets, 5 security groups); the wording was observed. Raises Invalid
    (InvalidParameterException).
    """
    configuration = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if mode != "awsvpc":
        if configuration:
            raise parameter("Network Configuration is not valid for the given networkMode of this task definition.")
        return
    if not configuration:
        raise parameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    subnets = configuration.get("subnets") or ()
    groups = configuration.get("securityGroups") or ()
    if not subnets:
        raise parameter("subnets can not be empty.")
    if len(subnets) > 16:
        raise parameter("subnets can have at most 16 items.")
    if len(groups) > 5:
        raise parameter("securityGroups can have at most 5 items.")
    public = configuration.get("assignPublicIp")
    fields.enumeration(CODE, "assignPublicIp", public, ("ENABLED", "DISABLED"))
    if public == "ENABLED" and not capacity.fargate:
        raise parameter("Assign public IP is not supported for this launch type.")
    for subnet in subnets:
        if world.subnets is not None and subnet not in world.subnets:
            raise parameter(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not exist "
                "(ErrorCode: InvalidSubnetID.NotFound)"
            )
    for group in groups:
        if world.security_groups is not None and group not in world.security_groups:
            raise parameter(
                f"Error retrieving security group information for [{group}]: The security group '{group}' does not "
                "exist (ErrorCode: InvalidGroup.NotFound)"
            )
    vpcs = {vpc for subnet, vpc in (world.subnets or {}).items() if subnet in subnets}
    if len(vpcs) > 1:
        raise parameter(f"The subnets are of different VPCs ({', '.join(sorted(vpcs))}): name those of one VPC.")
    for group in groups:
        if vpcs and world.security_groups is not None and world.security_groups[group] not in vpcs:
            raise parameter(f"Security group {group} does not appear to belong to the same VPC as the input subnets.")
