"""Where pending pods go: nodes that are there, nodes that are about to be, and new ones."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from drydock.policy.kubernetes.karpenter.offers import InstanceType, NodePool, flexibility
from drydock.policy.kubernetes.karpenter.requirements import (
    Requirement,
    Requirements,
    incompatible,
    merged,
    of_labels,
)
from drydock.policy.kubernetes.karpenter.topology import (
    NOWHERE,
    Group,
    Topology,
    keeps_away,
    of_expression,
    required,
)
from drydock.policy.kubernetes.scheduling.cluster import Cluster
from drydock.policy.kubernetes.scheduling.model import HOSTNAME, HostPort, Pod, Taint, Toleration


@dataclass
class NewNode:
    """A node that Karpenter would launch, a NodeClaim: its pods and the instance types that hold them all.

    types   those that still fit, the cheapest first, at most 600. AWS is asked for up to 60 of them and takes one.
    min_values_relaxed  True: there are fewer values than a minValues asks for, under the policy BestEffort.
    """

    pool: str
    requirements: Requirements
    pods: list[Pod]
    types: list[InstanceType]
    min_values_relaxed: bool = False

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


STRICT, BEST_EFFORT = "Strict", "BestEffort"
MOST_TYPES = 600


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
    closed: Collection[str] = (),
    daemons: Sequence[Pod] = (),
    min_values_policy: str = STRICT,
    most_types: int = MOST_TYPES,
) -> Plan:
    """Put pending pods on nodes, the largest first.

    existing  the nodes that are there, in the order in which they are tried; nothing in it changes.
    used      what the nodes of each NodePool have together, for its limits: by pool and resource.
    closed    names of nodes that are there and take none of these pods.
    daemons   pods of DaemonSets; each takes its part of every node that it suits, new or there without it yet.
    min_values_policy  Strict: no node without as many values as minValues asks for. BestEffort: then with fewer.
    most_types         how many instance types a launch may name.

    Each pod goes on the first node that is there and has room; else on the planned node with the fewest pods that can
    take it; else on a new node of the NodePool with the highest weight that can. A planned node keeps every instance
    type that holds all its pods. A limit counts the largest of these types. Preferences count as requirements; where a
    pod fits nowhere, they are given up one by one (see `relaxed`). Pods that are left are tried again as long as others
    find a place, since those may be the company or the balance that they wait for.

    Source: pkg/controllers/provisioning/scheduling (observed). Among planned nodes with as many pods, the older comes
    first, which is our choice. Left out: volumes, devices, reserved capacity, default constraints of the cluster.

    Raises ValueError for a pod that claims volumes, and for a policy or a number that there cannot be.
    """
    claiming = next((pod for pod in pods if pod.claims), None)
    if claiming:
        raise ValueError(f"{claiming.name} claims volumes, and where those can be is not simulated here.")
    if most_types < 1:
        raise ValueError(f"A launch names at least one instance type, not {most_types}.")
    if min_values_policy not in (STRICT, BEST_EFFORT):
        raise ValueError(f"minValues' policy {min_values_policy!r} is neither {STRICT} nor {BEST_EFFORT}.")
    found = _Scheduling(pools, types, existing or Cluster(), used or {}, closed, daemons, min_values_policy == STRICT)
    return found.solve(pods, most_types)


T = TypeVar("T")
PREFER_NOTHING = Toleration(operator="Exists", effect="PreferNoSchedule")


def relaxed(pod: Pod, *, soft_taints: bool) -> Pod | None:
    """The pod with one wish less; None: there is none to give up.

    First goes the first of several required node affinity terms; then the preferred terms, the heaviest first, of pod
    affinity, of pod anti-affinity and of node affinity; then each ScheduleAnyway constraint; at last, with
    `soft_taints`, it tolerates PreferNoSchedule. Source: preferences.go (observed).
    """
    if len(pod.node_affinity) > 1:
        return replace(pod, node_affinity=pod.node_affinity[1:])
    wishes = pod.preferences
    if wishes.affinity:
        return replace(pod, preferences=replace(wishes, affinity=tuple(_heaviest_first(wishes.affinity)[1:])))
    if wishes.anti_affinity:
        kept = tuple(_heaviest_first(wishes.anti_affinity)[1:])
        return replace(pod, preferences=replace(wishes, anti_affinity=kept))
    if wishes.node_affinity:
        return replace(pod, preferences=replace(wishes, node_affinity=tuple(_heaviest_first(wishes.node_affinity)[1:])))
    if wishes.spread:
        left = wishes.spread[1:]
        return replace(pod, preferences=replace(wishes, spread=(*left[-1:], *left[:-1])))
    if soft_taints and PREFER_NOTHING not in pod.tolerations:
        return replace(pod, tolerations=(*pod.tolerations, PREFER_NOTHING))
    return None


def _heaviest_first(terms: Sequence[tuple[int, T]]) -> list[tuple[int, T]]:
    return sorted(terms, key=lambda one: -one[0])


@dataclass(frozen=True)
class _Asked:
    """A pod as it is tried: with what it asks of a node, and of those what it requires."""

    pod: Pod
    amounts: Any
    wanted: Requirements
    strict: Requirements
    groups: Sequence[Group]
    against: Sequence[Group]


@dataclass
class _Place:
    """A node that is there or planned. `requirements`: its labels, or what they have to be, without the `host`'s."""

    name: str
    host: str
    taints: tuple[Taint, ...]
    requirements: dict[str, Requirement]
    ports: list[HostPort]
    pods: list[Pod]


