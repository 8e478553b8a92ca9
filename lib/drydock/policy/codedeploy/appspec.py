"""What an AppSpec file says of an ECS service: YAML or JSON.

Source: AWS CodeDeploy User Guide, "AppSpec 'resources' section for Amazon ECS deployments" and "AppSpec 'hooks'
section for an Amazon ECS deployment" (documented). That it takes names in whatever case is observed: the AWS CLI's
`ecs deploy` does as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from drydock.policy.codedeploy.lifecycle import HOOKABLE
from drydock.policy.requests.errors import Invalid

_KIND = "AWS::ECS::Service"
_PROPERTIES = {"TaskDefinition", "LoadBalancerInfo", "PlatformVersion", "NetworkConfiguration",
               "CapacityProviderStrategy"}  # fmt: skip
_NETWORK = {"Subnets": "subnets", "SecurityGroups": "securityGroups", "AssignPublicIp": "assignPublicIp"}
_STRATEGY = {"CapacityProvider": "capacityProvider", "Base": "base", "Weight": "weight"}
Document = dict[str, Any]


@dataclass(frozen=True)
class AppSpec:
    """The replacement task set: what of it is not said is the original's. ``hooks``: event → function."""

    task_definition: str
    container: str
    port: int
    platform_version: str | None = None
    network: Document | None = None
    """As CreateTaskSet's networkConfiguration."""
    capacity: list[Document] | None = None
    """As CreateTaskSet's capacityProviderStrategy."""
    hooks: dict[str, str] = field(default_factory=dict)


def read(content: str) -> AppSpec:
    """What an AppSpec says. Invalid, with what is wrong and where."""
    try:
        parsed = yaml.safe_load(content)
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise _wrong(f"it is neither YAML nor JSON: {str(error).splitlines()[0]}") from None
    spec = _section(parsed, "the AppSpec", {"version", "Resources", "Hooks"})
    if str(spec.get("version", "")) not in ("0", "0.0"):
        raise _wrong(f"version must be 0.0, not {spec.get('version')!r}")
    resources = spec.get("Resources")
    if not isinstance(resources, list) or len(resources) != 1 or not isinstance(resources[0], dict):
        raise _wrong("Resources must be a list of one target service")
    if len(resources[0]) != 1:
        raise _wrong("Resources[0] must have one name, as TargetService")
    [(name, service)] = resources[0].items()
    service = _section(service, f"Resources.{name}", {"Type", "Properties"})
    if service.get("Type") != _KIND:
        raise _wrong(f"Resources.{name}.Type must be {_KIND}, not {service.get('Type')!r}")
    return _service(_section(service.get("Properties"), f"Resources.{name}.Properties", _PROPERTIES), spec.get("Hooks"))


def _service(properties: Document, hooks: Any) -> AppSpec:
    definition = properties.get("TaskDefinition")
    if not isinstance(definition, str) or not definition:
        raise _wrong("TaskDefinition must be the ARN of a task definition")
    balancer = _section(properties.get("LoadBalancerInfo"), "LoadBalancerInfo", {"ContainerName", "ContainerPort"})
    container, port = balancer.get("ContainerName"), balancer.get("ContainerPort")
    if not isinstance(container, str) or not container:
        raise _wrong("LoadBalancerInfo.ContainerName must be the name of a container")
    if not (number := _whole(port)) or number > 65535:
        raise _wrong(f"LoadBalancerInfo.ContainerPort must be a port, not {port!r}")
    version = properties.get("PlatformVersion")
    return AppSpec(
        definition,
        container,
        number,
        None if version is None else str(version),
        _network(properties.get("NetworkConfiguration")),
        _capacity(properties.get("CapacityProviderStrategy")),
        _hooks(hooks),
    )


def _network(given: Any) -> Document | None:
    if given is None:
        return None
    outer = _section(given, "NetworkConfiguration", {"AwsvpcConfiguration"})
    where = "NetworkConfiguration.AwsvpcConfiguration"
    inner = _section(outer.get("AwsvpcConfiguration"), where, set(_NETWORK))
    said = {name: value for name, value in inner.items() if value is not None}
    for name, ids in (("Subnets", said.get("Subnets")), ("SecurityGroups", said.get("SecurityGroups", []))):
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise _wrong(f"{where}.{name} must be a list of ids")
    if said.get("AssignPublicIp", "DISABLED") not in ("ENABLED", "DISABLED"):
        raise _wrong(f"{where}.AssignPublicIp must be ENABLED or DISABLED, not {said['AssignPublicIp']!r}")
    return {"awsvpcConfiguration": {_NETWORK[name]: value for name, value in said.items()}}


def _capacity(given: Any) -> list[Document] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise _wrong("CapacityProviderStrategy must be a list of capacity providers")
    entries = [_section(each, "CapacityProviderStrategy", set(_STRATEGY)) for each in given]
    for entry in entries:
        if not isinstance(entry.get("CapacityProvider"), str):
            raise _wrong("each entry of CapacityProviderStrategy needs a CapacityProvider")
        for name in ("Base", "Weight"):
            if name in entry and (number := _whole(entry[name])) is None:
                raise _wrong(f"{name} of CapacityProviderStrategy must be a whole number, not {entry[name]!r}")
            if name in entry:
                entry[name] = number
    return [{_STRATEGY[name]: value for name, value in entry.items()} for entry in entries]


def _whole(given: Any) -> int | None:
    """A number of at most six digits, which may stand in quotes."""
    text = str(given)
    return int(text) if not isinstance(given, bool) and text.isdecimal() and len(text) <= 6 else None


def _hooks(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(each, dict) and len(each) == 1 for each in given):
        raise _wrong("Hooks must be a list of events, each with the name or the ARN of a Lambda function")
    known = {event.lower(): event for event in HOOKABLE}
    found: dict[str, str] = {}
    for each in given:
        [(event, function)] = each.items()
        if str(event).lower() not in known:
            raise _wrong(f"{event} has no hook; those that have are {', '.join(HOOKABLE)}")
        if not isinstance(function, str) or not function:
            raise _wrong(f"the hook of {event} must be the name or the ARN of a Lambda function")
        if known[str(event).lower()] in found:
            raise _wrong(f"{event} has two hooks")
        found[known[str(event).lower()]] = function
    return found


def _section(given: Any, where: str, members: set[str]) -> Document:
    """Its members, by the names as they are documented."""
    if not isinstance(given, Mapping):
        raise _wrong(f"{where} must have {', '.join(sorted(members))}")
    known = {member.lower(): member for member in members}
    strange = [str(name) for name in given if str(name).lower() not in known]
    if strange:
        raise _wrong(f"{where} has {strange[0]}, and may only have {', '.join(sorted(members))}")
    return {known[str(name).lower()]: value for name, value in given.items()}


def _wrong(why: str) -> Invalid:
    return Invalid("InvalidRevisionException", f"The AppSpec file is not valid: {why}.")
