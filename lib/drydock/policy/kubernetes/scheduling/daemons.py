"""On which nodes a DaemonSet runs its pods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drydock.policy.kubernetes.scheduling.model import Node, Pod, Taint, Toleration, matches_node, untolerated

COMPUTE_TYPE = "eks.amazonaws.com/compute-type"
FARGATE_TAINT = Taint(COMPUTE_TYPE, "fargate")
"""EKS puts this taint and the label of the same name and value on the node of a Fargate pod."""

_ADDED = tuple(
    Toleration(f"node.kubernetes.io/{key}", "Exists", effect=effect)
    for key, effect in (
        ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
    )
)  # fmt: skip


def daemon_nodes(pod: Pod, nodes: Iterable[Node]) -> list[Node]:
    """The nodes that get a pod of the DaemonSet: those that it selects and whose taints it tolerates.

    The controller adds tolerations of a node's troubles, and none of any other taint. Whether there is room does not
    matter: the pod is made, and waits. Source: Kubernetes, "DaemonSet" (documented).
    """
    tolerant = replace(pod, tolerations=(*pod.tolerations, *_ADDED))
    return [node for node in nodes if matches_node(tolerant, node) and not untolerated(tolerant, node.taints)]