@dataclass
class _Planned(_Place):
    template: _Template
    mask: Any
    total: Any
    relaxed: bool = False


@dataclass
class _Template:
    """A NodePool: which types suit it, and what each of them has left beside its daemons."""

    pool: NodePool
    requirements: dict[str, Requirement]
    mask: Any
    allocatable: Any
    ports: Sequence[tuple[Any, HostPort]]
    """Which types have a daemon that takes a port of the host."""
    left: dict[str, int]


class _Scheduling:
    """Types are columns of an array of booleans for each node, amounts rows of an array of integers."""

    def __init__(
        self,
        pools: Sequence[NodePool],
        types: Sequence[InstanceType],
        existing: Cluster,
        used: Mapping[str, Mapping[str, int]],
        closed: Collection[str],
        daemons: Sequence[Pod],
        strict: bool,
    ) -> None:
        import numpy

        self.np, self.strict = numpy, strict
        self.types = list(types)
        self.offered = {"cpu", "memory", "pods"} | {one for each in types for one in each.allocatable}
        self.resources = sorted(self.offered.union(*(node.allocatable for node in existing.nodes.values())))
        self.allocatable = numpy.array(
            [[each.allocatable.get(one, 0) for one in self.resources] for each in types], dtype=numpy.int64
        ).reshape(len(self.types), len(self.resources))
        self.masks: dict[frozenset[Requirement], Any] = {}
        self.topology = Topology(pools, types, existing)
        self.there = [_there(existing, name) for name in existing.nodes]
        awaited = [_awaited(place, existing, daemons) for place in self.there]
        self.free = numpy.array(
            [
                [_free(existing, place.name, one) - due.get(one, 0) for one in self.resources]
                for place, due in zip(self.there, awaited, strict=True)
            ],
            dtype=numpy.int64,
        ).reshape(len(self.there), len(self.resources))
        self.free[[place.name in closed for place in self.there]] = -1
        self.nodes: list[_Planned] = []
        self.counts: Any = numpy.zeros(0, dtype=numpy.int64)
        self.room: Any = numpy.zeros((0, len(self.resources)), dtype=numpy.int64)
        self.soft_taints = any(taint.effect == "PreferNoSchedule" for pool in pools for taint in pool.taints)
        self.templates = [
            self._template(
                pool, daemons, {one: limit - used.get(pool.name, {}).get(one, 0) for one, limit in pool.limits.items()}
            )
            for pool in sorted(pools, key=lambda pool: (-pool.weight, pool.name))
        ]

    def solve(self, pods: Sequence[Pod], most_types: int) -> Plan:
        """Until all are placed, or none of those that are left is on a whole turn."""
        on: dict[str, list[Pod]] = {}
        why: dict[str, str] = {}
        queue = deque((pod, self._asked(pod)) for pod in largest_first(pods))
        failed = 0
        while queue and failed < len(queue):
            pod, asked = queue.popleft()
            place, reason = self._try(asked)
            if place:
                failed = 0
                why.pop(pod.name, None)
                place.pods.append(pod)
                if not isinstance(place, _Planned):
                    on.setdefault(place.name, []).append(pod)
            else:
                failed += 1
                why[pod.name] = reason
                queue.append((pod, asked))
        new = [self._node(one, most_types) for one in self.nodes]
        for node in new if self.strict else ():
            lacking = flexibility(node.types, node.requirements)[1]
            if lacking:
                why.update(dict.fromkeys((pod.name for pod in node.pods), f"{node.pool}: {_lacks(lacking)}"))
                node.pods.clear()
        return Plan([node for node in new if node.pods], on, why)

    def _try(self, asked: _Asked) -> tuple[_Place | None, str]:
        while True:
            place, reason = self._place(asked)
            pod = None if place else relaxed(asked.pod, soft_taints=self.soft_taints)
            if pod is None:
                return place, reason
            asked = self._asked(pod)

    def _asked(self, pod: Pod) -> _Asked:
        strict = required(pod)[0]
        preferred = _heaviest_first(pod.preferences.node_affinity)[:1]
        wanted = merged(strict, *(of_expression(one) for _, term in preferred for one in term))
        groups = self.topology.of(pod)
        return _Asked(pod, self._amounts(pod), wanted, strict, groups, self.topology.against(pod))

    def _place(self, asked: _Asked) -> tuple[_Place | None, str]:
        np = self.np
        if asked.amounts is not None:
            for index in np.flatnonzero((self.free >= asked.amounts).all(axis=1)):
                if self._stay(int(index), asked):
                    return self.there[index], ""
        lacking = [one for one, amount in asked.pod.requests.items() if amount and one not in self.offered]
        if lacking:
            return None, f"no instance type has {', '.join(lacking)}"
        candidates = np.flatnonzero((self.room >= asked.amounts).all(axis=1))
        for index in candidates[np.argsort(self.counts[candidates], kind="stable")]:
            if self._join(int(index), asked):
                return self.nodes[index], ""
        reasons = []
        for template in self.templates:
            reason = self._open(template, asked)
            if not reason:
                return self.nodes[-1], ""
            reasons.append(f"{template.pool.name}: {reason}")
        return None, "; ".join(dict.fromkeys(reasons)) or "there is no NodePool"

    def _stay(self, index: int, asked: _Asked) -> bool:
        place = self.there[index]
        both = self._suits(place, asked, undefined=NOWHERE)
        if isinstance(both, str):
            return False
        self.free[index] -= asked.amounts
        self._record(place, asked, both)
        return True

    def _suits(self, place: _Place, asked: _Asked, **undefined: frozenset[str]) -> dict[str, Requirement] | str:
        """The node's requirements with those of the pod and of its topology; or why it cannot go there."""
        taint = keeps_away(asked.pod.tolerations, place.taints)
        if taint:
            return f"taint {taint.key}={taint.value}:{taint.effect} is not tolerated"
        if _conflict(asked.pod, place.ports):
            return "a host port of the pod is taken"
        have = place.requirements
        if asked.wanted:
            if HOSTNAME in asked.wanted and not asked.wanted[HOSTNAME].allows(place.host):
                return f"{asked.wanted[HOSTNAME]} does not allow this node"
            wanted = {key: one for key, one in asked.wanted.items() if key != HOSTNAME}
            why = incompatible(have, wanted, **undefined)
            if why:
                return why
            have = merged(have, wanted)
        found = self.topology.tightened(asked.pod, asked.groups, asked.strict, have, place.host)
        if isinstance(found, Group):
            return f"{found.kind} by {found.key} leaves no domain"
        found.pop(HOSTNAME, None)
        if not found:
            return have
        return incompatible(have, found, **undefined) or merged(have, found)

    def _record(self, place: _Place, asked: _Asked, both: dict[str, Requirement]) -> None:
        place.requirements = both
        place.ports.extend(asked.pod.host_ports)
        self.topology.record(asked.pod, asked.against, place.taints, both, place.host)

    def _join(self, index: int, asked: _Asked) -> bool:
        node = self.nodes[index]
        both = self._suits(node, asked)
        if isinstance(both, str):
            return False
        total = node.total + asked.amounts
        mask = node.mask & (node.template.allocatable >= total).all(axis=1)
        if both is not node.requirements and both != node.requirements:
            mask &= self._suited(both)
        mask &= self._portable(node.template, asked.pod)
        if not mask.any() or self._lacking(mask, both):
            return False
        node.total, node.mask = total, mask
        self._record(node, asked, both)
        self.counts[index] += 1
        self.room[index] = node.template.allocatable[mask].max(axis=0) - total
        return True

    def _open(self, template: _Template, asked: _Asked) -> str:
        name = f"new-{len(self.nodes)}"
        taints, have = template.pool.taints, template.requirements
        node = _Planned(name, name, taints, have, [], [], template, template.mask, asked.amounts)
        both = self._suits(node, asked)
        if isinstance(both, str):
            return both
        suited = template.mask & self._suited(both) & self._portable(template, asked.pod)
        if not suited.any():
            return "no instance type meets the requirements"
        fitting = suited & (template.allocatable >= asked.amounts).all(axis=1)
        if not fitting.any():
            return "no instance type that meets the requirements has enough room"
        node.mask = fitting & self._within(template.left)
        if not node.mask.any():
            return "the NodePool's limits are reached"
        lacking = self._lacking(node.mask, both)
        if lacking and self.strict:
            return _lacks(lacking)
        both = {**both, **{key: replace(both[key], min_values=count) for key, count in lacking.items()}}
        node.relaxed = bool(lacking)
        self.nodes.append(node)
        self._record(node, asked, both)
        np = self.np
        self.counts = np.append(self.counts, 1)
        self.room = np.vstack([self.room, template.allocatable[node.mask].max(axis=0) - node.total])
        self._charge(template, node.mask)
        return ""

    def _within(self, left: Mapping[str, int]) -> Any:
        return self.np.array(
            [
                all(_counted(each, one) <= amount for one, amount in left.items()) if left else True
                for each in self.types
            ],
            dtype=bool,
        )

    def _lacking(self, mask: Any, wanted: Requirements) -> dict[str, int]:
        """Labels of which these types have fewer values than minValues asks for, and how many they have."""
        if all(one.min_values is None for one in wanted.values()):
            return {}
        return flexibility([self.types[place] for place in self.np.flatnonzero(mask)], wanted)[1]

    def _charge(self, template: _Template, mask: Any) -> None:
        for one in template.left:
            largest = max(_counted(self.types[place], one) for place in self.np.flatnonzero(mask))
            template.left[one] -= largest

    def _suited(self, wanted: Requirements) -> Any:
        """Which types meet the requirements and have an offering that does."""
        key = frozenset(wanted.values())
        if key not in self.masks:
            self.masks[key] = self.np.array(
                [each.meets(wanted) and any(one.suits(wanted) for one in each.offerings) for each in self.types],
                dtype=bool,
            )
        return self.masks[key]

    def _amounts(self, pod: Pod) -> Any:
        """None: the pod asks for what nothing has."""
        if any(amount and one not in self.resources for one, amount in pod.requests.items()):
            return None
        wanted = {**pod.requests, "pods": 1}
        return self.np.array([wanted.get(one, 0) for one in self.resources], dtype=self.np.int64)

    def _running(self, pool: NodePool, pod: Pod) -> Any:
        """On nodes of which types the daemon runs: it tolerates the pool, and may select such a node."""
        if keeps_away((*pod.tolerations, PREFER_NOTHING), pool.taints):
            return self.np.zeros(len(self.types), dtype=bool)
        asked = [one for one in required(pod) if not incompatible(pool.wanted, one)]
        return self.np.array([any(each.meets(one) for one in asked) for each in self.types], dtype=bool)

    def _template(self, pool: NodePool, daemons: Sequence[Pod], left: dict[str, int]) -> _Template:
        allocatable, ports = self.allocatable.copy(), []
        for pod in daemons:
            running, amounts = self._running(pool, pod), self._amounts(pod)
            if amounts is not None:
                allocatable[running] -= amounts
            ports += [(running, port) for port in pod.host_ports]
        return _Template(pool, pool.wanted, self._suited(pool.wanted), allocatable, ports, left)

    def _portable(self, template: _Template, pod: Pod) -> Any:
        """Types on which no daemon has a port that the pod wants; True: all."""
        taken = [running for running, port in template.ports if pod.host_ports and _conflict(pod, [port])]
        return ~self.np.logical_or.reduce(taken) if taken else True

    def _node(self, planned: _Planned, most_types: int) -> NewNode:
        types = [self.types[place] for place in self.np.flatnonzero(planned.mask)]
        types.sort(key=lambda one: one.cheapest(planned.requirements))
        pool = planned.template.pool.name
        return NewNode(pool, planned.requirements, planned.pods, types[:most_types], planned.relaxed)


