"""Roles and policies."""

from __future__ import annotations

from collections.abc import Iterator

from drydock.cloud import Cloud
from drydock.resources.kind import (
    calls,
    every,
    kind,
    listed,
    pairs,
)


def _delete_role(cloud: Cloud, name: str) -> None:
    iam = cloud.client("iam")
    for policy in every(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy_name in every(iam, "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy_name)
    iam.delete_role(RoleName=name)


def _roles(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    iam = cloud.client("iam")
    for role in every(iam, "list_roles", "Roles"):
        if not role["Path"].startswith("/aws-"):
            yield role["RoleName"], pairs(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])


def _delete_policy(cloud: Cloud, arn: str) -> None:
    iam = cloud.client("iam")
    for version in every(iam, "list_policy_versions", "Versions", PolicyArn=arn):
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def _policies(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    iam = cloud.client("iam")
    for policy in every(iam, "list_policies", "Policies", Scope="Local"):
        yield policy["Arn"], pairs(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])


KINDS = (
    kind(
        "role",
        "iam",
        "CreateRole",
        lambda params, answer: params["RoleName"],
        calls("iam", "get_role", "RoleName"),
        _delete_role,
        tag=listed("Tags"),
        tagged=_roles,
        named=True,
        mention=":role/{}",
    ),
    kind(
        "policy",
        "iam",
        "CreatePolicy",
        lambda params, answer: answer["Policy"]["Arn"],
        calls("iam", "get_policy", "PolicyArn"),
        _delete_policy,
        tag=listed("Tags"),
        tagged=_policies,
    ),
)
