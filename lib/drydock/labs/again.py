"""A creating cell that is run a second time: what it makes is there already, and the call answers with that.

AWS has no one word for it: ECR, IAM and Logs refuse (RepositoryAlreadyExists, EntityAlreadyExists), ELB answers with
what is there as long as it is the same, EC2 makes a second VPC. Here such a call does not leave, and one line says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError
from IPython.core.getipython import get_ipython

from drydock.cloud import Call, Cloud
from drydock.policy.operations import only_reads
from drydock.resources.kind import every

Answer = dict[str, Any]
Looks = Callable[[Cloud, Any], Answer | None]


class TakenAsItIs:
    """One of `Cloud.listeners`, before all others: answers for what is there already, by its name."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._found: list[str] = []
        self._only_look = False
        shell = get_ipython()
        if shell is not None:
            shell.events.register("post_run_cell", lambda _: self._say())
        self._in_cells = shell is not None

    @contextmanager
    def only_looking(self) -> Iterator[None]:
        """Meanwhile nothing that changes anything leaves: a call answers with what is there, or with nothing at all."""
        self._only_look = True
        try:
            yield
        finally:
            self._only_look = False

    def asked(self, call: Call) -> None:
        pass

    def sending(self, call: Call) -> Answer | None:
        if only_reads(call.operation):
            return None
        look = _LOOKS.get((call.service, call.operation)) if call.region == self._cloud.region else None
        found = look(self._cloud, call.params) if look is not None else None
        if self._only_look:
            only = _ONLY_LOOKS.get((call.service, call.operation))
            return found or (only(self._cloud, call.params) if only is not None else None) or {}
        if found is not None:
            self._found.append(_name(call.params))
            if not self._in_cells:
                self._say()
        return found

    def answered(self, call: Call, answer: Answer, status: int) -> None:
        pass

    def _say(self) -> None:
        names = [name for name in dict.fromkeys(self._found) if name]
        if self._found:
            print(f"Already there, and not made again: {', '.join(names) or 'what it makes'}.")
        self._found.clear()


def _there(look: Callable[[Cloud, Any], Any]) -> Looks:
    """`look`, with an error taken as None."""

    def looked(cloud: Cloud, params: Any) -> Answer | None:
        try:
            return look(cloud, params) or None
        except (ClientError, LookupError):  # it is not there, or the request names it in another way
            return None

    return looked


def _ec2(one: str, many: str, describe: str, *also: tuple[str, str]) -> Looks:
    """What EC2 has by the Name in its tags and by these fields of the request."""

    def look(cloud: Cloud, params: Any) -> Answer | None:
        tags = [tag for wanted in params.get("TagSpecifications", ()) for tag in wanted["Tags"]]
        names = [tag["Value"] for tag in tags if tag["Key"] == "Name"]
        if not names:
            return None
        filters = [{"Name": "tag:Name", "Values": names}]
        filters += [{"Name": field, "Values": [params[key]]} for field, key in also]
        found = getattr(cloud.client("ec2"), describe)(Filters=filters)[many]
        return {one: found[0]} if found else None

    return _there(look)


def _cluster(cloud: Cloud, params: Any) -> Answer | None:
    found = cloud.client("ecs").describe_clusters(clusters=[params["clusterName"]], include=["SETTINGS"])["clusters"]
    return next(({"cluster": one} for one in found if one["status"] == "ACTIVE"), None)


def _ecs_service(cloud: Cloud, params: Any) -> Answer | None:
    wanted = {"cluster": params.get("cluster", "default"), "services": [params["serviceName"]]}
    found = cloud.client("ecs").describe_services(**wanted)["services"]
    return next(({"service": one} for one in found if one["status"] == "ACTIVE"), None)


def _log_group(cloud: Cloud, params: Any) -> Answer | None:
    name = params["logGroupName"]
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return {"ResponseMetadata": {"HTTPStatusCode": 200}} if name in [one["logGroupName"] for one in found] else None


def _role(cloud: Cloud, params: Any) -> Answer | None:
    role = cloud.client("iam").get_role(RoleName=params["RoleName"])["Role"]
    as_sent = quote(json.dumps(role["AssumeRolePolicyDocument"]))  # botocore decodes it in whatever answers CreateRole
    return {"Role": {**role, "AssumeRolePolicyDocument": as_sent}}


def _listener(cloud: Cloud, params: Any) -> Answer | None:
    found = cloud.client("elbv2").describe_listeners(LoadBalancerArn=params["LoadBalancerArn"])["Listeners"]
    return next(({"Listeners": [one]} for one in found if one["Port"] == params["Port"]), None)


