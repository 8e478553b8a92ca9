"""Pages of a list, each named by the place at which the next one begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
_LONGEST = 9
"""Digits of a place; no list is so long that it has more."""


def place(token: str | None) -> int | None:
    """Where a page begins: at 0 without a token, and None where no page was ever named so."""
    said = token or "0"
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= _LONGEST else None


def page(found: Sequence[Item], first: int, size: int, token: str = "nextToken") -> tuple[list[Item], dict[str, str]]:
    """The items from a place on, and {`token`: the place of the next page} where there is one."""
    last = first + size
    return list(found[first:last]), {token: str(last)} if last < len(found) else {}
