"""Where pods fit: the filters of kube-scheduler, as far as autoscalers of nodes need them, and preemption.

`model` says what pods and nodes are, `cluster` which pods are on which nodes and why another one does not fit there,
`preemption` whom it may push away. Amounts are whole numbers: `cpu` in millicores, `memory` in bytes, anything else
in pieces. Source: kubernetes/kubernetes, pkg/scheduler/framework/plugins. Volumes, ports by address and protocol, and
preferences (the scores) are left out.
"""

from drydock.policy.kubernetes.scheduling.cluster import Cluster
from drydock.policy.kubernetes.scheduling.model import (
    HOSTNAME,
    ZONE,
    Expression,
    Node,
    Pod,
    PodTerm,
    Spread,
    Taint,
    Toleration,
)

__all__ = [
    "HOSTNAME",
    "ZONE",
    "Cluster",
    "Expression",
    "Node",
    "Pod",
    "PodTerm",
    "Spread",
    "Taint",
    "Toleration",
]
