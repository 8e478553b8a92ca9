"""A scenario and a design, read and held against their schemas and against AWS's own limits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import best_match

from drydock.policy.ecs import strategy
from drydock.policy.requests import scaling as scaling_requests
from drydock.policy.requests import service as service_requests
from drydock.policy.requests import task_definition
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.world import Cluster, World
from drydock.prep import questions

Data = Mapping[str, Any]
PROVIDERS = ("FARGATE", "FARGATE_SPOT")


class BadDesign(ValueError):
    """A design that cannot be run: which field, what is wrong with it, and who says so."""


class BadScenario(ValueError):
    """A scenario that is not there, or not as its schema has it."""


@dataclass(frozen=True)
class Bad:
    """A design that fails: the reference with some fields changed, the cause of its failure, and why it is so."""

    name: str
    changes: Data
    design: Data
    cause: str
    why: str


@dataclass(frozen=True)
class Scenario:
    """What is asked for. `data` is the file; the schema says what is in it."""

    id: str
    data: Data

    @property
    def title(self) -> str:
        return str(self.data["title"])

    @property
    def brief(self) -> Sequence[str]:
        return list(self.data["brief"])

    @property
    def bar(self) -> Mapping[str, float]:
        """What a design has to keep to, by the name of the measure."""
        return dict(self.data["bar"])

    @property
    def reference(self) -> Data:
        return dict(self.data["reference"])

    @property
    def bad(self) -> Sequence[Bad]:
        return [
            Bad(one["name"], one["changes"], merged(self.reference, one["changes"]), one["cause"], one["why"])
            for one in self.data["bad"]
        ]

    def named(self, design: str) -> Data:
        """The reference, or the bad design of that name. Raises BadScenario for another name."""
        known = {"reference": self.reference, **{one.name: one.design for one in self.bad}}
        if design not in known:
            raise BadScenario(f"{self.id} has no design {design!r}; it has {', '.join(known)}.")
        return known[design]


def folder() -> Path:
    return questions.directory() / "designs"


def scenarios() -> list[str]:
    """The ids of all scenarios, in the order in which they are set."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (folder() / "scenarios").glob("*.json")]
    return [one["id"] for one in sorted(found, key=lambda one: int(one["number"]))]


@cache
def open_scenario(name: str) -> Scenario:
    """The scenario of that id. Raises BadScenario."""
    path = folder() / "scenarios" / f"{name}.json"
    if not path.is_file():
        raise BadScenario(f"There is no scenario {name!r}; there are {', '.join(scenarios())}.")
    data = json.loads(path.read_text(encoding="utf-8"))
    wrong = best_match(_schema("scenario").iter_errors(data))
    if wrong is not None:
        raise BadScenario(f"{path}, {_place(wrong.absolute_path)}: {wrong.message}")
    for design in [data["reference"], *(merged(data["reference"], one["changes"]) for one in data["bad"])]:
        check(design)
    return Scenario(name, data)


def read(scenario: Scenario, design: str | Data) -> Data:
    """A design: data, JSON, or the name of one of the scenario's.

    Raises BadDesign for what cannot be run, and BadScenario for a name that the scenario does not have.
    """
    if isinstance(design, str):
        text = design.strip()
        if not text.startswith("{"):
            return scenario.named(text or "reference")
        try:
            design = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadDesign(f"The design is not JSON: {error}") from None
    assert not isinstance(design, str)
    check(design)
    last = scenario.data["traffic"]["points"][-1][0]
    for index, action in enumerate(design.get("scaling", {}).get("scheduledActions", ())):
        if action["minute"] >= last:
            raise BadDesign(
                f"scaling.scheduledActions.{index}.minute: the scenario ends with minute {last - 1}, and "
                f"{action['minute']} never comes."
            )
    return design


def merged(base: Data, changes: Data) -> dict[str, Any]:
    """`base` with `changes`: objects are merged, a null takes a field away, all else is replaced (RFC 7396)."""
    found = dict(base)
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = merged(found[key], value)
        else:
            found[key] = value
    return found


