"""Deployments: how one begins, goes on, and is stopped."""

from __future__ import annotations

import re
from dataclasses import asdict

from drydock.embedded.services.codedeploy import views
from drydock.embedded.services.codedeploy.operations.deployment_groups import (
    check_balancer,
    check_role,
    managed,
    short,
)
from drydock.embedded.services.codedeploy.operations.revisions import located, registered
from drydock.embedded.services.codedeploy.operations.shape import SMALL_BATCH, batch, page
from drydock.embedded.services.codedeploy.progress import begun
from drydock.embedded.services.codedeploy.state import CodeDeployState, Deployment, Document, Event, Group
from drydock.policy.codedeploy import appspec, groups, lifecycle
from drydock.policy.codedeploy.lifecycle import Step
from drydock.policy.requests.errors import Invalid

_ID = re.compile(r"d-[A-Z0-9]{9}")
_ONLY_INSTANCES = {
    "targetInstances": "InvalidTargetInstancesException",
    "ignoreApplicationStopFailures": "InvalidIgnoreApplicationStopFailuresValueException",
    "updateOutdatedInstancesOnly": "InvalidUpdateOutdatedInstancesOnlyValueException",
    "ec2DeploymentOptions": "InvalidInputException",
}
"""Members of CreateDeployment that mean nothing for ECS, and what refuses them."""


def create_deployment(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"])
    name = request.get("deploymentGroupName")
    if not name:
        raise Invalid("DeploymentGroupNameRequiredException", "Deployment Group name is missing")
    group = backend.group(application.name, name)
    _check_deployment(request)
    if not request.get("revision"):
        raise Invalid("RevisionRequiredException", "Revision is required")
    location, text = located(backend, application.name, request["revision"])
    spec = appspec.read(text)
    settings = dict(group.settings)
    for override, kept in (
        ("autoRollbackConfiguration", "autoRollbackConfiguration"),
        ("overrideAlarmConfiguration", "alarmConfiguration"),
    ):
        if request.get(override) is not None:
            settings[kept] = request[override]
    groups.alarms(settings.get("alarmConfiguration"))
    groups.rollback(settings.get("autoRollbackConfiguration"))
    settings["overridden"] = request.get("overrideAlarmConfiguration") is not None
    config = request.get("deploymentConfigName") or group.settings["deploymentConfigName"]
    course = backend.course(config)
    managed(backend, settings["ecsServices"][0])
    check_balancer(backend, settings, course, "InvalidLoadBalancerInfoException")
    check_role(backend, settings["serviceRoleArn"])
    _is_alone(backend, group)
    last = backend.last_success(application.name, name)
    revision = registered(backend, application.name, location, text)
    revision.first_used, revision.last_used = revision.first_used or backend.now(), backend.now()
    revision.groups = [*(each for each in revision.groups if each != name), name]
    backend.keep(revision)
    pair = settings["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    made = begun(
        backend,
        bool((pair.get("testTrafficRoute") or {}).get("listenerArns")),
        application=application.name,
        group=name,
        group_id=group.id,
        settings=settings,
        config=config,
        course=[course.kind, course.percent, course.minutes],
        revision=location,
        spec=asdict(spec),
        description=request.get("description") or "",
        previous=last.revision if last is not None and last.revision else None,
    )
    backend.keep(made)
    backend.changed()
    return {"deploymentId": made.id}


def _check_deployment(request: Document) -> None:
    """Invalid, for what means nothing for ECS."""
    for name, code in _ONLY_INSTANCES.items():
        if request.get(name):
            raise Invalid(code, f"For ECS deployments, {name} can not be specified")
    if request.get("fileExistsBehavior") not in (None, "DISALLOW"):
        raise Invalid(
            "InvalidFileExistsBehaviorException", "For ECS deployments, fileExistsBehavior can not be specified"
        )
    if request.get("deploymentMode") not in (None, "STANDARD"):
        raise Invalid("InvalidInputException", "For ECS deployments, deploymentMode can only be STANDARD")


def _is_alone(backend: CodeDeployState, group: Group) -> None:
    """Whether nothing deploys to the service yet. Invalid."""
    service = short(group.settings["ecsServices"][0])
    for one in backend.deployments.values():
        if not one.is_over and short(one.service) == service:
            raise Invalid(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group.name}' already has an active Deployment '{one.id}'",
            )


def get_deployment(backend: CodeDeployState, request: Document) -> Document:
    return {"deploymentInfo": views.deployment(deployment(backend, request))}


