"""Which pods' metrics count: ready, warming up, silent, or of no interest.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go, groupPods (observed); the tests hold
against TestGroupPods. Defaults are those of kube-controller-manager: --horizontal-pod-autoscaler-cpu-initialization-
period and --horizontal-pod-autoscaler-initial-readiness-delay (documented).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from drydock.policy.kubernetes.hpa.replicas import Measured

CPU_INITIALIZATION_PERIOD = 300.0
INITIAL_READINESS_DELAY = 30.0
WINDOW = 60.0
"""Seconds that a metric of metrics-server looks back over, where it names none."""


class Group(Enum):
    READY = "ready"
    UNREADY = "unready"
    MISSING = "missing"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Pod:
    """What the autoscaler looks at of a pod. Times are seconds on one clock.

    phase        as the API has it.
    deleted      it has a deletionTimestamp.
    ready        status of its condition Ready; None where it has no such condition.
    ready_since  when that status last changed.
    started      its startTime; None before there is one.
    request      of the resource, in milli-units.
    usage        of the resource or the metric, in milli-units; None where no metric was received.
    measured_at  when the metric was taken.
    """

    phase: str = "Running"
    deleted: bool = False
    ready: bool | None = True
    ready_since: float = 0.0
    started: float | None = 0.0
    request: int = 0
    usage: int | None = None
    measured_at: float = 0.0
    window: float = WINDOW


def group(
    pod: Pod,
    now: float,
    *,
    cpu: bool = True,
    initialization_period: float = CPU_INITIALIZATION_PERIOD,
    readiness_delay: float = INITIAL_READINESS_DELAY,
) -> Group:
    """What a pod counts as at `now`. Only for CPU does it matter whether it is ready."""
    if pod.deleted or pod.phase == "Failed":
        return Group.IGNORED
    if pod.phase == "Pending":
        return Group.UNREADY
    if pod.usage is None:
        return Group.MISSING
    if not cpu:
        return Group.READY
    if pod.ready is None or pod.started is None:
        return Group.UNREADY
    if pod.started + initialization_period > now:
        warming = not pod.ready or pod.measured_at < pod.ready_since + pod.window
    else:
        warming = not pod.ready and pod.started + readiness_delay > pod.ready_since
    return Group.UNREADY if warming else Group.READY


@dataclass(frozen=True)
class Counted:
    """Pods by group, as `replicas` takes them: the ready ones summed, of the others each one's request."""

    measured: Measured
    unready: tuple[int, ...]
    missing: tuple[int, ...]


def count(
    pods: Iterable[Pod],
    now: float,
    *,
    cpu: bool = True,
    initialization_period: float = CPU_INITIALIZATION_PERIOD,
    readiness_delay: float = INITIAL_READINESS_DELAY,
) -> Counted:
    """Sort pods into groups and sum those whose metric counts."""
    usage = request = ready = 0
    unready, missing = [], []
    for pod in pods:
        found = group(pod, now, cpu=cpu, initialization_period=initialization_period, readiness_delay=readiness_delay)
        if found is Group.READY:
            ready, usage, request = ready + 1, usage + (pod.usage or 0), request + pod.request
        elif found is Group.UNREADY:
            unready.append(pod.request)
        elif found is Group.MISSING:
            missing.append(pod.request)
    return Counted(Measured(ready, usage, request), tuple(unready), tuple(missing))
