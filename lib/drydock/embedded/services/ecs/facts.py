"""What exists of all that a request names: what its validators need to know."""

from __future__ import annotations

import contextlib
from typing import Any

from botocore.exceptions import ClientError
from moto.ecs.exceptions import ECSException

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.listeners import Listeners
from drydock.embedded.services.ecs.lookups import arn_of, cluster_name, definition_of
from drydock.embedded.services.ecs.namespaces import Namespaces
from drydock.embedded.services.ecs.records import Document
from drydock.embedded.services.ecs.roles import ECS
from drydock.embedded.services.ecs.targets import Targets
from drydock.embedded.services.ecs.views import describe_definition
from drydock.embedded.workload.interfaces import Interfaces
from drydock.embedded.workload.roles import can_be_assumed
from drydock.policy.mesh import service_connect
from drydock.policy.requests.world import Cluster, Issuing, Namespace, World


class Facts:
    """Looks them up, in ECS and in the services that the request points to."""

    def __init__(
        self, host: Host, targets: Targets, listeners: Listeners, interfaces: Interfaces, namespaces: Namespaces
    ) -> None:
        self._host = host
        self._namespaces = namespaces
        self._targets = targets
        self._listeners = listeners
        self._interfaces = interfaces

    def of(self, backend: Any, request: Document) -> World:
        region = backend.region_name
        network = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        entries = request.get("loadBalancers") or ()
        advanced = [entry["advancedConfiguration"] for entry in entries if entry.get("advancedConfiguration")]
        groups = {entry.get("targetGroupArn") for entry in entries}
        groups |= {each.get("alternateTargetGroupArn") for each in advanced}
        rules = {each.get(name) for each in advanced for name in ("productionListenerRule", "testListenerRule")}
        registries = {e["registryArn"] for e in request.get("serviceRegistries") or () if e.get("registryArn")}
        cluster = _cluster(backend, request)
        return World(
            cluster=cluster,
            task_definition=definition(backend, request),
            capacity_providers=frozenset(backend.capacity_providers),
            target_groups=self._targets.groups(region, groups - {None}),
            registries=self._targets.registries(region, registries),
            listener_rules=self._listeners.that_exist(region, rules - {None}),
            subnets=self._interfaces.known_subnets(region, network.get("subnets")),
            namespaces=self._of_connect(backend, request, cluster),
            issuing=self._issuing(region, request),
            security_groups=self._interfaces.known_security_groups(region, network.get("securityGroups")),
        )

    def _of_connect(self, backend: Any, request: Document, cluster: Cluster | None) -> dict[str, Namespace]:
        """The namespace of Service Connect that a service is to be in, if it is there."""
        configuration = request.get("serviceConnectConfiguration") or {}
        given = configuration.get("namespace") or (cluster.namespace if cluster else "")
        if not configuration.get("enabled") or not given:
            return {}
        name = str(request.get("serviceName") or request.get("service") or "").rsplit("/", 1)[-1]
        own = arn_of(backend, f"service/{cluster_name(backend, request)}/{name}")
        found = self._namespaces.taken(backend.region_name, given, own)
        return {given: found} if found is not None else {}

    def _issuing(self, region: str, request: Document) -> Issuing | None:
        """What TLS of Service Connect names, as far as it is there; a replay was told already."""
        entries = (request.get("serviceConnectConfiguration") or {}).get("services") or ()
        asked = [entry["tls"] for entry in entries if entry.get("tls")]
        if not asked or seams.replaying():
            return None
        found = (service_connect.authority({"tls": tls}) or "" for tls in asked)
        authorities = {arn: known for arn in found if (known := self._authority(region, arn)) is not None}
        roles = {tls["roleArn"] for tls in asked if tls.get("roleArn")}
        keys = {tls["kmsKey"] for tls in asked if tls.get("kmsKey")}
        return Issuing(
            authorities,
            {arn for arn in roles if can_be_assumed(self._host, arn, ECS)},
            {key for key in keys if self._is_enabled(region, key)},
        )

    def _authority(self, region: str, arn: str) -> tuple[str, dict[str, str]] | None:
        pca = self._host.client("acm-pca", region, derived=True)
        try:
            known = pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
            tags = pca.list_tags(CertificateAuthorityArn=arn)["Tags"]
        except ClientError:
            return None
        return known["Status"], {tag["Key"]: tag.get("Value", "") for tag in tags}

    def _is_enabled(self, region: str, key: str) -> bool:
        try:
            found = self._host.client("kms", region, derived=True).describe_key(KeyId=key)["KeyMetadata"]
        except ClientError:
            return False
        return bool(found["Enabled"])


def _cluster(backend: Any, request: Document) -> Cluster | None:
    found = backend.clusters.get(cluster_name(backend, request))
    if found is None or found.status != "ACTIVE":
        return None
    return Cluster(
        capacity_providers={p.rsplit("/", 1)[-1]: "ACTIVE" for p in found.capacity_providers or ()},
        default_strategy=tuple(found.default_capacity_provider_strategy or ()),
        container_instances=found.registered_container_instances_count,
        namespace=(found.service_connect_defaults or {}).get("namespace", ""),
    )


def definition(backend: Any, request: Document) -> Document | None:
    """The task definition that a request names, or a service revision."""
    if request.get("taskDefinition"):
        with contextlib.suppress(ECSException):
            return describe_definition(definition_of(backend, request["taskDefinition"]))
    return None
