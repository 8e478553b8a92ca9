"""Terraform that a notebook shows: what it asks of AWS is what AWS and the rules of ECS take."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import terraform

from drydock.concepts import fixture
from drydock.policy.ecs import capacity
from drydock.policy.ecs.rollout import is_stuck
from drydock.policy.requests import scaling


def resources() -> dict[str, dict[str, Any]]:
    return terraform.resources(fixture("target-tracking/service.tf"))


def test_the_service_is_one_that_ecs_takes_and_terraform_leaves_its_count_to_scaling() -> None:
    service = resources()["aws_ecs_service.app"]
    strategy = terraform.strategy(service)
    capacity.validate(strategy)
    assert capacity.split(capacity.items(strategy), 20) == {"FARGATE": 14, "FARGATE_SPOT": 6}
    bounds = (service["deployment_minimum_healthy_percent"], service["deployment_maximum_percent"])
    assert not is_stuck(service["desired_count"], *bounds)
    assert service["lifecycle"][0]["ignore_changes"] == ["desired_count"]


@pytest.mark.parametrize("name", ["requests", "cpu"])
def test_its_policies_and_their_target_are_ones_that_application_auto_scaling_takes(name: str) -> None:
    found = resources()
    target = terraform.target(found)
    bounds = scaling.target(target["MinCapacity"], target["MaxCapacity"])
    assert bounds.least <= found["aws_ecs_service.app"]["desired_count"] <= bounds.most
    scaling.policy(terraform.policy(found, name), None)
