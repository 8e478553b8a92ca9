"""CodeDeploy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from drydock.cloud import Cloud
from drydock.resources.kind import calls, every, kind, listed, pairs

_UNDER_WAY = ["Created", "Queued", "InProgress", "Ready"]


def _applications(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    codedeploy = cloud.client("codedeploy")
    for name in every(codedeploy, "list_applications", "applications"):
        arn = f"arn:aws:codedeploy:{cloud.region}:{cloud.account}:application:{name}"
        yield name, pairs(codedeploy.list_tags_for_resource(ResourceArn=arn)["Tags"])


def _delete(cloud: Cloud, name: str) -> None:
    """First nothing of it deploys any more: that would go on without it."""
    codedeploy = cloud.client("codedeploy")
    for group in every(codedeploy, "list_deployment_groups", "deploymentGroups", applicationName=name):
        asked: dict[str, Any] = {"applicationName": name, "deploymentGroupName": group}
        for one in every(codedeploy, "list_deployments", "deployments", includeOnlyStatuses=_UNDER_WAY, **asked):
            with contextlib.suppress(codedeploy.exceptions.DeploymentAlreadyCompletedException):
                codedeploy.stop_deployment(deploymentId=one, autoRollbackEnabled=False)
    codedeploy.delete_application(applicationName=name)


KINDS = (
    kind(
        "CodeDeploy application",
        "codedeploy",
        "CreateApplication",
        lambda params, answer: params["applicationName"],
        calls("codedeploy", "get_application", "applicationName"),
        _delete,
        tag=listed("tags"),
        tagged=_applications,
        named=True,
        mention="(?!)",  # nothing names it but what goes with it
    ),
    kind(
        "deployment configuration",
        "codedeploy",
        "CreateDeploymentConfig",
        lambda params, answer: params["deploymentConfigName"],
        calls("codedeploy", "get_deployment_config", "deploymentConfigName"),
        calls("codedeploy", "delete_deployment_config", "deploymentConfigName"),
        named=True,
        mention='"{}"',
    ),
)
