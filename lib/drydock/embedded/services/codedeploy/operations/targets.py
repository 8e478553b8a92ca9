"""What a deployment deploys to: one service."""

from __future__ import annotations

import contextlib

from botocore.exceptions import ClientError

from drydock.embedded.services.codedeploy import views
from drydock.embedded.services.codedeploy.operations.deployment_groups import short
from drydock.embedded.services.codedeploy.operations.deployments import deployment
from drydock.embedded.services.codedeploy.operations.shape import page
from drydock.embedded.services.codedeploy.progress import refresh
from drydock.embedded.services.codedeploy.state import CodeDeployState, Deployment, Document
from drydock.embedded.services.codedeploy.tasksets import TaskSets
from drydock.policy.requests.errors import Invalid


def list_deployment_targets(backend: CodeDeployState, request: Document) -> Document:
    one = _started(backend, request)
    filters = request.get("targetFilters") or {}
    strange = [name for name in filters if name != "TargetStatus"]
    if strange:
        raise Invalid("InvalidTargetFilterNameException", f"Targets of ECS have no {strange[0]}.")
    status = views.target(one, "")["ecsTarget"]["status"]
    found = [one.target] if not filters or status in filters["TargetStatus"] else []
    return page(found, request, "targetIds")


def get_deployment_target(backend: CodeDeployState, request: Document) -> Document:
    return {"deploymentTarget": _target(backend, _started(backend, request), request["targetId"])}


def batch_get_deployment_targets(backend: CodeDeployState, request: Document) -> Document:
    one, names = _started(backend, request), request["targetIds"]
    if len(names) != 1:
        raise Invalid(
            "DeploymentTargetListSizeExceededException",
            f"A deployment of ECS has one target: targetIds must have exactly one item, not {len(names)}.",
        )
    return {"deploymentTargets": [_target(backend, one, name) for name in names]}


def _started(backend: CodeDeployState, request: Document) -> Deployment:
    """Invalid."""
    one = deployment(backend, request)
    if one.started is None:
        raise Invalid("DeploymentNotStartedException", f"The deployment {one.id} has not started yet.")
    return one


def _target(backend: CodeDeployState, one: Deployment, name: str) -> Document:
    if not name:
        raise Invalid("DeploymentTargetIdRequiredException", "A target ID is required")
    if name != one.target:
        raise Invalid(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {one.id} has no target {name}; its target is {one.target}.",
        )
    sets = TaskSets(backend.host)
    with contextlib.suppress(ClientError):  # where the service has gone, its task sets are shown as they were
        refresh(one, sets.all(backend.region_name, one))
    cluster, service = short(one.service)
    arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:service/{cluster}/{service}"
    return views.target(one, arn)


OPERATIONS = (
    list_deployment_targets,
    get_deployment_target,
    batch_get_deployment_targets,
)
