"""Namespaces, services, instances and operations, and the rules between them.

Source of the rules: the Cloud Map API reference. An operation takes effect at once; its status runs
SUBMITTED, PENDING, SUCCESS on the engine's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import moto.core.utils
from moto.servicediscovery import models as upstream

from drydock.embedded.carriers.zones import Zones
from drydock.embedded.core.clock import Clock
from drydock.embedded.core.host import Host

from . import attributes as rules
from .dealings import SHOWN
from .errors import (
    DuplicateRequest,
    InstanceNotFound,
    InvalidInput,
    NamespaceAlreadyExists,
    NamespaceNotFound,
    OperationNotFound,
    ResourceInUse,
    ServiceAlreadyExists,
    ServiceNotFound,
)
from .health import Health

SUBMITTED_FOR = 1.0
SECONDS = {"CREATE_NAMESPACE": 20.0, "DELETE_NAMESPACE": 20.0, "UPDATE_NAMESPACE": 10.0}
OTHERWISE = 5.0
SOA_TTL = 15


@dataclass
class Namespace:
    id: str
    arn: str
    name: str
    type: str
    http_name: str
    created: float
    creator_request_id: str | None = None
    description: str | None = None
    vpc: str | None = None
    hosted_zone_id: str | None = None
    soa_ttl: int = SOA_TTL

    @property
    def has_dns(self) -> bool:
        return self.type != "HTTP"


@dataclass
class Instance:
    id: str
    attributes: dict[str, str]
    creator_request_id: str | None
    health: Health | None


@dataclass
class Service:
    id: str
    arn: str
    name: str
    namespace_id: str
    created: float
    creator_request_id: str | None = None
    description: str | None = None
    dns_config: dict[str, Any] | None = None
    health_check_config: dict[str, Any] | None = None
    health_check_custom_config: dict[str, Any] | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    revision: int = 1

    @property
    def record_types(self) -> list[str]:
        return [record["Type"] for record in self.dns_config["DnsRecords"]] if self.dns_config else []

    @property
    def type(self) -> str:
        return "DNS_HTTP" if self.dns_config else "HTTP"

    @property
    def has_health_check(self) -> bool:
        return bool(self.health_check_config or self.health_check_custom_config)

    def health_of(self, instance: Instance, now: float) -> str:
        """HEALTHY or UNHEALTHY; UNKNOWN where nothing reports it."""
        return instance.health.at(now) if instance.health else "UNKNOWN"


@dataclass
class Operation:
    id: str
    type: str
    targets: dict[str, str]
    namespace_id: str | None
    service_id: str | None
    creator_request_id: str | None
    created: float
    began: float
    error: tuple[str, str] | None = None

    @property
    def _takes(self) -> float:
        return SECONDS.get(self.type, OTHERWISE)

    def status(self, now: float) -> str:
        if now < self.began + SUBMITTED_FOR:
            return "SUBMITTED"
        if now < self.began + self._takes:
            return "PENDING"
        return "FAIL" if self.error else "SUCCESS"

    def updated(self, clock: Clock) -> float:
        """When the status last changed, seconds since the epoch."""
        since = {"SUBMITTED": 0.0, "PENDING": SUBMITTED_FOR}.get(self.status(clock.time()), self._takes)
        return self.created + clock.real(since)


class CloudMap(upstream.ServiceDiscoveryBackend):
    """One account and region."""

    host: Host
    zones: Zones
    namespaces: dict[str, Namespace]  # type: ignore[assignment]
    services: dict[str, Service]  # type: ignore[assignment]
    operations: dict[str, Operation]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._deleted: list[str] = []
        self._changed()

    def _changed(self) -> None:
        self.zones.have_changed()

    def _forget(self, gone: str) -> None:
        """Of the namespaces and services that were deleted before those of which it is still told, tell no more."""
        kind = gone.partition("-")[0]
        self._deleted.append(gone)
        ended = [each for each in self._deleted if each.startswith(kind)][:-SHOWN]
        self._deleted = [each for each in self._deleted if each not in ended]
        for operation in list(self.operations.values()):
            if operation.namespace_id in ended or operation.service_id in ended:
                del self.operations[operation.id]

    @property
    def clock(self) -> Clock:
        return self.host.clock

    def _now(self) -> float:
        """AWS seconds at which this request was made, also when it is replayed long after."""
        age = self.clock.utcnow().timestamp() - moto.core.utils.unix_time()
        return self.clock.time() - max(0.0, age) / self.clock.real(1.0)

    def _arn(self, resource: str) -> str:
        return f"arn:{self.partition}:servicediscovery:{self.region_name}:{self.account_id}:{resource}"

    # -- operations -----------------------------------------------------------------------------

    def _begin(
        self,
        type: str,
        targets: dict[str, str],
        *,
        namespace_id: str | None = None,
        service_id: str | None = None,
        creator_request_id: str | None = None,
        error: tuple[str, str] | None = None,
    ) -> str:
        operation = Operation(
            id=f"{upstream.random_id(32)}-{upstream.random_id(8)}",
            type=type,
            targets=targets,
            namespace_id=namespace_id,
            service_id=service_id,
            creator_request_id=creator_request_id,
            created=moto.core.utils.unix_time(),
            began=self._now(),
            error=error,
        )
        self.operations[operation.id] = operation
        self._changed()
        return operation.id

    def find_operation(self, operation_id: str) -> Operation:
        try:
            return self.operations[operation_id]
        except KeyError:
            raise OperationNotFound(f"Operation not found: {operation_id}.") from None

    def _refuse_repeat(self, type: str, creator_request_id: str | None) -> None:
        if creator_request_id is None:
            return
        now = self._now()
        for operation in self.operations.values():
            same = (operation.type, operation.creator_request_id) == (type, creator_request_id)
            if same and operation.status(now) in ("SUBMITTED", "PENDING"):
                raise DuplicateRequest(operation.id)

    # -- namespaces -----------------------------------------------------------------------------

    def find_namespace(self, namespace_id: str) -> Namespace:
        """By id or ARN."""
        try:
            return self.namespaces[namespace_id.rsplit("/", 1)[-1]]
        except KeyError:
            raise NamespaceNotFound(f"Failed to find namespace: {namespace_id}.") from None

    def namespace_named(self, http_name: str) -> Namespace:
        for namespace in self.namespaces.values():
            if namespace.http_name == http_name:
                return namespace
        raise NamespaceNotFound(f"Failed to find namespace: {http_name}.")

    def add_namespace(
        self,
        type: str,
        name: str,
        *,
        creator_request_id: str | None,
        description: str | None,
        tags: list[dict[str, str]] | None,
        vpc: str | None = None,
        soa_ttl: int | None = None,
    ) -> str:
        """Returns the id of the operation, which fails where the VPC of the hosted zone does not exist."""
        rules.check_namespace_name(name, dns=type != "HTTP")
        self._refuse_repeat("CREATE_NAMESPACE", creator_request_id)
        for other in self.namespaces.values():
            if (other.type, other.name.lower(), other.vpc) == (type, name.lower(), vpc):
                raise NamespaceAlreadyExists(other.id, other.creator_request_id)
        taken = any(other.http_name == name for other in self.namespaces.values())
        namespace_id = f"ns-{upstream.random_id(16)}"
        error = self._no_hosted_zone(vpc) if vpc else None
        if error is None:
            namespace = self.namespaces[namespace_id] = Namespace(
                id=namespace_id,
                arn=self._arn(f"namespace/{namespace_id}"),
                name=name,
                type=type,
                http_name=f"{name}-{upstream.random_id(16)}" if taken else name,
                created=moto.core.utils.unix_time(),
                creator_request_id=creator_request_id,
                description=description,
                vpc=vpc,
                soa_ttl=SOA_TTL if soa_ttl is None else soa_ttl,
            )
            if namespace.has_dns:
                namespace.hosted_zone_id = self._create_hosted_zone(name, vpc)
            self.tagger.tag_resource(namespace.arn, tags or [])
            self.host.front.made(namespace_id)
        return self._begin(
            "CREATE_NAMESPACE",
            {"NAMESPACE": namespace_id},
            namespace_id=namespace_id,
            creator_request_id=creator_request_id,
            error=error,
        )

    def _no_hosted_zone(self, vpc: str) -> tuple[str, str] | None:
        if vpc in self.host.backend("ec2", self.region_name).vpcs:
            return None
        return (
            "CANNOT_CREATE_HOSTED_ZONE",
            f"The VPC: {vpc} in region {self.region_name} that you provided does not exist. "
            "(Service: AmazonRoute53; Status Code: 400; Error Code: InvalidVPCId)",
        )

    @property
    def _route53(self) -> Any:
        return self.host.backend("route53", self.partition)

    def _create_hosted_zone(self, name: str, vpc: str | None) -> str:
        zone = self._route53.create_hosted_zone(
            name,
            private_zone=vpc is not None,
            vpcid=vpc,
            vpcregion=self.region_name if vpc else None,
            comment="Created by AWS Cloud Map",
        )
        return str(zone.id).rsplit("/", 1)[-1]

    def change_namespace(self, namespace_id: str, type: str, change: dict[str, Any]) -> str:
        namespace = self.find_namespace(namespace_id)
        if namespace.type != type:
            raise InvalidInput(f"Namespace {namespace.id} is of type {namespace.type}, not {type}.")
        if "Description" in change:
            namespace.description = change["Description"]
        soa = change.get("Properties", {}).get("DnsProperties", {}).get("SOA")
        if soa:
            namespace.soa_ttl = soa["TTL"]
        return self._begin("UPDATE_NAMESPACE", {"NAMESPACE": namespace.id}, namespace_id=namespace.id)

    def remove_namespace(self, namespace_id: str) -> str:
        namespace = self.find_namespace(namespace_id)
        if any(service.namespace_id == namespace.id for service in self.services.values()):
            raise ResourceInUse("Namespace has associated services; delete the services before deleting the namespace.")
        if namespace.hosted_zone_id:
            self._route53.delete_hosted_zone(namespace.hosted_zone_id)
        self.tagger.delete_all_tags_for_resource(namespace.arn)
        del self.namespaces[namespace.id]
        self._forget(namespace.id)
        return self._begin("DELETE_NAMESPACE", {"NAMESPACE": namespace.id}, namespace_id=namespace.id)

    # -- services -------------------------------------------------------------------------------

    def get_service(self, service_id: str) -> Service:  # type: ignore[override]
        """By id or ARN."""
        try:
            return self.services[service_id.rsplit("/", 1)[-1]]
        except KeyError:
            raise ServiceNotFound(f"Service not found: {service_id}.") from None

    def services_of(self, namespace: Namespace) -> list[Service]:
        return [service for service in self.services.values() if service.namespace_id == namespace.id]

    def service_named(self, namespace: Namespace, name: str) -> Service:
        for service in self.services_of(namespace):
            if service.name == name:
                return service
        raise ServiceNotFound(f"Service not found: {name} in namespace {namespace.name}.")

    def add_service(
        self,
        namespace: Namespace,
        name: str,
        *,
        creator_request_id: str | None,
        description: str | None,
        dns_config: dict[str, Any] | None,
        health_check_config: dict[str, Any] | None,
        health_check_custom_config: dict[str, Any] | None,
        tags: list[dict[str, str]] | None,
    ) -> Service:
        rules.check_service(namespace.type, name, dns_config, health_check_config, health_check_custom_config)
        for other in self.services_of(namespace):
            same_record = dns_config and other.dns_config and other.name.lower() == name.lower()
            if other.name == name or same_record:
                raise ServiceAlreadyExists(other.id, other.arn, other.creator_request_id)
        service_id = f"srv-{upstream.random_id(16)}"
        custom = None if health_check_custom_config is None else {"FailureThreshold": 1}
        if dns_config:
            dns_config = {"RoutingPolicy": "MULTIVALUE", "NamespaceId": namespace.id, **dns_config}
        service = self.services[service_id] = Service(
            id=service_id,
            arn=self._arn(f"service/{service_id}"),
            name=name,
            namespace_id=namespace.id,
            created=moto.core.utils.unix_time(),
            creator_request_id=creator_request_id,
            description=description,
            dns_config=dns_config,
            health_check_config=health_check_config,
            health_check_custom_config=custom,
        )
        self.tagger.tag_resource(service.arn, tags or [])
        self._changed()
        return service

    def change_service(self, service_id: str, change: dict[str, Any]) -> str:
        """What the change leaves out of DnsConfig and HealthCheckConfig is deleted, as AWS does."""
        service = self.get_service(service_id)
        namespace = self.find_namespace(service.namespace_id)
        if not namespace.has_dns:
            raise InvalidInput("You can't update a service that is associated with an HTTP namespace.")
        records = change.get("DnsConfig", {}).get("DnsRecords")
        if records is not None:
            rules.check_record_change(service.record_types, records)
        rules.check_health_check(
            namespace.type,
            [record["Type"] for record in records or []],
            change.get("HealthCheckConfig"),
            service.health_check_custom_config,
        )
        kept = service.dns_config if records else None
        service.dns_config = {**kept, "DnsRecords": records} if kept else None
        service.health_check_config = change.get("HealthCheckConfig")
        if "Description" in change:
            service.description = change["Description"]
        return self._begin("UPDATE_SERVICE", {"SERVICE": service.id}, namespace_id=namespace.id, service_id=service.id)

    def remove_service(self, service_id: str) -> None:
        service = self.get_service(service_id)
        if service.instances:
            raise ResourceInUse(
                "Service contains registered instances; delete the instances before deleting the service."
            )
        self.tagger.delete_all_tags_for_resource(service.arn)
        del self.services[service.id]
        self._forget(service.id)
        self._changed()

    # -- instances ------------------------------------------------------------------------------

    def find_instance(self, service: Service, instance_id: str) -> Instance:
        try:
            return service.instances[instance_id]
        except KeyError:
            raise InstanceNotFound(f"Instance not found: {instance_id} in service {service.id}.") from None

    def put_instance(
        self, service_id: str, instance_id: str, given: dict[str, str], creator_request_id: str | None
    ) -> str:
        """Register, or register anew what has the same id."""
        service = self.get_service(service_id)
        namespace = self.find_namespace(service.namespace_id)
        routing = (service.dns_config or {}).get("RoutingPolicy")
        rules.check_instance(namespace.type, service.record_types, routing, instance_id, given)
        self._refuse_repeat("REGISTER_INSTANCE", creator_request_id)
        health = None
        if service.health_check_custom_config:
            health = Health(given.get("AWS_INIT_HEALTH_STATUS", "HEALTHY"))
        elif "AWS_INIT_HEALTH_STATUS" in given:
            raise InvalidInput("AWS_INIT_HEALTH_STATUS needs a service with HealthCheckCustomConfig.")
        if instance_id not in service.instances:
            self.host.lately.note(("registered", service.arn, instance_id), self.host.profile.discovery)
        service.instances[instance_id] = Instance(
            instance_id, {**given, **self._of_ec2(given)}, creator_request_id, health
        )
        service.revision += 1
        return self._begin(
            "REGISTER_INSTANCE",
            {"INSTANCE": instance_id, "SERVICE": service.id},
            namespace_id=namespace.id,
            service_id=service.id,
            creator_request_id=creator_request_id,
        )

    def _of_ec2(self, given: dict[str, str]) -> dict[str, str]:
        wanted = given.get("AWS_EC2_INSTANCE_ID")
        if wanted is None:
            return {}
        found = self.host.backend("ec2", self.region_name).get_instance_by_id(wanted)
        if found is None:
            raise InvalidInput(f"EC2 instance not found: {wanted}.")
        return {"AWS_INSTANCE_IPV4": found.private_ip}

    def remove_instance(self, service_id: str, instance_id: str) -> str:
        service = self.get_service(service_id)
        instance = self.find_instance(service, instance_id)
        del service.instances[instance.id]
        service.revision += 1
        return self._begin(
            "DEREGISTER_INSTANCE",
            {"INSTANCE": instance_id, "SERVICE": service.id},
            namespace_id=service.namespace_id,
            service_id=service.id,
        )

    def report_health(self, instance: Instance, status: str) -> None:
        assert instance.health is not None
        instance.health = instance.health.reported(status, self._now())
        self._changed()


def discovered(
    service: Service,
    now: float,
    *,
    query: dict[str, str],
    optional: dict[str, str],
    health: str,
    is_seen: Callable[[Instance], bool] = lambda _: True,
) -> list[Instance]:
    """Instances that DiscoverInstances answers with, in the order of their registration.

    `health` is ignored for a service without a health check; `optional` counts only where something
    fits it; HEALTHY_OR_ELSE_ALL fails open.
    """

    def fits(instance: Instance, wanted: dict[str, str]) -> bool:
        return all(instance.attributes.get(key) == value for key, value in wanted.items())

    found = [instance for instance in service.instances.values() if fits(instance, query) and is_seen(instance)]
    found = [instance for instance in found if fits(instance, optional)] or found
    if not service.has_health_check or health == "ALL":
        return found
    wanted = "UNHEALTHY" if health == "UNHEALTHY" else "HEALTHY"
    kept = [instance for instance in found if service.health_of(instance, now) in (wanted, "UNKNOWN")]
    return kept or (found if health == "HEALTHY_OR_ELSE_ALL" else [])
