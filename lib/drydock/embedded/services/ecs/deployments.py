"""The story of a deployment, whole: how it begins, what it hears of its tasks, how it fails, rolls back or completes.

Whatever happens to tasks comes in by `observe`; nothing else tells the circuit breaker of a failure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from moto.ecs.exceptions import ECSException

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs import asks, events
from drydock.embedded.services.ecs.lookups import definition_of
from drydock.embedded.services.ecs.records import Deployment, Document, Service, Task, utcnow
from drydock.embedded.services.ecs.table import Failed, Healthy, Report, Running, Table, Unhealthy, Unplaced
from drydock.policy.ecs import rollout
from drydock.policy.ecs.breaker import Breaker, Event

# A change of one of these is a new deployment; a revision has the capacity, too, which waits for the next one.
DEPLOYING_FIELDS = (
    "loadBalancers", "networkConfiguration", "platformVersion", "serviceConnectConfiguration", "serviceRegistries",
    "taskDefinition", "volumeConfigurations", "vpcLatticeConfigurations",
)  # fmt: skip
REVISION_FIELDS = ("capacityProviderStrategy", "launchType", *DEPLOYING_FIELDS)
# AWS seconds between tries when tasks of a deployment keep failing: ECS throttles them; ours doubles up to a limit.
FIRST_RETRY, LAST_RETRY = 10.0, 300.0


class Deployments:
    """The deployments of all services."""

    def __init__(self, host: Host, table: Table) -> None:
        self._host = host
        self._table = table

    # -- how one begins -------------------------------------------------------------------------

    def begin(self, service: Service) -> Deployment:
        """Make the service's settings its PRIMARY deployment; those before it are replaced by the next turns."""
        now, number, primary = utcnow(), service.ids.number(), service.primary
        for deployment in service.deployments:
            deployment.status = "ACTIVE"
        configuration = service.settings["deploymentConfiguration"]
        deployment = Deployment(
            id=f"ecs-svc/{number}",
            revision={key: service.settings.get(key) for key in REVISION_FIELDS},
            revision_arn=_arn(service, "service-revision", number),
            service_deployment_arn=_arn(service, "service-deployment", service.ids.hex()[:21]),
            created_at=now,
            updated_at=now,
            breaker=Breaker.read(configuration.get("deploymentCircuitBreaker"), service.desired_count),
            desired_count=service.desired_count,
            rollout_state_reason=f"ECS deployment ecs-svc/{number} in progress.",
            source_revision_arn=primary.revision_arn if primary else None,
        )
        service.deployments.insert(0, deployment)
        service.steady = False
        events.deployment(self._host, service, deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS")
        kept = [
            *([f"the strategy {configuration['strategy']}"] if configuration["strategy"] != "ROLLING" else []),
            *(["lifecycleHooks"] if configuration.get("lifecycleHooks") else []),
            *(["alarms"] if (configuration.get("alarms") or {}).get("enable") else []),
        ]
        if kept:
            service.event(f"is deployed by the embedded AWS as ROLLING: {', '.join(kept)} is kept and not acted on.")
        self._tell_what_is_missing(service, deployment)
        self._table.keep(service)
        return deployment

    def _tell_what_is_missing(self, service: Service, deployment: Deployment) -> None:
        with contextlib.suppress(ECSException):  # the task definition is gone, which its tasks will tell
            definition = definition_of(self._table.region(service.region_name), deployment.revision["taskDefinition"])
            if missing := asks.missing(self._host, definition.document):
                service.event(f"(deployment {deployment.id}) {missing}.")

    def change(self, service: Service, settings: Document, *, force: bool) -> None:
        """Give a service other settings: a new deployment, if they differ in what deploys, or by `force`."""
        before, service.settings = service.settings, settings
        service.changed_by = self._host.front.request
        if force or any(before.get(field) != settings.get(field) for field in DEPLOYING_FIELDS):
            self.begin(service)
        elif service.primary is not None:
            service.primary.desired_count = service.desired_count
            service.primary.updated_at = utcnow()
            service.steady = False
        self._table.keep(service)

    def resume(self, service: Service) -> None:
        """After a restart, which left no task."""
        service.steady = False
        for deployment in service.deployments:
            deployment.next_start = min(deployment.next_start, self._host.clock.time() + LAST_RETRY)
        self._table.keep(service)

    # -- what it hears --------------------------------------------------------------------------

    def observe(self, report: Report) -> None:
        """Something happened to a task, or to the placing of one."""
        if isinstance(report, Unplaced):
            self._unplaced(report)
            return
        service = self._table.service_of(report.task)
        deployment = service.deployment(report.task.deployment_id or "") if service is not None else None
        if service is None or deployment is None:
            return
        match report:
            case Running():
                self._tell_breaker(service, deployment, Event.RUNNING)
            case Healthy():
                self._tell_breaker(service, deployment, Event.HEALTHY)
                deployment.throttled = deployment.failed_tasks = 0
            case Unhealthy():
                self._tell_breaker(service, deployment, Event.HEALTH_CHECK_FAILED)
            case Failed() if service.status == "ACTIVE":
                self._failed(service, deployment, report)

    def _unplaced(self, report: Unplaced) -> None:
        service, deployment = report.service, report.service.deployment(report.deployment)
        service.event(f"was unable to place a task. Reason: {report.reason}.")
        if deployment is not None:
            deployment.next_start = self._host.clock.time() + LAST_RETRY
            self._tell_breaker(service, deployment, Event.FAILED)

    def _failed(self, service: Service, deployment: Deployment, report: Failed) -> None:
        if report.code == "TaskFailedToStart":
            service.event(f"was unable to start a task (task {report.task.id}): {report.reason}")
        wait = min(FIRST_RETRY * 2**deployment.throttled, LAST_RETRY)
        deployment.next_start = self._host.clock.time() + wait
        deployment.throttled += 1
        if deployment.throttled == 3:
            service.event(
                "is unable to consistently start tasks successfully. For more information, see the "
                "Troubleshooting section of the Amazon ECS Developer Guide."
            )
        if not report.known:
            self._tell_breaker(service, deployment, Event.FAILED)

    def _tell_breaker(self, service: Service, deployment: Deployment, event: Event) -> None:
        self._table.keep(service)
        if deployment.status != "PRIMARY":
            return
        if event in (Event.FAILED, Event.HEALTH_CHECK_FAILED):
            deployment.failed_tasks += 1
        deployment.breaker = deployment.breaker.with_desired_count(service.desired_count).after(event)
        if deployment.breaker.triggered and deployment.rollout_state == "IN_PROGRESS":
            self._fail(service, deployment)

    def _fail(self, service: Service, deployment: Deployment) -> None:
        deployment.rollout_state = "FAILED"
        deployment.rollout_state_reason = "ECS deployment circuit breaker: tasks failed to start."
        deployment.updated_at = deployment.finished_at = utcnow()
        service.event(f"(deployment {deployment.id}) deployment failed: tasks failed to start.")
        events.deployment(self._host, service, deployment, "SERVICE_DEPLOYMENT_FAILED")
        if deployment.breaker.rollback and not deployment.rollback_of:
            self._roll_back(service, deployment)

    def _roll_back(self, service: Service, deployment: Deployment) -> None:
        every = [*service.deployments, *service.finished]
        good = next((each for each in every if each.rollout_state == "COMPLETED"), None)
        if good is None:
            return
        service.settings = {k: v for k, v in {**service.settings, **good.revision}.items() if v is not None}
        service.event(f"rolling back to deployment {good.id}.")
        back = self.begin(service)
        back.rollback_of = deployment.id
        back.rollout_state_reason = f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."

    # -- how it goes on -------------------------------------------------------------------------

    def may_start(self, deployment: Deployment) -> bool:
        """Whether it may try to start tasks: not while it waits after those that failed."""
        return self._host.clock.time() >= deployment.next_start

    def started(self, service: Service, deployment: Deployment, tasks: Sequence[Task]) -> None:
        service.event(f"has started {len(tasks)} tasks: {' '.join(f'(task {task.id})' for task in tasks)}.")
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

    def settle(self, service: Service, tasks: Iterable[Task], *, steady: bool) -> None:
        """Let go of old deployments that have no task left; say when the primary is done."""
        left = {task.deployment_id for task in tasks}
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
        if steady and primary.rollout_state == "IN_PROGRESS":
            self._complete(service, primary)
        if steady and not service.steady:
            service.event("has reached a steady state.")
            self._table.note(service)
        service.steady = steady

    def _complete(self, service: Service, deployment: Deployment) -> None:
        deployment.rollout_state = "COMPLETED"
        deployment.rollout_state_reason = f"ECS deployment {deployment.id} completed."
        deployment.updated_at = deployment.finished_at = utcnow()
        deployment.breaker = deployment.breaker.after(Event.COMPLETED)
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
        self._table.keep(service)


def _arn(service: Service, kind: str, identifier: str) -> str:
    return f"{service.arn.replace(':service/', f':{kind}/', 1)}/{identifier}"
