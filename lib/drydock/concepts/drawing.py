"""What the figures of the concepts share: their layout, and how a part of one is written."""

from __future__ import annotations

from typing import Any

LAYOUT: dict[str, Any] = {
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "margin": {"l": 60, "r": 20, "t": 85, "b": 60},
    "height": 400,
}
"""Part of a plotly layout. From above: title, a line of legend, drawing, and the axis' title clear of the table."""


def percent(part: float, digits: int = 0) -> str:
    """0.425 with one digit as "42.5 %"."""
    return f"{100 * part:.{digits}f} %"
