"""What the ECS API shows of services, deployments and tasks, in its own shapes."""

from __future__ import annotations

from typing import Any

from drydock.embedded.services.ecs import hooks
from drydock.embedded.services.ecs.records import Deployment, Document, Origin, Service, Task, TaskSet
from drydock.policy.ecs import image_versions, task_sets

# Fields of a service that are shown as they were asked for.
SERVICE_FIELDS = (
    "availabilityZoneRebalancing", "capacityProviderStrategy", "deploymentConfiguration",
    "deploymentController", "desiredCount", "enableECSManagedTags", "enableExecuteCommand",
    "healthCheckGracePeriodSeconds", "launchType", "loadBalancers", "networkConfiguration",
    "placementConstraints", "placementStrategy", "platformVersion", "propagateTags",
    "schedulingStrategy", "serviceRegistries", "taskDefinition",
)  # fmt: skip
_SHOWN_EVENTS = 100
_UNDER_WAY = ("REQUESTED", "IN_PROGRESS")
_DEPLOYMENT_STATUS = {"COMPLETED": "SUCCESSFUL", "IN_PROGRESS": "IN_PROGRESS", "FAILED": "STOPPED"}


def counts(tasks: list[Task]) -> tuple[int, int]:
    """(running, pending) as a service counts its tasks."""
    running = sum(task.status == "RUNNING" and not task.stopping for task in tasks)
    pending = sum(task.status in ("PROVISIONING", "PENDING", "ACTIVATING") and not task.stopping for task in tasks)
    return running, pending


def describe_service(service: Service, tasks: list[Task], include_tags: bool) -> Document:
    running, pending = counts(tasks)
    settings = service.shown
    shown = {key: settings[key] for key in SERVICE_FIELDS if settings.get(key) is not None}
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
        "deployments": [
            describe_deployment(d, tasks) for d in sorted(service.deployments, key=lambda d: d.status != "PRIMARY")
        ],
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
    if service.controller != "ECS":
        document["taskSets"] = [
            describe_task_set(service, each, tasks, include_tags=True) for each in service.task_sets
        ]
    under_way = service.staged or primary
    if under_way is not None and (under_way.rollout_state == "IN_PROGRESS" or under_way.rollback is not None):
        document["currentServiceDeployment"] = under_way.service_deployment_arn
    if include_tags:
        document["tags"] = service.tags
    return document


def describe_task_set(service: Service, task_set: TaskSet, tasks: list[Task], *, include_tags: bool) -> Document:
    running, pending = counts(_of(task_set, tasks))
    named = {"startedBy": task_set.started_by, "externalId": task_set.external_id}
    document: Document = {
        "loadBalancers": [],
        "serviceRegistries": [],
        **task_set.revision,
        **{key: value for key, value in named.items() if value is not None},
        "id": task_set.id,
        "taskSetArn": task_set.arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "status": task_set.status,
        "computedDesiredCount": task_sets.computed_count(service.desired_count, task_set.scale, task_set.status),
        "runningCount": running,
        "pendingCount": pending,
        "createdAt": task_set.created_at,
        "updatedAt": task_set.updated_at,
        "platformFamily": "Linux",
        "scale": {"value": task_set.scale, "unit": "PERCENT"},
        "stabilityStatus": task_set.stability,
        "stabilityStatusAt": task_set.stability_at,
    }
    if include_tags:
        document["tags"] = task_set.tags
    return document


def _of(deployment: Origin, tasks: list[Task]) -> list[Task]:
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
    if deployment.resources:
        shown["serviceConnectResources"] = deployment.resources
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


def _rollback(service: Service, deployment: Deployment) -> Document | None:
    """How the deployment is rolled back, as `Deployment.rollback`."""
    every = [*service.deployments, *service.finished]
    back = next((each for each in every if each.rollback_of == deployment.id), None)
    if back is None or deployment.rollback is None:
        rollback = deployment.rollback
        if rollback is not None and service.status == "INACTIVE" and rollback["state"] in _UNDER_WAY:
            return {**rollback, "state": "FAILED"}
        return rollback
    is_over = back.rollout_state == "IN_PROGRESS" and back.status != "PRIMARY"
    state = {"COMPLETED": "SUCCESSFUL", "FAILED": "FAILED"}.get(
        back.rollout_state, "FAILED" if is_over else "IN_PROGRESS"
    )
    return {**deployment.rollback, "state": state}


