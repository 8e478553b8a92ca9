"""Where a task is placed: a subnet on Fargate, a container instance on EC2."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from drydock.policy.addresses import Subnet
from drydock.policy.requests import cluster_query

ZONE = "ecs.availability-zone"


def choose_subnet(subnets: Sequence[Subnet], tasks_by_zone: Mapping[str, int]) -> Subnet:
    """The subnet for the next Fargate task: the zone with the fewest tasks of the service, then the order
    given.

    ``tasks_by_zone`` counts the service's tasks (for run_task: of its task group) in each zone. Source:
    spreading over zones is documented; the order among equals is ours. Raises ValueError without subnets.
    """
    if not subnets:
        raise ValueError("a task in awsvpc mode needs at least one subnet")
    return min(subnets, key=lambda subnet: tasks_by_zone.get(subnet.zone, 0))


@dataclass(frozen=True)
class Instance:
    """A container instance. ``cpu`` (units) and ``memory`` (MiB) are what is still free.

    ``ports``: host ports in use as (port, protocol). ``groups``: the running tasks' groups, one entry a task.
    """

    id: str
    zone: str = ""
    cpu: int = 0
    memory: int = 0
    gpus: int = 0
    ports: frozenset[tuple[int, str]] = frozenset()
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    ec2_instance_id: str = ""
    active: bool = True
    agent_connected: bool = True
    agent_version: str = ""
    registered_at: datetime | None = None

    def values(self, subject: str) -> tuple[str, ...]:
        """Its values for a subject of the cluster query language; empty if it has none."""
        match subject:
            case "agentConnected":
                return (str(self.agent_connected).lower(),)
            case "agentVersion":
                return (self.agent_version,) if self.agent_version else ()
            case "ec2InstanceId":
                return (self.ec2_instance_id,) if self.ec2_instance_id else ()
            case "registeredAt":
                return (self.registered_at.isoformat(),) if self.registered_at else ()
            case "runningTasksCount":
                return (str(len(self.groups)),)
            case "task:group":
                return tuple(dict.fromkeys(self.groups))
        name = subject.removeprefix("attribute:")
        if name == ZONE and self.zone:
            return (self.zone,)
        return (self.attributes[name] or "",) if name in self.attributes else ()


@dataclass(frozen=True)
class Need:
    """What a task reserves: CPU units, MiB, GPUs, host ports, and attributes it requires of the instance."""

    cpu: int = 0
    memory: int = 0
    gpus: int = 0
    ports: frozenset[tuple[int, str]] = frozenset()
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Strategy:
    """``{"type": "spread" | "binpack" | "random", "field": …}``."""

    type: str
    field: str = ""


@dataclass(frozen=True)
class Constraint:
    """``{"type": "distinctInstance" | "memberOf", "expression": …}``."""

    type: str
    expression: str = ""


@dataclass(frozen=True)
class Placed:
    """A running task of the service or group that scale-in chooses from."""

    id: str
    instance: str
    cpu: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Placement:
    """``instance`` is None if none will do; ``failures`` then says why, as (instance id, reason)."""

    instance: Instance | None
    failures: tuple[tuple[str, str], ...] = ()


DEFAULT_FOR_SERVICES = (Strategy("spread", f"attribute:{ZONE}"),)


def place(
    need: Need,
    group: str,
    instances: Sequence[Instance],
    constraints: Sequence[Constraint] = (),
    strategies: Sequence[Strategy] = DEFAULT_FOR_SERVICES,
    rng: random.Random | None = None,
) -> Placement:
    """Choose a container instance for one task of ``group`` (``service:name`` or ``family:name``).

    Filter by what fits, then by the constraints (binding), then by each strategy in turn (best effort);
    what is left after the last is decided by ``rng`` or, without one, by the order given. Reasons of
    failures are AWS's: ``RESOURCE:CPU``, ``RESOURCE:MEMORY``, ``RESOURCE:GPU``, ``RESOURCE:PORTS``,
    ``ATTRIBUTE``, ``AGENT``, ``INACTIVE``, ``MemberOf constraint unsatisfied.``, ``DistinctInstance
    constraint unsatisfied.``.

    Source: documented. Raises Invalid for an expression that cannot be read.
    """
    tests = [cluster_query.parse(c.expression) for c in constraints if c.type == "memberOf"]
    distinct = any(constraint.type == "distinctInstance" for constraint in constraints)
    failures: list[tuple[str, str]] = []
    candidates: list[Instance] = []
    for instance in instances:
        reason = _shortage(need, instance)
        if not reason and distinct and group in instance.groups:
            reason = "DistinctInstance constraint unsatisfied."
        if not reason and not all(test(instance.values) for test in tests):
            reason = "MemberOf constraint unsatisfied."
        if reason:
            failures.append((instance.id, reason))
        else:
            candidates.append(instance)
    if not candidates:
        return Placement(None, tuple(failures))
    for strategy in strategies:
        candidates = _narrow(strategy, candidates, group, instances, rng)
    return Placement(rng.choice(candidates) if rng else candidates[0])


def choose_to_stop(
    tasks: Sequence[Placed],
    instances: Sequence[Instance],
    strategies: Sequence[Strategy] = DEFAULT_FOR_SERVICES,
    rng: random.Random | None = None,
) -> Placed:
    """Choose the task that scale-in stops on EC2.

    spread: from the field's value with the most of these tasks, which keeps the balance; binpack: on the
    instance that will have the most of the field free after the stop; then by ``rng``, or the order given.
    Source: documented. Raises ValueError without tasks.
    """
    if not tasks:
        raise ValueError("no task to stop")
    by_id = {instance.id: instance for instance in instances}
    left = list(tasks)
    for strategy in strategies:
        if strategy.type == "spread":
            counts: dict[str, int] = {}
            for task in tasks:
                value = field_value(by_id[task.instance], strategy.field)
                counts[value] = counts.get(value, 0) + 1
            scores = [counts[field_value(by_id[task.instance], strategy.field)] for task in left]
        elif strategy.type == "binpack":
            resource = strategy.field.lower()
            scores = [getattr(by_id[t.instance], resource) + getattr(t, resource) for t in left]
        else:
            continue
        most = max(scores)
        left = [task for task, score in zip(left, scores, strict=True) if score == most]
    return rng.choice(left) if rng else left[0]


def field_value(instance: Instance, name: str) -> str:
    """An instance's value for a spread field: ``instanceId``, ``host`` or ``attribute:NAME``."""
    if name in ("instanceId", "host"):
        return instance.id
    return next(iter(instance.values(name)), "")


