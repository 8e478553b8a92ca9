"""Tables: in HTML, and the same in plain text."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Sequence

_HYPHENATED = re.compile(r"(?=.{1,20}$)[\w.]+(-[\w.]+)+")
"""A date, or another short word that a browser would break at its hyphens."""


def text(value: object) -> str:
    """`value` as HTML text; `backticks` become code."""
    parts = html.escape(str(value), quote=False).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def as_html(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, breaking: Collection[str] = frozenset()
) -> str:
    """An HTML table. In the columns `breaking` a long word is broken anywhere, so that the others stay in view.

    In the others a date, and any other short word with hyphens, stays on one line.
    """

    def style(name: str, cell: object) -> str:
        if name in breaking:
            return "text-align:left;overflow-wrap:anywhere"
        return "text-align:left" + (";white-space:nowrap" if _HYPHENATED.fullmatch(str(cell)) else "")

    def line(cells: Iterable[object], tag: str) -> str:
        pairs = zip(columns, cells, strict=True)
        fields = (f'<{tag} style="{style(name, cell)}">{text(cell)}</{tag}>' for name, cell in pairs)
        return "<tr>" + "".join(fields) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(columns, 'th')}</thead><tbody>{body}</tbody></table>"


def as_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Plain text, columns aligned."""
    lines = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
