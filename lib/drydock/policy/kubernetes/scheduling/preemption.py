"""Whom a pod may push off a node, and which node it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drydock.policy.kubernetes.scheduling import volumes
from drydock.policy.kubernetes.scheduling.cluster import AFFINITY, NOT_SELECTED, TAINTED, UNLABELLED, Cluster
from drydock.policy.kubernetes.scheduling.model import Pod, Selector, selects

HOPELESS = (
    TAINTED, NOT_SELECTED, UNLABELLED, AFFINITY,
    volumes.VOLUME_ELSEWHERE, volumes.NO_VOLUME, volumes.VOLUME_GONE, volumes.OTHER_ZONE,
)  # fmt: skip
"""Reasons that no pod's going changes: the scheduler's *UnschedulableAndUnresolvable*."""


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget, and what its status says.

    selector   the pods of its namespace that it is about. Empty, the scheduler takes it for none; an eviction, for all.
    allowed    status.disruptionsAllowed: how many of them may go now.
    disrupted  status.disruptedPods: names of pods whose eviction is let through, and counted, already.
    """

    selector: Selector
    allowed: int
    namespace: str = "default"
    disrupted: tuple[str, ...] = ()

    def counts(self, pod: Pod) -> bool:
        """Whether one disruption less is allowed once the pod goes."""
        return (
            bool(pod.labels and self.selector)
            and pod.namespace == self.namespace
            and selects(self.selector, pod.labels)
            and pod.name not in self.disrupted
        )


@dataclass(frozen=True)
class Victims:
    """Who has to go from a node, the most important first, and how many of them against a PodDisruptionBudget."""

    pods: tuple[Pod, ...] = ()
    violations: int = 0


def may_preempt(pod: Pod, cluster: Cluster, nominated: str | None = None) -> bool:
    """Whether the pod may push others away: not with preemptionPolicy Never, and not again while those are going.

    nominated  the node that an earlier preemption made room on for it. Where it fits there in no case any more, it may.

    Source: plugins/defaultpreemption, *PodEligibleToPreemptOthers* (observed).
    """
    if not pod.preempts:
        return False
    if nominated is None or nominated not in cluster.nodes or _is_hopeless(pod, cluster, nominated):
        return True
    return not any(other.preempted and other.priority < pod.priority for other in cluster.pods[nominated])


def violating(pods: Sequence[Pod], budgets: Sequence[Budget]) -> list[Pod]:
    """Those of the pods whose going breaks a budget, if all go in this order.

    Source: plugins/defaultpreemption, *filterPodsWithPDBViolation* (observed).
    """
    left = [budget.allowed for budget in budgets]
    found = []
    for pod in pods:
        counted = [number for number, budget in enumerate(budgets) if budget.counts(pod)]
        for number in counted:
            left[number] -= 1
        if any(left[number] < 0 for number in counted):
            found.append(pod)
    return found


def victims(pod: Pod, cluster: Cluster, name: str, budgets: Sequence[Budget] = ()) -> Victims | None:
    """The pods that would have to go from the node; None where that does not help.

    All pods of a lower priority go in the simulation. Then each comes back where the pod still fits: first those whose
    going breaks a budget, then the others, of both the most important first. A budget keeps nobody: it is broken where
    nothing else helps. Source: plugins/defaultpreemption, *SelectVictimsOnNode* (observed).
    """
    if _is_hopeless(pod, cluster, name):
        return None
    before = list(cluster.pods[name])
    gone = _most_important([other for other in before if other.priority < pod.priority])
    for other in gone:
        cluster.unbind(other, name)
    try:
        if not cluster.fits(pod, name):
            return None
        against = violating(gone, budgets)
        violations = 0
        for other in (*against, *(one for one in gone if one not in against)):
            cluster.bind(other, name)
            if cluster.fits(pod, name):
                gone.remove(other)
            else:
                cluster.unbind(other, name)
                violations += other in against
        return Victims(tuple(gone), violations)
    finally:
        for other in gone:
            cluster.bind(other, name)
        cluster.pods[name][:] = before


def choose(found: Mapping[str, Victims]) -> str | None:
    """The node whose victims cost the least, of victims by node; None without any node.

    In this order: the fewest that break a budget, the lowest priority of the most important victim, the lowest sum of
    priorities, the fewest victims, the latest start of the most important ones; then the first named. Source:
    preemption.go, *pickOneNodeForPreemption* (observed). A node without victims is taken at once.
    """

    def cost(name: str) -> tuple[float, ...]:
        gone = found[name].pods
        if not gone:
            return (-1.0,)
        highest = max(pod.priority for pod in gone)
        return (
            found[name].violations,
            highest,
            sum(pod.priority + 2**31 for pod in gone),
            len(gone),
            -min(pod.started for pod in gone if pod.priority == highest),
        )

    return min(found, key=cost, default=None)


def preempt(
    pod: Pod, cluster: Cluster, budgets: Sequence[Budget] = (), *, nominated: str | None = None
) -> tuple[str, Victims] | None:
    """The node that the pod is nominated to, and who goes from it; None where none can be made free, or it may not.

    All nodes are looked at. kube-scheduler stops at a tenth of them, 100 at least (minCandidateNodesPercentage and
    -Absolute), where it has found one without a broken budget by then.
    """
    if not may_preempt(pod, cluster, nominated):
        return None
    found = {name: gone for name in cluster.nodes if (gone := victims(pod, cluster, name, budgets)) is not None}
    name = choose(found)
    return None if name is None else (name, found[name])


def _is_hopeless(pod: Pod, cluster: Cluster, name: str) -> bool:
    return bool(volumes.unready(pod, cluster.storage)) or any(
        reason in HOPELESS for reason in cluster.reasons(pod, name)
    )


def _most_important(pods: Sequence[Pod]) -> list[Pod]:
    return sorted(pods, key=lambda pod: (-pod.priority, pod.started))