def _lacks(lacking: Mapping[str, int]) -> str:
    said = ", ".join(f"{key} has {count}" for key, count in sorted(lacking.items()))
    return f"minValues is not met: {said}"


def _counted(each: InstanceType, resource: str) -> int:
    return 1 if resource == "nodes" else each.capacity.get(resource, 0)


def _there(cluster: Cluster, name: str) -> _Place:
    labels = dict(cluster.labels(name))
    host = labels.pop(HOSTNAME)
    taken = [port for pod in cluster.pods[name] for port in pod.host_ports]
    return _Place(name, host, cluster.nodes[name].taints, of_labels(labels), taken, [])


def _awaited(place: _Place, cluster: Cluster, daemons: Sequence[Pod]) -> dict[str, int]:
    """What daemons that the node suits ask for, less what daemons on it have: existingnode.go (observed)."""
    due: Counter[str] = Counter()
    labels = {**place.requirements, HOSTNAME: Requirement(HOSTNAME, frozenset({place.host}))}
    for pod in daemons:
        suits = not incompatible(labels, required(pod)[0], undefined=NOWHERE)
        if suits and not keeps_away(pod.tolerations, place.taints):
            due.update({**pod.requests, "pods": 1})
    for pod in cluster.pods[place.name]:
        if pod.of_daemon_set:
            due.subtract({**pod.requests, "pods": 1})
    return {one: max(0, amount) for one, amount in due.items()}


ANY_NUMBER = 2**62
EVERYWHERE = ("0.0.0.0", "::")


def _conflict(pod: Pod, taken: Sequence[HostPort]) -> bool:
    """Source: pkg/scheduling/hostportusage.go (observed); to kube-scheduler :: is an address like any other."""
    return any(one.conflicts(port, EVERYWHERE) for one in pod.host_ports for port in taken)


def _free(cluster: Cluster, name: str, resource: str) -> int:
    return cluster.free(name).get(resource, ANY_NUMBER if resource == "pods" else 0)
