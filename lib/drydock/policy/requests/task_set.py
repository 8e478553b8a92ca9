"""Which task sets ECS creates, and of which services.

Source: Amazon ECS API Reference, *CreateTaskSet*, *UpdateTaskSet* and *Scale*. A wording that is *observed* is one that
users have reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.policy.ecs import task_sets
from drydock.policy.requests import fields, network
from drydock.policy.requests import service as service_rules
from drydock.policy.requests.errors import parameter
from drydock.policy.requests.world import World


def validate_controller(controller: str, *, by_codedeploy: bool) -> None:
    """Refuse to manage task sets of a service that ECS deploys, or that CodeDeploy does if somebody else asks.

    Raises Invalid. Wording: observed, github.com/hashicorp/terraform-provider-aws/issues/30347.
    """
    if controller == "ECS" or (controller == "CODE_DEPLOY" and not by_codedeploy):
        raise parameter(
            "Amazon ECS only supports task set management on services configured to use external deployment "
            "controllers."
        )


def validate_create(request: Mapping[str, Any], there_are: int, world: World) -> None:
    """Refuse a CreateTaskSet request that ECS refuses.

    ``there_are``: how many task sets the service has; ``world``: the facts that the request refers to. A task set has
    one target group at most (documented). The wording of the quota is observed.

    Raises Invalid, mostly InvalidParameterException; ClusterNotFoundException, ClientException.
    """
    cluster = network.find_cluster(world)
    types = ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")
    fields.enumeration(service_rules.CODE, "launchType", request.get("launchType"), types)
    where = service_rules.capacity_asked(request, cluster, world)
    validate_scale(request.get("scale") or {})
    fields.tags(request.get("tags"))
    service_rules.validate_launch(request, where, world)
    if len(request.get("loadBalancers") or ()) > 1:
        raise parameter("A task set can have at most one target group.")
    if there_are >= task_sets.MOST:
        raise parameter(
            f"{there_are} deployments exist on the service. Unable to create new TaskSet since this exceeds the "
            "maximum limit."
        )


def validate_scale(scale: Mapping[str, Any]) -> None:
    """Refuse a scale that is not 0 to 100 PERCENT. Raises Invalid (documented)."""
    fields.enumeration(service_rules.CODE, "scale.unit", scale.get("unit"), ("PERCENT",))
    fields.within(service_rules.CODE, "scale.value", scale.get("value"), 0, 100)
