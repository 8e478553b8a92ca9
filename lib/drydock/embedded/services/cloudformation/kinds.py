"""The resource types whose services have adapters, made, changed and deleted by the operations that a user calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drydock.embedded.core.client import Client
from drydock.embedded.services.cloudformation.fitting import Document, Failure, fitted

_ABSENT = ("NotFound", "ServiceNotActive", "does not exist")


@dataclass
class Made:
    """What there is of a resource: `id` is what Ref gives, `attributes` what Fn::GetAtt does."""

    id: str
    attributes: Document = field(default_factory=dict)


class Calls:
    """A client of the service in the stack's region, called with properties of templates."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, operation: str, properties: Document, *, skip: Collection[str] = (), **more: Any) -> Document:
        """The answer of `operation` to the properties without `skip`, and `more`, which are the API's own arguments.

        Raises Failure, which says what AWS would.
        """
        model = self._client.operation(operation)
        arguments = fitted(model.input_shape, properties, skip) | more
        try:
            return dict(getattr(self._client, operation)(**arguments))
        except ClientError as error:
            problem = error.response["Error"]
            raise Failure(f"{problem['Message']} (Service: {model.service_model.service_id}, "
                          f"Code: {problem['Code']})") from None  # fmt: skip
        except BotoCoreError as error:
            raise Failure(str(error)) from None

    def if_there(self, operation: str, **more: Any) -> Document:
        """As above, but what is gone already is as good as deleted."""
        try:
            return self(operation, {}, **more)
        except Failure as failure:
            if any(word in str(failure) for word in _ABSENT):
                return {}
            raise


Create = Callable[[Calls, Document], Made]
Update = Callable[[Calls, Made, Document], Made]


@dataclass(frozen=True)
class Kind:
    """A resource type. `changeable`: properties that `update` changes in place; another one means a replacement.

    `ready` says whether it is done, and `gone`, after `delete`, whether it is away; either may raise Failure.
    """

    type: str
    service: str
    name: str
    create: Create
    delete: Callable[[Calls, Made, Document], Any]
    attributes: tuple[str, ...] = ()
    changeable: frozenset[str] = frozenset()
    update: Update | None = None
    ready: Callable[[Calls, Made], bool] = lambda calls, made: True
    gone: Callable[[Calls, Made], bool] = lambda calls, made: True


def _tags(properties: Document) -> list[Document]:
    return list(properties.get("Tags") or [])


# -- ECS -------------------------------------------------------------------------------------------


def _create_cluster(calls: Calls, given: Document) -> Made:
    cluster = calls("create_cluster", given)["cluster"]
    return Made(cluster["clusterName"], {"Arn": cluster["clusterArn"]})


def _update_cluster(calls: Calls, made: Made, given: Document) -> Made:
    names = ("ClusterSettings", "Configuration", "ServiceConnectDefaults")
    calls("update_cluster", {name: given[name] for name in names if name in given}, cluster=made.id)
    providers = {"CapacityProviders": [], "DefaultCapacityProviderStrategy": [], **given}
    wanted = {key: providers[key] for key in ("CapacityProviders", "DefaultCapacityProviderStrategy")}
    calls("put_cluster_capacity_providers", wanted, cluster=made.id)
    return made


def _create_associations(calls: Calls, given: Document) -> Made:
    cluster = calls("put_cluster_capacity_providers", given)["cluster"]
    return Made(cluster["clusterName"])


def _delete_associations(calls: Calls, made: Made, given: Document) -> None:
    calls.if_there(
        "put_cluster_capacity_providers", cluster=made.id, capacityProviders=[], defaultCapacityProviderStrategy=[]
    )


def _create_provider(calls: Calls, given: Document) -> Made:
    return Made(calls("create_capacity_provider", given)["capacityProvider"]["name"])


def _create_definition(calls: Calls, given: Document) -> Made:
    arn = calls("register_task_definition", given)["taskDefinition"]["taskDefinitionArn"]
    return Made(arn, {"TaskDefinitionArn": arn})


