"""Terraform that a notebook shows: what it asks of AWS is what AWS and the rules of ECS take."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import botocore.validate
import hcl2
import pytest

from drydock.concepts import fixture
from drydock.policy.ecs import capacity
from drydock.policy.ecs.rollout import is_stuck
from drydock.policy.requests import scaling

FILE = "target-tracking/service.tf"
ELSEWHERE = {
    "aws_ecs_cluster.main.name": "lab",
    "aws_ecs_service.app.name": "app",
    "aws_lb.main.arn_suffix": "app/lab/0123456789abcdef",
    "aws_lb_target_group.app.arn_suffix": "targetgroup/app/0123456789abcdef",
}
"""What AWS would give names that the file only refers to."""


def resources() -> dict[str, dict[str, Any]]:
    """By "type.name"; a block is an object in a list."""
    found = {}
    for each in hcl2.loads(fixture(FILE))["resource"]:
        for kind, by_name in each.items():
            for name, body in by_name.items():
                found[f"{kind}.{name}".replace('"', "")] = body
    return found


def request(body: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """As the API spells it, with references replaced by what they refer to."""

    def read(value: Any) -> Any:
        if isinstance(value, list):
            [only] = value
            return request(only, known)
        if not isinstance(value, str):
            return value
        if joined := re.fullmatch(r'\$\{join\("/", \[(.*)\]\)\}', value):
            return "/".join(named(part.strip()) for part in joined[1].split(","))
        return named(value.removeprefix("${").removesuffix("}"))

    def named(text: str) -> str:
        return text.strip('"') if text.startswith('"') else known[text]

    return {
        "".join(part.capitalize() for part in name.split("_")): read(value)
        for name, value in body.items()
        if not name.startswith("__")
    }


def checked(operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model("application-autoscaling").operation_model(operation)
    report = botocore.validate.ParamValidator().validate(asked, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    return asked


def test_the_service_is_one_that_ecs_takes_and_terraform_leaves_its_count_to_scaling() -> None:
    service = resources()["aws_ecs_service.app"]
    strategy = [
        {
            "capacityProvider": one["capacity_provider"].strip('"'),
            "weight": one["weight"],
            "base": one.get("base", 0),
        }
        for one in service["capacity_provider_strategy"]
    ]
    capacity.validate(strategy)
    assert capacity.split(capacity.items(strategy), 20) == {"FARGATE": 14, "FARGATE_SPOT": 6}
    bounds = (service["deployment_minimum_healthy_percent"], service["deployment_maximum_percent"])
    assert not is_stuck(service["desired_count"], *bounds)
    assert service["lifecycle"][0]["ignore_changes"] == ["desired_count"]


@pytest.mark.parametrize("name", ["requests", "cpu"])
def test_its_policies_and_their_target_are_ones_that_application_auto_scaling_takes(name: str) -> None:
    found = resources()
    target = checked("RegisterScalableTarget", request(found["aws_appautoscaling_target.app"], ELSEWHERE))
    bounds = scaling.target(target["MinCapacity"], target["MaxCapacity"])
    assert bounds.least <= found["aws_ecs_service.app"]["desired_count"] <= bounds.most
    known = dict(ELSEWHERE)
    for key in ("service_namespace", "resource_id", "scalable_dimension"):
        known[f"aws_appautoscaling_target.app.{key}"] = target["".join(part.capitalize() for part in key.split("_"))]
    asked = request(found[f"aws_appautoscaling_policy.{name}"], known)
    asked["PolicyName"] = asked.pop("Name")
    scaling.policy(checked("PutScalingPolicy", asked), None)
