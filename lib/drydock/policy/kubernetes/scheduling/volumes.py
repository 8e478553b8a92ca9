"""The volumes that a pod claims, and on which nodes they can be.

Source: kubernetes/kubernetes, pkg/scheduler/framework/plugins/{volumerestrictions,nodevolumelimits,volumebinding,
volumezone} (observed). Left out: CSIStorageCapacity, volumes that a pod names without a claim, and block devices. What
an in-tree plugin had is taken as its CSI driver's, as since its migration. An ephemeral volume is a claim with the name
"<pod>-<volume>".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from drydock.policy.kubernetes.scheduling.model import ZONE, Node, Pod, Selector, selects

REGION = "topology.kubernetes.io/region"
_OLD_ZONE, _OLD_REGION = "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"
_NEW = {_OLD_ZONE: ZONE, _OLD_REGION: REGION}
_TOPOLOGY = (_OLD_ZONE, _OLD_REGION, ZONE, REGION)
_NO_PROVISIONER = ("", "kubernetes.io/no-provisioner")

EBS_DRIVER = "ebs.csi.aws.com"
ONE_POD = "ReadWriteOncePod"

IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
TOO_MANY_VOLUMES = "node(s) exceed max volume count"
VOLUME_ELSEWHERE = "node(s) didn't match PersistentVolume's node affinity"
NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
VOLUME_GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
OTHER_ZONE = "node(s) had no available volume zone"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(frozen=True)
class StorageClass:
    """waits: volumeBindingMode WaitForFirstConsumer. `allowed_topologies`: a volume is made where one of them holds."""

    name: str
    provisioner: str = EBS_DRIVER
    waits: bool = True
    allowed_topologies: tuple[Selector, ...] = ()


@dataclass(frozen=True)
class PersistentVolume:
    """A PersistentVolume.

    capacity       bytes.
    node_affinity  required terms on the node's labels: one of them has to hold. Empty: it can be anywhere.
    driver         of CSI, which knows it as `handle`, or by its name. Empty: it is none of CSI's; no limit counts it.
    claim          "namespace/name" of the claim that it is for; empty: it is available.
    """

    name: str
    capacity: int = 0
    storage_class: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    node_affinity: tuple[Selector, ...] = ()
    access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    driver: str = EBS_DRIVER
    handle: str = ""
    claim: str = ""

    @property
    def known_as(self) -> tuple[str, str]:
        """Its driver, and what that knows it by."""
        return self.driver, self.handle or self.name

    def reaches(self, labels: Mapping[str, str]) -> bool:
        return not self.node_affinity or any(term and selects(term, labels) for term in self.node_affinity)


@dataclass(frozen=True)
class Claim:
    """A PersistentVolumeClaim.

    volume         spec.volumeName.
    bound          False: the name is set, and the two are not bound yet.
    request        bytes.
    selector       of the volumes that it may be bound to.
    selected_node  where its volume is being made already.
    lost           its phase is Lost; `deleted`: it is being deleted.
    """

    name: str
    namespace: str = "default"
    storage_class: str = ""
    volume: str = ""
    bound: bool = True
    request: int = 0
    access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    selector: Selector = ()
    selected_node: str = ""
    lost: bool = False
    deleted: bool = False

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Storage:
    """What a cluster has of storage. `attached`: volumes by node that a VolumeAttachment says are at it."""

    claims: tuple[Claim, ...] = ()
    volumes: tuple[PersistentVolume, ...] = ()
    classes: tuple[StorageClass, ...] = ()
    attached: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def _claims(self) -> Mapping[str, Claim]:
        return {claim.key: claim for claim in self.claims}

    @cached_property
    def _volumes(self) -> Mapping[str, PersistentVolume]:
        return {volume.name: volume for volume in self.volumes}

    @cached_property
    def _classes(self) -> Mapping[str, StorageClass]:
        return {one.name: one for one in self.classes}

    def claims_of(self, pod: Pod) -> list[Claim]:
        """Those of the pod's claims that there are."""
        found = (self._claims.get(f"{pod.namespace}/{name}") for name in pod.claims)
        return [claim for claim in found if claim]

    def volume_of(self, claim: Claim) -> PersistentVolume | None:
        return self._volumes.get(claim.volume)

    def attached_to(self, node: str) -> set[tuple[str, str]]:
        """The volumes of CSI that a VolumeAttachment says are at the node, by driver and handle."""
        found = (self._volumes.get(name) for name in self.attached.get(node, ()))
        return {volume.known_as for volume in found if volume and volume.driver}

    def class_of(self, claim: Claim) -> StorageClass | None:
        return self._classes.get(claim.storage_class)

    def waits(self, claim: Claim) -> bool:
        """Whether its volume is chosen together with the node."""
        storage_class = self.class_of(claim)
        return not claim.volume and storage_class is not None and storage_class.waits


def unready(pod: Pod, storage: Storage) -> tuple[str, ...]:
    """Why the pod fits on no node at all, whatever the nodes are; empty: its claims can be looked at."""
    found = storage.claims_of(pod)
    there = {claim.name for claim in found}
    for name in pod.claims:
        if name not in there:
            return (f'persistentvolumeclaim "{name}" not found',)
    for claim in found:
        if claim.lost:
            return (f'persistentvolumeclaim "{claim.name}" bound to non-existent persistentvolume "{claim.volume}"',)
        if claim.deleted:
            return (f'persistentvolumeclaim "{claim.name}" is being deleted',)
    if any(not _is_bound(claim) and not storage.waits(claim) for claim in found):
        return (UNBOUND,)
    return ()