def _create_service(calls: Calls, given: Document) -> Made:
    daemon = given.get("SchedulingStrategy") == "DAEMON"
    count: Document = {} if daemon or "DesiredCount" in given else {"desiredCount": 1}
    service = calls("create_service", {"Cluster": "default", **given}, **count)["service"]
    return Made(service["serviceArn"], {"ServiceArn": service["serviceArn"], "Name": service["serviceName"]})


_FIXED_OF_SERVICE = (
    "ServiceName",
    "Cluster",
    "LaunchType",
    "SchedulingStrategy",
    "Role",
    "DeploymentController",
    "Tags",
)


def _update_service(calls: Calls, made: Made, given: Document) -> Made:
    cluster, name = made.id.split("/")[-2:]
    calls("update_service", given, skip=_FIXED_OF_SERVICE, cluster=cluster, service=name)
    return made


def _service(calls: Calls, made: Made) -> Document | None:
    cluster, name = made.id.split("/")[-2:]
    found = calls("describe_services", {}, cluster=cluster, services=[name])["services"]
    return dict(found[0]) if found else None


def _service_is_steady(calls: Calls, made: Made) -> bool:
    service = _service(calls, made)
    if service is None or service["status"] != "ACTIVE":
        raise Failure("The service is not active any more.")
    if "taskSets" in service:  # others deploy it: only the one that it may be made with is waited for
        primary_sets = [each for each in service["taskSets"] if each["status"] == "PRIMARY"]
        return all(each["stabilityStatus"] == "STEADY_STATE" for each in primary_sets)
    primary = service["deployments"][0]
    if primary["rolloutState"] == "FAILED":
        raise Failure(f"Resource handler returned message: {primary['rolloutStateReason']}")
    alone = len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
    return bool(primary["rolloutState"] == "COMPLETED" and alone)


def _delete_service(calls: Calls, made: Made, given: Document) -> None:
    cluster, name = made.id.split("/")[-2:]
    calls.if_there("delete_service", cluster=cluster, service=name, force=True)


def _service_is_gone(calls: Calls, made: Made) -> bool:
    service = _service(calls, made)
    return service is None or service["status"] == "INACTIVE"


def _create_task_set(calls: Calls, given: Document) -> Made:
    made = calls("create_task_set", given)["taskSet"]
    return Made(f"{given['Cluster']}|{given['Service']}|{made['id']}", {"Id": made["id"]})


def _of_task_set(made: Made) -> Document:
    return dict(zip(("cluster", "service", "taskSet"), made.id.split("|"), strict=True))


def _update_task_set(calls: Calls, made: Made, given: Document) -> Made:
    scale = given.get("Scale") or {"Value": 100, "Unit": "PERCENT"}
    calls("update_task_set", {"Scale": scale}, **_of_task_set(made))
    return made


def _delete_task_set(calls: Calls, made: Made, given: Document) -> None:
    calls.if_there("delete_task_set", **_of_task_set(made), force=True)


def _task_set(calls: Calls, made: Made) -> Document | None:
    cluster, service, identifier = made.id.split("|")
    found = calls("describe_task_sets", {}, cluster=cluster, service=service, taskSets=[identifier])["taskSets"]
    return dict(found[0]) if found else None


def _task_set_is_steady(calls: Calls, made: Made) -> bool:
    found = _task_set(calls, made)
    if found is None or found["status"] == "DRAINING":
        raise Failure("The task set is not there any more.")
    return bool(found["stabilityStatus"] == "STEADY_STATE")


def _task_set_is_gone(calls: Calls, made: Made) -> bool:
    return _task_set(calls, made) is None


def _create_primary_task_set(calls: Calls, given: Document) -> Made:
    where: Document = {key: given[key] for key in ("Cluster", "Service") if key in given}
    calls("update_service_primary_task_set", where, primaryTaskSet=given["TaskSetId"])
    return Made(f"{given['Cluster']}|{given['Service']}")


