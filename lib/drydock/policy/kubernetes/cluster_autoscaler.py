"""What Cluster Autoscaler decides: how many nodes a group needs, which group grows, which node goes.

It knows groups of nodes that are alike, on AWS Auto Scaling groups. Pods that fit nowhere are tried on copies of each
group's node (`estimate`), an expander takes one of the groups that would help (`choose`), and nodes of which little is
requested go away when their pods fit elsewhere (`scale_down`).

Source: kubernetes/autoscaler, tag cluster-autoscaler-1.36.1 (observed in its code), its FAQ (documented).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from drydock.policy.kubernetes.scheduling.cluster import SKEWED, Cluster
from drydock.policy.kubernetes.scheduling.model import HOSTNAME, Node, Pod

SCAN_INTERVAL = 10
UNNEEDED_TIME = 600
DELAY_AFTER_ADD = 600
DELAY_AFTER_FAILURE = 180
MAX_NODE_PROVISION_TIME = 900
"""Defaults of the flags of these names, in seconds (documented)."""
UTILIZATION_THRESHOLD = 0.5
PRIORITY_CUTOFF = -10
"""--expendable-pods-priority-cutoff: pods below it cause no new node and are no reason to keep one (documented)."""
GPU = "nvidia.com/gpu"
_STABILIZING = (500, 500 * 1024**2)
"""The price expander adds a pod of so many millicores and bytes to both sides of its ratio."""


@dataclass(frozen=True)
class Group:
    """Pods that are alike: `count` of them. Their names are `pod.name`'s."""

    pod: Pod
    count: int


@dataclass(frozen=True)
class Estimate:
    """What would happen were a group of nodes to grow.

    nodes      how many nodes get a pod.
    scheduled  how many pods of each group are placed, in the order of the groups that were asked about.
    on         for each node that got pods, how many of each group it has.
    """

    nodes: int
    scheduled: tuple[int, ...]
    on: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    @property
    def pods(self) -> int:
        return sum(self.scheduled)


def largest_first(groups: Sequence[Group], template: Node) -> list[int]:
    """The places of the groups, those whose pod is the largest part of the node first: CPU's part plus memory's."""

    def score(group: Group) -> float:
        return sum(
            group.pod.requests.get(resource, 0) / template.allocatable[resource]
            for resource in ("cpu", "memory")
            if template.allocatable.get(resource, 0) > 0
        )

    return sorted(range(len(groups)), key=lambda place: -score(groups[place]))


def estimate(
    groups: Sequence[Group], template: Node, *, max_nodes: int | None = None, existing: Sequence[Node] = ()
) -> Estimate:
    """How many new nodes like `template` the pods need, by first fit, the largest pods first.

    max_nodes  how many nodes may be added at most: the group's maximum less what it has. None: no limit.
    existing   nodes that are there; pods are not put on them, but they are domains of topology spread. For pods with
               a topology spread over hosts the estimate does look at them, as upstream's does.

    A pod is tried on the new nodes, then on one more. A node that even an empty copy of does not take the pod ends
    that group. Source: estimator/binpacking_estimator.go (observed). Pods that see each other (spread, affinity,
    ports) are placed one by one, the others by how many fit.
    """
    trial = _Trial(template, existing, max_nodes)
    for place in largest_first(groups, template):
        group = groups[place]
        if group.pod.is_plain:
            trial.place_alike(place, group)
        else:
            trial.place_one_by_one(place, group)
    scheduled = [0] * len(groups)
    for counts in trial.on.values():
        for place, count in counts.items():
            scheduled[place] += count
    return Estimate(len(trial.on), tuple(scheduled), trial.on)


