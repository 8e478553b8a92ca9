"""Pods of EKS on Fargate: which of them go there, what they get of it, and what they may not ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from drydock.policy.requests.task_definition import FARGATE_SIZES

OVERHEAD_MIB = 256
"""What the kubelet, kube-proxy and containerd take of each pod's memory."""
MOST_SELECTORS = 5
PROFILE_LABEL = "eks.amazonaws.com/fargate-profile"


@dataclass(frozen=True)
class Selector:
    """Pods of a namespace that have all of these labels. `*` and `?` stand for any characters and for one."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def matches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return _like(namespace, self.namespace) and all(
            any(_like(key, wanted_key) and _like(value, wanted) for key, value in labels.items())
            for wanted_key, wanted in self.labels.items()
        )


@dataclass(frozen=True)
class Profile:
    """A Fargate profile. Raises ValueError without a selector, with more than five, or for one without a namespace."""

    name: str
    selectors: tuple[Selector, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.selectors) <= MOST_SELECTORS:
            raise ValueError(f"{self.name}: a profile has 1 to {MOST_SELECTORS} selectors, not {len(self.selectors)}.")
        if not all(one.namespace for one in self.selectors):
            raise ValueError(f"{self.name}: a selector needs a namespace.")

    def matches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return any(one.matches(namespace, labels) for one in self.selectors)


def profile_of(profiles: Sequence[Profile], namespace: str, labels: Mapping[str, str]) -> Profile | None:
    """The profile by which the pod goes to Fargate, or None: it needs a node.

    The label eks.amazonaws.com/fargate-profile names one, which has to match; else the first in alphabetical order
    that matches. Source: EKS User Guide, "Define which Pods use Fargate when launched" (documented).
    """
    named = labels.get(PROFILE_LABEL)
    matching = [one for one in profiles if one.matches(namespace, labels) and named in (None, one.name)]
    return min(matching, key=lambda one: one.name, default=None)


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def requested(
    containers: Sequence[tuple[int, int]], init_containers: Sequence[tuple[int, int]] = ()
) -> tuple[int, int]:
    """Millicores and MiB of a pod: the sum of its containers, or the most that one init container asks for.

    Source: EKS User Guide, "Understand Fargate Pod configuration details" (documented).
    """
    running = (sum(cpu for cpu, _ in containers), sum(memory for _, memory in containers))
    first = (max((cpu for cpu, _ in init_containers), default=0), max((mib for _, mib in init_containers), default=0))
    return max(running[0], first[0]), max(running[1], first[1])


def size(millicores: int, mib: int) -> tuple[int, int]:
    """CPU units and MiB that Fargate gives a pod with such requests: 256 MiB more, rounded up to a size that it has.

    The fewest CPU units that are enough and have enough memory; of these the least memory. Source: documented, as
    `requested`, with the example of 1 vCPU and 8 GB, which gets 2 vCPU and 9 GB.

    Raises ValueError for less than nothing and for more than the largest size.
    """
    if millicores < 0 or mib < 0:
        raise ValueError(f"Requests are not negative: {millicores} m, {mib} MiB.")
    for units, memories in FARGATE_SIZES.items():
        if units * 1000 >= millicores * 1024:
            for memory in memories:
                if memory >= mib + OVERHEAD_MIB:
                    return units, memory
    raise ValueError(
        f"Fargate has nothing for {millicores} m and {mib} + {OVERHEAD_MIB} MiB: at most 16 vCPU and 120 GB."
    )


def refused(spec: Mapping[str, Any]) -> list[str]:
    """What a pod's spec asks for that Fargate has not got; empty: nothing.

    Source: EKS User Guide, "AWS Fargate considerations" (documented).
    """
    found = []
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    if spec.get("hostNetwork"):
        found.append("hostNetwork: a pod has a machine of its own, and there is no host to share")
    if any(port.get("hostPort") for one in containers for port in one.get("ports") or ()):
        found.append("hostPort: nothing is reached by the host's address")
    if any((one.get("securityContext") or {}).get("privileged") for one in containers):
        found.append("privileged: no container may be")
    if any("nvidia.com/gpu" in ((one.get("resources") or {}).get("limits") or {}) for one in containers):
        found.append("nvidia.com/gpu: there are no GPUs")
    if any("hostPath" in one for one in spec.get("volumes") or ()):
        found.append("hostPath: the host's files are not to be had")
    selector = spec.get("nodeSelector") or {}
    if selector.get("kubernetes.io/arch", "amd64") != "amd64":
        found.append(f"kubernetes.io/arch={selector['kubernetes.io/arch']}: only x86_64 on EKS")
    if selector.get("kubernetes.io/os", "linux") != "linux":
        found.append(f"kubernetes.io/os={selector['kubernetes.io/os']}: only Linux on EKS")
    return found