def _listener_rule(cloud: Cloud, params: Any) -> Answer | None:
    found = cloud.client("elbv2").describe_rules(ListenerArn=params["ListenerArn"])["Rules"]
    return next(({"Rules": [one]} for one in found if one["Priority"] == str(params["Priority"])), None)


def _secret(cloud: Cloud, params: Any) -> Answer | None:
    found: Answer = cloud.client("secretsmanager").describe_secret(SecretId=params["Name"])
    return None if "DeletedDate" in found else found


def _security_group(cloud: Cloud, params: Any) -> Answer | None:
    filters = [
        {"Name": "group-name", "Values": [params["GroupName"]]},
        {"Name": "vpc-id", "Values": [params["VpcId"]]},
    ]
    found = cloud.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    return {"GroupId": found[0]["GroupId"]} if found else None


def _ingress(cloud: Cloud, params: Any) -> Answer | None:
    group = cloud.client("ec2").describe_security_groups(GroupIds=[params["GroupId"]])["SecurityGroups"][0]
    wanted = params["IpPermissions"]
    held = all(any(_holds(one, other) for other in group["IpPermissions"]) for one in wanted)
    return {"Return": True, "SecurityGroupRules": []} if held else None


def _attached(cloud: Cloud, params: Any) -> Answer | None:
    found = cloud.client("ec2").describe_internet_gateways(InternetGatewayIds=[params["InternetGatewayId"]])
    attached = [one["VpcId"] for one in found["InternetGateways"][0]["Attachments"]]
    return {"ResponseMetadata": {"HTTPStatusCode": 200}} if params["VpcId"] in attached else None


def _route(cloud: Cloud, params: Any) -> Answer | None:
    table = cloud.client("ec2").describe_route_tables(RouteTableIds=[params["RouteTableId"]])["RouteTables"][0]
    wanted = {key: params[key] for key in ("DestinationCidrBlock", "GatewayId") if key in params}
    return {"Return": True} if any(_holds(wanted, one) for one in table["Routes"]) else None


def _associated(cloud: Cloud, params: Any) -> Answer | None:
    table = cloud.client("ec2").describe_route_tables(RouteTableIds=[params["RouteTableId"]])["RouteTables"][0]
    mine = [one for one in table["Associations"] if one.get("SubnetId") == params["SubnetId"]]
    return {"AssociationId": mine[0]["RouteTableAssociationId"]} if mine else None


def _namespace(cloud: Cloud, params: Any) -> Answer | None:
    cloud_map = cloud.client("servicediscovery")
    here = [one["Id"] for one in every(cloud_map, "list_namespaces", "Namespaces") if one["Name"] == params["Name"]]
    if not here:
        return None
    made = [
        {"Name": "NAMESPACE_ID", "Values": here[:1], "Condition": "EQ"},
        {"Name": "TYPE", "Values": ["CREATE_NAMESPACE"], "Condition": "EQ"},
    ]
    found = cloud_map.list_operations(Filters=made)["Operations"]
    return {"OperationId": found[0]["Id"]} if found else None


def _name_service(cloud: Cloud, params: Any) -> Answer | None:
    cloud_map = cloud.client("servicediscovery")
    inside = [{"Name": "NAMESPACE_ID", "Values": [params["NamespaceId"]], "Condition": "EQ"}]
    found = every(cloud_map, "list_services", "Services", Filters=inside)
    mine = [one["Id"] for one in found if one["Name"] == params["Name"]]
    return {"Service": cloud_map.get_service(Id=mine[0])["Service"]} if mine else None


