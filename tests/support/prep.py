"""Answers to a quiz, for a test."""

from __future__ import annotations

from drydock.prep import BadAnswer, Item
from drydock.prep.items import LETTERS


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