def check(design: Any) -> None:
    """Raises BadDesign for what the schema, or AWS, does not take, and for a field that would say nothing."""
    _numbers(design, ())
    wrong = best_match(_schema("design").iter_errors(design))
    if wrong is not None:
        raise BadDesign(f"{_place(wrong.absolute_path)}: {wrong.message}")
    task, placement = design["task"], design["placement"]
    with_policy(
        "task",
        lambda: task_definition.fargate_size(task["cpu"], task["memory"]),
    )
    request = create_service(design)
    world = World(
        Cluster(capacity_providers=dict.fromkeys(PROVIDERS, "ACTIVE")),
        {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "compatibilities": ["FARGATE"]},
    )
    with_policy("design", lambda: service_requests.validate_create(request, world))
    if scaling := design.get("scaling"):
        with_policy("scaling", lambda: scaling_requests.target(scaling["MinCapacity"], scaling["MaxCapacity"]))
        for index, policy in enumerate(scaling["policies"]):
            _policy(f"scaling.policies.{index}", policy)
        for index, action in enumerate(scaling.get("scheduledActions", ())):
            bounds = (action["MinCapacity"], action["MaxCapacity"])
            with_policy(f"scaling.scheduledActions.{index}", lambda bounds=bounds: scaling_requests.target(*bounds))
        if len({policy["PolicyType"] for policy in scaling["policies"]}) > 1:
            raise BadDesign(
                "scaling.policies: choose target tracking or step scaling; AWS advises against both at once."
            )
    if not is_rolling(design) and _discovery(design) not in ("LOAD_BALANCER", "SERVICE_CONNECT"):
        raise BadDesign(
            "deploymentConfiguration.strategy: only a load balancer or Service Connect can shift traffic, and "
            f"discovery is {_discovery(design)}."
        )
    if _discovery(design) != "CLOUD_MAP" and "DnsTtl" in design.get("discovery", {}):
        raise BadDesign(f"discovery.DnsTtl: only CLOUD_MAP has it, and discovery is {_discovery(design)}.")
    if "TTL" in (standby := design.get("standby", {})) and standby["routing"] != "ROUTE_53":
        raise BadDesign(f"standby.TTL: only ROUTE_53 has it, and routing is {standby['routing']}.")
    for where, has in (("placement", placement), ("standby", standby)):
        if "region" in has and has["region"] not in _regions():
            raise BadDesign(f"{where}.region: {has['region']} is none of the regions that botocore lists for ECS.")
    clusters = placement.get("clusters", 1)
    if design["desiredCount"] < clusters:
        raise BadDesign(
            f"placement.clusters: {clusters} clusters need a task each, and desiredCount is {design['desiredCount']}."
        )
    if _discovery(design) != "LOAD_BALANCER" and any(
        _metric_of(policy) == "ALBRequestCountPerTarget" for policy in design.get("scaling", {}).get("policies", ())
    ):
        raise BadDesign("scaling.policies: requests for each target are counted by a load balancer, and there is none.")


@cache
def _regions() -> frozenset[str]:
    return frozenset(boto3.Session().get_available_regions("ecs"))


def _numbers(value: Any, place: tuple[object, ...]) -> None:
    """Raises BadDesign for a number that AWS has no room for: NaN, infinity, a whole one of more than 32 bits."""
    if isinstance(value, Mapping | list | tuple):
        for key, one in value.items() if isinstance(value, Mapping) else enumerate(value):
            _numbers(one, (*place, key))
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) >= 2**31):
        raise BadDesign(f"{_place(place)}: {value if isinstance(value, float) else 'a number of more than 32 bits'}")


def create_service(design: Data) -> dict[str, Any]:
    """What CreateService is asked, but for what only a cloud can name."""
    request: dict[str, Any] = {
        "cluster": "design",
        "serviceName": "design",
        "taskDefinition": "design",
        "desiredCount": design["desiredCount"],
        "capacityProviderStrategy": [dict(one) for one in design["capacityProviderStrategy"]],
        "deploymentConfiguration": {**design.get("deploymentConfiguration", {})},
        "availabilityZoneRebalancing": design["placement"].get("availabilityZoneRebalancing", "DISABLED"),
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0"]}},
    }
    if alarms := request["deploymentConfiguration"].pop("alarms", None):
        request["deploymentConfiguration"]["alarms"] = {**alarms, "alarmNames": ["errors"]}
    return request


def is_rolling(design: Data) -> bool:
    return bool(design.get("deploymentConfiguration", {}).get("strategy", strategy.ROLLING) == strategy.ROLLING)


def _discovery(design: Data) -> str:
    return str(design.get("discovery", {}).get("type", "LOAD_BALANCER"))


def _policy(where: str, policy: Data) -> None:
    step = policy["PolicyType"] == "StepScaling"
    if step != ("Alarm" in policy):
        raise BadDesign(
            f"{where}: an Alarm calls a StepScaling policy, and a TargetTrackingScaling policy makes its own."
        )
    request = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/design/design",
        **{key: value for key, value in policy.items() if key != "Alarm"},
    }
    tracking = dict(request.get("TargetTrackingScalingPolicyConfiguration") or {})
    if tracking and _metric_of(policy) == scaling_requests.PER_TARGET:
        label = "app/design/0/targetgroup/design/0"
        specification = {**tracking["PredefinedMetricSpecification"], "ResourceLabel": label}
        request["TargetTrackingScalingPolicyConfiguration"] = {
            **tracking,
            "PredefinedMetricSpecification": specification,
        }
    with_policy(where, lambda: scaling_requests.policy(request, None))


def _metric_of(policy: Data) -> str:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    return str(tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", ""))


def with_policy(where: str, ask: Any) -> None:
    """What AWS refuses is a BadDesign that says where."""
    try:
        ask()
    except Invalid as error:
        raise BadDesign(f"{where}: AWS refuses this with {error.code}: {error.message}") from None


@cache
def _schema(name: str) -> Draft202012Validator:
    schema = json.loads((folder() / f"{name}.schema.json").read_text(encoding="utf-8"))
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, one: type(one) is int)  # 10.0 is no count
    return validators.extend(Draft202012Validator, type_checker=whole)(schema)


def _place(path: Any) -> str:
    return ".".join(str(part) for part in path) or "at the top"
