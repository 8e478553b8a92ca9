"""ECS, and what scales its services."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import Cloud
from drydock.resources.kind import (
    Kind,
    calls,
    every,
    kind,
    listed,
    pairs,
    short,
    there,
    with_tag,
)


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


_ecs_tags = listed("tags", "key", "value")


def _clusters(cloud: Cloud) -> list[str]:
    return list(every(cloud.client("ecs"), "list_clusters", "clusterArns"))


def _in_tens(items: Iterable[str]) -> Iterator[list[str]]:
    whole = list(items)
    return (whole[start : start + 10] for start in range(0, len(whole), 10))


def _described_services(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for cluster in _clusters(cloud):
        for some in _in_tens(every(ecs, "list_services", "serviceArns", cluster=cluster)):
            for service in ecs.describe_services(cluster=cluster, services=some, include=["TAGS"])["services"]:
                if service["status"] != "INACTIVE":
                    yield (
                        _service_id(cluster, service["serviceName"]),
                        pairs(service.get("tags"), "key", "value"),
                    )


def _service_id(cluster: str | None, name: str) -> str:
    return f"{short(cluster or 'default')}/{name}"


def _service(cloud: Cloud, identifier: str) -> list[Any]:
    """The service, and the task definition that its tasks are made of."""
    cluster, name = identifier.split("/")
    found = cloud.client("ecs").describe_services(cluster=cluster, services=[name])["services"]
    return _with_definitions(cloud, [service for service in found if service["status"] != "INACTIVE"])


def _with_definitions(cloud: Cloud, found: list[Any]) -> list[Any]:
    ecs, definitions = cloud.client("ecs"), []
    for arn in {one.get("taskDefinition") or one.get("taskDefinitionArn") for one in found}:
        with contextlib.suppress(ClientError):  # it may be deleted while what was made of it stands
            definitions.append(ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"])
    return [*found, *definitions]


def _delete_service(cloud: Cloud, identifier: str) -> None:
    cluster, name = identifier.split("/")
    cloud.client("ecs").delete_service(cluster=cluster, service=name, force=True)


def _described_tasks(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for cluster in _clusters(cloud):
        for some in _in_tens(every(ecs, "list_tasks", "taskArns", cluster=cluster)):
            for task in ecs.describe_tasks(cluster=cluster, tasks=some, include=["TAGS"])["tasks"]:
                if task["lastStatus"] != "STOPPED":
                    yield task["taskArn"], pairs(task.get("tags"), "key", "value")


def _task_cluster(arn: str) -> str:
    return arn.split("/")[-2]


def _task(cloud: Cloud, arn: str) -> list[Any]:
    """The task, and its task definition."""
    found = cloud.client("ecs").describe_tasks(cluster=_task_cluster(arn), tasks=[arn])["tasks"]
    return _with_definitions(cloud, [task for task in found if task["lastStatus"] != "STOPPED"])


def _stop_task(cloud: Cloud, arn: str) -> None:
    cloud.client("ecs").stop_task(cluster=_task_cluster(arn), task=arn, reason="drydock sweep")


def _described_clusters(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    for cluster in _every_cluster(cloud, include=["TAGS"]):
        if cluster["status"] != "INACTIVE":
            yield cluster["clusterName"], pairs(cluster.get("tags"), "key", "value")


def _every_cluster(cloud: Cloud, **besides: Any) -> Iterator[dict[str, Any]]:
    """Each as describe_clusters has it."""
    arns = _clusters(cloud)
    for start in range(0, len(arns), 100):
        yield from cloud.client("ecs").describe_clusters(clusters=arns[start : start + 100], **besides)["clusters"]


def services_registered_with(cloud: Cloud, registry: str) -> Iterator[tuple[str, str]]:
    """(cluster, service) of the services whose tasks ECS registers with this service of Cloud Map, by its ARN."""
    for cluster, service in _every_service(cloud):
        if any(one.get("registryArn") == registry for one in service.get("serviceRegistries", ())):
            yield cluster, service["serviceName"]


def services_connected_in(cloud: Cloud, namespace: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """(cluster, service) of the services that are in a namespace, (name, ARN), by Service Connect."""
    for cluster, service in _every_service(cloud):
        asked = [one.get("serviceConnectConfiguration", {}) for one in service["deployments"][:1]]
        if any(one.get("enabled") and one.get("namespace") in namespace for one in asked):
            yield cluster, service["serviceName"]


def _every_service(cloud: Cloud) -> Iterator[tuple[str, dict[str, Any]]]:
    """(cluster, service as describe_services has it)."""
    ecs = cloud.client("ecs")
    for cluster in _clusters(cloud):
        for some in _in_tens(every(ecs, "list_services", "serviceArns", cluster=cluster)):
            for service in ecs.describe_services(cluster=cluster, services=some)["services"]:
                yield cluster, service


def clusters_by_default_in(cloud: Cloud, namespace: str) -> list[str]:
    """The clusters that have the namespace of that ARN as the default of Service Connect."""
    return [
        cluster["clusterName"]
        for cluster in _every_cluster(cloud)
        if cluster.get("serviceConnectDefaults", {}).get("namespace") == namespace
    ]


def _delete_cluster(cloud: Cloud, name: str) -> None:
    """And the log group of its Container Insights, which nobody makes by a call and which has no end otherwise."""
    cloud.client("ecs").delete_cluster(cluster=name)
    logs = cloud.client("logs")
    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/aws/ecs/containerinsights/{name}/performance")


def _cluster_exists(cloud: Cloud, name: str) -> bool:
    found = cloud.client("ecs").describe_clusters(clusters=[name])["clusters"]
    return any(cluster["status"] != "INACTIVE" for cluster in found)


def _providers(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for provider in every(ecs, "describe_capacity_providers", "capacityProviders", include=["TAGS"]):
        if provider.get("status") != "INACTIVE":
            yield provider["name"], pairs(provider.get("tags"), "key", "value")


def _provider_exists(cloud: Cloud, name: str) -> bool:
    found = cloud.client("ecs").describe_capacity_providers(capacityProviders=[name])["capacityProviders"]
    return any(provider.get("status") != "INACTIVE" for provider in found)


def _task_definitions(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecs = cloud.client("ecs")
    for arn in every(ecs, "list_task_definitions", "taskDefinitionArns"):
        tags = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]).get("tags")
        yield short(arn), pairs(tags, "key", "value")


def _task_definition_exists(cloud: Cloud, name: str) -> bool:
    found = cloud.client("ecs").describe_task_definition(taskDefinition=name)
    return bool(found["taskDefinition"]["status"] == "ACTIVE")


def _delete_task_definition(cloud: Cloud, name: str) -> None:
    ecs = cloud.client("ecs")
    ecs.deregister_task_definition(taskDefinition=name)
    with contextlib.suppress(ClientError):  # AWS takes it away later, once no task uses it
        ecs.delete_task_definitions(taskDefinitions=[name])


KINDS = (
    kind(
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
    kind(
        "ECS service",
        "ecs",
        "CreateService",
        lambda params, answer: _service_id(params.get("cluster"), params["serviceName"]),
        _service,
        _delete_service,
        tag=_ecs_tags,
        tagged=_described_services,
        named=True,
        mention="service/{}",
    ),
    Kind(
        "ECS task",
        "ecs",
        {
            operation: lambda params, answer: [task["taskArn"] for task in answer["tasks"]]
            for operation in ("RunTask", "StartTask")
        },
        lambda cloud, arn: there(lambda: _task(cloud, arn)),
        _stop_task,
        _ecs_tags,
        lambda cloud: with_tag(_described_tasks(cloud)),
        describe=_task,
    ),
    kind(
        "task definition",
        "ecs",
        "RegisterTaskDefinition",
        lambda params, answer: short(answer["taskDefinition"]["taskDefinitionArn"]),
        _task_definition_exists,
        _delete_task_definition,
        tag=_ecs_tags,
        tagged=_task_definitions,
        mention="task-definition/{}",
    ),
    kind(
        "ECS cluster",
        "ecs",
        "CreateCluster",
        lambda params, answer: params.get("clusterName", "default"),
        _cluster_exists,
        _delete_cluster,
        tag=_ecs_tags,
        tagged=_described_clusters,
        named=True,
        idempotent=True,
        mention=":cluster/{}",
    ),
    kind(
        "capacity provider",
        "ecs",
        "CreateCapacityProvider",
        lambda params, answer: params["name"],
        _provider_exists,
        calls("ecs", "delete_capacity_provider", "capacityProvider"),
        tag=_ecs_tags,
        tagged=_providers,
        named=True,
        mention='"capacityProvider": "{}"',
    ),
)
