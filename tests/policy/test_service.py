from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.service import validate_create, validate_update
from drydock.policy.requests.world import Capacity, Cluster, TargetGroup, World, capacity

from .shapes import TAGS, WORD, beside, overlaid, requests

TG, TG_INSTANCE, TG_LOOSE = "arn:tg", "arn:tg-instance", "arn:tg-loose"
A, SRV = "arn:a", "arn:srv"
DEFINITION: dict[str, Any] = {
    "family": "web",
    "status": "ACTIVE",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "taskRoleArn": "arn:aws:iam::000000000000:role/task",
    "containerDefinitions": [
        {"name": "app", "image": "nginx", "portMappings": [{"containerPort": 8080, "name": "http"}]},
        {"name": "side", "image": "x", "portMappings": [{"containerPortRange": "90-99"}]},
    ],
}
BRIDGE: dict[str, Any] = {
    **{key: value for key, value in DEFINITION.items() if key not in ("requiresCompatibilities", "cpu")},
    "networkMode": "bridge",
}
WORLD = World(
    cluster=Cluster(capacity_providers={"FARGATE": "ACTIVE", "FARGATE_SPOT": "ACTIVE", "asg": "UPDATING"}),
    task_definition=DEFINITION,
    target_groups={
        TG: TargetGroup(),
        TG_INSTANCE: TargetGroup("instance"),
        TG_LOOSE: TargetGroup(has_load_balancer=False),
    },
    registries={A: {"A"}, SRV: {"SRV"}},
    capacity_providers={"asg", "other"},
    subnets={"subnet-1": "vpc-1", "subnet-2": "vpc-2"},
    security_groups={"sg-1": "vpc-1", "sg-2": "vpc-2"},
)
EC2_WORLD = replace(WORLD, task_definition=BRIDGE)
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}}


def service(**fields: Any) -> dict[str, Any]:
    base = {
        "serviceName": "web",
        "taskDefinition": "web:1",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
    }
    return {key: value for key, value in {**base, **fields}.items() if value is not None}


def strategy(*items: tuple[Any, ...], **fields: Any) -> dict[str, Any]:
    named = [dict(zip(("capacityProvider", "weight", "base"), item, strict=False)) for item in items]
    return service(launchType=None, capacityProviderStrategy=named, **fields)


def on_ec2(**fields: Any) -> dict[str, Any]:
    return service(launchType="EC2", networkConfiguration=None, **fields)


def daemon(**fields: Any) -> dict[str, Any]:
    return on_ec2(schedulingStrategy="DAEMON", **{"desiredCount": None, **fields})


ZONE = "attribute:ecs.availability-zone"
SPREAD = {"type": "spread", "field": ZONE}
HOOK = {
    "hookTargetArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "roleArn": "arn:aws:iam::000000000000:role/r",
    "lifecycleStages": ["POST_SCALE_UP"],
}


def deployment(**configuration: Any) -> dict[str, Any]:
    return service(deploymentConfiguration=configuration)


def balanced(**fields: Any) -> dict[str, Any]:
    return service(loadBalancers=[{"targetGroupArn": TG, "containerName": "app", "containerPort": 8080, **fields}])


def registered(arn: str, **fields: Any) -> dict[str, Any]:
    return service(serviceRegistries=[{"registryArn": arn, **fields}])


