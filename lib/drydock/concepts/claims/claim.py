"""One statement of a guide: what it says, what comes out when it is computed again, and what holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from drydock.concepts.drawing import percent

Numbers = Mapping[str, float]
"""Computed values by what they are, in words."""

EXACT = 0.001
"""Two numbers that differ by less, relative to the larger, are the same as written."""
ROUNDED = 0.03
"""Two numbers that differ by less are the same but for rounding."""

COLUMNS = ("Claim", "Says (lines of the guide)", "Computed again", "Verdict", "What holds", "Source")


class Verdict(StrEnum):
    RIGHT = "right"
    RIGHT_ARITHMETIC = "right arithmetic"
    """The sum is right; what went into it is not judged by it."""
    ROUNDED = "rounded"
    WRONG_ARITHMETIC = "wrong arithmetic"
    """The guide's own figures do not give its result."""
    WRONG = "wrong"
    OUTDATED = "outdated"
    OVERSIMPLIFIED = "oversimplified"
    """It leaves out something that changes the result, or a condition."""
    INCONSISTENT = "inconsistent"
    """The guides contradict themselves or each other."""
    UNVERIFIABLE = "unverifiable"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "USD": lambda value: f"USD {value:,.2f}",
    "USD an hour": lambda value: f"USD {value:.6f}".rstrip("0").rstrip("."),
    "%": lambda value: percent(value, 1),
    "times": lambda value: f"{value:.2f} times",
    "": lambda value: f"{value:g}",
}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement, judged. Where it has a number, the verdict is derived from numbers and nobody writes it down.

    id          "A2": the letter is the guide's, see `GUIDES`.
    lines       where: "27, 154" in that guide.
    subjects    what it is about; a notebook asks for its claims by these.
    says        the statement, in our words.
    said        its number, or the two ends of its range; in `unit`, percentages as parts of 1.
    own         computed again from the guide's own figures.
    today       computed from dated prices or from policy; the first value is the one to hold `said` against.
    leaves_out  what the guide's sum lacks, where that is why `today` differs.
    judged      verdicts that no number gives. Needed where there is no number.
    holds       what holds today.
    source      of `holds`, and how it is known: documented, observed, derived or computed.
    """

    id: str
    lines: str
    subjects: tuple[str, ...]
    says: str
    holds: str
    source: str
    unit: str = ""
    said: float | tuple[float, float] | None = None
    own: Callable[[], Numbers] | None = None
    today: Callable[[], Numbers] | None = None
    leaves_out: str = ""
    judged: tuple[Verdict, ...] = ()

    def __post_init__(self) -> None:
        if self.said is None and not self.judged:
            raise ValueError(f"{self.id} has no number, so somebody has to judge it: judged=(Verdict.…,).")
        if self.said is not None and self.own is None and self.today is None:
            raise ValueError(f"{self.id} says {self.said} and nothing computes it: own= or today= is missing.")

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Derived from the numbers first, then what was judged; each once."""
        derived = () if self.said is None else (self._derived(self.said),)
        return tuple(dict.fromkeys((*derived, *self.judged)))

    @property
    def verdict(self) -> str:
        return ", ".join(self.verdicts)

    @property
    def recomputed(self) -> str:
        """The computed values in words."""
        own = ", ".join(f"{self._shown(value)} ({what})" for what, value in self._values(self.own))
        today = [f"{what}: {self._shown(value)}" for what, value in self._values(self.today)]
        return "; ".join([*([f"its own figures give {own}"] if own else []), *today])

    @property
    def row(self) -> tuple[str, ...]:
        """Of a table with COLUMNS."""
        return (self.id, f"{self.says} ({self.lines})", self.recomputed, self.verdict, self.holds, self.source)

    def numbers(self) -> dict[str, float]:
        """Every computed value by its words, for a test to hold against known ones."""
        return dict([*self._values(self.own), *self._values(self.today)])

    def _derived(self, said: float | tuple[float, float]) -> Verdict:
        own = [apart(said, value) for _, value in self._values(self.own)]
        if own and min(own) > ROUNDED:
            return Verdict.WRONG_ARITHMETIC
        if own and max(own) > ROUNDED:
            return Verdict.INCONSISTENT
        today = [apart(said, value) for _, value in self._values(self.today)]
        off = today[0] if today else max(own)
        if off <= EXACT:
            return Verdict.RIGHT if today else Verdict.RIGHT_ARITHMETIC
        if off <= ROUNDED:
            return Verdict.ROUNDED
        return Verdict.OVERSIMPLIFIED if self.leaves_out else Verdict.WRONG

    def _shown(self, value: float) -> str:
        return _UNITS[self.unit](value)

    @staticmethod
    def _values(compute: Callable[[], Numbers] | None) -> list[tuple[str, float]]:
        return list(compute().items()) if compute else []


def apart(said: float | tuple[float, float], value: float) -> float:
    """How far `value` lies from what was said, relative to the larger of the two; 0 inside a range."""
    low, high = said if isinstance(said, tuple) else (said, said)
    nearest = min(max(value, low), high)
    return abs(value - nearest) / max(abs(value), abs(nearest)) if value != nearest else 0.0
