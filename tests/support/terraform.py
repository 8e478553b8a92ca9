"""Terraform of the fixtures as requests of AWS's API."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import botocore.validate
import hcl2

ELSEWHERE = {
    "aws_ecs_cluster.main.name": "lab",
    "aws_ecs_service.app.name": "app",
    "aws_lb.main.arn_suffix": "app/lab/0123456789abcdef",
    "aws_lb_target_group.app.arn_suffix": "targetgroup/app/0123456789abcdef",
}
"""What AWS would give names that the file only refers to."""


def resources(text: str) -> dict[str, dict[str, Any]]:
    """By "type.name"; a block is an object in a list."""
    found = {}
    for each in hcl2.loads(text)["resource"]:
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


def strategy(service: dict[str, Any]) -> list[dict[str, Any]]:
    """The capacityProviderStrategy of an aws_ecs_service."""
    return [
        {
            "capacityProvider": one["capacity_provider"].strip('"'),
            "weight": one.get("weight", 0),
            "base": one.get("base", 0),
        }
        for one in service["capacity_provider_strategy"]
    ]


def target(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """RegisterScalableTarget as aws_appautoscaling_target.app asks for it, valid by the API's model."""
    return checked("RegisterScalableTarget", request(found["aws_appautoscaling_target.app"], ELSEWHERE))


def policy(found: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """PutScalingPolicy as that aws_appautoscaling_policy asks for it, valid by the API's model."""
    known, asked_of = dict(ELSEWHERE), target(found)
    for key in ("service_namespace", "resource_id", "scalable_dimension"):
        known[f"aws_appautoscaling_target.app.{key}"] = asked_of["".join(part.capitalize() for part in key.split("_"))]
    asked = request(found[f"aws_appautoscaling_policy.{name}"], known)
    asked["PolicyName"] = asked.pop("Name")
    return checked("PutScalingPolicy", asked)
