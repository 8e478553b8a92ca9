"""The life of one task, a step at a time: network, pull, containers in order, health, stop, clean up.

`Life.advance()` is called on every turn of the loop and never waits: pulls and health checks run in the
host's pool, exits arrive in a queue.
"""

from __future__ import annotations

import logging
import queue
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from drydock import disk
from drydock.embedded.carriers.runtime import runtime_of
from drydock.embedded.carriers.runtime.base import CannotStart, Container, ContainerSpec, Exit
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.logs import LogDriver
from drydock.embedded.services.ecs.metadata import Roles
from drydock.embedded.services.ecs.network import Network, NoAddress
from drydock.embedded.services.ecs.pulls import CannotPull, Pulled, Puller
from drydock.embedded.services.ecs.records import Document, Task, utcnow
from drydock.embedded.services.ecs.secrets import CannotRead, read
from drydock.policy import dependencies
from drydock.policy.dependencies import State
from drydock.policy.health import ContainerHealth, Health, HealthCheck, task_health

log = logging.getLogger(__name__)

# AWS seconds that a task stays at least in a state whose work takes no time here.
PROVISIONING = 4.0
DEPROVISIONING = 4.0
STOP_TIMEOUT = 30.0


@dataclass
class Prepared:
    """What a task needs before its first container starts."""

    images: dict[str, Pulled]
    secrets: dict[str, dict[str, str]]
    pull_started_at: Any
    pull_stopped_at: Any


class Keeper(Protocol):
    """Who keeps the tasks: what a life asks of it, and tells it."""

    host: Host
    network: Network
    puller: Puller
    logs: LogDriver
    roles: Roles
    dirty: bool
    closed: bool

    def enter(self, task: Task, status: str) -> None: ...

    def changed(self, task: Task) -> None: ...

    def join(self, task: Task) -> None: ...

    def leave(self, task: Task) -> float: ...

    def ask_to_stop(self, task: Task, code: str, reason: str) -> None: ...