class _Trial:
    def __init__(self, template: Node, existing: Sequence[Node], max_nodes: int | None) -> None:
        self.template = template
        self.cluster = Cluster(existing)
        self.max_nodes = max_nodes
        self.new: list[str] = []
        self.on: dict[str, dict[int, int]] = {}
        self.is_full = False

    def add(self) -> str | None:
        """One more node, unless the last is empty, as another would do no better, or there may be no more."""
        if self.new and self.new[-1] not in self.on:
            return None
        if self.max_nodes is not None and len(self.new) >= self.max_nodes:
            self.is_full = True
            return None
        node = self.template
        name = f"{node.name}-{len(self.new) + 1}"
        self.cluster.add(Node(name, node.allocatable, node.labels, node.taints, node.capacity))
        self.new.append(name)
        return name

    def put(self, place: int, pod: Pod, name: str, count: int = 1) -> None:
        if not count:
            return
        for _ in range(count):
            self.cluster.bind(pod, name)
        counts = self.on.setdefault(name, {})
        counts[place] = counts.get(place, 0) + count

    def place_alike(self, place: int, group: Group) -> None:
        left = group.count
        for name in self.new:
            if not left:
                return
            count = min(left, self.cluster.room(group.pod, name))
            self.put(place, group.pod, name, count)
            left -= count
        while left and not self.is_full:
            added = self.add()
            if added is None:
                return
            count = min(left, self.cluster.room(group.pod, added))
            if not count:
                return
            self.put(place, group.pod, added, count)
            left -= count

    def place_one_by_one(self, place: int, group: Group) -> None:
        pod, left = group.pod, group.count
        while left:
            name = next((one for one in self.new if self.cluster.fits(pod, one)), None)
            if name is None:
                break
            self.put(place, pod, name)
            left -= 1
        while left and not self.is_full:
            name = self._where(pod)
            if name is None:
                name = self.add()
                if name is None or not self.cluster.fits(pod, name):
                    return
            self.put(place, pod, name)
            left -= 1

    def _where(self, pod: Pod) -> str | None:
        """The newest node, or where that is refused for its skew any other, an existing one too."""
        if not self.new:
            return None
        reasons = self.cluster.reasons(pod, self.new[-1])
        if not reasons:
            return self.new[-1]
        if reasons != (SKEWED,) or not any(one.topology_key == HOSTNAME for one in pod.spread):
            return None
        return next((one for one in self.cluster.nodes if self.cluster.fits(pod, one)), None)


@dataclass(frozen=True)
class Option:
    """A group of nodes that would help: `nodes` more of `node`, for `pods`.

    price   USD an hour of one node; only the price expander asks for it.
    exists  False for a group that would be made first, which AWS's provider does not do.
    """

    group: str
    nodes: int
    node: Node
    pods: tuple[Pod, ...] = ()
    price: float | None = None
    exists: bool = True

    def requested(self, resource: str) -> int:
        return sum(pod.requests.get(resource, 0) for pod in self.pods)


Expander = Callable[[Sequence[Option]], list[Option]]
"""Keeps the best of the options; several where they are equal."""


def waste(option: Option) -> float:
    """The part of the new nodes' CPU that nobody requests plus that of their memory: from 0 to 2.

    Of the nodes' capacity, not of what pods may use of it. Source: expander/waste/waste.go (observed). The FAQ says
    "idle CPU, and memory where that is equal"; the code adds the two.
    """
    parts = []
    for resource in ("cpu", "memory"):
        available = option.node.whole[resource] * option.nodes
        parts.append((available - option.requested(resource)) / available)
    return sum(parts)


def least_waste(options: Sequence[Option]) -> list[Option]:
    """The default: the options with the least `waste`."""
    return _least(options, waste)


def most_pods(options: Sequence[Option]) -> list[Option]:
    """The options that place the most pods."""
    return _least(options, lambda option: -len(option.pods))


def least_nodes(options: Sequence[Option]) -> list[Option]:
    """The options with the fewest new nodes; one without any is none."""
    return _least([option for option in options if option.nodes], lambda option: option.nodes)


