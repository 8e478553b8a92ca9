"""Conditions on a label as sets of values, and their intersection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

ZONE = "topology.kubernetes.io/zone"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
ARCHITECTURE = "kubernetes.io/arch"
OPERATING_SYSTEM = "kubernetes.io/os"
NODE_POOL = "karpenter.sh/nodepool"

WELL_KNOWN = frozenset(
    {
        ZONE, CAPACITY_TYPE, INSTANCE_TYPE, ARCHITECTURE, OPERATING_SYSTEM, NODE_POOL,
        "topology.kubernetes.io/region", "node.kubernetes.io/windows-build",
        *(f"karpenter.k8s.aws/instance-{what}" for what in (
            "category", "family", "generation", "size", "cpu", "memory", "hypervisor", "local-nvme", "gpu-name",
            "gpu-count", "gpu-manufacturer", "gpu-memory", "network-bandwidth", "ebs-bandwidth", "cpu-manufacturer",
            "encryption-in-transit-supported", "accelerator-name", "accelerator-manufacturer", "accelerator-count",
        )),
    }
)  # fmt: skip
"""Labels that an instance has by itself: a NodePool that does not name one allows any value of it."""

_OLD_NAMES = {
    "failure-domain.beta.kubernetes.io/zone": ZONE,
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/arch": ARCHITECTURE,
    "beta.kubernetes.io/os": OPERATING_SYSTEM,
    "beta.kubernetes.io/instance-type": INSTANCE_TYPE,
}
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte")
MOST_MIN_VALUES = 50
_FIELDS = {"key", "operator", "values", "minValues"}
_WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Requirement:
    """The values of `key` that are allowed: `values`, or with `complement` all others, within the bounds.

    Neither values nor complement: the label must not be there. Made by `requirement`.

    min_values  how many values of the label the instance types of a launch have together, at the least.
    """

    key: str
    values: frozenset[str] = frozenset()
    complement: bool = False
    gte: int | None = None
    lte: int | None = None
    min_values: int | None = None

    @property
    def operator(self) -> str:
        if self.complement:
            return "NotIn" if self.values else "Exists"
        return "In" if self.values else "DoesNotExist"

    @property
    def may_be_absent(self) -> bool:
        return self.operator in ("NotIn", "DoesNotExist")

    def allows(self, value: str) -> bool:
        return (value in self.values) != self.complement and _within(value, self.gte, self.lte)

    def intersection(self, other: Requirement) -> Requirement:
        """What both allow, with the higher of their minValues."""
        least = max((one.min_values for one in (self, other) if one.min_values is not None), default=None)
        gte, lte = _strictest(self, other)
        if gte is not None and lte is not None and gte > lte:
            return Requirement(self.key, min_values=least)
        complement = self.complement and other.complement
        if complement:
            values = self.values | other.values
        elif self.complement:
            values = other.values - self.values
        elif other.complement:
            values = self.values - other.values
        else:
            values = self.values & other.values
        kept = frozenset(value for value in values if _within(value, gte, lte))
        return Requirement(self.key, kept, complement, gte if complement else None, lte if complement else None, least)

    def intersects(self, other: Requirement) -> bool:
        """Whether there is a value that both allow; two complements within bounds that meet always have one."""
        gte, lte = _strictest(self, other)
        if gte is not None and lte is not None and gte > lte:
            return False
        if self.complement and other.complement:
            return True
        common = self.intersection(other)
        return bool(common.values)

    def __str__(self) -> str:
        bounds = f" >={self.gte}" * (self.gte is not None) + f" <={self.lte}" * (self.lte is not None)
        values = f" [{', '.join(sorted(self.values))}]" if self.values else ""
        least = f" minValues {self.min_values}" * (self.min_values is not None)
        return f"{self.key} {self.operator}{values}{bounds}{least}"


Requirements = Mapping[str, Requirement]
"""By label; what is not named allows everything."""


def requirement(key: str, operator: str, values: Iterable[str] = (), min_values: int | None = None) -> Requirement:
    """A requirement as a NodePool or a node affinity has it. Old names of labels become today's.

    Raises ValueError for an operator there is not, for values that it does not take, and for minValues that the API of
    a NodePool refuses.
    """
    given = [values] if isinstance(values, str) else list(values)
    if isinstance(values, str) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"{key}: values are a list of texts, such as ['4'], not {values!r}.")
    one = _of(_OLD_NAMES.get(key, key), operator, frozenset(given))
    if min_values is None:
        return one
    if not isinstance(min_values, int) or not 1 <= min_values <= MOST_MIN_VALUES:
        raise ValueError(f"{one.key}: minValues is from 1 to {MOST_MIN_VALUES}, not {min_values!r}.")
    if operator == "In" and len(one.values) < min_values:
        raise ValueError(f"{one.key}: minValues {min_values} needs at least so many values, not {len(one.values)}.")
    return replace(one, min_values=min_values)


def _of(key: str, operator: str, given: frozenset[str]) -> Requirement:
    if operator not in OPERATORS:
        raise ValueError(f"{key}: operator {operator!r} is none of {', '.join(OPERATORS)}.")
    if operator in ("In", "NotIn"):
        if not given:
            raise ValueError(f"{key}: {operator} needs at least one value.")
        return Requirement(key, given, operator == "NotIn")
    if operator in ("Exists", "DoesNotExist"):
        if given:
            raise ValueError(f"{key}: {operator} takes no values.")
        return Requirement(key, complement=operator == "Exists")
    if len(given) != 1 or not _WHOLE.fullmatch(bound := next(iter(given))):
        raise ValueError(f"{key}: {operator} takes one whole number, not {', '.join(sorted(given)) or 'nothing'}.")
    number = int(bound)
    if operator in ("Gt", "Gte"):
        return Requirement(key, complement=True, gte=number + (operator == "Gt"))
    return Requirement(key, complement=True, lte=number - (operator == "Lt"))


def requirements(given: Iterable[Mapping[str, Any]]) -> dict[str, Requirement]:
    """Of a list of {key, operator, values, minValues}, as manifests have it. Raises ValueError for other fields."""
    given = list(given)
    for one in given:
        if not {"key", "operator"} <= one.keys() <= _FIELDS:
            raise ValueError(f"A requirement has key and operator, and may have values and minValues, not {dict(one)}.")
    return merged(
        *(requirement(one["key"], one["operator"], one.get("values") or (), one.get("minValues")) for one in given)
    )


def of_labels(labels: Mapping[str, str]) -> dict[str, Requirement]:
    return merged(*(requirement(key, "In", (value,)) for key, value in labels.items()))


def merged(*given: Requirement | Requirements) -> dict[str, Requirement]:
    """All of them at once: requirements on the same label are intersected."""
    found: dict[str, Requirement] = {}
    for each in given:
        for one in (each,) if isinstance(each, Requirement) else each.values():
            found[one.key] = one.intersection(found[one.key]) if one.key in found else one
    return found


def incompatible(have: Requirements, asked: Requirements, *, undefined: frozenset[str] = WELL_KNOWN) -> str:
    """Why what is `asked` for cannot be had of `have`; empty: it can.

    A label that `have` does not name has to be one of `undefined`, the instance's own, unless it may be absent.
    Source: pkg/scheduling/requirements.go, *Compatible* (observed).
    """
    for key, one in asked.items():
        if key not in undefined and key not in have and not one.may_be_absent:
            return f'label "{key}" does not have known values'
    for key in have.keys() & asked.keys():
        mine, theirs = have[key], asked[key]
        if not mine.intersects(theirs) and not (theirs.may_be_absent and mine.may_be_absent):
            return f"{theirs} is not in {mine}"
    return ""


def _strictest(one: Requirement, other: Requirement) -> tuple[int | None, int | None]:
    least = [bound for bound in (one.gte, other.gte) if bound is not None]
    most = [bound for bound in (one.lte, other.lte) if bound is not None]
    return max(least, default=None), min(most, default=None)


def _within(value: str, gte: int | None, lte: int | None) -> bool:
    if gte is None and lte is None:
        return True
    if not _WHOLE.fullmatch(value):
        return False
    return (gte is None or int(value) >= gte) and (lte is None or int(value) <= lte)
