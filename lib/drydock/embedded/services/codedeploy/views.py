"""Answers, as CodeDeploy's API has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from drydock.policy.codedeploy import groups, lifecycle
from drydock.policy.codedeploy.courses import Course
from drydock.policy.codedeploy.lifecycle import Step

from .state import Application, CodeDeployState, Deployment, Document, Event, Group, Revision, member

_OF_GROUP = ("deploymentConfigName", "serviceRoleArn", "triggerConfigurations", "alarmConfiguration",
             "autoRollbackConfiguration", "deploymentStyle", "blueGreenDeploymentConfiguration", "loadBalancerInfo",
             "ecsServices", "outdatedInstancesStrategy")  # fmt: skip
_OF_DEPLOYMENT = ("autoRollbackConfiguration", "deploymentStyle", "blueGreenDeploymentConfiguration",
                  "loadBalancerInfo")  # fmt: skip
_TARGET = {
    lifecycle.CREATED: "Pending", lifecycle.STOPPED: "Failed",
}  # others have the deployment's own  # fmt: skip


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def application(one: Application) -> Document:
    return {
        "applicationId": one.id,
        "applicationName": one.name,
        "createTime": at(one.created),
        "computePlatform": groups.ECS,
        "linkedToGitHub": False,
    }


def config(name: str, identity: str, created: float | None, course: Course) -> Document:
    return {
        "deploymentConfigId": identity,
        "deploymentConfigName": name,
        "createTime": at(created),
        "computePlatform": groups.ECS,
        "trafficRoutingConfig": course.shown(),
    }


def group(backend: CodeDeployState, one: Group) -> Document:
    all_of_it = backend.of_group(one.application, one.name)
    succeeded = backend.last_success(one.application, one.name)
    shown: Document = {
        "applicationName": one.application,
        "deploymentGroupId": one.id,
        "deploymentGroupName": one.name,
        "computePlatform": groups.ECS,
        **{name: one.settings[name] for name in _OF_GROUP if one.settings.get(name) is not None},
    }
    if succeeded is not None:
        shown["lastSuccessfulDeployment"] = _last(succeeded)
        if succeeded.revision:
            shown["targetRevision"] = revision(succeeded.revision)
    if all_of_it:
        shown["lastAttemptedDeployment"] = _last(all_of_it[-1])
    return shown


def _last(one: Deployment) -> Document:
    return {
        "deploymentId": one.id,
        "status": one.status,
        "createTime": at(one.created),
        "endTime": at(one.completed),
    }


def revision(location: Document) -> Document:
    """Which one it is, without its content (documented)."""
    kind = location["revisionType"]
    if kind == "S3":
        return location
    return {"revisionType": kind, member(kind): {"sha256": location[member(kind)]["sha256"]}}


def with_content(one: Revision) -> Document:
    """The same with the content, where it is not in S3."""
    shown = revision(one.location)
    kind = shown["revisionType"]
    return shown if kind == "S3" else {**shown, member(kind): {**shown[member(kind)], "content": one.content}}


def revision_info(one: Revision) -> Document:
    return {
        "description": one.description,
        "deploymentGroups": one.groups,
        "registerTime": at(one.registered),
        "firstUsedTime": at(one.first_used),
        "lastUsedTime": at(one.last_used),
    }


def deployment(one: Deployment) -> Document:
    shown: Document = {
        "applicationName": one.application,
        "deploymentGroupName": one.group,
        "deploymentConfigName": one.config,
        "deploymentId": one.id,
        "revision": revision(one.revision) if one.revision else None,
        "status": one.status,
        "createTime": at(one.created),
        "startTime": at(one.started),
        "completeTime": at(one.completed),
        "description": one.description or None,
        "creator": one.creator,
        "ignoreApplicationStopFailures": False,
        "updateOutdatedInstancesOnly": False,
        "instanceTerminationWaitTimeStarted": one.step == Step.TERMINATION_WAIT and not one.is_over,
        "deploymentStatusMessages": [],
        "computePlatform": groups.ECS,
        "fileExistsBehavior": "DISALLOW",
        **{name: one.settings[name] for name in _OF_DEPLOYMENT if one.settings.get(name) is not None},
    }
    if one.error:
        shown["errorInformation"] = one.error
    if one.rollback:
        shown["rollbackInfo"] = one.rollback
    if one.previous:
        shown["previousRevision"] = revision(one.previous)
    if one.settings.get("overridden"):
        shown["overrideAlarmConfiguration"] = one.settings["alarmConfiguration"]
    return {name: value for name, value in shown.items() if value is not None}


def target(one: Deployment, service: str) -> Document:
    """Its only target: the service, whose ARN is given."""
    weight = one.weight or 0.0
    sets = []
    for label, task_set, share in (("Blue", one.blue, 100.0 - weight), ("Green", one.green, weight)):
        if task_set.get("id"):
            sets.append({
                "identifer": task_set["id"],
                "desiredCount": task_set.get("desired", 0),
                "pendingCount": task_set.get("pending", 0),
                "runningCount": task_set.get("running", 0),
                "status": task_set.get("status", ""),
                "trafficWeight": share,
                "targetGroup": {"name": task_set["group"]},
                "taskSetLabel": label,
            })  # fmt: skip
    return {
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {
            "deploymentId": one.id,
            "targetId": one.target,
            "targetArn": service,
            "lastUpdatedAt": at(one.updated or one.created),
            "lifecycleEvents": [_event(event) for event in one.events],
            "status": _TARGET.get(one.status, one.status),
            "taskSetsInfo": sets,
        },
    }


def _event(event: Event) -> Document:
    shown: dict[str, Any] = {
        "lifecycleEventName": event.name,
        "status": event.status,
        "startTime": at(event.started),
        "endTime": at(event.ended),
    }
    if event.message:
        shown["diagnostics"] = {"errorCode": "UnknownError", "message": event.message}
    return {name: value for name, value in shown.items() if value is not None}