def _shortage(need: Need, instance: Instance) -> str:
    if not instance.active:
        return "INACTIVE"
    if not instance.agent_connected:
        return "AGENT"
    if not need.attributes <= set(instance.attributes):
        return "ATTRIBUTE"
    if need.cpu > instance.cpu:
        return "RESOURCE:CPU"
    if need.memory > instance.memory:
        return "RESOURCE:MEMORY"
    if need.gpus > instance.gpus:
        return "RESOURCE:GPU"
    if need.ports & instance.ports:
        return "RESOURCE:PORTS"
    return ""


def _narrow(
    strategy: Strategy,
    candidates: list[Instance],
    group: str,
    instances: Sequence[Instance],
    rng: random.Random | None,
) -> list[Instance]:
    if strategy.type == "random":
        return [(rng or random.Random(0)).choice(candidates)]
    if strategy.type == "binpack":
        free = [getattr(instance, strategy.field.lower()) for instance in candidates]
    else:
        counts: dict[str, int] = {}
        for instance in instances:
            value = field_value(instance, strategy.field)
            counts[value] = counts.get(value, 0) + instance.groups.count(group)
        free = [counts[field_value(instance, strategy.field)] for instance in candidates]
    least = min(free)
    return [instance for instance, amount in zip(candidates, free, strict=True) if amount == least]
