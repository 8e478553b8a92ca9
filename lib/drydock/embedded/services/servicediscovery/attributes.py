"""What Cloud Map accepts as names, record types and instance attributes (API reference)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from .errors import InvalidInput

_LABEL = r"([a-zA-Z0-9_][a-zA-Z0-9-_]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9])"
_SERVICE_NAME = re.compile(rf"(?=.{{1,127}}$){_LABEL}(\.{_LABEL})*")
_HTTP_NAMESPACE = re.compile(r"(?!arn:)[!-~]{1,1024}")
_DNS_NAMESPACE = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
_INSTANCE_ID = re.compile(r"[0-9a-zA-Z_/:.@-]{1,64}")
_COMBINATIONS = ({"A"}, {"AAAA"}, {"A", "AAAA"}, {"SRV"}, {"CNAME"})
_RESERVED = "AWS_"
_MAX_CUSTOM = 30


def check_namespace_name(name: str, *, dns: bool) -> None:
    if not (_DNS_NAMESPACE if dns else _HTTP_NAMESPACE).fullmatch(name):
        raise InvalidInput(f"Invalid namespace name: {name}.")


def check_service(
    namespace_type: str,
    name: str,
    dns_config: dict[str, Any] | None,
    health_check_config: dict[str, Any] | None,
    health_check_custom_config: dict[str, Any] | None,
) -> None:
    if not _SERVICE_NAME.fullmatch(name):
        raise InvalidInput(f"Invalid service name: {name}.")
    types: list[str] = []
    if dns_config is not None:
        if namespace_type == "HTTP":
            raise InvalidInput("DnsConfig can't be specified for a service in an HTTP namespace.")
        types = _record_types(dns_config.get("DnsRecords", []))
        routing = dns_config.get("RoutingPolicy", "MULTIVALUE")
        if routing not in ("MULTIVALUE", "WEIGHTED"):
            raise InvalidInput(f"Invalid RoutingPolicy: {routing}; use MULTIVALUE or WEIGHTED.")
        if types == ["CNAME"] and routing != "WEIGHTED":
            raise InvalidInput("A CNAME record needs the RoutingPolicy WEIGHTED.")
    check_health_check(namespace_type, types, health_check_config, health_check_custom_config)


def check_health_check(
    namespace_type: str,
    types: list[str],
    config: dict[str, Any] | None,
    custom_config: dict[str, Any] | None,
) -> None:
    if config is None:
        return
    if custom_config is not None:
        raise InvalidInput("Specify either HealthCheckConfig or HealthCheckCustomConfig, not both.")
    if namespace_type == "DNS_PRIVATE":
        raise InvalidInput("A private DNS namespace can't have HealthCheckConfig; use HealthCheckCustomConfig.")
    if "CNAME" in types:
        raise InvalidInput("HealthCheckConfig can't be used with a CNAME record.")


def check_record_change(current: list[str], records: list[dict[str, Any]]) -> None:
    if set(_record_types(records)) - set(current):
        raise InvalidInput(
            f"The record types of a service can't be changed (they are {', '.join(current) or 'none'}); "
            "delete the service and create it again."
        )


def _record_types(records: list[dict[str, Any]]) -> list[str]:
    types = [record.get("Type", "") for record in records]
    if len(set(types)) != len(types) or set(types) not in _COMBINATIONS:
        raise InvalidInput(f"Invalid DnsRecords: {', '.join(types) or 'none'}; use A, AAAA, A and AAAA, SRV or CNAME.")
    for record in records:
        if not 0 <= record.get("TTL", -1) <= 2147483647:
            raise InvalidInput("Each DnsRecord needs a TTL between 0 and 2147483647.")
    return types


def check_instance(
    namespace_type: str, types: list[str], routing: str | None, instance_id: str, attributes: dict[str, str]
) -> None:
    if not _INSTANCE_ID.fullmatch(instance_id):
        raise InvalidInput(f"Invalid InstanceId: {instance_id}.")
    if "SRV" in types and not all(0 < len(label) < 64 for label in instance_id.split(".")):
        raise InvalidInput(f"Invalid InstanceId: {instance_id}; it is part of an SRV record's host name.")
    _check_sizes(attributes)
    for key, valid in _FORMATS.items():
        if key in attributes and not valid(attributes[key]):
            raise InvalidInput(f"Invalid value for attribute {key}: {attributes[key]}.")
    if "AWS_ALIAS_DNS_NAME" in attributes:
        _check_alias(types, routing, attributes)
    else:
        _check_required(types, attributes)
    if "AWS_EC2_INSTANCE_ID" in attributes:
        allowed = {"AWS_EC2_INSTANCE_ID", "AWS_INIT_HEALTH_STATUS"}
        beside = {key for key in attributes if key.startswith(_RESERVED)} - allowed
        if namespace_type != "HTTP" or beside:
            raise InvalidInput(
                "AWS_EC2_INSTANCE_ID is for HTTP namespaces; only AWS_INIT_HEALTH_STATUS can be beside it."
            )


def _check_sizes(attributes: dict[str, str]) -> None:
    if sum(not key.startswith(_RESERVED) for key in attributes) > _MAX_CUSTOM:
        raise InvalidInput(f"An instance can have at most {_MAX_CUSTOM} custom attributes.")
    for key, value in attributes.items():
        if not 1 <= len(key) <= 255 or len(value) > 1024:
            raise InvalidInput(f"Attribute {key[:40]}: a name has 1 to 255 characters, a value up to 1,024.")
    if sum(len(key) + len(value) for key, value in attributes.items()) > 5000:
        raise InvalidInput("The attributes of an instance can't exceed 5,000 characters together.")


def _check_alias(types: list[str], routing: str | None, attributes: dict[str, str]) -> None:
    if not types or not set(types) <= {"A", "AAAA"} or routing != "WEIGHTED":
        raise InvalidInput("AWS_ALIAS_DNS_NAME needs A or AAAA records and the RoutingPolicy WEIGHTED.")
    if any(key.startswith("AWS_INSTANCE_") for key in attributes):
        raise InvalidInput("AWS_ALIAS_DNS_NAME can't be specified together with AWS_INSTANCE attributes.")


def _check_required(types: list[str], attributes: dict[str, str]) -> None:
    needed = {"A": ("AWS_INSTANCE_IPV4",), "AAAA": ("AWS_INSTANCE_IPV6",), "CNAME": ("AWS_INSTANCE_CNAME",),
              "SRV": ("AWS_INSTANCE_PORT",)}  # fmt: skip
    for type_ in types:
        for key in needed[type_]:
            if key not in attributes:
                raise InvalidInput(f"Attribute {key} is required: the service has {type_} records.")
    if "SRV" in types and not {"AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6"} & attributes.keys():
        raise InvalidInput("AWS_INSTANCE_IPV4 or AWS_INSTANCE_IPV6 is required: the service has SRV records.")


def _is_address(version: int) -> Callable[[str], bool]:
    def valid(value: str) -> bool:
        try:
            return ipaddress.ip_address(value).version == version
        except ValueError:
            return False

    return valid


_FORMATS: dict[str, Callable[[str], bool]] = {
    "AWS_INSTANCE_IPV4": _is_address(4),
    "AWS_INSTANCE_IPV6": _is_address(6),
    "AWS_INSTANCE_PORT": lambda value: value.isascii() and value.isdigit() and 1 <= int(value) <= 65535,
    "AWS_INSTANCE_CNAME": lambda value: bool(_DNS_NAMESPACE.fullmatch(value)),
    "AWS_INIT_HEALTH_STATUS": lambda value: value in ("HEALTHY", "UNHEALTHY"),
}
