"""A figure with controls that redraw it where somebody can move them, and the figure alone everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.attended import attended
from drydock.figures import Figure
from drydock.figures.figure import MIME
from drydock.notebooks import show


@dataclass(frozen=True)
class Slider:
    """A whole number from `minimum` to `maximum`; a `value` outside them widens them."""

    value: int
    minimum: int
    maximum: int
    label: str = ""
    step: int = 1

    def widget(self, name: str) -> Any:
        import ipywidgets

        return ipywidgets.IntSlider(
            value=self.value,
            min=min(self.minimum, self.value),
            max=max(self.maximum, self.value),
            step=self.step,
            description=self.label or name,
            style={"description_width": "14em"},
            layout={"width": "37em", "max_width": "100%"},
        )


@dataclass(frozen=True)
class Choice:
    """One of `options`; a `value` that is none of them comes first."""

    value: Any
    options: Sequence[Any]
    label: str = ""

    def widget(self, name: str) -> Any:
        import ipywidgets

        options = list(self.options) if self.value in self.options else [self.value, *self.options]
        return ipywidgets.Dropdown(
            value=self.value,
            options=options,
            description=self.label or name,
            style={"description_width": "14em"},
            layout={"width": "37em", "max_width": "100%"},
        )


def explore(draw: Callable[..., Figure], **controls: Slider | Choice) -> Any:
    """`draw(**values)`, and where somebody is there to move them a control for each value above it.

    draw      a pure function of the controls' values. What it raises is said in the figure's place.
    controls  by the argument of `draw` that each one sets; their values are the notebook's parameters.

    Returns the Figure alone in a run that nobody attends (see `attended`): papermill, nbval, a committed output.
    """
    if not attended():
        return draw(**{name: control.value for name, control in controls.items()})
    import ipywidgets

    widgets = {name: control.widget(name) for name, control in controls.items()}
    shown = ipywidgets.Output()

    def redraw(_: Any = None) -> None:
        shown.outputs = _drawn(draw, {name: widget.value for name, widget in widgets.items()})

    for widget in widgets.values():
        widget.observe(redraw, "value")
    redraw()
    return ipywidgets.VBox([*widgets.values(), shown])


def _drawn(draw: Callable[..., Figure], values: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The outputs of one drawing, as an Output widget holds them: it has them after a reload of the page, too."""
    try:
        figure = draw(**values)
    except Exception as error:
        refused = show.Note("There is nothing to draw.", str(error), tone="wrong")
        return (_display({"text/html": refused._repr_html_(), "text/plain": repr(refused)}),)
    return (
        _display({MIME: figure.spec, "text/plain": figure.title}),
        _display({"text/html": figure._repr_html_(), "text/plain": repr(figure)}),
    )


def _display(bundle: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": bundle, "metadata": {}}
