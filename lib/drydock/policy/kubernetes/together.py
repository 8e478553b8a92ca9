"""Hour by hour, what becomes of a Deployment whose replicas an HPA sets and whose CPU requests a VPA sets.

Derived: both follow the rules of `hpa` and `vpa`.

What is left out (ours): within an hour the HPA comes to rest, as it has 240
turns; the load is shared evenly; pods have no limit and are ready at once; of the pods that are due, all are updated
within the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drydock.policy.kubernetes.hpa import replicas
from drydock.policy.kubernetes.hpa.replicas import Measured, Proposal
from drydock.policy.kubernetes.vpa import updater
from drydock.policy.kubernetes.vpa.recommender import Policy, recommend
from drydock.policy.kubernetes.vpa.usage import Usage

HOUR = 3600.0
_CPU_ONLY = {"app": Policy(controlled=("cpu",))}
_TURNS = 50


@dataclass(frozen=True)
class Setup:
    """Two autoscalers and the pods' first request, in millicores.

    target       of the HPA: per cent of the requests.
    each         instead of that, a load in millicores for each replica, as a metric of requests in a second is one;
                 None: the HPA looks at CPU.
    is_updating  whether the VPA sets CPU requests; else it recommends them only.
    """

    target: int
    least: int
    most: int
    request: int
    each: int | None = None
    is_updating: bool = True


@dataclass(frozen=True)
class Moment:
    """The end of an hour. Amounts are millicores.

    load         of all pods.
    request      of a pod, on average; `requested` of all.
    utilization  per cent of the requests.
    recommended  the VPA's target.
    updated      pods that got new requests in this hour.
    """

    at: float
    load: int
    pods: int
    request: float
    requested: int
    utilization: int
    recommended: int
    updated: int


@dataclass
class _Pods:
    """Pods that are alike. `since`: when they got their request."""

    count: int
    request: int
    since: float


def course(loads: Sequence[int], setup: Setup, *, start: int) -> list[Moment]:
    """What becomes of `start` pods, by the load of each hour in millicores."""
    fleet = [_Pods(start, setup.request, 0.0)]
    usage = Usage()
    target = setup.request
    passed: list[Moment] = []
    for number, load in enumerate(loads):
        now = number * HOUR
        _settle(fleet, load, setup, target if setup.is_updating else setup.request, now)
        pods = sum(one.count for one in fleet)
        usage.add_cpu(load / pods, now, 60 * pods)
        found = recommend({"app": usage}, policies=_CPU_ONLY)["app"]
        target = found.target["cpu"]
        updated = 0
        for one in fleet if setup.is_updating else ():
            need = updater.priority({"app": {"cpu": one.request}}, {"app": found})
            if updater.is_due(need, age=now - one.since):
                one.request, one.since, updated = target, now, updated + one.count
        requested = sum(one.count * one.request for one in fleet)
        passed.append(Moment(now, load, pods, requested / pods, requested, 100 * load // requested, target, updated))
    return passed


def _settle(fleet: list[_Pods], load: int, setup: Setup, request: int, now: float) -> None:
    """The HPA's turns of an hour. A new pod gets `request`; the newest go first."""
    for _ in range(_TURNS):
        pods = sum(one.count for one in fleet)
        wanted = max(setup.least, min(setup.most, _proposed(fleet, load, pods, setup).replicas))
        if wanted == pods:
            return
        if wanted > pods:
            fleet.append(_Pods(wanted - pods, request, now))
        gone = pods - wanted
        while gone > 0:
            taken = min(gone, fleet[-1].count)
            fleet[-1].count -= taken
            gone -= taken
            if not fleet[-1].count:
                fleet.pop()


def _proposed(fleet: Sequence[_Pods], load: int, pods: int, setup: Setup) -> Proposal:
    if setup.each is not None:
        return replicas.by_average_value(load, setup.each, current=pods)
    requested = sum(one.count * one.request for one in fleet)
    return replicas.by_utilization(Measured(pods, load, requested), setup.target, current=pods)
