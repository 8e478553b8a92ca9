"""What the ECS API shows of services, deployments and tasks, in its own shapes."""

from __future__ import annotations

from typing import Any

from drydock.embedded.services.ecs.records import Deployment, Document, Service, Task

# Fields of a service that are shown as they were asked for.
SERVICE_FIELDS = (
    "availabilityZoneRebalancing", "capacityProviderStrategy", "deploymentConfiguration",
    "deploymentController", "desiredCount", "enableECSManagedTags", "enableExecuteCommand",
    "healthCheckGracePeriodSeconds", "launchType", "loadBalancers", "networkConfiguration",
    "placementConstraints", "placementStrategy", "platformVersion", "propagateTags",
    "schedulingStrategy", "serviceRegistries", "taskDefinition",
)  # fmt: skip
_SHOWN_EVENTS = 100
_DEPLOYMENT_STATUS = {"COMPLETED": "SUCCESSFUL", "IN_PROGRESS": "IN_PROGRESS", "FAILED": "STOPPED"}


def counts(tasks: list[Task]) -> tuple[int, int]:
    """(running, pending) as a service counts its tasks."""
    running = sum(task.status == "RUNNING" and not task.stopping for task in tasks)
    pending = sum(task.status in ("PROVISIONING", "PENDING", "ACTIVATING") and not task.stopping for task in tasks)
    return running, pending


def describe_service(service: Service, tasks: list[Task], include_tags: bool) -> Document:
    running, pending = counts(tasks)
    shown = {key: service.settings[key] for key in SERVICE_FIELDS if service.settings.get(key) is not None}
    primary = service.primary
    iam = f"arn:aws:iam::{service.arn.split(':')[4]}"
    document: Document = {
        **shown,
        "serviceName": service.name,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": running,
        "pendingCount": pending,
        "createdAt": service.created_at,
        "createdBy": f"{iam}:root",
        "platformFamily": "Linux",
        "roleArn": f"{iam}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "deployments": [describe_deployment(d, tasks) for d in service.deployments],
        "events": list(service.events)[:_SHOWN_EVENTS],
        "currentServiceRevisions": [
            {
                "arn": d.revision_arn,
                "requestedTaskCount": d.desired_count,
                "runningTaskCount": counts(_of(d, tasks))[0],
                "pendingTaskCount": counts(_of(d, tasks))[1],
            }
            for d in service.deployments
        ],
    }
    if primary is not None and primary.rollout_state == "IN_PROGRESS":
        document["currentServiceDeployment"] = primary.service_deployment_arn
    if include_tags:
        document["tags"] = service.tags
    return document


def _of(deployment: Deployment, tasks: list[Task]) -> list[Task]:
    return [task for task in tasks if task.deployment_id == deployment.id]


def describe_deployment(deployment: Deployment, tasks: list[Task]) -> Document:
    running, pending = counts(_of(deployment, tasks))
    shown = {
        key: deployment.revision[key]
        for key in (
            "capacityProviderStrategy", "launchType", "networkConfiguration", "platformVersion",
            "serviceConnectConfiguration", "taskDefinition", "volumeConfigurations",
        )
        if deployment.revision.get(key) is not None
    }  # fmt: skip
    return {
        **shown,
        "id": deployment.id,
        "status": deployment.status,
        "desiredCount": deployment.desired_count,
        "runningCount": running,
        "pendingCount": pending,
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "platformFamily": "Linux",
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_state_reason,
    }


def _rollback(service: Service, deployment: Deployment) -> Deployment | None:
    """The deployment that rolls this one back."""
    every = [*service.deployments, *service.finished]
    return next((each for each in every if each.rollback_of == deployment.id), None)


def _deployment_status(service: Service, deployment: Deployment) -> str:
    back = _rollback(service, deployment)
    if back is not None:
        return "ROLLBACK_" + {"COMPLETED": "SUCCESSFUL"}.get(back.rollout_state, back.rollout_state)
    if deployment.status == "INACTIVE" and deployment.rollout_state == "IN_PROGRESS":
        return "STOPPED"
    return _DEPLOYMENT_STATUS[deployment.rollout_state]


def brief_service_deployment(service: Service, deployment: Deployment) -> Document:
    document: Document = {
        "serviceDeploymentArn": deployment.service_deployment_arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "targetServiceRevisionArn": deployment.revision_arn,
        "status": _deployment_status(service, deployment),
        "statusReason": deployment.rollout_state_reason,
    }
    if deployment.finished_at:
        document["finishedAt"] = deployment.finished_at
    return document


def describe_service_deployment(service: Service, deployment: Deployment, tasks: list[Task]) -> Document:
    document = brief_service_deployment(service, deployment)
    target = document.pop("targetServiceRevisionArn")
    running, pending = counts(_of(deployment, tasks))
    document |= {
        "updatedAt": deployment.updated_at,
        "deploymentConfiguration": service.settings["deploymentConfiguration"],
        "targetServiceRevision": {
            "arn": target,
            "requestedTaskCount": deployment.desired_count,
            "runningTaskCount": running,
            "pendingTaskCount": pending,
        },
        "sourceServiceRevisions": [{"arn": deployment.source_revision_arn}] if deployment.source_revision_arn else [],
    }
    back = _rollback(service, deployment)
    if back is not None:
        document["rollback"] = {
            "reason": deployment.rollout_state_reason,
            "startedAt": back.created_at,
            "serviceRevisionArn": back.revision_arn,
        }
    document["deploymentCircuitBreaker"] = {
        "status": deployment.breaker.status,
        "failureCount": deployment.breaker.failure_count,
        "threshold": deployment.breaker.threshold,
    }
    return document


def describe_service_revision(service: Service, deployment: Deployment) -> Document:
    shown = {key: value for key, value in deployment.revision.items() if value is not None}
    return {
        **shown,
        "serviceRevisionArn": deployment.revision_arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "platformFamily": "Linux",
        "createdAt": deployment.created_at,
    }


def describe_definition(definition: Any) -> Document:
    """A task definition of moto's, as it was registered."""
    return {**definition.document, "status": definition.status}


def describe_task(task: Task, include_tags: bool) -> Document:
    document = {key: value for key, value in task.document.items() if value is not None}
    document["tags"] = task.tags if include_tags else []
    return document