BREAKER = {"enable": True, "rollback": True}
ACCEPTED: dict[str, tuple[dict[str, Any], World]] = {
    "fargate": (service(), WORLD),
    "zero": (service(desiredCount=0), WORLD),
    "balanced zones": (service(availabilityZoneRebalancing="ENABLED"), WORLD),
    "balanced by spread": (
        on_ec2(availabilityZoneRebalancing="ENABLED", placementStrategy=[SPREAD, {"type": "random"}]),
        EC2_WORLD,
    ),
    "grace without load balancer": (service(healthCheckGracePeriodSeconds=60), WORLD),
    "strategy": (strategy(("FARGATE", 1, 2), ("FARGATE_SPOT", 4)), WORLD),
    "weight 0 with base": (strategy(("FARGATE", 0, 2), ("FARGATE_SPOT", 1)), WORLD),
    "one provider without weight": (strategy(("FARGATE_SPOT",)), WORLD),
    "cluster default": (
        service(launchType=None),
        replace(WORLD, cluster=replace(WORLD.cluster, default_strategy=[{"capacityProvider": "FARGATE"}])),
    ),
    "asg": (strategy(("asg", 1), networkConfiguration=None), EC2_WORLD),
    "ec2": (on_ec2(), EC2_WORLD),
    "ec2 by default": (service(launchType=None, networkConfiguration=None), EC2_WORLD),
    "daemon": (daemon(), EC2_WORLD),
    "balanced": (balanced(), WORLD),
    "balanced on a range": (balanced(containerName="side", containerPort=95), WORLD),
    "classic": (
        on_ec2(loadBalancers=[{"loadBalancerName": "x", "containerName": "app", "containerPort": 8080}]),
        EC2_WORLD,
    ),
    "A record": (registered(A), WORLD),
    "SRV by port": (registered(SRV, port=8080), WORLD),
    "SRV by container": (registered(SRV, containerName="app", containerPort=8080), WORLD),
    "bridge SRV": (
        on_ec2(serviceRegistries=[{"registryArn": SRV, "containerName": "app", "containerPort": 8080}]),
        EC2_WORLD,
    ),
    "percent": (deployment(minimumHealthyPercent=50, maximumPercent=100), WORLD),
    "stuck but legal": (deployment(minimumHealthyPercent=100, maximumPercent=125), WORLD),
    "breaker": (
        deployment(deploymentCircuitBreaker={**BREAKER, "thresholdConfiguration": {"type": "COUNT", "value": 1}}),
        WORLD,
    ),
    "canary": (
        deployment(strategy="CANARY", canaryConfiguration={"canaryPercent": 0.1, "canaryBakeTimeInMinutes": 0}),
        WORLD,
    ),
    "linear": (
        deployment(strategy="LINEAR", linearConfiguration={"stepPercent": 3.0, "stepBakeTimeInMinutes": 1440}),
        WORLD,
    ),
    "blue/green with 100": (deployment(strategy="BLUE_GREEN", minimumHealthyPercent=100, maximumPercent=100), WORLD),
    "early": (deployment(earlySuccessCriteria={"enable": True, "healthyPercent": 100}), WORLD),
    "pause": (deployment(lifecycleHooks=[{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}]), WORLD),
    "a hook that calls a function": (deployment(lifecycleHooks=[{**HOOK, "hookDetails": {"a": 1}}]), WORLD),
    "exec": (service(enableExecuteCommand=True), WORLD),
    "connect": (
        service(serviceConnectConfiguration={"enabled": True, "namespace": "x", "services": [{"portName": "http"}]}),
        WORLD,
    ),
    "external": ({"serviceName": "web", "deploymentController": {"type": "EXTERNAL"}}, WORLD),
    "placement": (
        on_ec2(
            placementStrategy=[
                {"type": "spread", "field": "instanceId"},
                {"type": "binpack", "field": "CPU"},
                {"type": "random"},
            ],
            placementConstraints=[
                {"type": "distinctInstance"},
                {"type": "memberOf", "expression": "attribute:x exists"},
            ],
        ),
        EC2_WORLD,
    ),
    "code deploy": ({**balanced(), "deploymentController": {"type": "CODE_DEPLOY"}}, WORLD),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    request, world = ACCEPTED[name]
    before = deepcopy(request)
    validate_create(request, world)
    assert request == before


NO_TASK_ROLE = {key: value for key, value in DEFINITION.items() if key != "taskRoleArn"}
P = "InvalidParameterException"
REFUSED: list[tuple[dict[str, Any], World, str, str]] = [
    (service(), replace(WORLD, cluster=None), "ClusterNotFoundException", "Cluster not found."),
    (service(), replace(WORLD, cluster=Cluster("INACTIVE")), "ClusterNotFoundException", "inactive"),
    (service(), replace(WORLD, task_definition=None), "ClientException", "TaskDefinition not found."),
    (
        service(),
        replace(WORLD, task_definition={**DEFINITION, "status": "INACTIVE"}),
        "ClientException",
        "TaskDefinition is inactive",
    ),
    (service(taskDefinition=None), WORLD, P, "TaskDefinition can not be blank."),
    (service(serviceName="a b"), WORLD, P, "serviceName"),
    (service(serviceName="x" * 256), WORLD, P, "serviceName"),
    (service(desiredCount=-1), WORLD, P, "desiredCount must be at least 0"),
    (service(desiredCount=None), WORLD, P, "desiredCount"),
    (service(launchType="LAMBDA"), WORLD, P, "'launchType'"),
    (service(schedulingStrategy="ALWAYS"), WORLD, P, "'schedulingStrategy'"),
    (service(propagateTags="ALL"), WORLD, P, "'propagateTags'"),
    (service(tags=[{"key": "aws:x"}]), WORLD, P, "aws:"),
    (
        service(networkConfiguration=None),
        WORLD,
        P,
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    (service(networkConfiguration={"awsvpcConfiguration": {"subnets": []}}), WORLD, P, "subnets can not be empty."),
    (service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"] * 17}}), WORLD, P, "subnets"),
    (
        service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-9"]}}),
        WORLD,
        P,
        "The subnet ID 'subnet-9' does not exist",
    ),
    (
        service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-9"]}}),
        WORLD,
        P,
        "The security group 'sg-9' does not exist",
    ),
    (
        service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-2"]}}),
        WORLD,
        P,
        "Security group sg-2 does not appear to belong to the same VPC as the input subnets.",
    ),
    (
        service(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}}),
        WORLD,
        P,
        "The subnets are of different VPCs (vpc-1, vpc-2)",
    ),
    (
        on_ec2() | {"networkConfiguration": NETWORK},
        EC2_WORLD,
        P,
        "Network Configuration is not valid for the given networkMode",
    ),
    (service(launchType="EC2"), WORLD, P, "Assign public IP is not supported for this launch type."),
    (service(networkConfiguration=None), EC2_WORLD, P, "Task definition does not support launch_type FARGATE."),
    (
        strategy(("FARGATE", 1), networkConfiguration=None),
        EC2_WORLD,
        P,
        "Task definition does not support launch_type FARGATE.",
    ),
    (
        strategy(
            ("FARGATE", 1),
        )
        | {"launchType": "FARGATE"},
        WORLD,
        P,
        "Specifying both a launch type and capacity provider strategy is not supported.",
    ),
    (
        strategy(("FARGATE", 1), ("asg", 1)),
        WORLD,
        P,
        "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate",
    ),
    (
        strategy(("FARGATE", 1, 1), ("FARGATE_SPOT", 1, 1)),
        WORLD,
        P,
        "There are multiple capacity providers in the specified capacity provider strategy with a base value",
    ),
    (
        strategy(("FARGATE", 0), ("FARGATE_SPOT", 0)),
        WORLD,
        P,
        "There are no capacity providers in the capacity provider strategy with a weight value greater than zero.",
    ),
    (strategy(("FARGATE", 1001)), WORLD, P, "weight value 1001"),
    (strategy(("FARGATE", -1)), WORLD, P, "weight value -1"),
    (strategy(("FARGATE", 1, 100_001)), WORLD, P, "base value 100001"),
    (strategy(("nope", 1)), WORLD, P, "The specified capacity provider 'nope' was not found."),
    (strategy(("other", 1)), WORLD, P, "not associated with the cluster (other)"),
    (strategy(("FARGATE", 1)), replace(WORLD, cluster=Cluster()), P, "not associated with the cluster (FARGATE)"),
    (strategy(*((f"p{n}", 1) for n in range(21))), WORLD, P, "more than 20 capacity providers"),
    (strategy(("FARGATE", 1), ("FARGATE", 2)), WORLD, P, "duplicate"),
    (
        service(placementStrategy=[{"type": "random"}]),
        WORLD,
        P,
        "Placement strategies are not supported with FARGATE launch type.",
    ),
    (
        service(placementConstraints=[{"type": "distinctInstance"}]),
        WORLD,
        P,
        "Placement constraints are not supported with FARGATE launch type.",
    ),
    (on_ec2(platformVersion="LATEST"), EC2_WORLD, P, "The platform version must be null"),
    (on_ec2(placementStrategy=[{"type": "random"}] * 6), EC2_WORLD, P, "Maximum number of strategies is 5."),
    (
        on_ec2(placementConstraints=[{"type": "distinctInstance"}] * 11),
        EC2_WORLD,
        P,
        "Maximum number of constraints is 10.",
    ),
    (on_ec2(placementStrategy=[{"type": "binpack", "field": "disk"}]), EC2_WORLD, P, "binpack field 'disk' is invalid"),
    (
        on_ec2(placementStrategy=[{"type": "random", "field": "x"}]),
        EC2_WORLD,
        P,
        "random field should not be specified",
    ),
    (
        on_ec2(placementConstraints=[{"type": "distinctInstance", "expression": "x"}]),
        EC2_WORLD,
        P,
        "distinctInstance expression should not be specified",
    ),
    (on_ec2(placementConstraints=[{"type": "memberOf", "expression": "x"}]), EC2_WORLD, P, "expression 'x' is invalid"),
    (
        daemon(desiredCount=0),
        EC2_WORLD,
        P,
        "The daemon scheduling strategy does not support a desired count for services.",
    ),
    (
        daemon(deploymentConfiguration={"maximumPercent": 200}),
        EC2_WORLD,
        P,
        "does not support values above 100 for maximumPercent",
    ),
    (daemon(placementStrategy=[{"type": "random"}]), EC2_WORLD, P, "does not support placement strategies"),
    (
        daemon(availabilityZoneRebalancing="ENABLED"),
        EC2_WORLD,
        P,
        "Availability Zone Rebalancing does not support DAEMON services",
    ),
    *(
        ({**on_ec2(), "availabilityZoneRebalancing": "ENABLED", **settings}, EC2_WORLD, P, f"does not support {what}")
        for settings, what in (
            ({"launchType": "EXTERNAL"}, "the EXTERNAL launch type"),
            ({"placementStrategy": [{"type": "binpack", "field": "cpu"}, SPREAD]}, "a first placement strategy other"),
            ({"placementConstraints": [{"type": "memberOf", "expression": f"{ZONE} == us-east-1a"}]}, ZONE),
            ({"loadBalancers": [{"loadBalancerName": "old"}]}, "Classic Load Balancers"),
        )
    ),
    (daemon(deploymentController={"type": "CODE_DEPLOY"}), EC2_WORLD, P, "CODE_DEPLOY"),
    (service(schedulingStrategy="DAEMON", desiredCount=None), WORLD, P, "FARGATE"),
    (deployment(minimumHealthyPercent=101), WORLD, P, "minimumHealthyPercent must be at most 100"),
    (deployment(minimumHealthyPercent=-1), WORLD, P, "minimumHealthyPercent must be at least 0"),
    (deployment(maximumPercent=99), WORLD, P, "maximumPercent must be at least 100"),
    (
        deployment(minimumHealthyPercent=100, maximumPercent=100),
        WORLD,
        P,
        "cannot be 100 as this will block deployments.",
    ),
    (deployment(maximumPercent=100), WORLD, P, "cannot be 100 as this will block deployments."),
    (deployment(strategy="YOLO"), WORLD, P, "'deploymentConfiguration.strategy'"),
    (
        deployment(strategy="CANARY", canaryConfiguration={"canaryPercent": 0.05}),
        WORLD,
        P,
        "canaryConfiguration.canaryPercent must be at least 0.1",
    ),
    (deployment(strategy="CANARY", canaryConfiguration={"canaryPercent": 5.05}), WORLD, P, "multiple of 0.1"),
    (deployment(strategy="CANARY", canaryConfiguration={"canaryBakeTimeInMinutes": 1441}), WORLD, P, "at most 1440"),
    (
        deployment(strategy="LINEAR", linearConfiguration={"stepPercent": 2.9}),
        WORLD,
        P,
        "linearConfiguration.stepPercent must be at least 3",
    ),
    (
        deployment(linearConfiguration={"stepPercent": 10}),
        WORLD,
        P,
        "only valid when the deployment strategy is LINEAR",
    ),
    (deployment(bakeTimeInMinutes=1441), WORLD, P, "bakeTimeInMinutes"),
    (
        deployment(earlySuccessCriteria={"enable": True, "healthyPercent": 50}),
        WORLD,
        P,
        "earlySuccessCriteria.healthyPercent",
    ),
    (deployment(strategy="CANARY", earlySuccessCriteria={"enable": True}), WORLD, P, "ROLLING"),
    (
        deployment(deploymentCircuitBreaker={**BREAKER, "thresholdConfiguration": {"type": "PERCENT", "value": 5}}),
        WORLD,
        P,
        "'thresholdConfiguration.type'",
    ),
    (
        deployment(deploymentCircuitBreaker={**BREAKER, "thresholdConfiguration": {"type": "COUNT", "value": 0}}),
        WORLD,
        P,
        "thresholdConfiguration.value",
    ),
    (deployment(lifecycleHooks=[{"lifecycleStages": ["POST_SCALE_UP"]}]), WORLD, P, "hookTargetArn"),
    (deployment(lifecycleHooks=[{**HOOK, "roleArn": None}]), WORLD, P, "roleArn"),
    (
        deployment(lifecycleHooks=[{**HOOK, "hookTargetArn": "arn:aws:sns:us-east-1:000000000000:f"}]),
        WORLD,
        P,
        "not the ARN of a Lambda function",
    ),
    (deployment(lifecycleHooks=[{**HOOK, "hookDetails": ["a"]}]), WORLD, P, "JSON object"),
    (deployment(lifecycleHooks=[{**HOOK, "timeoutConfiguration": {"timeoutInMinutes": 1441}}]), WORLD, P, "1440"),
    (deployment(lifecycleHooks=[{**HOOK, "lifecycleStages": ["BAKE_TIME"]}]), WORLD, P, "BAKE_TIME"),
    (
        deployment(lifecycleHooks=[{"targetType": "PAUSE", "lifecycleStages": ["TEST_TRAFFIC_SHIFT"]}]),
        WORLD,
        P,
        "TEST_TRAFFIC_SHIFT",
    ),
    (deployment(lifecycleHooks=[{"targetType": "PAUSE", "lifecycleStages": []}]), WORLD, P, "lifecycleStages"),
    (balanced(targetGroupArn="arn:nope"), WORLD, P, "The target group arn:nope does not exist."),
    (
        balanced(targetGroupArn=TG_LOOSE),
        WORLD,
        P,
        f"The target group with targetGroupArn {TG_LOOSE} does not have an associated load balancer.",
    ),
    (
        balanced(targetGroupArn=TG_INSTANCE),
        WORLD,
        P,
        "has target type instance, which is incompatible with the awsvpc network mode",
    ),
    (balanced(containerName="nope"), WORLD, P, "The container nope does not exist in the task definition."),
    (balanced(containerPort=80), WORLD, P, "The container app did not have a container port 80 defined."),
    (balanced(loadBalancerName="x"), WORLD, P, "cannot both be specified"),
    (balanced(targetGroupArn=None), WORLD, P, "either a loadBalancerName or a targetGroupArn"),
    (
        balanced(targetGroupArn=None, loadBalancerName="x"),
        WORLD,
        P,
        "Classic Load Balancers are not supported with Fargate.",
    ),
    (service(loadBalancers=balanced()["loadBalancers"] * 6), WORLD, P, "at most 5"),
    (service(role="r"), WORLD, P, "IAM roles are only valid for services configured to use load balancers."),
    ({**balanced(), "role": "r"}, WORLD, P, "service linked role"),
    (registered("arn:nope"), WORLD, P, "arn:nope does not exist"),
    (service(serviceRegistries=[{"registryArn": A}] * 2), WORLD, P, "service registries can have at most 1 items."),
    (registered(A, containerName="app", containerPort=8080), WORLD, P, "do not require a value for 'containerName'"),
    (
        registered(A, containerPort=8080),
        WORLD,
        P,
        "The values specified for serviceRegistries do not require a value for 'containerPort'. "
        "Remove the value and retry. Registry: arn:a",
    ),
    (registered(SRV), WORLD, P, "'containerName' and 'containerPort' combination or a 'port'"),
    (registered(SRV, containerName="app"), WORLD, P, "'containerName' and 'containerPort' combination or a 'port'"),
    (registered(SRV, containerName="app", containerPort=8080, port=1), WORLD, P, "but not both"),
    (registered(SRV, containerName="app", containerPort=1), WORLD, P, "did not have a container port 1 defined"),
    (
        on_ec2(serviceRegistries=[{"registryArn": SRV}]),
        EC2_WORLD,
        P,
        "When specifying 'host' or 'bridge' for networkMode",
    ),
    (service(healthCheckGracePeriodSeconds=-1), WORLD, P, "healthCheckGracePeriodSeconds"),
    (
        service(enableExecuteCommand=True),
        replace(WORLD, task_definition=NO_TASK_ROLE),
        P,
        "The service couldn't be created because a valid taskRoleArn is not being used.",
    ),
    (
        service(deploymentController={"type": "CODE_DEPLOY"}),
        WORLD,
        P,
        "requires an Application Load Balancer or Network Load Balancer.",
    ),
    (
        {
            **balanced(),
            "deploymentController": {"type": "CODE_DEPLOY"},
            "deploymentConfiguration": {"deploymentCircuitBreaker": BREAKER},
        },
        WORLD,
        P,
        "circuit breaker",
    ),
    (service(deploymentController={"type": "EXTERNAL"}), WORLD, P, "TaskDefinition must be blank"),
    (
        service(
            deploymentController={"type": "EXTERNAL"},
            taskDefinition="",
            serviceConnectConfiguration={"enabled": True, "namespace": "n"},
        ),
        WORLD,
        P,
        "Service Connect does not support the EXTERNAL deployment controller",
    ),
    (service(deploymentController={"type": "EXTERNAL"}, taskDefinition=None), WORLD, P, "launchType must be blank"),
    ({"serviceName": "web", "deploymentController": {"type": "EXTERNAL"}, "role": "r"}, WORLD, P, "IAM roles are only"),
    *(
        (
            {**balanced(), "deploymentController": {"type": "CODE_DEPLOY"}, "deploymentConfiguration": asked},
            WORLD,
            P,
            "can only be used with the ECS deployment controller",
        )
        for asked in ({"bakeTimeInMinutes": 1}, {"lifecycleHooks": [{}]}, {"earlySuccessCriteria": {"enable": True}})
    ),
    (
        {**balanced(), "deploymentController": {"type": "EXTERNAL"}, "taskDefinition": ""},
        WORLD,
        P,
        "LoadBalancers must be empty or null",
    ),
    (service(deploymentController={"type": "HELM"}), WORLD, P, "'deploymentController.type'"),
    (service(serviceConnectConfiguration={"enabled": True}), WORLD, P, "Namespace is missing"),
    (
        service(serviceConnectConfiguration={"enabled": True, "namespace": "n", "services": [{"portName": "x"}]}),
        WORLD,
        P,
        "portName(x) does not refer to any named PortMapping",
    ),
    (
        service(volumeConfigurations=[{"name": "v"}]),
        WORLD,
        P,
        "The volume name 'v' in your request does not have a matching volume",
    ),
]


@pytest.mark.parametrize(
    ("request_", "world", "code", "message"), REFUSED, ids=[message[:70] for *_, message in REFUSED]
)
def test_refused(request_: dict[str, Any], world: World, code: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate_create(request_, world)
    assert message in caught.value.message
    assert caught.value.code == code


SERVICE = {
    **service(),
    "status": "ACTIVE",
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
}
BALANCED = {**SERVICE, **balanced()}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"desiredCount": 0},
        {"taskDefinition": "web:2"},
        {"forceNewDeployment": True},
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]},
        {"capacityProviderStrategy": []},
        {"deploymentConfiguration": {"maximumPercent": 150}},
        {"loadBalancers": []},
    ],
)
def test_update_accepted(change: dict[str, Any]) -> None:
    validate_update({"service": "web", **change}, BALANCED, WORLD)


