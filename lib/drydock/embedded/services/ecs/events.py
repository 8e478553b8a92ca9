"""EventBridge: the state changes of tasks and deployments, and how services are balanced, as ECS sends them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock.embedded.services.ecs import views
from drydock.embedded.services.ecs.records import Deployment, Document, Service, Task, utcnow

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

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
    if not _listened_to(host, region):
        return
    entry = {
        "Source": "aws.ecs",
        "DetailType": detail_type,
        "Resources": resources,
        "Detail": json.dumps(detail, default=_text),
    }
    try:
        host.client("events", region, derived=True).put_events(Entries=[entry])
    except ClientError as error:  # a target that is gone is no matter of ECS's
        log.warning("%s of %s was not delivered: %s", detail_type, resources, error)


def _listened_to(host: Host, region: str) -> bool:
    """Whether any rule could match: without one an event has no effect, so it is not worth a request."""
    backend = host.backend_so_far("events", region)
    return backend is not None and bool(backend.event_buses["default"].rules)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
