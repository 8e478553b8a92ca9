"""The service of a deployment at ECS, and its task sets."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from drydock.embedded.core.host import Host

from .state import Deployment, Document

_OF_PRIMARY = ("networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion", "serviceRegistries")
"""What a replacement has of the original, where its AppSpec does not say otherwise."""


class TaskSets:
    """CodeDeploy's calls of ECS: it alone changes the task sets of its services."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def service(self, region: str, cluster: str, name: str) -> Document | None:
        """A service that is ACTIVE; None where there is none."""
        try:
            found = self._client(region).describe_services(cluster=cluster, services=[name])["services"]
        except ClientError:
            return None
        return next((dict(one) for one in found if one["status"] == "ACTIVE"), None)

    def all(self, region: str, one: Deployment) -> list[Document]:
        """The task sets of its service. ClientError."""
        return list(self._client(region).describe_task_sets(**_where(one))["taskSets"])

    def create(self, region: str, one: Deployment, primary: Document, group: str) -> Document:
        """The replacement, behind a target group. ClientError."""
        spec = one.spec
        said = {"networkConfiguration": spec["network"], "platformVersion": spec["platform_version"]}
        given = {name: primary[name] for name in _OF_PRIMARY if primary.get(name)}
        given |= {name: value for name, value in said.items() if value is not None}
        if spec["capacity"] is not None:
            given["capacityProviderStrategy"] = spec["capacity"]
        if given.get("capacityProviderStrategy"):
            given.pop("launchType", None)
        balancer = {"targetGroupArn": group, "containerName": spec["container"], "containerPort": spec["port"]}
        made = self._client(region).create_task_set(
            **_where(one),
            taskDefinition=spec["task_definition"],
            externalId=one.id,
            loadBalancers=[balancer],
            scale={"value": 100.0, "unit": "PERCENT"},
            **given,
        )
        return dict(made["taskSet"])

    def promote(self, region: str, one: Deployment, task_set: str) -> None:
        """Let a task set be the primary one. ClientError."""
        self._client(region).update_service_primary_task_set(**_where(one), primaryTaskSet=task_set)

    def delete(self, region: str, one: Deployment, task_set: str) -> None:
        """Its tasks are stopped, whatever it is. ClientError."""
        self._client(region).delete_task_set(**_where(one), taskSet=task_set, force=True)

    def _client(self, region: str) -> Any:
        return self._host.client("ecs", region, derived=True)


def _where(one: Deployment) -> Document:
    return {"cluster": one.service["clusterName"], "service": one.service["serviceName"]}


def seen(task_set: Document, group: str) -> Document:
    """What a target shows of a task set."""
    return {
        "id": task_set["id"],
        "desired": task_set["computedDesiredCount"],
        "pending": task_set["pendingCount"],
        "running": task_set["runningCount"],
        "status": task_set["status"],
        "group": group,
    }
