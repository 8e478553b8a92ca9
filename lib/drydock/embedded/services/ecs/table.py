"""Tasks, found by what they are asked for by. What happens to a task is written here and nowhere else.

Whoever makes something happen to a task calls the method of that name. It writes the record, has it kept on disk and
shown to EventBridge, and reports what the task's deployment has to know.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drydock.embedded.carriers.runtime.base import Exit
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs import events
from drydock.embedded.services.ecs.dealings import SHOWN
from drydock.embedded.services.ecs.records import Deployment, Service, Task, utcnow
from drydock.policy.ecs import image_versions
from drydock.policy.health import Health

# A stopped task is shown for at least an hour (documented), and for long enough to be looked at.
KEPT_STOPPED, LOOKED_AT = 3600.0, 600.0  # AWS seconds, our seconds
_MUCH = 40
"""Records that are written at once, while others wait."""
_FAILURES = ("TaskFailedToStart", "EssentialContainerExited")


@dataclass(frozen=True)
class OfTask:
    """Something happened to a task of a service."""

    task: Task

    @property
    def service_arn(self) -> str | None:
        return self.task.service_arn


class Running(OfTask):
    """It has reached RUNNING."""


class Healthy(OfTask):
    """It counts as healthy, for the first time."""


class Unhealthy(OfTask):
    """A health check of it failed, and nothing of it had failed before."""


@dataclass(frozen=True)
class Resolved(OfTask):
    """It is the first of its deployment whose images were pulled; their digests, by container."""

    images: dict[str, str]


@dataclass(frozen=True)
class Failed(OfTask):
    """It could not be started or ended by itself, and never was healthy; `known`: it was reported as Unhealthy."""

    code: str
    reason: str
    known: bool


@dataclass(frozen=True)
class Unplaced:
    """A task of a deployment could not be placed; or not launched as it is, if it is to be tried `again` soon.

    `zone`: where it was to bring zones closer together.
    """

    service: Service
    deployment: str
    reason: str
    again: bool = False
    zone: str = ""

    @property
    def service_arn(self) -> str:
        return self.service.arn


Report = OfTask | Unplaced


class Table:
    """The tasks of every region.

    The records lie in moto's tables, where a call that fails is undone: the indexes are made anew when they have more
    or fewer tasks than these. `order` counts the tasks that there have been.
    """

    def __init__(self, host: Host, backends: Any) -> None:
        self.host = host
        self.order = 0
        self.changes = 0
        """Goes up with whatever happens to a task or a service."""
        self._unkept: dict[str, Task | Service] = {}
        self._gone: dict[str, Task | Service] = {}
        self._stirred: set[str] = set()
        self._happened: list[Report] = []
        self._backends = backends
        self._found = _Index()

    # -- what there is --------------------------------------------------------------------------

    def regions(self) -> list[Any]:
        return [backend for _, _, backend in list(self._backends.iter_backends())]

    def region(self, name: str) -> Any:
        return self._backends[self.host.account][name]

    def services(self) -> list[Service]:
        return [service for backend in self.regions() for service in backend.services.values()]

    def living(self) -> list[Task]:
        """All that are not STOPPED."""
        return list(self._index().living.values())

    def of_service(self, service: Service) -> list[Task]:
        """Those of a service that are not STOPPED."""
        return self._index().those("service", service.arn, living=True)

    def of_group(self, cluster_arn: str, group: str) -> list[Task]:
        """Those of a group that are not STOPPED."""
        return self._index().those("group", cluster_arn, group, living=True)

    def with_id(self, identifier: str) -> list[Task]:
        """Those with this id, in whichever region, that are not STOPPED."""
        return self._index().those("id", identifier, living=True)

    def with_token(self, cluster_arn: str, token: str) -> list[Task]:
        """Those that the request with this clientToken made."""
        return self._index().those("token", cluster_arn, token)

    def of(self, backend: Any, cluster: Any, *, service_arn: str | None, started_by: str | None) -> list[Task]:
        """Those of a cluster, STOPPED ones too, of a service or that somebody started if one is named."""
        if started_by is not None:
            found = self._index().those("started", cluster.arn, started_by)
            return [task for task in found if service_arn in (None, task.service_arn)]
        if service_arn is not None:
            return self._index().those("service", service_arn)
        return list(backend.tasks.get(cluster.name, {}).values())

    def service_of(self, task: Task) -> Service | None:
        """The service of that name, where the task is of one."""
        if task.service_arn is None:
            return None
        name = task.service_arn.rsplit("/", 1)[-1]
        found: Service | None = self.region(task.region_name).services.get(f"{task.cluster_name}:{name}")
        return found

    def _index(self) -> _Index:
        groups = [group for backend in self.regions() for group in backend.tasks.values()]
        if len(self._found) != sum(map(len, groups)):
            self._found = _Index(task for group in groups for task in group.values())
        return self._found

    # -- what comes and goes --------------------------------------------------------------------

    def next_number(self) -> int:
        self.order += 1
        return self.order

    def add(self, tasks: Iterable[Task]) -> None:
        """New tasks; the next turn begins their lives."""
        index = self._index()
        for task in tasks:
            self.region(task.region_name).tasks.setdefault(task.cluster_name, {})[task.arn] = task
            index.add(task)
            self._changed(task)

    def forget(self, tasks: Iterable[Task]) -> None:
        index = self._index()
        for task in tasks:
            index.remove(task)
            del self.region(task.region_name).tasks[task.cluster_name][task.arn]
            self._unkept.pop(task.arn, None)
            self._gone[task.arn] = task

    def forget_old(self) -> None:
        """Let go of those that were shown for long enough after they stopped."""
        now = self.host.clock.time()
        old = list(itertools.takewhile(lambda task: task.gone_at <= now, self._index().stopped.values()))
        if old:
            self.forget(old)

    def forget_deleted(self, region: Any) -> None:
        """Of a region: let go of services and clusters that were deleted before those which are still shown."""
        deleted = [service for service in region.services.values() if service.deleted_at is not None]
        for service in _before_last(deleted):
            if service.status == "INACTIVE":
                del region.services[service.key]
                self._unkept.pop(service.arn, None)
                self._gone[service.arn] = service
        used = {service.cluster_name for service in region.services.values()}
        for cluster in _before_last(each for each in region.clusters.values() if each.status == "INACTIVE"):
            if cluster.name not in used:
                del region.clusters[cluster.name]

    def resume(self) -> None:
        """After a restart: those that had stopped are shown no longer than one that stops now."""
        for task in self._index().stopped.values():
            task.gone_at = min(task.gone_at or math.inf, self._gone_at())
            self.keep(task)

    def _gone_at(self) -> float:
        clock = self.host.clock
        return clock.time() + max(KEPT_STOPPED, LOOKED_AT * clock.speed)

    def keep(self, *changed: Task | Service) -> None:
        """These have changed, and the services of such tasks: this turn ends with them on disk. A task's life goes on
        in the next turn, which then comes now."""
        self.changes += 1
        for record in changed:
            self._unkept[record.arn] = record
            service = self.service_of(record) if isinstance(record, Task) else None
            if service is not None:
                self._unkept[service.arn] = service
            self._stirred.add(service.arn if service is not None else record.arn)
        if any(isinstance(record, Task) for record in changed):
            self.host.poke()
        else:
            self.host.soon()

    def note(self, service: Service) -> None:
        """Of a service something has changed that nothing is decided on: this turn ends with it on disk."""
        self._unkept[service.arn] = service
        self.host.soon()

    def take_stirred(self) -> set[str]:
        """The ARNs of services that have changed, or a task of theirs, since this was last asked."""
        stirred, self._stirred = self._stirred, set()
        return stirred

    def unkept(self) -> tuple[list[Task | Service], list[Task | Service]]:
        """What has changed since `kept` was called, and what is gone."""
        there = [record for record in self._unkept.values() if self._is_there(record)]  # not undone with its request
        gone = [
            record
            for record in self._gone.values()
            if isinstance(record, Task) or record.key not in self.region(record.region_name).services
        ]
        return there, gone

    def _is_there(self, record: Task | Service) -> bool:
        region = self.region(record.region_name)
        if isinstance(record, Task):
            return region.tasks.get(record.cluster_name, {}).get(record.arn) is record
        return region.services.get(record.key) is record

    @property
    def is_much_unkept(self) -> bool:
        """Whether it is time to write."""
        return len(self._unkept) >= _MUCH

    def kept(self) -> None:
        """All that `unkept` names is on disk."""
        self._unkept.clear()
        self._gone.clear()

    def take_happened(self) -> list[Report]:
        """What was reported since this was last asked, in this order."""
        happened, self._happened = self._happened, []
        return happened

    def report(self, report: Report) -> None:
        """For the deployments, which hear it in this turn or the next; tasks of no service have none."""
        if report.service_arn is not None:
            self._happened.append(report)
            self.host.poke()

    def _changed(self, task: Task) -> None:
        self.keep(task)
        events.task(self.host, task)

    # -- along a life ---------------------------------------------------------------------------

    def enter(self, task: Task, status: str, **shown: Any) -> None:
        """The task's next state, and what else it shows from now on."""
        task.document |= {"lastStatus": status, "version": task.document["version"] + 1, **shown}
        task.entered = self.host.clock.time()
        if status == "RUNNING":
            task.document["startedAt"] = utcnow()
            task.running_at = task.entered
            self.report(Running(task))
        elif status == "STOPPED":
            self._end(task)
        self._changed(task)

    def agent_runs(self, task: Task) -> None:
        """The agent of ECS Exec runs in its containers."""
        for container in task.document["containers"]:
            for agent in container.get("managedAgents") or ():
                agent |= {"lastStatus": "RUNNING", "lastStartedAt": utcnow()}
        self._changed(task)

    def ask_to_stop(self, task: Task, code: str, reason: str) -> None:
        """Set what is desired to STOPPED; the first reason stays."""
        if task.stopping:
            return
        task.document |= {"desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": reason, "stoppingAt": utcnow()}
        if code in _FAILURES and task.healthy_at is None:
            self.report(Failed(task, code, reason, known=task.failure_counted))
            task.failure_counted = True
        self._changed(task)

    def bury(self, task: Task) -> None:
        """A task of before a restart: its processes died with the cloud."""
        task.document.setdefault("stopCode", "InfrastructureHealth")
        task.document.setdefault("stoppedReason", "The embedded AWS was restarted")
        task.document |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPED"}
        for container in task.document["containers"]:
            container.setdefault("exitCode", 137)
        self._end(task)
        self.keep(task)

    def _end(self, task: Task) -> None:
        task.document |= {"stoppedAt": utcnow(), "connectivity": "DISCONNECTED"}
        task.gone_at = self._gone_at()
        for container in task.document["containers"]:
            container["lastStatus"] = "STOPPED"
        self._index().stop(task)

    def attach(self, task: Task, details: dict[str, str]) -> None:
        """It has its network interface, which these `details` show."""
        attachment = next(each for each in task.document["attachments"] if each["type"] == "ElasticNetworkInterface")
        task.address = details["privateIPv4Address"]
        shown = {item["name"]: item["value"] for item in attachment["details"]} | details
        attachment |= {
            "status": "ATTACHED",
            "details": [{"name": name, "value": value} for name, value in shown.items()],
        }
        interface = {"attachmentId": attachment["id"], "privateIpv4Address": task.address}
        for container in task.document["containers"]:
            container["networkInterfaces"] = [interface]
        self.keep(task)

    def detach(self, task: Task) -> None:
        for attachment in task.document["attachments"]:
            attachment["status"] = "DELETED"

    def register(self, task: Task) -> None:
        """Load balancers send it requests."""
        task.registered = True

    def images_of(self, task: Task) -> dict[str, str]:
        """The digests that are established for its deployment, by container."""
        deployment = self._deployment_of(task)
        return deployment.images if deployment is not None else {}

    def resolved(self, task: Task, images: dict[str, str]) -> dict[str, str]:
        """The task's tags have resolved to these digests: those that it is to run, which an earlier task may have
        established, in this turn or before."""
        deployment = self._deployment_of(task)
        if deployment is None or deployment.unresolved >= image_versions.ATTEMPTS:
            return images
        if deployment.images:
            return deployment.images
        for report in self._happened:
            if isinstance(report, Resolved) and report.task.deployment_id == task.deployment_id:
                return report.images
        self.report(Resolved(task, images))
        return images

    def _deployment_of(self, task: Task) -> Deployment | None:
        service = self.service_of(task)
        origin = service.origin_of(task) if service is not None else None
        return origin if isinstance(origin, Deployment) else None

    def show(self, task: Task, **shown: Any) -> None:
        task.document |= shown
        self.keep(task)

    def protect(self, task: Task, until: datetime | None) -> None:
        """No scale-in and no deployment stops it before `until`."""
        task.protected_until = until
        self.keep(task)

    # -- its containers -------------------------------------------------------------------------

    def show_container(self, task: Task, name: str, **shown: Any) -> None:
        container = task.container(name)
        container |= shown
        self.keep(task)

    def exited(self, task: Task, name: str, exit: Exit) -> None:
        task.container(name).pop("reason", None)  # of before it ended
        reason = {"reason": exit.reason} if exit.reason else {}
        self.show_container(task, name, lastStatus="STOPPED", exitCode=exit.code, **reason)

    def restarted(self, task: Task, name: str) -> None:
        """The container has ended and is started again; for the API it has been running all the time."""
        task.restarts[name] = task.restarts.get(name, 0) + 1
        self.keep(task)

    def check(self, task: Task, name: str, health: Health, task_health: Health, checked: Health | None) -> None:
        """A container's health, by its check; what it makes of the task's; that of all essential ones with a check."""
        task.checked_health = checked
        if task.container(name).get("healthStatus") != health.value:
            task.container(name)["healthStatus"] = health.value
            task.document["healthStatus"] = task_health.value
            self._changed(task)

    # -- its health -----------------------------------------------------------------------------

    def healthy(self, task: Task) -> None:
        task.healthy_at = self.host.clock.time()
        self.report(Healthy(task))
        self.keep(task)

    def unhealthy(self, task: Task) -> None:
        task.failure_counted = True
        self.report(Unhealthy(task))
        self.keep(task)

    def tell(self, task: Task, health: Health) -> None:
        """Cloud Map was told this health."""
        task.told_health = health


