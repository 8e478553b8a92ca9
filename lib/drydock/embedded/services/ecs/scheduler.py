"""A turn: every task a step along its life, and every service towards what is desired.

1. Each life takes a step; the table reports what happened.
2. The tasks of each service are judged: which are healthy, and which have failed a check. That is reported, too.
3. The deployments hear all reports, at once and in order: a breaker trips here, and a rollback begins.
4. `policy.ecs.rollout` decides for each service what to start and what to stop, and that is done: `launch` writes new
   tasks, the table that others are to stop. Their lives go on in the next turn.

Between two steps others are let in: what they change, this turn finds or the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from moto.ecs.exceptions import ECSException

from drydock.embedded.core.faults import Faults
from drydock.embedded.core.host import SLOW_TICK
from drydock.embedded.services.ecs import task_sets
from drydock.embedded.services.ecs.deployments import Deployments
from drydock.embedded.services.ecs.health import Judge
from drydock.embedded.services.ecs.launch import Launcher, NotLaunched
from drydock.embedded.services.ecs.life import Life
from drydock.embedded.services.ecs.records import Service, Task, TaskSet, utcnow
from drydock.embedded.services.ecs.strategies import Strategies, Wanted
from drydock.embedded.services.ecs.table import Table, Unplaced
from drydock.embedded.services.ecs.task_sets import TaskSets
from drydock.embedded.workload.interfaces import NoAddress
from drydock.policy.ecs import rollout
from drydock.policy.ecs import task_sets as task_set_rules

BATCH = 20
"""Tasks of a service that one turn starts at most; the next one goes on."""

Judged = tuple[Service, Sequence[Task], Mapping[str, bool | None]]


@dataclass(frozen=True)
class Decision:
    """What was decided on the views of a service: the same as long as these are."""

    views: Sequence[rollout.Service]
    actions: Sequence[rollout.Action]
    steady: bool


class Scheduler:
    """Turns; one that fails for a service or a task goes on with the others."""

    def __init__(
        self,
        table: Table,
        deployments: Deployments,
        sets: TaskSets,
        strategies: Strategies,
        launcher: Launcher,
        judge: Judge,
        begin: Callable[[Task], Life],
    ) -> None:
        self._table = table
        self._deployments = deployments
        self._task_sets = sets
        self._strategies = strategies
        self._launcher = launcher
        self._judge = judge
        self._begin = begin
        self._faults = Faults("ECS:", now=table.host.clock.elapsed)
        self._known: dict[str, dict[str, rollout.Task]] = {}
        self._decided: dict[str, Decision] = {}
        self._resting: set[str] = set()
        self.rests = False
        """Whether the last turn had nothing to do and the next, if it is a slow one, will have nothing either."""
        self.lives: dict[str, Life] = {}
        """Of the tasks that are not STOPPED, by ARN."""

    def turn(self) -> Iterator[None]:
        """A turn in steps, between which others may be let in."""
        self.rests = True
        yield from self._live()
        judged: list[Judged] = []
        self._resting -= self._table.take_stirred()
        for service in self._table.services():
            if service.status != "INACTIVE" and service.arn not in self._resting:
                self.rests = False
                self._attempt(f"the health of service {service.name}", service, self._look_at, service, judged)
                yield
        for report in self._table.take_happened():
            with self._faults(f"a deployment of {report.service_arn}"):
                self._deployments.observe(report)
            yield
        for service, tasks, healthy in judged:
            self._attempt(f"service {service.name}", service, self._bring_about, service, tasks, healthy)
            yield
        self._table.forget_old()

    def _attempt(self, what: str, service: Service | None, function: Callable[..., object], *arguments: object) -> None:
        """Call `function`; if it fails, its service says so, once, and it is tried again at growing distances."""
        why = self._faults.attempt(what, function, *arguments)
        if why is not None and service is not None:
            service.event(f"cannot be looked after by the embedded AWS, which tries again: {what} failed ({why}).")
            self._table.keep(service)

    def _look_at(self, service: Service, judged: list[Judged]) -> None:
        tasks = self._table.of_service(service)
        healthy = {} if service.status == "DRAINING" else self._judge.judge(service, tasks)
        judged.append((service, tasks, healthy))

    def _live(self) -> Iterator[None]:
        living, clock = self._table.living(), self._table.host.clock
        now, later = clock.time(), clock.time() + SLOW_TICK * clock.speed
        if len(self.lives) != len(living):
            self.lives = {task.arn: self.lives[task.arn] for task in living if task.arn in self.lives}
        for task in living:
            life = self.lives.get(task.arn)
            if life is not None and life.is_idle(later):
                continue
            self.rests = False
            if life is None or not life.is_idle(now):
                self._attempt(f"task {task.id}", self._table.service_of(task), self._advance, task)
                yield

    def _advance(self, task: Task) -> None:
        if task.arn not in self.lives:
            self.lives[task.arn] = self._begin(task)
        self.lives[task.arn].advance()
        if task.status == "STOPPED":
            del self.lives[task.arn]

    # -- what is desired ------------------------------------------------------------------------

    def _bring_about(self, service: Service, tasks: Sequence[Task], healthy: Mapping[str, bool | None]) -> None:
        if service.status == "DRAINING":
            self._drain(service, tasks)
            return
        if service.controller != "ECS":
            self._bring_sets_about(service, tasks, healthy)
            return
        if service.primary is None:
            return
        self._deployments.watch(service)
        self._strategies.advance(service, tasks, healthy)
        decision = self._decide(service, tasks, healthy)
        for action in decision.actions:
            self._act(service, action, tasks, healthy)
        if not decision.actions and service.staged is None:
            self._deployments.note_stuck(service, decision.views[0])
            self._deployments.note_protected(service, decision.views[0])
        early = service.staged is None and _has_early_success(service, decision.views[0])
        self._deployments.settle(service, tasks, steady=decision.steady, early=early)
        if _rests(service, decision, healthy):
            self._resting.add(service.arn)

    def _bring_sets_about(self, service: Service, tasks: Sequence[Task], healthy: Mapping[str, bool | None]) -> None:
        """The same of a service that others deploy: each of its task sets for itself."""
        tasks_seen, counts = self._seen(service, tasks, healthy), task_sets.wanted(service)
        balanced = len(counts) == 1 and service.settings.get("availabilityZoneRebalancing") == "ENABLED"
        seen = []
        for each in service.task_sets:
            zones = self._launcher.zones(service, each) if balanced and counts[each.id] else ()
            seen.append((each, task_set_rules.view(each.id, counts[each.id], tasks_seen, zones)))
        actions = [(each, action) for each, view in seen for action in rollout.next_actions(view)]
        for each, action in actions:
            self._act(service, action, tasks, healthy, each)
        self._task_sets.settle(service, tasks, seen)
        is_idle = service.steady or not service.task_sets
        joined = any(each.load_balancers for each in service.task_sets)
        if is_idle and not actions and not joined and all(one is True for one in healthy.values()):
            self._resting.add(service.arn)

    def _act(
        self,
        service: Service,
        action: rollout.Action,
        tasks: Sequence[Task],
        healthy: Mapping[str, bool | None],
        task_set: TaskSet | None = None,
    ) -> None:
        if isinstance(action, rollout.Start):
            self._start(service, action, tasks, {name for name, is_healthy in healthy.items() if is_healthy is False})
        else:
            self._stop(service, action, tasks, task_set)

    def _decide(self, service: Service, tasks: Sequence[Task], healthy: Mapping[str, bool | None]) -> Decision:
        seen, wanted = self._seen(service, tasks, healthy), self._strategies.wanted(service)
        views = _views_of_stages(service, seen, wanted) if wanted else [_view(service, seen, self._zones(service))]
        last = self._decided.get(service.arn)
        if last is None or last.views != views:
            actions = [action for view in views for action in rollout.next_actions(view)]
            last = Decision(views, actions, not wanted and not actions and rollout.is_steady(views[0]))
            self._decided[service.arn] = last
        return last

    def _zones(self, service: Service) -> tuple[str, ...]:
        wanted = service.settings.get("availabilityZoneRebalancing") == "ENABLED"
        primary = service.primary
        return self._launcher.zones(service, primary) if wanted and primary and len(service.deployments) == 1 else ()

    def _seen(
        self, service: Service, tasks: Sequence[Task], healthy: Mapping[str, bool | None]
    ) -> tuple[rollout.Task, ...]:
        """The tasks as policy sees them: one that has not changed is the same object as in the last turn."""
        known = self._known.setdefault(service.arn, {})
        now = utcnow()
        for task in tasks:
            protected = task.protected_until is not None and task.protected_until > now
            state = task.status, task.stopping, healthy[task.id], protected
            one = known.get(task.id)
            if one is None or (one.last_status, one.stopping, one.healthy, one.protected) != state:
                known[task.id] = _task(task, *state)
        if len(known) > len(tasks):
            known = self._known[service.arn] = {task.id: known[task.id] for task in tasks}
        return tuple(known.values())

    def _start(self, service: Service, action: rollout.Start, near: Sequence[Task], unhealthy: Set[str]) -> None:
        deployment = service.origin(action.deployment)
        assert deployment is not None
        if not self._deployments.may_start(deployment):
            return
        zone = min(action.apart, key=lambda each: each[1])[0] if action.apart else ""
        try:
            made = self._launcher.start(service, deployment, min(action.count, BATCH), near, unhealthy)
        except NotLaunched as refused:
            self._table.report(Unplaced(service, deployment.id, str(refused), again=True, zone=zone))
        except NoAddress as refused:
            self._table.report(Unplaced(service, deployment.id, str(refused), zone=zone))
        except ECSException as refused:
            self._table.report(Unplaced(service, deployment.id, str(refused.message).rstrip("."), zone=zone))
        else:
            if made.refused:
                self._table.report(Unplaced(service, deployment.id, made.refused[0], zone=zone))
            if made.tasks:
                if action.apart:
                    self._deployments.begin_to_balance(service, deployment, action.apart)
                self._deployments.started(service, deployment, made.tasks, zone)

    def _stop(
        self, service: Service, action: rollout.Stop, tasks: Sequence[Task], task_set: TaskSet | None = None
    ) -> None:
        by_id = {task.id: task for task in tasks}
        chosen = [by_id[identifier] for identifier in action.tasks]
        balances = _balances(service, action)
        for task in chosen:
            if action.why is rollout.Why.UNHEALTHY:
                self._ask_to_stop(task, f"Task failed {self._judge.failed_checks(service, task)}")
            else:
                self._ask_to_stop(task, _scaling(service, task_set, balances=balances))
        of = task_set.id if task_set else None
        if any(task.registered for task in chosen):
            service.event(f"has begun draining connections on {len(chosen)} tasks.", of)
        where = f" in {chosen[0].document['availabilityZone']} due to AZ rebalancing" if balances else ""
        those = " ".join(f"(task {task.id})" for task in chosen)
        service.event(f"has stopped {len(chosen)} running tasks{where}: {those}.", of)

    def _drain(self, service: Service, tasks: Sequence[Task]) -> None:
        """Let a service end that was deleted."""
        for task in tasks:
            self._ask_to_stop(task, _scaling(service))
        if not tasks:
            self._decided.pop(service.arn, None)
            self._known.pop(service.arn, None)
            self._deployments.end_all(service)

    def _ask_to_stop(self, task: Task, reason: str) -> None:
        self._table.ask_to_stop(task, "ServiceSchedulerInitiated", reason)


def _rests(service: Service, decision: Decision, healthy: Mapping[str, bool | None]) -> bool:
    """Whether a service stays as it is until it or a task of it is changed: nobody checks on it but its containers."""
    is_over = service.primary is not None and service.primary.rollout_state != "IN_PROGRESS"
    is_done = service.steady and is_over and not decision.actions and all(one is True for one in healthy.values())
    return is_done and not service.settings.get("loadBalancers")


def _has_early_success(service: Service, view: rollout.Service) -> bool:
    """Whether its deployment is successful before it has settled, as it asks for."""
    criteria = (service.primary.configuration if service.primary else {}).get("earlySuccessCriteria") or {}
    blocking = criteria.get("sourceServiceRevisionCleanup") == "BLOCKING"
    percent = int(criteria.get("healthyPercent") or 0)
    return bool(criteria.get("enable")) and rollout.has_early_success(view, percent, blocking=blocking)


def _balances(service: Service, action: rollout.Stop) -> bool:
    """Whether it is the one task that goes for another one in an emptier zone."""
    primary = service.primary
    return action.why is rollout.Why.SCALE_IN and len(action.tasks) == 1 and primary is not None and primary.balances


def _scaling(service: Service, task_set: TaskSet | None = None, *, balances: bool = False) -> str:
    if task_set is not None:
        return f"Scaling activity initiated by (taskSet {task_set.id})"
    what = "Availability-zone rebalancing" if balances else "Scaling activity"
    return f"{what} initiated by (deployment {service.primary.id if service.primary else ''})"


def _views_of_stages(
    service: Service, tasks: tuple[rollout.Task, ...], wanted: Sequence[Wanted]
) -> list[rollout.Service]:
    """The same of a deployment by stages: each revision for itself; what is left of others goes."""
    known = {each.deployment for each in wanted}
    left = tuple(task for task in tasks if task.deployment not in known)
    configuration = service.settings["deploymentConfiguration"]
    return [
        rollout.Service(
            desired_count=each.count,
            deployments=(rollout.Deployment(each.deployment, primary=True, failed=each.failed),),
            tasks=tuple(task for task in tasks if task.deployment == each.deployment) + (() if number else left),
            minimum_healthy_percent=int(configuration["minimumHealthyPercent"]),
            maximum_percent=int(configuration["maximumPercent"]),
        )
        for number, each in enumerate(wanted)
    ]


def _view(service: Service, tasks: tuple[rollout.Task, ...], zones: tuple[str, ...]) -> rollout.Service:
    """What a decision is taken on."""
    configuration = service.settings["deploymentConfiguration"]
    return rollout.Service(
        desired_count=service.desired_count,
        deployments=tuple(
            rollout.Deployment(d.id, primary=d.status == "PRIMARY", failed=d.rollout_state == "FAILED")
            for d in service.deployments
        ),
        tasks=tasks,
        minimum_healthy_percent=int(configuration["minimumHealthyPercent"]),
        maximum_percent=int(configuration["maximumPercent"]),
        scheduling_strategy=service.scheduling_strategy,
        zones=zones,
    )


def _task(task: Task, status: str, stopping: bool, healthy: bool | None, protected: bool) -> rollout.Task:
    return rollout.Task(
        id=task.id,
        deployment=task.deployment_id or "",
        last_status=status,
        stopping=stopping,
        healthy=healthy,
        zone=str(task.document.get("availabilityZone") or ""),
        created=task.started_order,
        protected=protected,
    )
