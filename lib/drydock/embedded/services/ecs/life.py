"""The life of one task, a step at a time: network, pull, containers in order, health, stop, clean up.

`Life.advance()` is called on every turn of the loop and never waits: images are pulled in the host's pool, and what the
containers do is the group's (`workload/group.py`). What happens to the task is written by the table.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from drydock import disk
from drydock.embedded.carriers.runtime import ContainerSpec, Exit, Mount, state_of
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs import asks
from drydock.embedded.services.ecs.mesh import Mesh
from drydock.embedded.services.ecs.metadata import Roles
from drydock.embedded.services.ecs.records import Document, Task, utcnow
from drydock.embedded.services.ecs.secrets import CannotRead, read
from drydock.embedded.services.ecs.table import Table
from drydock.embedded.services.ecs.targets import Targets
from drydock.embedded.workload.awslogs import LogDriver, Stream
from drydock.embedded.workload.firewall import Firewall
from drydock.embedded.workload.group import Group, Member, OnExit
from drydock.embedded.workload.interfaces import Interfaces, NoAddress
from drydock.embedded.workload.objects import NoBucket, content
from drydock.embedded.workload.pulls import CannotPull, Pulled, Puller, Why
from drydock.policy import dependencies, mounts
from drydock.policy.addresses import loopback
from drydock.policy.ecs import image_versions, interruption
from drydock.policy.ecs.restarts import RestartPolicy
from drydock.policy.environment_files import place, variables
from drydock.policy.health import Health, HealthCheck, task_health
from drydock.policy.log_lines import beginning

log = logging.getLogger(__name__)

STOP_TIMEOUT = 30.0
UNCALLED = 120.0
"""AWS seconds for which proxies may take to let go of a task that is to stop (ours)."""

_PULL = {
    Why.INVALID: "invalid reference format: {image}",
    Why.DENIED: "{image}: not authorized: {detail}",
    Why.UNRESOLVED: "pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {detail}",
    Why.NOT_FOUND: "pull image manifest has been retried 5 time(s): failed to resolve ref {image}: {image}: not found",
    Why.BROKEN: "failed to extract image {image}: {detail}",
}


_CUT_OFF = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused "
    'by: Post "https://api.ecr.{region}.amazonaws.com/": dial tcp: i/o timeout. Please check your task network '
    "configuration."
)
"""Observed where a subnet has no way out, with the address that was dialled: stackoverflow.com/questions/61265108."""


@dataclass(frozen=True)
class Means:
    """What tasks live by."""

    host: Host
    table: Table
    interfaces: Interfaces
    puller: Puller
    logs: LogDriver
    roles: Roles
    targets: Targets
    mesh: Mesh

    def volumes(self, task: Task) -> Path:
        """The folder of what lives as long as the task."""
        return self.host.directory / "volumes" / task.id

    def remove_volumes(self, task: Task) -> None:
        folder = self.volumes(task)
        try:
            disk.remove(folder)
        except OSError as error:
            log.warning("%s stays: %s", folder, error)

    def leave(self, task: Task) -> float:
        """Take the task from where others find it; the AWS seconds that its connections have to drain."""
        service = self.table.service_of(task)
        self.mesh.leave(task)
        return self.targets.leave(task, service) if service is not None else 0.0

    def detach(self, task: Task) -> None:
        """Give back the task's network interface, and its address."""
        identifier = _details(task).get("networkInterfaceId")
        if identifier and task.address:
            self.interfaces.detach(task.region_name, identifier, task.address)
        self.table.detach(task)

    def release(self, task: Task) -> None:
        """Let other clouds of this machine have the task's address."""
        if task.address:
            self.interfaces.release(task.address)

    def bury(self, task: Task) -> None:
        """End a task of before a restart, whose processes died with the cloud."""
        self.table.bury(task)
        self.detach(task)
        if task.address:
            self.leave(task)
        self.remove_volumes(task)


@dataclass(frozen=True)
class Prepared:
    """What a task needs before its first container starts."""

    images: dict[str, Pulled]
    secrets: dict[str, dict[str, str]]
    files: dict[str, dict[str, str]]
    """Variables that environment files set."""
    pull_started_at: datetime


