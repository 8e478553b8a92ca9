"""What a Region's containers cost more than they have to, by money: each finding with its evidence and what mends it.

Sums are USD a month, of what the finding would save by itself; two findings on one service do not add up. Where nothing
has a price (another Region than the table's), the finding stays and has no sum.
Source: AWS charges Fargate tasks, load balancers and public IPv4 addresses by the hour, used or not (documented); that
Fargate Spot is up to 70 % cheaper is AWS's word; the rules of what counts as idle or too much are ours (derived).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from drydock.policy.right_sizing import Size

SPOT_AT_MOST = 0.70
BUSY = 70.0
"""Percent of a task's CPU up to which it is loaded; above, more tasks are worth their money."""
LEAST_TASKS = 2
"""Tasks that a service keeps, so that one can be lost."""
GIB = 1 << 30
Price = Callable[[Size, str], float | None]
"""USD an hour of a Fargate task on demand, by its size and architecture; None where that has no price."""


@dataclass(frozen=True)
class Service:
    """A service whose tasks run on Fargate.

    requests  that its target groups have counted; None where it is behind no load balancer
    cpu       CPU units that its busiest task used in nearly all minutes; None where too few were measured
    wanted    the size that the measured use asks for, or None, likewise
    scaled    Application Auto Scaling decides how many tasks it wants
    """

    cluster: str
    name: str
    desired: int
    size: Size
    architecture: str = "x86_64"
    on_spot: bool = False
    scaled: bool = False
    tagged: bool = True
    linux: bool = True
    requests: int | None = None
    cpu: float | None = None
    wanted: Size | None = None


@dataclass(frozen=True)
class Balancer:
    """A load balancer. `hour`: USD, with its public addresses; None where it has no price."""

    name: str
    hour: float | None
    targets: int
    requests: int | None
    tagged: bool = True


@dataclass(frozen=True)
class LogGroup:
    name: str
    stored: int
    """Bytes."""
    days: int | None
    """After which lines go; None: never."""


@dataclass(frozen=True)
class Repository:
    """`unused`: images that no task definition in use names, and their bytes."""

    name: str
    unused: int
    stored: int


@dataclass(frozen=True)
class Facts:
    """What was read of a Region. `idle_addresses`: public ones that are allocated and not associated.

    address_hour, log_hour, image_hour  USD an hour of one address, of a GiB of logs and of images; None where it has no
                                        price
    """

    days: int
    services: Sequence[Service] = ()
    balancers: Sequence[Balancer] = ()
    groups: Sequence[LogGroup] = ()
    repositories: Sequence[Repository] = ()
    idle_addresses: Sequence[str] = ()
    address_hour: float | None = None
    log_hour: float | None = None
    image_hour: float | None = None


@dataclass(frozen=True)
class Finding:
    """`usd`: saved a month, below 0 what it costs, None where that has no price; `at_most`: in the best case."""

    what: str
    usd: float | None
    evidence: str
    mend: str
    at_most: bool = False

    @property
    def money(self) -> str:
        return "not priced" if self.usd is None else f"{'up to ' if self.at_most else ''}{self.usd:.2f}"


def review(facts: Facts, price: Price, month_hours: float) -> list[Finding]:
    """The findings: those that save most first, then what costs more (a task that is too small), then what has no
    price, in the order of the rules."""
    found = [*_services(facts, price), *_balancers(facts), *_others(facts)]
    monthly = [_times(each, month_hours) for each in found]
    return sorted(monthly, key=lambda finding: (finding.usd is None, -(finding.usd or 0.0)))


def tasks_needed(desired: int, cpu: float, size: Size) -> int:
    """How many tasks hold the load of `desired` whose busiest uses `cpu` units, each up to BUSY percent."""
    return max(LEAST_TASKS, math.ceil(round(desired * cpu / (size.cpu * BUSY / 100), 9)))


def _services(facts: Facts, price: Price) -> Iterator[Finding]:
    for one in facts.services:
        yield from _untagged(one, price)
        if one.desired:
            for rule in (_idle, _too_many, _wrong_size, _spot, _arm):
                yield from rule(one, price, facts.days)


def _untagged(one: Service, price: Price) -> Iterator[Finding]:
    if not one.tagged:
        hour = f"{_dollars(_saved(_hour(one, price), one.desired))} an hour that no cost allocation tag names"
        mend = "`ecs.tag_resource`; `propagateTags` brings the tags to its tasks, from their next start on"
        yield Finding(f"{_of(one)} has no tags", 0.0, hour, mend)


def _idle(one: Service, price: Price, days: int) -> Iterator[Finding]:
    if one.requests == 0:
        yield Finding(
            f"{_of(one)} is idle",
            _saved(_hour(one, price), one.desired),
            f"no request in {days} days; {_tasks(one)}",
            f"If nobody needs it: {_plan('scale-service', one, desired_count=0)}",
        )


