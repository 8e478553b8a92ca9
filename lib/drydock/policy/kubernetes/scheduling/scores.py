"""Which of the nodes that a pod fits on it goes to: the scores of kube-scheduler and their default weights.

Each score is a whole number from 0 to 100 for each node. Source: kubernetes/kubernetes 1.35, pkg/scheduler/framework/
plugins (observed); the weights are those of pkg/scheduler/apis/config/v1/default_plugins.go. Left out: the locality of
images.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from drydock.policy.kubernetes.scheduling.cluster import Cluster
from drydock.policy.kubernetes.scheduling.model import HOSTNAME, ZONE, Pod, PodTerm, Spread, selects

MOST = 100
EQUALLY: Mapping[str, int] = {"cpu": 1, "memory": 1}
ASSUMED: Mapping[str, int] = {"cpu": 100, "memory": 200 * 1024**2}
"""What counts for a container without a request, in millicores and bytes: pkg/scheduler/util/pod_resources.go."""

WEIGHTS: Mapping[str, int] = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
}


def least_allocated(pod: Pod, cluster: Cluster, name: str, weights: Mapping[str, int] = EQUALLY) -> int:
    """How much of the node is left with the pod on it: per cent of each resource, averaged by `weights`.

    NodeResourcesFit's default strategy. A pod without a request of CPU or memory counts with what is `ASSUMED` of one
    container; a request of 0 is one. Another resource counts only where the pod asks for it. Source: noderesources/
    least_allocated.go (observed).
    """
    return _mean(pod, cluster, name, weights, lambda asked, there: max(0, there - asked) * MOST // there)


def most_allocated(pod: Pod, cluster: Cluster, name: str, weights: Mapping[str, int] = EQUALLY) -> int:
    """How full the node is with the pod on it, so that nodes are filled one by one: the strategy MostAllocated.

    Source: noderesources/most_allocated.go (observed).
    """
    return _mean(pod, cluster, name, weights, lambda asked, there: min(asked, there) * MOST // there)


def requested_to_capacity_ratio(
    pod: Pod,
    cluster: Cluster,
    name: str,
    shape: Sequence[tuple[int, int]],
    weights: Mapping[str, int] = EQUALLY,
) -> int:
    """What a line through points says of how full the node is with the pod on it.

    shape  per cent of a resource that are requested, and what they are worth, from 0 to 10; in rising order.

    A resource that is worth nothing is left out of the mean. Source: noderesources/requested_to_capacity_ratio.go
    (observed).
    """
    raised = [(utilization, worth * (MOST // 10)) for utilization, worth in shape]
    worth = {
        resource: broken_line(raised, min(asked * 100 // there, 100))
        for resource, asked, there in _asked(pod, cluster, name, weights)
    }
    counted = {resource: one for resource, one in worth.items() if one > 0}
    whole = sum(weights[resource] for resource in counted)
    return math.floor(sum(weights[resource] * one for resource, one in counted.items()) / whole + 0.5) if whole else 0


def broken_line(points: Sequence[tuple[int, int]], at: int) -> int:
    """The line through the points, flat before the first and behind the last; cut off towards 0."""
    before = points[0]
    for x, y in points:
        if at <= x:
            return y if x == before[0] else before[1] + int((y - before[1]) * (at - before[0]) / (x - before[0]))
        before = x, y
    return before[1]


def _asked(pod: Pod, cluster: Cluster, name: str, weights: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    """Of each resource that counts, what is requested with the pod there, and what the node has."""
    for resource in weights:
        there = cluster.nodes[name].allocatable.get(resource, 0)
        if there and (resource in EQUALLY or pod.requests.get(resource)):
            pods = (*cluster.pods[name], pod)
            yield resource, sum(one.requests.get(resource, ASSUMED.get(resource, 0)) for one in pods), there


def _mean(pod: Pod, cluster: Cluster, name: str, weights: Mapping[str, int], score: Callable[[int, int], int]) -> int:
    found = {resource: score(asked, there) for resource, asked, there in _asked(pod, cluster, name, weights)}
    whole = sum(weights[resource] for resource in found)
    return sum(weights[resource] * one for resource, one in found.items()) // whole if whole else 0


def balanced_allocation(pod: Pod, cluster: Cluster, name: str, resources: Sequence[str] = tuple(EQUALLY)) -> int:
    """How alike the parts of the node's resources are that are asked for with the pod on it.

    100 · (1 − standard deviation of the parts), cut off; 0 on every node for a pod that asks for none of `resources`.
    Source: noderesources/balanced_allocation.go (observed).
    """
    if not any(pod.requests.get(resource) for resource in resources):
        return 0
    parts = []
    for resource in resources:
        there = cluster.nodes[name].allocatable.get(resource, 0)
        if there and (resource in EQUALLY or pod.requests.get(resource)):
            asked = sum(one.requests.get(resource, 0) for one in (*cluster.pods[name], pod))
            parts.append(min(1.0, asked / there))
    mean = sum(parts) / len(parts) if parts else 0.0
    deviation = math.sqrt(sum((part - mean) ** 2 for part in parts) / len(parts)) if parts else 0.0
    if len(parts) == 2:
        deviation = abs(parts[0] - parts[1]) / 2
    return int((1 - deviation) * MOST)


def taint_toleration(pod: Pod, cluster: Cluster, names: Sequence[str]) -> dict[str, int]:
    """The fewer taints with PreferNoSchedule the pod does not tolerate, the more.

    Source: tainttoleration/taint_toleration.go (observed).
    """
    hard = {
        name: sum(
            taint.effect == "PreferNoSchedule" and not any(one.tolerates(taint) for one in pod.tolerations)
            for taint in cluster.nodes[name].taints
        )
        for name in names
    }
    return {name: MOST - share for name, share in _of_the_most(hard).items()}


def node_affinity(pod: Pod, cluster: Cluster, names: Sequence[str]) -> dict[str, int]:
    """The weights of the preferred terms that the node meets. A term without expressions is met by none.

    Source: nodeaffinity/node_affinity.go (observed).
    """
    met = {
        name: sum(
            weight for weight, term in pod.preferences.node_affinity if term and selects(term, cluster.labels(name))
        )
        for name in names
    }
    return _of_the_most(met)


def topology_spread(pod: Pod, cluster: Cluster, names: Sequence[str]) -> dict[str, int]:
    """The fewer pods that its ScheduleAnyway constraints count the node's domains have, the more.

    A constraint adds its count · ln(domains + 2) + maxSkew − 1. A node that lacks one of the labels has 0, and so have
    all for a pod without such constraints. One without any constraint at all is spread by its `default_selector`: over
    hosts with a maxSkew of 3 and over zones with one of 5, and a node without a zone counts there, too. Source:
    podtopologyspread/scoring.go and plugin.go (observed).
    """
    by_default = not pod.spread and not pod.preferences.spread and pod.default_selector is not None
    constraints = pod.preferences.spread
    if by_default:
        constraints = (Spread(pod.default_selector, 3, HOSTNAME), Spread(pod.default_selector, 5, ZONE))
    if not constraints:
        return dict.fromkeys(names, 0)
    together = () if by_default else constraints
    whole = [name for name in names if all(one.topology_key in cluster.labels(name) for one in together)]
    raw = dict.fromkeys(whole, 0.0)
    for spread in constraints:
        counts = _counts(pod, cluster, spread, together, whole)
        size = len({cluster.labels(name).get(spread.topology_key, "") for name in whole})
        for name, count in counts.items():
            raw[name] += count * math.log(size + 2) + spread.max_skew - 1
    rounded = {name: math.floor(value + 0.5) for name, value in raw.items()}
    most, least = max(rounded.values(), default=0), min(rounded.values(), default=0)
    found = {name: MOST * (most + least - value) // most if most else MOST for name, value in rounded.items()}
    return {name: found.get(name, 0) for name in names}


def _counts(
    pod: Pod, cluster: Cluster, spread: Spread, together: Sequence[Spread], names: Sequence[str]
) -> dict[str, int]:
    """Of those nodes that have the label, how many pods the constraint counts in their domain."""
    if spread.topology_key == HOSTNAME:
        return {name: cluster.alike(pod, spread.selecting(pod), name) for name in names}
    domains = cluster.domains(pod, spread, together)
    values = {name: cluster.labels(name).get(spread.topology_key) for name in names}
    return {name: domains[value] for name, value in values.items() if value is not None}


def inter_pod_affinity(pod: Pod, cluster: Cluster, names: Sequence[str], hard: int = 1) -> dict[str, int]:
    """The weights of preferred terms of the pod, and of those that are there about the pod, anti-affinity subtracted.

    hard  what a required affinity of a pod that is there counts: hardPodAffinityWeight.

    Source: interpodaffinity/scoring.go (observed).
    """
    sums: Counter[tuple[str, str]] = Counter()

    def count(owner: Pod, term: PodTerm, other: Pod, place: str, weight: int) -> None:
        value = cluster.labels(place).get(term.topology_key)
        if value is not None and cluster.is_meant(owner, term, other):
            sums[term.topology_key, value] += weight

    for other, place in cluster.bound():
        for sign, of in ((1, "affinity"), (-1, "anti_affinity")):
            for weight, term in getattr(pod.preferences, of):
                count(pod, term, other, place, sign * weight)
            for weight, term in getattr(other.preferences, of):
                count(other, term, pod, place, sign * weight)
        for term in other.affinity:
            count(other, term, pod, place, hard)
    raw = {name: sum(sums[key, value] for key, value in cluster.labels(name).items()) for name in names}
    most, least = max(raw.values(), default=0), min(raw.values(), default=0)
    return {name: MOST * (value - least) // (most - least) if most > least else 0 for name, value in raw.items()}


def scores(pod: Pod, cluster: Cluster, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Each node's scores by plugin, before they are weighed with `WEIGHTS`. `names` are nodes that the pod fits on."""
    found = {
        "TaintToleration": taint_toleration(pod, cluster, names),
        "NodeAffinity": node_affinity(pod, cluster, names),
        "PodTopologySpread": topology_spread(pod, cluster, names),
        "InterPodAffinity": inter_pod_affinity(pod, cluster, names),
        "NodeResourcesFit": {name: least_allocated(pod, cluster, name) for name in names},
        "NodeResourcesBalancedAllocation": {name: balanced_allocation(pod, cluster, name) for name in names},
    }
    return {name: {plugin: by_name[name] for plugin, by_name in found.items()} for name in names}


def choose(pod: Pod, cluster: Cluster) -> str | None:
    """The node that the pod goes to: of those it fits on, the one with the highest weighted sum. None: it fits nowhere.

    kube-scheduler takes any of several with the same sum; the first is our choice. In a large cluster it looks at a
    part of the nodes only (percentageOfNodesToScore), here at all.
    """
    names = [name for name in cluster.nodes if cluster.fits(pod, name)]
    found = scores(pod, cluster, names)
    return max(names, key=lambda name: sum(WEIGHTS[plugin] * of for plugin, of in found[name].items()), default=None)


def _of_the_most(counts: Mapping[str, int]) -> dict[str, int]:
    most = max(counts.values(), default=0)
    return {name: MOST * count // most if most else 0 for name, count in counts.items()}