# -- load balancing ----------------------------------------------------------------------------------


def _create_balancer(calls: Calls, given: Document) -> Made:
    balancer = calls("create_load_balancer", given, skip=("LoadBalancerAttributes",))["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    _balancer_attributes(calls, arn, given)
    return Made(
        arn,
        {
            "LoadBalancerArn": arn,
            "DNSName": balancer["DNSName"],
            "CanonicalHostedZoneID": balancer.get("CanonicalHostedZoneId", ""),
            "LoadBalancerFullName": arn.split(":loadbalancer/")[-1],
            "LoadBalancerName": balancer["LoadBalancerName"],
            "SecurityGroups": balancer.get("SecurityGroups", []),
        },
    )


def _balancer_is_there(calls: Calls, made: Made) -> bool:
    found = calls("describe_load_balancers", {}, LoadBalancerArns=[made.id])["LoadBalancers"][0]
    return bool(found["State"]["Code"] != "provisioning")


def _balancer_attributes(calls: Calls, arn: str, given: Document) -> None:
    if given.get("LoadBalancerAttributes"):
        attributes = {"Attributes": given["LoadBalancerAttributes"]}
        calls("modify_load_balancer_attributes", attributes, LoadBalancerArn=arn)


def _update_balancer(calls: Calls, made: Made, given: Document) -> Made:
    for key, operation in (("Subnets", "set_subnets"), ("SecurityGroups", "set_security_groups")):
        if given.get(key):
            calls(operation, {key: given[key]}, LoadBalancerArn=made.id)
    _balancer_attributes(calls, made.id, given)
    return made


def _create_group(calls: Calls, given: Document) -> Made:
    skip = ("TargetGroupAttributes", "Targets")
    group = calls("create_target_group", given, skip=skip)["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    _group_parts(calls, arn, given)
    name = arn.split(":")[-1]
    return Made(arn, {"TargetGroupArn": arn, "TargetGroupFullName": name, "TargetGroupName": group["TargetGroupName"],
                      "LoadBalancerArns": group.get("LoadBalancerArns", [])})  # fmt: skip


def _group_parts(calls: Calls, arn: str, given: Document) -> None:
    if given.get("TargetGroupAttributes"):
        calls("modify_target_group_attributes", {"Attributes": given["TargetGroupAttributes"]}, TargetGroupArn=arn)
    if given.get("Targets"):
        calls("register_targets", {"Targets": given["Targets"]}, TargetGroupArn=arn)


_FIXED_OF_GROUP = ("Name", "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "Tags",
                   "TargetGroupAttributes", "Targets")  # fmt: skip


def _update_group(calls: Calls, made: Made, given: Document) -> Made:
    calls("modify_target_group", given, skip=_FIXED_OF_GROUP, TargetGroupArn=made.id)
    _group_parts(calls, made.id, given)
    return made


def _create_listener(calls: Calls, given: Document) -> Made:
    arn = calls("create_listener", given)["Listeners"][0]["ListenerArn"]
    return Made(arn, {"ListenerArn": arn})


def _update_listener(calls: Calls, made: Made, given: Document) -> Made:
    calls("modify_listener", given, skip=("LoadBalancerArn", "Tags"), ListenerArn=made.id)
    return made


def _create_rule(calls: Calls, given: Document) -> Made:
    arn = calls("create_rule", given)["Rules"][0]["RuleArn"]
    return Made(arn, {"RuleArn": arn, "IsDefault": False})


def _update_rule(calls: Calls, made: Made, given: Document) -> Made:
    calls("modify_rule", {key: given[key] for key in ("Conditions", "Actions") if key in given}, RuleArn=made.id)
    if "Priority" in given:
        wanted = {"RulePriorities": [{"RuleArn": made.id, "Priority": given["Priority"]}]}
        calls("set_rule_priorities", wanted)
    return made


# -- ECR ---------------------------------------------------------------------------------------------

_PARTS_OF_REPOSITORY = ("LifecyclePolicy", "RepositoryPolicyText", "EmptyOnDelete")


def _create_repository(calls: Calls, given: Document) -> Made:
    repository = calls("create_repository", given, skip=_PARTS_OF_REPOSITORY)["repository"]
    name = repository["repositoryName"]
    _repository_parts(calls, name, given)
    return Made(name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]})


