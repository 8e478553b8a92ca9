"""The engine: brings every service to what is desired, and every task along its life.

A turn reads the state, lets `policy` decide, and acts. It never waits. It holds the host's lock, as a
request does, so the two never see each other's half-done work.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock import disk
from drydock.embedded.carriers.runtime import runtime_of
from drydock.embedded.core.faults import Faults
from drydock.embedded.services.ecs import events, snapshot
from drydock.embedded.services.ecs.lifecycle import Life
from drydock.embedded.services.ecs.logs import LogDriver
from drydock.embedded.services.ecs.lookups import arn_of, definition_of
from drydock.embedded.services.ecs.metadata import Roles
from drydock.embedded.services.ecs.network import Network, NoAddress
from drydock.embedded.services.ecs.pulls import Puller
from drydock.embedded.services.ecs.records import Deployment, Document, Ids, Service, Task, utcnow
from drydock.embedded.services.ecs.targets import Targets
from drydock.embedded.services.ecs.views import REVISION_FIELDS
from drydock.policy import capacity, rollout
from drydock.policy.breaker import Breaker, Event, Status
from drydock.policy.health import Health
from drydock.policy.placement import choose_subnet

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

# A stopped task is shown for at least an hour (documented), and for long enough to be looked at.
KEPT_STOPPED, LOOKED_AT = 3600.0, 600.0  # AWS seconds, our seconds
# AWS seconds between tries when tasks of a deployment keep failing: ECS throttles them; ours doubles up to a limit.
FIRST_RETRY, LAST_RETRY = 10.0, 300.0
_LAUNCH_TYPES = {"FARGATE": "FARGATE", "FARGATE_SPOT": "FARGATE"}


class Engine:
    """Services and tasks of every region of this cloud."""

    def __init__(self, host: Host, backends: Any) -> None:
        self.host = host
        self._backends = backends
        self.network = Network(host)
        self._faults = Faults("ECS:", now=host.clock.elapsed)
        self.puller = Puller(host, self._images_in_use)
        self.logs = LogDriver(host)
        self.targets = Targets(host)
        self.roles = Roles(host)
        self._order = self._restarts = 0
        self.dirty = False
        self.closed = False

    # -- what there is --------------------------------------------------------------------------

    def regions(self) -> Iterator[Any]:
        for _, _, backend in list(self._backends.iter_backends()):
            yield backend

    def all_tasks(self) -> list[Task]:
        return [task for backend in self.regions() for group in backend.tasks.values() for task in group.values()]

    def _images_in_use(self) -> set[str]:
        living = [task for task in self.all_tasks() if task.status != "STOPPED"]
        return {c["imageDigest"] for task in living for c in task.document["containers"] if "imageDigest" in c}

    def tasks_of(self, backend: Any, service: Service) -> list[Task]:
        return [t for t in backend.tasks.get(service.cluster_name, {}).values() if t.service_arn == service.arn]

    def counts(self) -> dict[str, int]:
        backends = list(self.regions())
        return {
            "clusters": sum(c.status == "ACTIVE" for b in backends for c in b.clusters.values()),
            "services": sum(s.status == "ACTIVE" for b in backends for s in b.services.values()),
            "tasks": sum(t.status != "STOPPED" for t in self.all_tasks()),
        }

    def _service(self, task: Task) -> Service | None:
        if task.service_arn is None:
            return None
        for backend in self.regions():
            for service in backend.services.values():
                if service.arn == task.service_arn:
                    return service
        return None

    # -- the turn -------------------------------------------------------------------------------

    def tick(self) -> None:
        with self.host.lock:
            if self.closed:
                return
            for backend in self.regions():
                for service in list(backend.services.values()):
                    if service.status != "INACTIVE":
                        self._guard(self._reconcile, f"service {service.name}", service, backend, service)
                for tasks in list(backend.tasks.values()):
                    for task in list(tasks.values()):
                        if task.work is not None:
                            self._guard(task.work.advance, f"task {task.id}", self._service(task))
                        elif task.gone_at is not None and task.gone_at <= self.host.clock.time():
                            del tasks[task.arn]
                            self.dirty = True
            self.logs.flush()
            if self.dirty:
                self._guard(self.save, f"keeping {self.host.directory / 'ecs.json'}", None)

    def save(self) -> None:
        """Keep on disk what the journal does not know."""
        snapshot.write(self.host.directory / "ecs.json", self.regions(), self._order, self._restarts)
        self.dirty = False

    def _guard(self, function: Any, what: str, service: Service | None, *arguments: Any) -> None:
        """Call `function`; if it fails, its service says so, once, and it is tried again at growing distances."""
        why = self._faults.attempt(what, function, *arguments)
        if why is not None and service is not None:
            service.event(f"cannot be looked after by the embedded AWS, which tries again: {what} failed ({why}).")
            self.dirty = True

    def _reconcile(self, backend: Any, service: Service) -> None:
        primary = service.primary
        if primary is None:
            return
        tasks = [task for task in self.tasks_of(backend, service) if task.status != "STOPPED"]
        if service.status == "DRAINING":
            self._drain(service, tasks)
            return
        self._watch_health(service, tasks)
        view = self._view(service, tasks)
        actions = rollout.next_actions(view)
        if not actions:
            self._note_stuck(service, view)
        for action in actions:
            if isinstance(action, rollout.Start):
                self._start(backend, service, action, tasks)
            else:
                self._stop(service, action, tasks)
        self._settle(service, view, tasks)

    def _view(self, service: Service, tasks: list[Task]) -> rollout.Service:
        configuration = service.settings["deploymentConfiguration"]
        return rollout.Service(
            desired_count=service.desired_count,
            deployments=tuple(
                rollout.Deployment(d.id, primary=d.status == "PRIMARY", failed=d.rollout_state == "FAILED")
                for d in service.deployments
            ),
            tasks=tuple(
                rollout.Task(
                    id=task.id,
                    deployment=task.deployment_id or "",
                    last_status=task.status,
                    stopping=task.stopping,
                    healthy=self._healthy(service, task),
                    zone=str(task.document.get("availabilityZone") or ""),
                    created=task.started_order,
                    protected=task.protected_until is not None and task.protected_until > utcnow(),
                )
                for task in tasks
            ),
            minimum_healthy_percent=int(configuration["minimumHealthyPercent"]),
            maximum_percent=int(configuration["maximumPercent"]),
            scheduling_strategy=service.scheduling_strategy,
        )

    # -- health ---------------------------------------------------------------------------------

    def _healthy(self, service: Service, task: Task) -> bool | None:
        if task.status != "RUNNING" or task.running_at is None or task.work is None:
            return None
        seconds = self.host.clock.time() - task.running_at
        groups = service.settings.get("loadBalancers")
        return rollout.counts_as_healthy(
            seconds,
            task.work.checked_health,
            [self.targets.health(task, entry) for entry in groups] if groups else None,
            in_grace=seconds < float(service.settings.get("healthCheckGracePeriodSeconds") or 0),
        )

    def _watch_health(self, service: Service, tasks: list[Task]) -> None:
        """Note what became healthy or failed since the last turn: events, Cloud Map, and the circuit breaker."""
        for task in tasks:
            self._tell_cloud_map(service, task)
            healthy = self._healthy(service, task)
            if healthy is True and task.healthy_at is None:
                task.healthy_at = self.host.clock.time()
                self._tell_breaker(service, task.deployment_id, Event.HEALTHY)
                deployment = service.deployment(task.deployment_id or "")
                if deployment is not None:
                    deployment.throttled = deployment.failed_tasks = 0
                self.dirty = True
            elif healthy is False and not task.failure_counted and not task.stopping:
                task.failure_counted = True
                for entry in service.settings.get("loadBalancers") or []:
                    if self.targets.health(task, entry) is Health.UNHEALTHY:
                        reason = self.targets.reason(task, entry)
                        service.event(
                            f"(task {task.id}) (port {entry['containerPort']}) is unhealthy in "
                            f"({self.targets.name(entry)}) due to (reason {reason})."
                        )
                if task.work is not None and task.work.checked_health is Health.UNHEALTHY:
                    service.event(f"(task {task.id}) failed container health checks.")
                self._tell_breaker(service, task.deployment_id, Event.HEALTH_CHECK_FAILED)
                self.dirty = True

    def _tell_cloud_map(self, service: Service, task: Task) -> None:
        """Cloud Map learns of container health checks only; a task without any stays as it was registered."""
        health = task.work.checked_health if task.work is not None else None
        if task.status != "RUNNING" or health in (None, Health.UNKNOWN, task.told_health):
            return
        task.told_health = health
        for registry in service.settings.get("serviceRegistries") or ():
            self.targets.tell_health(task, registry, health is Health.HEALTHY)

    def _tell_breaker(self, service: Service, deployment_id: str | None, event: Event) -> None:
        deployment = service.deployment(deployment_id or "")
        if deployment is None or deployment.status != "PRIMARY":
            return
        if event in (Event.FAILED, Event.HEALTH_CHECK_FAILED):
            deployment.failed_tasks += 1
        deployment.breaker = deployment.breaker.with_desired_count(service.desired_count).after(event)
        if deployment.breaker.status is Status.TRIGGERED and deployment.rollout_state == "IN_PROGRESS":
            self._trip(service, deployment)

    def _trip(self, service: Service, deployment: Deployment) -> None:
        deployment.rollout_state = "FAILED"
        deployment.rollout_state_reason = "ECS deployment circuit breaker: tasks failed to start."
        deployment.updated_at = deployment.finished_at = utcnow()
        service.event(f"(deployment {deployment.id}) deployment failed: tasks failed to start.")
        events.deployment(self.host, service, deployment, "SERVICE_DEPLOYMENT_FAILED")
        if not deployment.breaker.rollback or deployment.rollback_of:
            return
        good = next((d for d in [*service.deployments, *service.finished] if d.rollout_state == "COMPLETED"), None)
        if good is None:
            return
        service.settings = {k: v for k, v in {**service.settings, **good.revision}.items() if v is not None}
        service.event(f"rolling back to deployment {good.id}.")
        backend = next(b for b in self.regions() if service in b.services.values())
        back = self.new_deployment(backend, service)
        back.rollback_of = deployment.id
        back.rollout_state_reason = "ECS deployment circuit breaker: rolling back to deploymentId " + good.id + "."

    # -- starting and stopping ------------------------------------------------------------------

    def _start(self, backend: Any, service: Service, action: rollout.Start, tasks: list[Task]) -> None:
        deployment = service.deployment(action.deployment)
        assert deployment is not None
        if self.host.clock.time() < deployment.next_start:
            return
        cluster = backend.clusters[service.cluster_name]
        definition = definition_of(backend, deployment.revision["taskDefinition"])
        network = (deployment.revision.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        strategy = deployment.revision.get("capacityProviderStrategy") or []
        request = {
            "launchType": deployment.revision.get("launchType"),
            "platformVersion": deployment.revision.get("platformVersion"),
            "enableExecuteCommand": service.settings.get("enableExecuteCommand"),
            "enableECSManagedTags": service.settings.get("enableECSManagedTags"),
            "propagateTags": service.propagate_tags,
            "startedBy": deployment.id,
            "group": f"service:{service.name}",
        }
        try:
            started = self.run(
                backend,
                cluster,
                {**definition.document, "status": definition.status},
                count=action.count,
                strategy=strategy,
                network=network,
                request=request,
                definition_tags=definition.tags or [],
                service=service,
                deployment=deployment,
                siblings=tasks,
            )
        except NoAddress as refused:
            self._cannot_place(service, deployment, f"was unable to place a task. Reason: {refused}.")
            self._tell_breaker(service, deployment.id, Event.FAILED)
            return
        service.event(f"has started {len(started)} tasks: {' '.join(f'(task {task.id})' for task in started)}.")
        deployment.updated_at = utcnow()

    def _cannot_place(self, service: Service, deployment: Deployment, message: str) -> None:
        service.event(message)
        deployment.next_start = self.host.clock.time() + LAST_RETRY
        self.dirty = True

    def run(
        self,
        backend: Any,
        cluster: Any,
        definition: Document,
        *,
        count: int,
        strategy: list[Document],
        network: Document | None,
        request: Document,
        definition_tags: list[dict[str, str]],
        service: Service | None = None,
        deployment: Deployment | None = None,
        siblings: list[Task] | None = None,
    ) -> list[Task]:
        """Write `count` new tasks in PROVISIONING; the next turns bring them up."""
        made: list[Task] = []
        deployment_id = deployment.id if deployment else None
        group = request.get("group") or f"family:{definition['family']}"
        if siblings is None:
            siblings = [
                t for t in backend.tasks.get(cluster.name, {}).values() if t.group == group and t.status != "STOPPED"
            ]
        for _ in range(count):
            near = [*siblings, *made]
            self._order += 1
            provider = None
            if strategy:
                used = Counter(
                    t.document["capacityProviderName"]
                    for t in near
                    if t.document.get("capacityProviderName") and not t.stopping and t.deployment_id == deployment_id
                )
                provider = capacity.next_provider(capacity.items(strategy), used)
            ids = service.ids if service else Ids(f"{self.host.seed}:{cluster.name}:{group}:{self._order}")
            task = self._new_task(backend, cluster, definition, request, network, provider, ids, near)
            task.service_arn = service.arn if service else None
            task.deployment_id = deployment_id
            task.client_token = request.get("clientToken")
            task.tags = self._tags(request, definition_tags, service, cluster)
            task.started_order = self._order
            task.work = Life(self, task)
            backend.tasks.setdefault(cluster.name, {})[task.arn] = task
            made.append(task)
            events.task(self.host, task)
        self.dirty = True
        self.host.poke()
        return made

    def _new_task(
        self,
        backend: Any,
        cluster: Any,
        definition: Document,
        request: Document,
        network: Document | None,
        provider: str | None,
        ids: Ids,
        near: list[Task],
    ) -> Task:
        identifier = ids.hex()
        arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:task/{cluster.name}/{identifier}"
        zones = Counter(str(t.document.get("availabilityZone")) for t in near if not t.stopping)
        subnet = (
            choose_subnet(self.network.subnets(backend.region_name, network["subnets"]), zones) if network else None
        )
        overrides = {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **(request.get("overrides") or {})}
        cpu = overrides.get("cpu") or definition.get("cpu")
        memory = overrides.get("memory") or definition.get("memory")
        document: Document = {
            "taskArn": arn,
            "clusterArn": cluster.arn,
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "group": request.get("group") or f"family:{definition['family']}",
            "startedBy": request.get("startedBy"),
            "lastStatus": "PROVISIONING",
            "desiredStatus": "RUNNING",
            "healthStatus": "UNKNOWN",
            "connectivity": "CONNECTED",
            "connectivityAt": utcnow(),
            "createdAt": utcnow(),
            "cpu": str(cpu) if cpu else None,
            "memory": str(memory) if memory else None,
            "launchType": _LAUNCH_TYPES.get(provider or "", request.get("launchType")),
            "capacityProviderName": provider,
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "availabilityZone": subnet.zone if subnet else None,
            "enableExecuteCommand": bool(request.get("enableExecuteCommand")),
            "ephemeralStorage": definition.get("ephemeralStorage") or {"sizeInGiB": 20},
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "overrides": overrides,
            "version": 1,
            "attachments": [
                {
                    "id": ids.uuid(),
                    "type": "ElasticNetworkInterface",
                    "status": "PRECREATED",
                    "details": [{"name": "subnetId", "value": subnet.id}],
                }
            ]
            if subnet
            else [],
            "containers": [
                {
                    "containerArn": f"{arn.replace(':task/', ':container/')}/{ids.uuid()}",
                    "taskArn": arn,
                    "name": container["name"],
                    "image": container["image"],
                    "lastStatus": "PENDING",
                    "healthStatus": "UNKNOWN",
                    "cpu": str(container.get("cpu") or 0),
                    **({"memory": str(container["memory"])} if container.get("memory") else {}),
                    "networkInterfaces": [],
                    **(
                        {"managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}]}
                        if request.get("enableExecuteCommand")
                        else {}
                    ),
                }
                for container in definition["containerDefinitions"]
            ],
        }
        return Task(
            document=document,
            cluster_name=cluster.name,
            region_name=backend.region_name,
            definition=definition,
            network=network,
            ids=Ids(identifier),
            entered=self.host.clock.time(),
        )

    @staticmethod
    def _tags(request: Document, definition_tags: list[Any], service: Service | None, cluster: Any) -> list[Any]:
        chosen: dict[str, str] = {}
        if request.get("propagateTags") == "TASK_DEFINITION":
            chosen |= {tag["key"]: tag["value"] for tag in definition_tags}
        if request.get("propagateTags") == "SERVICE" and service is not None:
            chosen |= {tag["key"]: tag["value"] for tag in service.tags}
        chosen |= {tag["key"]: tag["value"] for tag in request.get("tags") or ()}
        if request.get("enableECSManagedTags"):
            chosen["aws:ecs:clusterName"] = cluster.name
            if service is not None:
                chosen["aws:ecs:serviceName"] = service.name
        return [{"key": key, "value": value} for key, value in chosen.items()]

    def _stop(self, service: Service, action: rollout.Stop, tasks: list[Task]) -> None:
        by_id = {task.id: task for task in tasks}
        chosen = [by_id[identifier] for identifier in action.tasks]
        for task in chosen:
            if action.why is rollout.Why.UNHEALTHY:
                reason = f"Task failed {self._failed_checks(service, task)}"
            else:
                reason = f"Scaling activity initiated by (deployment {service.primary.id if service.primary else ''})"
            self.ask_to_stop(task, "ServiceSchedulerInitiated", reason)
        if any(task.registered for task in chosen):
            service.event(f"has begun draining connections on {len(chosen)} tasks.")
        service.event(f"has stopped {len(chosen)} running tasks: {' '.join(f'(task {t.id})' for t in chosen)}.")

    def _failed_checks(self, service: Service, task: Task) -> str:
        if task.work is not None and task.work.checked_health is Health.UNHEALTHY:
            return "container health checks"
        groups = [entry for entry in service.settings.get("loadBalancers") or [] if entry.get("targetGroupArn")]
        failed = [entry for entry in groups if self.targets.health(task, entry) is Health.UNHEALTHY]
        return "ELB health checks in " + " ".join(f"({self.targets.name(entry)})" for entry in failed or groups)

    def ask_to_stop(self, task: Task, code: str, reason: str) -> None:
        """Set what is desired to STOPPED; the first reason stays."""
        if task.stopping:
            return
        task.document |= {"desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": reason, "stoppingAt": utcnow()}
        self.changed(task)
        self.dirty = True
        service = self._service(task)
        failed = code in ("TaskFailedToStart", "EssentialContainerExited") and task.healthy_at is None
        if service is not None and service.status == "ACTIVE" and failed:
            if code == "TaskFailedToStart":
                service.event(f"was unable to start a task (task {task.id}): {reason}")
            deployment = service.deployment(task.deployment_id or "")
            if deployment is not None:
                deployment.next_start = self.host.clock.time() + min(FIRST_RETRY * 2**deployment.throttled, LAST_RETRY)
                deployment.throttled += 1
                if deployment.throttled == 3:
                    service.event(
                        "is unable to consistently start tasks successfully. For more information, see the "
                        "Troubleshooting section of the Amazon ECS Developer Guide."
                    )
            if not task.failure_counted:
                task.failure_counted = True
                self._tell_breaker(service, task.deployment_id, Event.FAILED)
        if code == "SpotInterruption":
            events.task(self.host, task)
        self.host.poke()

    def enter(self, task: Task, status: str) -> None:
        """The task's next state."""
        task.document["lastStatus"] = status
        task.document["version"] += 1
        task.entered = self.host.clock.time()
        if status == "RUNNING":
            service = self._service(task)
            for container in task.document["containers"]:
                for agent in container.get("managedAgents") or ():
                    agent |= {"lastStatus": "RUNNING", "lastStartedAt": utcnow()}
            if service is not None:
                self._tell_breaker(service, task.deployment_id, Event.RUNNING)
        if status == "STOPPED":
            self._stopped(task)
        self.changed(task)
        self.host.poke()

    def _stopped(self, task: Task) -> None:
        clock = self.host.clock
        task.work = None
        latest = clock.time() + max(KEPT_STOPPED, LOOKED_AT * clock.speed)
        task.gone_at = min(latest, latest if task.gone_at is None else task.gone_at)

    def changed(self, task: Task) -> None:
        self.dirty = True
        events.task(self.host, task)

    # -- load balancers and Cloud Map -----------------------------------------------------------

    def join(self, task: Task) -> None:
        """Register the task where its service says."""
        service = self._service(task)
        if service is None:
            return
        deployment = service.deployment(task.deployment_id or "")
        revision = deployment.revision if deployment else service.settings
        for entry in revision.get("loadBalancers") or ():
            try:
                self.targets.register(task, entry)
            except ClientError as refused:
                service.event(f"failed to register targets in ({self.targets.name(entry)}) with (error {refused})")
            else:
                service.event(f"registered 1 targets in ({self.targets.name(entry)})")
        for registry in revision.get("serviceRegistries") or ():
            try:
                self.targets.enlist(task, registry, service)
            except ClientError as refused:
                where = f"(service registry {registry['registryArn']})"
                service.event(f"failed to register (task {task.id}) in {where} with (error {refused})")
        task.registered = bool(revision.get("loadBalancers"))

    def leave(self, task: Task) -> float:
        """Deregister the task; returns the AWS seconds that its connections have to drain."""
        service = self._service(task)
        if service is None:
            return 0.0
        deployment = next((d for d in [*service.deployments, *service.finished] if d.id == task.deployment_id), None)
        revision = deployment.revision if deployment else service.settings
        delays = [0.0]
        for registry in revision.get("serviceRegistries") or ():
            self.targets.delist(task, registry)
        if task.registered:
            for entry in revision.get("loadBalancers") or ():
                delays.append(self.targets.deregister(task, entry))
                service.event(f"deregistered 1 targets in ({self.targets.name(entry)})")
        return max(delays)

    # -- deployments ----------------------------------------------------------------------------

    def new_deployment(self, backend: Any, service: Service) -> Deployment:
        """Make the service's settings its PRIMARY deployment; those before it are replaced by the next turns."""
        now = utcnow()
        number = service.ids.number()
        primary = service.primary
        for deployment in service.deployments:
            deployment.status = "ACTIVE"
        deployment = Deployment(
            id=f"ecs-svc/{number}",
            revision={key: service.settings.get(key) for key in REVISION_FIELDS},
            revision_arn=arn_of(backend, f"service-revision/{service.cluster_name}/{service.name}/{number}"),
            service_deployment_arn=arn_of(
                backend, f"service-deployment/{service.cluster_name}/{service.name}/{service.ids.hex()[:21]}"
            ),
            created_at=now,
            updated_at=now,
            desired_count=service.desired_count,
            rollout_state_reason=f"ECS deployment ecs-svc/{number} in progress.",
            source_revision_arn=primary.revision_arn if primary else None,
        )
        service.deployments.insert(0, deployment)
        service.steady = False
        self._deployment_started(service, deployment)
        return deployment

    def _deployment_started(self, service: Service, deployment: Deployment) -> None:
        configuration = service.settings["deploymentConfiguration"]
        deployment.breaker = Breaker.read(configuration.get("deploymentCircuitBreaker"), service.desired_count)
        events.deployment(self.host, service, deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS")
        alarms = (configuration.get("alarms") or {}).get("enable")
        kept = [
            *([f"the strategy {configuration['strategy']}"] if configuration["strategy"] != "ROLLING" else []),
            *(["lifecycleHooks"] if configuration.get("lifecycleHooks") else []),
            *(["alarms"] if alarms else []),
        ]
        if kept:
            service.event(f"is deployed by the embedded AWS as ROLLING: {', '.join(kept)} is kept and not acted on.")
        self.dirty = True
        self.host.poke()

    def _note_stuck(self, service: Service, view: rollout.Service) -> None:
        """Say once of a deployment that its bounds let it neither start nor stop a task."""
        primary = service.primary
        assert primary is not None
        bounds = view.minimum_healthy_percent, view.maximum_percent
        if len(service.deployments) > 1 and not primary.found_stuck and rollout.is_stuck(view.desired_count, *bounds):
            primary.found_stuck = True
            service.event(
                "was unable to stop or start tasks during a deployment because of the service deployment "
                "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
            )
            self.dirty = True

    def _settle(self, service: Service, view: rollout.Service, tasks: list[Task]) -> None:
        """Drop old deployments that have no task left; say when the primary is done."""
        primary = service.primary
        assert primary is not None
        left = {task.deployment_id for task in tasks}
        for deployment in [d for d in service.deployments if d.status == "ACTIVE" and d.id not in left]:
            deployment.status = "INACTIVE"
            deployment.finished_at = deployment.finished_at or utcnow()
            service.deployments.remove(deployment)
            service.finished.insert(0, deployment)
            self.dirty = True
        if primary.desired_count != service.desired_count:
            primary.desired_count = service.desired_count
        steady = rollout.is_steady(view) and len(service.deployments) == 1
        if steady and primary.rollout_state == "IN_PROGRESS":
            primary.rollout_state = "COMPLETED"
            primary.rollout_state_reason = f"ECS deployment {primary.id} completed."
            primary.updated_at = primary.finished_at = utcnow()
            primary.breaker = primary.breaker.after(Event.COMPLETED)
            service.event(f"(deployment {primary.id}) deployment completed.")
            events.deployment(self.host, service, primary, "SERVICE_DEPLOYMENT_COMPLETED")
            self.dirty = True
        if steady and not service.steady:
            service.event("has reached a steady state.")
            self.dirty = True
        service.steady = steady

    def _drain(self, service: Service, tasks: list[Task]) -> None:
        for task in tasks:
            primary = service.primary.id if service.primary else ""
            self.ask_to_stop(task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {primary})")
        if not tasks:
            service.status = "INACTIVE"
            service.stopped_at = utcnow()
            for deployment in service.deployments:
                deployment.status = "INACTIVE"
            service.finished = [*service.deployments, *service.finished]
            service.deployments = []
            self.dirty = True

    # -- exec -----------------------------------------------------------------------------------

    def open_session(self, task: Task, name: str, command: str) -> Document:
        """A session that runs `command` in the container once its client connects."""
        import shlex

        from drydock.embedded.carriers.exec_channel import ExecChannel

        container = task.work.containers[name]
        argv = shlex.split(command)
        group = self._session_log(task, name)

        def start(on_output: Any) -> Any:
            logged = self._logged(on_output, task, group, session)
            return self.host.helper(runtime_of).open(container, argv, tty=True, on_output=logged)

        session, url, token = self.host.helper(ExecChannel).open(start)
        return {"sessionId": session, "streamUrl": url, "tokenValue": token}

    def _session_log(self, task: Task, name: str) -> str | None:
        """The log group that the cluster's executeCommandConfiguration sends sessions to, if any.

        DEFAULT: the awslogs group of the container; OVERRIDE: the one that is named there.
        """
        backend = next(b for b in self.regions() if task.arn in b.tasks.get(task.cluster_name, {}))
        cluster = backend.clusters[task.cluster_name]
        configured = (cluster.configuration or {}).get("executeCommandConfiguration") or {}
        match configured.get("logging", "DEFAULT"):
            case "OVERRIDE":
                return (configured.get("logConfiguration") or {}).get("cloudWatchLogGroupName")
            case "DEFAULT":
                log_configuration = task.definition_of(name).get("logConfiguration") or {}
                return (log_configuration.get("options") or {}).get("awslogs-group")
        return None

    def _logged(self, on_output: Any, task: Task, group: str | None, session: str) -> Any:
        """`on_output`, and what it is given as lines of a log stream that has the session's name."""
        if group is None:
            return on_output
        try:
            self.logs.open(task.region_name, group, session, create_group=False)
        except ClientError as refused:
            log.warning("session %s is not logged to %s: %s", session, group, refused)
            return on_output

        def both(stream: str, data: bytes) -> None:
            on_output(stream, data)
            for line in data.splitlines():
                self.logs.write(task.region_name, group, session, line)

        return both

    # -- what the validators need to know -------------------------------------------------------

    def surroundings(self, backend: Any, request: Document) -> Document:
        """Which of the target groups, registries, subnets and security groups that a request names exist."""
        region = backend.region_name
        network = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        groups = {e["targetGroupArn"] for e in request.get("loadBalancers") or () if e.get("targetGroupArn")}
        registries = {e["registryArn"] for e in request.get("serviceRegistries") or () if e.get("registryArn")}
        return {
            "target_groups": self.targets.groups(region, groups),
            "registries": self.targets.registries(region, registries),
            "subnets": self.network.known_subnets(region, network.get("subnets")),
            "security_groups": self.network.known_security_groups(region, network.get("securityGroups")),
        }

    # -- life of the cloud ----------------------------------------------------------------------

    def restore(self) -> None:
        """Lay what the engine knew over what the replay made; nothing of it runs any more."""
        path = self.host.directory / "ecs.json"
        if path.exists():
            self._order, self._restarts = snapshot.read(path, self._backends, self.host)
        for backend in self.regions():
            for tasks in backend.tasks.values():
                for task in tasks.values():
                    if task.status != "STOPPED":
                        self._guard(self._bury, f"task {task.id} of before the restart", None, task)
                    else:
                        self._stopped(task)
            for service in backend.services.values():
                service.steady = False
                for deployment in service.deployments:
                    deployment.next_start = min(deployment.next_start, self.host.clock.time() + LAST_RETRY)
        self.dirty = True

    def _bury(self, task: Task) -> None:
        """A task of before the restart: its processes died with the cloud."""
        task.document |= {"desiredStatus": "STOPPED"}
        task.document.setdefault("stopCode", "InfrastructureHealth")
        task.document.setdefault("stoppedReason", "The embedded AWS was restarted")
        if task.document["attachments"]:
            self.network.detach(task)
        if task.address:
            self.leave(task)
        for container in task.document["containers"]:
            container["lastStatus"] = "STOPPED"
            container.setdefault("exitCode", 137)
        task.document |= {"lastStatus": "STOPPED", "stoppedAt": utcnow(), "connectivity": "DISCONNECTED"}
        self._stopped(task)
        disk.remove(self.host.directory / "tasks" / task.id)

    def close(self) -> None:
        """End every task; what they were is kept for the next start."""
        with self.host.lock:
            self.closed = True
            lives = [task.work for task in self.all_tasks() if task.work is not None]
        for life in lives:
            life.kill()
        for life in lives:
            life.wait_dead(3.0)
        with self.host.lock:
            self.logs.flush(now=True)
            for life in lives:
                if life.task.address:
                    self.network.release(life.task.address)
            self.save()
