"""Each field of CreateService and UpdateService is acted on or refused; none is only kept."""

from __future__ import annotations

from typing import Any

import botocore.loaders
import pytest

from drydock.policy.requests import unsupported
from drydock.policy.requests.errors import Invalid

Field = tuple[str, str]
C, U, D = "CreateServiceRequest", "UpdateServiceRequest", "DeploymentConfiguration"
L, A, H, M = "LoadBalancer", "AdvancedConfiguration", "DeploymentLifecycleHook", "MetricConfiguration"
B, T, E = "DeploymentCircuitBreaker", "DeploymentLifecycleHookTimeoutConfiguration", "DeploymentEarlySuccessCriteria"
BOTH = (
    "cluster", "taskDefinition", "availabilityZoneRebalancing", "loadBalancers", "serviceRegistries", "desiredCount",
    "capacityProviderStrategy", "deploymentConfiguration", "networkConfiguration", "healthCheckGracePeriodSeconds",
    "enableECSManagedTags", "propagateTags", "enableExecuteCommand", "placementConstraints", "placementStrategy",
    "serviceConnectConfiguration",
)  # fmt: skip
ACTS: set[Field] = {
    *((shape, name) for shape in (C, U) for name in BOTH),
    *((C, name) for name in ("serviceName", "clientToken", "launchType", "role", "schedulingStrategy", "tags")),
    *((U, name) for name in ("service", "forceNewDeployment")),
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
    (M, "metricNames"),
}  # fmt: skip
OFTEN = {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]}
REFUSED: dict[Field, dict[str, Any]] = {
    **{
        (shape, name): request
        for shape in (C, U)
        for name, request in {
            "deploymentController": {"deploymentController": {"type": "EXTERNAL"}},
            "volumeConfigurations": {"volumeConfigurations": [{"name": "v"}]},
            "vpcLatticeConfigurations": {"vpcLatticeConfigurations": [{"portName": "http"}]},
            "gatewayConnectors": {"gatewayConnectors": [{"portName": "http"}]},
            "monitoring": {"monitoring": OFTEN},
            "platformVersion": {"platformVersion": "1.3.0"},
        }.items()
    },
    (M, "resolutionSeconds"): {"monitoring": OFTEN},
    (L, "loadBalancerName"): {"loadBalancers": [{"loadBalancerName": "classic"}]},
}


def test_each_field_of_the_model_is_in_one_of_the_two() -> None:
    shapes = botocore.loaders.Loader().load_service_model("ecs", "service-2")["shapes"]
    fields = [(shape, name) for shape in (C, U, D, L, A, H, M, B, T, E) for name in shapes[shape]["members"]]
    for field in fields:
        assert [field in kind for kind in (ACTS, REFUSED)].count(True) == 1, field
    assert {*ACTS, *REFUSED} == set(fields)


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
