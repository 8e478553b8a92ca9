"""How an hour's usage is charged under Savings Plans: commitments in USD an hour, spent on usage at lower rates.

Source: Savings Plans User Guide, "Understanding how Savings Plans apply to your AWS usage" (documented): Reserved
Instances first, then EC2 Instance Savings Plans, then Compute Savings Plans; within a kind the usage with the highest
saving first, of equal savings the lowest rate first; what is left is charged on demand, and what is left of a
commitment is paid all the same. Plans of one kind are spent in the order in which they are given, which is our own
choice: here all plans of a kind have the same rates, so it changes no sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

_DUST = 1e-9


class Kind(StrEnum):
    """``savingsPlanType`` of the API."""

    EC2_INSTANCE = "EC2Instance"
    COMPUTE = "Compute"


@dataclass(frozen=True)
class Usage:
    """`units` of something in one hour, all of one Region.

    on_demand      USD a unit, list price
    compute_rate   USD a unit under a Compute Savings Plan; None: no such plan covers it
    instance_rate  USD a unit under an EC2 Instance Savings Plan of its `family`; None: no such plan covers it
    """

    what: str
    units: float
    on_demand: float
    compute_rate: float | None = None
    instance_rate: float | None = None
    family: str = ""

    def rate(self, plan: Plan) -> float | None:
        """USD a unit under this plan; None where it does not cover the usage."""
        if plan.kind is Kind.COMPUTE:
            return self.compute_rate
        return self.instance_rate if plan.family == self.family else None


@dataclass(frozen=True)
class Plan:
    """A commitment in USD an hour. `family` ("m5") is for EC2 Instance plans."""

    kind: Kind
    commitment: float
    family: str = ""


@dataclass(frozen=True)
class Covered:
    """Units of a usage that a plan pays for, at its rate."""

    what: str
    kind: Kind
    units: float
    rate: float


@dataclass(frozen=True)
class Hour:
    """One hour's bill. USD throughout.

    covered     what plans paid for, in the order in which they were spent
    on_demand   charged at list price
    committed   of all plans, used or not
    """

    covered: Sequence[Covered]
    on_demand: float
    committed: float

    @property
    def used(self) -> float:
        """What of the commitments was spent."""
        return math.fsum(one.units * one.rate for one in self.covered)

    @property
    def total(self) -> float:
        return self.committed + self.on_demand


def hour(usage: Iterable[Usage], plans: Iterable[Plan]) -> Hour:
    """One hour under these plans.

    Raises ValueError for a commitment or units below 0, and for an EC2 Instance plan without a family.
    """
    used, bought = tuple(usage), tuple(plans)
    left = [one.units for one in used]
    for plan in bought:
        if plan.commitment < 0:
            raise ValueError(f"A commitment is a sum of USD an hour, 0 or more, not {plan.commitment:g}.")
        if plan.kind is Kind.EC2_INSTANCE and not plan.family:
            raise ValueError('An EC2 Instance Savings Plan is for one instance family, such as "m5": name it.')
    for one in used:
        if one.units < 0:
            raise ValueError(f"{one.what}: there cannot be {one.units:g} units of it.")
    covered: list[Covered] = []
    for kind in (Kind.EC2_INSTANCE, Kind.COMPUTE):
        for plan in (each for each in bought if each.kind is kind):
            money = plan.commitment
            for index, rate in _order(used, plan):
                units = min(left[index], money / rate if rate else left[index])
                if units <= _DUST:
                    continue
                covered.append(Covered(used[index].what, kind, units, rate))
                left[index] -= units
                money -= units * rate
    return Hour(
        tuple(covered),
        math.fsum(left[index] * one.on_demand for index, one in enumerate(used)),
        math.fsum(plan.commitment for plan in bought),
    )


def _order(used: Sequence[Usage], plan: Plan) -> list[tuple[int, float]]:
    """The usages that the plan covers with their rates: largest saving first, then lowest rate."""
    rated = [(index, one, one.rate(plan)) for index, one in enumerate(used)]
    covers = [(index, one, rate) for index, one, rate in rated if rate is not None and one.on_demand]
    ordered = sorted(covers, key=lambda each: (-round(1 - each[2] / each[1].on_demand, 9), each[2]))
    return [(index, rate) for index, _, rate in ordered]