def _repository_parts(calls: Calls, name: str, given: Document) -> None:
    if given.get("LifecyclePolicy"):
        calls("put_lifecycle_policy", given["LifecyclePolicy"], repositoryName=name)
    if given.get("RepositoryPolicyText"):
        text = given["RepositoryPolicyText"]
        text = text if isinstance(text, str) else json.dumps(text)
        calls("set_repository_policy", {}, repositoryName=name, policyText=text)


def _update_repository(calls: Calls, made: Made, given: Document) -> Made:
    for key, operation, instead in (
        ("ImageTagMutability", "put_image_tag_mutability", "MUTABLE"),
        ("ImageScanningConfiguration", "put_image_scanning_configuration", {"ScanOnPush": False}),
    ):
        calls(operation, {key: given.get(key, instead)}, repositoryName=made.id)
    for key, operation in (
        ("LifecyclePolicy", "delete_lifecycle_policy"),
        ("RepositoryPolicyText", "delete_repository_policy"),
    ):
        if not given.get(key):
            calls.if_there(operation, repositoryName=made.id)
    _repository_parts(calls, made.id, given)
    return made


def _delete_repository(calls: Calls, made: Made, given: Document) -> None:
    force = str(given.get("EmptyOnDelete", "")).lower() == "true"
    calls.if_there("delete_repository", repositoryName=made.id, force=force)


# -- Cloud Map -----------------------------------------------------------------------------------------


def _namespace(operation: str) -> Create:
    def create(calls: Calls, given: Document) -> Made:
        began = calls(operation, given)["OperationId"]
        namespace = calls("get_operation", {}, OperationId=began)["Operation"]["Targets"]["NAMESPACE"]
        shown = calls("get_namespace", {}, Id=namespace)["Namespace"]
        zone = shown.get("Properties", {}).get("DnsProperties", {}).get("HostedZoneId", "")
        return Made(namespace, {"Id": namespace, "Arn": shown["Arn"], "HostedZoneId": zone})

    return create


def _create_discovery(calls: Calls, given: Document) -> Made:
    made = calls("create_service", given)["Service"]
    return Made(made["Id"], {"Id": made["Id"], "Arn": made["Arn"], "Name": made["Name"]})


def _update_discovery(calls: Calls, made: Made, given: Document) -> Made:
    keys = ("Description", "DnsConfig", "HealthCheckConfig")
    calls("update_service", {"Service": {key: given[key] for key in keys if key in given}}, Id=made.id)
    return made


def _create_instance(calls: Calls, given: Document) -> Made:
    calls("register_instance", given, skip=("InstanceAttributes",), Attributes=dict(given["InstanceAttributes"]))
    return Made(given["InstanceId"])


def _delete_instance(calls: Calls, made: Made, given: Document) -> None:
    calls.if_there("deregister_instance", ServiceId=given["ServiceId"], InstanceId=made.id)


# -- Logs, Application Auto Scaling --------------------------------------------------------------------


def _create_log_group(calls: Calls, given: Document) -> Made:
    tags = {tag["Key"]: tag["Value"] for tag in _tags(given)}
    name = given["LogGroupName"]
    calls("create_log_group", given, skip=("RetentionInDays", "Tags", "DataProtectionPolicy"),
          **({"tags": tags} if tags else {}))  # fmt: skip
    _retention(calls, name, given)
    groups = calls("describe_log_groups", {}, logGroupNamePrefix=name)["logGroups"]
    return Made(name, {"Arn": next(group["arn"] for group in groups if group["logGroupName"] == name)})


