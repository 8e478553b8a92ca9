"""What is simulated, and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from drydock.policy import scaling, scaling_course
from drydock.policy.ecs import interruption, managed_scaling
from drydock.policy.scaling import Step
from drydock.policy.scaling_course import Watch

ALARM_SECONDS = 120.0
"""Two periods of a minute (ours): how long alarms of a deployment take to see errors."""
CPU, REQUESTS = "ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"


@dataclass(frozen=True)
class Scaling:
    """A scaling policy: bounds, and how a metric is seen: for each `period` seconds, `lag` seconds after it has ended.

    CPU is the share of what a task can serve, in per cent, so it ends at 100; REQUESTS are those for each task and
    minute, and have no end.
    """

    least: int
    most: int
    metric: str = field(default=CPU, kw_only=True)
    period: int = field(default=60, kw_only=True)
    lag: float = field(default=60.0, kw_only=True)
    out_cooldown: float = field(default=scaling.COOLDOWN, kw_only=True)
    in_cooldown: float = field(default=scaling.COOLDOWN, kw_only=True)

    def watches(self) -> list[Watch]:
        """Its alarms, and what they call."""
        raise NotImplementedError


@dataclass(frozen=True)
class Tracking(Scaling):
    """Target tracking."""

    target: float = field(kw_only=True)

    def watches(self) -> list[Watch]:
        return scaling_course.tracking(self.target, out_cooldown=self.out_cooldown, in_cooldown=self.in_cooldown)


@dataclass(frozen=True)
class Stepping(Scaling):
    """Step scaling: an alarm above `high` and one below `low`, each of one period unless said otherwise."""

    high: float = field(kw_only=True)
    low: float = field(kw_only=True)
    out: Sequence[Step] = (Step(1, lower=0),)
    back: Sequence[Step] = (Step(-1, upper=0),)
    periods: int = 1

    def watches(self) -> list[Watch]:
        return [
            scaling_course.stepping(self.out, above=True, threshold=self.high, policy="out", periods=self.periods,
                                    cooldown=self.out_cooldown),
            scaling_course.stepping(self.back, above=False, threshold=self.low, policy="in", periods=self.periods,
                                    cooldown=self.in_cooldown),
        ]  # fmt: skip


@dataclass(frozen=True)
class Alarmed(Scaling):
    """A step scaling policy, and the one alarm that calls it: above or below `threshold` for so many periods."""

    threshold: float = field(kw_only=True)
    above: bool = field(kw_only=True)
    steps: Sequence[Step] = field(kw_only=True)
    periods: int = 1

    def watches(self) -> list[Watch]:
        return [
            scaling_course.stepping(self.steps, above=self.above, threshold=self.threshold, periods=self.periods,
                                    policy="out" if self.above else "in", cooldown=self.out_cooldown),
        ]  # fmt: skip


@dataclass(frozen=True)
class Reclaim:
    """AWS takes back `share` of the Spot tasks at `minute`, and Spot has no capacity for `dry` minutes."""

    minute: float
    share: float = 1.0
    dry: float = 0.0


@dataclass(frozen=True)
class Spot:
    """A part of the tasks on FARGATE_SPOT. `hazard`: the chance of a task to be taken back within an hour (a guess)."""

    base: int = 0
    on_demand_weight: int = 1
    weight: int = 4
    discount: float = 0.70
    hazard: float = 0.0
    reclaims: Sequence[Reclaim] = ()
    stop_timeout: int = interruption.DEFAULT_STOP_TIMEOUT
    drains: bool = True
    """Whether a task ends the requests that it has when it is killed, and takes none that it cannot end."""


@dataclass(frozen=True)
class Nodes:
    """EC2 instances for the tasks instead of Fargate: `slots` tasks on each, managed scaling to `target` per cent."""

    instance_type: str
    slots: int
    target: int = 100
    boot_seconds: float = 120.0
    warm_up: float = managed_scaling.WARM_UP


@dataclass(frozen=True)
class Scheduled:
    """A scheduled action: at `minute` the bounds of scaling become these, and the desired count comes inside them."""

    minute: float
    least: int
    most: int


@dataclass(frozen=True)
class ZoneOutage:
    """All tasks in a zone end at `minute` without a word, and none starts there for so many minutes.

    seconds  until they are taken out of the load balancer and ECS replaces them: the health checks' interval times
             their threshold. Until then they are sent their share of the requests.
    """

    zone: str
    minute: float
    minutes: float
    seconds: float = 60.0


@dataclass(frozen=True)
class Release:
    """A new revision that is deployed at `minute`.

    configuration  the service's deploymentConfiguration, as the API has it. Of its alarms only `enable` and `rollback`
                   count: they see errors ALARM_SECONDS after a task of the revision has served.
    crashes        its tasks end as they start
    errors         the part, 0 to 1, of the requests that it serves which fail; its health checks pass all the same
    noticed        minutes from its first fault until somebody rolls it back by hand, where nothing else has
    """

    minute: float
    configuration: Mapping[str, Any] = field(default_factory=dict)
    crashes: bool = False
    errors: float = 0.0
    noticed: float = 30.0


@dataclass(frozen=True)
class Names:
    """Clients find tasks by DNS names of Cloud Map: an answer is kept for `ttl` seconds.

    serves_on  seconds that a task goes on serving once its name is gone, where it is told to end. On Spot it does not:
               there its name goes when it has ended.
    """

    ttl: float
    serves_on: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service behind a load balancer. What is simplified: tasks share the load evenly; what they cannot serve in its
    second is lost, nobody waits; a task starts in the same time always, and is charged for from its order to its end;
    a task whose start fails is started again at once, which ECS does more and more slowly.

    tasks          desired count at the beginning; these serve already.
    per_task       requests that a task can serve in a minute.
    start_seconds  from the order until a task serves, without the boot of an instance.
    request_seconds  how long a request takes: those under way are cut off where a task does not drain.
    deadline       seconds after which an answer is late; 0: never. Each task has as many workers as serve `per_task`.
    warm_seconds, cold  for so long a new task serves only that part, 0 to 1, of `per_task`.
    cpu, memory    of a task, CPU units and MiB, for its price on Fargate, of that architecture.
    zones          its tasks are spread over them; `balances`: they are brought together again after an outage.
    names          how clients find it where there is no load balancer.
    """

    tasks: int
    per_task: float
    start_seconds: float = 60.0
    request_seconds: float = 0.2
    deadline: float = 0.0
    warm_seconds: float = 0.0
    cold: float = 1.0
    cpu: int = 1024
    memory: int = 2048
    architecture: str = "x86_64"
    scaling: Scaling | Sequence[Scaling] | None = None
    scheduled: Sequence[Scheduled] = ()
    zones: Sequence[str] = ("",)
    balances: bool = False
    outages: Sequence[ZoneOutage] = ()
    releases: Sequence[Release] = ()
    names: Names | None = None
    spot: Spot | None = None
    nodes: Nodes | None = None

    @property
    def policies(self) -> Sequence[Scaling]:
        """Its scaling policies; the bounds are those of the first."""
        if self.scaling is None:
            return ()
        return (self.scaling,) if isinstance(self.scaling, Scaling) else tuple(self.scaling)