def batch_get_deployments(backend: CodeDeployState, request: Document) -> Document:
    """Those of them that there are."""
    names = [_identity(name) for name in batch(request["deploymentIds"], SMALL_BATCH)]
    known = [backend.deployments[name] for name in names if name in backend.deployments]
    return {"deploymentsInfo": [views.deployment(one) for one in known]}


def list_deployments(backend: CodeDeployState, request: Document) -> Document:
    """The newest first."""
    application, group = request.get("applicationName"), request.get("deploymentGroupName")
    if application and not group:
        raise Invalid("DeploymentGroupNameRequiredException", "Deployment Group name is missing")
    if group and not application:
        raise Invalid("ApplicationNameRequiredException", "Application name is missing")
    if application and group:
        backend.group(application, group)
    times = request.get("createTimeRange") or {}
    start, end = (times[name].timestamp() if times.get(name) else None for name in ("start", "end"))
    if start is not None and end is not None and start > end:
        raise Invalid("InvalidTimeRangeException", "The start of createTimeRange is after its end.")
    statuses = request.get("includeOnlyStatuses") or ()
    found = [
        one.id
        for one in reversed(backend.deployments.values())
        if (not application or (one.application, one.group) == (application, group))
        and (not statuses or one.status in statuses)
        and (start is None or one.created >= start)
        and (end is None or one.created <= end)
        and not request.get("externalId")  # no deployment of ECS that a user makes has one
    ]
    return page(found, request, "deployments")


def continue_deployment(backend: CodeDeployState, request: Document) -> Document:
    wait = request.get("deploymentWaitType") or Step.READY_WAIT
    return _continue(backend, request, wait, "DeploymentIsNotInReadyStateException")


def skip_wait_time_for_instance_termination(backend: CodeDeployState, request: Document) -> Document:
    return _continue(backend, request, Step.TERMINATION_WAIT, "DeploymentNotStartedException")


def _continue(backend: CodeDeployState, request: Document, wait: str, code: str) -> Document:
    """`code` is the error where it does not wait. Invalid."""
    one = under_way(backend, request)
    if one.step != wait:
        raise Invalid(code, f"The deployment {one.id} does not wait in {wait}: it is at {one.step}.")
    one.continued.append(wait)
    backend.keep(one)
    backend.changed()
    return {}


def stop_deployment(backend: CodeDeployState, request: Document) -> Document:
    """It is stopped in the next turn."""
    one = under_way(backend, request)
    one.stop = {"rollback": request.get("autoRollbackEnabled")}
    backend.keep(one)
    backend.changed()
    return {"status": "Pending", "statusMessage": "The deployment is being stopped."}


def put_lifecycle_event_hook_execution_status(backend: CodeDeployState, request: Document) -> Document:
    one, execution = deployment(backend, request), request.get("lifecycleEventHookExecutionId") or ""
    event = next((each for each in one.events if execution and each.execution == execution), None)
    if event is None:
        raise Invalid(
            "InvalidLifecycleEventHookExecutionIdException", f"No hook of {one.id} has the execution id {execution!r}."
        )
    status = request.get("status")
    if status not in (lifecycle.SUCCEEDED, lifecycle.FAILED):
        raise Invalid(
            "InvalidLifecycleEventHookExecutionStatusException",
            f"The status must be Succeeded or Failed, not {status}.",
        )
    _answer(backend, one, event, status)
    return {"lifecycleEventHookExecutionId": execution}


def _answer(backend: CodeDeployState, one: Deployment, event: Event, status: str) -> None:
    if event.answered or event.ended is not None:
        raise Invalid(
            "LifecycleEventAlreadyCompletedException", f"The lifecycle event {event.name} is completed already."
        )
    event.answered = status
    backend.keep(one)
    backend.changed()


def deployment(backend: CodeDeployState, request: Document) -> Deployment:
    """Invalid."""
    identity = request.get("deploymentId")
    if not identity:
        raise Invalid("DeploymentIdRequiredException", "Deployment ID is required")
    return backend.deployment(_identity(identity))


def _identity(given: str) -> str:
    """Invalid."""
    if not _ID.fullmatch(given):
        raise Invalid("InvalidDeploymentIdException", f"Specified DeploymentId is not in the valid format: {given}")
    return given


def under_way(backend: CodeDeployState, request: Document) -> Deployment:
    """Invalid."""
    one = deployment(backend, request)
    if one.is_over:
        raise Invalid(
            "DeploymentAlreadyCompletedException", f"Deployment {one.id} is already in the {one.status} state."
        )
    return one


OPERATIONS = (
    create_deployment,
    get_deployment,
    batch_get_deployments,
    list_deployments,
    continue_deployment,
    skip_wait_time_for_instance_termination,
    stop_deployment,
    put_lifecycle_event_hook_execution_status,
)
