"""Files that say what services should be: one YAML file a service, in AWS's own names, refused before anything is read.

cluster: shop
serviceName: web
desiredCount: 3                      # fields that DescribeServices shows and UpdateService takes
deploymentConfiguration:
  minimumHealthyPercent: 100
taskDefinition:                      # fields of RegisterTaskDefinition
  containerDefinitions:
    - name: web                      # a container that there is
      image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/web@sha256:…
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from botocore.validate import ParamValidator

from drydock.policy.reconciling import CONTAINERS, normal
from drydock.policy.requests.errors import Invalid

_ELSEWHERE = {
    "capacityProviderStrategy": "replace-capacity changes it",
    "deploymentController": "it cannot be changed back and forth",
}
_OF_DEPLOYMENTS = ("alarms", "deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent")
"""Of deploymentConfiguration; the rest chooses another strategy."""


@dataclass(frozen=True)
class Desired:
    """What one file says. `service`: fields of the service; `definition`: of its task definition."""

    file: str
    cluster: str
    name: str
    service: Mapping[str, Any] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The service in a word: "shop/web"."""
        return f"{self.cluster}/{self.name}"


def read(folder: Path, ecs: Any) -> tuple[list[Desired], list[str]]:
    """What the `*.yaml` and `*.yml` of the folder say, in the order of their names, and what is wrong with them.

    ecs  a client, by whose API model the fields are checked
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml"))
    found: list[Desired] = []
    wrong = [] if paths else [f"{folder} is no folder with files that end in .yaml"]
    for path in paths:
        try:
            given = yaml.load(path.read_text(), Loader=_Strict)
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            wrong.append(f"{path.name}: {' '.join(str(error).split())}")
            continue
        faults = list(_faults(given, ecs))
        wrong += [f"{path.name}: {fault}" for fault in faults]
        if not faults:
            found.append(_desired(path.name, given))
    seen: dict[str, str] = {}
    for one in found:
        if one.place in seen:
            wrong.append(f"{one.file} and {seen[one.place]} both say what {one.place} should be")
        seen[one.place] = one.file
    return found, wrong


def commit(folder: Path) -> dict[str, Any]:
    """The commit of git that the folder is at, and its files that are not as in it; empty where git knows none."""
    head = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", ".")
    return {"commit": head.strip(), "not_committed": changed.splitlines()} if head else {}


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


class _Strict(yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML in which no key is given twice."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    if twice := [key for number, key in enumerate(keys) if key in keys[:number]]:
        raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} is given twice", node.start_mark)
    return dict(loader.construct_mapping(node, deep=True))


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _faults(given: Any, ecs: Any) -> Iterator[str]:
    if not isinstance(given, dict):
        yield "it has to be a mapping, with cluster and serviceName"
        return
    model = ecs.meta.service_model
    update = model.operation_model("UpdateService").input_shape
    managed = [name for name in model.shape_for("Service").members if name in update.members and name not in _ELSEWHERE]
    for name in ("cluster", "serviceName"):
        if not isinstance(given.get(name), str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,255}", given[name]):
            yield f"{name} has to be a name of letters, digits, _ and -"
    for name in given:
        if name in _ELSEWHERE:
            yield f"{name} is not reconciled: {_ELSEWHERE[name]}"
        elif name not in ("cluster", "serviceName", *managed):
            yield f"there is no field {name!r}; there are {', '.join(sorted(managed))}"
    fields = {name: value for name, value in given.items() if name in managed and name != "taskDefinition"}
    yield from _invalid({**fields, "service": "x"}, update)
    deployments = fields.get("deploymentConfiguration") or {}
    for name in deployments if isinstance(deployments, dict) else ():
        if name not in _OF_DEPLOYMENTS:
            yield f"deploymentConfiguration.{name} is not reconciled; {', '.join(_OF_DEPLOYMENTS)} are"
    if "taskDefinition" in given:
        yield from _faults_of_definition(given["taskDefinition"], model.operation_model("RegisterTaskDefinition"))
    elif not fields:
        yield "it names no field that should be so"


def _faults_of_definition(given: Any, register: Any) -> Iterator[str]:
    if not isinstance(given, dict) or not given:
        yield "taskDefinition has to be a mapping of fields; deploy-service deploys a revision that there is"
        return
    if "family" in given:
        yield "taskDefinition.family is not reconciled: it is that of the revision that runs"
    yield from _invalid({CONTAINERS: [], **given, "family": "x"}, register.input_shape)
    containers = given.get(CONTAINERS) or []
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in containers):
        yield f"each of taskDefinition.{CONTAINERS} has to have a name"
    try:
        normal(given)
    except (Invalid, TypeError) as error:
        yield f"taskDefinition: {error}"


def _invalid(given: Mapping[str, Any], shape: Any) -> Iterator[str]:
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        yield " ".join(report.generate_report().split("\n"))


def _desired(file: str, given: Mapping[str, Any]) -> Desired:
    fields = {key: value for key, value in given.items() if key not in ("cluster", "serviceName", "taskDefinition")}
    return Desired(file, given["cluster"], given["serviceName"], fields, normal(given.get("taskDefinition") or {}))
