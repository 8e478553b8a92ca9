"""How a lab speaks in a notebook: a bordered box that is plain text wherever HTML is not shown."""

from __future__ import annotations

import html
from dataclasses import dataclass

from drydock.figures.table import as_html as table
from drydock.figures.table import as_text as plain_table
from drydock.figures.table import text

__all__ = ["Note", "box", "code", "plain_table", "table", "text"]

_COLOURS = {"passed": "#2a7d2e", "wrong": "#b3261e", "not started": "#8a6d00", "note": "#1f6feb"}


def code(source: str) -> str:
    """`source` as a block of HTML."""
    return f"<pre><code>{html.escape(source, quote=False)}</code></pre>"


def box(tone: str, heading: str, body: str) -> str:
    """A box of HTML; `tone` is a check's state or "note"; `body` is HTML already."""
    return (
        f'<div style="border-left:4px solid {_COLOURS[tone]};padding:.3em .8em;margin:.2em 0">'
        f"<strong>{text(heading)}</strong>{'<br>' if body else ''}{body}</div>"
    )


@dataclass(frozen=True)
class Note:
    """Something said: as a box in HTML, or as plain text."""

    heading: str
    plain: str = ""
    html: str = ""
    tone: str = "note"

    def __repr__(self) -> str:
        return f"{self.heading}\n{self.plain}".rstrip()

    def _repr_html_(self) -> str:
        return box(self.tone, self.heading, self.html or text(self.plain).replace("\n", "<br>"))
