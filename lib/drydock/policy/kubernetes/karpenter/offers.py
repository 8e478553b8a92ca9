"""What can be bought, and who may buy it: instance types with their offerings, and NodePools."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drydock.policy.kubernetes.karpenter.requirements import (
    ARCHITECTURE,
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    NODE_POOL,
    OPERATING_SYSTEM,
    ZONE,
    Requirement,
    Requirements,
    merged,
    of_labels,
    requirement,
)
from drydock.policy.kubernetes.scheduling.model import Taint

ON_DEMAND, SPOT, RESERVED = "on-demand", "spot", "reserved"


@dataclass(frozen=True)
class Offering:
    """An instance type in a zone by a way of paying. `price`: USD an hour."""

    zone: str
    capacity_type: str
    price: float
    available: bool = True

    def suits(self, wanted: Requirements) -> bool:
        """Whether zone and capacity type are among those that are wanted, and it is to be had."""
        zones, kinds = wanted.get(ZONE), wanted.get(CAPACITY_TYPE)
        return (
            self.available
            and (zones is None or zones.allows(self.zone))
            and (kinds is None or kinds.allows(self.capacity_type))
        )


@dataclass(frozen=True, eq=False)
class InstanceType:
    """`requirements` are its labels; `allocatable` what pods may request, `capacity` what limits count."""

    name: str
    requirements: Requirements
    offerings: tuple[Offering, ...]
    capacity: Mapping[str, int]
    allocatable: Mapping[str, int]

    def meets(self, wanted: Requirements) -> bool:
        """Whether its labels do; one that it does not have may be anything."""
        return not any(
            key in self.requirements
            and not self.requirements[key].intersects(one)
            and not (self.requirements[key].may_be_absent and one.may_be_absent)
            for key, one in wanted.items()
        )

    def cheapest(self, wanted: Requirements) -> float:
        """The lowest price of an offering that suits; infinite where none does."""
        return min((one.price for one in self.offerings if one.suits(wanted)), default=math.inf)

    def worst_launch_price(self, wanted: Requirements) -> float:
        """The highest price that a launch may come to: of reserved, else of spot, else of on-demand offerings.

        Source: pkg/cloudprovider/types.go, *WorstLaunchPrice* (observed).
        """
        for kind in (RESERVED, SPOT, ON_DEMAND):
            prices = [one.price for one in self.offerings if one.capacity_type == kind and one.suits(wanted)]
            if prices:
                return max(prices)
        return math.inf

    def price_of(self, zone: str, capacity_type: str) -> float:
        """What a node of it costs there; 0 where there is no such offering, as upstream has it."""
        return next(
            (one.price for one in self.offerings if (one.zone, one.capacity_type) == (zone, capacity_type)), 0.0
        )


def flexibility(types: Sequence[InstanceType], wanted: Requirements) -> tuple[int, dict[str, int]]:
    """How many of the types, from the first on, meet all minValues; and of the labels that lack values, how many.

    Source: pkg/cloudprovider/types.go, *SatisfiesMinValues* (observed): values count that the types have, whether or
    not the requirement allows them.
    """
    asked = {key: one.min_values for key, one in wanted.items() if one.min_values is not None}
    seen: dict[str, set[str]] = {key: set() for key in asked}
    for count, each in enumerate(types, 1):
        for key, values in seen.items():
            if key in each.requirements:
                values.update(each.requirements[key].values)
        if all(len(seen[key]) >= least for key, least in asked.items()):
            return count if asked else 0, {}
    return len(types), {key: len(seen[key]) for key, least in asked.items() if len(seen[key]) < least}


def instance_type(
    name: str,
    *,
    capacity: Mapping[str, int],
    allocatable: Mapping[str, int],
    offerings: Sequence[Offering],
    labels: Mapping[str, str],
    architecture: str = "amd64",
    systems: Sequence[str] = ("linux",),
) -> InstanceType:
    """One with the labels that its name, architecture, systems and offerings give, and `labels`."""
    there = [one for one in offerings if one.available]
    known = merged(
        of_labels({INSTANCE_TYPE: name, ARCHITECTURE: architecture, **labels}),
        requirement(OPERATING_SYSTEM, "In", systems),
        Requirement(ZONE, frozenset(one.zone for one in there)),
        Requirement(CAPACITY_TYPE, frozenset(one.capacity_type for one in there)),
    )
    return InstanceType(name, known, tuple(offerings), capacity, allocatable)


@dataclass(frozen=True)
class NodePool:
    """A karpenter.sh/v1 NodePool, as far as it decides where pods go and which nodes do.

    weight   a higher one is tried first.
    limits   by resource, of all its nodes together; `nodes` counts them.
    policy   consolidationPolicy: WhenEmpty, WhenEmptyOrUnderutilized or Balanced.
    consolidates  False: consolidateAfter is Never.
    """

    name: str
    requirements: Requirements = field(default_factory=dict)
    weight: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    policy: str = "WhenEmptyOrUnderutilized"
    consolidates: bool = True

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f"consolidationPolicy {self.policy!r} is none of {', '.join(POLICIES)}.")
        if not 0 <= self.weight <= 100:
            raise ValueError(f"weight is from 1 to 100, or 0 for none, not {self.weight}.")

    @property
    def wanted(self) -> dict[str, Requirement]:
        """Its requirements, its labels, and its own name."""
        return merged(self.requirements, of_labels({**self.labels, NODE_POOL: self.name}))


POLICIES = ("WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced")
