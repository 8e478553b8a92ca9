"""Which domains (zones, hosts, values of any label) spread and affinity leave to a pod."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drydock.policy.kubernetes.karpenter.offers import InstanceType, NodePool
from drydock.policy.kubernetes.karpenter.requirements import (
    Requirement,
    Requirements,
    incompatible,
    merged,
    of_labels,
    requirement,
)
from drydock.policy.kubernetes.scheduling.cluster import Cluster, is_meant
from drydock.policy.kubernetes.scheduling.model import (
    HOSTNAME,
    NODE_NAME,
    Expression,
    Pod,
    PodTerm,
    Spread,
    Taint,
    Toleration,
)

SPREAD, AFFINITY, ANTI_AFFINITY = "topology spread", "pod affinity", "pod anti-affinity"
NOWHERE: frozenset[str] = frozenset()


def keeps_away(tolerations: Sequence[Toleration], taints: Iterable[Taint]) -> Taint | None:
    """The first taint that is not tolerated; to Karpenter one with PreferNoSchedule is as good as any other."""
    return next((taint for taint in taints if not any(one.tolerates(taint) for one in tolerations)), None)


def required(pod: Pod) -> list[dict[str, Requirement]]:
    """The pod's node selector with each of its required node affinity terms; to matchFields Karpenter pays no heed."""
    selected = of_labels(pod.node_selector)
    return [
        merged(selected, *(of_expression(one) for one in term if one.key != NODE_NAME)) for term in pod.node_affinity
    ] or [selected]


def of_expression(one: Expression) -> Requirement:
    return requirement(one.key, one.operator, one.values)


@dataclass(frozen=True)
class _Counted:
    """Which nodes a spread constraint counts: those that its pod selects, and with taints that it tolerates."""

    wanted: tuple[Requirements, ...]
    tolerations: tuple[Toleration, ...]
    honors_taints: bool
    honors_affinity: bool

    def matches(self, taints: Iterable[Taint], have: Requirements) -> bool:
        if self.honors_affinity and all(incompatible(have, one, undefined=NOWHERE) for one in self.wanted):
            return False
        return not (self.honors_taints and keeps_away(self.tolerations, taints))


@dataclass(eq=False)
class Group:
    """A constraint that pods share, and how many pods that it selects are in each domain that it knows."""

    kind: str
    owner: Pod
    term: PodTerm
    namespaces: Mapping[str, Mapping[str, str]]
    """Labels by namespace, for the term's namespaceSelector."""
    max_skew: int = 0
    min_domains: int = 1
    counted: _Counted | None = None
    counts: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """The domains with a pod."""

    @property
    def key(self) -> str:
        return self.term.topology_key

    def selects(self, pod: Pod) -> bool:
        return is_meant(self.owner, self.term, pod, self.namespaces)

    def counts_on(self, taints: Iterable[Taint], have: Requirements) -> bool:
        return self.counted is None or self.counted.matches(taints, have)

    def record(self, domain: str) -> None:
        self.counts[domain] = self.counts.get(domain, 0) + 1
        self.taken.add(domain)

    def domains(self, pod: Pod, mine: Requirement, there: Requirement) -> frozenset[str]:
        """What the group leaves of the pod's and the node's domains; none: the pod cannot go there."""
        if self.kind == SPREAD:
            return self._least(pod, mine, there)
        if self.kind == AFFINITY:
            return self._with_company(pod, mine, there)
        if self.key == HOSTNAME:
            return there.values - self.taken
        return frozenset(one for one in self._known(there) if one not in self.taken and mine.allows(one))

    def _known(self, there: Requirement) -> list[str]:
        """The node's domains that the group knows."""
        if not there.complement:
            return sorted(one for one in there.values if one in self.counts)
        return sorted(one for one in self.counts if there.allows(one))

    def _least(self, pod: Pod, mine: Requirement, there: Requirement) -> frozenset[str]:
        """The domain with the fewest pods, where one more is within the skew. A new host is always to be had: 0."""
        own = self.selects(pod)
        if self.key == HOSTNAME:
            return frozenset(one for one in there.values if self.counts.get(one, 0) + own <= self.max_skew)
        counts = [count for domain, count in self.counts.items() if mine.allows(domain)]
        least = min(counts, default=0) if len(counts) >= self.min_domains else 0
        within = [one for one in self._known(there) if self.counts[one] + own - least <= self.max_skew]
        return frozenset([min(within, key=self.counts.__getitem__)]) if within else NOWHERE

    def _with_company(self, pod: Pod, mine: Requirement, there: Requirement) -> frozenset[str]:
        """The domains with a pod that is asked for; any one, where there is none yet and the pod asks for itself."""
        first = self.selects(pod) and not any(mine.allows(one) for one in self.taken)
        if self.key == HOSTNAME:
            return frozenset(one for one in there.values if mine.allows(one) and (one in self.taken or first))
        found = frozenset(one for one in self._known(there) if one in self.taken and mine.allows(one))
        if found or not first:
            return found
        return frozenset([one for one in self._known(there) if mine.allows(one)][:1])


