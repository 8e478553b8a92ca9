"""Cloud Map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from drydock.cloud import Cloud
from drydock.resources.ecs import clusters_by_default_in, services_connected_in, services_registered_with
from drydock.resources.kind import (
    every,
    kind,
    listed,
    pairs,
)


def _map_tags(cloud: Cloud, found: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    cloud_map = cloud.client("servicediscovery")
    for one in found:
        yield one["Id"], pairs(cloud_map.list_tags_for_resource(ResourceARN=one["Arn"])["Tags"])


def _delete_map_service(cloud: Cloud, identifier: str) -> None:
    """First no ECS service names it any more: one that does could not deploy again."""
    cloud_map = cloud.client("servicediscovery")
    registry = cloud_map.get_service(Id=identifier)["Service"]["Arn"]
    for cluster, service in list(services_registered_with(cloud, registry)):
        cloud.client("ecs").update_service(cluster=cluster, service=service, serviceRegistries=[])
    for instance in every(cloud_map, "list_instances", "Instances", ServiceId=identifier):
        cloud_map.deregister_instance(ServiceId=identifier, InstanceId=instance["Id"])
    cloud_map.delete_service(Id=identifier)


def _namespace_id(cloud: Cloud, identifier: str) -> str:
    """A namespace is created by an operation, and only that says which one it became."""
    if identifier.startswith("ns-"):
        return identifier
    operation = cloud.client("servicediscovery").get_operation(OperationId=identifier)["Operation"]
    return str(operation.get("Targets", {}).get("NAMESPACE", identifier))


def _delete_namespace(cloud: Cloud, identifier: str) -> None:
    """First no ECS service is in it by Service Connect any more: ECS then removes what it has made there."""
    cloud_map = cloud.client("servicediscovery")
    found = cloud_map.get_namespace(Id=_namespace_id(cloud, identifier))["Namespace"]
    for cluster, service in list(services_connected_in(cloud, (found["Name"], found["Arn"]))):
        cloud.client("ecs").update_service(
            cluster=cluster, service=service, serviceConnectConfiguration={"enabled": False}
        )
    for cluster in clusters_by_default_in(cloud, found["Arn"]):
        cloud.client("ecs").update_cluster(cluster=cluster, serviceConnectDefaults={"namespace": ""})
    cloud_map.delete_namespace(Id=found["Id"])


KINDS = (
    kind(
        "Cloud Map service",
        "servicediscovery",
        "CreateService",
        lambda params, answer: answer["Service"]["Id"],
        lambda cloud, one: cloud.client("servicediscovery").get_service(Id=one)["Service"],
        _delete_map_service,
        tag=listed("Tags"),
        tagged=lambda cloud: _map_tags(cloud, every(cloud.client("servicediscovery"), "list_services", "Services")),
        mention="(?!)",  # to delete it takes it from the ECS services that name it
    ),
    kind(
        "Cloud Map namespace",
        "servicediscovery",
        ("CreateHttpNamespace", "CreatePrivateDnsNamespace", "CreatePublicDnsNamespace"),
        lambda params, answer: answer["OperationId"],
        lambda cloud, one: cloud.client("servicediscovery").get_namespace(Id=_namespace_id(cloud, one))["Namespace"],
        _delete_namespace,
        tag=listed("Tags"),
        tagged=lambda cloud: _map_tags(cloud, every(cloud.client("servicediscovery"), "list_namespaces", "Namespaces")),
    ),
)
