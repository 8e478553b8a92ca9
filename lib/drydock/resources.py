"""What can be created, and for each kind how it is named, tagged, found again, asked after and deleted.

`KINDS` is in the order of deletion: what depends on something comes before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import Cloud

TAG = "drydock:lab"
"""The tag that everything a lab creates carries, where it can; its value is the lab's name."""

Params = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    creates     operation → the identifiers of what its answer says was created
    planned     the identifier, read from the parameters before the call; None where AWS makes it up
    idempotent  creating it again returns the one that was there, so having asked for it does not make it ours
    """

    name: str
    service: str
    creates: Mapping[str, Callable[[Params, Answer], list[str]]]
    exists: Callable[[Cloud, str], bool]
    delete: Callable[[Cloud, str], object]
    tag: Callable[[Params, str], None] | None = None
    tagged: Callable[[Cloud], Iterable[tuple[str, str]]] = lambda cloud: ()
    """Every (identifier, lab) of this kind that carries the tag; what is gone may still be named."""
    planned: Callable[[Params], str] | None = None
    idempotent: bool = False


def not_found(error: ClientError) -> bool:
    """True for AWS's many ways of saying that something is not there."""
    code = error.response["Error"]["Code"]
    return (
        "NotFound" in code
        or "NoSuchEntity" in code
        or code in ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "ServiceNotActiveException")
        or (code == "ClientException" and "task definition" in str(error))
    )


def _there(ask: Callable[[], Any]) -> bool:
    try:
        return bool(ask())
    except ClientError as error:
        if not_found(error):
            return False
        raise


def _all(client: Any, operation: str, key: str, **params: Any) -> Iterator[Any]:
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**params):
            yield from page.get(key, [])
    else:
        yield from getattr(client, operation)(**params).get(key, [])


