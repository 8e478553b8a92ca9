"""What a service scheduler does next: which deployment starts tasks, and which tasks stop.

Scale-out, scale-in, repair and rolling deployments are one decision, taken again and again over a snapshot of
the service by ``next_actions``. A steady service is one with a single deployment and nothing to do.

Source: Amazon ECS Developer Guide, "Deploy Amazon ECS services by replacing tasks"
(AmazonECS/latest/developerguide/deployment-type-ecs.html), and API Reference, *DeploymentConfiguration*;
with vectors in docs/facts.md, 4.3. What a docstring calls *derived* or *ours* is not said there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from drydock.policy.health import Health

SECONDS_BEFORE_UNCHECKED_TASK_COUNTS = 40


@dataclass(frozen=True)
class Task:
    """A task of the service that is not yet STOPPED.

    ``last_status`` is the API's lastStatus. ``stopping`` is true once its desiredStatus is STOPPED.
    ``healthy`` is True once it counts as healthy (see ``counts_as_healthy``), False once a health check says
    it is not, None before either. ``created`` orders tasks by age; any number that grows. ``instance`` is
    its container instance, for DAEMON.
    """

    id: str
    deployment: str
    last_status: str = "PROVISIONING"
    stopping: bool = False
    healthy: bool | None = None
    zone: str = ""
    created: float = 0
    protected: bool = False
    instance: str = ""

    @property
    def running(self) -> bool:
        return self.last_status == "RUNNING"


@dataclass(frozen=True)
class Deployment:
    """``failed`` is true once its rolloutState is FAILED: it launches nothing more (documented)."""

    id: str
    primary: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Service:
    """A snapshot. ``deployments`` has exactly one PRIMARY; ``tasks`` names any of them or an older one.

    For DAEMON, ``instances`` are the container instances that must run one task each; ``desired_count`` and
    ``maximum_percent`` are not used. ``zones``: those that its tasks are kept balanced over; empty if they are not.
    """

    desired_count: int
    deployments: tuple[Deployment, ...]
    tasks: tuple[Task, ...] = ()
    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    scheduling_strategy: str = "REPLICA"
    instances: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def primary(self) -> Deployment:
        return next(deployment for deployment in self.deployments if deployment.primary)


class Why(StrEnum):
    """Why a task is stopped; the engine words stoppedReason from it."""

    DEPLOYMENT = "DEPLOYMENT"
    """It belongs to an older deployment."""
    SCALE_IN = "SCALE_IN"
    """The service runs more tasks than it should."""
    UNHEALTHY = "UNHEALTHY"
    """It failed its health checks."""


@dataclass(frozen=True)
class Start:
    """Start ``count`` tasks of a deployment; for DAEMON, one on each of ``instances``.

    ``apart``: how many tasks each zone has, where it is to bring zones closer together.
    """

    deployment: str
    count: int
    instances: tuple[str, ...] = ()
    apart: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Stop:
    """Stop these tasks, in this order, for one reason."""

    tasks: tuple[str, ...]
    why: Why


Action = Start | Stop


def lower_bound(desired_count: int, minimum_healthy_percent: int) -> int:
    """The tasks that must stay healthy and RUNNING: rounded up (documented)."""
    return -(-desired_count * minimum_healthy_percent // 100)


def upper_bound(desired_count: int, maximum_percent: int) -> int:
    """The tasks that may exist, whether starting, RUNNING or stopping: rounded down (documented)."""
    return desired_count * maximum_percent // 100


def maximum_percent(desired_count: int, batch: int) -> int:
    """The least maximumPercent with which a deployment may run ``batch`` tasks more than are desired (derived).

    A percent is whole: of more than 100 tasks it may allow for a few more than that.
    """
    return -(-100 * (desired_count + batch) // max(1, desired_count))


def is_stuck(desired_count: int, minimum_healthy_percent: int, maximum_percent: int) -> bool:
    """True if a rolling deployment of a healthy service can neither start nor stop a task."""
    return (
        desired_count > 0
        and upper_bound(desired_count, maximum_percent) <= desired_count
        and lower_bound(desired_count, minimum_healthy_percent) >= desired_count
    )


def counts_as_healthy(
    seconds_running: float,
    container: Health | None,
    targets: Sequence[Health] | None,
    in_grace: bool = False,
) -> bool | None:
    """Whether a RUNNING task counts as healthy (True), as unhealthy (False) or cannot be judged yet (None).

    ``seconds_running``: AWS seconds since it is RUNNING. ``container``: the task's health, None if no
    essential container has a health check. ``targets``: its health in each target group (UNKNOWN while
    ``initial``), None if the service has no load balancer. ``in_grace``: inside
    healthCheckGracePeriodSeconds, when a failed check is ignored but a passed one is not.

    Without any check a task counts 40 seconds after RUNNING; with both kinds it needs both (documented).
    """
    checks = [*(targets or ()), *([container] if container is not None else [])]
    if not checks:
        return True if seconds_running >= SECONDS_BEFORE_UNCHECKED_TASK_COUNTS else None
    if Health.UNHEALTHY in checks:
        return None if in_grace else False
    return None if Health.UNKNOWN in checks else True


def has_early_success(service: Service, healthy_percent: int, *, blocking: bool) -> bool:
    """Whether a deployment with ``earlySuccessCriteria`` is successful: enough of its tasks are healthy, relative to
    desired_count, and with sourceServiceRevisionCleanup BLOCKING no older task is left (documented).
    """
    primary = service.primary.id
    healthy = sum(_healthy(task) and task.deployment == primary for task in service.tasks if not task.stopping)
    left = blocking and any(task.deployment != primary for task in service.tasks)
    return healthy >= lower_bound(service.desired_count, healthy_percent) and not left


def unbalanced(service: Service) -> tuple[tuple[str, int], ...]:
    """How many tasks are in each zone, if zones differ by more than one (documented); () if they do not.

    Only a service that is steady but for one task too many is looked at: a deployment, and scaling, place tasks
    where they belong themselves (ours).
    """
    if len(service.zones) < 2 or len(service.deployments) > 1 or service.primary.failed:
        return ()
    settled = [task for task in service.tasks if _healthy(task) and not task.stopping]
    if len(settled) < service.desired_count or len(service.tasks) > service.desired_count + 1:
        return ()
    counts = Counter(dict.fromkeys(service.zones, 0))
    counts.update(task.zone for task in settled)
    if max(counts.values()) - min(counts.values()) <= 1 or not _movable(counts, settled):
        return ()
    return tuple(counts.items())


def protected_from_balance(service: Service) -> int:
    """How many tasks keep zones apart because protection holds all of the fullest; 0 where that is not so."""
    unprotected = replace(service, tasks=tuple(replace(task, protected=False) for task in service.tasks))
    if not unbalanced(unprotected) or unbalanced(service):
        return 0
    return sum(task.protected for task in service.tasks)


def _movable(counts: Counter[str], settled: Sequence[Task]) -> bool:
    """Whether any zone that is among the fullest has a task that may go."""
    most = max(counts.values())
    return any(counts[task.zone] == most and not task.protected for task in settled)


def next_actions(service: Service) -> list[Action]:
    """Decide what to start and what to stop now, given a snapshot of the service.

    REPLICA. Only the PRIMARY starts tasks, never beyond the upper bound (every task not yet STOPPED
    counts), and none once it has failed. Stopping never takes the healthy RUNNING tasks below the lower
    bound (documented). In this order:

    1. tasks of older deployments that are not RUNNING yet stop at once (derived);
    2. older deployments' tasks stop as healthy ones replace them, one for one; if there is no room to start
    what
       the PRIMARY still needs, they stop first, down to the lower bound;
    3. unhealthy tasks are replaced: the replacement starts first, and one unhealthy task stops for each that
       became healthy; without room, one is stopped, then its replacement waited for (documented);
    4. the PRIMARY's tasks beyond desired_count stop: those not RUNNING first, then those not healthy;
    5. where zones differ by more than one task, one more starts, and once it is healthy one of the fullest zone
       stops (documented): only with room above desired_count.

    Among equals the task goes whose Availability Zone has the most tasks of the service (documented); then,
    for older deployments the oldest, for scale-in the newest, which keeps the tasks that have run longest
    (ours). Protected tasks are stopped by neither deployments nor scale-in (documented); unhealthy ones are
    replaced all the same (derived).

    DAEMON. One task on each instance: the maximum is fixed at 100 %, so an older or unhealthy task stops
    first, down to the lower bound of the number of instances, and its instance gets a new one once it is
    free. Tasks on other instances stop.

    Returns at most one Start and one Stop for each reason; an empty list if there is nothing to do. Cost: one
    sort of the tasks.
    """
    return _daemon(service) if service.scheduling_strategy == "DAEMON" else _replica(service)


def is_steady(service: Service) -> bool:
    """True if only the PRIMARY has tasks, as many as desired, all RUNNING and healthy, and none is stopping.

    This is the moment a deployment becomes COMPLETED and the service "has reached a steady state".
    """
    desired = len(service.instances) if service.scheduling_strategy == "DAEMON" else service.desired_count
    primary = service.primary.id
    return len(service.tasks) == desired and all(
        task.deployment == primary and task.running and task.healthy is True and not task.stopping
        for task in service.tasks
    )


def _replica(service: Service) -> list[Action]:
    desired = service.desired_count
    lower = lower_bound(desired, service.minimum_healthy_percent)
    upper = upper_bound(desired, service.maximum_percent)
    primary = service.primary
    live = [task for task in service.tasks if not task.stopping]
    stopping = len(service.tasks) - len(live)
    mine = [task for task in live if task.deployment == primary.id]
    old = _oldest(task for task in live if task.deployment != primary.id and not task.protected)
    old_running = [task for task in old if task.running]
    healthy = sum(_healthy(task) for task in live)

    wanted = 0 if primary.failed else max(0, desired - sum(task.healthy is not False for task in mine))
    start = max(0, min(wanted, upper - len(service.tasks)))
    stops = _Stops(Counter(task.zone for task in live))

    def room_needed() -> int:
        return max(0, wanted - start - stopping - len(stops.ids))

    if not primary.failed:
        stops.take(Why.DEPLOYMENT, [task for task in old if not task.running])

    sick_old = [task for task in old_running if task.healthy is False]
    sick_mine = _oldest(task for task in mine if task.healthy is False)
    replaced = healthy + len(sick_old) + len(sick_mine) - desired
    replaced -= stops.take(Why.DEPLOYMENT, sick_old, replaced)
    stops.take(Why.UNHEALTHY, sick_mine, replaced)
    stops.take(Why.DEPLOYMENT, sick_old, room_needed())

    unknown_old = [task for task in old_running if task.healthy is None]
    if healthy >= desired:
        stops.take(Why.DEPLOYMENT, unknown_old)
    else:
        stops.take(Why.DEPLOYMENT, unknown_old, min(room_needed(), healthy + len(unknown_old) - lower))
    healthy -= stops.take(
        Why.DEPLOYMENT,
        [task for task in old_running if _healthy(task)],
        min(max(room_needed(), healthy - desired), healthy - lower),
    )
    waiting = start or stopping or stops.ids or any(task.healthy is None for task in mine)
    if room_needed() and not waiting:
        stops.take(Why.UNHEALTHY, sick_mine, 1)

    apart = unbalanced(service)
    if apart and len(service.tasks) == desired < upper:
        return _actions(Start(primary.id, 1, apart=apart), stops)
    surplus = sum(task.healthy is not False for task in mine) - desired
    if apart and surplus == 1 and any(not _healthy(task) for task in mine):
        return _actions(None, stops)  # the one that is to restore the balance is on its way
    idle = _newest(task for task in mine if not task.protected)
    surplus -= stops.take(Why.SCALE_IN, [task for task in idle if not task.running], surplus)
    surplus -= stops.take(Why.SCALE_IN, [task for task in idle if task.running and task.healthy is None], surplus)
    stops.take(Why.SCALE_IN, [task for task in idle if _healthy(task)], min(surplus, healthy - lower))
    return _actions(Start(primary.id, start) if start else None, stops)


def _daemon(service: Service) -> list[Action]:
    lower = lower_bound(len(service.instances), service.minimum_healthy_percent)
    primary = service.primary
    places = set(service.instances)
    live = _oldest(task for task in service.tasks if not task.stopping)
    here = [task for task in live if task.instance in places]
    mine = [task for task in here if task.deployment == primary.id]
    old = [task for task in here if task.deployment != primary.id and not task.protected]
    healthy = sum(_healthy(task) for task in here)
    stops = _Stops(Counter(task.zone for task in live))

    stops.take(Why.SCALE_IN, [task for task in live if task.instance not in places])
    if not primary.failed:
        stops.take(Why.DEPLOYMENT, [task for task in old if not _healthy(task)])
        stops.take(Why.DEPLOYMENT, [task for task in old if _healthy(task)], healthy - lower)
        stops.take(Why.UNHEALTHY, [task for task in mine if task.healthy is False])
    taken = {task.instance for task in service.tasks}
    free = tuple(instance for instance in service.instances if instance not in taken)
    return _actions(Start(primary.id, len(free), free) if free and not primary.failed else None, stops)


def _healthy(task: Task) -> bool:
    return task.running and task.healthy is True


def _oldest(tasks: Iterable[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: (task.created, task.id))


def _newest(tasks: Iterable[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: (-task.created, task.id))


def _actions(start: Start | None, stops: _Stops) -> list[Action]:
    chosen: list[Action] = [start] if start else []
    chosen.extend(Stop(tuple(ids), why) for why, ids in stops.by_reason.items() if ids)
    return chosen


class _Stops:
    """Collects the tasks to stop, keeping count of the tasks left in each zone."""

    def __init__(self, zones: Counter[str]) -> None:
        self.zones = zones
        self.by_reason: dict[Why, list[str]] = {why: [] for why in Why}
        self.ids: set[str] = set()

    def take(self, why: Why, candidates: Sequence[Task], count: int | None = None) -> int:
        """Take up to ``count`` (None: all), each from the fullest zone, then as given; return how many."""
        queues: dict[str, list[tuple[int, Task]]] = {}
        for place, task in reversed(list(enumerate(candidates))):
            if task.id not in self.ids:
                queues.setdefault(task.zone, []).append((-place, task))
        taken = 0
        while queues and (count is None or taken < count):
            zone = max(queues, key=lambda name: (self.zones[name], queues[name][-1][0]))
            _, task = queues[zone].pop()
            if not queues[zone]:
                del queues[zone]
            self.zones[zone] -= 1
            self.by_reason[why].append(task.id)
            self.ids.add(task.id)
            taken += 1
        return taken
