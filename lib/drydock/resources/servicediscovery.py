"""Cloud Map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from drydock.cloud import Cloud
from drydock.resources.ecs import services_registered_with
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
        lambda cloud, one: cloud.client("servicediscovery").delete_namespace(Id=_namespace_id(cloud, one)),
        tag=listed("Tags"),
        tagged=lambda cloud: _map_tags(cloud, every(cloud.client("servicediscovery"), "list_namespaces", "Namespaces")),
    ),
)