def by_priority(tiers: Mapping[int, Sequence[str]]) -> Expander:
    """The options whose group is named by a pattern of the highest tier; all of them where no pattern matches.

    tiers  as the ConfigMap cluster-autoscaler-priority-expander has them under `priorities`: regular expressions by
           priority, a higher number first. A pattern may match anywhere in the group's name.

    Groups that no pattern names are not used as long as another one is named. No tiers at all, as with a ConfigMap
    that is not valid, keeps all. Source: expander/priority/priority.go (observed).

    Raises ValueError for a pattern that is no regular expression, with its tier.
    """
    for tier, patterns in tiers.items():
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"priority {tier}: {pattern!r} is no regular expression: {error}.") from None

    def best(options: Sequence[Option]) -> list[Option]:
        named = {
            id(option): max((tier for tier, patterns in tiers.items() if _is_named(option.group, patterns)), default=-1)
            for option in options
        }
        highest = max(named.values(), default=-1)
        return list(options) if highest < 0 else [option for option in options if named[id(option)] == highest]

    return best


def _is_named(group: str, patterns: Sequence[str]) -> bool:
    return any(re.search(pattern, group) for pattern in patterns)


def preferred_millicores(nodes: int) -> int:
    """The CPU of a node that suits a cluster of so many nodes: doubled whenever the cluster grows about threefold."""
    for most, millicores in ((2, 1000), (6, 2000), (20, 4000), (60, 8000), (200, 16000)):
        if nodes <= most:
            return millicores
    return 32000


def by_price(pod_price: Callable[[int, int], float], *, preferred: int) -> Expander:
    """The options that spend their money best, on nodes of a size that suits the cluster.

    pod_price  USD an hour of a pod, of its millicores and bytes.
    preferred  millicores of the node that suits it, as `preferred_millicores` has them.

    Score, lower is better: unfitness × (price of the nodes + p) / (price of the pods + p), with p the price of a pod
    of 500 m and 500 MiB. Unfitness is the ratio of the two sizes of CPU; with many new nodes it fades to 1; on GPU
    nodes it is 1000. A group that is yet to be made counts double. Options without a price are left out.
    Source: expander/price/price.go (observed); AWS's provider has no prices, so on AWS this expander cannot be used.
    """
    stabilizing = pod_price(*_STABILIZING)

    def score(option: Option) -> float:
        cpu = option.node.whole["cpu"]
        pods = sum(pod_price(pod.requests.get("cpu", 0), pod.requests.get("memory", 0)) for pod in option.pods)
        money = ((option.price or 0.0) * option.nodes + stabilizing) / (pods + stabilizing)
        unfitness = max(preferred / cpu, cpu / preferred)
        unfitness = (unfitness - 1) * (1 - math.tanh((option.nodes - 1) / 15)) + 1
        if option.node.whole.get(GPU):
            unfitness = 1000.0
        return unfitness * money * (1 if option.exists else 2)

    return lambda options: _least([option for option in options if option.price is not None], score)


def choose(options: Sequence[Option], expanders: Sequence[Expander]) -> list[Option]:
    """What the expanders leave, each asked about what the one before it left; `--expander=a,b`.

    Of several that are left, Cluster Autoscaler takes one at random (documented). None: nothing helps.
    """
    left = list(options)
    for expander in expanders:
        if len(left) <= 1:
            break
        left = expander(left)
    return left


def _least(options: Sequence[Option], score: Callable[[Option], float]) -> list[Option]:
    scores = [score(option) for option in options]
    return [option for option, value in zip(options, scores, strict=True) if value == min(scores)]


@dataclass(frozen=True)
class Utilization:
    """The requested part of what the node has for pods: of CPU, memory and GPUs. `of` is the resource that counts."""

    of: str
    value: float
    cpu: float = 0.0
    memory: float = 0.0


def utilization(
    node: Node, pods: Sequence[Pod], *, ignore_daemon_sets: bool = False, ignore_mirrors: bool = False
) -> Utilization:
    """The larger of CPU's and memory's requested parts; on a node with GPUs theirs alone.

    ignore_daemon_sets, ignore_mirrors  such pods are taken off both sides, as the flags of these names say.

    Requests count, not use. Source: simulator/utilization/info.go (observed). Pods that have been told to end for
    longer than their grace period do not count there; leave them out.

    Raises ValueError where the node has none of a resource.
    """
    if node.allocatable.get(GPU):
        return Utilization(GPU, _part(node, pods, GPU, ignore_daemon_sets, ignore_mirrors))
    cpu, memory = (_part(node, pods, one, ignore_daemon_sets, ignore_mirrors) for one in ("cpu", "memory"))
    return Utilization("cpu" if cpu > memory else "memory", max(cpu, memory), cpu, memory)


