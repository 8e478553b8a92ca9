"""The task sets of services that others deploy: how one begins, is scaled, becomes primary, and ends.

What is asked of them is kept on disk before it is answered, as tasks are; the journal does not know of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drydock.embedded.services.ecs.records import Document, Service, Task, TaskSet, utcnow
from drydock.embedded.services.ecs.table import Table
from drydock.policy.ecs import rollout
from drydock.policy.ecs import task_sets as rules
from drydock.policy.ecs.task_sets import Status

REVISION_FIELDS = (
    "capacityProviderStrategy", "launchType", "loadBalancers", "networkConfiguration", "platformVersion",
    "serviceRegistries", "taskDefinition",
)  # fmt: skip


def wanted(service: Service) -> dict[str, int]:
    """How many tasks each task set of a service is to have, by its id."""
    return {each.id: rules.computed_count(service.desired_count, each.scale, each.status) for each in service.task_sets}


def unsettle(service: Service, before: Mapping[str, int]) -> None:
    """Those are not stable any more that were to have another number of tasks before."""
    for each in service.task_sets:
        if wanted(service)[each.id] != before.get(each.id) and each.stability != rules.Stability.STABILIZING:
            each.stability, each.stability_at = rules.Stability.STABILIZING, utcnow()


class TaskSets:
    """Those of all services."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(
        self,
        service: Service,
        settings: Document,
        *,
        status: str = Status.ACTIVE,
        scale: float = 100.0,
        external_id: str | None = None,
        started_by: str | None = None,
        client_token: str | None = None,
        tags: Sequence[dict[str, str]] = (),
    ) -> TaskSet:
        """A new one of the revision that `settings` have; the next turns start its tasks."""
        now, identifier = utcnow(), f"ecs-svc/{service.ids.number()}"
        made = TaskSet(
            id=identifier,
            arn=f"{service.arn.replace(':service/', ':task-set/', 1)}/{identifier}",
            revision={key: settings[key] for key in REVISION_FIELDS if settings.get(key) is not None},
            created_at=now,
            updated_at=now,
            stability_at=now,
            scale=scale,
            status=status,
            external_id=external_id,
            started_by=started_by,
            client_token=client_token,
            tags=list(tags),
        )
        service.task_sets.append(made)
        self._changed(service, made)
        return made

    def scale(self, service: Service, task_set: TaskSet, percent: float) -> None:
        """Let it have so much of the service's desiredCount."""
        before = wanted(service)
        task_set.scale = percent
        unsettle(service, before)
        self._changed(service, task_set)

    def make_primary(self, service: Service, task_set: TaskSet) -> None:
        """It serves production traffic from now on, and the one that did is ACTIVE."""
        for each in service.task_sets:
            if each.status == Status.PRIMARY and each is not task_set:
                each.status = Status.ACTIVE
                self._changed(service, each)
        task_set.status = Status.PRIMARY
        self._changed(service, task_set)

    def end(self, service: Service, task_set: TaskSet) -> None:
        """Its tasks are stopped; once none is left, so is it."""
        task_set.status = Status.DRAINING
        self._changed(service, task_set)

    def _changed(self, service: Service, task_set: TaskSet) -> None:
        task_set.updated_at = utcnow()
        service.steady = False
        self._table.keep(service)

    # -- what the turns see ---------------------------------------------------------------------

    def settle(self, service: Service, tasks: Sequence[Task], seen: Sequence[tuple[TaskSet, rollout.Service]]) -> None:
        """Note which are stable by now, and let go of those that are empty and were to end."""
        left = {task.deployment_id for task in tasks}
        for task_set, view in seen:
            if task_set.status == Status.DRAINING and task_set.id not in left:
                service.task_sets.remove(task_set)
                self._table.keep(service)
                continue
            now = rules.stability(view)
            if now != task_set.stability:
                task_set.stability, task_set.stability_at = now, utcnow()
                self._table.note(service)
        ready = all(each.stability == rules.Stability.STEADY_STATE for each in service.task_sets)
        quiet = not any(task.stopping for task in tasks)
        steady = bool(service.task_sets) and ready and quiet
        if steady and not service.steady:
            service.event("has reached a steady state.")
            self._table.note(service)
        service.steady = steady
