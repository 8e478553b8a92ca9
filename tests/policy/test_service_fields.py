"""Each field of CreateService, UpdateService and CreateTaskSet is acted on or refused; none is only kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.policy.shapes import Field, fields

from drydock.policy.requests import unsupported
from drydock.policy.requests.errors import Invalid

C, U, D = "CreateServiceRequest", "UpdateServiceRequest", "DeploymentConfiguration"
S = "CreateTaskSetRequest"
L, A, H, M = "LoadBalancer", "AdvancedConfiguration", "DeploymentLifecycleHook", "MetricConfiguration"
B, T, E = "DeploymentCircuitBreaker", "DeploymentLifecycleHookTimeoutConfiguration", "DeploymentEarlySuccessCriteria"
G, R = "ThresholdConfiguration", "DeploymentAlarms"
N, Y, SC = "LinearConfiguration", "CanaryConfiguration", "ServiceConnect"
BOTH = (
    "cluster", "taskDefinition", "availabilityZoneRebalancing", "loadBalancers", "serviceRegistries", "desiredCount",
    "capacityProviderStrategy", "deploymentConfiguration", "networkConfiguration", "healthCheckGracePeriodSeconds",
    "enableECSManagedTags", "propagateTags", "enableExecuteCommand", "placementConstraints", "placementStrategy",
    "serviceConnectConfiguration", "deploymentController",
)  # fmt: skip
ACTS: set[Field] = {
    *((shape, name) for shape in (C, U) for name in BOTH),
    *((C, name) for name in ("serviceName", "clientToken", "launchType", "role", "schedulingStrategy", "tags")),
    *((U, name) for name in ("service", "forceNewDeployment")),
    *((S, name) for name in (
        "service", "cluster", "externalId", "taskDefinition", "networkConfiguration", "loadBalancers",
        "serviceRegistries", "launchType", "capacityProviderStrategy", "scale", "clientToken", "tags",
    )),
    *(("Scale", name) for name in ("value", "unit")),
    *((D, name) for name in (
        "deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent", "alarms", "strategy",
        "bakeTimeInMinutes", "lifecycleHooks", "linearConfiguration", "canaryConfiguration", "earlySuccessCriteria",
    )),
    *((B, name) for name in ("enable", "rollback", "resetOnHealthyTask", "thresholdConfiguration")),
    *((E, name) for name in ("enable", "healthyPercent", "sourceServiceRevisionCleanup")),
    *((L, name) for name in ("targetGroupArn", "containerName", "containerPort", "advancedConfiguration")),
    *((A, name) for name in ("alternateTargetGroupArn", "productionListenerRule", "testListenerRule", "roleArn")),
    *((H, name) for name in (
        "targetType", "lifecycleStages", "timeoutConfiguration", "hookTargetArn", "roleArn", "hookDetails",
    )),
    *((T, name) for name in ("timeoutInMinutes", "action")),
    ("DeploymentController", "type"), *((shape, "monitoring") for shape in (C, U)),
    ("MonitoringConfiguration", "metricConfigurations"),
    (M, "metricNames"),
    *(("AwsVpcConfiguration", name) for name in ("subnets", "securityGroups", "assignPublicIp")),
    ("NetworkConfiguration", "awsvpcConfiguration"),
    *(("ServiceRegistry", name) for name in ("registryArn", "port", "containerName", "containerPort")),
    *(("CapacityProviderStrategyItem", name) for name in ("capacityProvider", "weight", "base")),
    *(("PlacementConstraint", name) for name in ("type", "expression")),
    *(("PlacementStrategy", name) for name in ("type", "field")), *(("Tag", name) for name in ("key", "value")),
    *((R, name) for name in ("alarmNames", "rollback", "enable")), *((G, name) for name in ("type", "value")),
    *((N, name) for name in ("stepPercent", "stepBakeTimeInMinutes")),
    *((Y, name) for name in ("canaryPercent", "canaryBakeTimeInMinutes")),
    *((f"{SC}Configuration", name) for name in (
        "enabled", "namespace", "services", "logConfiguration", "accessLogConfiguration", "containerConfigurations",
    )),
    *((f"{SC}Service", name) for name in (
        "portName", "discoveryName", "clientAliases", "ingressPortOverride", "timeout", "tls",
    )),
    *((f"{SC}TlsConfiguration", name) for name in ("issuerCertificateAuthority", "kmsKey", "roleArn")),
    (f"{SC}TlsCertificateAuthority", "awsPcaAuthorityArn"),
    *((f"{SC}ClientAlias", name) for name in ("port", "dnsName", "testTrafficRules")),
    (f"{SC}TestTrafficRules", "header"), (f"{SC}TestTrafficHeaderMatchRules", "exact"),
    *((f"{SC}TestTrafficHeaderRules", name) for name in ("name", "value")),
    *((f"{SC}AccessLogConfiguration", name) for name in ("format", "includeQueryParameters")),
    (f"{SC}ContainerConfiguration", "logLevel"),
    *(("TimeoutConfiguration", name) for name in ("idleTimeoutSeconds", "perRequestTimeoutSeconds")),
    *(("LogConfiguration", name) for name in ("logDriver", "options")),
}  # fmt: skip
OFTEN = {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]}
REFUSED: dict[Field, dict[str, Any]] = {
    **{
        (shape, name): request
        for shape in (C, U)
        for name, request in {
            "volumeConfigurations": {"volumeConfigurations": [{"name": "v"}]},
            "vpcLatticeConfigurations": {"vpcLatticeConfigurations": [{"portName": "http"}]},
            "gatewayConnectors": {"gatewayConnectors": [{"portName": "http"}]},
            "platformVersion": {"platformVersion": "1.3.0"},
        }.items()
    },
    (S, "platformVersion"): {"platformVersion": "1.3.0"},
    (M, "resolutionSeconds"): {"monitoring": OFTEN},
    ("LogConfiguration", "secretOptions"): {
        "serviceConnectConfiguration": {
            "enabled": True,
            "logConfiguration": {"logDriver": "awslogs", "secretOptions": [{"name": "n"}]},
        }
    },
    (L, "loadBalancerName"): {"loadBalancers": [{"loadBalancerName": "classic"}]},
}


TESTS = Path(__file__).parents[1]
STEPPED, ROLLING, HOOKS = (f"embedded/ecs/test_{name}.py" for name in ("stepped", "rolling", "hooks"))
STRATEGIES = "embedded/ecs/test_strategies.py"
BOUNDS = STEPPED, "test_a_rolling_deployment_is_within_its_bounds_at_every_transition"
TRIPS = STEPPED, "test_three_failures_trip_the_breaker_and_the_good_revision_comes_back"
THRESHOLDS = ROLLING, "test_thresholds_of_the_breaker"
ALARMED = ROLLING, "test_an_alarm_after_the_last_task_still_rolls_back"
CANARY = STRATEGIES, "test_a_canary_shifts_a_tenth_bakes_and_shifts_the_rest"
LINEAR = STRATEGIES, "test_a_linear_deployment_goes_up_in_steps"
PAUSE = STRATEGIES, "test_a_pause_waits_to_be_continued_at_every_step"
CALLED = HOOKS, "test_a_function_is_called_at_every_stage_and_told_what_shifts"
LATE = HOOKS, "test_one_that_runs_too_long_times_out"
EARLY = ROLLING, "test_a_deployment_can_be_successful_early"
SHOWN: dict[Field, tuple[str, str]] = {
    (D, "maximumPercent"): BOUNDS, (D, "minimumHealthyPercent"): BOUNDS,
    (D, "deploymentCircuitBreaker"): TRIPS, (B, "enable"): TRIPS, (B, "rollback"): TRIPS,
    (B, "resetOnHealthyTask"): ("policy/test_breaker.py", "test_healthy_task_resets_by_default"),
    (B, "thresholdConfiguration"): THRESHOLDS, (G, "type"): THRESHOLDS, (G, "value"): THRESHOLDS,
    (D, "alarms"): ALARMED, (R, "alarmNames"): ALARMED, (R, "enable"): ALARMED,
    (R, "rollback"): (ROLLING, "test_without_roll_back_an_alarm_fails_the_deployment_and_leaves_its_tasks"),
    (D, "strategy"): CANARY, (D, "bakeTimeInMinutes"): CANARY,
    (D, "canaryConfiguration"): CANARY, (Y, "canaryPercent"): CANARY, (Y, "canaryBakeTimeInMinutes"): CANARY,
    (D, "linearConfiguration"): LINEAR, (N, "stepPercent"): LINEAR, (N, "stepBakeTimeInMinutes"): LINEAR,
    (D, "lifecycleHooks"): CALLED, (H, "targetType"): PAUSE, (H, "lifecycleStages"): CALLED,
    (H, "hookTargetArn"): CALLED, (H, "hookDetails"): CALLED,
    (H, "roleArn"): (HOOKS, "test_a_role_that_ecs_cannot_assume_rolls_back"),
    (H, "timeoutConfiguration"): LATE, (T, "timeoutInMinutes"): LATE, (T, "action"): LATE,
    (D, "earlySuccessCriteria"): EARLY,
    **{(E, name): EARLY for name in ("enable", "healthyPercent", "sourceServiceRevisionCleanup")},
}  # fmt: skip


def test_each_field_of_the_model_is_in_one_of_the_two() -> None:
    assert not ACTS & REFUSED.keys()
    found = [fields(operation, REFUSED) for operation in ("CreateService", "UpdateService", "CreateTaskSet")]
    assert set().union(*found) == ACTS | REFUSED.keys()


def test_of_each_field_of_a_deployment_configuration_a_test_shows_what_it_does() -> None:
    assert SHOWN.keys() == fields("CreateService", member="deploymentConfiguration")
    for (_, name), (file, test) in SHOWN.items():
        text = (TESTS / file).read_text()
        assert f"def {test}(" in text and name in text, (name, file, test)


@pytest.mark.parametrize("field", REFUSED, ids=".".join)
def test_what_is_refused_is_refused_by_its_name(field: Field) -> None:
    with pytest.raises(Invalid) as refused:
        unsupported.deploys(REFUSED[field])
    assert refused.value.code == "UnsupportedFeatureException"


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"deploymentController": {"type": "ECS"}},
        {"serviceConnectConfiguration": {"enabled": False}},
        {"serviceConnectConfiguration": {"enabled": True, "services": [{"portName": "web"}]}},
        {"volumeConfigurations": [], "vpcLatticeConfigurations": [], "gatewayConnectors": []},
        {"monitoring": {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 60}]}},
        {"platformVersion": "LATEST"},
        {"platformVersion": "1.4.0"},
        {"loadBalancers": [{"targetGroupArn": "arn:tg"}]},
        {"deploymentConfiguration": {"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}]}},
    ],
)
def test_what_asks_for_nothing_else_is_not_refused(request_: dict[str, Any]) -> None:
    unsupported.deploys(request_)
