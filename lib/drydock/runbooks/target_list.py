"""A list of targets: one runbook's parameters for each, over those that all have.

    common:
      region: eu-central-1
      desired_count: 4
    targets:
      - {cluster: shop, service: backend, canary: true}
      - {cluster: shop, service: frontend}
      - {cluster: shop, service: backend, account: "111122223333", aws_profile: shop-us, region: us-east-1}

A target's own parameters stand before the common ones. `canary` names the one that is first; without one the first of
the list is. `aws_profile` is the profile of the AWS configuration that its run finds its credentials by. Values are
read as on a command line: account ids keep their zeros, and `yes` is no true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from drydock.cloud import named
from drydock.notebooks.parameters import BadParameter
from drydock.runbooks.parameters import Declared

OF_THE_COMMAND = ("dry_run", "approve")
"""Parameters that the command gives each run, and no list does."""
_WHERE = ("cloud", "account", "region", "cluster", "service")
"""What tells one service from every other."""


@dataclass(frozen=True)
class Target:
    """One target: its parameters as text, those that all have among them; `line` is where it is in the file."""

    name: str
    line: int
    given: Mapping[str, str]
    canary: bool = False
    aws_profile: str = ""


@dataclass(frozen=True)
class _Value:
    text: str
    line: int


def read(path: Path, declared: Declared, common: Mapping[str, str]) -> list[Target]:
    """The targets in the order in which they are begun.

    common  parameters of all, from the command line; one that the file gives to all as well is refused

    Raises BadParameter, which names every fault with its line.
    """
    faults: list[str] = []
    shared, entries = _parts(path, faults)
    for name in common.keys() & shared.keys():
        faults.append(f"{_at(path, shared[name].line)}: {name} is given by -p as well: give it in one place.")
    _check(path, {**{name: _Value(text, 0) for name, text in common.items()}, **shared}, declared, faults)
    targets: list[Target] = []
    for line, values in entries:
        canary, profile = _Value("false", line), _Value("", line)
        own = dict(values)
        canary, profile = own.pop("canary", canary), own.pop("aws_profile", profile)
        if canary.text not in ("true", "false"):
            faults.append(f"{_at(path, canary.line)}: canary={canary.text!r}: it is true or false.")
        _check(path, own, declared, faults)
        given = {**common, **{name: value.text for name, value in {**shared, **own}.items()}}
        label = "/".join(value.text for value in own.values()) or f"line {line}"
        targets.append(Target(label, line, given, canary.text == "true", profile.text))
    faults += _marked_twice(path, targets)
    if not faults:
        faults += _there_twice(path, targets, declared)
    if faults:
        raise BadParameter("\n".join(faults))
    return sorted(targets, key=lambda one: not one.canary)


def _parts(path: Path, faults: list[str]) -> tuple[dict[str, _Value], list[tuple[int, dict[str, _Value]]]]:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadParameter(f"{_at(path, line)}: {error.problem}.") from None
    except (yaml.YAMLError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise BadParameter(f"{path}: this is no list of targets: {str(error).splitlines()[0]}") from None
    parts = dict(_pairs(path, root, faults)) if isinstance(root, yaml.MappingNode) else {}
    for key, (_, line) in parts.items():
        if key not in ("common", "targets"):
            faults.append(f"{_at(path, line)}: {key!r} is not known here: write `common:` and `targets:`.")
    listed, line = parts.get("targets", (None, 1))
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        faults.append(f"{_at(path, line)}: `targets:` is a list with an entry for each target.")
        raise BadParameter("\n".join(faults))
    node, _ = parts.get("common", (None, 1))
    shared = {} if node is None else _values(path, node, faults)
    return shared, [(one.start_mark.line + 1, _values(path, one, faults)) for one in listed.value]


def _values(path: Path, node: Any, faults: list[str]) -> dict[str, _Value]:
    if not isinstance(node, yaml.MappingNode):
        faults.append(f"{_at(path, node.start_mark.line + 1)}: write `name: value` for each parameter.")
        return {}
    values: dict[str, _Value] = {}
    for name, (value, line) in _pairs(path, node, faults):
        if isinstance(value, yaml.ScalarNode):
            values[name] = _Value(value.value, line)
        else:
            faults.append(f"{_at(path, line)}: {name} is one value, not a list or a mapping.")
    return values


def _pairs(path: Path, node: Any, faults: list[str]) -> Iterator[tuple[str, tuple[Any, int]]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
        if name in seen:
            faults.append(f"{_at(path, line)}: {name} is there twice.")
        seen.add(name)
        yield name, (value, line)


def _check(path: Path, values: Mapping[str, _Value], declared: Declared, faults: list[str]) -> None:
    for name, value in values.items():
        where = _at(path, value.line) if value.line else f"-p {name}"
        if name in OF_THE_COMMAND:
            faults.append(f"{where}: {name} is given by the command, to all of them alike: leave it out.")
            continue
        try:
            declared.read({name: value.text})
        except BadParameter as error:
            faults.append(f"{where}: {error}")


def _marked_twice(path: Path, targets: Sequence[Target]) -> list[str]:
    marked = [one.line for one in targets if one.canary]
    return [f"{_at(path, line)}: the target of line {marked[0]} is the canary already." for line in marked[1:]]


def _there_twice(path: Path, targets: Sequence[Target], declared: Declared) -> list[str]:
    first: dict[tuple[Any, ...], int] = {}
    faults = []
    for one in targets:
        values = declared.read(dict(one.given))
        names = [name for name in _WHERE if name in values] if "service" in values else sorted(values)
        where = tuple({**values, **_place(values)}[name] for name in names)
        if where in first:
            faults.append(f"{_at(path, one.line)}: this is the target of line {first[where]} again.")
        first.setdefault(where, one.line)
    return faults


def _place(values: Mapping[str, Any]) -> dict[str, str]:
    """One cloud, however it is named. Only of AWS does the account tell one from another: else it has to be the one."""
    cloud = named(values["cloud"])
    return {"cloud": cloud, "account": values["account"] if cloud == "aws" else ""}


def _at(path: Path, line: int) -> str:
    return f"{path}, line {line}"
