"""Where pods fit and go: the filters and scores of kube-scheduler, and preemption.

`model` says what pods and nodes are, `cluster` which pods are on which nodes and why another one does not fit there,
`volumes` where the volumes it claims can be, `scores` which of the others it goes to, `preemption` whom it may push
away. Amounts are whole numbers: `cpu` in millicores, `memory` in bytes, anything else in pieces. Source:
kubernetes/kubernetes, pkg/scheduler/framework/plugins.
"""

from drydock.policy.kubernetes.scheduling.cluster import Cluster
from drydock.policy.kubernetes.scheduling.model import (
    HOSTNAME,
    ZONE,
    Expression,
    HostPort,
    Node,
    Pod,
    PodTerm,
    Preferences,
    Spread,
    Taint,
    Toleration,
)

__all__ = [
    "HOSTNAME",
    "ZONE",
    "Cluster",
    "Expression",
    "HostPort",
    "Node",
    "Pod",
    "PodTerm",
    "Preferences",
    "Spread",
    "Taint",
    "Toleration",
]
