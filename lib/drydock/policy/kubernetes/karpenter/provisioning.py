"""Where pending pods go: nodes that are there, nodes that are about to be, and new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drydock.policy.kubernetes.karpenter.offers import InstanceType, NodePool
from drydock.policy.kubernetes.karpenter.requirements import (
    Requirement,
    Requirements,
    incompatible,
    merged,
    of_labels,
    requirement,
)
from drydock.policy.kubernetes.scheduling.cluster import Cluster
from drydock.policy.kubernetes.scheduling.model import Expression, Pod, Preferences, Taint


@dataclass
class NewNode:
    """A node that Karpenter would launch, a NodeClaim: its pods and the instance types that hold them all.

    types   those that still fit, the cheapest first. The launch asks for up to 60 of them and EC2 takes one.
    """

    pool: str
    requirements: Requirements
    pods: list[Pod]
    types: list[InstanceType]

    @property
    def cheapest(self) -> InstanceType:
        return self.types[0]

    @property
    def price(self) -> float:
        """USD an hour of the cheapest type's cheapest offering."""
        return self.cheapest.cheapest(self.requirements)


@dataclass(frozen=True)
class Plan:
    """Where each pod goes. `existing`: pods by the node that is there; `unscheduled`: why, by the pod's name."""

    new: list[NewNode]
    existing: Mapping[str, list[Pod]]
    unscheduled: Mapping[str, str]


def largest_first(pods: Iterable[Pod]) -> list[Pod]:
    """By CPU, then memory, descending; then as they were created, which is the order given."""
    return sorted(pods, key=lambda pod: (-pod.requests.get("cpu", 0), -pod.requests.get("memory", 0)))


def schedule(
    pods: Sequence[Pod],
    pools: Sequence[NodePool],
    types: Sequence[InstanceType],
    *,
    existing: Cluster | None = None,
    used: Mapping[str, Mapping[str, int]] | None = None,
    daemons: Sequence[Pod] = (),
) -> Plan:
    """Put pending pods on nodes, the largest first.

    existing  the nodes that are there, in the order in which they are tried; nothing in it changes.
    used      what the nodes of each NodePool have together, for its limits: by pool and resource.
    daemons   pods of DaemonSets; each runs on every new node whose pool it suits and takes its part of it.

    Each pod goes on the first node that is there and has room; else on the planned node with the fewest pods that can
    take it; else on a new node of the NodePool with the highest weight that can. A planned node keeps every instance
    type that holds all its pods. A limit counts the largest of these types. A pod with several node affinity terms is
    tried with the first, then with the next. A taint with PreferNoSchedule keeps pods away unless nothing else is left.

    Source: pkg/controllers/provisioning/scheduling (observed). Among planned nodes with as many pods, the older comes
    first, which is our choice. Left out: spread, affinity between pods, host ports, preferences, minValues.

    Raises ValueError for a pod that asks for what is left out.
    """
    for pod in pods:
        if not pod.is_plain or pod.preferences != Preferences():
            raise ValueError(
                f"{pod.name} asks for topology spread, pod affinity, a host port or preferences, which is not simulated"
                " here."
            )
    return _Scheduling(pools, types, existing, used or {}, daemons).solve(pods)


@dataclass
class _Planned:
    template: _Template
    requirements: dict[str, Requirement]
    pods: list[Pod]
    mask: Any
    total: Any


@dataclass
class _Template:
    pool: NodePool
    requirements: dict[str, Requirement]
    mask: Any
    overhead: Any
    left: dict[str, int] = field(default_factory=dict)


