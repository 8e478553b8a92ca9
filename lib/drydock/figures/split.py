"""Splits: how many requests each was to get, and how many it got."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drydock.figures.figure import COLOURS, Figure
from drydock.policy.traffic import band

Counted = tuple[str, float, int, int]
"""A count: what it is called, the share (0 to 1) that was asked for, how many were counted, of how many requests."""


def split(counts: Iterable[Counted], *, sigmas: float = 3.0, title: str = "Counted, and expected") -> Figure:
    """A mark for each count, beside the band in which it should be: as the distance from what was expected."""
    rows, bars, marks = [], [], []
    for name, share, counted, requests in counts:
        limits = band(requests, share, sigmas=sigmas)
        inside = "inside" if limits.holds(counted) else "outside"
        rows.append(
            (
                name,
                f"{share:.1%}",
                f"{requests:,}",
                f"{limits.expected:,.0f}",
                f"{limits.low:,} to {limits.high:,}",
                f"{counted:,}",
                inside,
            )
        )
        bars.append((name, limits.low - limits.expected, limits.high - limits.low))
        marks.append((name, counted - limits.expected, inside))
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [name for name, _, _ in bars],
            "base": [round(low, 2) for _, low, _ in bars],
            "x": [round(width, 2) for _, _, width in bars],
            "width": 0.5,
            "marker": {"color": COLOURS[4], "opacity": 0.5},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers+text",
            "y": [name for name, _, _ in marks],
            "x": [round(off, 2) for _, off, _ in marks],
            "text": [f"{off:+,.0f}" if round(off) else "0" for _, off, _ in marks],
            "textposition": "top center",
            "marker": {
                "size": 12,
                "color": [COLOURS[0] if inside == "inside" else COLOURS[5] for _, _, inside in marks],
                "symbol": ["circle" if inside == "inside" else "x" for _, _, inside in marks],
            },
            "hovertemplate": "%{y}: %{x:+.0f} requests<extra></extra>",
        },
    ]
    layout: dict[str, Any] = {
        "xaxis": {
            "title": {"text": f"requests more or fewer than expected; bars: the {sigmas:g}σ band"},
            "zerolinecolor": "#8c959f",
            "automargin": True,
        },
        "yaxis": {"type": "category", "automargin": True, "autorange": "reversed"},
        "showlegend": False,
        "height": 150 + 60 * len(rows),
    }
    columns = ("Who", "Share", "Requests", "Expected", f"{sigmas:g}σ band", "Counted", "Is")
    return Figure(title, columns, rows, data if rows else [], layout if rows else {})
