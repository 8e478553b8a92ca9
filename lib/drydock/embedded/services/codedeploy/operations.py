"""CodeDeploy's operations: what a request says, and the shape of its answer."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from botocore.exceptions import ClientError

from drydock.embedded.core.direct import direct
from drydock.embedded.core.refusals import refusing
from drydock.embedded.workload.objects import NoBucket, content
from drydock.policy.codedeploy import appspec, courses, groups, lifecycle
from drydock.policy.codedeploy.courses import Course
from drydock.policy.codedeploy.lifecycle import Step
from drydock.policy.requests.errors import Invalid
from drydock.policy.trust import trusts

from . import views
from .balancers import Balancers
from .errors import no_application, no_group
from .progress import begun, refresh
from .state import (
    Application,
    CodeDeployState,
    Config,
    Deployment,
    Document,
    Event,
    Group,
    Revision,
    digest,
    key_of,
    member,
)
from .tasksets import TaskSets

PAGE, BATCH = 100, 100
_SERVICE = "codedeploy.amazonaws.com"
_ID = re.compile(r"d-[A-Z0-9]{9}")
_ONLY_INSTANCES = {
    "targetInstances": "InvalidTargetInstancesException",
    "ignoreApplicationStopFailures": "InvalidIgnoreApplicationStopFailuresValueException",
    "updateOutdatedInstancesOnly": "InvalidUpdateOutdatedInstancesOnlyValueException",
    "ec2DeploymentOptions": "InvalidInputException",
}
"""Members of CreateDeployment that mean nothing for ECS, and what refuses them."""
_ASKED = ("deploymentConfigName", "serviceRoleArn", "triggerConfigurations", "alarmConfiguration",
          "autoRollbackConfiguration", "outdatedInstancesStrategy", "deploymentStyle",
          "blueGreenDeploymentConfiguration", "loadBalancerInfo", "ecsServices", "ec2TagFilters",
          "onPremisesInstanceTagFilters", "autoScalingGroups", "ec2TagSet", "onPremisesTagSet", "ec2DeploymentOptions",
          "terminationHookEnabled")  # fmt: skip

# -- applications -----------------------------------------------------------------------------------


def create_application(backend: CodeDeployState, request: Document) -> Document:
    name = request["applicationName"]
    groups.platform(request.get("computePlatform"))
    if name in backend.applications:
        raise Invalid("ApplicationAlreadyExistsException", f"Application already exists: {name}")
    made = Application(name, _uuid(backend), backend.now(), _tags(request.get("tags")))
    backend.keep(made)
    return {"applicationId": made.id}


def get_application(backend: CodeDeployState, request: Document) -> Document:
    return {"application": views.application(backend.application(request["applicationName"]))}


def batch_get_applications(backend: CodeDeployState, request: Document) -> Document:
    names = _batch(request["applicationNames"])
    return {"applicationsInfo": [views.application(backend.application(name)) for name in names]}


def list_applications(backend: CodeDeployState, request: Document) -> Document:
    return _page(sorted(backend.applications), request, "applications")


def update_application(backend: CodeDeployState, request: Document) -> Document:
    """Another name; its groups, revisions and deployments have it, too."""
    if not request.get("applicationName"):
        raise Invalid("ApplicationNameRequiredException", "Application name is required")
    one, new = backend.application(request["applicationName"]), request.get("newApplicationName")
    if not new or new == one.name:
        return {}
    if new in backend.applications:
        raise Invalid("ApplicationAlreadyExistsException", f"Application already exists: {new}")
    old = one.name
    backend.forget(one)
    one.name = new
    backend.keep(one)
    parts: list[Group | Revision] = [*backend.groups.values(), *backend.revisions.values()]
    for part in [part for part in parts if part.application == old]:
        backend.forget(part)
        part.application = new
        backend.keep(part)
    for deployment in [each for each in backend.deployments.values() if each.application == old]:
        deployment.application = new
        backend.keep(deployment)
    return {}


def delete_application(backend: CodeDeployState, request: Document) -> Document:
    """Its groups and revisions go with it; one that is not there is no error. What deploys goes on."""
    one = backend.applications.get(request["applicationName"])
    if one is not None:
        parts: list[Group | Revision] = [*backend.groups.values(), *backend.revisions.values()]
        for part in [part for part in parts if part.application == one.name]:
            backend.forget(part)
        backend.forget(one)
    return {}


# -- groups -----------------------------------------------------------------------------------------


def create_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    application, name = backend.application(request["applicationName"]), request["deploymentGroupName"]
    if (application.name, name) in backend.groups:
        raise Invalid("DeploymentGroupAlreadyExistsException", f"Deployment group already exists: {name}")
    settings = {member: request[member] for member in _ASKED if request.get(member) is not None}
    settings.setdefault("deploymentConfigName", courses.DEFAULT)
    _check_group(backend, settings, None)
    made = Group(application.name, name, _uuid(backend), settings, _tags(request.get("tags")))
    backend.keep(made)
    return {"deploymentGroupId": made.id}


def update_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    """What the request does not name stays."""
    one = backend.group(request["applicationName"], request["currentDeploymentGroupName"])
    new = request.get("newDeploymentGroupName") or one.name
    if new != one.name and (one.application, new) in backend.groups:
        raise Invalid("DeploymentGroupAlreadyExistsException", f"Deployment group already exists: {new}")
    given = {member: request[member] for member in _ASKED if request.get(member) is not None}
    settings = {**one.settings, **given}
    _check_group(backend, settings, one)
    deployments = backend.of_group(one.application, one.name)
    backend.forget(one)
    one.name, one.settings = new, settings
    backend.keep(one)
    for deployment in deployments if any(each.group != new for each in deployments) else ():
        deployment.group = new
        backend.keep(deployment)
    return {"hooksNotCleanedUp": []}


def _check_group(backend: CodeDeployState, settings: Document, known: Group | None) -> None:
    """Invalid, for settings that the group cannot have in this account."""
    groups.group(settings)
    course = backend.course(settings["deploymentConfigName"])
    _can_be_assumed(backend, settings["serviceRoleArn"])
    service = settings["ecsServices"][0]
    cluster, name = service["clusterName"], service["serviceName"]
    found = TaskSets(backend.host).service(backend.region_name, cluster, name)
    if found is None:
        cause = lifecycle.not_there(cluster, name)
        raise Invalid("InvalidECSServiceException", cause.message)
    if (found.get("deploymentController") or {}).get("type") != "CODE_DEPLOY":
        raise Invalid(
            "InvalidECSServiceException",
            "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.",
        )
    for other in backend.groups.values():
        theirs = other.settings["ecsServices"][0]
        if other is not known and _short(theirs) == _short(service):
            raise Invalid(
                "ECSServiceMappingLimitExceededException",
                f"The Amazon ECS service {name} of cluster {cluster} is associated with the deployment group "
                f"{other.name} of application {other.application} already.",
            )
    _check_balancer(backend, settings, course)


def _check_balancer(backend: CodeDeployState, settings: Document, course: Course) -> None:
    pair, balancers = settings["loadBalancerInfo"]["targetGroupPairInfoList"][0], Balancers(backend.host)
    names = [each["name"] for each in pair["targetGroups"]]
    try:
        balancers.groups(backend.region_name, names)
    except ClientError:
        raise Invalid(
            "InvalidTargetGroupPairException", f"One of the target groups {names[0]} and {names[1]} does not exist."
        ) from None
    for route in ("prodTrafficRoute", "testTrafficRoute"):
        for listener in (pair.get(route) or {}).get("listenerArns") or ():
            try:
                network = balancers.is_network(backend.region_name, listener)
            except ClientError:
                raise Invalid(
                    "InvalidLoadBalancerInfoException", f"The listener {listener} of {route} does not exist."
                ) from None
            if network and course.kind != courses.ALL_AT_ONCE:
                raise Invalid(courses.WRONG, courses.ONLY_ALB)


def _can_be_assumed(backend: CodeDeployState, arn: str) -> None:
    """Whether the group's role is there, has come into force, and trusts CodeDeploy. Invalid."""
    host = backend.host
    found = next((role for role in host.backend("iam", "aws").roles.values() if role.arn == arn), None)
    if found is None or host.lately.has(("role", arn)) or not trusts(found.assume_role_policy_document, _SERVICE):
        raise Invalid("InvalidRoleException", "Cannot assume role provided.")


