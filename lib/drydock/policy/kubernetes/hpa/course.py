"""Turn by turn, what becomes of a Deployment that an autoscaler scales by its pods' CPU, or by a queue.

Derived: every turn is one of `controller`.

What is left out (ours): the load is shared evenly by the pods that are ready; a pod that is not ready uses nothing;
metrics are taken every turn and are one turn old when they are looked at; pods are removed the newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from drydock.policy.kubernetes.hpa import controller, replicas
from drydock.policy.kubernetes.hpa.behavior import SYNC_PERIOD, Behavior
from drydock.policy.kubernetes.hpa.controller import History, Metric
from drydock.policy.kubernetes.hpa.replicas import TOLERANCE, Measured, Tolerance

CPU = "cpu resource utilization (percentage of request)"
QUEUE = "external metric messages"


@dataclass(frozen=True)
class Autoscaler:
    """spec of a HorizontalPodAutoscaler; `target` is of CPU in per cent of the requests, where nothing else is said."""

    target: int
    least: int
    most: int
    behavior: Behavior | None = None
    tolerance: Tolerance = TOLERANCE


@dataclass(frozen=True)
class Container:
    """What each pod asks for and takes, in millicores, and how long it needs.

    request  what utilization is a percentage of.
    limit    the most that it gets; None: as much as is there.
    startup  seconds from its creation until it is ready.
    """

    request: int
    limit: int | None = None
    startup: float = 30.0


@dataclass(frozen=True)
class Moment:
    """One turn.

    at           seconds from the beginning.
    load         millicores that would serve all of it.
    ready        pods that share it, of `pods` that there are.
    usage        millicores that they use in all.
    utilization  per cent of the requests of the ready pods, as measured now; the turn saw the one before.
    wanted       what the metric asked for; None where nothing was measured yet.
    reason       why it is not what was set: a condition's reason, or "" where it is.
    """

    at: float
    load: int
    pods: int
    ready: int
    usage: int
    utilization: int
    wanted: int | None
    reason: str

    @property
    def unserved(self) -> int:
        """Millicores of load that no pod had room for."""
        return self.load - self.usage


@dataclass
class Fleet:
    """Pods by whether they are ready. `warming`: when, and how many; the oldest first."""

    ready: int
    startup: float
    warming: list[tuple[float, int]] = field(default_factory=list)

    @property
    def pods(self) -> int:
        return self.ready + sum(count for _, count in self.warming)

    def advance(self, now: float) -> None:
        while self.warming and self.warming[0][0] <= now:
            self.ready += self.warming.pop(0)[1]

    def scale(self, replicas: int, now: float) -> None:
        """New pods are ready after the startup; the newest go first."""
        more = replicas - self.pods
        if more > 0:
            self.warming.append((now + self.startup, more))
        while more < 0 and self.warming:
            at, count = self.warming.pop()
            if count > -more:
                self.warming.append((at, count + more))
            more += min(-more, count)
        self.ready += min(0, more)


def course(
    loads: Sequence[int], autoscaler: Autoscaler, container: Container, *, start: int, every: float = SYNC_PERIOD
) -> list[Moment]:
    """What becomes of `start` pods, by the load of each turn in millicores."""
    fleet = Fleet(start, container.startup)
    history = History()
    seen: Measured | None = None
    passed: list[Moment] = []
    for number, load in enumerate(loads):
        now = number * every
        fleet.advance(now)
        pods, ready = fleet.pods, fleet.ready
        usage = load if container.limit is None else min(load, container.limit * ready)
        usage = usage if ready else 0
        wanted, reason = None, ""
        if seen:
            proposal = replicas.by_utilization(
                seen, autoscaler.target, current=pods, unready=[container.request] * (pods - ready),
                tolerance=autoscaler.tolerance,
            )  # fmt: skip
            turn = controller.turn(
                pods, [Metric(CPU, proposal)], least=autoscaler.least, most=autoscaler.most,
                behavior=autoscaler.behavior, history=history, now=now,
            )  # fmt: skip
            wanted, history, reason = turn.wanted, turn.history, turn.held_by
            fleet.scale(turn.replicas, now)
        utilization = 100 * usage // (container.request * ready) if ready else 0
        passed.append(Moment(now, load, pods, ready, usage, utilization, wanted, reason))
        seen = Measured(ready, usage, container.request * ready) if ready else None
    return passed


@dataclass(frozen=True)
class QueueMoment:
    """One turn: messages that came and that wait, pods and those that are ready, and what the metric asked for."""

    at: float
    arrived: int
    waiting: int
    pods: int
    ready: int
    wanted: int | None
    reason: str


def queue_course(
    arrivals: Sequence[int],
    autoscaler: Autoscaler,
    *,
    per_pod: int,
    startup: float,
    start: int,
    is_average: bool = True,
    is_rate: bool = False,
    every: float = SYNC_PERIOD,
) -> list[QueueMoment]:
    """What becomes of `start` pods that work off a queue, of which an external metric tells.

    arrivals    messages that come in each turn.
    autoscaler  its target is a number of messages.
    per_pod     messages that a pod works off in a turn.
    is_average  the target's type is AverageValue, for each replica; else Value, in all.
    is_rate     the metric is how many messages came in the last turn; else how many wait.
    """
    waiting = 0
    fleet = Fleet(start, startup)
    history = History()
    seen: int | None = None
    passed: list[QueueMoment] = []
    for number, coming in enumerate(arrivals):
        now = number * every
        fleet.advance(now)
        pods, ready = fleet.pods, fleet.ready
        waiting = max(0, waiting + coming - ready * per_pod)
        wanted, reason = None, ""
        if seen is not None:
            value, target = seen * 1000, autoscaler.target * 1000
            proposal = (
                replicas.by_average_value(value, target, current=pods, tolerance=autoscaler.tolerance)
                if is_average
                else replicas.by_value(value, target, current=pods, ready=ready, tolerance=autoscaler.tolerance)
            )
            turn = controller.turn(
                pods, [Metric(QUEUE, proposal)], least=autoscaler.least, most=autoscaler.most,
                behavior=autoscaler.behavior, history=history, now=now,
            )  # fmt: skip
            wanted, history, reason = turn.wanted, turn.history, turn.held_by
            fleet.scale(turn.replicas, now)
        passed.append(QueueMoment(now, coming, waiting, pods, ready, wanted, reason))
        seen = coming if is_rate else waiting
    return passed