@pytest.mark.parametrize(
    ("change", "old", "world", "message"),
    [
        ({"desiredCount": -1}, SERVICE, WORLD, "desiredCount"),
        (
            {"taskDefinition": "nope"},
            SERVICE,
            replace(WORLD, task_definition=None),
            "TaskDefinition not found.",
        ),
        (
            {"capacityProviderStrategy": [{"capacityProvider": "nope"}]},
            SERVICE,
            WORLD,
            "'nope' was not found",
        ),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-9"]}}},
            SERVICE,
            WORLD,
            "subnet-9",
        ),
        ({"desiredCount": 1}, {**SERVICE, "schedulingStrategy": "DAEMON"}, WORLD, "desired count"),
        (
            {"deploymentConfiguration": {"maximumPercent": 100}},
            {**SERVICE, "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200}},
            WORLD,
            "block deployments",
        ),
        (
            {"taskDefinition": "web:2"},
            BALANCED,
            replace(WORLD, task_definition={**DEFINITION, "containerDefinitions": [{"name": "new", "image": "x"}]}),
            "The container app does not exist in the task definition.",
        ),
        (
            {"enableExecuteCommand": True},
            SERVICE,
            replace(WORLD, task_definition=NO_TASK_ROLE),
            "The service couldn't be updated because a valid taskRoleArn is not being used.",
        ),
        ({}, {**SERVICE, "status": "INACTIVE"}, WORLD, "Service was not ACTIVE."),
    ],
)
def test_update_refused(change: dict[str, Any], old: dict[str, Any], world: World, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate_update({"service": "web", **change}, old, world)
    assert message in caught.value.message


def test_capacity_is_resolved_as_the_api_does() -> None:
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    cluster = Cluster(default_strategy=spot)
    assert capacity({"launchType": "EC2"}, cluster) == Capacity("EC2")
    assert (
        capacity({"capacityProviderStrategy": [{"capacityProvider": "x"}]}, cluster).strategy[0]["capacityProvider"]
        == "x"
    )
    assert capacity({}, cluster).fargate
    assert capacity({}, Cluster()) == Capacity("EC2")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests("CreateService"))
