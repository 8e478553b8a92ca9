"""How what a file says of a service is held against the service: only what it names, and in the file's own shape.

A mapping is compared and merged key by key, `containerDefinitions` by the containers' names, every other list as a
whole: what is not in the file stays as it is. AWS fills fields in that nobody gave (a host port, a protocol: observed);
where the file does not name them, they are not looked at. What is compared by which name is our choice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drydock.policy.requests.task_definition import cpu_units, memory_mib

CONTAINERS = "containerDefinitions"
NOT_THERE: Mapping[str, Any] = {
    "availabilityZoneRebalancing": "DISABLED",
    "deploymentConfiguration.alarms": {"alarmNames": [], "enable": False, "rollback": False},
    "deploymentConfiguration.deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "healthCheckGracePeriodSeconds": 0,
    "loadBalancers": [],
    "placementConstraints": [],
    "placementStrategy": [],
    "platformVersion": "LATEST",
    "propagateTags": "NONE",
    "serviceRegistries": [],
}
"""What a field of a service is where DescribeServices leaves it out, and so what brings that back. Source: documented
defaults of UpdateService; for availabilityZoneRebalancing "never set" is DISABLED."""
DEPLOYING = ("loadBalancers", "networkConfiguration", "platformVersion", "serviceRegistries")
"""Fields of a service whose change starts a deployment by itself. Source: documented, UpdateService."""
_JMESPATH_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def normal(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as ECS answers with them: `"0.5 vCPU"` is `"512"`. Raises Invalid where a size is none."""
    units = {"cpu": cpu_units, "memory": memory_mib}
    return {key: str(units[key](value)) if key in units else value for key, value in definition.items()}


def shape(given: Mapping[str, Any], under: str = "", at: str = "") -> str:
    """JMESPath that picks from what AWS answers exactly what `given` names, in its shape.

    under  JMESPath of what has these keys, from where the expression is evaluated
    at     their dotted path, by which NOT_THERE tells what a field is that AWS leaves out
    """
    picked = [f"{_name(key)}: {_pick(key, value, under, at)}" for key, value in given.items()]
    return f"{{{', '.join(picked)}}}"


def shape_of_definition(given: Mapping[str, Any]) -> str:
    """As `shape`, of an answer of DescribeTaskDefinition, where the tags stand beside the task definition."""
    inner, tags = ({key: value for key, value in given.items() if (key == "tags") is of} for of in (False, True))
    parts = [shape(inner, "taskDefinition")[1:-1], shape(tags)[1:-1]]
    return f"{{{', '.join(filter(None, parts))}}}"


def shaped(given: Any) -> Any:
    """`given` as an answer to `shape` has it, once it is so."""
    if not isinstance(given, Mapping):
        return given
    return {
        key: {one["name"]: _without_name(one) for one in value} if key == CONTAINERS else shaped(value)
        for key, value in given.items()
    }


def merged(now: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What there is now, changed to what is given; the rest stays."""
    found = dict(now)
    for key, value in given.items():
        if key == CONTAINERS:
            named = {one["name"]: one for one in value}
            found[key] = [merged(one, named.get(one["name"], {})) for one in now.get(key) or ()]
        elif isinstance(value, Mapping) and isinstance(now.get(key), Mapping):
            found[key] = merged(now[key], value)
        else:
            found[key] = value
    return found


def drift(given: Mapping[str, Any], seen: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, what it should be) of all in which `seen` is not what is given; both in the shape of `shaped`.

    The order of named things, as of environment variables, is none.
    """
    for key, value in given.items():
        at = f"{path}.{key}" if path else key
        there = seen.get(key) if isinstance(seen, Mapping) else None
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            yield from drift(value, there, at)
        elif _ordered(value) != _ordered(there):
            yield at, value


def others(now: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What there is now and is not named by `given`; containers by their names."""
    found: dict[str, Any] = {}
    for key, value in now.items():
        if key not in given:
            found[key] = value
        elif key == CONTAINERS:
            named = {one["name"]: one for one in given[key]}
            found[key] = {one["name"]: others(one, named.get(one["name"], {})) for one in value}
        elif isinstance(value, Mapping) and isinstance(given[key], Mapping):
            found[key] = others(value, given[key])
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two answers of AWS's say the same, whatever the order of named things."""
    return bool(_ordered(one) == _ordered(other))


def before(given: Mapping[str, Any], service: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What UpdateService takes to bring the fields that `given` names back to what they are in `service`, and the names
    of those that nothing brings back, because they are not there and AWS says nothing of what that means."""
    found: dict[str, Any] = {}
    lost = []
    for key, value in given.items():
        if key not in service and key not in NOT_THERE:
            lost.append(key)
        found[key] = service.get(key, NOT_THERE.get(key))
        if isinstance(value, Mapping) and isinstance(found[key], Mapping):
            absent = {inner: NOT_THERE.get(f"{key}.{inner}") for inner in value if inner not in found[key]}
            lost += [f"{key}.{inner}" for inner, default in absent.items() if default is None]
            found[key] = {**found[key], **absent}
    return found, lost


def _pick(key: str, value: Any, under: str, at: str) -> str:
    here = f"{under}.{_name(key)}" if under else _name(key)
    path = f"{at}.{key}" if at else key
    default = NOT_THERE.get(path)
    if key == CONTAINERS:
        picked = {one["name"]: shape(_without_name(one) or one) for one in value}
        of = [f"{_name(name)}: {here}[?name=={_literal(name)}] | [0].{inner}" for name, inner in picked.items()]
        return f"{{{', '.join(of)}}}"
    if isinstance(value, Mapping):
        here = f"{here}.{shape(value, at=path)}"
        default = default and {inner: default[inner] for inner in value}
    elif isinstance(value, Sequence) and not isinstance(value, str) and value and all(map(_is_mapping, value)):
        keys = dict.fromkeys(_name(inner) for each in value for inner in each)
        here = f"{here}[].{{{', '.join(f'{inner}: {inner}' for inner in keys)}}}"
    return here if default is None else f"{here} || {_literal(default)}"


def _name(key: str) -> str:
    return key if _JMESPATH_NAME.fullmatch(key) else json.dumps(key)


def _literal(value: Any) -> str:
    return "`" + json.dumps(value).replace("`", "\\`") + "`"


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _without_name(container: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in container.items() if key != "name"}


def _ordered(value: Any) -> Any:
    """Things with a name or a key in the order of it, without what is null."""
    if isinstance(value, Mapping):
        return {key: _ordered(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = [_ordered(item) for item in value]
        if all(_is_mapping(item) and ("name" in item or "key" in item) for item in items):
            return sorted(items, key=lambda item: str(item.get("name", item.get("key"))))
        return items
    return value
