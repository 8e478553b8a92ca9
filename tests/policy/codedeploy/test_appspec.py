"""AppSpec files, as the CodeDeploy User Guide has them for ECS."""

from __future__ import annotations

import json

import pytest

from drydock.policy.codedeploy.appspec import AppSpec, read
from drydock.policy.requests.errors import Invalid

YAML = """
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "arn:aws:ecs:us-east-1:111222333444:task-definition/shop:2"
        LoadBalancerInfo:
          ContainerName: "web"
          ContainerPort: 8080
        PlatformVersion: "LATEST"
        NetworkConfiguration:
          AwsvpcConfiguration:
            Subnets: ["subnet-1", "subnet-2"]
            SecurityGroups: ["sg-1"]
            AssignPublicIp: "DISABLED"
        CapacityProviderStrategy:
          - Base: 1
            CapacityProvider: "FARGATE_SPOT"
            Weight: 2
Hooks:
  - BeforeInstall: "first"
  - AfterAllowTraffic: "last"
"""
LEAST = {
    "version": 0.0,
    "Resources": [
        {
            "TargetService": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "TaskDefinition": "shop:2",
                    "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080},
                },
            }
        }
    ],
}


def test_all_that_a_file_may_say_is_read() -> None:
    assert read(YAML) == AppSpec(
        "arn:aws:ecs:us-east-1:111222333444:task-definition/shop:2",
        "web",
        8080,
        "LATEST",
        {
            "awsvpcConfiguration": {
                "subnets": ["subnet-1", "subnet-2"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "DISABLED",
            }
        },
        [{"base": 1, "capacityProvider": "FARGATE_SPOT", "weight": 2}],
        {"BeforeInstall": "first", "AfterAllowTraffic": "last"},
    )


def test_json_says_the_same_whatever_the_case_of_its_names() -> None:
    text = json.dumps(LEAST)
    assert read(text) == AppSpec("shop:2", "web", 8080)
    assert read(text.replace("Resources", "resources").replace("TaskDefinition", "taskDefinition")) == read(text)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("0.0", "1.0", "version must be 0.0"),
        ("AWS::ECS::Service", "AWS::Lambda::Function", "Type must be AWS::ECS::Service"),
        ('"TaskDefinition"', '"TaskDefinitions"', "has TaskDefinitions"),
        ('"TaskDefinition": "shop:2"', '"TaskDefinition": ""', "must be the ARN"),
        ("8080", '"http"', "must be a port"),
        ("8080", f'"{"9" * 5000}"', "must be a port"),
        ("{", "[" * 3000, "nested too deeply"),
        ('"web"', '""', "name of a container"),
        ('"Resources"', '"Hooks"', "Resources must be"),
        ("{", "{{", "neither YAML nor JSON"),
    ],
)
def test_what_is_wrong_is_told(old: str, new: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        read(json.dumps(LEAST).replace(old, new))
    assert refused.value.code == "InvalidRevisionException"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('["sg-1"]', "sg-1", "SecurityGroups must be a list of ids"),
        ('["subnet-1", "subnet-2"]', "[1]", "Subnets must be a list of ids"),
        ('"DISABLED"', "true", "must be ENABLED or DISABLED, not True"),
        ('"FARGATE_SPOT"', "7", "needs a CapacityProvider"),
        ("Weight: 2", "Weight: many", "Weight of CapacityProviderStrategy must be a whole number, not 'many'"),
    ],
)
def test_what_ecs_could_not_be_asked_is_told(old: str, new: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read(YAML.replace(old, new))


@pytest.mark.parametrize(
    ("hooks", "why"),
    [
        ([{"Install": "f"}], "Install has no hook"),
        ([{"AllowTraffic": "f"}], "AllowTraffic has no hook"),
        ([{"BeforeInstall": "f"}, {"BeforeInstall": "g"}], "two hooks"),
        ({"BeforeInstall": "f"}, "must be a list"),
        ([{"BeforeInstall": 3}], "must be the name or the ARN"),
    ],
)
def test_a_hook_is_of_an_event_that_has_one(hooks: object, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read(json.dumps({**LEAST, "Hooks": hooks}))