class Life:
    """Drives `task` from PROVISIONING to STOPPED."""

    def __init__(self, engine: Keeper, task: Task) -> None:
        self.engine = engine
        self.host = engine.host
        self.task = task
        self.rules = [dependencies.Container.read(c) for c in task.definition["containerDefinitions"]]
        self.starting: dict[str, Future[Container]] = {}
        self.containers: dict[str, Container] = {}
        self.exits: queue.SimpleQueue[tuple[str, Exit]] = queue.SimpleQueue()
        self.exited: dict[str, Exit] = {}
        self.started: dict[str, float] = {}
        self.health: dict[str, ContainerHealth] = {}
        self.probes: dict[str, Future[tuple[bool, bool]]] = {}
        self.preparing: Future[Prepared] | None = None
        self.prepared: Prepared | None = None
        self.asked_to_stop: set[str] = set()
        self.credentials_token: str | None = None
        self.scratch = self.host.directory / "tasks" / task.id

    # -- steps ----------------------------------------------------------------------------------

    def advance(self) -> None:
        self._collect_started()
        self._collect_exits()
        match self.task.status:
            case "PROVISIONING":
                self._provisioning()
            case "PENDING":
                self._pending()
            case "ACTIVATING":
                self._activating()
            case "RUNNING":
                self._running()
            case "DEACTIVATING":
                self._deactivating()
            case "STOPPING":
                self._stopping()
            case "DEPROVISIONING":
                self._deprovisioning()

    def _in_state(self) -> float:
        return self.host.clock.time() - self.task.entered

    def _provisioning(self) -> None:
        if self.task.address is None and not self.task.stopping:
            try:
                self.engine.network.attach(self.task)
            except (NoAddress, ClientError) as error:
                self.fail(f"ResourceInitializationError: failed to attach a network interface: {error}")
                return
        if self.task.stopping:
            self.engine.enter(self.task, "DEPROVISIONING")
        elif self._in_state() >= PROVISIONING:
            self.engine.enter(self.task, "PENDING")

    def _pending(self) -> None:
        if self.task.stopping:
            self.engine.enter(self.task, "STOPPING")
            return
        if self.preparing is None:
            self.preparing = self.host.pool.submit(self._prepare)
            self.preparing.add_done_callback(lambda _: self.host.poke())
            return
        if not self.preparing.done():
            return
        if self.prepared is None:
            try:
                self.prepared = self.preparing.result()
            except (CannotPull, CannotRead) as error:
                self.fail(str(error))
                return
            except Exception as error:
                log.exception("task %s could not be prepared", self.task.id)
                self.fail(f"ResourceInitializationError: {type(error).__name__}: {error}")
                return
            self._show_images(self.prepared)
        try:
            self._start_what_may()
        except Exception as error:
            log.exception("task %s could not be started", self.task.id)
            self.fail(f"ResourceInitializationError: {type(error).__name__}: {error}")
            return
        self._probe()
        if not self.task.stopping and all(rule.name in self.started for rule in self.rules):
            self.engine.enter(self.task, "ACTIVATING")

    def _activating(self) -> None:
        if not self.task.stopping:
            self.engine.join(self.task)
            self.task.document["startedAt"] = utcnow()
            self.task.running_at = self.host.clock.time()
            self.engine.enter(self.task, "RUNNING")
        else:
            self.engine.enter(self.task, "DEACTIVATING")

    def _running(self) -> None:
        if self.task.stopping:
            self.engine.enter(self.task, "DEACTIVATING")
            self._deactivating()
            return
        self._probe()

    def _deactivating(self) -> None:
        if self.task.drain_until is None:
            self.task.drain_until = self.host.clock.time() + self.engine.leave(self.task)
        if self.host.clock.time() >= self.task.drain_until or not self._alive():
            self.engine.enter(self.task, "STOPPING")
            self._stopping()

    def _stopping(self) -> None:
        self.task.document.setdefault("stoppingAt", utcnow())
        alive = self._alive()
        for name in dependencies.may_stop(self.rules, alive):
            if name not in self.asked_to_stop:
                self.asked_to_stop.add(name)
                seconds = self.task.definition_of(name).get("stopTimeout")
                grace = self.host.clock.patience(STOP_TIMEOUT if seconds is None else seconds)
                self.host.helper(runtime_of).stop(self.containers[name], grace)
        if not (alive or self.starting):
            self.task.document["executionStoppedAt"] = utcnow()
            self.engine.enter(self.task, "DEPROVISIONING")

    def _deprovisioning(self) -> None:
        if self._in_state() < DEPROVISIONING:
            return
        self.engine.network.detach(self.task)
        if self.credentials_token:
            self.engine.roles.forget(self.credentials_token)
        try:
            disk.remove(self.scratch)
        except OSError as error:
            log.warning("%s stays: %s", self.scratch, error)
        for container in self.task.document["containers"]:
            container["lastStatus"] = "STOPPED"
        self.task.document["stoppedAt"] = utcnow()
        self.task.document["connectivity"] = "DISCONNECTED"
        self.engine.logs.flush(now=True)  # its last lines can be read once it is STOPPED
        self.engine.enter(self.task, "STOPPED")

    def fail(self, reason: str) -> None:
        """The task could not be started."""
        self.engine.ask_to_stop(self.task, "TaskFailedToStart", reason)

    # -- preparing ------------------------------------------------------------------------------

    def _prepare(self) -> Prepared:
        """In the pool: pull the images, read the secrets, open the log streams."""
        started = utcnow()
        definition, region = self.task.definition, self.task.region_name
        images, secrets = {}, {}
        for container in definition["containerDefinitions"]:
            name = container["name"]
            images[name] = self.engine.puller.pull(container["image"], region)
            secrets[name] = {
                secret["name"]: read(self.host, secret["valueFrom"], region, definition.get("executionRoleArn"))
                for secret in container.get("secrets") or ()
            }
            target = self._log_target(container)
            if target:
                options = container["logConfiguration"]["options"]
                try:
                    self.engine.logs.open(*target, create_group=options.get("awslogs-create-group") == "true")
                except ClientError as error:
                    raise CannotRead(
                        "ResourceInitializationError: failed to validate logger args: create stream has been "
                        f"retried 1 times: failed to create Cloudwatch log stream: "
                        f"{error.response['Error']['Code']}: {error.response['Error']['Message']} : exit status 1"
                    ) from None
        return Prepared(images, secrets, started, utcnow())

    def _log_target(self, container: Document) -> tuple[str, str, str] | None:
        configuration = container.get("logConfiguration") or {}
        if configuration.get("logDriver") != "awslogs":
            return None
        options = configuration["options"]
        prefix = options.get("awslogs-stream-prefix")
        stream = f"{prefix}/{container['name']}/{self.task.id}" if prefix else f"{self.task.id}-{container['name']}"
        return options.get("awslogs-region") or self.task.region_name, options["awslogs-group"], stream

    def _show_images(self, prepared: Prepared) -> None:
        self.task.document["pullStartedAt"] = prepared.pull_started_at
        self.task.document["pullStoppedAt"] = prepared.pull_stopped_at
        for name, image in prepared.images.items():
            self.task.container(name)["imageDigest"] = image.digest
        self.engine.dirty = True

    # -- containers -----------------------------------------------------------------------------

    def _states(self) -> dict[str, State]:
        now = self.host.clock.time()
        return {
            rule.name: State(
                started=rule.name in self.started,
                exit_code=self.exited[rule.name].code if rule.name in self.exited else None,
                health=self.health[rule.name].status if rule.name in self.health else Health.UNKNOWN,
                seconds=now - self.started.get(rule.name, now),
            )
            for rule in self.rules
        }

    def _start_what_may(self) -> None:
        while not self.task.stopping:
            names = [n for n in dependencies.may_start(self.rules, self._states()) if n not in self.starting]
            if not names:
                break
            for name in names:
                self._start(name)
            self._collect_started()
        for stuck in dependencies.impossible(self.rules, self._states()):
            self.fail(stuck.reason)
            return

    def _start(self, name: str) -> None:
        assert self.prepared is not None
        container, image = self.task.definition_of(name), self.prepared.images[name]
        given = (self.task.document.get("overrides") or {}).get("containerOverrides", ())
        overrides: Document = next((override for override in given if override.get("name") == name), {})
        scratch = self.scratch / name
        scratch.mkdir(parents=True, exist_ok=True)
        environment = {
            "TMPDIR": str(scratch),
            **{item["name"]: item.get("value", "") for item in container.get("environment") or ()},
            **self.prepared.secrets[name],
            **{item["name"]: item.get("value", "") for item in overrides.get("environment") or ()},
            **self._platform(name),
        }
        target = self._log_target(container)
        command = overrides.get("command") or container.get("command")
        entrypoint = container.get("entryPoint")
        limit = overrides.get("memory") or container.get("memory") or self.task.definition.get("memory")
        spec = ContainerSpec(
            key=f"{self.task.id}/{name}",
            image=image.config,
            rootfs=image.rootfs,
            entrypoint=tuple(entrypoint) if entrypoint else None,
            command=tuple(command) if command else None,
            environment=environment,
            working_directory=container.get("workingDirectory"),
            user=container.get("user"),
            address=self.engine.network.real_address(self.task),
            resolver=self.engine.network.resolver(self.task),
            memory_limit_mib=int(limit) if limit else None,
            on_output=lambda _, line: self.engine.logs.write(*target, line) if target else None,
            on_exit=lambda exit: self._exited(name, exit),
        )
        self.starting[name] = self.host.pool.submit(self.host.helper(runtime_of).start, spec)
        self.starting[name].add_done_callback(lambda _: self.host.poke())

    def _collect_started(self) -> None:
        for name in [name for name, future in self.starting.items() if future.done()]:
            future = self.starting.pop(name)
            self.started[name] = self.host.clock.time()
            shown = self.task.container(name)
            self.engine.dirty = True
            try:
                self.containers[name] = future.result()
            except Exception as error:
                if not isinstance(error, CannotStart):
                    log.error("container %s of task %s could not be started", name, self.task.id, exc_info=error)
                reason = error.reason if isinstance(error, CannotStart) else f"{type(error).__name__}: {error}"
                self.exited[name] = Exit(0)
                shown |= {"lastStatus": "STOPPED", "reason": reason}
                self.fail(reason)
                continue
            shown["runtimeId"] = f"{self.task.id}-{self.task.ids.number()[:10]}"
            check = self.task.definition_of(name).get("healthCheck")  # ECS ignores the HEALTHCHECK of an image
            if check:
                self.health[name] = ContainerHealth(HealthCheck.read(check))
                shown["healthStatus"] = "UNKNOWN"
            if name not in self.exited:
                shown["lastStatus"] = "RUNNING"

    def _platform(self, name: str) -> dict[str, str]:
        """What ECS itself puts into a container's environment."""
        definition, region = self.task.definition, self.task.region_name
        environment = {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_ENDPOINT_URL": self.host.endpoint,
            "ECS_CONTAINER_METADATA_URI_V4": f"{self.host.endpoint}/_drydock/metadata/{self.task.id}-{name}",
        }
        role = (self.task.document.get("overrides") or {}).get("taskRoleArn") or definition.get("taskRoleArn")
        if role:
            if self.credentials_token is None:
                self.credentials_token = self.engine.roles.remember(self.task, role)
            environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
                f"{self.host.endpoint}/_drydock/credentials/{self.credentials_token}"
            )
        return environment

    def _exited(self, name: str, exit: Exit) -> None:
        self.exits.put((name, exit))
        self.host.poke()

    def _collect_exits(self) -> None:
        while True:
            try:
                name, exit = self.exits.get_nowait()
            except queue.Empty:
                return
            self.exited[name] = exit
            shown = self.task.container(name)
            shown |= {"lastStatus": "STOPPED", "exitCode": exit.code}
            if exit.reason:
                shown["reason"] = exit.reason
            self.engine.dirty = True
            essential = next(rule.essential for rule in self.rules if rule.name == name)
            if essential and not self.task.stopping and not self.engine.closed:
                self.engine.ask_to_stop(self.task, "EssentialContainerExited", "Essential container in task exited")

    def _alive(self) -> list[str]:
        return [name for name in self.containers if name not in self.exited]

    def kill(self) -> None:
        """End every container now; for a cloud that is closing."""
        for name in self._alive():
            self.host.helper(runtime_of).stop(self.containers[name], 0)

    # -- health ---------------------------------------------------------------------------------

    def _probe(self) -> None:
        """Collect the checks that ended, begin those that are due."""
        now = self.host.clock.time()
        for name, future in list(self.probes.items()):
            if future.done():
                del self.probes[name]
                self._judge(name, *future.result())
        for name, health in self.health.items():
            if name in self.probes or name in self.exited:
                continue
            if now - self.started[name] >= health.next_at:
                argv = health.check.argv()
                limit = self.host.clock.patience(health.check.timeout)
                future = self.host.pool.submit(self._check, self.containers[name], argv, limit)
                future.add_done_callback(lambda _: self.host.poke())
                self.probes[name] = future

    def _check(self, container: Container, argv: tuple[str, ...], limit: float) -> tuple[bool, bool]:
        """(succeeded, timed out)"""
        try:
            return self.host.helper(runtime_of).execute(container, argv, timeout=limit) == 0, False
        except TimeoutError:
            return False, True
        except Exception as error:
            log.info("health check of %s: %s", container.spec.key, error)
            return False, False

    def _judge(self, name: str, succeeded: bool, timed_out: bool) -> None:
        health = self.health[name]
        ended = self.host.clock.time() - self.started[name]
        # A check takes real time, not AWS time: only whether it timed out counts, not how long it took.
        began = ended - (health.check.timeout + 1 if timed_out else 0)
        self.health[name] = health.after(succeeded, began, ended)
        status = self.health[name].status.value
        if self.task.container(name).get("healthStatus") != status:
            self.task.container(name)["healthStatus"] = status
            self._show_health()

    def _show_health(self) -> None:
        essential = {rule.name for rule in self.rules if rule.essential}
        unchecked = Health.UNKNOWN
        states = [self.health[name].status if name in self.health else unchecked for name in essential]
        self.task.document["healthStatus"] = task_health(states).value
        self.engine.dirty = True
        self.engine.changed(self.task)

    @property
    def checked_health(self) -> Health | None:
        """The worst health of the essential containers that have a check; None if none has."""
        essential = {rule.name for rule in self.rules if rule.essential}
        states = [health.status for name, health in self.health.items() if name in essential]
        return task_health(states) if states else None

    def wait_dead(self, limit: float) -> None:
        deadline = time.monotonic() + limit
        while self._alive() and time.monotonic() < deadline:
            self._collect_exits()
            time.sleep(0.01)
