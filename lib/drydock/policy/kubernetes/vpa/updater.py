"""Which pods get the recommended requests, in which order, and how many at once.

Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/updater/priority, restriction and config, 1.7.1 (observed).
Times are seconds on one clock, amounts millicores and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drydock.policy.kubernetes.vpa.recommender import Amounts, Recommendation

OFF, INITIAL, RECREATE, IN_PLACE_OR_RECREATE, IN_PLACE, AUTO = (
    "Off", "Initial", "Recreate", "InPlaceOrRecreate", "InPlace", "Auto"
)  # fmt: skip
MODES: Mapping[str, str] = {
    OFF: "recommends, and changes nothing",
    INITIAL: "sets requests when a pod is created",
    RECREATE: "evicts pods, so that new ones get the requests; the default",
    IN_PLACE_OR_RECREATE: "resizes pods in place, and evicts those that cannot be; since 1.6",
    IN_PLACE: "resizes pods in place, and evicts none; alpha in 1.7",
    AUTO: "deprecated: the same as Recreate",
}
"""updatePolicy.updateMode, and what each does."""

MIN_CHANGE, LIFETIME, QUICK_OOM = 0.1, 12 * 3600.0, 600.0
"""--pod-update-threshold, --in-recommendation-bounds-eviction-lifetime-threshold and --evict-after-oom-threshold."""
TOLERANCE, MIN_REPLICAS = 0.5, 2
"""--eviction-tolerance and --min-replicas."""
DEFERRED_FOR, IN_PROGRESS_FOR = 300.0, 3600.0
"""With InPlaceOrRecreate, how long a resize may be deferred, or in progress, before the pod is evicted."""


@dataclass(frozen=True)
class Priority:
    """How much a pod is in need of the new requests.

    outside  a request lies outside the recommended bounds.
    grows    a request is to become more.
    diff     for each resource the change over all containers, relative to the request, summed.
    """

    outside: bool = False
    grows: bool = False
    diff: float = 0.0

    @property
    def order(self) -> tuple[bool, float]:
        """The higher, the sooner: a pod that grows before one that shrinks, then the larger change."""
        return self.grows, self.diff


def priority(
    requests: Mapping[str, Amounts], recommended: Mapping[str, Recommendation], *, observed: Sequence[str] | None = None
) -> Priority:
    """Of a pod with these requests by container.

    observed  containers that the admission controller has seen; None: all of them.
    """
    outside = grows = False
    asked: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for name, request in requests.items():
        if name not in recommended or (observed is not None and name not in observed):
            continue
        one = recommended[name]
        for resource, target in one.target.items():
            wanted[resource] = wanted.get(resource, 0) + target
            if resource not in request:
                outside = grows = True
                continue
            has = request[resource]
            asked[resource] = asked.get(resource, 0) + has
            grows = grows or target > has
            outside = outside or has < one.lower.get(resource, has) or has > one.upper.get(resource, has)
    diff = sum(abs(max(asked.get(one, 0), 1) - total) / max(asked.get(one, 0), 1) for one, total in wanted.items())
    return Priority(outside, grows, diff)


def is_due(
    need: Priority,
    *,
    age: float | None,
    oom_after: float | None = None,
    min_change: float = MIN_CHANGE,
    lifetime: float = LIFETIME,
    quick_oom: float = QUICK_OOM,
) -> bool:
    """Whether a pod is to be updated.

    age        since its start; None where it has not started.
    oom_after  how long a container ran that was last ended by an OOM kill; None where none was.
    """
    oom = oom_after is not None and oom_after < quick_oom
    if oom and not need.diff:
        return False
    if need.outside or oom:
        return True
    return age is not None and age >= lifetime and need.diff >= min_change


def in_order(needs: Mapping[str, Priority]) -> list[str]:
    """Pods by name, the one to be updated first."""
    return sorted(needs, key=lambda name: needs[name].order, reverse=True)


def disrupted(
    pending: Sequence[bool], *, replicas: int, tolerance: float = TOLERANCE, min_replicas: int = MIN_REPLICAS
) -> list[bool]:
    """Which of a workload's pods may be evicted, or resized with a restart, in one loop of the updater.

    pending       of each live pod in order of priority, whether it is Pending; such a one is always evicted.
    replicas      that the workload wants.
    tolerance     which part of them may be away at once; cut to whole pods, and one goes where all are there.
    min_replicas  with fewer live pods none is evicted; updatePolicy.minReplicas sets it for one VPA. It does not hold
                  while one of them has a startup boost.
    """
    if len(pending) < min_replicas:
        return [False] * len(pending)
    away, done = int(replicas * tolerance), 0
    running = sum(not one for one in pending)
    allowed = []
    for waits in pending:
        may = waits or running - done > replicas - away or (replicas == running and not away and not done)
        done += may and not waits
        allowed.append(may)
    return allowed


def gives_up(status: str, waited: float) -> bool:
    """With InPlaceOrRecreate, whether a pod whose resize has waited so many seconds is evicted instead.

    status  of the resize, as the pod's conditions PodResizePending and PodResizeInProgress have it: "Infeasible",
            "Deferred", "InProgress" or "Error".
    """
    if status not in ("Infeasible", "Deferred", "InProgress", "Error"):
        raise ValueError(f"A resize is Infeasible, Deferred, InProgress or in Error, not {status!r}.")
    if status in ("Infeasible", "Error"):
        return True
    return waited > (DEFERRED_FOR if status == "Deferred" else IN_PROGRESS_FOR)


def is_tried_again(failed: Mapping[str, Amounts], now: Mapping[str, Amounts]) -> bool:
    """With InPlace, whether a pod is resized again that did not fit its node: only where a target became lower."""
    return any(
        amount < failed[name][resource]
        for name, targets in now.items()
        if name in failed
        for resource, amount in targets.items()
        if resource in failed[name]
    )
