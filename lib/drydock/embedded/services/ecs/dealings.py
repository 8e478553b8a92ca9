"""What requests of ECS are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.policy.dealings import About, Dealings
from drydock.policy.lifespans import Done

SHOWN = 20
"""INACTIVE clusters and services of a region that are still described: those that were deleted last. (Ours: with AWS
they are described "for a period of time", after which they may be purged.)"""

_NEVER_ASK = frozenset({
    "cloudwatch", "ec2", "ecr", "elbv2", "iam", "kms", "logs", "secretsmanager", "servicediscovery", "sns", "sqs",
    "ssm", "sts",
})  # fmt: skip
_CHANGES_A_CLUSTER = {"UpdateCluster", "UpdateClusterSettings", "PutClusterCapacityProviders"}
_OF_THE_ACCOUNT = {"PutAccountSetting", "PutAccountSettingDefault", "DeleteAccountSetting", "UpdateTaskProtection"}


def about(done: Done) -> About | None:
    request, operation = done.request, done.operation
    if operation in _OF_THE_ACCOUNT:
        return About(refers=frozenset({_cluster(request)}), stays=True)
    if operation == "CreateCluster":
        return About(makes=frozenset({f"cluster {request.get('clusterName') or 'default'}"}))
    if operation in _CHANGES_A_CLUSTER:
        return About(changes=frozenset({_cluster(request)}))
    if operation == "DeleteCluster":
        return About(ends=frozenset({_cluster(request)}))
    if operation in ("CreateService", "UpdateService", "DeleteService"):
        return _about_a_service(operation, request)
    if operation in ("TagResource", "UntagResource"):
        kind, _, rest = str(request["resourceArn"]).rpartition(":")[2].partition("/")
        if kind == "task-definition" or str(request["resourceArn"]).count(":") == 6:
            return About(changes=frozenset({_revision(str(request["resourceArn"]))}))
        return About(changes=frozenset({f"{kind} {rest}"})) if kind in ("cluster", "service") else About(stays=True)
    return _about_a_definition(done)


def _about_a_service(operation: str, request: Mapping[str, Any]) -> About:
    cluster = _cluster(request)
    name = str(request["serviceName" if operation == "CreateService" else "service"]).rpartition("/")[2]
    own = frozenset({f"service {cluster.removeprefix('cluster ')}/{name}"})
    needs = frozenset(
        {cluster, *([_definition(str(request["taskDefinition"]))] if request.get("taskDefinition") else [])}
    )
    if operation == "CreateService":
        return About(makes=own, refers=needs)
    if operation == "DeleteService":
        return About(ends=own, refers=needs)
    return About(changes=own, refers=needs)


def _about_a_definition(done: Done) -> About | None:
    request, made = done.request, frozenset(map(_revision, done.made))
    if done.operation == "RegisterTaskDefinition":
        return About(makes=made, series=f"family {request['family']}", stays=not made)
    if done.operation == "DeregisterTaskDefinition":
        return About(changes=frozenset({_revision(str(request["taskDefinition"]))}))
    if done.operation == "DeleteTaskDefinitions":
        asked = frozenset(_revision(str(each)) for each in request["taskDefinitions"])
        return About(changes=asked, ends=made & asked)
    return None


def _cluster(request: Mapping[str, Any]) -> str:
    return f"cluster {str(request.get('cluster') or 'default').rpartition('/')[2]}"


def _definition(given: str) -> str:
    """What a task definition is called, or its family where no revision is named."""
    return _revision(given) if ":" in given.rpartition("/")[2] else f"family {given.rpartition('/')[2]}"


def _revision(given: str) -> str:
    family, _, number = given.rpartition("/")[2].partition(":")
    return f"revision {number} {family}"


_NAMES_IT = r'"taskDefinitionArn": ?"[^"]*/([^"/]+)"'
DEALINGS = Dealings(
    about=about,
    answered={"RegisterTaskDefinition": _NAMES_IT, "DeleteTaskDefinitions": _NAMES_IT},
    shown={"service ": SHOWN, "cluster ": SHOWN},
    by_words=False,
    strangers=_NEVER_ASK,
)
