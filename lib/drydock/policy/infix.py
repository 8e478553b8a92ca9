"""Expressions with operators between operands: one reader for the small languages of AWS that have them.

Precedence climbing, as in T. Norvell, "Parsing Expressions by Recursive Descent". A language says its words, its
operators and what an operand is; how deep one may be nested is held, so that no text exhausts the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEEPEST = 100


class Malformed(ValueError):
    """A text that is none of the language; `at`: the place in it, counted from 0."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True)
class Word:
    """One word of a text: its kind, which is a group's name of the pattern, and its place. The last is an `end`."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Call:
    name: str
    arguments: Sequence[Any]


@dataclass(frozen=True)
class Unary:
    sign: str
    operand: Any


@dataclass(frozen=True)
class Binary:
    sign: str
    left: Any
    right: Any


def chain(tree: Binary) -> tuple[Any, list[tuple[str, Any]]]:
    """The leftmost operand of operators that were written one after another, and each operator with its right one.

    A text may have very many of them, and the tree of these is as deep.
    """
    found: list[tuple[str, Any]] = []
    left: Any = tree
    while isinstance(left, Binary):
        found.append((left.sign, left.right))
        left = left.left
    return left, found[::-1]


def holds(tree: Any, leaf: Callable[[Any], bool]) -> bool:
    """Whether a tree of AND, OR and NOT is true, given of each leaf whether it is."""
    if isinstance(tree, Unary):
        return not holds(tree.operand, leaf)
    if not isinstance(tree, Binary):
        return leaf(tree)
    first, rest = chain(tree)
    found = holds(first, leaf)
    for sign, right in rest:
        found = (found and holds(right, leaf)) if sign == "AND" else (found or holds(right, leaf))
    return found


def words(text: str, pattern: re.Pattern[str]) -> list[Word]:
    """All words of a text; a group called `space` is left out. Malformed for what is no word."""
    found, at = [], 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None or match.end() == at:
            raise Malformed(f"unexpected symbol {text[at]!r}", at)
        if match.lastgroup and match.lastgroup != "space":
            found.append(Word(match.lastgroup, match[match.lastgroup], at))
        at = match.end()
    return [*found, Word("end", "", len(text))]


class Reader:
    """Reads words from the first to the last.

    binary   how strongly an operator binds, by its text as `sign` gives it; stronger ones first
    unary    the same of operators before an operand
    operand  reads what stands between operators
    sign     what operator a word is, if it is one
    rightly  operators of which the right one of two binds first
    """

    def __init__(
        self,
        found: list[Word],
        *,
        binary: Mapping[str, int],
        unary: Mapping[str, int],
        operand: Callable[[Reader], Any],
        sign: Callable[[Word], str] = lambda word: word.text,
        rightly: frozenset[str] = frozenset(),
    ) -> None:
        self._words = found
        self._binary, self._unary, self._rightly = binary, unary, rightly
        self._operand, self._sign = operand, sign
        self._place = self._depth = 0

    @property
    def next(self) -> Word:
        return self._words[self._place]

    @property
    def after_next(self) -> Word:
        return self._words[min(self._place + 1, len(self._words) - 1)]

    def take(self) -> Word:
        word = self.next
        if word.kind != "end":
            self._place += 1
        return word

    def takes(self, *texts: str) -> Word | None:
        """The next word, if it is one of these; then it is behind us."""
        return self.take() if self.next.kind != "end" and self.next.text in texts else None

    def expect(self, *texts: str) -> Word:
        word = self.takes(*texts)
        if word is None:
            raise self.unexpected(" or ".join(texts))
        return word

    def unexpected(self, instead: str = "") -> Malformed:
        what = "the end" if self.next.kind == "end" else repr(self.next.text)
        return Malformed(f"unexpected {what}{f', expected {instead}' if instead else ''}", self.next.at)

    def whole(self) -> Any:
        """The expression that all words are."""
        found = self.expression()
        if self.next.kind != "end":
            raise self.unexpected()
        return found

    def expression(self, least: int = 0) -> Any:
        """The longest expression from here whose operators bind at least so strongly."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise Malformed("nested too deeply", self.next.at)
        sign = self._sign(self.next)
        if sign in self._unary:
            self.take()
            left: Any = Unary(sign, self.expression(self._unary[sign]))
        else:
            left = self._operand(self)
        while (sign := self._sign(self.next)) in self._binary and self._binary[sign] >= least:
            self.take()
            binds = self._binary[sign]
            left = Binary(sign, left, self.expression(binds if sign in self._rightly else binds + 1))
        self._depth -= 1
        return left
