"""From App Runner to Express Mode: requests that botocore's models of both accept."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session
import botocore.validate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.concepts import fixture
from drydock.policy import express

ROLES: dict[str, Any] = {
    "infrastructure_role": "arn:aws:iam::123456789012:role/infrastructure",
    "execution_role": "arn:aws:iam::123456789012:role/execution",
}


@cache
def shape_of(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape


def fits(service: str, operation: str, request: dict[str, Any]) -> str:
    """What botocore says of a request; empty if nothing."""
    shape = shape_of(service, operation)
    assert not set(request) - set(shape.members)
    return str(botocore.validate.ParamValidator().validate(request, shape).generate_report())


def orders(**changes: Any) -> dict[str, Any]:
    return {**json.loads(fixture("app-runner/service.json")), **changes}


def test_the_fixture_becomes_a_request_that_ecs_takes() -> None:
    assert not fits("apprunner", "CreateService", orders())
    made, left = express.request(orders(), **ROLES, subnets=("subnet-1",), security_groups=("sg-1",))
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
    made, left = express.request(orders(), **ROLES)
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


NAMED: dict[str, Any] = {
    "SourceConfiguration.AutoDeploymentsEnabled": True,
    "SourceConfiguration.AuthenticationConfiguration.AccessRoleArn": "arn:access",
    "SourceConfiguration.ImageRepository.ImageConfiguration.Port": "9090",
    "SourceConfiguration.ImageRepository.ImageConfiguration.StartCommand": "serve",
    "SourceConfiguration.ImageRepository.ImageConfiguration.RuntimeEnvironmentVariables": {"COLOUR": "blue"},
    "SourceConfiguration.ImageRepository.ImageConfiguration.RuntimeEnvironmentSecrets": {"TOKEN": "arn:secret"},
    "InstanceConfiguration.Cpu": "512",
    "InstanceConfiguration.Memory": "3072",
    "InstanceConfiguration.InstanceRoleArn": "arn:instance",
    "Tags": [{"Key": "team", "Value": "shop"}],
    "EncryptionConfiguration.KmsKey": "arn:key",
    "HealthCheckConfiguration.Protocol": "TCP",
    "HealthCheckConfiguration.Path": "/well",
    "HealthCheckConfiguration.Interval": 7,
    "HealthCheckConfiguration.Timeout": 3,
    "HealthCheckConfiguration.HealthyThreshold": 4,
    "HealthCheckConfiguration.UnhealthyThreshold": 6,
    "AutoScalingConfigurationArn": "arn:scaling",
    "NetworkConfiguration.EgressConfiguration.VpcConnectorArn": "arn:connector",
    "NetworkConfiguration.IngressConfiguration.IsPubliclyAccessible": False,
    "NetworkConfiguration.IpAddressType": "DUAL_STACK",
    "ObservabilityConfiguration.ObservabilityEnabled": True,
}
"""Every field of CreateService that says something of an image's service, with a value that is not the default."""
OTHER = {
    "ServiceName", "SourceConfiguration.ImageRepository.ImageIdentifier",
    "SourceConfiguration.ImageRepository.ImageRepositoryType", "NetworkConfiguration.EgressConfiguration.EgressType",
    "ObservabilityConfiguration.ObservabilityConfigurationArn",
    "SourceConfiguration.AuthenticationConfiguration.ConnectionArn",
}  # fmt: skip
"""Given in each request, or said by another field, or of services that are built from source."""


def leaves(shape: Any, path: str = "") -> set[str]:
    if shape.type_name != "structure" or "CodeRepository" in path:
        return {path}
    return {leaf for name, member in shape.members.items() for leaf in leaves(member, f"{path}.{name}".lstrip("."))}


def test_the_fields_are_all_that_app_runner_has() -> None:
    assert {
        leaf for leaf in leaves(shape_of("apprunner", "CreateService")) if "CodeRepository" not in leaf
    } == OTHER | set(NAMED)


@settings(max_examples=50)
@given(st.sets(st.sampled_from(sorted(NAMED))))
def test_each_field_becomes_one_of_the_request_or_is_told_to_be_left(chosen: set[str]) -> None:
    image = {"ImageIdentifier": "public.ecr.aws/x/y:1", "ImageRepositoryType": "ECR_PUBLIC"}
    service: dict[str, Any] = {"ServiceName": "shop", "SourceConfiguration": {"ImageRepository": image}}
    for path in chosen:
        *way, last = path.split(".")
        at = service
        for name in way:
            at = at.setdefault(name, {})
        at[last] = NAMED[path]
    made, left = express.request(service, **ROLES)
    assert not fits("ecs", "CreateExpressGatewayService", made)
    carried, told = json.dumps(made), " ".join(one.field for one in left)
    for path in chosen:
        parts = path.split(".")
        values = NAMED[path] if isinstance(NAMED[path], dict) else {path: NAMED[path]}
        of_tags = {"team"} if path == "Tags" else {str(value) for value in values.values()}
        assert all(value in carried for value in of_tags) or parts[-1] in told or parts[0] in told.split(), path


@settings(max_examples=50)
@given(st.floats(0, 3000), st.integers(1, 200), st.integers(1, 25), st.integers(0, 24), st.floats(0, 1000))
def test_instances_hold_the_requests_within_their_bounds(
    load: float, concurrency: int, least: int, further: int, more: float
) -> None:
    most = least + further
    found = express.instances(load, concurrency=concurrency, least=least, most=most)
    assert least <= found <= most
    assert found * concurrency >= load or found == most
    assert found == least or (found - 1) * concurrency < load
    assert express.instances(load + more, concurrency=concurrency, least=least, most=most) >= found


@settings(max_examples=50)
@given(st.integers(1, 1000), st.floats(0.001, 100))
def test_a_target_keeps_what_it_was_made_of_under_way(concurrency: int, seconds: float) -> None:
    assert express.request_target(concurrency, seconds) / 60 * seconds == pytest.approx(concurrency)