class Topology:
    """The groups of pods that are to be scheduled, and of the anti-affinity of those that run.

    Groups are shared by pods with the same constraint, and two that differ only in minDomains are one. A group starts
    with the domains that the NodePools' instance types can have, and the nodes that are there. Of affinity it knows
    only domains of NodePools whose taints the first pod with the term tolerates, and a pod that shares the term, or is
    kept away by it, finds no others. Source: topology.go, topologygroup.go, topologydomaingroup.go,
    topologynodefilter.go (observed). Where upstream takes any of several domains, the first by name is taken, which is
    our choice.
    """

    def __init__(self, pools: Sequence[NodePool], types: Sequence[InstanceType], there: Cluster) -> None:
        self.pools, self.types, self.there = pools, types, there
        self.groups: dict[Hashable, Group] = {}
        self.inverse: dict[Hashable, Group] = {}
        self._universe: dict[str, dict[str, list[tuple[Taint, ...]]]] = {}
        self._by_labels: dict[Hashable, tuple[int, list[Group], list[Group]]] = {}
        for pod, name in there.bound():
            for group in self.against(pod):
                value = there.labels(name).get(group.key)
                if value is not None:
                    group.record(value)

    def of(self, pod: Pod) -> list[Group]:
        """The groups that decide where the pod goes; its preferences are as good as requirements."""
        wishes = pod.preferences
        found = [self._spread(pod, one) for one in (*pod.spread, *wishes.spread)]
        for kind, terms, preferred in (
            (AFFINITY, pod.affinity, wishes.affinity),
            (ANTI_AFFINITY, pod.anti_affinity, wishes.anti_affinity),
        ):
            for term in (*terms, *(each for _, each in preferred)):
                found.append(self._term(kind, pod, term))
        return list(dict.fromkeys(found))

    def against(self, pod: Pod) -> list[Group]:
        """The groups by which the pod's required anti-affinity keeps others away."""
        found = []
        for term in pod.anti_affinity:
            name = _name(ANTI_AFFINITY, pod, term)
            if name not in self.inverse:
                group = Group(ANTI_AFFINITY, pod, term, self.there.namespaces)
                self.inverse[name] = self._with_domains(group, pod.tolerations)
            found.append(self.inverse[name])
        return found

    def _spread(self, pod: Pod, spread: Spread) -> Group:
        name = (
            SPREAD, spread.topology_key, pod.namespace, spread.selecting(pod), spread.max_skew, pod.tolerations,
            tuple(sorted(pod.node_selector.items())), pod.node_affinity, spread.honors_taints, spread.honors_affinity,
        )  # fmt: skip
        if name not in self.groups:
            counted = _Counted(tuple(required(pod)), pod.tolerations, spread.honors_taints, spread.honors_affinity)
            term = PodTerm(spread.selecting(pod), spread.topology_key)
            group = Group(SPREAD, pod, term, self.there.namespaces, spread.max_skew, spread.min_domains, counted)
            tolerations = pod.tolerations if spread.honors_taints else None
            self.groups[name] = self._with_pods(self._with_domains(group, tolerations))
        return self.groups[name]

    def _term(self, kind: str, pod: Pod, term: PodTerm) -> Group:
        name = _name(kind, pod, term)
        if name not in self.groups:
            group = Group(kind, pod, term, self.there.namespaces)
            self.groups[name] = self._with_pods(self._with_domains(group, pod.tolerations))
        return self.groups[name]

    def _with_domains(self, group: Group, tolerations: Sequence[Toleration] | None = None) -> Group:
        for domain, by_pool in self._domains(group.key).items():
            if tolerations is None or any(not keeps_away(tolerations, taints) for taints in by_pool):
                group.counts.setdefault(domain, 0)
        return group

    def _with_pods(self, group: Group) -> Group:
        """With the domains of the nodes that are there, and the pods on them; without a selector all of them count."""
        term = replace(group.term, selector=group.term.selector or ())
        for name, node in self.there.nodes.items():
            labels = self.there.labels(name)
            if group.key in labels and group.counts_on(node.taints, of_labels(labels)):
                group.counts.setdefault(labels[group.key], 0)
                for pod in self.there.pods[name]:
                    if is_meant(group.owner, term, pod, group.namespaces) and not pod.terminating:
                        group.record(labels[group.key])
        return group

    def _domains(self, key: str) -> dict[str, list[tuple[Taint, ...]]]:
        """The values of a label that instance types of the NodePools can have, with the taints of those pools."""
        if key not in self._universe:
            found: dict[str, list[tuple[Taint, ...]]] = {}

            def insert(values: Iterable[str], taints: tuple[Taint, ...]) -> None:
                for value in values:
                    if value not in found or not taints:
                        found[value] = [taints]
                    elif found[value][0]:
                        found[value].append(taints)

            for pool in self.pools:
                own = merged(pool.requirements, of_labels(pool.labels)).get(key)
                seen: set[str] = set()
                for each in self.types:
                    theirs = each.requirements.get(key)
                    both = own.intersection(theirs) if own and theirs else own or theirs
                    if both:
                        seen.update(both.values)
                insert(seen, pool.taints)
                if own and own.operator == "In":
                    insert(own.values - seen, pool.taints)
            self._universe[key] = found
        return self._universe[key]

    def about(self, pod: Pod) -> tuple[list[Group], list[Group]]:
        """The groups that select the pod, and those that keep it away from others."""
        key = (pod.namespace, frozenset(pod.labels.items()))
        size = len(self.groups) + len(self.inverse)
        if key not in self._by_labels or self._by_labels[key][0] != size:
            counting = [one for one in self.groups.values() if one.selects(pod)]
            kept_away = [one for one in self.inverse.values() if one.selects(pod)]
            self._by_labels[key] = (size, counting, kept_away)
        return self._by_labels[key][1:]

    def tightened(
        self, pod: Pod, groups: Sequence[Group], strict: Requirements, have: Requirements, host: str
    ) -> dict[str, Requirement] | Group:
        """What the node with these requirements has to have besides for the pod; the group that it breaks, if any.

        strict  what the pod requires of nodes, without its preferences.
        """
        found: dict[str, Requirement] = {}
        for group in (*groups, *self.about(pod)[1]):
            anything = Requirement(group.key, complement=True)
            there = Requirement(HOSTNAME, frozenset({host})) if group.key == HOSTNAME else have.get(group.key, anything)
            domains = group.domains(pod, strict.get(group.key, anything), there)
            if not domains:
                return group
            one = Requirement(group.key, domains)
            found[group.key] = one.intersection(found[group.key]) if group.key in found else one
        return found

    def record(
        self, pod: Pod, against: Sequence[Group], taints: Sequence[Taint], have: Requirements, host: str
    ) -> None:
        """Count the pod on a node with these requirements: where it is, and for anti-affinity wherever it may be."""
        for group in self.about(pod)[0]:
            values = _known_values(group.key, have, host)
            if (group.kind == ANTI_AFFINITY or len(values) == 1) and group.counts_on(taints, have):
                for value in values:
                    group.record(value)
        for group in against:
            for value in _known_values(group.key, have, host):
                group.record(value)


def _known_values(key: str, have: Requirements, host: str) -> frozenset[str]:
    if key == HOSTNAME:
        return frozenset({host})
    one = have.get(key)
    return one.values if one and not one.complement else NOWHERE


def _name(kind: str, pod: Pod, term: PodTerm) -> Hashable:
    near = None if term.namespaces or term.namespace_selector is not None else pod.namespace
    return kind, term, near
