"""Which pods are on which nodes, and why another one does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from drydock.policy.kubernetes.scheduling import volumes
from drydock.policy.kubernetes.scheduling.model import (
    Node,
    Pod,
    PodTerm,
    Selector,
    Spread,
    labels_of,
    matches_node,
    selects,
    untolerated,
)
from drydock.policy.kubernetes.scheduling.volumes import Storage

_NO_STORAGE = Storage()

METADATA_NAME = "kubernetes.io/metadata.name"
"""The label of each namespace that has its name."""

TAINTED = "node(s) had untolerated taint(s)"
NOT_SELECTED = "node(s) didn't match Pod's node affinity/selector"
PORTS = "node(s) didn't have free ports for the requested pod ports"
TOO_MANY = "Too many pods"
SKEWED = "node(s) didn't match pod topology spread constraints"
UNLABELLED = "node(s) didn't match pod topology spread constraints (missing required label)"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"


class Cluster:
    """A snapshot to try things on: nodes are added, pods bound and taken off again. Nothing outside it changes.

    namespaces  labels by namespace; one that is not there has only the label with its name.
    storage     what pods' claims are about.
    """

    def __init__(
        self,
        nodes: Iterable[Node] = (),
        *,
        namespaces: Mapping[str, Mapping[str, str]] | None = None,
        storage: Storage = _NO_STORAGE,
    ) -> None:
        self.namespaces = namespaces or {}
        self.storage = storage
        self.nodes: dict[str, Node] = {}
        self.pods: dict[str, list[Pod]] = {}
        self._free: dict[str, dict[str, int]] = {}
        self._with_terms = 0
        for node in nodes:
            self.add(node)

    def add(self, node: Node, pods: Iterable[Pod] = ()) -> None:
        if node.name in self.nodes:
            raise ValueError(f"There is a node {node.name!r} already.")
        self.nodes[node.name] = node
        self.pods[node.name] = []
        self._free[node.name] = dict(node.allocatable)
        for pod in pods:
            self.bind(pod, node.name)

    def remove(self, name: str) -> list[Pod]:
        """Take the node away; its pods are returned and no longer anywhere."""
        pods = list(self.pods[name])
        for pod in pods:
            self.unbind(pod, name)
        del self.nodes[name], self.pods[name], self._free[name]
        return pods

    def bind(self, pod: Pod, name: str) -> None:
        """Put the pod on the node, whether it fits or not."""
        self.pods[name].append(pod)
        self._take(pod, name, 1)

    def unbind(self, pod: Pod, name: str) -> None:
        self.pods[name].remove(pod)
        self._take(pod, name, -1)

    def _take(self, pod: Pod, name: str, sign: int) -> None:
        free = self._free[name]
        for resource, amount in pod.requests.items():
            free[resource] = free.get(resource, 0) - sign * amount
        if "pods" in free:
            free["pods"] -= sign
        self._with_terms += sign * bool(pod.anti_affinity)

    def free(self, name: str) -> Mapping[str, int]:
        """What the node has left, by resource; `pods`, how many more it takes."""
        return self._free[name]

    def labels(self, name: str) -> Mapping[str, str]:
        return labels_of(self.nodes[name])

    def bound(self) -> Iterator[tuple[Pod, str]]:
        """Every pod with its node."""
        for name, pods in self.pods.items():
            for pod in pods:
                yield pod, name

    def is_meant(self, owner: Pod, term: PodTerm, other: Pod) -> bool:
        """`is_meant`, with the labels of the cluster's namespaces."""
        return is_meant(owner, term, other, self.namespaces)

    def fits(self, pod: Pod, name: str) -> bool:
        return not self.reasons(pod, name)

    def reasons(self, pod: Pod, name: str) -> tuple[str, ...]:
        """Why the pod does not fit on the node, in the scheduler's words; empty: it fits.

        The first filter that refuses says all of its reasons, as the scheduler's does. Source: the plugins
        TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, VolumeRestrictions, NodeVolumeLimits, VolumeBinding,
        VolumeZone, PodTopologySpread and InterPodAffinity (observed).
        """
        node = self.nodes[name]
        unready = volumes.unready(pod, self.storage) if pod.claims else ()
        if unready:
            return unready
        if untolerated(pod, node.taints):
            return (TAINTED,)
        if not matches_node(pod, node):
            return (NOT_SELECTED,)
        taken = [port for other in self.pods[name] for port in other.host_ports] if pod.host_ports else []
        if any(one.conflicts(port) for one in pod.host_ports for port in taken):
            return (PORTS,)
        lacking = self._lacking(pod, name)
        if lacking:
            return lacking
        if pod.claims:
            everywhere = (other for other, _ in self.bound())
            lacking = volumes.lacking(pod, node, self.labels(name), self.storage, self.pods[name], everywhere)
            if lacking:
                return lacking
        if pod.spread:
            skewed = self._skewed(pod, name)
            if skewed:
                return (skewed,)
        return self._apart(pod, name)

    def _lacking(self, pod: Pod, name: str) -> tuple[str, ...]:
        free = self._free[name]
        lacking = [TOO_MANY] if free.get("pods", 1) < 1 else []
        lacking += [
            f"Insufficient {resource}"
            for resource, amount in pod.requests.items()
            if amount > 0 and amount > free.get(resource, 0)
        ]
        return tuple(lacking)

    def room(self, pod: Pod, name: str) -> int:
        """How many such pods the node still takes. For a pod that `is_plain`, whose copies do not see each other."""
        node = self.nodes[name]
        if untolerated(pod, node.taints) or not matches_node(pod, node):
            return 0
        free = self._free[name]
        bounds = [free.get(resource, 0) // amount for resource, amount in pod.requests.items() if amount > 0]
        if "pods" in free:
            bounds.append(free["pods"])
        if not bounds:
            raise ValueError(f"{pod.name} requests nothing and {name} has no limit of pods: any number fits.")
        return max(0, min(bounds))

    def domains(self, pod: Pod, spread: Spread, together: Sequence[Spread]) -> Counter[str]:
        """How many pods that the constraint counts are in each of its domains, on nodes with the labels of all."""
        keys = [one.topology_key for one in together]
        selector = spread.selecting(pod)
        found: Counter[str] = Counter()
        for name, node in self.nodes.items():
            labels = self.labels(name)
            if not all(key in labels for key in keys):
                continue
            if spread.honors_affinity and not matches_node(pod, node):
                continue
            if spread.honors_taints and untolerated(pod, node.taints):
                continue
            found[labels.get(spread.topology_key, "")] += self.alike(pod, selector, name)
        return found

    def alike(self, pod: Pod, selector: Selector | None, name: str) -> int:
        """How many pods of the node are in the pod's namespace, selected, and not about to go."""
        return sum(
            other.namespace == pod.namespace and not other.terminating and selects(selector, other.labels)
            for other in self.pods[name]
        )

    def _skewed(self, pod: Pod, name: str) -> str:
        labels = self.labels(name)
        for spread in pod.spread:
            value = labels.get(spread.topology_key)
            if value is None:
                return UNLABELLED
            domains = self.domains(pod, spread, pod.spread)
            least = min(domains.values(), default=0) if len(domains) >= spread.min_domains else 0
            if domains[value] + selects(spread.selecting(pod), pod.labels) - least > spread.max_skew:
                return SKEWED
        return ""

    def _apart(self, pod: Pod, name: str) -> tuple[str, ...]:
        labels = self.labels(name)
        if pod.affinity and not self._has_company(pod, labels):
            return (AFFINITY,)
        if any(self._meets(pod, term, labels) for term in pod.anti_affinity):
            return (ANTI_AFFINITY,)
        if self._with_terms and any(
            self.is_meant(other, term, pod) and _same_domain(term.topology_key, labels, self.labels(place))
            for other, place in self.bound()
            for term in other.anti_affinity
        ):
            return (EXISTING_ANTI_AFFINITY,)
        return ()

    def _meets(self, pod: Pod, term: PodTerm, labels: Mapping[str, str]) -> bool:
        return any(
            self.is_meant(pod, term, other) and _same_domain(term.topology_key, labels, self.labels(place))
            for other, place in self.bound()
        )

    def _has_company(self, pod: Pod, labels: Mapping[str, str]) -> bool:
        """Whether each term is met by pods that all terms mean, or the pod is the first of those it asks for."""
        if not all(term.topology_key in labels for term in pod.affinity):
            return False
        company = [
            place for other, place in self.bound() if all(self.is_meant(pod, term, other) for term in pod.affinity)
        ]
        if all(
            any(_same_domain(term.topology_key, labels, self.labels(place)) for place in company)
            for term in pod.affinity
        ):
            return True
        anywhere = any(term.topology_key in self.labels(place) for term in pod.affinity for place in company)
        return not anywhere and all(self.is_meant(pod, term, pod) for term in pod.affinity)


def is_meant(
    owner: Pod, term: PodTerm, other: Pod, namespaces: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> bool:
    """Whether the term of `owner` is about the pod `other`. `namespaces`: their labels, by name."""
    where = other.namespace
    if not term.namespaces and term.namespace_selector is None:
        near = where == owner.namespace
    else:
        near = where in term.namespaces or (
            term.namespace_selector is not None
            and selects(term.namespace_selector, {METADATA_NAME: where, **namespaces.get(where, {})})
        )
    return near and selects(term.selector, other.labels)


def _same_domain(key: str, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return key in one and one.get(key) == other.get(key)
