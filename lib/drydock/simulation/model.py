"""What is simulated, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from drydock.policy import scaling, scaling_course
from drydock.policy.ecs import interruption, managed_scaling
from drydock.policy.scaling import Bounds, Step
from drydock.policy.scaling_course import Watch

CPU, REQUESTS = "ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"


@dataclass(frozen=True)
class _Scaling:
    """Bounds, and how a metric is seen: for each `period` seconds, `lag` seconds after it has ended.

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

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.least, self.most)


@dataclass(frozen=True)
class Tracking(_Scaling):
    """Target tracking."""

    target: float = field(kw_only=True)

    def watches(self) -> list[Watch]:
        return scaling_course.tracking(self.target, out_cooldown=self.out_cooldown, in_cooldown=self.in_cooldown)


@dataclass(frozen=True)
class Stepping(_Scaling):
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


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service behind a load balancer. What is simplified: tasks share the load evenly; what they cannot serve in its
    second is lost, nobody waits; a task starts in the same time always, and is charged for from its order to its end.

    tasks          desired count at the beginning; these serve already.
    per_task       requests that a task can serve in a minute.
    start_seconds  from the order until a task serves, without the boot of an instance.
    request_seconds  how long a request takes: those under way are cut off where a task does not drain.
    cpu, memory    of a task, CPU units and MiB, for its price on Fargate.
    """

    tasks: int
    per_task: float
    start_seconds: float = 60.0
    request_seconds: float = 0.2
    cpu: int = 1024
    memory: int = 2048
    scaling: Tracking | Stepping | None = None
    spot: Spot | None = None
    nodes: Nodes | None = None


@dataclass(frozen=True)
class Minute:
    """A minute of a course. `serving`: tasks on average; `desired`, `nodes` at its end; `usd` in this minute."""

    minute: int
    load: float
    desired: int
    serving: float
    nodes: int
    lost: float
    usd: float


@dataclass(frozen=True)
class Course:
    """What became of a service. Requests are counted in parts, because a rate is what is simulated.

    outage         seconds in which requests were lost for lack of tasks
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
