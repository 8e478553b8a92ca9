"""Turn by turn, what becomes of a Deployment that an autoscaler scales by its pods' CPU.

What is left out (ours): the load is shared evenly by the pods that are ready; a pod that is not ready uses nothing;
metrics are taken every turn and are one turn old when they are looked at; pods are removed the newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drydock.policy.kubernetes.hpa import controller, replicas
from drydock.policy.kubernetes.hpa.behavior import SYNC_PERIOD, Behavior
from drydock.policy.kubernetes.hpa.controller import History, Metric
from drydock.policy.kubernetes.hpa.replicas import TOLERANCE, Measured, Tolerance

CPU = "cpu resource utilization (percentage of request)"


@dataclass(frozen=True)
class Autoscaler:
    """spec of a HorizontalPodAutoscaler on CPU utilization, in per cent of the requests."""

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


def course(
    loads: Sequence[int], autoscaler: Autoscaler, container: Container, *, start: int, every: float = SYNC_PERIOD
) -> list[Moment]:
    """What becomes of `start` pods, by the load of each turn in millicores."""
    ready = start
    warming: list[tuple[float, int]] = []  # ready at, how many; the oldest first
    history = History()
    seen: Measured | None = None
    passed: list[Moment] = []
    for number, load in enumerate(loads):
        now = number * every
        while warming and warming[0][0] <= now:
            ready += warming.pop(0)[1]
        pods = ready + sum(count for _, count in warming)
        usage = load if container.limit is None else min(load, container.limit * ready)
        usage = usage if ready else 0
        wanted, reason, set_to = None, "", pods
        if seen:
            proposal = replicas.by_utilization(
                seen, autoscaler.target, current=pods, unready=[container.request] * (pods - ready),
                tolerance=autoscaler.tolerance,
            )  # fmt: skip
            turn = controller.turn(
                pods, [Metric(CPU, proposal)], least=autoscaler.least, most=autoscaler.most,
                behavior=autoscaler.behavior, history=history, now=now,
            )  # fmt: skip
            wanted, history, set_to = turn.wanted, turn.history, turn.replicas
            if turn.limited and turn.stabilized and wanted != set_to:
                held = turn.limited.replicas != turn.stabilized.replicas
                reason = turn.limited.reason if held else turn.stabilized.reason
        passed.append(
            Moment(now, load, pods, ready, usage, 100 * usage // (container.request * ready) if ready else 0, wanted,
                   reason)
        )  # fmt: skip
        seen = Measured(ready, usage, container.request * ready) if ready else None
        if set_to > pods:
            warming.append((now + container.startup, set_to - pods))
        gone = pods - set_to
        while gone > 0 and warming:
            at, count = warming.pop()
            if count > gone:
                warming.append((at, count - gone))
            gone -= min(gone, count)
        ready -= max(0, gone)
    return passed
