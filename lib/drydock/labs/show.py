"""How a lab speaks in a notebook: a bordered box that is plain text wherever HTML is not shown."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_COLOURS = {"passed": "#2a7d2e", "wrong": "#b3261e", "not started": "#8a6d00", "note": "#1f6feb"}


def text(value: object) -> str:
    """`value` as HTML text; `backticks` become code."""
    parts = html.escape(str(value), quote=False).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def code(source: str) -> str:
    """`source` as a block of HTML."""
    return f"<pre><code>{html.escape(source, quote=False)}</code></pre>"


def box(tone: str, heading: str, body: str) -> str:
    """A box of HTML; `tone` is a check's state or "note"; `body` is HTML already."""
    return (
        f'<div style="border-left:4px solid {_COLOURS[tone]};padding:.3em .8em;margin:.2em 0">'
        f"<strong>{text(heading)}</strong>{'<br>' if body else ''}{body}</div>"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table."""
    head = "".join(f'<th style="text-align:left">{text(column)}</th>' for column in columns)
    lines = (
        "<tr>" + "".join(f'<td style="text-align:left">{text(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def plain_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same table in plain text, columns aligned."""
    lines = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
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
        return box(self.tone, self.heading, self.html or text(self.plain))