class Cause(StrEnum):
    """Why requests are lost. Lack of tasks has one of those from DRY on, the first that holds at the time (ours)."""

    ERRORS = "the new revision answers with errors"
    DEAD = "tasks of a lost zone still get requests"
    STALE = "clients still have the address of a task that has gone"
    CUT = "a task was killed with requests under way"
    REGION = "clients still go to a region that is lost"
    CELL = "a whole cluster is down"
    DRY = "Spot has no capacity"
    ZONE = "a lost zone's tasks are missing"
    DEPLOYMENT = "the deployment has taken tasks away"
    COLD = "new tasks are still cold"
    MOST = "scaling has come to its maximum"
    LATE = "scaling is too late"
    FEW = "too few tasks for the load"


@dataclass(frozen=True)
class Minute:
    """A minute of a course. `serving`: tasks on average; `desired`, `nodes` at its end; `usd` in this minute.

    late    requests of those that were served which had to wait for too long
    causes  of what was lost
    """

    minute: int
    load: float
    desired: int
    serving: float
    nodes: int
    lost: float
    usd: float
    late: float = 0.0
    causes: Mapping[Cause, float] = field(default_factory=dict)


def summed(found: Iterable[Mapping[Cause, float]]) -> dict[Cause, float]:
    """Causes of several minutes, or of several services."""
    causes: dict[Cause, float] = {}
    for cause, amount in (pair for one in found for pair in one.items() if pair[1]):
        causes[cause] = causes.get(cause, 0.0) + amount
    return causes


@dataclass(frozen=True)
class Course:
    """What became of a service. Requests are counted in parts, because a rate is what is simulated.

    outage         seconds in which requests were lost, but for single ones that were cut off
    longest_outage the longest stretch of these: the time to recover
    short          seconds in which fewer tasks served than were wanted
    events         (second, what happened), in order: scaling, warnings, ends
    """

    minutes: tuple[Minute, ...]
    events: tuple[tuple[float, str], ...]
    outage: float
    longest_outage: float
    short: float
    warned: int
    cut_off: float

    @property
    def requests(self) -> float:
        return sum(minute.load for minute in self.minutes)

    @property
    def lost(self) -> float:
        return sum(minute.lost for minute in self.minutes)

    @property
    def late(self) -> float:
        return sum(minute.late for minute in self.minutes)

    @property
    def causes(self) -> Mapping[Cause, float]:
        """Why requests were lost, and how many: the largest first."""
        found = summed(minute.causes for minute in self.minutes)
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))

    @property
    def worst_part(self) -> float:
        """The largest part, 0 to 1, of a minute's requests that was lost: the blast radius."""
        return max((minute.lost / minute.load for minute in self.minutes if minute.load), default=0.0)

    @property
    def usd(self) -> float:
        return sum(minute.usd for minute in self.minutes)

    @property
    def scaled(self) -> int:
        """How often the desired count was changed."""
        return sum(what.startswith("desired") for _, what in self.events)

    def summary(self) -> dict[str, Any]:
        """The numbers by which courses are compared."""
        return {
            "usd": self.usd,
            "requests": self.requests,
            "lost": self.lost,
            "outage": self.outage,
            "longest_outage": self.longest_outage,
            "short": self.short,
            "warned": self.warned,
            "scaled": self.scaled,
        }
