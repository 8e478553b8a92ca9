"""Which nodes are no longer what their NodePool and EC2NodeClass ask for, and which of them is replaced next."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.policy.kubernetes.karpenter.consolidation import Move, Running, simulated
from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, RESERVED, InstanceType, NodePool
from drydock.policy.kubernetes.karpenter.requirements import (
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    ZONE,
    incompatible,
    of_labels,
)
from drydock.policy.kubernetes.karpenter.topology import NOWHERE
from drydock.policy.kubernetes.scheduling.model import Pod

DRIFTED = "Drifted"
"""The reason of the budgets."""
TYPE_CHECKED_AFTER = 3600
"""Seconds after a node's creation: until then its instance type is not looked for."""
_UNIT = {"h": 3600, "m": 60, "s": 1}
_PARTS = re.compile(r"(\d+)([hms])")


def reason(
    labels: Mapping[str, str],
    pool: NodePool,
    types: Sequence[InstanceType],
    *,
    age: float = math.inf,
    template_changed: bool = False,
    provider: str = "",
) -> str:
    """Why a node with these labels is drifted: Karpenter's word for it; empty: it is not.

    age               seconds since it was made.
    template_changed  see `template_changed`.
    provider          what `ec2_reason` says.

    In this order: NodePoolDrifted; RequirementsDrifted, where the labels do not meet the NodePool's requirements as
    they are now; InstanceTypeNotFound, where there is no such type any more, or no offering in the zone by the node's
    way of paying, available or not; then the provider's. A reserved node may have fallen back to on-demand. Source:
    pkg/controllers/nodeclaim/disruption/drift.go (observed).
    """
    if template_changed:
        return "NodePoolDrifted"
    if incompatible(of_labels(labels), pool.requirements, undefined=NOWHERE):
        return "RequirementsDrifted"
    if age > TYPE_CHECKED_AFTER and not _is_offered(labels, types):
        return "InstanceTypeNotFound"
    return provider


def _is_offered(labels: Mapping[str, str], types: Iterable[InstanceType]) -> bool:
    kind = labels.get(CAPACITY_TYPE)
    kinds = (RESERVED, ON_DEMAND) if kind == RESERVED else (kind,)
    return any(
        (kind is None or one.capacity_type in kinds) and labels.get(ZONE, one.zone) == one.zone
        for each in types
        if each.name == labels.get(INSTANCE_TYPE)
        for one in each.offerings
    )


def template_changed(now: Mapping[str, Any], made: Mapping[str, Any] | None) -> bool:
    """Whether a NodePool's manifest differs from the one that a node was made by in what every node gets from it.

    These are labels, annotations, taints, startupTaints, nodeClassRef, expireAfter and terminationGracePeriod of the
    template; requirements, limits, weight and disruption are not. None: not known, and no drift. Source: the `hash`
    tags of pkg/apis/v1/nodepool.go (observed).
    """
    return made is not None and _template(now) != _template(made)


def _template(manifest: Mapping[str, Any]) -> Hashable:
    template = manifest["spec"]["template"]
    spec = {key: value for key, value in template["spec"].items() if key != "requirements"}
    spec["expireAfter"] = _seconds(spec.get("expireAfter", "720h"))
    spec["terminationGracePeriod"] = _seconds(spec.get("terminationGracePeriod"))
    metadata = template.get("metadata") or {}
    return _hashed({"labels": metadata.get("labels"), "annotations": metadata.get("annotations"), **spec})


_DISCOVERED = frozenset(
    {
        "subnetSelectorTerms", "securityGroupSelectorTerms", "capacityReservationSelectorTerms", "amiSelectorTerms",
        "ipPrefixCount", "amiFamily",
    }
)  # fmt: skip


def class_changed(now: Mapping[str, Any], made: Mapping[str, Any] | None) -> bool:
    """Whether an EC2NodeClass's manifest differs from the one that a node was made by in what is not discovered.

    Selectors are not compared, what they find is (see `ec2_reason`). Both as the API holds them, with its defaults.
    None: not known, and no drift. Source: karpenter-provider-aws, the `hash` tags of pkg/apis/v1/ec2nodeclass.go
    (observed).
    """
    return made is not None and _class(now) != _class(made)


