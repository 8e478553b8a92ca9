"""Pods and nodes as a scheduler sees them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
NODE_NAME = "metadata.name"
"""The key of an expression that is one of matchFields: it is about the node's name."""
EVERYWHERE = "0.0.0.0"

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")


@dataclass(frozen=True)
class Expression:
    """One condition on labels: a matchExpression of a node affinity or of a label selector.

    Raises ValueError for an operator or values that Kubernetes refuses.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(f"{self.key}: operator {self.operator!r} is none of {', '.join(OPERATORS)}.")
        if self.operator in ("In", "NotIn") and not self.values:
            raise ValueError(f"{self.key}: {self.operator} needs at least one value.")
        if self.operator in ("Exists", "DoesNotExist") and self.values:
            raise ValueError(f"{self.key}: {self.operator} takes no values.")
        if self.operator in ("Gt", "Lt") and not (len(self.values) == 1 and _is_whole(self.values[0])):
            raise ValueError(f"{self.key}: {self.operator} takes one whole number.")

    def matches(self, labels: Mapping[str, str]) -> bool:
        """NotIn and DoesNotExist hold where the label is not there; the others need it."""
        value = labels.get(self.key)
        if self.operator in ("NotIn", "DoesNotExist"):
            return value is None or (self.operator == "NotIn" and value not in self.values)
        if value is None:
            return False
        if self.operator == "In":
            return value in self.values
        if self.operator == "Exists":
            return True
        if not _is_whole(value):
            return False
        return int(value) > int(self.values[0]) if self.operator == "Gt" else int(value) < int(self.values[0])


Selector = tuple[Expression, ...]
"""All of them have to hold. Empty, it matches everything."""


def equal(labels: Mapping[str, str]) -> Selector:
    """matchLabels as expressions."""
    return tuple(Expression(key, "In", (value,)) for key, value in labels.items())


def selects(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    """Whether all of it holds. None, a labelSelector that is not there, matches nothing."""
    return selector is not None and all(one.matches(labels) for one in selector)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


@dataclass(frozen=True)
class Taint:
    """Raises ValueError for an effect there is not."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"taint {self.key}: effect {self.effect!r} is none of {', '.join(EFFECTS)}.")


@dataclass(frozen=True)
class Toleration:
    """`operator` Equal or Exists. An empty key with Exists tolerates every taint, an empty effect every effect.

    Raises ValueError for an operator or an effect there is not.
    """

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def __post_init__(self) -> None:
        if self.operator not in ("Equal", "Exists"):
            raise ValueError(f"toleration of {self.key!r}: operator {self.operator!r} is neither Equal nor Exists.")
        if self.effect and self.effect not in EFFECTS:
            raise ValueError(f"toleration of {self.key!r}: effect {self.effect!r} is none of {', '.join(EFFECTS)}.")

    def tolerates(self, taint: Taint) -> bool:
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        return self.operator == "Exists" or (self.operator == "Equal" and bool(self.key) and self.value == taint.value)


@dataclass(frozen=True)
class HostPort:
    """A port of the node that a container takes for itself: containers[].ports[].hostPort, protocol and hostIP."""

    port: int
    protocol: str = "TCP"
    address: str = EVERYWHERE

    def conflicts(self, other: HostPort, everywhere: Collection[str] = (EVERYWHERE,)) -> bool:
        """Whether both are the same port and protocol on the same address, or on one that stands for all."""
        if (self.port, self.protocol) != (other.port, other.protocol):
            return False
        return self.address == other.address or self.address in everywhere or other.address in everywhere


@dataclass(frozen=True)
class PodTerm:
    """A required term of pod affinity or anti-affinity: pods that `selector` matches, by nodes' label `topology_key`.

    The API server puts matchLabelKeys and mismatchLabelKeys into the labelSelector, so that they are in `selector`.

    namespaces          where those pods are.
    namespace_selector  they are in namespaces with such labels, too; an empty one: in any. With neither, they are in
                        the pod's own namespace.
    """

    selector: Selector | None
    topology_key: str = HOSTNAME
    namespaces: tuple[str, ...] = ()
    namespace_selector: Selector | None = None


