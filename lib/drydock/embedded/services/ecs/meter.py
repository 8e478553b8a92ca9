"""Reads once a minute of AWS what the processes of tasks use, and tells CloudWatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drydock.embedded.carriers.usage import Usage, usage_of
from drydock.embedded.core.faults import Faults
from drydock.embedded.services.ecs import metrics, views
from drydock.embedded.services.ecs.metrics import MIB, UNITS_OF_A_CPU, ServiceCount, TaskUse, Used
from drydock.embedded.services.ecs.records import Service, Task
from drydock.policy.ecs.restarts import RestartPolicy

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host
    from drydock.embedded.services.ecs.life import Life
    from drydock.embedded.services.ecs.table import Table

_MINUTE = 60.0  # AWS seconds
Key = tuple[str, str]
"""A container: the task's ARN and its name."""


class Meter:
    """What was read last of each container, to tell what was used since."""

    def __init__(self, host: Host, table: Table, life_of: Callable[[Task], Life | None]) -> None:
        self._host, self._table, self._life_of = host, table, life_of
        self.read: Callable[[int], Usage | None] = usage_of
        self._at = host.clock.time() // _MINUTE * _MINUTE + _MINUTE
        self._before: dict[Key, tuple[float, Usage]] = {}
        self._faults = Faults("measuring", now=host.clock.elapsed)

    def tick(self) -> None:
        """One turn of the loop. At the end of a minute the processes are looked at beside it."""
        if self._host.clock.time() < self._at:
            return
        ended = self._host.clock.time() // _MINUTE * _MINUTE
        self._at = ended + _MINUTE
        with self._host.lock:
            pids = {
                (task.arn, name): container.pid
                for task in self._table.living()
                if task.status == "RUNNING" and (life := self._life_of(task)) is not None
                for name, container in life.group.containers.items()
            }
            clusters = bool(self._insights())
        if pids or clusters or self._before:
            self._host.pool.submit(self._faults.attempt, "tasks", self._measure, pids, ended - _MINUTE)

    def _measure(self, pids: dict[Key, int], began: float) -> None:
        read = {key: (self._host.clock.elapsed(), usage) for key, pid in pids.items() if (usage := self.read(pid))}
        before, self._before = self._before, read
        used: dict[str, dict[str, Used]] = {}
        for (arn, name), (at, usage) in read.items():
            then = before.get((arn, name))
            if then is not None and at > then[0]:
                cpu = UNITS_OF_A_CPU * max(0.0, usage.cpu - then[1].cpu) / (at - then[0])
                used.setdefault(arn, {})[name] = Used(cpu, usage.memory / MIB)
        with self._host.lock:
            for region, found in self._found(used).items():
                for namespace, data in found.items():
                    if data:
                        self._host.backend("cloudwatch", region).vend(namespace, data, began)
            self._host.settle_data(True)

    def _found(self, used: dict[str, dict[str, Used]]) -> dict[str, dict[str, list[metrics.Datum]]]:
        """By region and namespace, what is to be told. `used`: by task and container."""
        tasks: dict[str, list[TaskUse]] = {}
        for task in self._table.living():
            if task.arn in used:
                tasks.setdefault(task.region_name, []).append(_use(task, used[task.arn]))
        found = {region: {metrics.NAMESPACE: metrics.use(members)} for region, members in tasks.items()}
        for backend, cluster, level in self._insights():
            region = backend.region_name
            members = [task for task in tasks.get(region, ()) if task.cluster == cluster.name]
            table, here = self._table, (cluster.name, region)
            services = [
                _count(service, table.of_service(service))
                for service in table.services()
                if (service.cluster_name, service.region_name) == here and service.status == "ACTIVE"
            ]
            living = [task for task in table.living() if (task.cluster_name, task.region_name) == here]
            running = sum(task.status == "RUNNING" for task in living)
            told = metrics.insights(level, cluster.name, members, services, running)
            found.setdefault(region, {}).setdefault(metrics.INSIGHTS, []).extend(told)
        return found

    def _insights(self) -> list[tuple[Any, Any, str]]:
        """The clusters that have Container Insights, and at what level."""
        return [
            (backend, cluster, setting["value"])
            for backend in self._table.regions()
            for cluster in backend.clusters.values()
            for setting in cluster.settings or ()
            if setting.get("name") == "containerInsights" and setting.get("value") in ("enabled", "enhanced")
            if cluster.status == "ACTIVE"
        ]


def _use(task: Task, containers: dict[str, Used]) -> TaskUse:
    name = task.service_arn.rsplit("/", 1)[-1] if task.service_arn else None
    size = [float(task.document.get(each) or task.definition.get(each) or 0) for each in ("cpu", "memory")]
    return TaskUse(
        task.id,
        task.cluster_name,
        name,
        task.definition["family"],
        size[0] or float(UNITS_OF_A_CPU),
        size[1] or 1024.0,
        containers,
        {
            each["name"]: task.restarts.get(each["name"], 0)
            for each in task.definition["containerDefinitions"]
            if RestartPolicy.read(each)
        },
    )


def _count(service: Service, tasks: list[Task]) -> ServiceCount:
    running, pending = views.counts(tasks)
    deployments, task_sets = len(service.deployments), len(service.task_sets)
    return ServiceCount(service.name, service.desired_count, running, pending, deployments, task_sets)