def _class(manifest: Mapping[str, Any]) -> Hashable:
    spec = manifest["spec"]
    aliases = [one["alias"].partition("@")[0] for one in spec.get("amiSelectorTerms") or () if one.get("alias")]
    family = (spec.get("amiFamily") or next(iter(aliases), "Custom")).lower()
    return _hashed({**{key: value for key, value in spec.items() if key not in _DISCOVERED}, "family": family})


def _hashed(value: Any) -> Hashable:
    """As a value to compare: what is empty is not there, and lists have no order."""
    if isinstance(value, Mapping):
        pairs = ((key, _hashed(one)) for key, one in value.items())
        return frozenset((key, one) for key, one in pairs if one not in (None, "", frozenset()))
    if isinstance(value, list | tuple):
        return frozenset(map(_hashed, value))
    return value  # type: ignore[no-any-return]


def _seconds(text: str | None) -> int | None:
    if text is None or text == "Never":
        return None
    if not re.fullmatch(r"(\d+[hms])+", text):
        raise ValueError(f"duration {text!r} is not of hours, minutes and seconds, such as 720h or 1h30m.")
    return sum(int(amount) * _UNIT[unit] for amount, unit in _PARTS.findall(text))


@dataclass(frozen=True)
class Ec2:
    """What an instance has of its EC2NodeClass."""

    image: str
    subnet: str
    security_groups: frozenset[str]
    reservation: str = ""
    placement_group: str = ""


@dataclass(frozen=True)
class Discovered:
    """What an EC2NodeClass's selectors find now. `images`: those for the instance's type."""

    images: Collection[str]
    subnets: Collection[str]
    security_groups: Collection[str]
    reservations: Collection[str] = ()
    placement_group: str = ""


def ec2_reason(instance: Ec2, found: Discovered, *, class_changed: bool = False) -> str:
    """Why an instance is drifted from its EC2NodeClass; empty: it is not.

    Raises ValueError where a selector finds nothing: then Karpenter cannot tell, and waits. Source:
    karpenter-provider-aws, pkg/cloudprovider/drift.go (observed).
    """
    if class_changed:
        return "NodeClassDrift"
    for what, there in (("AMI", found.images), ("security group", found.security_groups), ("subnet", found.subnets)):
        if not there:
            raise ValueError(f"The EC2NodeClass finds no {what}: whether the node is drifted cannot be told.")
    checks = {
        "AMIDrift": instance.image not in found.images,
        "SecurityGroupDrift": instance.security_groups != set(found.security_groups),
        "SubnetDrift": instance.subnet not in found.subnets,
        "CapacityReservationDrift": bool(instance.reservation) and instance.reservation not in found.reservations,
        "PlacementGroupDrift": instance.placement_group != found.placement_group,
    }
    return next((name for name, drifted in checks.items() if drifted), "")


def drift(
    nodes: Sequence[Running],
    pools: Sequence[NodePool],
    types: Sequence[InstanceType],
    drifted: Mapping[str, float],
    *,
    allowed: Mapping[str, int] | None = None,
    daemons: Sequence[Pod] = (),
) -> Move | None:
    """The next drifted node that goes, with the nodes that come for its pods; None: none can.

    drifted  since when, in seconds, by the node's name.
    allowed  how many nodes of each pool may go for the reason Drifted (see `budgets.allowed`); not named: any number.

    Nodes without pods first, then the longest drifted; one at a time, whatever it costs. A node whose pods would not
    all find a place stays, and the next one is looked at. Upstream does this after the empty nodes and before the
    underutilized ones, and new nodes are ready before the old one goes. Pods that may not be evicted hold their node
    up, unless it has a terminationGracePeriod: then it goes at once, no place is made for them, and they end with it.

    Source: pkg/controllers/disruption/drift.go (observed). Left out: NodePools with `replicas`, an alpha feature.
    """
    candidates = [
        one
        for one in nodes
        if one.node.name in drifted
        and one.disruptable
        and (one.terminates or not one.held)
        and any(pool.name == one.pool for pool in pools)
        and (allowed or {}).get(one.pool, 1) > 0
    ]
    for one in sorted(candidates, key=lambda one: (bool(one.moved), drifted[one.node.name], one.node.name)):
        plan = simulated([one], nodes, pools, types, daemons, settled_only=False)
        if not plan.unscheduled:
            return Move(DRIFTED, (one,), tuple(plan.new), plan.existing)
    return None
