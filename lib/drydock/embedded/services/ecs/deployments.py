"""The story of a deployment, whole: how it begins, what it hears of its tasks, how it fails, rolls back or completes.

Whatever happens to tasks comes in by `observe`; nothing else tells the circuit breaker of a failure.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.ecs.exceptions import ECSException

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs import asks, events, task_sets
from drydock.embedded.services.ecs.alarms import AlarmStates
from drydock.embedded.services.ecs.lookups import definition_of
from drydock.embedded.services.ecs.namespaces import Namespaces
from drydock.embedded.services.ecs.records import Deployment, Document, Origin, Service, Task, TaskSet, utcnow
from drydock.embedded.services.ecs.table import Failed, Healthy, Report, Resolved, Running, Table, Unhealthy, Unplaced
from drydock.policy.ecs import alarms as alarm_rules
from drydock.policy.ecs import interruption, rollout, strategy
from drydock.policy.ecs.alarms import Alarms
from drydock.policy.ecs.breaker import Breaker, Event, Status
from drydock.policy.mesh import service_connect

# A change of one of these is a new deployment; a revision has the capacity, too, which waits for the next one.
DEPLOYING_FIELDS = (
    "loadBalancers", "networkConfiguration", "platformVersion", "serviceConnectConfiguration", "serviceRegistries",
    "taskDefinition", "volumeConfigurations", "vpcLatticeConfigurations",
)  # fmt: skip
REVISION_FIELDS = ("capacityProviderStrategy", "launchType", *DEPLOYING_FIELDS)
# AWS seconds between tries when tasks of a deployment keep failing: ECS throttles them; ours doubles up to a limit.
FIRST_RETRY, LAST_RETRY = 10.0, 300.0
SPOT_RETRY = 60.0
"""AWS seconds between tries while Fargate Spot has no capacity (our choice)."""
LAUNCH_RETRY = 30.0
"""AWS seconds after a task could not be launched as it is. Observed: github.com/pulumi/pulumi-awsx/issues/927."""


@dataclass(frozen=True)
class Cause:
    """Why a deployment fails: what found it, and what it found. `reason`: that in the words of the API."""

    by: str
    what: str
    reason: str = ""


BREAKER = Cause("circuit breaker", "tasks failed to start")
ALARM = Cause("alarms", "alarm detected")
STOPPED = Cause("stop", "stopped by user")


class Deployments:
    """The deployments of all services."""

    def __init__(self, host: Host, table: Table, namespaces: Namespaces) -> None:
        self._host = host
        self._table = table
        self._namespaces = namespaces
        self._alarms = AlarmStates(host)

    # -- how one begins -------------------------------------------------------------------------

    def begin(self, service: Service) -> Deployment:
        """Make the service's settings its PRIMARY deployment; those before it are replaced by the next turns."""
        now, number, before = utcnow(), service.ids.number(), service.staged
        reconciles = before is not None
        if before is not None:
            self._supersede(service, before)
        source = _serving(service)
        for deployment in service.deployments:
            deployment.status = "ACTIVE"
            if deployment is not source:
                deployment.finished_at = deployment.finished_at or now
        configuration = service.settings["deploymentConfiguration"]
        rolling = configuration["strategy"] == strategy.ROLLING
        breaker = configuration.get("deploymentCircuitBreaker") if rolling else None
        entries = service.settings.get("loadBalancers") or ()
        known = source is not None and not reconciles
        deployment = Deployment(
            id=f"ecs-svc/{number}",
            revision={key: service.settings.get(key) for key in REVISION_FIELDS},
            revision_arn=_arn(service, "service-revision", number),
            service_deployment_arn=_arn(service, "service-deployment", service.ids.hex()[:21]),
            created_at=now,
            updated_at=now,
            breaker=Breaker.read(breaker, service.desired_count),
            desired_count=service.desired_count,
            rollout_state_reason=f"ECS deployment ecs-svc/{number} in progress.",
            source_revision_arn=source.revision_arn if source else None,
            configuration=configuration,
            alarms=Alarms.read(configuration.get("alarms")),
        )
        if rolling:
            deployment.alternate = source is not None and source.alternate
            deployment.production = deployment.test = None if reconciles else 100.0
        else:
            taken = [entry["targetGroupArn"] for entry in source.load_balancers] if source else []
            deployment.alternate = strategy.takes_alternate(entries, taken)
            deployment.source = source.id if source else None
            deployment.production = deployment.test = 0.0 if known else None
            deployment.progress = strategy.first(reconciles=reconciles, now=self._host.clock.time())
        service.deployments.insert(0, deployment)
        service.steady = False
        self._connect(service, deployment)
        events.deployment(self._host, service, deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS")
        if not rolling and (configuration.get("deploymentCircuitBreaker") or {}).get("enable"):
            service.event(f"(deployment {deployment.id}) the circuit breaker watches rolling deployments only.")
        if rolling and configuration.get("lifecycleHooks"):
            service.event(f"(deployment {deployment.id}) a rolling deployment has no stages: its hooks are not called.")
        self._tell_what_is_missing(service, deployment)
        self._table.keep(service)
        return deployment

    def _connect(self, service: Service, deployment: Deployment) -> None:
        """Service Connect: what its tasks are called by, and whom they can call."""
        configuration = deployment.revision.get("serviceConnectConfiguration") or {}
        if not configuration.get("enabled"):
            return
        found = self._namespaces.find(service.region_name, configuration["namespace"])
        if found is None:
            service.event(f"cannot find the namespace {configuration['namespace']} of Service Connect.")
            return
        deployment.namespace, deployment.namespace_name = found.arn, found.name
        deployment.known = self._namespaces.endpoints(service.region_name, found.arn)
        self._make_resources(service, deployment)
        entries = configuration.get("services") or ()
        if secured := [entry["tls"] for entry in entries if entry.get("tls")]:
            rest = " kmsKey encrypts nothing here." if any(tls.get("kmsKey") for tls in secured) else ""
            service.event(
                f"(deployment {deployment.id}) the keys of its certificates are kept in files that only their owner "
                f"can read, not in Secrets Manager.{rest}"
            )

    def _make_resources(self, service: Service, deployment: Deployment) -> None:
        """What it is in Cloud Map; a replay leaves that to the end."""
        if deployment.namespace is None or seams.replaying():
            return
        services = (deployment.revision.get("serviceConnectConfiguration") or {}).get("services") or ()
        names = {service_connect.discovery_name(entry) for entry in services}
        try:
            deployment.resources = self._namespaces.resources(service, deployment.namespace, names)
        except (ClientError, JsonRESTError) as refused:
            service.event(f"cannot be found by Service Connect: {refused}.")

    def _supersede(self, service: Service, deployment: Deployment) -> None:
        """One of stages that another comes upon: it is done if it was only cleaning up."""
        if deployment.rollback is not None:
            deployment.rollback["state"] = "FAILED"
        elif deployment.progress is not None and deployment.progress.stage is strategy.Stage.CLEAN_UP:
            self.complete(service, deployment)

    def _tell_what_is_missing(self, service: Service, deployment: Deployment) -> None:
        with contextlib.suppress(ECSException):  # the task definition is gone, which its tasks will tell
            definition = definition_of(self._table.region(service.region_name), deployment.revision["taskDefinition"])
            if missing := asks.missing(self._host, definition.document):
                service.event(f"(deployment {deployment.id}) {missing}.")

    def change(self, service: Service, settings: Document, *, force: bool) -> None:
        """Give a service other settings: a new deployment, if they differ in what deploys, or by `force`."""
        of_sets = task_sets.wanted(service)
        before, service.settings = service.settings, settings
        service.changed_by = self._host.front.request
        if service.controller != "ECS":
            task_sets.unsettle(service, of_sets)
            service.steady = False
        elif force or any(before.get(field) != settings.get(field) for field in DEPLOYING_FIELDS):
            source, deployment = service.primary, self.begin(service)
            if source is not None and not force and before.get("taskDefinition") == settings.get("taskDefinition"):
                deployment.images = dict(source.images)
        elif service.primary is not None:
            service.primary.desired_count = service.desired_count
            service.primary.updated_at = utcnow()
            service.steady = False
        self._table.keep(service)

    def resume(self, service: Service) -> None:
        """After a restart, which left no task."""
        service.steady = False
        for deployment in service.deployments:
            self._make_resources(service, deployment)
        for origin in service.origins:
            origin.next_start = min(origin.next_start, self._host.clock.time() + LAST_RETRY)
        self._table.keep(service)

    # -- what it hears --------------------------------------------------------------------------

    def observe(self, report: Report) -> None:
        """Something happened to a task, or to the placing of one."""
        if isinstance(report, Unplaced):
            self._unplaced(report)
            return
        service = self._table.service_of(report.task)
        deployment = service.origin(report.task.deployment_id or "") if service is not None else None
        if service is None or deployment is None:
            return
        match report:
            case Resolved() if isinstance(deployment, Deployment):
                deployment.images = dict(report.images)
                self._table.keep(service)
            case Running():
                self._tell_breaker(service, deployment, Event.RUNNING)
            case Healthy():
                self._tell_breaker(service, deployment, Event.HEALTHY)
                deployment.throttled = 0
                if isinstance(deployment, Deployment):
                    deployment.failed_tasks = 0
            case Unhealthy():
                self._tell_breaker(service, deployment, Event.HEALTH_CHECK_FAILED)
            case Failed() if service.status == "ACTIVE":
                self._failed(service, deployment, report)

    def _unplaced(self, report: Unplaced) -> None:
        service, deployment = report.service, report.service.origin(report.deployment)
        if report.zone:
            service.event(f"is unable to place a task in {report.zone}.")
            service.event("stopped AZ Rebalancing.")
            events.action(self._host, service, "SERVICE_REBALANCING_STOPPED")
        elif report.again:
            service.event(f"failed to launch a task with (error {report.reason}).", report.deployment)
        else:
            service.event(f"was unable to place a task. Reason: {report.reason}.", report.deployment)
        if deployment is not None:
            retry = LAUNCH_RETRY if report.again else LAST_RETRY
            if report.reason == interruption.NO_CAPACITY:
                retry = SPOT_RETRY
                self._tell_of_spot(service)
            deployment.next_start = self._host.clock.time() + retry
            self._tell_breaker(service, deployment, Event.FAILED)

    def _tell_of_spot(self, service: Service) -> None:
        place = f"arn:aws:ecs:{service.region_name}:{self._host.account}"
        events.action(
            self._host,
            service,
            "SERVICE_TASK_PLACEMENT_FAILURE",
            "ERROR",
            capacityProviderArns=[f"{place}:capacity-provider/{interruption.PROVIDER}"],
            reason=interruption.PLACEMENT_FAILURE,
        )

    def _failed(self, service: Service, deployment: Origin, report: Failed) -> None:
        if report.code == "TaskFailedToStart":
            service.event(f"was unable to start a task (task {report.task.id}): {report.reason}", deployment.id)
            is_pull = report.reason.startswith("CannotPullContainerError")
            if is_pull and isinstance(deployment, Deployment) and not deployment.images:
                deployment.unresolved += 1
        wait = min(FIRST_RETRY * 2**deployment.throttled, LAST_RETRY)
        deployment.next_start = self._host.clock.time() + wait
        deployment.throttled += 1
        if deployment.throttled == 3:
            service.event(
                "is unable to consistently start tasks successfully. For more information, see the "
                "Troubleshooting section of the Amazon ECS Developer Guide.",
                deployment.id,
            )
        if not report.known:
            self._tell_breaker(service, deployment, Event.FAILED)

    def _tell_breaker(self, service: Service, deployment: Origin, event: Event) -> None:
        """A task set has none: whoever deploys it looks at how it is."""
        self._table.keep(service)
        if isinstance(deployment, TaskSet) or deployment.status != "PRIMARY":
            return
        if event in (Event.FAILED, Event.HEALTH_CHECK_FAILED):
            deployment.failed_tasks += 1
        deployment.breaker = deployment.breaker.with_desired_count(service.desired_count).after(event)
        if deployment.breaker.triggered and deployment.rollout_state == "IN_PROGRESS":
            self.fail(service, deployment, BREAKER, rollback=deployment.breaker.rollback)

    def watch(self, service: Service) -> None:
        """Look at the alarms of the deployment that is under way."""
        deployment = service.staged or service.primary
        if deployment is None or deployment.rollout_state != "IN_PROGRESS" or not deployment.alarms.watches:
            return
        if deployment.progress is not None and not strategy.is_watched(deployment.progress):
            return
        before, found = deployment.alarms, self._alarms.look(service.region_name, deployment.alarms.names)
        deployment.alarms = before.after({alarm["AlarmName"]: alarm["StateValue"] for alarm in found})
        absent = sorted(set(before.names) - {alarm["AlarmName"] for alarm in found})
        if absent and deployment.alarms.status is not Status.TRIGGERED:
            self.say_once(service, deployment, f"cannot watch alarms that do not exist: {', '.join(absent)}.")
        if deployment.alarms == before:
            return
        self._table.keep(service)
        if deployment.alarms.status is Status.TRIGGERED:
            self.fail(service, deployment, ALARM, rollback=deployment.alarms.rollback)
            return
        if deployment.alarms.status is Status.DISABLED:
            service.event(f"(deployment {deployment.id}) watches no alarms: one was in ALARM when it began.")

    # -- how it fails ---------------------------------------------------------------------------

    def fail(self, service: Service, deployment: Deployment, cause: Cause, *, rollback: bool) -> None:
        """It goes no further; with `rollback` what was before it comes back, if there is such."""
        deployment.rollout_state = "FAILED"
        deployment.rollout_state_reason = cause.reason or f"ECS deployment {cause.by}: {cause.what}."
        deployment.updated_at = deployment.finished_at = utcnow()
        service.event(f"(deployment {deployment.id}) deployment failed: {cause.what}.")
        events.deployment(self._host, service, deployment, "SERVICE_DEPLOYMENT_FAILED")
        self._table.keep(service)
        if rollback and not deployment.rollback_of:
            self._roll_back(service, deployment, cause)

    def _roll_back(self, service: Service, deployment: Deployment, cause: Cause) -> None:
        if deployment.progress is not None:
            good = service.deployment(deployment.source) if deployment.source else None
        else:
            every = [*service.deployments, *service.finished]
            good = next((each for each in every if each.rollout_state == "COMPLETED"), None)
        if good is None:
            return
        service.settings = {k: v for k, v in {**service.settings, **good.revision}.items() if v is not None}
        service.event(f"rolling back to deployment {good.id}.")
        reason = f"ECS deployment {cause.by}: rolling back to deploymentId {good.id}."
        if deployment.progress is None:
            back = self.begin(service)
            back.images = dict(good.images)
            back.rollback_of, back.rollout_state_reason = deployment.id, reason
        else:
            back, deployment.status, good.status = good, "ACTIVE", "PRIMARY"
            events.deployment(self._host, service, good, "SERVICE_DEPLOYMENT_IN_PROGRESS", reason)
        deployment.rollback = {
            "reason": deployment.rollout_state_reason,
            "startedAt": utcnow(),
            "serviceRevisionArn": back.revision_arn,
            "state": "REQUESTED" if deployment.progress is not None else "IN_PROGRESS",
        }

    def stop(self, service: Service, deployment: Deployment, *, rollback: bool) -> None:
        """Somebody stops a deployment that is under way: it stays as it is, or what was before it comes back."""
        self.fail(service, deployment, STOPPED, rollback=rollback)
        if rollback and deployment.rollback is None:
            deployment.rollback = {
                "reason": "No deployment of the service has completed, so there is none to roll back to.",
                "startedAt": utcnow(),
                "state": "FAILED",
            }

    def rolled_back(self, service: Service, deployment: Deployment) -> None:
        """What was before it is there again, and nothing is left of it."""
        assert deployment.rollback is not None
        deployment.rollback["state"] = "SUCCESSFUL"
        deployment.updated_at = deployment.finished_at = utcnow()
        self._table.keep(service)

    def fail_to_roll_back(self, service: Service, deployment: Deployment, why: str) -> None:
        """What was before it has the traffic again, but the roll-back has failed."""
        assert deployment.rollback is not None
        deployment.rollback["state"] = "FAILED"
        deployment.updated_at = deployment.finished_at = utcnow()
        service.event(f"(deployment {deployment.id}) roll-back failed: {why}.")
        self._table.keep(service)

    def say_once(self, service: Service, deployment: Deployment, message: str) -> None:
        """An event of a deployment, unless it is one already."""
        full = f"(deployment {deployment.id}) {message}"
        if not any(event["message"].endswith(full) for event in service.events):
            service.event(full)
            self._table.keep(service)

    # -- how one of stages goes on --------------------------------------------------------------

    def enter(self, service: Service, deployment: Deployment, progress: strategy.Progress) -> None:
        """It has come to another stage or step."""
        deployment.progress = progress
        deployment.updated_at = utcnow()
        self._table.keep(service)

    def told_listeners(
        self, service: Service, deployment: Deployment, production: float | None, test: float | None
    ) -> None:
        """Listeners give it such percentages of the traffic now."""
        deployment.production, deployment.test = production, test
        self._table.keep(service)

    def want(self, deployment: Deployment, count: int) -> None:
        """So many tasks are desired of it."""
        deployment.desired_count = count

    def go_back(self, service: Service, deployment: Deployment) -> None:
        """A roll-back that was asked for is under way."""
        if deployment.rollback is not None and deployment.rollback["state"] == "REQUESTED":
            deployment.rollback["state"] = "IN_PROGRESS"
            self._table.keep(service)

    def begin_hooks(self, service: Service, deployment: Deployment, hooks: list[Document]) -> None:
        """A stage waits for these."""
        if hooks:
            deployment.hooks += hooks
            self._table.keep(service)

    def end_hook(self, service: Service, hook: Document, status: str, why: str = "") -> None:
        """A hook has come to its end; `why` it failed."""
        hook["status"] = status
        if why:
            hook["why"] = why
        self._table.keep(service)

    def delay_hook(self, service: Service, hook: Document, due: float, details: Mapping[str, Any] | None) -> None:
        """The function of a hook is to be called again at an AWS second, with these details beside those before."""
        hook["due"] = due
        hook["details"] = {**hook["details"], **(details or {})}
        self._table.keep(service)

    # -- how it goes on -------------------------------------------------------------------------

    def may_start(self, deployment: Origin) -> bool:
        """Whether it may try to start tasks: not while it waits after those that failed."""
        return self._host.clock.time() >= deployment.next_start

    def started(self, service: Service, deployment: Origin, tasks: Sequence[Task], zone: str = "") -> None:
        """`zone`: where it is to bring zones closer together."""
        balancing = f" in {zone} to AZ Rebalance" if zone else ""
        those = " ".join(f"(task {task.id})" for task in tasks)
        service.event(f"has started {len(tasks)} tasks{balancing}: {those}.", deployment.id)
        deployment.updated_at = utcnow()

    def note_stuck(self, service: Service, view: rollout.Service) -> None:
        """Say once of a deployment that its bounds let it neither start nor stop a task."""
        primary = service.primary
        bounds = view.minimum_healthy_percent, view.maximum_percent
        if primary is None or primary.found_stuck or len(service.deployments) == 1:
            return
        if rollout.is_stuck(view.desired_count, *bounds):
            primary.found_stuck = True
            service.event(
                "was unable to stop or start tasks during a deployment because of the service deployment "
                "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
            )
            self._table.keep(service)

    def begin_to_balance(self, service: Service, deployment: Origin, apart: Iterable[tuple[str, int]]) -> None:
        """A task more is started, for zones differ by more than one."""
        if isinstance(deployment, Deployment):
            deployment.balances = True
        service.event(f"is not AZ balanced with {_by_zone(apart)}. AZ Rebalancing in progress.")
        events.action(self._host, service, "SERVICE_REBALANCING_STARTED")

    def note_protected(self, service: Service, view: rollout.Service) -> None:
        """Say once of a service that is not balanced that protection keeps it so."""
        primary, count = service.primary, rollout.protected_from_balance(view)
        if primary is None or not count:
            return
        message = (
            f"was unable to AZ Rebalance because (taskSet {primary.id}) was unable to scale in due to "
            f"(reason {count} tasks under protection)."
        )
        if not any(event["message"].endswith(message) for event in service.events):
            service.event(message)
            self._table.keep(service)

    def settle(self, service: Service, tasks: Sequence[Task], *, steady: bool, early: bool) -> None:
        """Let go of old deployments that have no task left; say when the primary is done.

        `early`: it is successful before it has settled.
        """
        left = {task.deployment_id for task in tasks}
        if service.staged is not None:
            left.add(service.staged.id)
            left.add(service.staged.source)
        for deployment in [d for d in service.deployments if d.status == "ACTIVE" and d.id not in left]:
            deployment.status = "INACTIVE"
            deployment.finished_at = deployment.finished_at or utcnow()
            service.deployments.remove(deployment)
            service.finished.insert(0, deployment)
            self._table.keep(service)
        primary = service.primary
        assert primary is not None
        primary.desired_count = service.desired_count
        steady = steady and len(service.deployments) == 1
        is_rolling = primary.rollout_state == "IN_PROGRESS" and primary.progress is None
        if is_rolling and (steady or early) and self._has_baked(primary):
            self.complete(service, primary)
        if steady and primary.balances:
            primary.balances = False
            zones = Counter(str(task.document.get("availabilityZone")) for task in tasks)
            service.event(f"is AZ balanced with {_by_zone(sorted(zones.items()))}.")
            events.action(self._host, service, "SERVICE_REBALANCING_COMPLETED")
        if steady and not service.steady:
            service.event("has reached a steady state.")
            self._table.note(service)
        service.steady = steady

    def _has_baked(self, deployment: Deployment) -> bool:
        """Whether a rolling deployment that has settled was watched for long enough since."""
        if deployment.settled_at is None:
            deployment.settled_at = self._host.clock.time()
        bake = strategy.MINUTE * float(deployment.configuration.get("bakeTimeInMinutes") or 0)
        if not bake and deployment.alarms.watches:
            bake = alarm_rules.bake(self._alarms.look(self._region_of(deployment), deployment.alarms.names))
        return self._host.clock.time() - deployment.settled_at >= bake

    @staticmethod
    def _region_of(deployment: Deployment) -> str:
        return deployment.revision_arn.split(":")[3]

    def complete(self, service: Service, deployment: Deployment) -> None:
        """It has done what it was to do."""
        deployment.rollout_state = "COMPLETED"
        deployment.rollout_state_reason = f"ECS deployment {deployment.id} completed."
        deployment.updated_at = deployment.finished_at = utcnow()
        deployment.breaker = deployment.breaker.after(Event.COMPLETED)
        deployment.alarms = deployment.alarms.completed()
        service.event(f"(deployment {deployment.id}) deployment completed.")
        events.deployment(self._host, service, deployment, "SERVICE_DEPLOYMENT_COMPLETED")
        self._table.note(service)

    # -- how it ends ----------------------------------------------------------------------------

    def end_all(self, service: Service) -> None:
        """A service that was deleted has no task left."""
        service.status = "INACTIVE"
        service.stopped_at = utcnow()
        for deployment in service.deployments:
            deployment.status = "INACTIVE"
        service.finished = [*service.deployments, *service.finished]
        service.deployments = []
        service.task_sets = []
        self._table.keep(service)
        self._table.forget_deleted(self._table.region(service.region_name))


def _serving(service: Service) -> Deployment | None:
    """The deployment that serves: the last that was completed and still has tasks, or the one that has the traffic."""
    completed = next((d for d in service.deployments if d.rollout_state == "COMPLETED"), None)
    if completed is not None or not service.deployments:
        return completed
    last = service.deployments[0]
    return last if last.progress is None or last.production == 100.0 else None


def _by_zone(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} tasks in {zone}" for zone, count in counts)


def _arn(service: Service, kind: str, identifier: str) -> str:
    return f"{service.arn.replace(':service/', f':{kind}/', 1)}/{identifier}"
