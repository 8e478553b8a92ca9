"""Which Service Connect configurations ECS takes.

Source: Amazon ECS API Reference, *ServiceConnectConfiguration* and the types that it names; the model of botocore for
enumerations; the developer guide, *Encrypt Service Connect traffic*. The wordings about a namespace and a portName were
observed, the others are ours. That a request is refused for what TLS needs is ours as well: AWS's deployment fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drydock.policy.mesh import service_connect as rules
from drydock.policy.requests import fields, task_definition
from drydock.policy.requests.errors import Invalid, parameter
from drydock.policy.requests.world import Issuing, World

CODE = "InvalidParameterException"
_DISCOVERY_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_DNS_NAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,126}")
_NAMESPACE = re.compile(r'[^<>"/]{1,1024}')
_AUTHORITY = re.compile(r"arn:aws[\w-]*:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[\w-]+")
_SERVER_NAME = re.compile(r"[!-~]{1,253}")
_LONGEST = 2_147_483_647


def namespace_name(given: str) -> None:
    """Refuse what cannot be the name of a namespace of Service Connect. Raises Invalid."""
    if not given.startswith("arn:") and not _NAMESPACE.fullmatch(given):
        raise parameter(
            f"The namespace name '{given}' is invalid: it has 1 to 1024 characters, none of them <, >, \" or /."
        )


def validate(configuration: Mapping[str, Any] | None, definition: Mapping[str, Any], world: World) -> None:
    """Refuse a `serviceConnectConfiguration` that ECS refuses, for the tasks of `definition`.

    ``world.namespaces`` has those that exist, by what requests call them; None if that is not to be checked.
    Raises Invalid: InvalidParameterException, NamespaceNotFoundException.
    """
    if not configuration or not configuration.get("enabled"):
        return
    given = configuration.get("namespace") or (world.cluster.namespace if world.cluster else "")
    if not given:
        raise parameter("Namespace is missing. Specify a namespace, or set a default one for the cluster.")
    namespace_name(given)
    if world.namespaces is not None and given not in world.namespaces:
        raise Invalid("NamespaceNotFoundException", f"The specified namespace {given} was not found.")
    if definition.get("networkMode") not in (None, "awsvpc", "bridge"):
        raise parameter(f"Service Connect does not support the network mode {definition['networkMode']}.")
    _access_log(configuration)
    options = (configuration.get("logConfiguration") or {}).get("options") or {}
    if (configuration.get("logConfiguration") or {}).get("logDriver") == "awslogs" and not options.get("awslogs-group"):
        raise parameter("The log driver awslogs requires the option awslogs-group in the serviceConnectConfiguration.")
    for entry in configuration.get("containerConfigurations") or ():
        fields.enumeration(CODE, "containerConfigurations.logLevel", entry.get("logLevel"), ("debug", "info"))
    mappings = {mapping["name"]: mapping for _, mapping in task_definition.ports(definition) if mapping.get("name")}
    taken = world.namespaces[given] if world.namespaces is not None else None
    names = set(taken.discovery_names) if taken else set()
    used = set(taken.aliases) if taken else set()
    shown = taken.name if taken else given
    listening: set[int] = {
        port for _, mapping in task_definition.ports(definition) for port in task_definition.port_range(mapping)
    }
    for service in configuration.get("services") or ():
        _service(service, mappings, world.issuing)
        name = rules.discovery_name(service)
        if name in names:
            raise parameter(f"The discoveryName '{name}' is already used in the namespace {shown}.")
        names.add(name)
        if service.get("tls") and not _SERVER_NAME.fullmatch(rules.server_name(name, shown)):
            raise parameter(
                f"No certificate can be for {rules.server_name(name, shown)}: a discoveryName with TLS and its "
                "namespace have together at most 252 characters, all of ASCII and none a space."
            )
        alias = rules.alias(service, shown, int(mappings[service["portName"]].get("containerPort") or 0))
        if alias in used:
            raise parameter(
                f"The client alias {alias[0]}:{alias[1]} is already used in the namespace {shown}: each dnsName "
                "and port must be unique there."
            )
        used.add(alias)
        override = service.get("ingressPortOverride")
        if override is not None:
            if override in listening:
                raise parameter(f"The ingressPortOverride {override} is already used by the task.")
            listening.add(override)


def _access_log(configuration: Mapping[str, Any]) -> None:
    access = configuration.get("accessLogConfiguration")
    if not access:
        return
    fields.enumeration(CODE, "accessLogConfiguration.format", access.get("format"), ("TEXT", "JSON"))
    included = access.get("includeQueryParameters")
    fields.enumeration(CODE, "accessLogConfiguration.includeQueryParameters", included, ("DISABLED", "ENABLED"))
    if not configuration.get("logConfiguration"):
        raise parameter("accessLogConfiguration needs a logConfiguration in the serviceConnectConfiguration.")


def _service(service: Mapping[str, Any], mappings: Mapping[str, Mapping[str, Any]], issuing: Issuing | None) -> None:
    port_name = str(service.get("portName") or "")
    if port_name not in mappings:
        raise parameter(f"portName({port_name}) does not refer to any named PortMapping in the container definitions.")
    if mappings[port_name].get("containerPortRange"):
        raise parameter(f"portName({port_name}) refers to a range of ports, which Service Connect does not support.")
    name = rules.discovery_name(service)
    if not _DISCOVERY_NAME.fullmatch(name):
        raise parameter(
            f"The discoveryName '{name}' is invalid: it has up to 64 lowercase letters, numbers, underscores and "
            "hyphens, and does not begin with a hyphen."
        )
    given = service.get("clientAliases") or ()
    if len(given) > 1:
        raise parameter("clientAliases can have at most 1 items.")
    protocol = mappings[port_name].get("appProtocol") or rules.TCP
    for alias in given:
        _alias(alias, protocol)
    fields.within(CODE, "ingressPortOverride", service.get("ingressPortOverride"), 1, 65535)
    timeout = service.get("timeout") or {}
    for key in ("idleTimeoutSeconds", "perRequestTimeoutSeconds"):
        fields.within(CODE, f"timeout.{key}", timeout.get(key), 0, _LONGEST)
    if protocol == rules.TCP and timeout.get("perRequestTimeoutSeconds") is not None:
        raise parameter("perRequestTimeoutSeconds can only be set if the appProtocol of the port mapping isn't TCP.")
    _tls(service.get("tls"), issuing)


def _alias(alias: Mapping[str, Any], protocol: str) -> None:
    fields.within(CODE, "clientAliases.port", alias.get("port"), 1, 65535)
    name = alias.get("dnsName")
    if name is not None and not _DNS_NAME.fullmatch(name):
        raise parameter(
            f"The dnsName '{name}' is invalid: it has up to 127 lowercase letters, numbers, underscores, hyphens and "
            "periods, and does not begin with a hyphen."
        )
    if name is not None and (name == "localhost" or "" in name.split(".")):
        raise parameter(f"The dnsName '{name}' is invalid: no task could call it by that name.")
    rule = alias.get("testTrafficRules")
    if rule and protocol == rules.TCP:
        raise parameter("testTrafficRules need a port mapping whose appProtocol is http, http2 or grpc.")


def _tls(tls: Mapping[str, Any] | None, issuing: Issuing | None) -> None:
    if tls is None:
        return
    authority = rules.authority({"tls": tls})
    if not authority:
        raise parameter("tls.issuerCertificateAuthority.awsPcaAuthorityArn must be specified.")
    if not _AUTHORITY.fullmatch(authority):
        raise parameter(f"awsPcaAuthorityArn is not the ARN of a private certificate authority: {authority}")
    role, key = tls.get("roleArn"), tls.get("kmsKey")
    if not role:
        raise parameter("tls.roleArn must be specified.")
    if issuing is None:
        return
    status, tags = issuing.authorities.get(authority, ("", {}))
    if not status:
        raise parameter(f"The certificate authority {authority} of awsPcaAuthorityArn was not found.")
    if status != "ACTIVE":
        raise parameter(
            f"The certificate authority {authority} is {status}: it has to be ACTIVE to issue certificates."
        )
    if tags.get(rules.MANAGED) != "true":
        raise parameter(f"The certificate authority {authority} has no tag {rules.MANAGED} with the value true.")
    if role not in issuing.roles:
        raise parameter(
            f"ECS was unable to assume the role '{role}' of tls.roleArn: it has to trust ecs.amazonaws.com."
        )
    if key and key not in issuing.kms_keys:
        raise parameter(f"The key {key} of tls.kmsKey was not found, or is not enabled.")