def _reason(service: Service, deployment: Deployment, status: str) -> str:
    """Why a service deployment is as it is; one that something else ended says what that was."""
    is_open = deployment.rollout_state == "IN_PROGRESS" or (deployment.rollback or {}).get("state") in _UNDER_WAY
    if status not in ("STOPPED", "ROLLBACK_FAILED") or not is_open:
        return str(deployment.rollout_state_reason)
    what = "the service was deleted" if service.status != "ACTIVE" else "a newer deployment of the service began"
    if status == "STOPPED":
        return f"ECS deployment {deployment.id} stopped: {what}."
    return f"{deployment.rollout_state_reason} Its roll-back ended: {what}."


def service_deployment_status(service: Service, deployment: Deployment) -> str:
    rollback = _rollback(service, deployment)
    if rollback is not None:
        return f"ROLLBACK_{rollback['state']}"
    if deployment.status != "PRIMARY" and deployment.rollout_state == "IN_PROGRESS":
        return "STOPPED"
    return _DEPLOYMENT_STATUS[deployment.rollout_state]


def brief_service_deployment(service: Service, deployment: Deployment) -> Document:
    status = service_deployment_status(service, deployment)
    document: Document = {
        "serviceDeploymentArn": deployment.service_deployment_arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "targetServiceRevisionArn": deployment.revision_arn,
        "status": status,
        "statusReason": _reason(service, deployment, status),
    }
    if deployment.finished_at:
        document["finishedAt"] = deployment.finished_at
    return document


def _revision(deployment: Deployment, tasks: list[Task], production: float | None, test: float | None) -> Document:
    running, pending = counts(_of(deployment, tasks))
    document: Document = {
        "arn": deployment.revision_arn,
        "requestedTaskCount": deployment.desired_count,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    }
    if deployment.revision.get("loadBalancers"):
        shown = {"requestedProductionTrafficWeight": production, "requestedTestTrafficWeight": test}
        document |= {name: value for name, value in shown.items() if value is not None}
    return document


def _rest(percent: float | None) -> float | None:
    return None if percent is None else 100.0 - percent


def describe_service_deployment(service: Service, deployment: Deployment, tasks: list[Task]) -> Document:
    document = brief_service_deployment(service, deployment)
    del document["targetServiceRevisionArn"]
    progress, source = deployment.progress, service.deployment(deployment.source) if deployment.source else None
    production, test = (deployment.production, deployment.test) if progress else (None, None)
    sources = [{"arn": deployment.source_revision_arn}] if deployment.source_revision_arn else []
    document |= {
        "updatedAt": deployment.updated_at,
        "deploymentConfiguration": deployment.configuration or service.settings["deploymentConfiguration"],
        "targetServiceRevision": _revision(deployment, tasks, production, test),
        "sourceServiceRevisions": [_revision(source, tasks, _rest(production), _rest(test))] if source else sources,
    }
    if document["status"] == "STOPPED":
        document["stoppedAt"] = deployment.finished_at
    if progress is not None:
        document["lifecycleStage"] = progress.stage.shown
        document["lifecycleHookDetails"] = [hooks.shown(hook) for hook in deployment.hooks]
    rollback = _rollback(service, deployment)
    if rollback is not None:
        document["rollback"] = {key: value for key, value in rollback.items() if key != "state"}
    alarms = deployment.alarms
    if alarms.names:
        document["alarms"] = {
            "status": alarms.status.value,
            "alarmNames": list(alarms.names),
            "triggeredAlarmNames": list(alarms.triggered),
        }
    document["deploymentCircuitBreaker"] = {
        "status": deployment.breaker.status,
        "failureCount": deployment.breaker.failure_count,
        "threshold": deployment.breaker.threshold,
    }
    return document


def describe_service_revision(service: Service, deployment: Deployment, definition: Document) -> Document:
    """`definition`: its task definition, empty if that is gone."""
    shown = {key: value for key, value in deployment.revision.items() if value is not None}
    resolved = [
        {
            "targetGroupArn": entry["targetGroupArn"],
            "productionListenerRule": (entry.get("advancedConfiguration") or {}).get("productionListenerRule"),
        }
        for entry in deployment.load_balancers
    ]
    return {
        **shown,
        **({"resolvedConfiguration": {"loadBalancers": resolved}} if resolved else {}),
        "serviceRevisionArn": deployment.revision_arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "platformFamily": "Linux",
        "containerImages": image_versions.shown(definition, deployment.images),
        "createdAt": deployment.created_at,
    }


def describe_definition(definition: Any) -> Document:
    """A task definition of moto's, as it was registered."""
    return {**definition.document, "status": definition.status}


def describe_task(task: Task, include_tags: bool) -> Document:
    document = {key: value for key, value in task.document.items() if value is not None}
    document["tags"] = task.tags if include_tags else []
    return document
