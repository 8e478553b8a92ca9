"""What a task may ask about itself: task metadata v4, and credentials of its task role."""

from __future__ import annotations

import secrets
from typing import Any

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Document, Task
from drydock.embedded.services.ecs.table import Table
from drydock.policy.ecs.restarts import RestartPolicy


class Roles:
    """The roles of tasks that run, each by a token that only its containers know."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._roles: dict[str, tuple[Task, str]] = {}

    def remember(self, task: Task, role_arn: str) -> str:
        """A token under which the containers of `task` get credentials of `role_arn`."""
        token = secrets.token_urlsafe(24)
        self._roles[token] = (task, role_arn)
        return token

    def forget(self, token: str) -> None:
        self._roles.pop(token, None)

    def credentials(self, token: str) -> Document | None:
        """Credentials as the container credential provider of the SDKs reads them; None for an unknown token."""
        if token not in self._roles:
            return None
        task, role_arn = self._roles[token]
        answer = self._host.client("sts", task.region_name, derived=True).assume_role(
            RoleArn=role_arn, RoleSessionName=task.id.replace("-", "")
        )
        given = answer["Credentials"]
        return {
            "RoleArn": role_arn,
            "AccessKeyId": given["AccessKeyId"],
            "SecretAccessKey": given["SecretAccessKey"],
            "Token": given["SessionToken"],
            "Expiration": given["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def describe(table: Table, identifier: str, path: list[str]) -> Any | None:
    """Metadata v4 of the container `<task id>-<name>`: "", "task", "stats" or "task/stats"; None if not there."""
    task_id, _, name = identifier.partition("-")
    for task in table.with_id(task_id):
        found = next((c for c in task.own_containers if c["name"] == name), None)
        if found is None:
            return None
        match path:
            case []:
                return _container(task, found)
            case ["task"]:
                return _task(task)
            case ["stats"] | ["task", "stats"]:
                return {}
    return None


def _container(task: Task, container: Document) -> Document:
    definition = task.definition_of(container["name"])
    return {
        "DockerId": container.get("runtimeId", ""),
        "Name": container["name"],
        "DockerName": container["name"],
        "Image": container["image"],
        "ImageID": container.get("imageDigest", ""),
        "Labels": {
            **(definition.get("dockerLabels") or {}),
            "com.amazonaws.ecs.cluster": task.document["clusterArn"],
            "com.amazonaws.ecs.container-name": container["name"],
            "com.amazonaws.ecs.task-arn": task.arn,
            "com.amazonaws.ecs.task-definition-family": task.definition["family"],
            "com.amazonaws.ecs.task-definition-version": str(task.definition["revision"]),
        },
        "DesiredStatus": task.document["desiredStatus"],
        "KnownStatus": container["lastStatus"],
        "Limits": {
            "CPU": definition.get("cpu") or 0,
            **({"Memory": definition["memory"]} if definition.get("memory") else {}),
        },
        "Type": "NORMAL",
        **({"RestartCount": task.restarts.get(container["name"], 0)} if RestartPolicy.read(definition) else {}),
        "ContainerARN": container["containerArn"],
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": [task.address] if task.address else []}],
    }


def _task(task: Task) -> Document:
    document = task.document
    return {
        "Cluster": document["clusterArn"],
        "TaskARN": task.arn,
        "Family": task.definition["family"],
        "Revision": str(task.definition["revision"]),
        "DesiredStatus": document["desiredStatus"],
        "KnownStatus": document["lastStatus"],
        "Limits": {"CPU": int(document.get("cpu") or 0) / 1024, "Memory": int(document.get("memory") or 0)},
        "AvailabilityZone": document.get("availabilityZone"),
        "LaunchType": document.get("launchType"),
        "ServiceName": task.group.removeprefix("service:") if task.service_arn else None,
        "Containers": [_container(task, container) for container in task.own_containers],
    }
