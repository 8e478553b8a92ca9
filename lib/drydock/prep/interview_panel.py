"""The widget of a mock interview: a clock, a question, a place to write the answer, key points to tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drydock.prep.panel import Panel, View, source


@dataclass(frozen=True)
class Tick:
    """Something to tick: its key, which is also what is sent for it, its text as HTML, and the heading it is under."""

    key: str
    text: str
    group: str


@dataclass(frozen=True)
class Page(View):
    """What is shown of an interview, besides what a `View` has.

    place   what this is about; what is typed belongs to it, and stays as long as it does.
    kind    of the field: "text", "long" or "secret".
    draft   what the field has at first.
    ticks   what can be ticked.
    ends    when the time is over, in seconds since 1970; None where no clock runs.
    """

    place: str = ""
    kind: str = "text"
    draft: str = ""
    ticks: Sequence[Tick] = ()
    ends: float | None = None


class InterviewPanel(Panel):
    """Shows pages. Besides what a `Panel` hears it tells the page what time it is here, so that its clock is right
    whatever the browser's is, and hands on what is typed while it is typed, to `keep(place, typed)`."""

    _esm = source("page.js", "interview_panel.js")
    _css = source("panel.css", "interview_panel.css")

    def __init__(
        self,
        label: str,
        first: Page,
        respond: Callable[[str, str], View],
        keep: Callable[[str, str], None],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(label, first, respond)
        self._keep = keep
        self._clock = clock

    def _heard(self, widget: Any, message: dict[str, Any], buffers: Any) -> None:
        if message.get("action") == "clock":
            self.send({"now": self._clock().timestamp()})
        elif message.get("action") == "draft":
            try:
                self._keep(message["place"], message["typed"])
                if message["place"] == self.view["place"]:
                    self.view = {**self.view, "draft": message["typed"]}  # for a page that is loaded anew
                self.send({"kept": True})
            except Exception as error:  # else it would go to the kernel's log, where nobody reads it
                self.send({"kept": False, "why": str(error)})
        else:
            super()._heard(widget, message, buffers)