def _part(node: Node, pods: Sequence[Pod], resource: str, daemon_sets: bool, mirrors: bool) -> float:
    if not node.allocatable.get(resource):
        raise ValueError(f"{node.name} has no {resource} for pods, so no part of it can be said.")
    aside = [pod for pod in pods if (daemon_sets and pod.of_daemon_set) or (mirrors and pod.mirror)]
    taken = sum(pod.requests.get(resource, 0) for pod in aside)
    counted = sum(pod.requests.get(resource, 0) for pod in pods) - taken
    return counted / (node.allocatable[resource] - taken)


@dataclass(frozen=True)
class Unneeded:
    """What is to become of a node.

    reason  why it stays; empty: it is unneeded, and its pods go `to` other nodes.
    """

    node: str
    utilization: float
    reason: str
    to: Mapping[str, str] = field(default_factory=dict)


NO_PLACE = "its pods fit nowhere else"
BUSY = "more than the threshold is requested"
DISABLED = "annotated cluster-autoscaler.kubernetes.io/scale-down-disabled"


def scale_down(
    cluster: Cluster,
    *,
    threshold: float = UTILIZATION_THRESHOLD,
    ignore_daemon_sets: bool = False,
    disabled: Sequence[str] = (),
) -> list[Unneeded]:
    """For each node whether it is unneeded: little of it is requested, and its pods fit on nodes that stay.

    Utilization at the threshold is low enough. Nodes are gone through in order; pods of one that can go are moved in
    the simulation, and no pods go to it any more, so the next one finds less room. DaemonSets' and mirror pods need no
    new place. Pods below the priority cutoff count for nothing. Source: core/scaledown/planner (observed).
    """
    trial = Cluster()
    for name, node in cluster.nodes.items():
        trial.add(node, [pod for pod in cluster.pods[name] if pod.priority >= PRIORITY_CUTOFF])
    found = []
    for name, node in cluster.nodes.items():
        counted = [pod for pod in cluster.pods[name] if pod.priority >= PRIORITY_CUTOFF]
        used = utilization(node, counted, ignore_daemon_sets=ignore_daemon_sets).value
        reason = DISABLED if name in disabled else BUSY if used > threshold else ""
        to = None if reason else _moved(trial, name)
        found.append(Unneeded(name, used, reason or ("" if to is not None else NO_PLACE), to or {}))
    return found


def _moved(trial: Cluster, name: str) -> dict[str, str] | None:
    """Move the pods of the node and drop it; None, with nothing changed, where one of them fits nowhere."""
    node = trial.nodes[name]
    pods = trial.remove(name)
    moved: list[tuple[Pod, str]] = []
    for pod in pods:
        if pod.of_daemon_set or pod.mirror:
            continue
        place = next((one for one in trial.nodes if trial.fits(pod, one)), None)
        if place is None:
            for other, where in moved:
                trial.unbind(other, where)
            trial.add(node, pods)
            return None
        trial.bind(pod, place)
        moved.append((pod, place))
    return {pod.name: place for pod, place in moved}


def removable_after(unneeded_since: float, *, last_added: float | None = None, unneeded_time: float = UNNEEDED_TIME,
                    delay_after_add: float = DELAY_AFTER_ADD) -> float:  # fmt: skip
    """The second after which the node goes: unneeded for long enough, and long enough after the last new node.

    Seconds since any moment, all the same. Source: documented flags; it has to be *longer* (observed).
    """
    earliest = unneeded_since + unneeded_time
    return earliest if last_added is None else max(earliest, last_added + delay_after_add)