def _too_many(one: Service, price: Price, days: int) -> Iterator[Finding]:
    if one.cpu is None or one.scaled:
        return
    need = tasks_needed(one.desired, one.cpu, one.size)
    if need < one.desired:
        yield Finding(
            f"{_of(one)} wants more tasks than its load needs",
            _saved(_hour(one, price), one.desired - need),
            f"{_tasks(one)}, the busiest uses {one.cpu:.0f} CPU units; {need} would be used up to {BUSY:.0f} %",
            f"{_plan('scale-service', one, desired_count=need)}, or let Application Auto Scaling decide",
        )


def _wrong_size(one: Service, price: Price, days: int) -> Iterator[Finding]:
    if one.wanted is None or one.wanted == one.size:
        return
    now, then = _hour(one, price), price(one.wanted, one.architecture)
    usd = None if now is None or then is None else (now - then) * one.desired
    short = usd < 0 if usd is not None else one.wanted.cpu > one.size.cpu or one.wanted.memory > one.size.memory
    yield Finding(
        f"The tasks of {_of(one)} are {'smaller' if short else 'larger'} than they need",
        usd,
        f"{_tasks(one)}; what was measured asks for {one.wanted}",
        _plan("right-size-tasks", one, days=days),
    )


def _spot(one: Service, price: Price, days: int) -> Iterator[Finding]:
    if not one.on_spot and one.linux and one.desired >= LEAST_TASKS:
        hour = _hour(one, price)
        yield Finding(
            f"{_of(one)} could run on Fargate Spot, but for one task",
            None if hour is None else hour * (one.desired - 1) * SPOT_AT_MOST,
            f"{_tasks(one)} on demand; Spot is up to {SPOT_AT_MOST:.0%} cheaper, and AWS takes a task back after a "
            "warning of two minutes",
            f"Where its tasks can be lost: {_plan('replace-capacity', one)}",
            at_most=True,
        )


def _arm(one: Service, price: Price, days: int) -> Iterator[Finding]:
    if one.architecture == "x86_64" and one.linux:
        now, then = _hour(one, price), price(one.size, "arm64")
        yield Finding(
            f"{_of(one)} could run on ARM64",
            None if now is None or then is None else (now - then) * one.desired,
            f"{_tasks(one)}, X86_64",
            "Build its images for linux/arm64 as well, then deploy a revision with `cpuArchitecture` ARM64",
        )


def _of(one: Service) -> str:
    return f"{one.name} ({one.cluster})"


def _tasks(one: Service) -> str:
    spot = ", on Spot, where a task costs less than is said here" if one.on_spot else ""
    return f"{one.desired} tasks of {one.size}{spot}"


def _hour(one: Service, price: Price) -> float | None:
    return price(one.size, one.architecture) if one.linux else None


def _saved(hour: float | None, count: float) -> float | None:
    return None if hour is None else hour * count


def _balancers(facts: Facts) -> Iterator[Finding]:
    for one in facts.balancers:
        if not one.targets or one.requests == 0:
            why = f"no request in {facts.days} days" if one.targets else "no target is registered with it"
            yield Finding(
                f"The load balancer {one.name} is not used",
                one.hour,
                why,
                "Delete its listeners and it: `elbv2.delete_load_balancer`. Names that point to it no longer resolve.",
            )
        if not one.tagged:
            hour = f"{_dollars(one.hour)} an hour that no cost allocation tag names"
            yield Finding(f"The load balancer {one.name} has no tags", 0.0, hour, "`elbv2.add_tags`")


def _others(facts: Facts) -> Iterator[Finding]:
    for address in facts.idle_addresses:
        yield Finding(
            f"{address} is allocated and not used",
            facts.address_hour,
            "an Elastic IP address that is associated with nothing",
            "`ec2.release_address`: it may not come back",
        )
    for group in sorted(facts.groups, key=lambda each: -each.stored):
        if group.days is None:
            yield Finding(
                f"The log group {group.name} keeps its lines for ever",
                _saved(facts.log_hour, group.stored / GIB),
                f"{group.stored / GIB:.2f} GiB stored, with no retention; all of it, were it deleted",
                "`logs.put_retention_policy`",
                at_most=True,
            )
    for repository in sorted(facts.repositories, key=lambda each: -each.stored):
        if repository.unused:
            yield Finding(
                f"The repository {repository.name} keeps images that are not used",
                _saved(facts.image_hour, repository.stored / GIB),
                f"{repository.unused} images, {repository.stored / GIB:.2f} GiB, named by no task definition in use; a "
                "layer that others have too stays, and is paid",
                f"`drydock runbook plan clean-images -p repository={repository.name}`",
                at_most=True,
            )


def _plan(runbook: str, service: Service, **more: object) -> str:
    given: dict[str, object] = {"cluster": service.cluster, "service": service.name, **more}
    return f"`drydock runbook plan {runbook}{''.join(f' -p {key}={value}' for key, value in given.items())}`"


def _times(finding: Finding, hours: float) -> Finding:
    usd = None if finding.usd is None else finding.usd * hours
    return Finding(finding.what, usd, finding.evidence, finding.mend, finding.at_most)


def _dollars(usd: float | None) -> str:
    return "an unknown sum" if usd is None else f"${usd:.4f}"