def _registered(cloud: Cloud, params: Any) -> Answer | None:
    """The newest revision that says what is asked for."""
    ecs, wanted = cloud.client("ecs"), {key: value for key, value in params.items() if key != "tags"}
    arns = ecs.list_task_definitions(familyPrefix=wanted["family"], sort="DESC")["taskDefinitionArns"]
    found = (ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"] for arn in arns)
    return next(({"taskDefinition": one} for one in found if _holds(wanted, one)), None)


def _ran(cloud: Cloud, params: Any) -> Answer | None:
    """The newest task of the family that RunTask has started."""
    ecs, cluster = cloud.client("ecs"), params.get("cluster", "default")
    family = params["taskDefinition"].rpartition("/")[2].partition(":")[0]
    for status in ("RUNNING", "STOPPED"):
        arns = ecs.list_tasks(cluster=cluster, family=family, desiredStatus=status)["taskArns"]
        found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        alone = [one for one in found if not one.get("group", "").startswith("service:")]
        if alone:
            return {"tasks": [max(alone, key=lambda one: one["createdAt"])], "failures": []}
    return None


def _holds(wanted: Any, found: Any) -> bool:
    """Whether all that is wanted is there; more may be."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and _holds(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and all(any(_holds(one, other) for other in found) for one in wanted)
    return bool(wanted == found)


def _deployment_group(cloud: Cloud, params: Any) -> Answer | None:
    asked = {name: params[name] for name in ("applicationName", "deploymentGroupName")}
    found = cloud.client("codedeploy").get_deployment_group(**asked)["deploymentGroupInfo"]
    return {"deploymentGroupId": found["deploymentGroupId"]}


_LOOKS: dict[tuple[str, str], Looks] = {
    ("codedeploy", "CreateApplication"): _there(
        lambda cloud, params: cloud.client("codedeploy").get_application(applicationName=params["applicationName"])[
            "application"
        ]
    ),
    ("codedeploy", "CreateDeploymentGroup"): _there(_deployment_group),
    ("ec2", "CreateVpc"): _ec2("Vpc", "Vpcs", "describe_vpcs", ("cidr", "CidrBlock")),
    ("ec2", "CreateSubnet"): _ec2(
        "Subnet", "Subnets", "describe_subnets", ("vpc-id", "VpcId"), ("cidr-block", "CidrBlock")
    ),
    ("ec2", "CreateInternetGateway"): _ec2("InternetGateway", "InternetGateways", "describe_internet_gateways"),
    ("ec2", "CreateRouteTable"): _ec2("RouteTable", "RouteTables", "describe_route_tables", ("vpc-id", "VpcId")),
    ("ec2", "AttachInternetGateway"): _there(_attached),
    ("ec2", "CreateRoute"): _there(_route),
    ("ec2", "AssociateRouteTable"): _there(_associated),
    ("ec2", "CreateSecurityGroup"): _there(_security_group),
    ("ec2", "AuthorizeSecurityGroupIngress"): _there(_ingress),
    ("ecr", "CreateRepository"): _there(
        lambda cloud, params: {
            "repository": cloud.client("ecr").describe_repositories(repositoryNames=[params["repositoryName"]])[
                "repositories"
            ][0]
        }
    ),
    ("ecs", "CreateCluster"): _there(_cluster),
    ("ecs", "CreateService"): _there(_ecs_service),
    ("elbv2", "CreateListener"): _there(_listener),
    ("elbv2", "CreateLoadBalancer"): _there(
        lambda cloud, params: cloud.client("elbv2").describe_load_balancers(Names=[params["Name"]])
    ),
    ("elbv2", "CreateRule"): _there(_listener_rule),
    ("elbv2", "CreateTargetGroup"): _there(
        lambda cloud, params: cloud.client("elbv2").describe_target_groups(Names=[params["Name"]])
    ),
    ("iam", "CreateRole"): _there(_role),
    ("lambda", "CreateFunction"): _there(
        lambda cloud, params: cloud.client("lambda").get_function(FunctionName=params["FunctionName"])["Configuration"]
    ),
    ("logs", "CreateLogGroup"): _there(_log_group),
    ("secretsmanager", "CreateSecret"): _there(_secret),
    ("servicediscovery", "CreatePrivateDnsNamespace"): _there(_namespace),
    ("servicediscovery", "CreateService"): _there(_name_service),
    ("sqs", "CreateQueue"): _there(
        lambda cloud, params: cloud.client("sqs").get_queue_url(QueueName=params["QueueName"])
    ),
}
"""(service, operation) → the answer of what is there by that name, or None. AWS's own shapes."""

_ONLY_LOOKS: dict[tuple[str, str], Looks] = {
    ("ecs", "RegisterTaskDefinition"): _there(_registered),
    ("ecs", "RunTask"): _there(_ran),
}
"""What makes another one each time, and while we only look answers with the last."""


def _name(params: Any) -> str:
    for key in ("repositoryName", "RoleName", "logGroupName", "clusterName", "serviceName", "Name", "QueueName",
                "GroupName", "FunctionName"):  # fmt: skip
        if key in params:
            return str(params[key])
    if "Port" in params:
        return f"the listener of port {params['Port']}"
    tags = [tag for wanted in params.get("TagSpecifications", ()) for tag in wanted["Tags"]]
    return next((str(tag["Value"]) for tag in tags if tag["Key"] == "Name"), "")