def test_any_request_is_accepted_or_refused(request: dict[str, Any]) -> None:
    for world in (WORLD, EC2_WORLD, World()):
        try:
            validate_create(request, world)
        except Invalid as error:
            assert error.message


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(overlaid(balanced(), "CreateService"))
def test_a_valid_request_with_anything_replaced(request: dict[str, Any]) -> None:
    test_any_request_is_accepted_or_refused.hypothesis.inner_test(request)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(overlaid({"service": "web"}, "UpdateService"))
def test_any_update_is_accepted_or_refused(request: dict[str, Any]) -> None:
    for old in (SERVICE, BALANCED):
        try:
            validate_update(request, old, WORLD)
        except Invalid as error:
            assert error.message


BESIDE = beside(
    tags=TAGS,
    clientToken=WORD,
    enableECSManagedTags=st.booleans(),
    propagateTags=st.sampled_from(["TASK_DEFINITION", "SERVICE", "NONE"]),
)


@settings(max_examples=100)
@given(st.sampled_from(sorted(ACCEPTED)), BESIDE)
def test_what_is_accepted_stays_so_whatever_is_beside_it(name: str, more: dict[str, Any]) -> None:
    request, world = ACCEPTED[name]
    validate_create({**request, **more}, world)


@settings(max_examples=100)
@given(st.integers(0, 5000), st.integers(0, 100), st.integers(101, 200))
def test_any_count_within_any_bounds_is_accepted(count: int, minimum: int, maximum: int) -> None:
    bounds = {"minimumHealthyPercent": minimum, "maximumPercent": maximum}
    validate_create(service(desiredCount=count, deploymentConfiguration=bounds), WORLD)
    validate_update({"service": "web", "desiredCount": count, "deploymentConfiguration": bounds}, SERVICE, WORLD)