class _Scheduling:
    """Types are columns of an array of booleans for each node, amounts rows of an array of integers."""

    def __init__(
        self,
        pools: Sequence[NodePool],
        types: Sequence[InstanceType],
        existing: Cluster | None,
        used: Mapping[str, Mapping[str, int]],
        daemons: Sequence[Pod],
    ) -> None:
        import numpy

        self.np = numpy
        self.types = list(types)
        self.resources = sorted({"cpu", "memory", "pods"} | {one for each in types for one in each.allocatable})
        self.allocatable = numpy.array(
            [[each.allocatable.get(one, 0) for one in self.resources] for each in types], dtype=numpy.int64
        ).reshape(len(self.types), len(self.resources))
        self.masks: dict[frozenset[Requirement], Any] = {}
        self.cluster = _copied(existing)
        self.nodes: list[_Planned] = []
        self.counts: Any = numpy.zeros(0, dtype=numpy.int64)
        self.room: Any = numpy.zeros((0, len(self.resources)), dtype=numpy.int64)
        self.templates = [
            _Template(
                pool,
                pool.wanted,
                self._suited(pool.wanted),
                self._daemons(pool, daemons),
                {one: limit - used.get(pool.name, {}).get(one, 0) for one, limit in pool.limits.items()},
            )
            for pool in sorted(pools, key=lambda pool: (-pool.weight, pool.name))
        ]

    def solve(self, pods: Sequence[Pod]) -> Plan:
        on: dict[str, list[Pod]] = {}
        why: dict[str, str] = {}
        for pod in largest_first(pods):
            reason = self._place(pod, on)
            if reason:
                why[pod.name] = reason
        return Plan([self._node(one) for one in self.nodes], on, why)

    def _place(self, pod: Pod, on: dict[str, list[Pod]]) -> str:
        amounts = self._amounts(pod)
        for name in self.cluster.nodes:
            if self.cluster.fits(pod, name):
                self.cluster.bind(pod, name)
                on.setdefault(name, []).append(pod)
                return ""
        if amounts is None:
            lacking = [one for one, amount in pod.requests.items() if amount and one not in self.resources]
            return f"no instance type has {', '.join(lacking)}"
        reason = ""
        for asked in _asked(pod):
            reason = self._place_on_new(pod, amounts, asked)
            if not reason:
                return ""
        return reason

    def _place_on_new(self, pod: Pod, amounts: Any, asked: dict[str, Requirement]) -> str:
        np = self.np
        candidates = np.flatnonzero((self.room >= amounts).all(axis=1))
        for place in candidates[np.argsort(self.counts[candidates], kind="stable")]:
            if self._join(int(place), pod, amounts, asked):
                return ""
        reasons = []
        for soft in (False, True):
            for template in self.templates:
                reason = self._open(template, pod, amounts, asked, soft)
                if not reason:
                    return ""
                reasons.append(f"{template.pool.name}: {reason}")
        return "; ".join(dict.fromkeys(reasons)) or "there is no NodePool"

    def _join(self, place: int, pod: Pod, amounts: Any, asked: dict[str, Requirement]) -> bool:
        node = self.nodes[place]
        if _keeps_away(pod, node.template.pool.taints, soft=True) or incompatible(node.requirements, asked):
            return False
        both = merged(node.requirements, asked) if asked else node.requirements
        total = node.total + amounts
        mask = node.mask & (self.allocatable >= total).all(axis=1)
        if asked:
            mask &= self._suited(both)
        if not mask.any():
            return False
        node.requirements, node.total, node.mask = both, total, mask
        node.pods.append(pod)
        self.counts[place] += 1
        self.room[place] = self.allocatable[mask].max(axis=0) - total
        return True

    def _open(self, template: _Template, pod: Pod, amounts: Any, asked: dict[str, Requirement], soft: bool) -> str:
        taint = _keeps_away(pod, template.pool.taints, soft=soft)
        if taint:
            return f"taint {taint.key}={taint.value}:{taint.effect} is not tolerated"
        why = incompatible(template.requirements, asked)
        if why:
            return why
        both = merged(template.requirements, asked)
        suited = template.mask & (self._suited(both) if asked else True)
        if not suited.any():
            return "no instance type meets the requirements"
        total = template.overhead + amounts
        fitting = suited & (self.allocatable >= total).all(axis=1)
        if not fitting.any():
            return "no instance type that meets the requirements has enough room"
        within = fitting & self._within(template.left)
        if not within.any():
            return "the NodePool's limits are reached"
        self.nodes.append(_Planned(template, both, [pod], within, total))
        np = self.np
        self.counts = np.append(self.counts, 1)
        self.room = np.vstack([self.room, self.allocatable[within].max(axis=0) - total])
        self._charge(template, within)
        return ""

    def _within(self, left: Mapping[str, int]) -> Any:
        return self.np.array(
            [
                all(_counted(each, one) <= amount for one, amount in left.items()) if left else True
                for each in self.types
            ],
            dtype=bool,
        )

    def _charge(self, template: _Template, mask: Any) -> None:
        for one in template.left:
            largest = max(_counted(self.types[place], one) for place in self.np.flatnonzero(mask))
            template.left[one] -= largest

    def _suited(self, wanted: Requirements) -> Any:
        """Which types meet the requirements and have an offering that does."""
        key = frozenset(wanted.values())
        if key not in self.masks:
            self.masks[key] = self.np.array(
                [
                    not any(
                        name in each.requirements and not each.requirements[name].intersects(one)
                        and not (each.requirements[name].may_be_absent and one.may_be_absent)
                        for name, one in wanted.items()
                    )
                    and any(offering.suits(wanted) for offering in each.offerings)
                    for each in self.types
                ],
                dtype=bool,
            )  # fmt: skip
        return self.masks[key]

    def _amounts(self, pod: Pod) -> Any:
        if any(amount and one not in self.resources for one, amount in pod.requests.items()):
            return None
        wanted = {**pod.requests, "pods": 1}
        return self.np.array([wanted.get(one, 0) for one in self.resources], dtype=self.np.int64)

    def _daemons(self, pool: NodePool, daemons: Sequence[Pod]) -> Any:
        total = self.np.zeros(len(self.resources), dtype=self.np.int64)
        for pod in daemons:
            fits = any(not incompatible(pool.wanted, asked) for asked in _asked(pod))
            if fits and not _keeps_away(pod, pool.taints, soft=True):
                amounts = self._amounts(pod)
                total += amounts if amounts is not None else 0
        return total

    def _node(self, planned: _Planned) -> NewNode:
        types = [self.types[place] for place in self.np.flatnonzero(planned.mask)]
        types.sort(key=lambda one: one.cheapest(planned.requirements))
        return NewNode(planned.template.pool.name, planned.requirements, planned.pods, types)


def _asked(pod: Pod) -> list[dict[str, Requirement]]:
    """The pod's node selector with each of its node affinity terms."""
    selected = of_labels(pod.node_selector)
    return [merged(selected, *map(_of_expression, term)) for term in pod.node_affinity] or [selected]


def _of_expression(one: Expression) -> Requirement:
    return requirement(one.key, one.operator, one.values)


def _keeps_away(pod: Pod, taints: Sequence[Taint], *, soft: bool) -> Taint | None:
    """The first taint that is not tolerated; with `soft`, PreferNoSchedule does not count."""
    for taint in taints:
        if soft and taint.effect == "PreferNoSchedule":
            continue
        if not any(one.tolerates(taint) for one in pod.tolerations):
            return taint
    return None


def _counted(each: InstanceType, resource: str) -> int:
    return 1 if resource == "nodes" else each.capacity.get(resource, 0)


def _copied(cluster: Cluster | None) -> Cluster:
    found = Cluster()
    for name, node in cluster.nodes.items() if cluster else ():
        found.add(node, cluster.pods[name] if cluster else ())
    return found