def _pairs(tags: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    return tags if isinstance(tags, dict) else {tag[key]: tag[value] for tag in tags or ()}


def _listed(parameter: str, key: str = "Key", value: str = "Value") -> Callable[[Params, str], None]:
    def tag(params: Params, lab: str) -> None:
        given = list(params.get(parameter) or ())
        if not any(one.get(key) == TAG for one in given):
            params[parameter] = [*given, {key: TAG, value: lab}]

    return tag


def _mapped(parameter: str) -> Callable[[Params, str], None]:
    def tag(params: Params, lab: str) -> None:
        params[parameter] = {TAG: lab, **(params.get(parameter) or {})}

    return tag


def _specified(resource_type: str) -> Callable[[Params, str], None]:
    def tag(params: Params, lab: str) -> None:
        given = [dict(one) for one in params.get("TagSpecifications") or ()]
        mine = next((one for one in given if one.get("ResourceType") == resource_type), None)
        if mine is None:
            mine = {"ResourceType": resource_type, "Tags": []}
            given.append(mine)
        if not any(one.get("Key") == TAG for one in mine["Tags"]):
            mine["Tags"] = [*mine["Tags"], {"Key": TAG, "Value": lab}]
        params["TagSpecifications"] = given

    return tag


def _short(arn_or_name: str) -> str:
    return arn_or_name.rsplit("/", 1)[-1]


def _with_tag(found: Iterable[tuple[str, dict[str, str]]]) -> list[tuple[str, str]]:
    return [(identifier, tags[TAG]) for identifier, tags in found if TAG in tags]


# ECS

_ecs_tags = _listed("tags", "key", "value")


def _clusters(cloud: Cloud) -> list[str]:
    return list(_all(cloud.client("ecs"), "list_clusters", "clusterArns"))


def _in_tens(items: Iterable[str]) -> Iterator[list[str]]:
    whole = list(items)
    return (whole[start : start + 10] for start in range(0, len(whole), 10))


def _described_services(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for cluster in _clusters(cloud):
        for some in _in_tens(_all(ecs, "list_services", "serviceArns", cluster=cluster)):
            for service in ecs.describe_services(cluster=cluster, services=some, include=["TAGS"])["services"]:
                if service["status"] != "INACTIVE":
                    yield (
                        _service_id(cluster, service["serviceName"]),
                        _pairs(service.get("tags"), "key", "value"),
                    )


def _service_id(cluster: str | None, name: str) -> str:
    return f"{_short(cluster or 'default')}/{name}"


def _service_exists(cloud: Cloud, identifier: str) -> bool:
    cluster, name = identifier.split("/")
    found = cloud.client("ecs").describe_services(cluster=cluster, services=[name])["services"]
    return any(service["status"] != "INACTIVE" for service in found)


def _delete_service(cloud: Cloud, identifier: str) -> None:
    cluster, name = identifier.split("/")
    cloud.client("ecs").delete_service(cluster=cluster, service=name, force=True)


def _described_tasks(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for cluster in _clusters(cloud):
        for some in _in_tens(_all(ecs, "list_tasks", "taskArns", cluster=cluster)):
            for task in ecs.describe_tasks(cluster=cluster, tasks=some, include=["TAGS"])["tasks"]:
                if task["lastStatus"] != "STOPPED":
                    yield task["taskArn"], _pairs(task.get("tags"), "key", "value")


def _task_cluster(arn: str) -> str:
    return arn.split("/")[-2]


def _task_exists(cloud: Cloud, arn: str) -> bool:
    found = cloud.client("ecs").describe_tasks(cluster=_task_cluster(arn), tasks=[arn])["tasks"]
    return any(task["lastStatus"] != "STOPPED" for task in found)


def _stop_task(cloud: Cloud, arn: str) -> None:
    cloud.client("ecs").stop_task(cluster=_task_cluster(arn), task=arn, reason="drydock sweep")


def _described_clusters(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    arns = _clusters(cloud)
    for start in range(0, len(arns), 100):
        some = arns[start : start + 100]
        for cluster in cloud.client("ecs").describe_clusters(clusters=some, include=["TAGS"])["clusters"]:
            if cluster["status"] != "INACTIVE":
                yield cluster["clusterName"], _pairs(cluster.get("tags"), "key", "value")


def _cluster_exists(cloud: Cloud, name: str) -> bool:
    found = cloud.client("ecs").describe_clusters(clusters=[name])["clusters"]
    return any(cluster["status"] != "INACTIVE" for cluster in found)


def _providers(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for provider in _all(ecs, "describe_capacity_providers", "capacityProviders", include=["TAGS"]):
        if provider.get("status") != "INACTIVE":
            yield provider["name"], _pairs(provider.get("tags"), "key", "value")


def _provider_exists(cloud: Cloud, name: str) -> bool:
    found = cloud.client("ecs").describe_capacity_providers(capacityProviders=[name])["capacityProviders"]
    return any(provider.get("status") != "INACTIVE" for provider in found)


def _task_definitions(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for arn in _all(ecs, "list_task_definitions", "taskDefinitionArns"):
        tags = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]).get("tags")
        yield _short(arn), _pairs(tags, "key", "value")


def _task_definition_exists(cloud: Cloud, name: str) -> bool:
    found = cloud.client("ecs").describe_task_definition(taskDefinition=name)
    return bool(found["taskDefinition"]["status"] == "ACTIVE")


def _delete_task_definition(cloud: Cloud, name: str) -> None:
    ecs = cloud.client("ecs")
    ecs.deregister_task_definition(taskDefinition=name)
    with contextlib.suppress(ClientError):  # AWS takes it away later, once no task uses it
        ecs.delete_task_definitions(taskDefinitions=[name])


# Load balancing


def _elb_tags(cloud: Cloud, arns: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    elb, whole = cloud.client("elbv2"), list(arns)
    for start in range(0, len(whole), 20):
        for one in elb.describe_tags(ResourceArns=whole[start : start + 20])["TagDescriptions"]:
            yield one["ResourceArn"], _pairs(one["Tags"])


def _balancers(cloud: Cloud) -> list[str]:
    return [one["LoadBalancerArn"] for one in _all(cloud.client("elbv2"), "describe_load_balancers", "LoadBalancers")]


def _listeners(cloud: Cloud) -> Iterator[str]:
    for balancer in _balancers(cloud):
        for one in _all(cloud.client("elbv2"), "describe_listeners", "Listeners", LoadBalancerArn=balancer):
            yield one["ListenerArn"]


def _target_groups(cloud: Cloud) -> list[str]:
    return [one["TargetGroupArn"] for one in _all(cloud.client("elbv2"), "describe_target_groups", "TargetGroups")]


# Cloud Map


def _map_tags(cloud: Cloud, found: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    cloud_map = cloud.client("servicediscovery")
    for one in found:
        yield one["Id"], _pairs(cloud_map.list_tags_for_resource(ResourceARN=one["Arn"])["Tags"])


def _delete_map_service(cloud: Cloud, identifier: str) -> None:
    cloud_map = cloud.client("servicediscovery")
    for instance in _all(cloud_map, "list_instances", "Instances", ServiceId=identifier):
        cloud_map.deregister_instance(ServiceId=identifier, InstanceId=instance["Id"])
    cloud_map.delete_service(Id=identifier)


def _namespace_id(cloud: Cloud, identifier: str) -> str:
    """A namespace is created by an operation, and only that says which one it became."""
    if identifier.startswith("ns-"):
        return identifier
    operation = cloud.client("servicediscovery").get_operation(OperationId=identifier)["Operation"]
    return str(operation.get("Targets", {}).get("NAMESPACE", identifier))


# IAM


def _delete_role(cloud: Cloud, name: str) -> None:
    iam = cloud.client("iam")
    for policy in _all(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy_name in _all(iam, "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy_name)
    iam.delete_role(RoleName=name)


def _roles(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    iam = cloud.client("iam")
    for role in _all(iam, "list_roles", "Roles"):
        if not role["Path"].startswith("/aws-"):
            yield role["RoleName"], _pairs(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])


def _delete_policy(cloud: Cloud, arn: str) -> None:
    iam = cloud.client("iam")
    for version in _all(iam, "list_policy_versions", "Versions", PolicyArn=arn):
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def _policies(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    iam = cloud.client("iam")
    for policy in _all(iam, "list_policies", "Policies", Scope="Local"):
        yield policy["Arn"], _pairs(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])


# VPC


def _vpc_kind(
    name: str,
    resource_type: str,
    operation: str,
    created: Callable[[Answer], str | list[str]],
    describe: tuple[str, str],
    delete: Callable[[Cloud, str], object],
) -> Kind:
    """An EC2 resource: found by one describe_tags, asked after by `describe` (operation, parameter)."""

    def tagged(cloud: Cloud) -> list[tuple[str, str]]:
        filters = [
            {"Name": "key", "Values": [TAG]},
            {"Name": "resource-type", "Values": [resource_type]},
        ]
        found = _all(cloud.client("ec2"), "describe_tags", "Tags", Filters=filters)
        return [(one["ResourceId"], one["Value"]) for one in found]

    def exists(cloud: Cloud, identifier: str) -> bool:
        ask = getattr(cloud.client("ec2"), describe[0])
        found = next(value for value in ask(**{describe[1]: [identifier]}).values() if isinstance(value, list))
        return any(one.get("State") not in ("deleted", "deleting") for one in found)

    def there(cloud: Cloud, identifier: str) -> bool:
        return _there(lambda: exists(cloud, identifier))

    return Kind(
        name,
        "ec2",
        {operation: lambda params, answer: _as_list(created(answer))},
        there,
        delete,
        _specified(resource_type),
        tagged,
    )


def _as_list(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found


def _delete_rule_of_group(cloud: Cloud, identifier: str) -> None:
    ec2 = cloud.client("ec2")
    rule = ec2.describe_security_group_rules(SecurityGroupRuleIds=[identifier])["SecurityGroupRules"][0]
    revoke = ec2.revoke_security_group_egress if rule["IsEgress"] else ec2.revoke_security_group_ingress
    revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[identifier])


def _delete_route_table(cloud: Cloud, identifier: str) -> None:
    ec2 = cloud.client("ec2")
    table = ec2.describe_route_tables(RouteTableIds=[identifier])["RouteTables"][0]
    for association in table.get("Associations", []):
        if not association.get("Main"):
            ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=identifier)


def _delete_gateway(cloud: Cloud, identifier: str) -> None:
    ec2 = cloud.client("ec2")
    gateway = ec2.describe_internet_gateways(InternetGatewayIds=[identifier])["InternetGateways"][0]
    for attachment in gateway.get("Attachments", []):
        ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=attachment["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=identifier)


def _ec2(operation: str, parameter: str) -> Callable[[Cloud, str], object]:
    return lambda cloud, identifier: getattr(cloud.client("ec2"), operation)(**{parameter: identifier})


# The rest


def _scalable(identifier: str) -> dict[str, str]:
    namespace, resource, dimension = identifier.split("|")
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}


def _scalable_exists(cloud: Cloud, identifier: str) -> bool:
    wanted = _scalable(identifier)
    return bool(
        cloud.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=wanted["ServiceNamespace"],
            ResourceIds=[wanted["ResourceId"]],
            ScalableDimension=wanted["ScalableDimension"],
        )["ScalableTargets"]
    )


def _rule(identifier: str) -> dict[str, str]:
    bus, name = identifier.split("/", 1)
    return {"EventBusName": bus, "Name": name}


def _delete_rule(cloud: Cloud, identifier: str) -> None:
    events, rule = cloud.client("events"), _rule(identifier)
    targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=rule["EventBusName"])["Targets"]
    if targets:
        ids = [target["Id"] for target in targets]
        events.remove_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Ids=ids)
    events.delete_rule(**rule)


def _rules(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    events = cloud.client("events")
    for rule in _all(events, "list_rules", "Rules"):
        tags = events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
        yield f"{rule.get('EventBusName', 'default')}/{rule['Name']}", _pairs(tags)


def _alarms(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    cloudwatch = cloud.client("cloudwatch")
    for alarm in _all(cloudwatch, "describe_alarms", "MetricAlarms"):
        tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        yield alarm["AlarmName"], _pairs(tags)


def _log_groups(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    logs = cloud.client("logs")
    for group in _all(logs, "describe_log_groups", "logGroups"):
        arn = group["arn"].removesuffix(":*")
        yield group["logGroupName"], _pairs(logs.list_tags_for_resource(resourceArn=arn)["tags"])


def _log_group_exists(cloud: Cloud, name: str) -> bool:
    found = _all(cloud.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return any(group["logGroupName"] == name for group in found)


def _secrets(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    for secret in _all(cloud.client("secretsmanager"), "list_secrets", "SecretList"):
        yield secret["Name"], _pairs(secret.get("Tags"))


def _parameters(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ssm = cloud.client("ssm")
    filters = [{"Key": f"tag:{TAG}"}]
    for parameter in _all(ssm, "describe_parameters", "Parameters", ParameterFilters=filters):
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter["Name"])["TagList"]
        yield parameter["Name"], _pairs(tags)


def _tag_parameter(params: Params, lab: str) -> None:
    if not params.get("Overwrite"):  # AWS refuses tags together with Overwrite
        _listed("Tags")(params, lab)


def _parameter_exists(cloud: Cloud, name: str) -> bool:
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    return bool(list(_all(cloud.client("ssm"), "describe_parameters", "Parameters", ParameterFilters=filters)))


def _repositories(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecr = cloud.client("ecr")
    for repository in _all(ecr, "describe_repositories", "repositories"):
        tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
        yield repository["repositoryName"], _pairs(tags)


def _queues(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    sqs = cloud.client("sqs")
    for url in _all(sqs, "list_queues", "QueueUrls"):
        yield url, sqs.list_queue_tags(QueueUrl=url).get("Tags", {})


def _topics(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    sns = cloud.client("sns")
    for topic in _all(sns, "list_topics", "Topics"):
        tags = sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
        yield topic["TopicArn"], _pairs(tags)


def _keys(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    kms = cloud.client("kms")
    for key in _all(kms, "list_keys", "Keys"):
        if _key_exists(cloud, key["KeyId"]):
            tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
            yield key["KeyId"], _pairs(tags, "TagKey", "TagValue")


def _key_exists(cloud: Cloud, identifier: str) -> bool:
    key = cloud.client("kms").describe_key(KeyId=identifier)["KeyMetadata"]
    return key["KeyManager"] == "CUSTOMER" and key["KeyState"] != "PendingDeletion"


def _alias_exists(cloud: Cloud, name: str) -> bool:
    return any(alias["AliasName"] == name for alias in _all(cloud.client("kms"), "list_aliases", "Aliases"))


def _kind(
    name: str,
    service: str,
    operation: str | tuple[str, ...],
    created: Callable[[Params, Answer], str],
    exists: Callable[[Cloud, str], object],
    delete: Callable[[Cloud, str], object],
    *,
    tag: Callable[[Params, str], None] | None = None,
    tagged: Callable[[Cloud], Iterable[tuple[str, dict[str, str]]]] | None = None,
    named: bool = False,
    idempotent: bool = False,
) -> Kind:
    operations = (operation,) if isinstance(operation, str) else operation
    return Kind(
        name,
        service,
        {one: lambda params, answer: [created(params, answer)] for one in operations},
        lambda cloud, identifier: _there(lambda: exists(cloud, identifier)),
        delete,
        tag,
        (lambda cloud: _with_tag(tagged(cloud))) if tagged else lambda cloud: (),
        (lambda params: created(params, {})) if named else None,
        idempotent,
    )


KINDS: tuple[Kind, ...] = (
    _kind(
        "scalable target",
        "application-autoscaling",
        "RegisterScalableTarget",
        lambda params, answer: "|".join(
            params[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")
        ),
        _scalable_exists,
        lambda cloud, one: cloud.client("application-autoscaling").deregister_scalable_target(**_scalable(one)),
        named=True,
        idempotent=True,
    ),
    _kind(
        "ECS service",
        "ecs",
        "CreateService",
        lambda params, answer: _service_id(params.get("cluster"), params["serviceName"]),
        _service_exists,
        _delete_service,
        tag=_ecs_tags,
        tagged=_described_services,
        named=True,
    ),
    Kind(
        "ECS task",
        "ecs",
        {
            operation: lambda params, answer: [task["taskArn"] for task in answer["tasks"]]
            for operation in ("RunTask", "StartTask")
        },
        lambda cloud, arn: _there(lambda: _task_exists(cloud, arn)),
        _stop_task,
        _ecs_tags,
        lambda cloud: _with_tag(_described_tasks(cloud)),
    ),
    _kind(
        "listener",
        "elbv2",
        "CreateListener",
        lambda params, answer: answer["Listeners"][0]["ListenerArn"],
        lambda cloud, arn: cloud.client("elbv2").describe_listeners(ListenerArns=[arn])["Listeners"],
        lambda cloud, arn: cloud.client("elbv2").delete_listener(ListenerArn=arn),
        tag=_listed("Tags"),
        tagged=lambda cloud: _elb_tags(cloud, _listeners(cloud)),
    ),
    _kind(
        "load balancer",
        "elbv2",
        "CreateLoadBalancer",
        lambda params, answer: answer["LoadBalancers"][0]["LoadBalancerArn"],
        lambda cloud, arn: cloud.client("elbv2").describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"],
        lambda cloud, arn: cloud.client("elbv2").delete_load_balancer(LoadBalancerArn=arn),
        tag=_listed("Tags"),
        tagged=lambda cloud: _elb_tags(cloud, _balancers(cloud)),
    ),
    _kind(
        "target group",
        "elbv2",
        "CreateTargetGroup",
        lambda params, answer: answer["TargetGroups"][0]["TargetGroupArn"],
        lambda cloud, arn: cloud.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"],
        lambda cloud, arn: cloud.client("elbv2").delete_target_group(TargetGroupArn=arn),
        tag=_listed("Tags"),
        tagged=lambda cloud: _elb_tags(cloud, _target_groups(cloud)),
        idempotent=True,
    ),
    _kind(
        "Cloud Map service",
        "servicediscovery",
        "CreateService",
        lambda params, answer: answer["Service"]["Id"],
        lambda cloud, one: cloud.client("servicediscovery").get_service(Id=one)["Service"],
        _delete_map_service,
        tag=_listed("Tags"),
        tagged=lambda cloud: _map_tags(cloud, _all(cloud.client("servicediscovery"), "list_services", "Services")),
    ),
    _kind(
        "Cloud Map namespace",
        "servicediscovery",
        ("CreateHttpNamespace", "CreatePrivateDnsNamespace", "CreatePublicDnsNamespace"),
        lambda params, answer: answer["OperationId"],
        lambda cloud, one: cloud.client("servicediscovery").get_namespace(Id=_namespace_id(cloud, one))["Namespace"],
        lambda cloud, one: cloud.client("servicediscovery").delete_namespace(Id=_namespace_id(cloud, one)),
        tag=_listed("Tags"),
        tagged=lambda cloud: _map_tags(cloud, _all(cloud.client("servicediscovery"), "list_namespaces", "Namespaces")),
    ),
    _kind(
        "task definition",
        "ecs",
        "RegisterTaskDefinition",
        lambda params, answer: _short(answer["taskDefinition"]["taskDefinitionArn"]),
        _task_definition_exists,
        _delete_task_definition,
        tag=_ecs_tags,
        tagged=_task_definitions,
    ),
    _kind(
        "ECS cluster",
        "ecs",
        "CreateCluster",
        lambda params, answer: params.get("clusterName", "default"),
        _cluster_exists,
        lambda cloud, name: cloud.client("ecs").delete_cluster(cluster=name),
        tag=_ecs_tags,
        tagged=_described_clusters,
        named=True,
        idempotent=True,
    ),
    _kind(
        "capacity provider",
        "ecs",
        "CreateCapacityProvider",
        lambda params, answer: params["name"],
        _provider_exists,
        lambda cloud, name: cloud.client("ecs").delete_capacity_provider(capacityProvider=name),
        tag=_ecs_tags,
        tagged=_providers,
        named=True,
    ),
    _kind(
        "log group",
        "logs",
        "CreateLogGroup",
        lambda params, answer: params["logGroupName"],
        _log_group_exists,
        lambda cloud, name: cloud.client("logs").delete_log_group(logGroupName=name),
        tag=_mapped("tags"),
        tagged=_log_groups,
        named=True,
    ),
    _kind(
        "secret",
        "secretsmanager",
        "CreateSecret",
        lambda params, answer: params["Name"],
        lambda cloud, name: "DeletedDate" not in cloud.client("secretsmanager").describe_secret(SecretId=name),
        lambda cloud, name: cloud.client("secretsmanager").delete_secret(
            SecretId=name, ForceDeleteWithoutRecovery=True
        ),
        tag=_listed("Tags"),
        tagged=_secrets,
        named=True,
    ),
    _kind(
        "parameter",
        "ssm",
        "PutParameter",
        lambda params, answer: params["Name"],
        _parameter_exists,
        lambda cloud, name: cloud.client("ssm").delete_parameter(Name=name),
        tag=_tag_parameter,
        tagged=_parameters,
        named=True,
        idempotent=True,
    ),
    _kind(
        "repository",
        "ecr",
        "CreateRepository",
        lambda params, answer: params["repositoryName"],
        lambda cloud, name: cloud.client("ecr").describe_repositories(repositoryNames=[name])["repositories"],
        lambda cloud, name: cloud.client("ecr").delete_repository(repositoryName=name, force=True),
        tag=_listed("tags"),
        tagged=_repositories,
        named=True,
    ),
    _kind(
        "queue",
        "sqs",
        "CreateQueue",
        lambda params, answer: answer["QueueUrl"],
        lambda cloud, url: cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
        lambda cloud, url: cloud.client("sqs").delete_queue(QueueUrl=url),
        tag=_mapped("tags"),
        tagged=_queues,
        idempotent=True,
    ),
    _kind(
        "topic",
        "sns",
        "CreateTopic",
        lambda params, answer: answer["TopicArn"],
        lambda cloud, arn: cloud.client("sns").get_topic_attributes(TopicArn=arn),
        lambda cloud, arn: cloud.client("sns").delete_topic(TopicArn=arn),
        tag=_listed("Tags"),
        tagged=_topics,
        idempotent=True,
    ),
    _kind(
        "rule",
        "events",
        "PutRule",
        lambda params, answer: f"{_short(params.get('EventBusName', 'default'))}/{params['Name']}",
        lambda cloud, one: cloud.client("events").describe_rule(**_rule(one)),
        _delete_rule,
        tag=_listed("Tags"),
        tagged=_rules,
        named=True,
        idempotent=True,
    ),
    _kind(
        "alarm",
        "cloudwatch",
        "PutMetricAlarm",
        lambda params, answer: params["AlarmName"],
        lambda cloud, name: cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"],
        lambda cloud, name: cloud.client("cloudwatch").delete_alarms(AlarmNames=[name]),
        tag=_listed("Tags"),
        tagged=_alarms,
        named=True,
        idempotent=True,
    ),
    _kind(
        "role",
        "iam",
        "CreateRole",
        lambda params, answer: params["RoleName"],
        lambda cloud, name: cloud.client("iam").get_role(RoleName=name),
        _delete_role,
        tag=_listed("Tags"),
        tagged=_roles,
        named=True,
    ),
    _kind(
        "policy",
        "iam",
        "CreatePolicy",
        lambda params, answer: answer["Policy"]["Arn"],
        lambda cloud, arn: cloud.client("iam").get_policy(PolicyArn=arn),
        _delete_policy,
        tag=_listed("Tags"),
        tagged=_policies,
    ),
    _vpc_kind(
        "VPC endpoint",
        "vpc-endpoint",
        "CreateVpcEndpoint",
        lambda answer: answer["VpcEndpoint"]["VpcEndpointId"],
        ("describe_vpc_endpoints", "VpcEndpointIds"),
        lambda cloud, one: cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[one]),
    ),
    _vpc_kind(
        "network interface",
        "network-interface",
        "CreateNetworkInterface",
        lambda answer: answer["NetworkInterface"]["NetworkInterfaceId"],
        ("describe_network_interfaces", "NetworkInterfaceIds"),
        _ec2("delete_network_interface", "NetworkInterfaceId"),
    ),
    _vpc_kind(
        "security group rule",
        "security-group-rule",
        "AuthorizeSecurityGroupIngress",
        lambda answer: [rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", ())],
        ("describe_security_group_rules", "SecurityGroupRuleIds"),
        _delete_rule_of_group,
    ),
    _vpc_kind(
        "security group",
        "security-group",
        "CreateSecurityGroup",
        lambda answer: answer["GroupId"],
        ("describe_security_groups", "GroupIds"),
        _ec2("delete_security_group", "GroupId"),
    ),
    _vpc_kind(
        "route table",
        "route-table",
        "CreateRouteTable",
        lambda answer: answer["RouteTable"]["RouteTableId"],
        ("describe_route_tables", "RouteTableIds"),
        _delete_route_table,
    ),
    _vpc_kind(
        "subnet",
        "subnet",
        "CreateSubnet",
        lambda answer: answer["Subnet"]["SubnetId"],
        ("describe_subnets", "SubnetIds"),
        _ec2("delete_subnet", "SubnetId"),
    ),
    _vpc_kind(
        "internet gateway",
        "internet-gateway",
        "CreateInternetGateway",
        lambda answer: answer["InternetGateway"]["InternetGatewayId"],
        ("describe_internet_gateways", "InternetGatewayIds"),
        _delete_gateway,
    ),
    _vpc_kind(
        "VPC",
        "vpc",
        "CreateVpc",
        lambda answer: answer["Vpc"]["VpcId"],
        ("describe_vpcs", "VpcIds"),
        _ec2("delete_vpc", "VpcId"),
    ),
    _kind(
        "key alias",
        "kms",
        "CreateAlias",
        lambda params, answer: params["AliasName"],
        _alias_exists,
        lambda cloud, name: cloud.client("kms").delete_alias(AliasName=name),
        named=True,
    ),
    _kind(
        "KMS key",
        "kms",
        "CreateKey",
        lambda params, answer: answer["KeyMetadata"]["KeyId"],
        _key_exists,
        lambda cloud, one: cloud.client("kms").schedule_key_deletion(KeyId=one, PendingWindowInDays=7),
        tag=_listed("Tags", "TagKey", "TagValue"),
        tagged=_keys,
    ),
)

CREATORS: dict[tuple[str, str], Kind] = {
    (kind.service, operation): kind for kind in KINDS for operation in kind.creates
}
"""(service, operation) → the kind it creates."""
