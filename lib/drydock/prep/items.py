"""A question of a quiz, and how an answer to it is marked."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from drydock.figures.table import text

LETTERS = "abcdefgh"
NUMBER = re.compile(
    r"\$?\s*(-?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+))\s*(%|[a-z][a-z ]*)?", re.ASCII | re.IGNORECASE
)
LONGEST = 200
"""Characters of an answer."""
PAIR = re.compile(r"([a-h])\s*[-=:]?\s*([1-8])", re.IGNORECASE)

UNITS: Sequence[Mapping[str, float]] = (
    {"MiB": 1, "GiB": 1024, "KiB": 1 / 1024, "TiB": 1024**2, "Mi": 1, "Gi": 1024, "Ki": 1 / 1024},
    {"s": 1, "min": 60, "h": 3600, "ms": 0.001, "seconds": 1, "minutes": 60, "hours": 3600},
    {"CPU units": 1, "vCPU": 1024},
    {"m": 1, "cores": 1000, "CPU": 1000},
)
"""Units that are read in the place of each other, by what they are of."""
_TWO_MEANINGS = {"KB", "MB", "GB", "TB"}


class BadAnswer(ValueError):
    """An answer that cannot be read; the text says what this question takes."""


class Kind(Enum):
    """How a question is answered."""

    NUMBER = "a number"
    CHOICE = "one letter"
    SEVERAL = "letters, in any order"
    ORDER = "letters, in order"
    MATCH = "a number for each letter, such as a2b1"
    LINE = "the number of a line"


@dataclass(frozen=True)
class Item:
    """One question of a quiz.

    right      the answer, as it would be typed: "4", "b", "acd", "a2b1".
    also       other answers that are as right, as where two lines contradict each other.
    working    why: the rule, with the numbers in it.
    traps      other answers and the misconception that gives each.
    shown_in   the notebook that shows the rule, as a path in the repository; empty where only the quiz does.
    options    what the letters a, b, … stand for; `partners` what the numbers 1, 2, … of a match do.
    listing    the file in which a line is sought.
    tolerance  how far off a number may be, as a share of the right one.
    given      the values that the question was made from.
    """

    name: str
    kind: Kind
    prompt: str
    right: str
    working: str
    shown_in: str = ""
    unit: str = ""
    tolerance: float = 0.0
    options: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    listing: str = ""
    also: tuple[str, ...] = ()
    topic: str = ""
    traps: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes(self) -> str:
        """What an answer to it looks like."""
        if self.kind is Kind.NUMBER:
            others = [unit for unit in self._units if unit.lower() != self.unit.lower()][:2]
            also = f"; {' and '.join(others)} are read, too" if others else ""
            return f"a number{f' ({self.unit}{also})' if self.unit else ''}"
        if self.kind is Kind.LINE:
            return f"{self.kind.value}, 1 to {len(self.listing.splitlines())}"
        return f"{self.kind.value}, of {LETTERS[0]} to {LETTERS[len(self.options) - 1]}"

    @property
    def _units(self) -> Mapping[str, float]:
        return next((units for units in UNITS if self.unit in units), {})

    def read(self, typed: str) -> str:
        """The answer as `right` is written. Raises BadAnswer."""
        if not typed.strip():
            raise BadAnswer(f"Nothing was typed; this question takes {self.takes}.")
        if len(typed) > LONGEST:
            raise BadAnswer(f"{len(typed):,} characters are no answer here; this question takes {self.takes}.")
        if self.kind is Kind.NUMBER:
            return self._number(typed)
        if self.kind is Kind.MATCH:
            return self._pairs(typed)
        if self.kind is Kind.LINE:
            line = re.fullmatch(r"(?:line\s*)?(\d{1,4})", typed.strip(), re.ASCII | re.IGNORECASE)
            if not line or not 1 <= int(line[1]) <= len(self.listing.splitlines()):
                raise BadAnswer(f"{typed!r} is no line of this file; this question takes {self.takes}.")
            return str(int(line[1]))
        letters = [letter for letter in typed.lower() if letter not in " ,"]
        known = set(LETTERS[: len(self.options)])
        wanted = {Kind.CHOICE: 1, Kind.ORDER: len(self.options)}.get(self.kind, len(letters))
        if not letters or not set(letters) <= known or len(set(letters)) < len(letters) or len(letters) != wanted:
            raise BadAnswer(f"{typed!r} cannot be an answer here; this question takes {self.takes}.")
        return "".join(letters if self.kind is Kind.ORDER else sorted(letters))

    def _number(self, typed: str) -> str:
        number = NUMBER.fullmatch(typed.strip())
        unit = (number[2] or "").strip().lower() if number else ""
        factors = {name.lower(): factor for name, factor in self._units.items()}
        if number and unit in ("", self.unit.lower(), self.unit.lower().removesuffix("s")):
            return f"{float(number[1].replace(',', '')):.10g}"
        if number and unit in factors:
            return f"{float(number[1].replace(',', '')) * factors[unit] / self._units[self.unit]:.10g}"
        if number and unit.upper() in _TWO_MEANINGS and "MiB" in self._units:
            raise BadAnswer(f"{number[2]} can mean powers of 1000 or of 1024; this question takes {self.takes}.")
        comma = " Write decimals with a point." if re.search(r"\d,\d", typed) else ""
        raise BadAnswer(f"{typed!r} is no number; this question takes {self.takes}.{comma}")

    def _pairs(self, typed: str) -> str:
        pairs = {letter.lower(): number for letter, number in PAIR.findall(typed)}
        said = [letter.lower() for letter, _ in PAIR.findall(typed)]
        rest = PAIR.sub("", typed).strip(" ,;")
        if rest or sorted(said) != list(LETTERS[: len(self.options)]):
            raise BadAnswer(f"{typed!r} does not pair every letter once; this question takes {self.takes}.")
        if not all(1 <= int(number) <= len(self.partners) for number in pairs.values()):
            raise BadAnswer(f"{typed!r} has a number beyond {len(self.partners)}; this question takes {self.takes}.")
        return "".join(f"{letter}{pairs[letter]}" for letter in sorted(pairs))

    def same(self, answer: str, other: str) -> bool:
        """Whether two answers that were `read` count as equal."""
        if self.kind is not Kind.NUMBER:
            return answer == other
        return abs(float(answer) - float(other)) <= self.tolerance * abs(float(other)) + 1e-9

    def mark(self, typed: str) -> Marked:
        """Right or wrong, and why. Raises BadAnswer for what cannot be read."""
        answer = self.read(typed)
        trap = next((why for wrong, why in self.traps.items() if self.same(answer, wrong)), "")
        return Marked(self, answer, any(self.same(answer, one) for one in (self.right, *self.also)), trap)

    def in_words(self, answer: str) -> str:
        """An answer with its unit, or with what its letters stand for; several letters as they are."""
        if self.kind is Kind.NUMBER:
            return f"{float(answer):,.2f} {self.unit}" if self.tolerance else f"{answer} {self.unit}".rstrip()
        if self.kind in (Kind.SEVERAL, Kind.MATCH):  # what they stand for is long, and shown with the question
            return ", ".join(answer if self.kind is Kind.SEVERAL else ("".join(pair) for pair in PAIR.findall(answer)))
        if self.kind is Kind.LINE:
            return f"line {answer}"
        between = ", then " if self.kind is Kind.ORDER else "; "
        return between.join(f"{letter}) {self.options[LETTERS.index(letter)]}" for letter in answer)

    def lines(self) -> list[str]:
        """The question as it is asked: its prompt, and a line for each option."""
        options = [f"{letter}) {option}" for letter, option in zip(LETTERS, self.options, strict=False)]
        return [self.prompt, *options, *(f"{number}) {one}" for number, one in enumerate(self.partners, start=1))]

    def numbered(self) -> list[str]:
        """The lines of its file, each with its number in front."""
        return [f"{number:>3}  {line}" for number, line in enumerate(self.listing.splitlines(), start=1)]

    def _repr_html_(self) -> str:
        file = "\n".join(html.escape(line, quote=False) for line in self.numbered())
        listing = f'<pre style="white-space:pre-wrap"><code>{file}</code></pre>' if file else ""
        numbers = len(self.lines()) - len(self.partners)
        parts = ["<br>".join(map(text, some)) for some in (self.lines()[:numbers], self.lines()[numbers:]) if some]
        return "".join(f"<p>{part}</p>" for part in parts) + listing


@dataclass(frozen=True)
class Marked:
    """An answer that was given. `trap` is the misconception behind it, where it is a known one."""

    item: Item
    answer: str
    right: bool
    trap: str = ""

    @property
    def verdict(self) -> str:
        if self.right:
            return f"Right: {self.item.in_words(self.item.right)}."
        return f"Not right. You said {self.item.in_words(self.answer)}; it is {self.item.in_words(self.item.right)}."

    @property
    def explained(self) -> str:
        """The verdict, the misconception and the working, as HTML."""
        trap = f"<p>{text(self.trap)}</p>" if self.trap and not self.right else ""
        return f"<p><strong>{text(self.verdict)}</strong></p>{trap}<p>{text(self.item.working)}</p>"

    def __repr__(self) -> str:
        trap = [self.trap] if self.trap and not self.right else []
        see = [f"See {self.item.shown_in}."] if self.item.shown_in else []
        return " ".join([self.verdict, *trap, self.item.working, *see])

    def _repr_html_(self) -> str:
        see = f"<p><small>See {self.item.shown_in}.</small></p>" if self.item.shown_in else ""
        return f"{self.explained}{see}"


def matched(pairs: Iterable[int]) -> str:
    """The answer that gives each option, in turn, the partner of this number: "a2b1"."""
    return "".join(f"{letter}{pair}" for letter, pair in zip(LETTERS, pairs, strict=False))


def traps(right: str, *known: tuple[str, str]) -> Mapping[str, str]:
    """The misconceptions that give another answer than the right one; the first named has a doubtful answer."""
    found: dict[str, str] = {}
    for answer, why in known:
        if answer != right:
            found.setdefault(answer, why)
    return found