def _short(service: Document) -> tuple[str, str]:
    return service["clusterName"].rsplit("/", 1)[-1], service["serviceName"].rsplit("/", 1)[-1]


def get_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    one = backend.group(request["applicationName"], request["deploymentGroupName"])
    return {"deploymentGroupInfo": views.group(backend, one)}


def batch_get_deployment_groups(backend: CodeDeployState, request: Document) -> Document:
    application, names = request["applicationName"], _batch(request["deploymentGroupNames"])
    backend.application(application)
    known = [backend.groups[application, name] for name in names if (application, name) in backend.groups]
    missing = [name for name in names if (application, name) not in backend.groups]
    told = {"errorMessage": no_group(", ".join(missing)).message} if missing else {}
    return {"deploymentGroupsInfo": [views.group(backend, one) for one in known], **told}


def list_deployment_groups(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    names = sorted(name for owner, name in backend.groups if owner == application)
    return {"applicationName": application, **_page(names, request, "deploymentGroups")}


def delete_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    """One that is not there is no error. What deploys goes on."""
    one = backend.groups.get((request["applicationName"], request["deploymentGroupName"]))
    if one is not None:
        backend.forget(one)
    return {"hooksNotCleanedUp": []}


# -- configurations ---------------------------------------------------------------------------------


def create_deployment_config(backend: CodeDeployState, request: Document) -> Document:
    name = request["deploymentConfigName"]
    if name.startswith("CodeDeployDefault."):
        raise Invalid("InvalidDeploymentConfigNameException", "A name may not begin with CodeDeployDefault.")
    groups.platform(request.get("computePlatform"))
    if request.get("minimumHealthyHosts"):
        raise Invalid(
            "InvalidMinimumHealthyHostValueException", "minimumHealthyHosts cannot be specified for the ECS platform."
        )
    if request.get("zonalConfig"):
        raise Invalid(
            "InvalidZonalDeploymentConfigurationException", "zonalConfig cannot be specified for the ECS platform."
        )
    course = courses.read(request.get("trafficRoutingConfig"))
    if name in backend.configs:
        raise Invalid("DeploymentConfigAlreadyExistsException", f"Deployment config already exists: {name}")
    made = Config(name, _uuid(backend), backend.now(), course.kind, course.percent, course.minutes)
    backend.keep(made)
    return {"deploymentConfigId": made.id}


def get_deployment_config(backend: CodeDeployState, request: Document) -> Document:
    name = request["deploymentConfigName"]
    course, own = backend.course(name), backend.configs.get(name)
    identity, created = (
        (own.id, own.created) if own is not None else (f"00000000-0000-0000-0000-{_PLACE[name]:012}", 0.0)
    )
    return {"deploymentConfigInfo": views.config(name, identity, created, course)}


_PLACE = {name: number for number, name in enumerate(courses.PREDEFINED, 1)}


def list_deployment_configs(backend: CodeDeployState, request: Document) -> Document:
    """Those of ECS."""
    return _page(sorted([*courses.PREDEFINED, *backend.configs]), request, "deploymentConfigsList")


def delete_deployment_config(backend: CodeDeployState, request: Document) -> Document:
    name = request["deploymentConfigName"]
    if name in courses.PREDEFINED:
        raise Invalid("InvalidOperationException", "A predefined deployment configuration cannot be deleted.")
    if any(group.settings["deploymentConfigName"] == name for group in backend.groups.values()):
        raise Invalid("DeploymentConfigInUseException", f"The deployment config {name} is in use.")
    if name in backend.configs:
        backend.forget(backend.configs[name])
    return {}


# -- revisions --------------------------------------------------------------------------------------


def register_application_revision(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    location, text = _located(backend, application, request["revision"])
    _registered(backend, application, location, text).description = request.get("description") or ""
    backend.keep(backend.revisions[application, key_of(location)])
    return {}


def get_application_revision(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    one = _revision(backend, application, request["revision"])
    return {
        "applicationName": application,
        "revision": views.with_content(one),
        "revisionInfo": views.revision_info(one),
    }


def batch_get_application_revisions(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    found, missing = [], ""
    for each in _batch(request["revisions"]):
        try:
            one = _revision(backend, application, each)
        except Invalid as refused:
            missing = refused.message
            continue
        shown, info = views.with_content(one), views.revision_info(one)
        found.append({"revisionLocation": shown, "genericRevisionInfo": info})
    told = {"errorMessage": missing} if missing else {}
    return {"applicationName": application, "revisions": found, **told}


def list_application_revisions(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    bucket, prefix = request.get("s3Bucket"), request.get("s3KeyPrefix")
    if prefix and not bucket:
        raise Invalid("BucketNameFilterRequiredException", "s3KeyPrefix needs s3Bucket.")
    deployed = request.get("deployed") or "ignore"
    targets = {
        key_of(last.revision)
        for group in backend.groups.values()
        if group.application == application
        and (last := _last_success(backend, application, group.name)) is not None
        and last.revision
    }
    found = [
        one
        for one in backend.revisions.values()
        if one.application == application
        and (not bucket or one.location.get("s3Location", {}).get("bucket") == bucket)
        and (not prefix or one.location["s3Location"]["key"].startswith(prefix))
        and (deployed == "ignore" or (one.key in targets) == (deployed == "include"))
    ]
    by = {"registerTime": "registered", "firstUsedTime": "first_used", "lastUsedTime": "last_used"}
    if request.get("sortBy"):
        name = by[request["sortBy"]]
        found.sort(key=lambda one: getattr(one, name) or 0.0, reverse=request.get("sortOrder") == "descending")
    return _page([views.revision(one.location) for one in found], request, "revisions")


def _revision(backend: CodeDeployState, application: str, given: Document) -> Revision:
    """One that is registered. Invalid."""
    key = key_of(_location(given))
    if (application, key) not in backend.revisions:
        raise Invalid("RevisionDoesNotExistException", f"No revision of {application} found for {key}")
    return backend.revisions[application, key]


def _location(given: Document) -> Document:
    """Which revision is meant, with the sum of its content. Invalid."""
    kind = given.get("revisionType")
    if kind == "S3":
        return _in_s3(given.get("s3Location") or {})
    if kind not in ("String", "AppSpecContent"):
        raise Invalid(
            "InvalidRevisionException", f"The revision type {kind} is not one of AppSpecContent, String and S3."
        )
    part = given.get(member(kind)) or {}
    text, said = part.get("content"), part.get("sha256")
    if text is None and not said:
        raise Invalid("InvalidRevisionException", f"{member(kind)} needs content.")
    if text is not None and said and digest(text) != said:
        raise Invalid("InvalidRevisionException", f"The sha256 of {member(kind)} is not that of its content.")
    return {"revisionType": kind, member(kind): {"sha256": said if text is None else digest(text)}}


def _in_s3(given: Document) -> Document:
    bucket, key, kind = (given.get(name) for name in ("bucket", "key", "bundleType"))
    if not bucket or not key:
        raise Invalid("InvalidRevisionException", "s3Location needs bucket and key.")
    if kind not in ("YAML", "JSON"):
        raise Invalid("InvalidRevisionException", f"The bundleType of an AppSpec is YAML or JSON, not {kind}.")
    if given.get("version") or given.get("eTag"):
        raise Invalid(
            "InvalidRevisionException",
            "The embedded AWS reads the object as it is: leave version and eTag out of s3Location.",
        )
    return {"revisionType": "S3", "s3Location": {"bucket": bucket, "key": key, "bundleType": kind}}


def _located(backend: CodeDeployState, application: str, given: Document) -> tuple[Document, str]:
    """Which revision is meant, and its AppSpec. Invalid."""
    location = _location(given)
    kind = location["revisionType"]
    if kind != "S3":
        text = (given.get(member(kind)) or {}).get("content")
        return location, text if text is not None else _revision(backend, application, given).content
    where = location["s3Location"]
    try:
        found = content(backend.host, where["bucket"], where["key"])
    except NoBucket:
        found = None
    if found is None:
        raise Invalid("InvalidRevisionException", f"There is no object {where['key']} in the bucket {where['bucket']}.")
    return location, found.decode(errors="replace")


def _registered(backend: CodeDeployState, application: str, location: Document, text: str) -> Revision:
    key = key_of(location)
    one = backend.revisions.get((application, key))
    if one is None:
        one = Revision(application, key, location, text, backend.now())
    one.content = text
    backend.keep(one)
    return one


# -- deployments ------------------------------------------------------------------------------------


def create_deployment(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"])
    name = request.get("deploymentGroupName")
    if not name:
        raise Invalid("DeploymentGroupNameRequiredException", "Deployment Group name is missing")
    group = backend.group(application.name, name)
    _check_deployment(request)
    if not request.get("revision"):
        raise Invalid("RevisionRequiredException", "Revision is required")
    location, text = _located(backend, application.name, request["revision"])
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
    _check_balancer(backend, settings, course)
    _can_be_assumed(backend, settings["serviceRoleArn"])
    _is_alone(backend, group)
    last = _last_success(backend, application.name, name)
    revision = _registered(backend, application.name, location, text)
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
    service = _short(group.settings["ecsServices"][0])
    for one in backend.deployments.values():
        if not one.is_over and _short(one.service) == service:
            raise Invalid(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group.name}' already has an active Deployment '{one.id}'",
            )


def _last_success(backend: CodeDeployState, application: str, group: str) -> Deployment | None:
    of_it = [one for one in backend.of_group(application, group) if one.status == lifecycle.SUCCEEDED]
    return of_it[-1] if of_it else None


def get_deployment(backend: CodeDeployState, request: Document) -> Document:
    return {"deploymentInfo": views.deployment(_deployment(backend, request))}


def batch_get_deployments(backend: CodeDeployState, request: Document) -> Document:
    """Those of them that there are."""
    names = _batch(request["deploymentIds"])
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
    return _page(found, request, "deployments")


def continue_deployment(backend: CodeDeployState, request: Document) -> Document:
    return _continue(backend, request, request.get("deploymentWaitType") or Step.READY_WAIT)


def skip_wait_time_for_instance_termination(backend: CodeDeployState, request: Document) -> Document:
    return _continue(backend, request, Step.TERMINATION_WAIT)


def _continue(backend: CodeDeployState, request: Document, wait: str) -> Document:
    one = _under_way(backend, request)
    if one.step != wait:
        raise Invalid(
            "DeploymentIsNotInReadyStateException",
            f"The deployment {one.id} does not wait in {wait}: it is at {one.step}.",
        )
    one.continued.append(wait)
    backend.keep(one)
    backend.changed()
    return {}


def stop_deployment(backend: CodeDeployState, request: Document) -> Document:
    """It is stopped in the next turn."""
    one = _under_way(backend, request)
    one.stop = {"rollback": request.get("autoRollbackEnabled")}
    backend.keep(one)
    backend.changed()
    return {"status": "Pending", "statusMessage": "The deployment is being stopped."}


def put_lifecycle_event_hook_execution_status(backend: CodeDeployState, request: Document) -> Document:
    one, execution = _deployment(backend, request), request.get("lifecycleEventHookExecutionId") or ""
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


def _deployment(backend: CodeDeployState, request: Document) -> Deployment:
    """Invalid."""
    identity = request.get("deploymentId")
    if not identity:
        raise Invalid("DeploymentIdRequiredException", "Deployment ID is required")
    if not _ID.fullmatch(identity):
        raise Invalid("InvalidDeploymentIdException", f"Specified DeploymentId is not in the valid format: {identity}")
    return backend.deployment(identity)


def _under_way(backend: CodeDeployState, request: Document) -> Deployment:
    """Invalid."""
    one = _deployment(backend, request)
    if one.is_over:
        raise Invalid(
            "DeploymentAlreadyCompletedException", f"Deployment {one.id} is already in the {one.status} state."
        )
    return one


# -- targets ----------------------------------------------------------------------------------------


def list_deployment_targets(backend: CodeDeployState, request: Document) -> Document:
    one = _started(backend, request)
    filters = request.get("targetFilters") or {}
    strange = [name for name in filters if name != "TargetStatus"]
    if strange:
        raise Invalid("InvalidTargetFilterNameException", f"Targets of ECS have no {strange[0]}.")
    status = views.target(one, "")["ecsTarget"]["status"]
    found = [one.target] if not filters or status in filters["TargetStatus"] else []
    return _page(found, request, "targetIds")


def get_deployment_target(backend: CodeDeployState, request: Document) -> Document:
    return {"deploymentTarget": _target(backend, _started(backend, request), request["targetId"])}


def batch_get_deployment_targets(backend: CodeDeployState, request: Document) -> Document:
    one = _started(backend, request)
    return {"deploymentTargets": [_target(backend, one, name) for name in request["targetIds"]]}


def _started(backend: CodeDeployState, request: Document) -> Deployment:
    """Invalid."""
    one = _deployment(backend, request)
    if one.started is None:
        raise Invalid("DeploymentNotStartedException", f"The deployment {one.id} has not started yet.")
    return one


def _target(backend: CodeDeployState, one: Deployment, name: str) -> Document:
    if name != one.target:
        raise Invalid(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {one.id} has no target {name}; its target is {one.target}.",
        )
    sets = TaskSets(backend.host)
    with contextlib.suppress(ClientError):  # where the service has gone, its task sets are shown as they were
        refresh(one, sets.all(backend.region_name, one))
    cluster, service = _short(one.service)
    arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:service/{cluster}/{service}"
    return views.target(one, arn)


# -- tags -------------------------------------------------------------------------------------------


def tag_resource(backend: CodeDeployState, request: Document) -> Document:
    one = _tagged(backend, request["ResourceArn"])
    one.tags = {**one.tags, **_tags(request["Tags"])}
    backend.keep(one)
    return {}


def untag_resource(backend: CodeDeployState, request: Document) -> Document:
    one = _tagged(backend, request["ResourceArn"])
    one.tags = {key: value for key, value in one.tags.items() if key not in request["TagKeys"]}
    backend.keep(one)
    return {}


def list_tags_for_resource(backend: CodeDeployState, request: Document) -> Document:
    tags = _tagged(backend, request["ResourceArn"]).tags
    return _page([{"Key": key, "Value": value} for key, value in tags.items()], request, "Tags", token="NextToken")


def _tagged(backend: CodeDeployState, arn: str) -> Application | Group:
    found = re.fullmatch(r"arn:[\w-]+:codedeploy:[\w-]+:\d+:(application|deploymentgroup):(.+)", arn)
    if found is None:
        raise Invalid("InvalidArnException", f"{arn} is not the ARN of an application or a deployment group.")
    if found[1] == "application":
        if found[2] not in backend.applications:
            raise no_application(found[2])
        return backend.applications[found[2]]
    return backend.group(*found[2].split("/", 1)) if "/" in found[2] else _no(found[2])


def _no(name: str) -> Group:
    raise no_group(name)


def _tags(given: list[dict[str, str]] | None) -> dict[str, str]:
    found = {tag.get("Key", ""): tag.get("Value", "") for tag in given or ()}
    if any(not key or key.lower().startswith("aws:") for key in found):
        raise Invalid("InvalidTagsToAddException", "A tag needs a key, which may not begin with aws:.")
    return found


# -- what all of them need --------------------------------------------------------------------------


def _uuid(backend: CodeDeployState) -> str:
    bits = f"{backend.chance().getrandbits(128):032x}"
    return "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))


def _batch(names: list[Any]) -> list[Any]:
    if len(names) > BATCH:
        raise Invalid("BatchLimitExceededException", f"At most {BATCH} can be asked for at once.")
    return names


def _page(found: list[Any], request: Document, key: str, token: str = "nextToken") -> Document:
    said = request.get(token) or "0"
    if not (said.isascii() and said.isdecimal()):
        raise Invalid("InvalidNextTokenException", "The next token is not valid.")
    first = int(said)
    return {key: found[first : first + PAGE], **({token: str(first + PAGE)} if first + PAGE < len(found) else {})}


def _operation(function: Callable[[CodeDeployState, Document], Document]) -> Any:
    @functools.wraps(function)
    def done(backend: CodeDeployState, request: Document) -> Document:
        with refusing():
            return function(backend, request)

    return direct(done)


OPERATIONS = {
    function.__name__: _operation(function)
    for function in (
        create_application, get_application, batch_get_applications, list_applications, update_application,
        delete_application, create_deployment_group, update_deployment_group, get_deployment_group,
        batch_get_deployment_groups, list_deployment_groups, delete_deployment_group, create_deployment_config,
        get_deployment_config, list_deployment_configs, delete_deployment_config, register_application_revision,
        get_application_revision, batch_get_application_revisions, list_application_revisions, create_deployment,
        get_deployment, batch_get_deployments, list_deployments, continue_deployment,
        skip_wait_time_for_instance_termination, stop_deployment, put_lifecycle_event_hook_execution_status,
        list_deployment_targets, get_deployment_target, batch_get_deployment_targets, tag_resource, untag_resource,
        list_tags_for_resource,
    )
}  # fmt: skip
"""By the name of moto's action."""