class Life:
    """Drives `task` from PROVISIONING to STOPPED."""

    def __init__(self, means: Means, task: Task) -> None:
        self.task = task
        members = [_member(definition) for definition in task.definition["containerDefinitions"]]
        self.group = Group(means.host, members)
        self._means = means
        self._host = means.host
        self._profile = means.host.profile
        self._table = means.table
        self._restarts = {each["name"]: RestartPolicy.read(each) for each in task.definition["containerDefinitions"]}
        self._essential = {member.name for member in members if member.order.essential}
        self._preparing: Future[Prepared] | None = None
        self._prepared: Prepared | None = None
        self._drain_until: float | None = None
        self._ends_at = math.inf
        """The AWS second at which it is over, whatever its containers do."""
        self._credentials_token: str | None = None
        self._awaits_agent = bool(task.document.get("enableExecuteCommand"))

    def is_idle(self, now: float) -> bool:
        """Whether `advance` would find nothing to do."""
        if self.task.status != "RUNNING" or self.task.stopping or self._awaits_agent:
            return False
        return self.group.is_idle(now)

    # -- steps ----------------------------------------------------------------------------------

    def advance(self) -> None:
        self._collect_started()
        for name, exit in self.group.exits():
            if self._may_restart(name, exit):
                self._restart(name)
                continue
            self._table.exited(self.task, name, exit)
            if name in self._essential and not self.task.stopping:
                self._table.ask_to_stop(self.task, "EssentialContainerExited", "Essential container in task exited")
        if self._ends_at == math.inf and self.task.document.get("stopCode") == interruption.STOP_CODE:
            self._ends_at = self._host.clock.time() + interruption.WARNING
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
        return self._host.clock.time() - self.task.entered

    def _provisioning(self) -> None:
        if self.task.address is None and not self.task.stopping:
            try:
                self._attach()
            except (NoAddress, ClientError) as error:
                self._fail(f"ResourceInitializationError: failed to attach a network interface: {error}")
                return
            try:
                self._means.mesh.begin(self.task)
            except (NoAddress, ClientError) as error:
                self._fail(f"ResourceInitializationError: the Service Connect proxy failed to start: {error}")
                return
        if self.task.stopping:
            self._table.enter(self.task, "DEPROVISIONING")
        elif self._in_state() >= self._profile.task_provisioning:
            self._table.enter(self.task, "PENDING")

    def _attach(self) -> None:
        attachment = next(
            each for each in self.task.document["attachments"] if each["type"] == "ElasticNetworkInterface"
        )
        network = self.task.network or {}
        made = self._means.interfaces.attach(
            self.task.region_name,
            _details(self.task)["subnetId"],
            network.get("securityGroups") or [],
            attachment["id"],
            public=network.get("assignPublicIp") == "ENABLED",
        )
        self._table.attach(
            self.task,
            {
                "networkInterfaceId": made.id,
                "macAddress": made.mac_address,
                "privateDnsName": made.private_dns_name,
                "privateIPv4Address": made.address,
            },
        )

    def _pending(self) -> None:
        if self.task.stopping:
            self._table.enter(self.task, "STOPPING")
        elif self._in_state() >= self._profile.task_pending:
            self._table.enter(self.task, "ACTIVATING")
            self._activating()

    def _activating(self) -> None:
        """Images are pulled, containers started, targets registered (ECS developer guide, *Task lifecycle*)."""
        if self.task.stopping:
            self._table.enter(self.task, "DEACTIVATING")
            self._deactivating()
            return
        if self._preparing is None:
            assert self.task.address is not None
            if not self._host.helper(Firewall).reaches_out(self.task.address):
                self._fail(_CUT_OFF.format(region=self.task.region_name))
                return
            pins = dict(self._table.images_of(self.task))
            self._preparing = self._host.pool.submit(self._prepare, pins)
            self._preparing.add_done_callback(lambda _: self._host.poke())
            return
        if not self._preparing.done() or self._in_state() < self._profile.image_pull:
            return
        if not self._means.mesh.is_ready(self.task):
            if why := self._means.mesh.failure(self.task):
                self._fail(f"ResourceInitializationError: the Service Connect proxy failed to start: {why}")
            return
        try:
            if self._prepared is None:
                prepared = self._preparing.result()
                if not self._is_consistent(prepared):
                    self._preparing = None
                    return
                self._prepared = prepared
                self._show_images(prepared)
                self._show_proxy(lastStatus="RUNNING", healthStatus="HEALTHY")
            self._start(self._prepared)
        except CannotRead as refused:
            self._fail(str(refused))
        except CannotPull as refused:
            why = _PULL[refused.why].format(image=refused.image, detail=refused.detail)
            self._fail(f"CannotPullContainerError: {why}")
        except Exception as error:
            log.exception("task %s could not be started", self.task.id)
            self._fail(f"ResourceInitializationError: {type(error).__name__}: {error}")
        else:
            self._probe()
            if not self.task.stopping and self.group.complete:
                self._join()

    def _join(self) -> None:
        service = self._table.service_of(self.task)
        if service is not None and self._means.targets.join(self.task, service):
            self._table.register(self.task)
        self._means.mesh.join(self.task)
        self._table.enter(self.task, "RUNNING")
        self._look_for_agent()

    def _show_proxy(self, **shown: Any) -> None:
        """Of the container of the Service Connect proxy, if it has one."""
        if self.task.proxy is not None:
            self._table.show_container(self.task, self.task.proxy, **shown)

    def _look_for_agent(self) -> None:
        """The agent of ECS Exec, which runs some time after the task."""
        if self._awaits_agent and self._in_state() >= self._profile.exec_agent:
            self._awaits_agent = False
            self._table.agent_runs(self.task)

    def _running(self) -> None:
        if self.task.stopping:
            self._table.enter(self.task, "DEACTIVATING")
            self._deactivating()
        else:
            self._probe()
            self._look_for_agent()

    def _deactivating(self) -> None:
        if self._drain_until is None:
            self._drain_until = min(self._host.clock.time() + self._means.leave(self.task), self._ends_at)
        now = self._host.clock.time()
        is_late = now >= self._ends_at or self._in_state() >= UNCALLED
        drained = now >= self._drain_until and (is_late or self._means.mesh.has_left(self.task))
        if drained or not self.group.alive():
            self._table.enter(self.task, "STOPPING")
            self._stopping()

    def _stopping(self) -> None:
        self.group.stop(max(0.0, self._ends_at - self._host.clock.time()))
        if self.group.over:
            self._table.enter(self.task, "DEPROVISIONING", executionStoppedAt=utcnow())

    def _deprovisioning(self) -> None:
        if self._in_state() < self._profile.task_deprovisioning:
            return
        self._means.detach(self.task)
        if self._credentials_token:
            self._means.roles.forget(self._credentials_token)
        self._means.remove_volumes(self.task)
        self._means.mesh.end(self.task)
        self._show_proxy(exitCode=0)
        self._means.logs.flush(now=True)  # its last lines can be read once it is STOPPED
        self._table.enter(self.task, "STOPPED")

    def _fail(self, reason: str) -> None:
        """The task could not be started."""
        self._table.ask_to_stop(self.task, "TaskFailedToStart", reason)

    # -- preparing ------------------------------------------------------------------------------

    def _prepare(self, pins: dict[str, str]) -> Prepared:
        """In the pool: pull the images, by the digests of `pins`; read the secrets, open the log streams."""
        started = utcnow()
        definition, region = self.task.definition, self.task.region_name
        role = (self.task.document.get("overrides") or {}).get("executionRoleArn") or definition.get("executionRoleArn")
        images, secrets, files = {}, {}, {}
        for container in definition["containerDefinitions"]:
            name = container["name"]
            images[name] = self._means.puller.pull(image_versions.pinned(container["image"], pins.get(name)), region)
            secrets[name] = {
                secret["name"]: read(self._host, secret["valueFrom"], region, role)
                for secret in container.get("secrets") or ()
            }
            given = self._overrides(name).get("environmentFiles") or container.get("environmentFiles") or ()
            files[name] = variables(self._file(item["value"]) for item in given)
            stream = self._log_stream(container)
            if stream:
                options = container["logConfiguration"]["options"]
                create_group = options.get("awslogs-create-group") == "true"
                try:
                    self._means.logs.open(
                        stream,
                        create_group=create_group,
                        begins=beginning(options),
                        hidden=self._profile.log_stream and self._profile.image_pull + self._profile.log_stream,
                    )
                except ValueError as error:
                    raise CannotRead(
                        f"ResourceInitializationError: failed to validate logger args: {error} : exit status 1"
                    ) from None
                except ClientError as error:
                    raise CannotRead(
                        "ResourceInitializationError: failed to validate logger args: create stream has been "
                        f"retried 1 times: failed to create Cloudwatch log stream: "
                        f"{error.response['Error']['Code']}: {error.response['Error']['Message']} : exit status 1"
                    ) from None
        return Prepared(images, secrets, files, started)

    def _is_consistent(self, prepared: Prepared) -> bool:
        """Whether it has the images that its deployment runs; if not, they are pulled next."""
        definitions = {each["name"]: each for each in self.task.definition["containerDefinitions"]}
        ours = {name: image.digest for name, image in prepared.images.items()}
        ours = {name: digest for name, digest in ours.items() if image_versions.is_consistent(definitions[name])}
        return not ours or self._table.resolved(self.task, ours) == ours

    def _file(self, arn: str) -> str:
        """The text of an environment file."""
        where = place(arn)
        try:
            found = content(self._host, *where) if where else None
        except NoBucket:
            found = None
        if found is None:
            raise CannotRead(
                f"ResourceInitializationError: failed to download env files: {arn}: the specified object does not exist"
            )
        return found.decode("utf-8", "replace")

    def _overrides(self, name: str) -> Document:
        given = (self.task.document.get("overrides") or {}).get("containerOverrides", ())
        return next((override for override in given if override.get("name") == name), {})

    def _log_stream(self, container: Document) -> Stream | None:
        configuration = container.get("logConfiguration") or {}
        if configuration.get("logDriver") != "awslogs":
            return None
        options = configuration["options"]
        prefix = options.get("awslogs-stream-prefix")
        name = f"{prefix}/{container['name']}/{self.task.id}" if prefix else f"{self.task.id}-{container['name']}"
        return Stream(options.get("awslogs-region") or self.task.region_name, options["awslogs-group"], name)

    def _show_images(self, prepared: Prepared) -> None:
        self._table.show(self.task, pullStartedAt=prepared.pull_started_at, pullStoppedAt=utcnow())
        for name, image in prepared.images.items():
            self._table.show_container(self.task, name, imageDigest=image.digest)

    # -- containers -----------------------------------------------------------------------------

    def _start(self, prepared: Prepared) -> None:
        """Start what may start."""
        while not self.task.stopping and self.group.start(lambda name, exit: self._spec(name, prepared, exit)):
            self._collect_started()
        for stuck in self.group.stuck():
            self._fail(stuck.reason)

    def _collect_started(self) -> None:
        for name, refused in self.group.started():
            if refused is not None:
                self._table.show_container(self.task, name, lastStatus="STOPPED", reason=refused)
                self._fail(refused)
                continue
            if "runtimeId" not in self.task.container(name):  # one that is restarted keeps it
                identifier = f"{self.task.id}-{self.task.ids.number()[:10]}"
                self._table.show_container(self.task, name, runtimeId=identifier)
            if name in self.group.alive():  # it may have ended by now
                self._table.show_container(self.task, name, lastStatus="RUNNING")
            if self.group.health(name) is not None:
                self._show_health(name)

    def _spec(self, name: str, prepared: Prepared, on_exit: OnExit) -> ContainerSpec:
        container, image = self.task.definition_of(name), prepared.images[name]
        overrides = self._overrides(name)
        key = f"{self.task.id}/{name}"
        environment = {
            **prepared.files[name],
            **{item["name"]: item.get("value", "") for item in container.get("environment") or ()},
            **prepared.secrets[name],
            **{item["name"]: item.get("value", "") for item in overrides.get("environment") or ()},
            **self._platform(name),
        }
        stream = self._log_stream(container)
        command = overrides.get("command") or container.get("command")
        entrypoint = container.get("entryPoint")
        limit = overrides.get("memory") or container.get("memory") or self.task.document.get("memory")
        assert self.task.address is not None
        return ContainerSpec(
            key=key,
            image=image.config,
            layers=image.layers,
            state=state_of(self._host, key),
            entrypoint=tuple(entrypoint) if entrypoint else None,
            command=tuple(command) if command else None,
            environment=environment,
            working_directory=container.get("workingDirectory"),
            address=loopback(self.task.address),
            resolver=self._means.interfaces.resolver(self.task.region_name, _details(self.task)["subnetId"]),
            firewall=self._host.helper(Firewall).folder,
            memory_limit_mib=int(limit) if limit else None,
            on_output=lambda _, line: self._means.logs.write(stream, line) if stream else None,
            on_exit=lambda exit: self._ended(stream, exit, on_exit),
            hosts=self._means.mesh.names(self.task),
            **asks.given(self._host, container, self._mounts(name)),
        )

    def _mounts(self, name: str) -> tuple[Mount, ...]:
        """Folders of the task's volumes, made if they are missing."""
        made = []
        for point in mounts.of(self.task.definition, name):
            folder = self._means.volumes(self.task) / point.volume
            folder.mkdir(parents=True, exist_ok=True)
            made.append(Mount(folder, point.target, point.read_only))
        return tuple(made)

    def _ended(self, stream: Stream | None, exit: Exit, then: OnExit) -> None:
        if stream is not None:
            self._means.logs.end(stream)
        then(exit)

    def _platform(self, name: str) -> dict[str, str]:
        """What ECS itself puts into a container's environment."""
        definition, region = self.task.definition, self.task.region_name
        environment = {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_ENDPOINT_URL": self._host.endpoint,
            "ECS_CONTAINER_METADATA_URI_V4": f"{self._host.endpoint}/_drydock/metadata/{self.task.id}-{name}",
        }
        role = (self.task.document.get("overrides") or {}).get("taskRoleArn") or definition.get("taskRoleArn")
        if role:
            if self._credentials_token is None:
                self._credentials_token = self._means.roles.remember(self.task, role)
            environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
                f"{self._host.endpoint}/_drydock/credentials/{self._credentials_token}"
            )
        return environment

    def _may_restart(self, name: str, exit: Exit) -> bool:
        policy = self._restarts[name]
        return policy is not None and not self.task.stopping and policy.restarts(exit.code, self.group.ran(name))

    def _restart(self, name: str) -> None:
        """The container begins again, with the files of its image; the task and its address stay."""
        prepared = self._prepared
        assert prepared is not None
        self.group.restart(name, lambda name, exit: self._spec(name, prepared, exit))
        self._table.restarted(self.task, name)

    # -- health ---------------------------------------------------------------------------------

    def _probe(self) -> None:
        for name in self.group.probe():
            self._show_health(name)

    def _show_health(self, name: str) -> None:
        health = self.group.health(name)
        assert health is not None
        states = [self.group.health(essential) for essential in self._essential]
        checked = [state for state in states if state is not None]
        self._table.check(
            self.task,
            name,
            health,
            task_health(state or Health.UNKNOWN for state in states),
            task_health(checked) if checked else None,
        )

    # -- the end of the cloud -------------------------------------------------------------------

    def wait_dead(self, limit: float) -> None:
        """Let the containers end that were killed, for so many of our seconds."""
        deadline = time.monotonic() + limit
        while self.group.alive() and time.monotonic() < deadline:
            for name, exit in self.group.exits():
                self._table.exited(self.task, name, exit)
            time.sleep(0.01)


def _member(definition: Document) -> Member:
    check = definition.get("healthCheck")  # ECS ignores the HEALTHCHECK of an image
    timeout = definition.get("stopTimeout")
    return Member(
        dependencies.Container.read(definition),
        HealthCheck.read(check) if check else None,
        STOP_TIMEOUT if timeout is None else timeout,
    )


def _details(task: Task) -> dict[str, Any]:
    """What the attachment of the task's network interface says."""
    return {item["name"]: item["value"] for each in task.document["attachments"] for item in each["details"]}
