"""What the figures of the concepts share: their layout, and how a part of one is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from drydock.figures.figure import COLOURS

LAYOUT: dict[str, Any] = {
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "margin": {"l": 60, "r": 20, "t": 85, "b": 60},
    "height": 400,
}
"""Part of a plotly layout. From above: title, a line of legend, drawing, and the axis' title clear of the table."""


def percent(part: float, digits: int = 0) -> str:
    """0.425 with one digit as "42.5 %"."""
    return f"{100 * part:.{digits}f} %"


def grid(
    columns: Sequence[str], rows: Sequence[str], true: Sequence[Sequence[bool]], *, words: tuple[str, str], no: str
) -> dict[str, Any]:
    """A plotly trace of fields that are true or not. `words`: for those that are not and for those that are."""
    return {
        "type": "heatmap",
        "x": list(columns),
        "y": list(rows),
        "z": [[int(one) for one in row] for row in true],
        "text": [[words[one] for one in row] for row in true],
        "texttemplate": "%{text}",
        "textfont": {"color": "#ffffff"},
        "colorscale": [[0, no], [1, COLOURS[2]]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
    }


def names(title: str, categories: Iterable[str]) -> dict[str, Any]:
    """An axis of names in this order; a vertical one begins at the bottom. It makes room for them beside its title."""
    return {
        "title": {"text": title, "standoff": 12},
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(categories),
        "automargin": True,
    }


def marks(name: str, points: Iterable[tuple[Any, Any]], *, symbol: str, colour: str, size: int = 16) -> dict[str, Any]:
    """A trace of marks at (x, y)."""
    x, y = zip(*points, strict=True) if (points := list(points)) else ((), ())
    marker = {"size": size, "symbol": symbol, "color": colour, "line": {"width": 2, "color": colour}}
    return {"type": "scatter", "mode": "markers", "name": name, "x": list(x), "y": list(y), "marker": marker}


def line(
    name: str,
    x: Sequence[Any],
    y: Sequence[Any],
    *,
    colour: str,
    shape: str = "linear",
    dash: str = "solid",
    width: int = 3,
    **more: Any,
) -> dict[str, Any]:
    """A trace of a line; of shape "hv" it goes in steps. `more` are further fields of the trace, such as its axis."""
    drawn = {"color": colour, "shape": shape, "dash": dash, "width": width}
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y), "line": drawn, **more}
