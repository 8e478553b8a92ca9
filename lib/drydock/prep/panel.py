"""A widget for one thing at a time: a text, what to press or to type, and what became of it.

All that is decided is decided in Python; the page only shows a `View` and says what was pressed. So what a person
did is done, and kept, before the next thing is shown, and a session can be played without a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets


@dataclass(frozen=True)
class Button:
    """Something to press: the action it stands for, its label, and the keys (as KeyboardEvent.key) that press it."""

    action: str
    label: str
    keys: Sequence[str] = ()


@dataclass(frozen=True)
class Group:
    """Boxes to tick: a legend, and for each box its value, its label, and whether it is ticked at first."""

    legend: str
    boxes: Sequence[tuple[str, str, bool]]


@dataclass(frozen=True)
class View:
    """What is shown.

    body    HTML, read out by a screen reader when it changes.
    status  a line of plain text: what became of the last action.
    field   the label of a line to type in, sent with the first button by Enter; empty for none.
    groups  boxes to tick. The values of those that are ticked are what is typed, each on a line; sent as a field is.
    """

    body: str
    status: str = ""
    buttons: Sequence[Button] = ()
    field: str = ""
    groups: Sequence[Group] = ()


def source(*names: str) -> str:
    """These files of this folder, one after another."""
    return "".join(Path(__file__).with_name(name).read_text("utf-8") for name in names)


class Panel(anywidget.AnyWidget):
    """Shows views. `respond(action, typed)` is called for what was pressed and gives the next one.

    An action that was sent before the view that is shown now is not taken: it was meant for another one. What
    `respond` raises is shown as the status, and nothing else changes.
    """

    _esm = source("page.js", "panel.js")
    _css = source("panel.css")
    label = traitlets.Unicode().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, label: str, first: View, respond: Callable[[str, str], View]) -> None:
        super().__init__(label=label)
        self._respond = respond
        self._turn = 0
        self._show(first)
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        return f"{self.label}: run this cell in JupyterLab to go on."  # what a saved notebook shows in its place

    def _show(self, shown: View) -> None:
        self._turn += 1
        self._shown = shown
        self.view = {**asdict(shown), "turn": self._turn}

    def _heard(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if message.get("turn") != self._turn:
            return
        try:
            following = self._respond(message["action"], message.get("typed", ""))
        except Exception as error:  # else it would go to the kernel's log, where nobody reads it
            following = View(**{**vars(self._shown), "status": f"Not done. {type(error).__name__}: {error}"})
        self._show(following)