class _Index:
    """Tasks by what they are asked for by."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self.living: dict[str, Task] = {}
        self.stopped: dict[str, Task] = {}
        """In the order in which they stopped."""
        self._all: dict[Hashable, dict[str, Task]] = {}
        self._living: dict[Hashable, dict[str, Task]] = {}
        stopped = []
        for task in tasks:
            self.add(task)
            if task.status == "STOPPED":
                stopped.append(task)
        for task in sorted(stopped, key=lambda task: task.document["stoppedAt"]):
            self.stop(task)

    def __len__(self) -> int:
        return len(self.living) + len(self.stopped)

    def those(self, *key: str, living: bool = False) -> list[Task]:
        return list((self._living if living else self._all).get(key, {}).values())

    def add(self, task: Task) -> None:
        self.living[task.arn] = task
        for key in _keys(task):
            for index in (self._all, self._living):
                index.setdefault(key, {})[task.arn] = task

    def stop(self, task: Task) -> None:
        if self.living.pop(task.arn, None) is not None:
            self.stopped[task.arn] = task
            _remove(self._living, task)

    def remove(self, task: Task) -> None:
        self.stop(task)
        del self.stopped[task.arn]
        _remove(self._all, task)


def _keys(task: Task) -> Iterator[Hashable]:
    cluster = task.document["clusterArn"]
    yield "id", task.id
    yield "group", cluster, task.group
    if task.service_arn is not None:
        yield "service", task.service_arn
    if task.document.get("startedBy"):
        yield "started", cluster, task.document["startedBy"]
    if task.client_token:
        yield "token", cluster, task.client_token


def _remove(index: dict[Hashable, dict[str, Task]], task: Task) -> None:
    for key in _keys(task):
        tasks = index.get(key, {})
        tasks.pop(task.arn, None)
        if not tasks:
            index.pop(key, None)


def _before_last(deleted: Iterable[Any]) -> list[Any]:
    """All but those that were deleted last."""
    return sorted(deleted, key=lambda each: (each.deleted_at, each.arn))[:-SHOWN]
