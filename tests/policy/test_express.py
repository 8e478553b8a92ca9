"""From App Runner to Express Mode: requests that botocore's models of both accept."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import botocore.validate
import pytest

from drydock.concepts import fixture
from drydock.policy import express

ROLES: dict[str, Any] = {
    "infrastructure_role": "arn:aws:iam::123456789012:role/infrastructure",
    "execution_role": "arn:aws:iam::123456789012:role/execution",
}


def fits(service: str, operation: str, request: dict[str, Any]) -> str:
    """What botocore says of a request; empty if nothing."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert not set(request) - set(shape.members)
    return str(botocore.validate.ParamValidator().validate(request, shape).generate_report())


def given(**changes: Any) -> dict[str, Any]:
    return {**json.loads(fixture("app-runner/service.json")), **changes}


def test_the_fixture_becomes_a_request_that_ecs_takes() -> None:
    assert not fits("apprunner", "CreateService", given())
    made, left = express.request(given(), **ROLES, subnets=("subnet-1",), security_groups=("sg-1",))
    assert not fits("ecs", "CreateExpressGatewayService", made)
    assert made["primaryContainer"]["containerPort"] == 8080
    assert made["primaryContainer"]["command"] == ["node", "dist/index.js"]
    assert (made["cpu"], made["memory"], made["healthCheckPath"]) == ("1024", "2048", "/health")
    assert made["taskRoleArn"] == "arn:aws:iam::123456789012:role/orders-task"
    assert [one.field for one in left] == [
        "AutoDeploymentsEnabled", "AccessRoleArn", "HealthCheckConfiguration.Interval",
        "HealthCheckConfiguration.Timeout", "MaxConcurrency", "ObservabilityConfiguration",
    ]  # fmt: skip


def test_no_field_is_passed_over_in_silence() -> None:
    """Each field of the fixture is in the request, or among what is left."""
    made, left = express.request(given(), **ROLES)
    said = json.dumps([made, *(one.field for one in left)])
    for text in ("orders", "3f2a9c1", "DATABASE_HOST", "DATABASE_PASSWORD", "orders-task", "/health", "VpcConnectorArn",
                 "ObservabilityConfiguration", "team", "AccessRoleArn"):  # fmt: skip
        assert text in said


def test_what_is_not_said_is_app_runners_default() -> None:
    image = {"ImageRepository": {"ImageIdentifier": "public.ecr.aws/x/y:1", "ImageRepositoryType": "ECR_PUBLIC"}}
    made, left = express.request({"ServiceName": "web", "SourceConfiguration": image}, **ROLES)
    assert not fits("ecs", "CreateExpressGatewayService", made)
    assert (made["cpu"], made["memory"]) == ("1024", "2048")
    assert made["scalingTarget"] == {"minTaskCount": 1, "maxTaskCount": 25}
    assert "HealthCheckConfiguration.Protocol TCP" in [one.field for one in left]


def test_source_code_has_to_be_an_image_first() -> None:
    code = {"CodeRepository": {"RepositoryUrl": "https://example.com/orders"}}
    with pytest.raises(ValueError, match="build one from the CodeRepository first"):
        express.request({"ServiceName": "web", "SourceConfiguration": code}, **ROLES)


@pytest.mark.parametrize(("concurrent", "expected"), [(0, 1), (100, 1), (101, 2), (10_000, 25)])
def test_instances_follow_requests_at_the_same_time(concurrent: float, expected: int) -> None:
    assert express.instances(concurrent) == expected


def test_the_target_that_keeps_as_many_under_way() -> None:
    assert express.request_target(100, 0.2) == 30_000
    with pytest.raises(ValueError, match="more than 0 seconds"):
        express.request_target(100, 0)
