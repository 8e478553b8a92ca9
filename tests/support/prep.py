"""Answers to a quiz, and a clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drydock.prep import BadAnswer, Item
from drydock.prep.items import LETTERS

START = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


def wrong_answer(item: Item) -> str:
    """One that can be read and is not right."""
    letters = LETTERS[: len(item.options)]
    tries = ("".join(f"{letter}1" for letter in letters), *letters, letters, letters[::-1], "1", "2", "3", "987654")
    for typed in tries:
        try:
            if not item.mark(typed).right:
                return typed
        except BadAnswer:
            continue
    raise AssertionError(f"nothing is wrong to {item.name}")
