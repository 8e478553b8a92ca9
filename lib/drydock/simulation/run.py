"""The loop: what happens to a service, second by second where something happens and not at all where nothing does."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from drydock import pricing
from drydock.policy import scaling
from drydock.policy.ecs import capacity, interruption, managed_scaling
from drydock.policy.scaling import Change, Cooling
from drydock.simulation.model import CPU, Course, Minute, Nodes, Service

if TYPE_CHECKING:
    import simpy

ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"
MINUTE = 60.0
_KEPT = 16
"""Measured values that the longest alarm looks at, and one."""

Steps = Generator[Any, None, None]


def simulate(service: Service, loads: Sequence[float], seed: int = 0) -> Course:
    """The course of a service under these requests, one number for each minute. The same arguments, the same course.

    Raises ValueError for no load, for a service that nothing can serve, and for what pricing has no price for.
    """
    if not loads:
        raise ValueError("There is nothing to simulate: no minute of traffic was given.")
    if service.tasks < 0 or service.per_task <= 0:
        raise ValueError(f"tasks is 0 or more and per_task above 0, not {service.tasks} and {service.per_task:g}.")
    if service.spot and service.nodes:
        raise ValueError("A service runs on Fargate's providers or on instances, not on both: give spot or nodes.")
    return _Run(service, loads, seed).course()


class _Run:
    """A service on its way. What changes a rate first calls `_until_now`, which counts what was until then."""

    def __init__(self, service: Service, loads: Sequence[float], seed: int) -> None:
        import simpy

        self.env: simpy.Environment = simpy.Environment()
        self.service, self.loads = service, loads
        self.random = random.Random(f"course {seed}")
        spot = service.spot
        self.strategy = (
            capacity.items(
                [
                    {"capacityProvider": ON_DEMAND, "base": spot.base, "weight": spot.on_demand_weight},
                    {"capacityProvider": SPOT, "weight": spot.weight},
                ]
            )
            if spot
            else (capacity.StrategyItem(ON_DEMAND, 1),)
        )
        task = pricing.fargate_hour(service.cpu / 1024, service.memory / 1024)
        self.price = {ON_DEMAND: task, SPOT: task * (1 - spot.discount if spot else 1)}
        self.desired = service.tasks
        self.serving: Counter[str] = Counter(capacity.split(self.strategy, service.tasks))
        self.starting: Counter[str] = Counter()
        self.going = 0  # told to end, and serve until they are killed
        self.waiting = 0  # for Spot's capacity, or for room on an instance
        self.dry_until = -1.0
        self.fleet = _Fleet(service.nodes, service.tasks) if service.nodes else None
        self.load = loads[0] / MINUTE
        self.then = 0.0
        self.lost = self.task_seconds = self.usd = self.served_in_period = self.load_in_period = 0.0
        self.task_seconds_in_period = 0.0
        self.outage = self.longest = self.short = self.cut = 0.0
        self.since: float | None = None
        self.warned = 0
        self.cooling = Cooling()
        self.minutes: list[Minute] = []
        self.events: list[tuple[float, str]] = []

    def course(self) -> Course:
        env, service = self.env, self.service
        env.process(self._minutes())
        if service.scaling:
            env.process(self._measure())
        if service.spot:
            for reclaim in service.spot.reclaims:
                env.process(self._reclaim(reclaim.minute, reclaim.share, reclaim.dry))
        if self.fleet:
            env.process(self._manage_nodes(self.fleet))
        env.run(until=len(self.loads) * MINUTE + 1e-6)
        return Course(
            tuple(self.minutes),
            tuple(self.events),
            self.outage,
            max(self.longest, self._lasting()),
            self.short,
            self.warned,
            self.cut,
        )

    # what was until now

    def _until_now(self) -> None:
        now = self.env.now
        lasted = now - self.then
        if lasted <= 0:
            return
        tasks = self.serving.total() + self.going
        can = tasks * self.service.per_task / MINUTE
        lost = max(0.0, self.load - can)
        self.lost += lost * lasted
        self.task_seconds += tasks * lasted
        self.task_seconds_in_period += tasks * lasted
        self.load_in_period += self.load * lasted
        self.served_in_period += (self.load - lost) * lasted
        self.usd += self._usd_an_hour() * lasted / 3600
        if lost > 1e-12:
            self.outage += lasted
            self.since = self.then if self.since is None else self.since
        else:
            self.longest, self.since = max(self.longest, self._lasting()), None
        if tasks < self.desired:
            self.short += lasted
        self.then = now

    def _lasting(self) -> float:
        return 0.0 if self.since is None else self.then - self.since

    def _usd_an_hour(self) -> float:
        if self.fleet:
            return self.fleet.usd_an_hour()
        charged = self.serving + self.starting
        charged[SPOT] += self.going
        return sum(price * charged[provider] for provider, price in self.price.items())

    # time that passes

    def _minutes(self) -> Steps:
        spot = self.service.spot
        hazard = 1 - (1 - spot.hazard) ** (1 / 60) if spot and spot.hazard else 0.0
        for number, load in enumerate(self.loads):
            self.load = load / MINUTE
            if hazard:
                taken = sum(self.random.random() < hazard for _ in range(self.serving[SPOT]))
                if taken:
                    self._warn(taken)
            lost, usd, seconds = self.lost, self.usd, self.task_seconds
            yield self.env.timeout(MINUTE)
            self._until_now()
            self.minutes.append(
                Minute(
                    number,
                    load,
                    self.desired,
                    (self.task_seconds - seconds) / MINUTE,
                    self.fleet.count if self.fleet else 0,
                    self.lost - lost,
                    self.usd - usd,
                )
            )

    def _measure(self) -> Steps:
        """Each period is measured, and seen by the alarms after the lag."""
        policy = self.service.scaling
        assert policy is not None
        watches = policy.watches()
        seen: deque[float] = deque(maxlen=_KEPT)
        while True:
            self.served_in_period = self.load_in_period = self.task_seconds_in_period = 0.0
            yield self.env.timeout(policy.period)
            self._until_now()
            self.env.process(self._seen(self._value(policy.metric), seen, watches))

    def _value(self, metric: str) -> float:
        """Over the period, for each task: per cent of what it can serve, or requests a minute."""
        if not self.task_seconds_in_period:
            return 100.0 if metric == CPU else self.load_in_period
        if metric == CPU:
            can = self.task_seconds_in_period * self.service.per_task / MINUTE
            return min(100.0, round(100 * self.served_in_period / can, 9))
        return round(MINUTE * self.load_in_period / self.task_seconds_in_period, 9)

    def _seen(self, value: float, seen: deque[float], watches: Sequence[Any]) -> Steps:
        policy = self.service.scaling
        assert policy is not None
        yield self.env.timeout(policy.lag)
        seen.append(value)
        values = list(seen)
        ringing = [watch.rings(values) for watch in watches]
        if not any(ringing):
            return
        decision = scaling.decide(
            self.desired,
            policy.bounds,
            [watch.asked(values) for watch, rings in zip(watches, ringing, strict=True) if rings],
            self.cooling,
            self.env.now,
            all_low=all(rings for watch, rings in zip(watches, ringing, strict=True) if watch.is_low),
        )
        if isinstance(decision, Change):
            self._until_now()
            self.events.append((self.env.now, f"desired count {self.desired} to {decision.capacity}"))
            self.desired, self.cooling = decision.capacity, decision.cooling
            self._reconcile()

    # the scheduler

    def _reconcile(self) -> None:
        """As many tasks as are wanted: start some, or stop some that serve."""
        has = self.serving + self.starting
        missing = self.desired - has.total() - self.waiting
        if missing > 0:
            for provider, count in capacity.split(self.strategy, missing, self._running(has)).items():
                self._order(provider, count)
            return
        dropped = min(self.waiting, -missing)
        self.waiting -= dropped
        for _ in range(min(-missing - dropped, self.serving.total())):
            provider = capacity.next_to_give_up(self.strategy, dict(self.serving + self.starting))
            provider = provider if self.serving[provider] else next(iter(+self.serving))
            self.serving[provider] -= 1
            if self.fleet:
                self.fleet.give_up()

    def _running(self, has: Counter[str]) -> dict[str, int]:
        """By provider, with those that wait for Spot."""
        return {**has, SPOT: has[SPOT] + (0 if self.fleet else self.waiting)}

    def _order(self, provider: str, count: int) -> None:
        if count and provider == SPOT and self.env.now < self.dry_until:
            self.waiting += count
            return
        if self.fleet:
            fits = self.fleet.take(count)
            self.waiting += count - fits
            count = fits
        if count:
            self.starting[provider] += count
            self.env.process(self._start(provider, count))

    def _start(self, provider: str, count: int) -> Steps:
        yield self.env.timeout(self.service.start_seconds)
        self._until_now()
        self.starting[provider] -= count
        self.serving[provider] += count
        self._reconcile()

    def _let_in(self) -> None:
        """Those that wait are ordered anew."""
        self._until_now()
        count, self.waiting = self.waiting, 0
        self._order(SPOT if self.service.spot else ON_DEMAND, count)

    # Spot

    def _reclaim(self, minute: float, share: float, dry: float) -> Steps:
        yield self.env.timeout(minute * MINUTE)
        self.dry_until = max(self.dry_until, self.env.now + dry * MINUTE)
        self._warn(round(self.serving[SPOT] * share))
        yield self.env.timeout(dry * MINUTE)
        if self.waiting and self.env.now >= self.dry_until:
            self._let_in()

    def _warn(self, count: int) -> None:
        """So many tasks are told to end: their replacements are ordered now, and they serve until they are killed."""
        if not count:
            return
        self._until_now()
        self.warned += count
        self.events.append((self.env.now, f"{count} on Spot are told to end"))
        self.serving[SPOT] -= count
        self.going += count
        self.env.process(self._end(count))
        has = self.serving + self.starting
        for provider, more in capacity.split(self.strategy, count, self._running(has)).items():
            self._order(provider, more)

    def _end(self, count: int) -> Steps:
        spot = self.service.spot
        assert spot is not None
        yield self.env.timeout(interruption.serves_on(spot.stop_timeout))
        self._until_now()
        if not spot.drains:
            of_each = min(self.load / (self.serving.total() + self.going), self.service.per_task / MINUTE)
            cut = count * interruption.cut_off(of_each, self.service.request_seconds)
            self.cut += cut
            self.lost += cut
        self.going -= count

    # instances

    def _manage_nodes(self, fleet: _Fleet) -> Steps:
        nodes = fleet.nodes
        low = 0
        while True:
            yield self.env.timeout(MINUTE)
            self._until_now()
            needed = fleet.needed(self.waiting)
            to = managed_scaling.wanted(needed, fleet.count, nodes.target)
            low = low + 1 if to < fleet.count else 0
            if to > fleet.count:
                self.env.process(self._boot(fleet, to - fleet.count))
            elif low >= scaling.LOW_PERIODS:
                gone = fleet.end_empty(fleet.count - to)
                if gone:
                    self.events.append((self.env.now, f"{gone} empty instances end"))

    def _boot(self, fleet: _Fleet, count: int) -> Steps:
        fleet.booting += count
        self.events.append((self.env.now, f"{count} instances boot"))
        yield self.env.timeout(fleet.nodes.boot_seconds)
        self._until_now()
        fleet.booting -= count
        fleet.used += [0] * count
        self._let_in()


class _Fleet:
    """Instances by how many tasks each has. Tasks go where the least is free that still fits (binpack)."""

    def __init__(self, nodes: Nodes, tasks: int) -> None:
        price = pricing.instances(1, nodes.instance_type).usd_per_hour
        if price is None:
            raise ValueError(f"No dated price for the instance type {nodes.instance_type!r}.")
        self.nodes, self.price, self.booting = nodes, price, 0
        full, rest = divmod(tasks, nodes.slots)
        self.used = [nodes.slots] * full + [rest] * bool(rest)

    @property
    def count(self) -> int:
        return len(self.used) + self.booting

    def usd_an_hour(self) -> float:
        return self.price * self.count

    def needed(self, waiting: int) -> int:
        """Instances that have a task, and those that the waiting tasks would fill."""
        return sum(used > 0 for used in self.used) + -(-waiting // self.nodes.slots)

    def take(self, count: int) -> int:
        """Places so many tasks, or as many as there is room for; how many."""
        left = count
        for index in sorted(range(len(self.used)), key=lambda index: -self.used[index]):
            room = min(left, self.nodes.slots - self.used[index])
            self.used[index] += room
            left -= room
        return count - left

    def give_up(self) -> None:
        """One task ends, where the most is free after it."""
        index = min((i for i, used in enumerate(self.used) if used), key=lambda i: self.used[i])
        self.used[index] -= 1

    def end_empty(self, most: int) -> int:
        """So many empty instances end at most; how many."""
        gone = min(most, self.used.count(0))
        for _ in range(gone):
            self.used.remove(0)
        return gone
