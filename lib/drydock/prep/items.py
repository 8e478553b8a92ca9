"""A question of a quiz, and how an answer to it is marked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from drydock.figures.table import text

LETTERS = "abcdefgh"
NUMBER = re.compile(r"\$?\s*(-?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+))\s*([a-z ]*)", re.ASCII | re.IGNORECASE)


class BadAnswer(ValueError):
    """An answer that cannot be read; the text says what this question takes."""


class Kind(Enum):
    """How a question is answered."""

    NUMBER = "a number"
    CHOICE = "one letter"
    SEVERAL = "letters, in any order"
    ORDER = "letters, in order"


@dataclass(frozen=True)
class Item:
    """One question of a quiz.

    right      the answer, as it would be typed: "4", "b", "acd".
    working    why: the rule, with the numbers in it.
    traps      other answers and the misconception that gives each.
    shown_in   the notebook that shows the rule, as a path in the repository; empty where only the quiz does.
    options    what the letters a, b, … stand for.
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
    traps: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes(self) -> str:
        """What an answer to it looks like."""
        if self.kind is Kind.NUMBER:
            return f"a number{f' ({self.unit})' if self.unit else ''}"
        return f"{self.kind.value}, of {LETTERS[0]} to {LETTERS[len(self.options) - 1]}"

    def read(self, typed: str) -> str:
        """The answer as `right` is written. Raises BadAnswer."""
        if not typed.strip():
            raise BadAnswer(f"Nothing was typed; this question takes {self.takes}.")
        if self.kind is Kind.NUMBER:
            number = NUMBER.fullmatch(typed.strip())
            if not number or number[2].lower() not in ("", self.unit.lower(), self.unit.lower().removesuffix("s")):
                comma = " Write decimals with a point." if re.search(r"\d,\d", typed) else ""
                raise BadAnswer(f"{typed!r} is no number; this question takes {self.takes}.{comma}")
            return f"{float(number[1].replace(',', '')):.10g}"
        letters = [letter for letter in typed.lower() if letter not in " ,"]
        known = set(LETTERS[: len(self.options)])
        wanted = {Kind.CHOICE: 1, Kind.ORDER: len(self.options)}.get(self.kind, len(letters))
        if not letters or not set(letters) <= known or len(set(letters)) < len(letters) or len(letters) != wanted:
            raise BadAnswer(f"{typed!r} cannot be an answer here; this question takes {self.takes}.")
        return "".join(letters if self.kind is Kind.ORDER else sorted(letters))

    def same(self, answer: str, other: str) -> bool:
        """Whether two answers that were `read` count as equal."""
        if self.kind is not Kind.NUMBER:
            return answer == other
        return abs(float(answer) - float(other)) <= self.tolerance * abs(float(other)) + 1e-9

    def mark(self, typed: str) -> Marked:
        """Right or wrong, and why. Raises BadAnswer for what cannot be read."""
        answer = self.read(typed)
        trap = next((why for wrong, why in self.traps.items() if self.same(answer, wrong)), "")
        return Marked(self, answer, self.same(answer, self.right), trap)

    def in_words(self, answer: str) -> str:
        """An answer with its unit, or with what its letters stand for; several letters as they are."""
        if self.kind is Kind.NUMBER:
            return f"{float(answer):,.2f} {self.unit}" if self.tolerance else f"{answer} {self.unit}".rstrip()
        if self.kind is Kind.SEVERAL:
            return ", ".join(answer)  # what they stand for is long, and shown with the question
        between = ", then " if self.kind is Kind.ORDER else "; "
        return between.join(f"{letter}) {self.options[LETTERS.index(letter)]}" for letter in answer)

    def lines(self) -> list[str]:
        """The question as it is asked: its prompt, and a line for each option."""
        return [self.prompt, *(f"{letter}) {option}" for letter, option in zip(LETTERS, self.options, strict=False))]

    def _repr_html_(self) -> str:
        return f"<p>{'<br>'.join(text(line) for line in self.lines())}</p>"


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