def _retention(calls: Calls, name: str, given: Document) -> None:
    if given.get("RetentionInDays"):
        days = {"RetentionInDays": given["RetentionInDays"]}
        calls("put_retention_policy", days, logGroupName=name)


def _update_log_group(calls: Calls, made: Made, given: Document) -> Made:
    if not given.get("RetentionInDays"):
        calls("delete_retention_policy", {}, logGroupName=made.id)
    _retention(calls, made.id, given)
    return made


def _create_target(calls: Calls, given: Document) -> Made:
    calls("register_scalable_target", given, skip=("ScheduledActions",))
    if given.get("ScheduledActions"):
        raise Failure("The embedded CloudFormation does not make ScheduledActions of a scalable target")
    identifier = "|".join(given[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
    return Made(identifier, {"Id": identifier})


def _delete_target(calls: Calls, made: Made, given: Document) -> None:
    resource, dimension, namespace = made.id.split("|")
    calls.if_there(
        "deregister_scalable_target", ResourceId=resource, ScalableDimension=dimension, ServiceNamespace=namespace
    )


def _of_policy(given: Document) -> Document:
    target = given.get("ScalingTargetId")
    names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    return dict(zip(names, target.split("|"), strict=True)) if target else {name: given[name] for name in names}


def _create_policy(calls: Calls, given: Document) -> Made:
    arn = calls("put_scaling_policy", given, skip=("ScalingTargetId",), **_of_policy(given))["PolicyARN"]
    return Made(arn, {"Arn": arn, "PolicyName": given["PolicyName"]})


def _delete_policy(calls: Calls, made: Made, given: Document) -> None:
    calls.if_there("delete_scaling_policy", PolicyName=given["PolicyName"], **_of_policy(given))


def _by(operation: str, argument: str) -> Callable[[Calls, Made, Document], Any]:
    """A deletion that takes nothing but the identifier."""
    return lambda calls, made, given: calls.if_there(operation, **{argument: made.id})


def _again(create: Create) -> Update:
    """An operation that makes, changes too."""
    return lambda calls, made, given: create(calls, given)


_ECS, _ELB, _SD = "AWS::ECS::", "AWS::ElasticLoadBalancingV2::", "AWS::ServiceDiscovery::"
_SERVICE_CHANGES = frozenset((
    "CapacityProviderStrategy", "DeploymentConfiguration", "DesiredCount", "EnableECSManagedTags",
    "EnableExecuteCommand", "HealthCheckGracePeriodSeconds", "LoadBalancers", "NetworkConfiguration",
    "PlacementConstraints", "PlacementStrategies", "PlatformVersion", "PropagateTags", "ServiceConnectConfiguration",
    "ServiceRegistries", "TaskDefinition", "VolumeConfigurations", "AvailabilityZoneRebalancing",
))  # fmt: skip
_GROUP_CHANGES = frozenset((
    "HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckPath", "HealthCheckPort", "HealthCheckProtocol",
    "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher",
    "TargetGroupAttributes", "Targets",
))  # fmt: skip

KINDS = (
    Kind(f"{_ECS}Cluster", "ecs", "ClusterName", _create_cluster, _by("delete_cluster", "cluster"), ("Arn",),
         frozenset(("ClusterSettings", "Configuration", "CapacityProviders", "DefaultCapacityProviderStrategy",
                    "ServiceConnectDefaults")), _update_cluster),
    Kind(f"{_ECS}ClusterCapacityProviderAssociations", "ecs", "", _create_associations, _delete_associations, (),
         frozenset(("CapacityProviders", "DefaultCapacityProviderStrategy")), _again(_create_associations)),
    Kind(f"{_ECS}CapacityProvider", "ecs", "Name", _create_provider,
         _by("delete_capacity_provider", "capacityProvider")),
    Kind(f"{_ECS}TaskDefinition", "ecs", "Family", _create_definition,
         _by("deregister_task_definition", "taskDefinition"), ("TaskDefinitionArn",)),
    Kind(f"{_ECS}Service", "ecs", "ServiceName", _create_service, _delete_service, ("ServiceArn", "Name"),
         _SERVICE_CHANGES, _update_service, _service_is_steady, _service_is_gone),
    Kind(f"{_ECS}TaskSet", "ecs", "", _create_task_set, _delete_task_set, ("Id",), frozenset(("Scale",)),
         _update_task_set, _task_set_is_steady, _task_set_is_gone),
    Kind(f"{_ECS}PrimaryTaskSet", "ecs", "", _create_primary_task_set, lambda calls, made, given: None, (),
         frozenset(("TaskSetId",)), _again(_create_primary_task_set)),
    Kind(f"{_ELB}LoadBalancer", "elbv2", "Name", _create_balancer, _by("delete_load_balancer", "LoadBalancerArn"),
         ("LoadBalancerArn", "DNSName", "CanonicalHostedZoneID", "LoadBalancerFullName", "LoadBalancerName",
          "SecurityGroups"),
         frozenset(("Subnets", "SecurityGroups", "LoadBalancerAttributes")), _update_balancer, _balancer_is_there),
    Kind(f"{_ELB}TargetGroup", "elbv2", "Name", _create_group, _by("delete_target_group", "TargetGroupArn"),
         ("TargetGroupArn", "TargetGroupFullName", "TargetGroupName", "LoadBalancerArns"), _GROUP_CHANGES,
         _update_group),
    Kind(f"{_ELB}Listener", "elbv2", "", _create_listener, _by("delete_listener", "ListenerArn"), ("ListenerArn",),
         frozenset(("Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy")),
         _update_listener),
    Kind(f"{_ELB}ListenerRule", "elbv2", "", _create_rule, _by("delete_rule", "RuleArn"), ("RuleArn", "IsDefault"),
         frozenset(("Conditions", "Actions", "Priority")), _update_rule),
    Kind("AWS::ECR::Repository", "ecr", "RepositoryName", _create_repository, _delete_repository,
         ("Arn", "RepositoryUri"),
         frozenset(("ImageTagMutability", "ImageScanningConfiguration", *_PARTS_OF_REPOSITORY)), _update_repository),
    *(
        Kind(f"{_SD}{name}Namespace", "servicediscovery", "Name", _namespace(f"create_{operation}_namespace"),
             _by("delete_namespace", "Id"), ("Id", "Arn", "HostedZoneId"))
        for name, operation in (("Http", "http"), ("PrivateDns", "private_dns"), ("PublicDns", "public_dns"))
    ),
    Kind(f"{_SD}Service", "servicediscovery", "Name", _create_discovery, _by("delete_service", "Id"),
         ("Id", "Arn", "Name"), frozenset(("Description", "DnsConfig", "HealthCheckConfig")), _update_discovery),
    Kind(f"{_SD}Instance", "servicediscovery", "InstanceId", _create_instance, _delete_instance, (),
         frozenset(("InstanceAttributes",)), _again(_create_instance)),
    Kind("AWS::Logs::LogGroup", "logs", "LogGroupName", _create_log_group, _by("delete_log_group", "logGroupName"),
         ("Arn",), frozenset(("RetentionInDays",)), _update_log_group),
    Kind("AWS::ApplicationAutoScaling::ScalableTarget", "application-autoscaling", "", _create_target, _delete_target,
         ("Id",), frozenset(("MinCapacity", "MaxCapacity", "SuspendedState", "RoleARN")), _again(_create_target)),
    Kind("AWS::ApplicationAutoScaling::ScalingPolicy", "application-autoscaling", "PolicyName", _create_policy,
         _delete_policy, ("Arn", "PolicyName"),
         frozenset(("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration", "PolicyType")),
         _again(_create_policy)),
)  # fmt: skip
