"""The loop: what happens to a service, second by second where something happens and not at all where nothing does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from drydock import pricing
from drydock.policy import discovery, queueing, scaling
from drydock.policy.addresses import Subnet
from drydock.policy.ecs import breaker, capacity, interruption, managed_scaling, placement, rollout, strategy
from drydock.policy.scaling import Bounds, Change, Cooling
from drydock.simulation.fleet import Fleet
from drydock.simulation.model import ALARM_SECONDS, Cause, Course, Minute, Release, Scheduled, Service, ZoneOutage
from drydock.simulation.state import MINUTE, Deployment, Group, Lost, Metric, Side, by_provider, of_revision

if TYPE_CHECKING:
    import simpy

ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"
_TURNS = 50
"""More turns than the scheduler takes until nothing is left to do."""
_LOOK = 5.0
"""Seconds between two looks of a deployment that shifts traffic."""

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
    if not service.zones:
        raise ValueError("A service is in one zone at least.")
    if unknown := {outage.zone for outage in service.outages} - set(service.zones):
        raise ValueError(f"The service is not in the zone {min(unknown)!r}: its zones are {', '.join(service.zones)}.")
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
        task = pricing.fargate_hour(service.cpu / 1024, service.memory / 1024, service.architecture)
        self.price = {ON_DEMAND: task, SPOT: task * (1 - spot.discount if spot else 1)}
        self.desired = service.tasks
        self.revisions: tuple[int, ...] = (0,)
        """Those that are to have as many tasks as are desired; the last is the one that is deployed last."""
        self.newest = self.made = 0
        self.deployment: Deployment | None = None
        self.managed = False
        """Whether `rollout` decides, which a rolling deployment and the balance of zones need."""
        self.away: set[str] = set()
        self.serving: Counter[Group] = Counter()
        self.starting: Counter[Group] = Counter()
        self.going: Counter[Group] = Counter()  # told to end, and serve until they are killed
        self.dead: Counter[Group] = Counter()  # in a lost zone, and not yet known to be
        self.waiting: Counter[Group] = Counter()  # for Spot's capacity, for a zone, or for room on an instance
        self.cold: Counter[Group] = Counter()
        for provider, count in capacity.split(self.strategy, service.tasks).items():
            for _ in range(count):
                self.serving[Group(provider, self._zone(), 0)] += 1
        self.dry_until = -1.0
        self.fleet = Fleet(service.nodes, service.tasks) if service.nodes else None
        self.workers = max(1, round(service.per_task / MINUTE * service.request_seconds))
        self.load = loads[0] / MINUTE
        self.then = 0.0
        self.task_seconds = self.usd = self.stale = 0.0
        self.outage = self.longest = self.short = self.cut = 0.0
        self.since: float | None = None
        self.warned = 0
        self.lost = Lost()
        self.bounds = Bounds(service.policies[0].least, service.policies[0].most) if service.policies else None
        self.metrics = [Metric(policy) for policy in service.policies]
        self.cooling = Cooling()
        self.decided = -1.0
        self.minutes: list[Minute] = []
        self.events: list[tuple[float, str]] = []

    def course(self) -> Course:
        env, service = self.env, self.service
        env.process(self._minutes())
        for metric in self.metrics:
            env.process(self._measure(metric))
        for scheduled in service.scheduled:
            env.process(self._schedule(scheduled))
        if service.spot:
            for reclaim in service.spot.reclaims:
                env.process(self._reclaim(reclaim.minute, reclaim.share, reclaim.dry))
        for outage in service.outages:
            env.process(self._lose_zone(outage))
        for release in service.releases:
            env.process(self._release(release))
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

    def _told(self, what: str) -> None:
        self.events.append((self.env.now, what))

    # what was until now

    def _until_now(self) -> None:
        now = self.env.now
        lasted = now - self.then
        if lasted <= 0:
            return
        service, lost = self.service, self.lost
        tasks = self.serving.total() + self.going.total()
        before = lost.all
        dead = self.dead.total()
        away = self.load * dead / (tasks + dead) if dead else 0.0
        if away:
            lost.add(away * lasted, Cause.DEAD)
        if self.stale > 1e-9:
            to_stale = min(self.load - away, self.load * self.stale / max(1, tasks))
            lost.add(to_stale * lasted, Cause.STALE)
            away += to_stale
        served = could = 0.0
        for side in self._sides(tasks):
            load = (self.load - away) * side.share
            can = side.warm * service.per_task / MINUTE
            done = min(load, can)
            if load > can:
                lost.add((load - can) * lasted, self._lack())
            if side.errors:
                lost.add(done * side.errors * lasted, Cause.ERRORS)
            if service.deadline and side.tasks:
                lost.late += (
                    done
                    * (1 - side.errors)
                    * lasted
                    * _late(
                        self.workers,
                        load / side.tasks,
                        service.request_seconds * side.tasks / side.warm,
                        service.deadline,
                    )
                )
            served += done
            could += side.warm
        self.task_seconds += tasks * lasted
        for metric in self.metrics:
            metric.task_seconds += tasks * lasted
            metric.load += self.load * lasted
            metric.served += served * lasted
            metric.could += could * lasted
        self.usd += self._usd_an_hour() * lasted / 3600
        if lost.all - before > 1e-12 * lasted:
            self.outage += lasted
            self.since = self.then if self.since is None else self.since
        else:
            self.longest, self.since = max(self.longest, self._lasting()), None
        if tasks < self.desired:
            self.short += lasted
        self.then = now

    def _sides(self, tasks: int) -> Iterator[Side]:
        """One, but where a deployment shifts traffic from one revision to the other."""
        deployment = self.deployment
        if deployment is None or deployment.percent is None:
            warm = tasks - self.cold.total() * (1 - self.service.cold)
            errors = 0.0
            if deployment and deployment.release.errors and tasks:
                errors = deployment.release.errors * self._of(deployment.revision) / tasks
            yield Side(1.0, tasks, warm, errors)
            return
        new = self._of(deployment.revision)
        cold = sum(count for group, count in self.cold.items() if group.revision == deployment.revision)
        missing = 1 - self.service.cold
        part = deployment.percent / 100
        if part:
            yield Side(part, new, new - cold * missing, deployment.release.errors)
        if part < 1:
            old = tasks - new
            yield Side(1 - part, old, old - (self.cold.total() - cold) * missing)

    @property
    def _shifts(self) -> bool:
        """Whether a deployment is about to shift traffic."""
        return self.deployment is not None and self.deployment.percent is not None

    def _of(self, revision: int) -> int:
        groups = (self.serving, self.going)
        return sum(count for counted in groups for group, count in counted.items() if group.revision == revision)

    def _lack(self) -> Cause:
        """Why there are too few tasks."""
        spot_waits = any(group.provider == SPOT for group, count in self.waiting.items() if count)
        if self.env.now <= self.dry_until and (spot_waits or self.going):
            return Cause.DRY
        if self.away or self.dead.total():
            return Cause.ZONE
        if self.deployment and (self.managed or self._shifts):
            return Cause.DEPLOYMENT
        if self.cold.total():
            return Cause.COLD
        if self.bounds is None:
            return Cause.FEW
        return Cause.MOST if self.desired >= self.bounds.most else Cause.LATE

    def _lasting(self) -> float:
        return 0.0 if self.since is None else self.then - self.since

    def _usd_an_hour(self) -> float:
        if self.fleet:
            return self.fleet.usd_an_hour()
        charged = by_provider(self.serving + self.starting + self.going)
        return sum(price * charged[provider] for provider, price in self.price.items())

    # time that passes

    def _minutes(self) -> Steps:
        spot = self.service.spot
        hazard = 1 - (1 - spot.hazard) ** (1 / 60) if spot and spot.hazard else 0.0
        for number, load in enumerate(self.loads):
            self.load = load / MINUTE
            if hazard:
                taken = sum(self.random.random() < hazard for _ in range(by_provider(self.serving)[SPOT]))
                if taken:
                    self._warn(taken)
            usd, seconds = self.usd, self.task_seconds
            self.lost = Lost()
            yield self.env.timeout(MINUTE)
            self._until_now()
            self.minutes.append(
                Minute(
                    number,
                    load,
                    self.desired,
                    (self.task_seconds - seconds) / MINUTE,
                    self.fleet.count if self.fleet else 0,
                    self.lost.all,
                    self.usd - usd,
                    self.lost.late,
                    dict(self.lost.by_cause),
                )
            )

    def _schedule(self, scheduled: Scheduled) -> Steps:
        yield self.env.timeout(scheduled.minute * MINUTE)
        self.bounds = Bounds(scheduled.least, scheduled.most)
        inside = self.bounds.within(self.desired)
        if inside != self.desired:
            self._want(inside)

    def _measure(self, metric: Metric) -> Steps:
        """Each period is measured, and seen by the alarms after the lag."""
        while True:
            metric.value(self.service.per_task)
            yield self.env.timeout(metric.policy.period)
            self._until_now()
            self.env.process(self._seen(metric, metric.value(self.service.per_task)))

    def _seen(self, metric: Metric, value: float) -> Steps:
        yield self.env.timeout(metric.policy.lag)
        metric.look(value)
        if len(self.metrics) > 1:  # what alarms call at the same time is decided once
            yield self.env.timeout(0)
        if not metric.asked or self.decided == self.env.now:
            return
        assert self.bounds is not None
        self.decided = self.env.now
        decision = scaling.decide(
            self.desired,
            self.bounds,
            [asked for each in self.metrics for asked in each.asked],
            self.cooling,
            self.env.now,
            all_low=all(each.all_low for each in self.metrics),
        )
        if isinstance(decision, Change):
            self.cooling = decision.cooling
            self._want(decision.capacity)

    def _want(self, count: int) -> None:
        self._until_now()
        self._told(f"desired count {self.desired} to {count}")
        self.desired = count
        if self.deployment:
            self.deployment.breaker = self.deployment.breaker.with_desired_count(count)
        self._reconcile()

    # the scheduler

    def _reconcile(self) -> None:
        """As many tasks as are wanted: start some, or stop some that serve."""
        if self.managed:
            self._manage()
            return
        for revision in self.revisions:
            has = of_revision(self.serving + self.starting, revision)
            waiting = of_revision(self.waiting, revision)
            missing = self.desired - has.total() - waiting.total() - of_revision(self.dead, revision).total()
            if missing > 0:
                for provider, count in capacity.split(self.strategy, missing, by_provider(has + waiting)).items():
                    self._order(provider, count, revision)
                continue
            dropped = min(waiting.total(), -missing)
            for _ in range(dropped):
                self.waiting[next(iter(+of_revision(self.waiting, revision)))] -= 1
            for _ in range(min(-missing - dropped, of_revision(self.serving, revision).total())):
                self._give_up(revision)

    def _give_up(self, revision: int) -> None:
        """One task that serves ends: of the provider that has too many, in the zone that has most."""
        serving = +of_revision(self.serving, revision)
        provider = capacity.next_to_give_up(self.strategy, by_provider(serving + of_revision(self.starting, revision)))
        mine = [group for group in serving if group.provider == provider] or list(serving)[:1]
        zones = self._zones()
        self._stop(max(mine, key=lambda group: zones[group.zone]))

    def _stop(self, group: Group) -> None:
        """A task that serves ends as it should."""
        self.serving[group] -= 1
        self.cold[group] = min(self.cold[group], self.serving[group])
        if self.fleet:
            self.fleet.give_up()
        if names := self.service.names:
            self.env.process(self._stale(1, names.ttl, names.serves_on))

    def _stale(self, count: int, ttl: float, serves_on: float) -> Steps:
        """So many names have gone, and clients have the addresses for a while. What fails is spread over that time."""
        lasts = discovery.failing_seconds(ttl, serves_on)
        if lasts:
            yield self.env.timeout(max(0.0, serves_on))
            part = count * discovery.failing_share(ttl, serves_on) / lasts
            self._until_now()
            self.stale += part
            yield self.env.timeout(lasts)
            self._until_now()
            self.stale -= part

    def _order(self, provider: str, count: int, revision: int) -> None:
        if not count:
            return
        if (provider == SPOT and self.env.now < self.dry_until) or self.away >= set(self.service.zones):
            self.waiting[Group(provider, "", revision)] += count
            return
        if self.fleet:
            fits = self.fleet.take(count)
            self.waiting[Group(provider, "", revision)] += count - fits
            count = fits
        if count:
            batch: Counter[Group] = Counter()
            for _ in range(count):
                group = Group(provider, self._zone(), revision)
                self.starting[group] += 1
                batch[group] += 1
            self.env.process(self._start(batch))

    def _zones(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for group, count in (self.serving + self.starting).items():
            counted[group.zone] += count
        return counted

    def _zone(self) -> str:
        """Where the next task is placed."""
        if len(self.service.zones) == 1:
            return self.service.zones[0]
        open_ones = [_subnet(zone) for zone in self.service.zones if zone not in self.away]
        return placement.choose_subnet(open_ones, self._zones()).zone

    def _start(self, batch: Counter[Group]) -> Steps:
        yield self.env.timeout(self.service.start_seconds)
        self._until_now()
        for group, count in batch.items():
            came = min(count, self.starting[group])
            self.starting[group] -= came
            deployment = self.deployment
            if deployment and group.revision == deployment.revision and deployment.release.crashes:
                self._crashed(deployment, came)
                continue
            self.serving[group] += came
            if self.service.warm_seconds and came:
                self.cold[group] += came
                self.env.process(self._warm(group, came))
            if deployment and group.revision == deployment.revision and came:
                deployment.breaker = deployment.breaker.after(breaker.Event.HEALTHY)
                if deployment.release.errors:
                    self._fault(deployment)
        self._reconcile()

    def _warm(self, group: Group, count: int) -> Steps:
        yield self.env.timeout(self.service.warm_seconds)
        self._until_now()
        self.cold[group] -= min(count, self.cold[group])

    def _let_in(self) -> None:
        """Those that wait are ordered anew."""
        self._until_now()
        waiting, self.waiting = +self.waiting, Counter()
        for group, count in waiting.items():
            self._order(group.provider, count, group.revision)

    def _manage(self) -> None:
        """As `rollout` decides, until nothing is left to do now."""
        for _ in range(_TURNS):
            tasks, where = self._snapshot()
            deployment = self.deployment
            failed = deployment is not None and deployment.failed
            settings = deployment.release.configuration if deployment else {}
            known = {group.revision for _, group in where.values()} | {self.newest}
            actions = rollout.next_actions(
                rollout.Service(
                    self.desired,
                    tuple(
                        rollout.Deployment(str(one), primary=one == self.newest, failed=failed and one == self.newest)
                        for one in sorted(known)
                    ),
                    tasks,
                    minimum_healthy_percent=settings.get("minimumHealthyPercent", 100),
                    maximum_percent=settings.get("maximumPercent", 200),
                    zones=tuple(self.service.zones) if self.service.balances and not self.away else (),
                )
            )
            for action in actions:
                if isinstance(action, rollout.Stop):
                    for identifier in action.tasks:
                        self._end_of(*where[identifier])
                else:
                    has = of_revision(self.serving + self.starting + self.waiting, self.newest)
                    for provider, count in capacity.split(self.strategy, action.count, by_provider(has)).items():
                        self._order(provider, count, self.newest)
            if not any(isinstance(action, rollout.Stop) for action in actions):
                break  # what is started now makes no more room now
        self._settled()

    def _snapshot(self) -> tuple[tuple[rollout.Task, ...], dict[str, tuple[Counter[Group], Group]]]:
        """The tasks as the scheduler sees them, and what is counted by each."""
        found: list[rollout.Task] = []
        where: dict[str, tuple[Counter[Group], Group]] = {}
        for counted, status, healthy in (
            (self.serving, "RUNNING", True),
            (self.dead, "RUNNING", True),
            (self.going, "RUNNING", True),
            (self.starting, "PENDING", None),
            (self.waiting, "PROVISIONING", None),
        ):
            for group, count in sorted(counted.items()):
                for _ in range(count):
                    task = _task(len(found), group, status, counted is self.going, healthy)
                    where[task.id] = (counted, group)
                    found.append(task)
        return tuple(found), where

    def _end_of(self, counted: Counter[Group], group: Group) -> None:
        if counted is self.serving:
            self._stop(group)
        else:
            counted[group] -= 1

    def _settled(self) -> None:
        """A rolling deployment that is over, and zones that are in balance, need nobody to look after them."""
        mine = of_revision(self.serving, self.newest).total()
        others = sum((self.serving + self.starting + self.going + self.waiting + self.dead).values()) - mine
        if mine != self.desired or others:
            return
        zones = self._zones()
        if self.service.balances and max(zones.values()) - min(zones[one] for one in self.service.zones) > 1:
            return
        if self.deployment:
            self._over(self.deployment)
        self.managed = False

    # releases

    def _release(self, release: Release) -> Steps:
        yield self.env.timeout(release.minute * MINUTE)
        while self.deployment:
            yield self.env.timeout(_LOOK)
        self._until_now()
        configuration = release.configuration
        self.made += 1
        before, self.newest = self.newest, self.made
        deployment = self.deployment = Deployment(
            release,
            before,
            self.newest,
            breaker.Breaker.read(configuration.get("deploymentCircuitBreaker"), self.desired),
        )
        self._told(f"revision {self.newest} is deployed")
        if configuration.get("strategy", strategy.ROLLING) == strategy.ROLLING:
            self.managed, self.revisions = True, (self.newest,)
            self._reconcile()
            return
        deployment.percent = 0.0
        self.managed = False
        self.revisions = (before, self.newest)
        self._reconcile()
        yield from self._shift(deployment)

    def _shift(self, deployment: Deployment) -> Steps:
        """All tasks of the new revision beside those of the old one, then traffic in steps, then the old ones end."""
        plan = strategy.plan(deployment.release.configuration)
        while not deployment.undone and of_revision(self.serving, deployment.revision).total() < self.desired:
            yield self.env.timeout(_LOOK)
        for step in plan.steps:
            if deployment.undone:
                return
            self._until_now()
            deployment.percent = step.percent
            self._told(f"{step.percent:g} % of the traffic goes to revision {deployment.revision}")
            if deployment.release.errors:
                self._fault(deployment)
            yield self.env.timeout(step.bake + 1e-3)
        yield self.env.timeout(plan.bake)
        if not deployment.undone:
            self._until_now()
            self._only(deployment.revision)
            deployment.percent = None
            self._over(deployment)

    def _only(self, revision: int) -> None:
        """All other tasks end."""
        self.revisions, self.newest = (revision,), revision
        for counted in (self.starting, self.waiting, self.serving):
            for group in [one for one in counted if one.revision != revision]:
                for _ in range(counted[group]):
                    self._end_of(counted, group)

    def _over(self, deployment: Deployment) -> None:
        self._told(f"revision {deployment.revision} is {'rolled back' if deployment.undone else 'deployed everywhere'}")
        if not deployment.release.errors or deployment.undone:
            self.deployment = None

    def _crashed(self, deployment: Deployment, count: int) -> None:
        self._fault(deployment)
        for _ in range(count):
            deployment.breaker = deployment.breaker.after(breaker.Event.FAILED)
        if deployment.breaker.triggered and not (deployment.failed or deployment.undone):
            deployment.failed = True
            self._told(f"the circuit breaker ends the deployment of revision {deployment.revision}")
            if deployment.breaker.rollback:
                self._undo(deployment)

    def _fault(self, deployment: Deployment) -> None:
        """Its first: somebody, or an alarm, takes notice of it."""
        if deployment.faulty or deployment.percent == 0.0:
            return
        deployment.faulty = True
        alarms = deployment.release.configuration.get("alarms") or {}
        if deployment.release.errors and alarms.get("enable") and alarms.get("rollback"):
            self.env.process(self._noticed(deployment, ALARM_SECONDS, "an alarm"))
        self.env.process(self._noticed(deployment, deployment.release.noticed * MINUTE, "somebody"))

    def _noticed(self, deployment: Deployment, seconds: float, who: str) -> Steps:
        yield self.env.timeout(seconds)
        if self.deployment is deployment and not deployment.undone:
            self._until_now()
            self._told(f"{who} rolls revision {deployment.revision} back")
            self._undo(deployment)
            self._reconcile()

    def _undo(self, deployment: Deployment) -> None:
        deployment.undone, deployment.failed = True, False
        self.newest, self.revisions = deployment.before, (deployment.before,)
        if deployment.percent is None:
            self.managed = True
            return
        deployment.percent = None
        self._only(deployment.before)
        self._over(deployment)

    # Spot

    def _reclaim(self, minute: float, share: float, dry: float) -> Steps:
        yield self.env.timeout(minute * MINUTE)
        self.dry_until = max(self.dry_until, self.env.now + dry * MINUTE)
        self._warn(round(by_provider(self.serving)[SPOT] * share))
        yield self.env.timeout(dry * MINUTE)
        if self.waiting.total() and self.env.now >= self.dry_until:
            self._let_in()

    def _warn(self, count: int) -> None:
        """So many tasks are told to end: their replacements are ordered now, and they serve until they are killed."""
        if not count:
            return
        self._until_now()
        self.warned += count
        self._told(f"{count} on Spot are told to end")
        ending: Counter[Group] = Counter()
        for _ in range(count):
            group = max((one for one in self.serving if one.provider == SPOT), key=lambda one: self.serving[one])
            self.serving[group] -= 1
            self.cold[group] = min(self.cold[group], self.serving[group])
            self.going[group] += 1
            ending[group] += 1
        self.env.process(self._end(ending))
        self._reconcile()

    def _end(self, ending: Counter[Group]) -> Steps:
        spot = self.service.spot
        assert spot is not None
        yield self.env.timeout(interruption.serves_on(spot.stop_timeout))
        self._until_now()
        count = ending.total()
        if not spot.drains:
            of_each = min(self.load / (self.serving.total() + self.going.total()), self.service.per_task / MINUTE)
            cut = count * interruption.cut_off(of_each, self.service.request_seconds)
            self.cut += cut
            self.lost.add(cut, Cause.CUT)
        self.going -= ending
        if names := self.service.names:
            self.env.process(self._stale(count, names.ttl, 0.0))
        if self.managed:
            self._reconcile()

    # zones

    def _lose_zone(self, outage: ZoneOutage) -> Steps:
        yield self.env.timeout(outage.minute * MINUTE)
        self._until_now()
        self.away.add(outage.zone)
        died: Counter[Group] = Counter()
        for counted in (self.serving, self.going, self.starting, self.cold):
            for group in [one for one in counted if one.zone == outage.zone]:
                died[group] += counted[group] if counted is self.serving else 0
                counted[group] = 0
        self._told(f"the zone {outage.zone} is lost with {died.total()} tasks")
        self.dead += died
        yield self.env.timeout(outage.seconds)
        self._until_now()
        self.dead -= died
        if self.service.names:
            self.env.process(self._stale(died.total(), self.service.names.ttl, 0.0))
        self._reconcile()
        yield self.env.timeout(max(0.0, outage.minutes * MINUTE - outage.seconds))
        self._until_now()
        self.away.discard(outage.zone)
        self._told(f"the zone {outage.zone} is back")
        self._let_in()
        if self.service.balances and not self._shifts:
            self.managed = True
            self._reconcile()

    # instances

    def _manage_nodes(self, fleet: Fleet) -> Steps:
        nodes = fleet.nodes
        low = 0
        while True:
            yield self.env.timeout(MINUTE)
            self._until_now()
            needed = fleet.needed(self.waiting.total())
            to = managed_scaling.wanted(needed, fleet.count, nodes.target)
            low = low + 1 if to < fleet.count else 0
            if to > fleet.count:
                self.env.process(self._boot(fleet, to - fleet.count))
            elif low >= scaling.LOW_PERIODS:
                gone = fleet.end_empty(fleet.count - to)
                if gone:
                    self._told(f"{gone} empty instances end")

    def _boot(self, fleet: Fleet, count: int) -> Steps:
        fleet.booting += count
        self._told(f"{count} instances boot")
        yield self.env.timeout(fleet.nodes.boot_seconds)
        self._until_now()
        fleet.booting -= count
        fleet.used += [0] * count
        self._let_in()


@cache
def _subnet(zone: str) -> Subnet:
    return Subnet(zone, zone)


@lru_cache(maxsize=4096)
def _late(workers: int, arrivals: float, seconds: float, deadline: float) -> float:
    return queueing.late(workers, arrivals, seconds, deadline)


@lru_cache(maxsize=65536)
def _task(number: int, group: Group, status: str, stopping: bool, healthy: bool | None) -> rollout.Task:
    created = group.revision + (0.5 if healthy is None else 0.0)
    return rollout.Task(f"{number:05}", str(group.revision), status, stopping, healthy, group.zone, created)
