"""Quantities of resources: "250m", "1.5Gi", "1e3".

Source: kubernetes/apimachinery, pkg/api/resource/quantity.go (observed); Kubernetes API, *Quantity* (documented). A
quantity is exact to a billionth, rounded up. With a binary suffix it is no larger than 2^63 - 1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering

DECIMAL, BINARY, EXPONENT = "DecimalSI", "BinarySI", "DecimalExponent"
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_MOST = 2**63 - 1
_TEXT = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:([eE])([+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)")


@total_ordering
@dataclass(frozen=True, eq=False)
class Quantity:
    """An amount, and the suffixes it is written with.

    amount  in the resource's unit: cores, bytes.
    format  "DecimalSI", "BinarySI" or "DecimalExponent".
    """

    amount: Fraction
    format: str = DECIMAL

    @property
    def value(self) -> int:
        """In whole units, rounded up, away from 0: bytes."""
        return _away(self.amount)

    @property
    def milli(self) -> int:
        """In thousandths, rounded up, away from 0: millicores."""
        return _away(self.amount * 1000)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount

    def __lt__(self, other: Quantity) -> bool:
        return self.amount < other.amount

    def __hash__(self) -> int:
        return hash(self.amount)

    def __str__(self) -> str:
        """As it is written canonically: without a point, and with the largest suffix that allows it."""
        if not self.amount:
            return "0"
        if self.format == BINARY and abs(self.amount) >= 1024 and self.amount.denominator == 1:
            power = max((bits for bits in _BINARY.values() if not self.amount.numerator % 2**bits), default=0)
            suffix = {bits: name for name, bits in _BINARY.items()}.get(power, "")
            return f"{self.amount.numerator // 2**power}{suffix}"
        tens = next(power for power in range(300, -10, -3) if (self.amount / Fraction(10) ** power).denominator == 1)
        number = (self.amount / Fraction(10) ** tens).numerator
        if self.format == EXPONENT or tens > 18:
            return f"{number}e{tens}" if tens else str(number)
        return str(number) + {power: name for name, power in _DECIMAL.items()}[tens]


def _away(amount: Fraction) -> int:
    return math.ceil(amount) if amount > 0 else math.floor(amount)


def parse(text: str) -> Quantity:
    """A quantity as a manifest has it. Raises ValueError."""
    found = _TEXT.fullmatch(text)
    if not found or not text or not text.lstrip("+-") or text.lstrip("+-")[0] not in "0123456789.":
        raise ValueError(
            f"{text!r} is no quantity. It is a number and one of the suffixes n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, "
            "Ti, Pi and Ei, or an exponent: 250m, 1.5Gi, 1e3."
        )
    sign, whole, part, e, exponent, suffix = found.groups()
    number = Fraction(int((whole or "0") + (part or "")), 10 ** len(part or ""))
    if suffix in _BINARY:
        shape, number = BINARY, number * 2 ** _BINARY[suffix]
    elif e:
        shape, number = EXPONENT, number * Fraction(10) ** int(exponent)
    else:
        shape, number = DECIMAL, number * Fraction(10) ** _DECIMAL[suffix or ""]
    if shape == BINARY and 0 < number < 1:
        shape = DECIMAL
    number = Fraction(math.ceil(number * 10**9), 10**9)
    if number > _MOST and shape == BINARY:
        number = Fraction(_MOST)
    return Quantity(-number if sign == "-" else number, shape)
