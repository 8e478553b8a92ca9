"""EventBridge: the state changes of tasks and deployments, and how services are balanced, as ECS sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drydock.embedded.services.ecs import views
from drydock.embedded.services.ecs.records import Deployment, Document, Service, Task, utcnow
from drydock.embedded.workload import bus

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

_REASONS = {
    "SERVICE_DEPLOYMENT_IN_PROGRESS": "INFO",
    "SERVICE_DEPLOYMENT_COMPLETED": "INFO",
    "SERVICE_DEPLOYMENT_FAILED": "ERROR",
}


def task(host: Host, task: Task) -> None:
    """`ECS Task State Change`."""
    _send(host, task.region_name, "ECS Task State Change", [task.arn], views.describe_task(task, include_tags=False))


def deployment(host: Host, service: Service, deployment: Deployment, name: str, reason: str = "") -> None:
    """`ECS Deployment State Change`. `reason`: if it is not the deployment's own."""
    detail = {
        "eventType": _REASONS[name],
        "eventName": name,
        "clusterArn": service.cluster_arn,
        "deploymentId": deployment.id,
        "updatedAt": utcnow(),
        "reason": reason or deployment.rollout_state_reason,
    }
    _send(host, service.region_name, "ECS Deployment State Change", [service.arn], detail)


def action(host: Host, service: Service, name: str, kind: str = "INFO", **more: Any) -> None:
    """`ECS Service Action`, with what else its detail has."""
    detail = {"eventType": kind, "eventName": name, "clusterArn": service.cluster_arn, "createdAt": utcnow(), **more}
    _send(host, service.region_name, "ECS Service Action", [service.arn], detail)


def _send(host: Host, region: str, detail_type: str, resources: list[str], detail: Document) -> None:
    bus.tell(host, region, "aws.ecs", detail_type, resources, detail)
