"""How far a recommendation is moved so that the pod may be made: LimitRanges, minAllowed and maxAllowed, and limits.

Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/utils/vpa/capping.go, limit_and_request_scaling.go and
pkg/utils/limitrange, 1.7.1 (observed). The admission controller and the updater do this for each pod. CPU is in
millicores, memory in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from drydock.policy.kubernetes.vpa.recommender import (
    CPU,
    MEMORY,
    Amounts,
    Policy,
    Recommendation,
    policy_of,
    proportional_limit,
)

TO_MIN_ALLOWED, TO_MAX_ALLOWED, TO_LIMIT = "capped to minAllowed", "capped to maxAllowed", "capped to container limit"
TO_RANGE_MIN = "capped to fit Min in container LimitRange"
TO_RANGE_MAX = "capped to fit Max in container LimitRange"
_BOUNDS = ("upper", "target", "lower")


@dataclass(frozen=True)
class Resources:
    """What a container requests and is limited to, as the pod's status has it, or its template."""

    requests: Amounts = field(default_factory=dict)
    limits: Amounts = field(default_factory=dict)


@dataclass(frozen=True)
class LimitRange:
    """One item of a LimitRange: its min, max and default limit. What is not there, or 0, is no bound."""

    least: Amounts = field(default_factory=dict)
    most: Amounts = field(default_factory=dict)
    default: Amounts = field(default_factory=dict)


@dataclass(frozen=True)
class Capped:
    """A recommendation for one pod. `why`: what the target was moved for, as its annotation vpaUpdates says."""

    found: Recommendation
    why: tuple[str, ...] = ()


def together(items: Iterable[LimitRange]) -> LimitRange | None:
    """Items of one type as one: the highest min, the lowest max, and the last default. None without any."""
    found: LimitRange | None = None
    for item in items:
        if found is None:
            found = item
            continue
        least = {name: max(found.least.get(name, 0), item.least.get(name, 0)) for name in {**found.least, **item.least}}
        most = {name: min(one[name] for one in (found.most, item.most) if name in one)
                for name in {**found.most, **item.most}}  # fmt: skip
        found = LimitRange(least, most, item.default or found.default)
    return found


def boundary(bound: int, request: int, limit: int, default: int = 0) -> int:
    """The request whose limit, in the same proportion as now, is `bound`; 0: it bounds nothing.

    request, limit  of the container; 0: none.
    default         limit of a container without one.
    """
    limit = limit or default
    if not limit:
        return 0
    return request * bound // limit if request else bound


def capped(
    recommended: Mapping[str, Recommendation],
    pod: Mapping[str, Resources],
    policies: Mapping[str, Policy] | None = None,
    *,
    container_range: LimitRange | None = None,
    pod_range: LimitRange | None = None,
) -> dict[str, Capped]:
    """For each container of the pod that has a recommendation; with a `pod_range`, for those that have a request, too.

    In this order, so that the later ones win: the LimitRange for pods, the one for containers, minAllowed and
    maxAllowed, and with controlledValues RequestsOnly the container's limit. A LimitRange bounds limits as well as
    requests, and a limit moves with its request.
    """
    shared = _to_pod_range(recommended, pod, pod_range) if pod_range else dict(recommended)
    result = {}
    for name, one in shared.items():
        if name not in pod:
            continue
        policy = policy_of(policies or {}, name)
        notes: list[str] = []
        result[name] = Capped(
            replace(
                one,
                target=_of_container(one.target, pod[name], policy, container_range, notes),
                lower=_of_container(one.lower, pod[name], policy, container_range, []),
                upper=_of_container(one.upper, pod[name], policy, container_range, []),
            ),
            tuple(notes),
        )
    return result


def _of_container(
    amounts: Amounts, now: Resources, policy: Policy, container_range: LimitRange | None, notes: list[str]
) -> Amounts:
    found = dict(amounts)

    def cap(name: str, least: int, most: int, why: tuple[str, str]) -> None:
        if least and found[name] < least:
            found[name] = least
            notes.append(f"{name} {why[0]}")
        if most and found[name] > most:
            found[name] = most
            notes.append(f"{name} {why[1]}")

    for name in found:
        if container_range:
            least, most = _bounds(name, now, container_range)
            cap(name, least, most, (TO_RANGE_MIN, TO_RANGE_MAX))
        cap(name, policy.least.get(name, 0), policy.most.get(name, 0), (TO_MIN_ALLOWED, TO_MAX_ALLOWED))
        if not policy.controls_limits:
            cap(name, 0, now.limits.get(name, 0), ("", TO_LIMIT))
    return found


def _bounds(name: str, now: Resources, item: LimitRange) -> tuple[int, int]:
    request, limit, default = now.requests.get(name, 0), now.limits.get(name, 0), item.default.get(name, 0)
    least, most = item.least.get(name, 0), item.most.get(name, 0)
    return max(least, boundary(least, request, limit, default)), boundary(most, request, limit, default)


def _to_pod_range(
    recommended: Mapping[str, Recommendation], pod: Mapping[str, Resources], item: LimitRange
) -> dict[str, Recommendation]:
    found = dict(recommended)
    for name, now in pod.items():
        if name not in found and now.requests:
            found[name] = Recommendation(target=now.requests, lower={}, upper={}, uncapped={})
    for bound in _BOUNDS:
        amounts = {name: getattr(one, bound) for name, one in found.items()}
        for resource in (CPU, MEMORY):
            amounts = share(amounts, pod, item, resource)
        found = {name: replace(one, **{bound: amounts[name]}) for name, one in found.items()}
    return found


def share(
    amounts: Mapping[str, Amounts], pod: Mapping[str, Resources], item: LimitRange, resource: str
) -> dict[str, Amounts]:
    """What containers are recommended of one resource, all by the same factor, so that the pod is within the range.

    amounts  by container; one of the pod that is not there counts with its request, and is not changed.

    Up, CPU is rounded up; all else is cut off, so that memory raised to a min may be short of it by some bytes.
    """
    least, most = item.least.get(resource, 0), item.most.get(resource, 0)
    requested = limits = 0
    for name, now in pod.items():
        request = now.requests.get(resource, 0)
        amount = amounts[name].get(resource, 0) if name in amounts else request
        limit = now.limits.get(resource, 0) or item.default.get(resource, 0)
        requested += amount
        limits += proportional_limit(limit, request, amount)
    if not limits or (least <= min(limits, requested) and not 0 < most < limits):
        return dict(amounts)
    if least > requested:
        part, whole, is_up = least, requested, resource == CPU
    else:
        part, whole, is_up = most if 0 < most < limits else least, limits, False

    def scaled(amount: int) -> int:
        return -(-amount * part // whole) if is_up else amount * part // whole

    return {
        name: {**one, resource: scaled(one[resource])} if name in pod and resource in one else one
        for name, one in amounts.items()
    }
