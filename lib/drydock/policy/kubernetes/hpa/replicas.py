"""To how many replicas one metric asks to scale.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go, read in
2026 (observed); the tests hold against replica_calculator_test.go. Tolerances of a HorizontalPodAutoscaler of its own:
KEP-4951 (documented). Usage, requests and values are milli-units, as `Quantity.milli` has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST = 2**31 - 1
"""The largest number of replicas, and what is more becomes it."""


class NoMetrics(ValueError):
    """A metric from which no number of replicas follows."""


@dataclass(frozen=True)
class Tolerance:
    """How far the ratio of measured to wanted may be from 1 before anything is done: parts of 1."""

    up: float = 0.1
    down: float = 0.1

    def holds(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


TOLERANCE = Tolerance()
"""--horizontal-pod-autoscaler-tolerance, where behavior names none."""


@dataclass(frozen=True)
class Measured:
    """The pods whose metric counts, summed.

    pods     how many they are.
    usage    of all of them, in milli-units.
    request  of all of them, in milli-units; 0 where the metric is none of a resource.
    """

    pods: int
    usage: int
    request: int = 0


@dataclass(frozen=True)
class Proposal:
    """What one metric asks for.

    replicas  the number of replicas.
    usage     what was measured: per cent of the requests for utilization, else milli-units, for each pod or in all.
    ratio     measured over wanted, before pods without a metric were added to it.
    """

    replicas: int
    usage: int
    ratio: float


def by_utilization(
    measured: Measured,
    target: int,
    *,
    current: int,
    unready: Sequence[int] = (),
    missing: Sequence[int] = (),
    tolerance: Tolerance = TOLERANCE,
) -> Proposal:
    """For a resource with target type Utilization.

    target   per cent of the requests.
    unready  requests of the pods that are pending or warming up, each in milli-units.
    missing  requests of the running pods that no metric was received of.

    Utilization is the sum of usage over the sum of requests, in whole per cent, rounded down. Raises NoMetrics.
    """
    if not measured.pods:
        raise NoMetrics("did not receive metrics for targeted pods (pods might be unready)")
    if not measured.request:
        raise NoMetrics("no metrics returned matched known pods")
    _positive(target)
    percent = measured.usage * 100 // measured.request
    full = max(100, target)
    return _settle(
        measured.pods,
        percent,
        percent / target,
        lambda added, pods, request: ((measured.usage + added) * 100 // (measured.request + request)) / target,
        unready=unready,
        missing=missing,
        spare=[request * full // 100 for request in missing],
        current=current,
        tolerance=tolerance,
    )


def by_average(
    measured: Measured,
    target: int,
    *,
    current: int,
    unready: int = 0,
    missing: int = 0,
    tolerance: Tolerance = TOLERANCE,
) -> Proposal:
    """For a metric of pods, and for a resource with target type AverageValue.

    target            milli-units for each pod.
    unready, missing  how many pods are warming up (of CPU only, or pending), and how many sent nothing.

    The average is rounded down to a whole milli-unit. Raises NoMetrics.
    """
    if not measured.pods:
        raise NoMetrics("did not receive metrics for targeted pods (pods might be unready)")
    _positive(target)
    average = measured.usage // measured.pods
    return _settle(
        measured.pods,
        average,
        average / target,
        lambda added, pods, request: (measured.usage + added) // (measured.pods + pods) / target,
        unready=[0] * unready,
        missing=[0] * missing,
        spare=[target] * missing,
        current=current,
        tolerance=tolerance,
    )


def by_value(value: int, target: int, *, current: int, ready: int, tolerance: Tolerance = TOLERANCE) -> Proposal:
    """For a metric of an object or an external one, with target type Value.

    value   milli-units in all; of an external metric with several series their sum.
    target  milli-units in all.
    ready   pods that run and are ready: the ratio is multiplied by them, and by nothing where there are no replicas.
    """
    _positive(target)
    usage = min(value, 2**63 - 1)
    ratio = usage / target
    if current and tolerance.holds(ratio):
        return Proposal(current, usage, ratio)
    return Proposal(_ceil(ratio * ready if current else ratio), usage, ratio)


def by_average_value(value: int, target: int, *, current: int, tolerance: Tolerance = TOLERANCE) -> Proposal:
    """For a metric of an object or an external one, with target type AverageValue.

    value    milli-units in all.
    target   milli-units for each replica.
    current  replicas as the target's status counts them, ready or not.
    """
    _positive(target)
    usage = min(value, 2**63 - 1)
    ratio = usage / (target * current) if current else math.inf
    replicas = current if tolerance.holds(ratio) else _ceil(usage / target)
    each = usage if usage >= 2**63 - 1 or not current else math.ceil(usage / current)
    return Proposal(replicas, each, ratio)


def _settle(
    pods: int,
    usage: int,
    ratio: float,
    again: Callable[[int, int, int], float],
    *,
    unready: Sequence[int],
    missing: Sequence[int],
    spare: Sequence[int],
    current: int,
    tolerance: Tolerance,
) -> Proposal:
    """Pods without a metric make the change smaller and never turn it round.

    On the way up they count as using nothing. On the way down those that are missing count as using `spare`, and those
    that are not ready are left out. `again` is the ratio with so much usage, so many pods and so much of requests
    added.
    """
    warming = unready if ratio > 1 else ()
    if not warming and not missing:
        replicas = current if tolerance.holds(ratio) else _ceil(ratio * pods)
        return Proposal(replicas, usage, ratio)
    added = list(warming)
    if ratio != 1:
        added += missing
    new = again(sum(spare) if ratio < 1 else 0, len(added), sum(added))
    turned = (ratio < 1 < new) or (new < 1 < ratio)
    replicas = current if tolerance.holds(new) or turned else _ceil(new * (pods + len(added)))
    if (new < 1 and replicas > current) or (new > 1 and replicas < current):
        replicas = current
    return Proposal(replicas, usage, ratio)


def _positive(target: int) -> None:
    if target <= 0:
        raise ValueError(f"A target is more than 0, not {target}.")


def _ceil(replicas: float) -> int:
    return MOST if replicas > MOST else math.ceil(replicas)
