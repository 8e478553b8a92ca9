"""Whether the tasks of a service are healthy, by their containers and by what load balancers find."""

from __future__ import annotations

from collections.abc import Iterable

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Document, Service, Task
from drydock.embedded.services.ecs.table import Table
from drydock.embedded.services.ecs.targets import Targets
from drydock.policy.ecs import rollout
from drydock.policy.health import Health


class Judge:
    """Judges each task once a turn, and notes what became healthy or failed since the last one."""

    def __init__(self, host: Host, table: Table, targets: Targets) -> None:
        self._host = host
        self._table = table
        self._targets = targets

    def judge(self, service: Service, tasks: Iterable[Task]) -> dict[str, bool | None]:
        """Of each task, by its id, whether it counts as healthy; see `rollout.counts_as_healthy`."""
        grace = float(service.settings.get("healthCheckGracePeriodSeconds") or 0)
        now = self._host.clock.time()
        found: dict[str, bool | None] = {}
        balancers: dict[str | None, list[Document]] = {}  # by the deployment, for all of its tasks
        for task in tasks:
            if task.status != "RUNNING" or task.running_at is None:
                found[task.id] = None
                continue
            if task.checked_health not in (None, Health.UNKNOWN, task.told_health):
                self._tell_cloud_map(service, task, task.checked_health)
            seconds = now - task.running_at
            entries = balancers.get(task.deployment_id)
            if entries is None:
                entries = balancers[task.deployment_id] = service.balancers_of(task)
            targets = [self._targets.health(task, entry) for entry in entries] if entries else None
            healthy = rollout.counts_as_healthy(seconds, task.checked_health, targets, in_grace=seconds < grace)
            if healthy is True and task.healthy_at is None:
                self._table.healthy(task)
            elif healthy is False and not task.failure_counted and not task.stopping:
                self._say_what_failed(service, task)
                self._table.unhealthy(task)
            found[task.id] = healthy
        return found

    def failed_checks(self, service: Service, task: Task) -> str:
        """Which health checks a task that is to be stopped for them has failed, as ECS words it."""
        if task.checked_health is Health.UNHEALTHY:
            return "container health checks"
        groups = [entry for entry in service.balancers_of(task) if entry.get("targetGroupArn")]
        failed = [entry for entry in groups if self._targets.health(task, entry) is Health.UNHEALTHY]
        return "ELB health checks in " + " ".join(f"({self._targets.name(entry)})" for entry in failed or groups)

    def _say_what_failed(self, service: Service, task: Task) -> None:
        for entry in service.balancers_of(task):
            if self._targets.health(task, entry) is Health.UNHEALTHY:
                service.event(
                    f"(task {task.id}) (port {entry['containerPort']}) is unhealthy in "
                    f"({self._targets.name(entry)}) due to (reason {self._targets.reason(task, entry)})."
                )
        if task.checked_health is Health.UNHEALTHY:
            service.event(f"(task {task.id}) failed container health checks.")

    def _tell_cloud_map(self, service: Service, task: Task, health: Health) -> None:
        """Cloud Map learns of container health checks only; a task without any stays as it was registered."""
        self._table.tell(task, health)
        for registry in service.registries_of(task):
            self._targets.tell_health(task, registry, health is Health.HEALTHY)
