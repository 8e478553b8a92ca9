"""What ECS Service Connect makes of a service's configuration, and the numbers that its proxies go by.

Sources: ECS developer guide, *Amazon ECS Service Connect components* (documented: round robin, two retries of which
the second avoids the host before, hosts that fail are avoided for 30 to 300 seconds), and botocore's
``ServiceConnectService`` and ``TimeoutConfiguration`` (documented: names, aliases, time-outs). How many failures put a
host out, how often is looked and how many may be out at once AWS does not say: these are Envoy's defaults, but for the
part that may be out, since Envoy's tenth would never let one of three go (ours). What is retried is what App Mesh had
by default: connections that fail, and 503 (derived).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.mesh import outliers

RETRIES = 2
RETRIED_STATUS = 503
RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "retriable-status-codes")
"""Envoy's names of what is tried again."""
DETECTOR = outliers.Detector(
    consecutive_5xx=5, interval=10, base_ejection_time=30, max_ejection_time=300, max_ejection_percent=50
)
PER_REQUEST = 15
IDLE, IDLE_TCP = 300, 3600
VALID, ROTATED = 7 * 86_400.0, 5 * 86_400.0
"""Seconds for which a certificate of TLS is valid, and after which there is another one (documented)."""
TLS_VERSION = "TLSv1_3"
"""The only one that proxies speak with each other (documented)."""
MANAGED = "AmazonECSManaged"
"""The tag, with the value true, without which ECS's managed policy lets no authority issue (documented)."""
CPU, MEMORY = 256, 64
"""CPU units and MiB that AWS recommends to add to a task for its proxy."""
PROTOCOLS = ("http", "http2", "grpc")
TCP = "tcp"
"""The protocol of a port mapping without an appProtocol."""


@dataclass(frozen=True)
class Endpoint:
    """A port of a service, as its clients find it. Times in seconds, None: there is no limit.

    idle         how long a connection may be idle
    per_request  how long an answer may take; of TCP there is none
    """

    discovery_name: str
    dns_name: str
    port: int
    protocol: str
    container_port: int
    ingress_port: int | None
    idle: int | None
    per_request: int | None
    test_header: tuple[str, str | None] | None = None
    """(name, exact value) of a header whose requests are test traffic; any value where that is None."""
    authority: str | None = None
    """The ARN of the private CA whose certificate its tasks show, by TLS."""


def discovery_name(service: Mapping[str, Any]) -> str:
    """What a `ServiceConnectService` is called in Cloud Map."""
    return str(service.get("discoveryName") or service["portName"])


def alias(service: Mapping[str, Any], namespace: str, container_port: int) -> tuple[str, int]:
    """(DNS name, port) at which clients call a `ServiceConnectService` in the namespace of that name.

    That it is the container's port where none is given is observed (AWS CDK).

    >>> alias({"portName": "web", "clientAliases": [{"port": 80}]}, "shop", 8080)
    ('web.shop', 80)
    """
    given: Mapping[str, Any] = next(iter(service.get("clientAliases") or ()), {})
    name = given.get("dnsName") or f"{discovery_name(service)}.{namespace}"
    return str(name), int(given.get("port") or container_port)


def endpoints(
    configuration: Mapping[str, Any] | None, definition: Mapping[str, Any], namespace: str
) -> tuple[Endpoint, ...]:
    """The endpoints of a service by its `serviceConnectConfiguration` and its task definition."""
    if not configuration or not configuration.get("enabled"):
        return ()
    mappings = {
        mapping["name"]: mapping
        for container in definition.get("containerDefinitions") or ()
        for mapping in container.get("portMappings") or ()
        if mapping.get("name")
    }
    return tuple(
        _endpoint(service, mappings[service["portName"]], namespace)
        for service in configuration.get("services") or ()
        if service["portName"] in mappings
    )


def _endpoint(service: Mapping[str, Any], mapping: Mapping[str, Any], namespace: str) -> Endpoint:
    protocol = str(mapping.get("appProtocol") or TCP)
    timeout = service.get("timeout") or {}
    idle = timeout.get("idleTimeoutSeconds")
    request = timeout.get("perRequestTimeoutSeconds")
    if idle is None:
        idle = IDLE_TCP if protocol == TCP else IDLE
    if request is None:
        request = PER_REQUEST
    dns_name, port = alias(service, namespace, int(mapping["containerPort"]))
    return Endpoint(
        discovery_name=discovery_name(service),
        dns_name=dns_name,
        port=port,
        protocol=protocol,
        container_port=int(mapping["containerPort"]),
        ingress_port=service.get("ingressPortOverride"),
        idle=idle or None,
        per_request=None if protocol == TCP else request or None,
        test_header=_test_header(service),
        authority=authority(service),
    )


def authority(service: Mapping[str, Any]) -> str | None:
    """The ARN of the private CA of a `ServiceConnectService` that has TLS."""
    return ((service.get("tls") or {}).get("issuerCertificateAuthority") or {}).get("awsPcaAuthorityArn")


def server_name(discovery_name: str, namespace: str) -> str:
    """What the certificate of a service is for, and what its clients ask to be shown (ours).

    >>> server_name("web", "shop")
    'web.shop'
    """
    return f"{discovery_name}.{namespace}"


def _test_header(service: Mapping[str, Any]) -> tuple[str, str | None] | None:
    for alias in service.get("clientAliases") or ():
        if header := (alias.get("testTrafficRules") or {}).get("header"):
            return str(header["name"]), (header.get("value") or {}).get("exact")
    return None


def outlier_detection(detector: outliers.Detector, speed: float = 1.0) -> dict[str, Any]:
    """The same as Envoy's `outlier_detection`, where `speed` of its seconds pass in one of Envoy's."""

    def seconds(value: float) -> str:
        return f"{value / speed:.3f}s"

    return {
        "consecutive_5xx": detector.consecutive_5xx,
        "interval": seconds(detector.interval),
        "base_ejection_time": seconds(detector.base_ejection_time),
        "max_ejection_time": seconds(detector.max_ejection_time),
        "max_ejection_percent": int(detector.max_ejection_percent),
        "enforcing_success_rate": 0,
    }


def retry_policy() -> dict[str, Any]:
    """Envoy's `retry_policy` of a route to an endpoint."""
    return {
        "retry_on": ",".join(RETRY_ON),
        "num_retries": RETRIES,
        "retriable_status_codes": [RETRIED_STATUS],
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": "5",
    }