@dataclass(frozen=True)
class Spread:
    """A topologySpreadConstraint; of a pod's `spread` with whenUnsatisfiable DoNotSchedule.

    min_domains       below so many domains the least that one has counts as 0.
    match_label_keys  of these labels, those that the pod has are in the selector with its values.

    Raises ValueError for a maxSkew or minDomains that the API refuses.
    """

    selector: Selector | None
    max_skew: int = 1
    topology_key: str = ZONE
    min_domains: int = 1
    honors_taints: bool = False
    """nodeTaintsPolicy Honor: nodes whose taints the pod does not tolerate are no domain."""
    honors_affinity: bool = True
    """nodeAffinityPolicy Honor, the default: nodes that the pod does not select are no domain."""
    match_label_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("maxSkew", self.max_skew), ("minDomains", self.min_domains)):
            if value < 1:
                raise ValueError(f"topology spread by {self.topology_key}: {name} is 1 or more, not {value}.")

    def selecting(self, pod: Pod) -> Selector | None:
        """What selects the pods that count, for a constraint of `pod`."""
        if self.selector is None:
            return None
        return (*self.selector, *equal({key: pod.labels[key] for key in self.match_label_keys if key in pod.labels}))


@dataclass(frozen=True)
class Preferences:
    """What a pod would rather have: it keeps the pod from no node, and only `scores` looks at it.

    node_affinity                 terms by weight, 1 to 100: preferredDuringSchedulingIgnoredDuringExecution.
    affinity, anti_affinity       of pods, by weight, too.
    spread                        constraints with whenUnsatisfiable ScheduleAnyway.

    Raises ValueError for a weight that the API refuses.
    """

    node_affinity: tuple[tuple[int, Selector], ...] = ()
    affinity: tuple[tuple[int, PodTerm], ...] = ()
    anti_affinity: tuple[tuple[int, PodTerm], ...] = ()
    spread: tuple[Spread, ...] = ()

    def __post_init__(self) -> None:
        for weight, _ in (*self.node_affinity, *self.affinity, *self.anti_affinity):
            if not 1 <= weight <= 100:
                raise ValueError(f"the weight of a preferred term is from 1 to 100, not {weight}.")


@dataclass(frozen=True)
class Pod:
    """What a pod asks for.

    requests      its effective requests by resource: containers' sum, init containers counted in.
    node_affinity required terms: one of them has to hold, with all of its expressions. Empty: any node.
    """

    name: str
    requests: Mapping[str, int] = field(default_factory=dict)
    namespace: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: tuple[Selector, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    spread: tuple[Spread, ...] = ()
    preferences: Preferences = Preferences()
    host_ports: tuple[HostPort, ...] = ()
    priority: int = 0
    started: int = 0
    """When it started, in seconds; of preemption's last tie."""
    preempts: bool = True
    """False: preemptionPolicy Never."""
    terminating: bool = False
    """It is being deleted: it has a deletionTimestamp."""
    preempted: bool = False
    """And is since the scheduler gave its place to another: condition DisruptionTarget, PreemptionByScheduler."""
    default_selector: Selector | None = None
    """Of its Services and its ReplicaSet or StatefulSet, together: the scheduler spreads by it a pod that does not."""
    claims: tuple[str, ...] = ()
    """PersistentVolumeClaims, of its namespace."""
    of_daemon_set: bool = False
    mirror: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether only resources and the node's own labels and taints decide where it fits."""
        return not (self.affinity or self.anti_affinity or self.spread or self.host_ports or self.claims)


@dataclass(frozen=True)
class Node:
    """A node, or the template of one. `allocatable` has what pods may request, and how many `pods` at most."""

    name: str
    allocatable: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    capacity: Mapping[str, int] = field(default_factory=dict)
    """With what the system keeps for itself; empty: as `allocatable`."""
    attach_limits: Mapping[str, int] = field(default_factory=dict)
    """How many volumes a CSI driver attaches, by driver: the CSINode's allocatable.count."""

    @property
    def whole(self) -> Mapping[str, int]:
        return self.capacity or self.allocatable


def labels_of(node: Node) -> Mapping[str, str]:
    """The node's labels, and its name, as expressions see them."""
    return {HOSTNAME: node.name, NODE_NAME: node.name, **node.labels}


def matches_node(pod: Pod, node: Node) -> bool:
    """nodeSelector, and one term of the required node affinity where there are any."""
    labels = labels_of(node)
    if any(labels.get(key) != value for key, value in pod.node_selector.items()):
        return False
    return not pod.node_affinity or any(term and selects(term, labels) for term in pod.node_affinity)


def untolerated(pod: Pod, taints: tuple[Taint, ...]) -> Taint | None:
    """The first taint that keeps the pod away: NoSchedule or NoExecute, and not tolerated."""
    for taint in taints:
        if taint.effect != "PreferNoSchedule" and not any(one.tolerates(taint) for one in pod.tolerations):
            return taint
    return None
