"""What ECS refuses, with its own code and a message that names the field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.clients import client_of
from tests.support.lab import Lab, make_lab

from drydock.embedded.assembly import AWS

CLIENT, PARAMETER = "ClientException", "InvalidParameterException"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    host = AWS(tmp_path_factory.mktemp("aws"), seed="test")
    host.listen()
    host.run()
    yield make_lab(lambda name: client_of(host, name))
    host.close()


def container(**changes: Any) -> dict[str, Any]:
    return {"name": "app", "image": "public.ecr.aws/x/y:1", "portMappings": [{"containerPort": 8080}], **changes}


DEFINITIONS = [
    ("a size that Fargate has not", {"cpu": "256", "memory": "4096"}, CLIENT, "256 CPU, 4096 memory"),
    ("no cpu on Fargate", {"cpu": None}, CLIENT, "cpu"),
    ("no memory on Fargate", {"memory": None}, CLIENT, "memory"),
    ("no essential container", {"containerDefinitions": [container(essential=False)]}, CLIENT, "essential"),
    (
        "two containers of one name",
        {"containerDefinitions": [container(), container(portMappings=[])]},
        CLIENT,
        "names",
    ),
    (
        "a dependency that is not there",
        {"containerDefinitions": [container(dependsOn=[{"containerName": "db", "condition": "START"}])]},
        CLIENT,
        "db",
    ),
    (
        "a circle of dependencies",
        {
            "containerDefinitions": [
                container(dependsOn=[{"containerName": "b", "condition": "START"}]),
                container(name="b", portMappings=[], dependsOn=[{"containerName": "app", "condition": "START"}]),
            ]
        },
        CLIENT,
        "app",
    ),
    ("bridge on Fargate", {"networkMode": "bridge"}, CLIENT, "awsvpc"),
    (
        "host port unlike the container's",
        {"containerDefinitions": [container(portMappings=[{"containerPort": 8080, "hostPort": 80}])]},
        CLIENT,
        "host port",
    ),
]


@pytest.mark.parametrize(("what", "changes", "code", "says"), DEFINITIONS, ids=[case[0] for case in DEFINITIONS])
def test_a_broken_task_definition_is_refused(lab: Lab, what: str, changes: Any, code: str, says: str) -> None:
    request = {
        "family": "broken",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container()],
        **changes,
    }
    with pytest.raises(ClientError) as caught:
        lab.ecs.register_task_definition(**{key: value for key, value in request.items() if value is not None})
    assert caught.value.response["Error"]["Code"] == code
    assert says.lower() in caught.value.response["Error"]["Message"].lower()
    assert lab.ecs.list_task_definitions(familyPrefix="broken")["taskDefinitionArns"] == []


GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/none/0123456789abcdef"
REGISTRY = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-none"
SERVICES = [
    ("awsvpc without a network", {"networkConfiguration": None}, PARAMETER, "network configuration"),
    ("an unknown task definition", {"taskDefinition": "none"}, CLIENT, "taskdefinition"),
    ("an unknown cluster", {"cluster": "none"}, "ClusterNotFoundException", "cluster"),
    (
        "an unknown subnet",
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}},
        PARAMETER,
        "subnet-0123456789abcdef0",
    ),
    (
        "an unknown provider",
        {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "none"}]},
        PARAMETER,
        "none",
    ),
    (
        "an unknown target group",
        {"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}]},
        PARAMETER,
        "targetgroup/none",
    ),
    ("an unknown registry", {"serviceRegistries": [{"registryArn": REGISTRY}]}, PARAMETER, "srv-none"),
    (
        "more than one base",
        {
            "launchType": None,
            "capacityProviderStrategy": [
                {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
                {"capacityProvider": "FARGATE_SPOT", "base": 1, "weight": 1},
            ],
        },
        PARAMETER,
        "base",
    ),
    (
        "a weight out of range",
        {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1001}]},
        PARAMETER,
        "weight",
    ),
    (
        "a launch type and a strategy",
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        PARAMETER,
        "launch type",
    ),
]


@pytest.mark.parametrize(("what", "changes", "code", "says"), SERVICES, ids=[case[0] for case in SERVICES])
def test_a_broken_service_is_refused_and_not_half_made(lab: Lab, what: str, changes: Any, code: str, says: str) -> None:
    request = {
        "cluster": "lab",
        "serviceName": "broken",
        "taskDefinition": lab.register("fine"),
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": lab.network,
        **changes,
    }
    with pytest.raises(ClientError) as caught:
        lab.ecs.create_service(**{key: value for key, value in request.items() if value is not None})
    assert caught.value.response["Error"]["Code"] == code
    assert says in caught.value.response["Error"]["Message"].lower()
    assert lab.ecs.list_services(cluster="lab")["serviceArns"] == []


def test_fargate_and_an_auto_scaling_group_do_not_mix(lab: Lab) -> None:
    lab.ecs.create_capacity_provider(
        name="ec2",
        autoScalingGroupProvider={"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:0:autoScalingGroup:x"},
    )
    lab.ecs.create_cluster(clusterName="mixed", capacityProviders=["FARGATE", "ec2"])
    with pytest.raises(ClientError, match="Fargate") as caught:
        lab.ecs.create_service(
            cluster="mixed",
            serviceName="broken",
            taskDefinition=lab.register("fine"),
            desiredCount=1,
            networkConfiguration=lab.network,
            capacityProviderStrategy=[
                {"capacityProvider": "FARGATE", "weight": 1},
                {"capacityProvider": "ec2", "weight": 1},
            ],
        )
    assert caught.value.response["Error"]["Code"] == PARAMETER


def test_an_unknown_setting_of_a_cluster_is_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match="containerInsights"):
        lab.ecs.create_cluster(clusterName="odd", settings=[{"name": "containerInsights", "value": "maximal"}])
    with pytest.raises(ClientError, match="was not found"):
        lab.ecs.create_cluster(clusterName="odd", capacityProviders=["none"])
    assert lab.ecs.describe_clusters(clusters=["odd"])["failures"][0]["reason"] == "MISSING"
