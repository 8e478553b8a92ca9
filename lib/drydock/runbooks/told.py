"""Errors for whoever runs a runbook: their text says what is so and what to do, and a traceback would hide it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


class Told(RuntimeError):
    """Shown in a notebook by its text alone."""

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this in place of the traceback."""
        return [f"{type(self).__name__}: {self}"]


def typed(words: Iterable[str]) -> str:
    """What to type in a shell so that it gets exactly these words; control characters as bash and zsh read them."""
    return " ".join(shlex.quote(word) if word.isprintable() else f"$'{_escaped(word)}'" for word in words)


def _escaped(word: str) -> str:
    escaped = {"\\": r"\\", "'": r"\'"}
    return "".join(
        escaped.get(each, each) if each.isprintable() else "".join(f"\\x{byte:02x}" for byte in each.encode())
        for each in word
    )
