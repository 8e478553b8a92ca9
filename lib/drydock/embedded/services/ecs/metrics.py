"""What CloudWatch is told of services once a minute: what their tasks use, and Container Insights where it is on.

Source: ECS developer guide, "Amazon ECS CloudWatch metrics"; CloudWatch user guide, "Amazon ECS Container Insights
metrics", "… with enhanced observability" (documented). A cluster has no metrics of use of its own on Fargate. What a
task uses beyond its size is not told, for on Fargate it gets no more (derived).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NAMESPACE, INSIGHTS = "AWS/ECS", "ECS/ContainerInsights"
UNITS_OF_A_CPU, MIB = 1024, 1 << 20
Datum = dict[str, Any]


@dataclass(frozen=True)
class Used:
    """What is used in a minute of CPU units and MiB."""

    cpu: float
    memory: float


@dataclass(frozen=True)
class TaskUse:
    """A task that runs: how large it is, and what its containers use, by name."""

    id: str
    cluster: str
    service: str | None
    family: str
    cpu: float
    memory: float
    containers: Mapping[str, Used]
    restarts: Mapping[str, int] = field(default_factory=dict)
    """How often each container has been restarted that has a restart policy."""

    @property
    def used(self) -> Used:
        """Of all containers, as much as the task may have."""
        cpu, memory = (sum(getattr(each, name) for each in self.containers.values()) for name in ("cpu", "memory"))
        return Used(min(cpu, self.cpu), min(memory, self.memory))


@dataclass(frozen=True)
class ServiceCount:
    """How many tasks a service wants and has."""

    name: str
    desired: int
    running: int
    pending: int
    deployments: int
    task_sets: int = 0


def use(tasks: Iterable[TaskUse]) -> list[Datum]:
    """AWS/ECS: by service, each of its tasks a sample."""
    found: list[Datum] = []
    for (cluster, service), members in _by(tasks, lambda task: (task.cluster, task.service)).items():
        if service is None:
            continue
        dimensions = _dimensions(ClusterName=cluster, ServiceName=service)
        for name, share in (("CPUUtilization", _cpu_share), ("MemoryUtilization", _memory_share)):
            values = [share(task) for task in members]
            found.append({"MetricName": name, "Dimensions": dimensions, "Values": values, "Unit": "Percent"})
    return found


def insights(
    level: str, cluster: str, tasks: Sequence[TaskUse], services: Sequence[ServiceCount], running: int
) -> list[Datum]:
    """ECS/ContainerInsights of a cluster that has it `enabled` or `enhanced`; `running`: how many tasks."""
    of_cluster = {"ClusterName": cluster}
    counts = {"TaskCount": running, "ServiceCount": len(services), "ContainerInstanceCount": 0}
    found = _counted(of_cluster, counts) + _amounts(of_cluster, tasks)
    for service in services:
        own = {**of_cluster, "ServiceName": service.name}
        found += _counted(
            own,
            {
                "DesiredTaskCount": service.desired,
                "RunningTaskCount": service.running,
                "PendingTaskCount": service.pending,
                "DeploymentCount": service.deployments,
                "TaskSetCount": service.task_sets,
            },
        )
        found += _amounts(own, [task for task in tasks if task.service == service.name])
    for family, members in _by(tasks, lambda task: task.family).items():
        found += _amounts({**of_cluster, "TaskDefinitionFamily": family}, members)
    if level == "enhanced":
        for task in tasks:
            service_name = {"ServiceName": task.service} if task.service else {}
            own = {**of_cluster, **service_name, "TaskId": task.id}
            shares = {"TaskCpuUtilization": _cpu_share(task), "TaskMemoryUtilization": _memory_share(task)}
            found += [_datum(name, own, value, "Percent") for name, value in shares.items()]
            found += _amounts(own, [task])
            for name, used in task.containers.items():
                inner = {**own, "ContainerName": name}
                found.append(_datum("ContainerCpuUtilized", inner, used.cpu, "None"))
                found.append(_datum("ContainerMemoryUtilized", inner, used.memory, "Megabytes"))
            for name, count in task.restarts.items():
                for one in (own, {**of_cluster, "TaskDefinitionFamily": task.family, "TaskId": task.id}):
                    found.append(_datum("RestartCount", {**one, "ContainerName": name}, count, "Count"))
    return found


def _amounts(dimensions: Mapping[str, str], tasks: Sequence[TaskUse]) -> list[Datum]:
    if not tasks:
        return []
    sums = {
        "CpuReserved": (sum(task.cpu for task in tasks), "None"),
        "CpuUtilized": (sum(task.used.cpu for task in tasks), "None"),
        "MemoryReserved": (sum(task.memory for task in tasks), "Megabytes"),
        "MemoryUtilized": (sum(task.used.memory for task in tasks), "Megabytes"),
    }
    counts = [count for task in tasks for count in task.restarts.values()]
    restarts = {"RestartCount": sum(counts)} if counts else {}
    return [
        *(_datum(name, dimensions, value, unit) for name, (value, unit) in sums.items()),
        *_counted(dimensions, restarts),
    ]


def _counted(dimensions: Mapping[str, str], counts: Mapping[str, int]) -> list[Datum]:
    return [_datum(name, dimensions, count, "Count") for name, count in counts.items()]


def _cpu_share(task: TaskUse) -> float:
    return 100 * task.used.cpu / task.cpu


def _memory_share(task: TaskUse) -> float:
    return 100 * task.used.memory / task.memory


def _by(tasks: Iterable[TaskUse], key: Any) -> dict[Any, list[TaskUse]]:
    found: dict[Any, list[TaskUse]] = {}
    for task in tasks:
        found.setdefault(key(task), []).append(task)
    return found


def _datum(name: str, dimensions: Mapping[str, str], value: float, unit: str) -> Datum:
    return {"MetricName": name, "Dimensions": _dimensions(**dimensions), "Value": float(value), "Unit": unit}


def _dimensions(**named: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in named.items()]
