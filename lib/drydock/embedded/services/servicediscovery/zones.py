"""The DNS records that Cloud Map keeps for its instances."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import cast

from moto.servicediscovery.models import servicediscovery_backends

from drydock.embedded.carriers.zones import RecordSet, Value, Zone
from drydock.policy.addresses import loopback

from .state import CloudMap, Instance, Namespace, Service

ALIAS_TTL = 60


def zones(account: str) -> dict[tuple[str, str], Zone]:
    """The zones of an account by (region, namespace id)."""
    found = {}
    regions = cast("dict[str, CloudMap]", servicediscovery_backends[account])
    for region, cloud_map in regions.items():
        for namespace in cloud_map.namespaces.values():
            if namespace.has_dns:
                found[region, namespace.id] = _zone(namespace, cloud_map.services_of(namespace))
    return found


def _zone(namespace: Namespace, services: list[Service]) -> Zone:
    origin = namespace.name.lower().rstrip(".")
    names: dict[str, dict[str, RecordSet]] = {}
    for service in services:
        if not service.dns_config:
            continue
        policy = service.dns_config["RoutingPolicy"]
        name = origin if service.name == "." else f"{service.name.lower()}.{origin}"
        for record in service.dns_config["DnsRecords"]:
            type_, ttl = record["Type"], int(record["TTL"])
            values = [value for each in service.instances.values() for value in _values(type_, name, each)]
            if values:
                if any("AWS_ALIAS_DNS_NAME" in each.attributes for each in service.instances.values()):
                    ttl = ALIAS_TTL
                names.setdefault(name, {})[type_] = RecordSet(type_, ttl, policy, tuple(values))
            if type_ == "SRV":
                for instance in service.instances.values():
                    hosts = names.setdefault(f"{instance.id.lower()}.{name}", {})
                    for host_type in ("A", "AAAA"):
                        host = tuple(_values(host_type, name, instance))
                        if host:
                            hosts[host_type] = RecordSet(host_type, ttl, policy, host)
    return Zone(origin, namespace.vpc, namespace.soa_ttl, names)


def _values(type_: str, name: str, instance: Instance) -> Iterator[Value]:
    attributes = instance.attributes
    if type_ == "SRV":
        yield Value((1, 1, int(attributes["AWS_INSTANCE_PORT"]), f"{instance.id}.{name}"), instance.health)
    elif type_ == "CNAME":
        yield Value(attributes["AWS_INSTANCE_CNAME"], instance.health)
    elif type_ == "AAAA" and "AWS_INSTANCE_IPV6" in attributes:
        yield Value(attributes["AWS_INSTANCE_IPV6"], instance.health)
    elif type_ == "A" and "AWS_INSTANCE_IPV4" in attributes:
        yield Value(loopback(attributes["AWS_INSTANCE_IPV4"]), instance.health)
    elif type_ == "A" and "AWS_ALIAS_DNS_NAME" in attributes:
        address = attributes["AWS_ALIAS_DNS_NAME"].split(":")[0]
        if _is_ipv4(address):
            yield Value(address)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
