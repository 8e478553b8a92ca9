"""Whom a pod may push off a node, and which node it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drydock.policy.kubernetes.scheduling.cluster import NOT_SELECTED, TAINTED, UNLABELLED, Cluster
from drydock.policy.kubernetes.scheduling.model import Pod

_HOPELESS = (TAINTED, NOT_SELECTED, UNLABELLED)
"""Reasons that no pod's going changes."""


def victims(pod: Pod, cluster: Cluster, name: str) -> list[Pod] | None:
    """The pods that would have to go from the node, the most important first; None where that does not help.

    All pods of a lower priority go in the simulation; then each comes back, the most important first, where the pod
    still fits. Source: plugins/defaultpreemption, *SelectVictimsOnNode* (observed); PodDisruptionBudgets are left out.
    """
    if any(reason in _HOPELESS for reason in cluster.reasons(pod, name)):
        return None
    lower = [other for other in cluster.pods[name] if other.priority < pod.priority]
    for other in lower:
        cluster.unbind(other, name)
    try:
        if not cluster.fits(pod, name):
            return None
        gone = []
        for other in _most_important(lower):
            cluster.bind(other, name)
            if not cluster.fits(pod, name):
                cluster.unbind(other, name)
                gone.append(other)
        return gone
    finally:
        for other in lower:
            if other not in cluster.pods[name]:
                cluster.bind(other, name)


def choose(found: Mapping[str, Sequence[Pod]]) -> str | None:
    """The node whose victims cost the least, of victims by node; None without any node.

    In this order: the lowest priority of the most important victim, the lowest sum of priorities, the fewest victims,
    the latest start of the most important ones; then the first named. Source: preemption.go,
    *pickOneNodeForPreemption* (observed). A node without victims is taken at once.
    """

    def cost(name: str) -> tuple[float, ...]:
        gone = found[name]
        if not gone:
            return (-float("inf"),)
        highest = max(pod.priority for pod in gone)
        return (
            highest,
            sum(pod.priority + 2**31 for pod in gone),
            len(gone),
            -min(pod.started for pod in gone if pod.priority == highest),
        )

    return min(found, key=cost, default=None)


def preempt(pod: Pod, cluster: Cluster) -> tuple[str, list[Pod]] | None:
    """The node that the pod is nominated to, and who goes from it; None where no node can be made free."""
    found = {name: gone for name in cluster.nodes if (gone := victims(pod, cluster, name)) is not None}
    name = choose(found)
    return None if name is None else (name, found[name])


def _most_important(pods: Sequence[Pod]) -> list[Pod]:
    return sorted(pods, key=lambda pod: (-pod.priority, pod.started))
