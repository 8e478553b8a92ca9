"""What an EC2 instance has for pods as a node of EKS: how many, and what the system keeps of CPU and memory."""

from __future__ import annotations

MOST_UNAVAILABLE = 100
RESERVED_CPU = ((1, 60), (2, 10), (4, 5))
"""Millicores kept of each core up to the first, the second and the fourth; beyond them 2.5 of each."""
EVICTION_MIB = 100
FEW_VCPU = 30


def max_pods(interfaces: int, addresses: int) -> int:
    """Pods of an instance with so many network interfaces and IPv4 addresses on each.

    Each pod has an address, the first of an interface is the interface's own, and two pods of the host's network need
    none. Source: EKS User Guide, "Amazon EKS recommended maximum Pods" (documented).
    """
    return interfaces * (addresses - 1) + 2


def max_pods_with_prefixes(interfaces: int, addresses: int, vcpu: int) -> int:
    """The same with a prefix of 16 addresses in place of each, and the cap that EKS recommends.

    110 below 30 vCPU and 250 from there on; managed node groups enforce it. Source: as `max_pods` (documented).
    """
    return min(interfaces * (addresses - 1) * 16 + 2, 110 if vcpu < FEW_VCPU else 250)


def reserved_millicores(vcpu: int) -> int:
    """What the kubelet keeps of the CPU. Source: awslabs/amazon-eks-ami, nodeadm/internal/kubelet (observed)."""
    kept, below = 0.0, 0
    for upto, each in RESERVED_CPU:
        kept += each * (min(vcpu, upto) - below)
        below = min(vcpu, upto)
    return int(kept + 2.5 * (vcpu - below))


def reserved_mib(pods: int) -> int:
    """What the kubelet keeps of the memory, in MiB: 255 and 11 for each pod that may run, however much there is.

    Source: as `reserved_millicores` (observed).
    """
    return 255 + 11 * pods


def allocatable(vcpu: int, mib: int, pods: int) -> dict[str, int]:
    """What pods may request of a node: `cpu` in millicores, `memory` in bytes, `pods`.

    mib  the memory that the machine reports, which is some per cent below what EC2 names for its type.

    100 MiB more are kept, below which the kubelet evicts pods. Source: documented by Kubernetes (allocatable), amounts
    as `reserved_millicores`.
    """
    memory = mib - reserved_mib(pods) - EVICTION_MIB
    if memory <= 0:
        raise ValueError(f"Of {mib} MiB nothing is left for pods where {pods} may run: {reserved_mib(pods)} are kept.")
    return {"cpu": 1000 * vcpu - reserved_millicores(vcpu), "memory": memory * 1024**2, "pods": pods}


def update(nodes: int, *, zones: int, max_unavailable: int = 1) -> tuple[int, int]:
    """What updating a managed node group takes: new nodes launched before any old one goes, at most, and rounds.

    Up to twice as many nodes as there are zones come first, or `max_unavailable` if that is more; then in each round
    so many old nodes are drained and end. Source: EKS User Guide, "Understand each phase of node updates" (documented).

    Raises ValueError for what the API refuses.
    """
    if not 1 <= max_unavailable <= MOST_UNAVAILABLE:
        raise ValueError(f"max_unavailable is from 1 to {MOST_UNAVAILABLE}, not {max_unavailable}.")
    if nodes < 0 or zones < 1:
        raise ValueError(f"A group has nodes in at least one zone, not {nodes} nodes in {zones}.")
    return max(2 * zones, max_unavailable) if nodes else 0, -(-nodes // max_unavailable)
