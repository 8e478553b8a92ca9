"""Deployment groups: of one service each, which they alone deploy."""

from __future__ import annotations

from botocore.exceptions import ClientError

from drydock.embedded.services.codedeploy import views
from drydock.embedded.services.codedeploy.balancers import Balancers
from drydock.embedded.services.codedeploy.errors import no_group
from drydock.embedded.services.codedeploy.operations.shape import batch, page, read_tags, uuid
from drydock.embedded.services.codedeploy.state import CodeDeployState, Document, Group
from drydock.embedded.services.codedeploy.tasksets import TaskSets
from drydock.embedded.workload.roles import can_be_assumed
from drydock.policy.codedeploy import courses, groups, lifecycle
from drydock.policy.codedeploy.courses import Course
from drydock.policy.requests.errors import Invalid

_ASKED = ("deploymentConfigName", "serviceRoleArn", "triggerConfigurations", "alarmConfiguration",
          "autoRollbackConfiguration", "outdatedInstancesStrategy", "deploymentStyle",
          "blueGreenDeploymentConfiguration", "loadBalancerInfo", "ecsServices", "ec2TagFilters",
          "onPremisesInstanceTagFilters", "autoScalingGroups", "ec2TagSet", "onPremisesTagSet", "ec2DeploymentOptions",
          "terminationHookEnabled")  # fmt: skip
"""Members of a request that are settings of the group."""


def create_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    application, name = backend.application(request["applicationName"]), request["deploymentGroupName"]
    if (application.name, name) in backend.groups:
        raise Invalid("DeploymentGroupAlreadyExistsException", f"Deployment group already exists: {name}")
    settings = {member: request[member] for member in _ASKED if request.get(member) is not None}
    settings.setdefault("deploymentConfigName", courses.DEFAULT)
    _check_group(backend, settings, None)
    made = Group(application.name, name, uuid(backend), settings, read_tags(request.get("tags")))
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
    settings["blueGreenDeploymentConfiguration"] = groups.with_waits(settings["blueGreenDeploymentConfiguration"])
    course = backend.course(settings["deploymentConfigName"])
    check_role(backend, settings["serviceRoleArn"])
    service = settings["ecsServices"][0]
    managed(backend, service)
    cluster, name = short(service)
    for other in backend.groups.values():
        if other is not known and short(other.settings["ecsServices"][0]) == (cluster, name):
            raise Invalid(
                "ECSServiceMappingLimitExceededException",
                f"The Amazon ECS service {name} of cluster {cluster} is associated with the deployment group "
                f"{other.name} of application {other.application} already.",
            )
    check_balancer(backend, settings, course)
    for trigger in settings.get("triggerConfigurations") or ():
        _is_topic(backend, trigger["triggerTargetArn"])


def _is_topic(backend: CodeDeployState, arn: str) -> None:
    """Whether a trigger can publish there (ours: to a topic that is not there nothing is told). Invalid."""
    try:
        backend.host.client("sns", arn.split(":")[3], derived=True).get_topic_attributes(TopicArn=arn)
    except ClientError:
        raise Invalid("InvalidTriggerConfigException", f"The topic {arn} does not exist.") from None


def managed(backend: CodeDeployState, service: Document) -> None:
    """Whether a service is there, and is CodeDeploy's to deploy. Invalid."""
    cluster, name = service["clusterName"], service["serviceName"]
    found = TaskSets(backend.host).service(backend.region_name, cluster, name)
    if found is None:
        raise Invalid("InvalidECSServiceException", lifecycle.not_there(cluster, name).message)
    if (found.get("deploymentController") or {}).get("type") != "CODE_DEPLOY":
        raise Invalid(
            "InvalidECSServiceException",
            "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.",
        )


def check_balancer(
    backend: CodeDeployState, settings: Document, course: Course, no_groups: str = "InvalidTargetGroupPairException"
) -> None:
    """Whether the target groups and the listeners are there; `no_groups` is the error for the first. Invalid."""
    pair, balancers = settings["loadBalancerInfo"]["targetGroupPairInfoList"][0], Balancers(backend.host)
    names = [each["name"] for each in pair["targetGroups"]]
    try:
        balancers.groups(backend.region_name, names)
    except ClientError:
        raise Invalid(no_groups, f"One of the target groups {names[0]} and {names[1]} does not exist.") from None
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


def check_role(backend: CodeDeployState, arn: str) -> None:
    """Invalid, for a role that CodeDeploy cannot assume."""
    if not can_be_assumed(backend.host, arn, groups.SERVICE):
        raise Invalid("InvalidRoleException", "Cannot assume role provided.")


def short(service: Document) -> tuple[str, str]:
    return service["clusterName"].rsplit("/", 1)[-1], service["serviceName"].rsplit("/", 1)[-1]


def get_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    one = backend.group(request["applicationName"], request["deploymentGroupName"])
    return {"deploymentGroupInfo": views.group(backend, one)}


def batch_get_deployment_groups(backend: CodeDeployState, request: Document) -> Document:
    application, names = request["applicationName"], batch(request["deploymentGroupNames"])
    backend.application(application)
    known = [backend.groups[application, name] for name in names if (application, name) in backend.groups]
    missing = [name for name in names if (application, name) not in backend.groups]
    told = {"errorMessage": no_group(", ".join(missing)).message} if missing else {}
    return {"deploymentGroupsInfo": [views.group(backend, one) for one in known], **told}


def list_deployment_groups(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    names = sorted(name for owner, name in backend.groups if owner == application)
    return {"applicationName": application, **page(names, request, "deploymentGroups")}


def delete_deployment_group(backend: CodeDeployState, request: Document) -> Document:
    """One that is not there is no error. What deploys goes on."""
    one = backend.groups.get((request["applicationName"], request["deploymentGroupName"]))
    if one is not None:
        backend.forget(one)
    return {"hooksNotCleanedUp": []}


OPERATIONS = (
    create_deployment_group,
    update_deployment_group,
    get_deployment_group,
    batch_get_deployment_groups,
    list_deployment_groups,
    delete_deployment_group,
)
