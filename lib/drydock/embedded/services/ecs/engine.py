"""The engine: what brings every service to what is desired, and every task along its life, put together.

A turn (see `scheduler`) reads the state, lets `policy` decide, and acts. It never waits. It holds the host's lock, as a
request does, so the two never see each other's half-done work; a long one lets requests in between its steps.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from drydock.embedded.core.faults import Faults
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.deployments import Deployments
from drydock.embedded.services.ecs.facts import Facts
from drydock.embedded.services.ecs.health import Judge
from drydock.embedded.services.ecs.kept import Kept
from drydock.embedded.services.ecs.launch import Launcher
from drydock.embedded.services.ecs.life import Life, Means
from drydock.embedded.services.ecs.listeners import Listeners
from drydock.embedded.services.ecs.mesh import Mesh
from drydock.embedded.services.ecs.metadata import Roles
from drydock.embedded.services.ecs.meter import Meter
from drydock.embedded.services.ecs.namespaces import Namespaces
from drydock.embedded.services.ecs.records import Document, Task
from drydock.embedded.services.ecs.roles import LinkedRole
from drydock.embedded.services.ecs.scheduler import Scheduler
from drydock.embedded.services.ecs.sessions import Sessions
from drydock.embedded.services.ecs.spot import Spot
from drydock.embedded.services.ecs.strategies import Strategies
from drydock.embedded.services.ecs.table import Table
from drydock.embedded.services.ecs.targets import Targets
from drydock.embedded.services.ecs.task_sets import TaskSets
from drydock.embedded.workload.awslogs import LogDriver
from drydock.embedded.workload.interfaces import Interfaces
from drydock.embedded.workload.pulls import Puller

log = logging.getLogger(__name__)

_AT_A_TIME = 0.005
"""Our seconds for which a turn keeps the lock, but for what one task or one service takes."""
_DEATH = 3.0  # our seconds for killed containers to end


class Engine:
    """Services and tasks of every region of this cloud."""

    def __init__(self, host: Host, backends: Any) -> None:
        self.host = host
        self.table = Table(host, backends)
        self.namespaces = Namespaces(host, self.table)
        self.deployments = Deployments(host, self.table, self.namespaces)
        self.task_sets = TaskSets(self.table)
        self.roles = Roles(host)
        interfaces, targets, logs = Interfaces(host), Targets(host), LogDriver(host)
        listeners = Listeners(host)
        self.facts = Facts(host, targets, listeners, interfaces, self.namespaces)
        self.mesh = Mesh(host, self.table, self.namespaces, logs)
        self.spot = Spot(host, self.table)
        self.launcher = Launcher(host, self.table, interfaces, self.spot)
        self.sessions = Sessions(host, logs)
        self.linked_role = LinkedRole(host)
        self.last_revisions: dict[tuple[str, str], int] = {}
        """By region and family: none is given again after its task definition was deleted."""
        self._backends = backends
        self._logs = logs
        puller = Puller(host, self._images_in_use)
        self._means = Means(host, self.table, interfaces, puller, logs, self.roles, targets, self.mesh)
        self.scheduler = Scheduler(
            self.table,
            self.deployments,
            self.task_sets,
            Strategies(host, self.deployments, listeners),
            self.launcher,
            Judge(host, self.table, targets),
            lambda task: Life(self._means, task),
        )
        self._faults = Faults("ECS: keeping", now=host.clock.elapsed)
        self._kept = Kept(host)
        self.meter = Meter(host, self.table, lambda task: self.scheduler.lives.get(task.arn))
        self._closed = False

    def counts(self) -> dict[str, float]:
        clusters = [cluster for backend in self.table.regions() for cluster in backend.clusters.values()]
        return {
            "clusters": sum(cluster.status == "ACTIVE" for cluster in clusters),
            "services": sum(service.status == "ACTIVE" for service in self.table.services()),
            "tasks": len(self.table.living()),
            **self.spot.shown(),
        }

    def tick(self) -> None:
        self.linked_role.make()
        with self.host.lock:
            self._faults.attempt("the proxies of Service Connect", self.mesh.turn)
            self.spot.turn()
        turn = self.scheduler.turn()
        while self._go_on(turn):
            self.host.let_others_in()
        if not self.scheduler.rests:
            self.host.soon()

    def _go_on(self, turn: Iterator[None]) -> bool:
        """A part of a turn; whether there is more of it."""
        with self.host.lock:
            if self._closed:
                return False
            until = time.monotonic() + _AT_A_TIME
            more = any(time.monotonic() > until or self.table.is_much_unkept for _ in turn)
            self._logs.flush()
            self._faults.attempt("tasks and deployments", self.save)
            return more

    def open_session(self, cluster: Any, task: Task, name: str, command: str) -> Document:
        """A session that runs `command` in a container of a task that is RUNNING."""
        container = self.scheduler.lives[task.arn].group.containers[name]
        return self.sessions.open(cluster, task, name, container, command)

    def _images_in_use(self) -> set[str]:
        containers = [container for task in self.table.living() for container in task.document["containers"]]
        return {container["imageDigest"] for container in containers if "imageDigest" in container}

    # -- what is kept ---------------------------------------------------------------------------

    def save(self) -> None:
        """Keep on disk what the journal does not know. OSError."""
        changed, gone = self.table.unkept()
        if changed or gone:
            self._kept.write(changed, gone, self.table.order)
            self.table.kept()

    def restore(self) -> None:
        """Lay what the engine knew over what the replay made; nothing of it runs any more."""
        self.table.order = self._kept.read(self._backends)
        for task in self.table.living():
            try:
                self._means.bury(task)
            except Exception:
                log.exception("task %s of before the restart is not gone wholly", task.id)
        self.table.resume()
        for service in self.table.services():
            self.deployments.resume(service)

    def close(self) -> None:
        """End every task; what they were is kept for the next start."""
        with self.host.lock:
            self._closed = True
            lives = list(self.scheduler.lives.values())
        for life in lives:
            life.group.kill()
        for life in lives:
            life.wait_dead(_DEATH)
        with self.host.lock:
            self._logs.flush(now=True)
            for life in lives:
                self._means.release(life.task)
            self.save()