def lacking(
    pod: Pod, node: Node, labels: Mapping[str, str], storage: Storage, there: Sequence[Pod], everywhere: Iterable[Pod]
) -> tuple[str, ...]:
    """Why the pod's volumes cannot be at the node; empty: they can.

    there       the pods on the node.
    everywhere  the pods on all nodes.
    """
    claims = storage.claims_of(pod)
    alone = {claim.name for claim in claims if ONE_POD in claim.access_modes}
    if alone and any(alone & set(other.claims) for other in everywhere if other.namespace == pod.namespace):
        return (IN_USE,)
    if _exceeds(pod, node, storage, there):
        return (TOO_MANY_VOLUMES,)
    return _unbindable(claims, node, labels, storage) or _elsewhere(claims, labels, storage)


def bindings(
    claims: Sequence[Claim], labels: Mapping[str, str], storage: Storage
) -> tuple[dict[str, PersistentVolume], list[Claim]]:
    """Volumes that there are, by claims that wait for a node with these labels; and the claims without one.

    The claim that asks for the least chooses first, and takes the smallest volume that will do; one that was made for
    it comes before all others. Source: component-helpers, storage/volume, *FindMatchingVolume* (observed).
    """
    found: dict[str, PersistentVolume] = {}
    rest = []
    for claim in sorted(claims, key=lambda one: one.request):
        taken = {volume.name for volume in found.values()}
        volume = _matching(claim, [one for one in storage.volumes if one.name not in taken], labels)
        if volume is None:
            rest.append(claim)
        else:
            found[claim.name] = volume
    return found, rest


def _is_bound(claim: Claim) -> bool:
    return bool(claim.volume) and claim.bound


def _matching(claim: Claim, volumes: Sequence[PersistentVolume], labels: Mapping[str, str]) -> PersistentVolume | None:
    large = [one for one in volumes if one.capacity >= claim.request]
    own = next((one for one in large if one.claim == claim.key), None)
    if own:
        return own if own.reaches(labels) else None
    free = [
        one
        for one in large
        if not one.claim
        and one.storage_class == claim.storage_class
        and selects(claim.selector, one.labels)
        and set(claim.access_modes) <= set(one.access_modes)
        and one.reaches(labels)
    ]
    return min(free, key=lambda one: one.capacity, default=None)


def _unbindable(claims: Sequence[Claim], node: Node, labels: Mapping[str, str], storage: Storage) -> tuple[str, ...]:
    bound = [storage.volume_of(claim) for claim in claims if _is_bound(claim)]
    waiting = [claim for claim in claims if not _is_bound(claim)]
    wrong = next((one for one in bound if one is None or not one.reaches(labels)), False)
    found = [VOLUME_ELSEWHERE] if wrong else []
    begun = [claim for claim in waiting if claim.selected_node]
    _, rest = bindings([claim for claim in waiting if not claim.selected_node], labels, storage)
    if any(claim.selected_node != node.name for claim in begun) or not all(
        _is_made(claim, labels, storage) for claim in (*rest, *begun)
    ):
        found.append(NO_VOLUME)
    if wrong is None:
        found.append(VOLUME_GONE)
    return tuple(found)


def _is_made(claim: Claim, labels: Mapping[str, str], storage: Storage) -> bool:
    """Whether a volume is made for the claim where a node has these labels."""
    storage_class = storage.class_of(claim)
    if storage_class is None or storage_class.provisioner in _NO_PROVISIONER:
        return False
    allowed = storage_class.allowed_topologies
    return not allowed or any(term and selects(term, labels) for term in allowed)


def _exceeds(pod: Pod, node: Node, storage: Storage, there: Sequence[Pod]) -> bool:
    wanted = _handles(pod, storage)
    if not wanted or not node.attach_limits:
        return False
    held = {handle for other in there for handle in _handles(other, storage)}
    count = Counter(driver for driver, _ in held | storage.attached_to(node.name))
    new = Counter(driver for driver, _ in wanted - held)
    limits = node.attach_limits
    return any(driver in limits and count[driver] + more > limits[driver] for driver, more in new.items())


def _handles(pod: Pod, storage: Storage) -> set[tuple[str, str]]:
    """Of each of the pod's volumes of CSI its driver, and what the driver knows it by."""
    found = set()
    for claim in storage.claims_of(pod):
        volume, storage_class = storage.volume_of(claim), storage.class_of(claim)
        if volume:
            found.add(volume.known_as)
        elif storage_class:
            found.add((storage_class.provisioner, f"of {claim.key}"))
    return {one for one in found if one[0]}


def _elsewhere(claims: Sequence[Claim], labels: Mapping[str, str], storage: Storage) -> tuple[str, ...]:
    """By zone and region in the volumes' labels; several have "__" between. A node without any is in all of them."""
    if not any(key in labels for key in _TOPOLOGY):
        return ()
    for volume in (storage.volume_of(claim) for claim in claims):
        for key in _TOPOLOGY:
            if volume and key in volume.labels:
                value = labels.get(key, labels.get(_NEW.get(key, key)))
                if value not in volume.labels[key].split("__"):
                    return (OTHER_ZONE,)
    return ()
