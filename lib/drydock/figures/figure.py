"""A figure and the table of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from drydock.figures import table

MIME = "application/vnd.plotly.v1+json"

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Told apart by colour-blind people too (Okabe and Ito)."""

_AXIS = {"gridcolor": "rgba(128, 128, 128, 0.25)", "zerolinecolor": "rgba(128, 128, 128, 0.5)"}


@dataclass(frozen=True)
class Figure:
    """Plotly `data` and `layout` as plain dicts, and the same numbers as a table.

    Shown in a notebook as two outputs: the figure, of a fixed size in bytes and without random ids, and the
    table, which is there wherever the figure is not drawn.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    data: Sequence[dict[str, Any]] = field(default=(), repr=False)
    layout: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def spec(self) -> dict[str, Any]:
        """The whole plotly figure as JSON has it."""
        return {"data": list(self.data), "layout": {**_house(self.title), **self.layout}}

    def plotly(self) -> Any:
        """As a plotly.graph_objects.Figure, to change or to save."""
        import plotly.graph_objects

        return plotly.graph_objects.Figure(self.spec)

    def __repr__(self) -> str:
        return f"{self.title}\n{table.as_text(self.columns, self.rows)}"

    def _repr_html_(self) -> str:
        title = "" if self._is_drawn else f"<strong>{table.text(self.title)}</strong>"
        return title + table.as_html(self.columns, self.rows)

    @property
    def _is_drawn(self) -> bool:
        return bool(self.data or self.layout)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self._is_drawn:
            display({MIME: self.spec, "text/plain": self.title}, raw=True)
        display({"text/html": self._repr_html_(), "text/plain": repr(self)}, raw=True)


def _house(title: str) -> dict[str, Any]:
    """Readable on a light and on a dark page."""
    return {
        "template": {
            "layout": {"xaxis": _AXIS, "yaxis": _AXIS, "shapedefaults": {"line": {"color": "#8c959f"}}},
        },
        "title": {"text": title, "x": 0, "y": 1, "yanchor": "top", "pad": {"t": 12}, "font": {"size": 15}},
        "font": {"color": "#6e7781", "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(COLOURS),
        "margin": {"l": 60, "r": 20, "t": 50, "b": 45},
        "height": 360,
    }
