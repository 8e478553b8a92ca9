"""Splits: how many requests each was to get, and how many it got."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drydock.figures.figure import COLOURS, Figure
from drydock.policy.traffic import band

Counted = tuple[str, float, int, int]
"""A count: what it is called, the share (0 to 1) that was asked for, how many were counted, of how many requests."""


_BAND = {"color": "rgba(128,128,128,0.15)", "line": {"color": "rgba(128,128,128,0.6)", "width": 1}}
"""Faint enough, on a light and on a dark page, for a mark to stand out; outlined, so that one without width is seen."""
_NARROWEST = 10
"""Requests to each side of zero: fewer would put fractions of a request on the axis."""


def split(counts: Iterable[Counted], *, sigmas: float = 3.0, title: str = "Counted, and expected") -> Figure:
    """A mark for each count, on the band in which it should be: as the distance from what was expected."""
    rows, labels, bars, marks = [], [], [], []
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
        labels.append(f"{name}: {_distance(counted - limits.expected)}")
        bars.append((limits.low - limits.expected, limits.high - limits.expected))
        marks.append((counted - limits.expected, inside))
    names = [row[0] for row in rows]
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "base": [round(low, 2) for low, _ in bars],
            "x": [round(high - low, 2) for low, high in bars],
            "width": 0.5,
            "marker": _BAND,
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "y": names,
            "x": [round(off, 2) for off, _ in marks],
            "marker": {
                "size": 12,
                "color": [COLOURS[0] if inside == "inside" else COLOURS[5] for _, inside in marks],
                "symbol": ["circle" if inside == "inside" else "x" for _, inside in marks],
            },
            "hovertemplate": "%{y}: %{x:+.0f} requests<extra></extra>",
        },
    ]
    drawn = [*(off for off, _ in marks), *(end for ends in bars for end in ends)]
    reach = max([_NARROWEST, *(1.1 * abs(off) for off in drawn)])
    layout: dict[str, Any] = {
        "xaxis": {
            "title": {"text": f"requests more or fewer than expected; bar: the {sigmas:g}σ band"},
            "range": [-round(reach, 1), round(reach, 1)],
            "tickformat": ",d",
            "automargin": True,
        },
        "yaxis": {
            "type": "category",
            "tickvals": names,
            "ticktext": labels,
            "automargin": True,
            "autorange": "reversed",
        },
        "showlegend": False,
        "height": 150 + 60 * len(rows),
    }
    columns = ("Who", "Share", "Requests", "Expected", f"{sigmas:g}σ band", "Counted", "Is")
    return Figure(title, columns, rows, data if rows else [], layout if rows else {})


def _distance(off: float) -> str:
    return f"{abs(off):,.0f} {'more' if off > 0 else 'fewer'}" if round(off) else "as expected"
