"""The policies that AWS manages can be attached, and are told from one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def test_a_role_is_given_a_policy_that_aws_manages(client: Callable[..., Any]) -> None:
    client("ecs").list_clusters()  # moto makes its IAM for others, too, before anybody asks IAM for anything
    client("sts").get_caller_identity()
    iam = client("iam")
    iam.create_role(RoleName="execution", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"}))
    iam.attach_role_policy(RoleName="execution", PolicyArn=EXECUTION)
    attached = iam.list_attached_role_policies(RoleName="execution")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [EXECUTION]
    version = iam.get_policy(PolicyArn=EXECUTION)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=EXECUTION, VersionId=version)["PolicyVersion"]["Document"]
    assert "ecr:GetAuthorizationToken" in document["Statement"][0]["Action"]


def test_they_are_not_one_s_own(client: Callable[..., Any]) -> None:
    assert client("iam").list_policies(Scope="Local")["Policies"] == []
