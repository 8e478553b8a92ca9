"""What Service Connect has in Cloud Map: namespaces, a service for each discovery name, its tasks as instances.

All through Cloud Map's API. What is made here belongs to ECS: it is not journalled, made again after a restart with the
ids that it had, and removed when no deployment has it any more.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.ecs.exceptions import ECSException

from drydock.embedded.core import seams
from drydock.embedded.core.client import every
from drydock.embedded.services.ecs.lookups import definition_of
from drydock.embedded.services.ecs.records import Document, Service, Task
from drydock.policy.requests.world import Namespace

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host
    from drydock.embedded.services.ecs.table import Table

log = logging.getLogger(__name__)

_MADE = "Created by Amazon ECS Service Connect"


class Namespaces:
    """Cloud Map, as Service Connect uses it. The host's lock is held."""

    def __init__(self, host: Host, table: Table) -> None:
        self._host = host
        self._table = table
        self._made: dict[str, str] = {}
        """The region of each service of Cloud Map that was made here, by ARN."""

    def _client(self, region: str) -> Any:
        return self._host.client("servicediscovery", region, derived=True)

    # -- namespaces -----------------------------------------------------------------------------

    def find(self, region: str, given: str) -> Namespace | None:
        """The namespace that a request calls so, by its name or its ARN."""
        for found in every(self._client(region).list_namespaces, "Namespaces", token="NextToken"):
            if given in (found["Arn"], found["Name"]):
                return Namespace(found["Arn"], found["Name"])
        return None

    def settled(self, region: str, given: str) -> str:
        """The ARN of the namespace that a cluster is to have as its default; one that is not there is made.
        ClientError."""
        if (found := self.find(region, given)) is not None:
            return found.arn
        self._client(region).create_http_namespace(Name=given, Description=_MADE)
        made = self.find(region, given)
        assert made is not None
        return made.arn

    def taken(self, region: str, given: str, apart_from: str) -> Namespace | None:
        """The same with what services but that of the ARN `apart_from` have in it."""
        found = self.find(region, given)
        if found is None:
            return None
        ours = [entry for entry in self.endpoints(region, found.arn) if entry["service"] != apart_from]
        own = {
            resource["discoveryName"]
            for service in self._table.services()
            if service.arn == apart_from
            for deployment in service.deployments
            for resource in deployment.resources
        }
        names = {entry["discovery_name"] for entry in ours} | {
            each["Name"] for each in self._services(region, found.arn) if each["Name"] not in own
        }
        return Namespace(found.arn, found.name, names, {(entry["dns_name"], entry["port"]) for entry in ours})

    def endpoints(self, region: str, arn: str) -> list[Document]:
        """What clients in a namespace can call, as the newest deployments of all services have it: the fields of an
        `Endpoint`, and the ARN of its `service`."""
        found: list[Document] = []
        for service in self._table.services():
            newest = service.deployments[0] if service.deployments else None
            if service.region_name != region or service.status != "ACTIVE" or newest is None or newest.namespace != arn:
                continue
            with contextlib.suppress(ECSException):  # its task definition is gone
                definition = definition_of(self._table.region(region), newest.revision["taskDefinition"]).document
                found += [{**asdict(each), "service": service.arn} for each in newest.endpoints_of(definition)]
        return found

    # -- services of Cloud Map ------------------------------------------------------------------

    def _services(self, region: str, namespace: str) -> list[Document]:
        wanted = [{"Name": "NAMESPACE_ID", "Values": [namespace.rsplit("/", 1)[-1]]}]
        return list(every(self._client(region).list_services, "Services", token="NextToken", Filters=wanted))

    def resources(self, service: Service, namespace: str, names: Iterable[str]) -> list[Document]:
        """`serviceConnectResources` of a service: what it has in the namespace of that ARN is made if it is missing."""
        return [
            {"discoveryName": name, "discoveryArn": self._service(service, namespace, name)} for name in sorted(names)
        ]

    def _service(self, service: Service, namespace: str, name: str) -> str:
        region = service.region_name
        there = next((each["Arn"] for each in self._services(region, namespace) if each["Name"] == name), None)
        if there is None:
            backend = self._host.backend("servicediscovery", region)
            with seams.by_the_way():  # not by a call, which would have ids of its own each time
                born = service.created_at.timestamp()
                seams.reseed(f"{self._host.seed_in(region)}:{service.arn}:{born}:{name}")
                there = backend.add_service(
                    backend.find_namespace(namespace),
                    name,
                    creator_request_id=None,
                    description=_MADE,
                    dns_config=None,
                    health_check_config=None,
                    health_check_custom_config=None,
                    tags=None,
                ).arn
        self._made[there] = region
        return str(there)

    def keep_only(self, wanted: set[str]) -> None:
        """Remove those that were made here and that no deployment has any more."""
        for arn in [arn for arn in self._made if arn not in wanted]:
            client, identifier = self._client(self._made[arn]), arn.rsplit("/", 1)[-1]
            try:
                there = every(client.list_instances, "Instances", token="NextToken", ServiceId=identifier)
                for instance in list(there):
                    client.deregister_instance(ServiceId=identifier, InstanceId=instance["Id"])
                client.delete_service(Id=identifier)
            except ClientError as error:
                log.info("Cloud Map's service %s stays: %s", identifier, error)
            del self._made[arn]

    # -- instances ------------------------------------------------------------------------------

    def register(self, task: Task, service: Service) -> None:
        """Let Cloud Map know where the task is found."""
        deployment = service.deployment_of(task)
        if deployment is None:
            return
        endpoints = {each.discovery_name: each for each in deployment.endpoints_of(task.definition)}
        for resource in deployment.resources:
            endpoint = endpoints.get(resource["discoveryName"])
            if endpoint is None:
                continue
            attributes = {
                "AWS_INSTANCE_IPV4": str(task.address),
                "AWS_INSTANCE_PORT": str(endpoint.ingress_port or endpoint.container_port),
                "AVAILABILITY_ZONE": str(task.document.get("availabilityZone")),
                "REGION": task.region_name,
                "ECS_CLUSTER_NAME": task.cluster_name,
                "ECS_SERVICE_NAME": service.name,
                "ECS_TASK_DEFINITION_FAMILY": task.definition["family"],
            }
            try:
                self._client(task.region_name).register_instance(
                    ServiceId=resource["discoveryArn"].rsplit("/", 1)[-1], InstanceId=task.id, Attributes=attributes
                )
            except ClientError as refused:
                service.event(
                    f"failed to register (task {task.id}) in (service registry {resource['discoveryArn']}) with "
                    f"(error {refused})"
                )

    def deregister(self, task: Task, service: Service) -> None:
        deployment = service.deployment_of(task)
        for resource in deployment.resources if deployment else ():
            try:
                self._client(task.region_name).deregister_instance(
                    ServiceId=resource["discoveryArn"].rsplit("/", 1)[-1], InstanceId=task.id
                )
            except ClientError as error:
                log.info("deregistering %s: %s", task.id, error)
