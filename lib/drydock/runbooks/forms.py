"""A form for a runbook's parameters, from their declaration: fill it in, plan, read the plan, approve and apply it.

Every run is that of `drydock runbook`: its own kernel, its own folder of evidence, undone where it is cut short.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from drydock.attended import attended
from drydock.notebooks import show
from drydock.runbooks import approvals, catalogue, evidence, parameters, runbook, runner
from drydock.runbooks.evidence import Evidence

_HOW = ("dry_run", "approve")
"""Parameters that the form's buttons set."""
_one_at_a_time = threading.Lock()


def form(name: str) -> Any:
    """The form of the runbook `name`; where nobody is there to fill it in, what its parameters take.

    Raises NoSuchRunbook.
    """
    declared = parameters.declared(catalogue.notebook(name))
    if not attended():
        rows = [
            (each, declared.helps[each], declared.bounds(each), repr(default))
            for each, default in declared.defaults.items()
        ]
        columns = ("Parameter", "What", "Takes", "Default")
        return show.Note(name, show.plain_table(columns, rows), show.table(columns, rows))
    return Form(name, declared).box


class Form:
    """The widgets of one runbook's form, and what its buttons do."""

    def __init__(self, name: str, declared: parameters.Declared) -> None:
        import ipywidgets

        self.name = name
        self._declared = declared
        self._report: runner.Report | None = None
        asked = [each for each in declared.defaults if each not in _HOW]
        self.fields = {each: self._field(each) for each in asked}
        self.errors = {each: ipywidgets.HTML() for each in asked}
        self.plan = ipywidgets.Button(description="Plan", button_style="primary", tooltip="Changes nothing")
        self.apply = ipywidgets.Button(description="Approve and apply", button_style="danger")
        self.undo = ipywidgets.Button(description="Roll back", button_style="warning")
        self.signed = ipywidgets.Text(
            description="approvals",
            placeholder=f"paths of signed approvals, between {os.pathsep}",
            style={"description_width": "12em"},
            layout={"width": "36em", "max_width": "100%"},
        )
        self.bar = ipywidgets.IntProgress(min=0, max=1)
        self.at = ipywidgets.HTML()
        self.shown = ipywidgets.HTML()
        self.plan.on_click(lambda _: self._start(self._plan))
        self.apply.on_click(lambda _: self._start(self._apply))
        self.undo.on_click(lambda _: self._start(self._roll_back))
        for field in self.fields.values():
            field.observe(lambda _: self._changed(), "value")
        rows = [
            ipywidgets.VBox([self.fields[each], ipywidgets.HTML(self._help(each)), self.errors[each]]) for each in asked
        ]
        self._progress = ipywidgets.HBox([self.bar, self.at])
        heading = ipywidgets.HTML(f"<h3>{show.text(name)}</h3>")
        buttons = ipywidgets.HBox([self.plan, self.apply, self.undo])
        self.box = ipywidgets.VBox([heading, *rows, self.signed, buttons, self._progress, self.shown])
        self._see(self._progress, False)
        self._see(self.signed, approvals.approvers_file(evidence.root()) is not None)
        self._changed()

    @property
    def given(self) -> dict[str, str]:
        """The parameters as the fields have them, as on a command line."""
        return {each: str(field.value) for each, field in self.fields.items()}

    def _field(self, name: str) -> Any:
        import ipywidgets

        default, known = self._declared.defaults[name], self._declared.schema(name)
        common: dict[str, Any] = {
            "description": name,
            "style": {"description_width": "12em"},
            "layout": {"width": "36em", "max_width": "100%"},
        }
        if "enum" in known:
            return ipywidgets.Dropdown(value=default, options=known["enum"], **common)
        if known.get("type") == "boolean":
            return ipywidgets.Checkbox(value=default, **common)
        return ipywidgets.Text(value=str(default), **common)

    def _help(self, name: str) -> str:
        bounds = "" if "pattern" in self._declared.schema(name) else f" ({self._declared.bounds(name)})"
        told = show.text(f"{self._declared.helps[name]}{bounds}")
        return f'<div style="margin-left:13.9em;font-size:90%;line-height:1.3;opacity:.8">{told}</div>'

    def _changed(self) -> None:
        """Say at each field what is wrong with it; a plan that was made is one of other values now."""
        for name, value in self.given.items():
            why = self._declared.why_not(name, value)
            self.errors[name].value = (
                f'<div role="alert" style="margin-left:12.5em;color:#b3261e">{show.text(why)}</div>' if why else ""
            )
        self.plan.disabled = any(error.value for error in self.errors.values())
        self._report = None
        self._see(self.apply, False)
        self._see(self.undo, False)

    def _start(self, what: Callable[[], None]) -> None:
        """Do it in a thread, so that the page goes on; one at a time in this notebook."""
        if not _one_at_a_time.acquire(blocking=False):
            self.shown.value = show.box("wrong", "Another run of this notebook is at work", "Wait until it has ended.")
            return
        threading.Thread(target=self._guarded, args=(what,), name=f"form-{self.name}", daemon=True).start()

    def _guarded(self, what: Callable[[], None]) -> None:
        widgets = [*self.fields.values(), self.plan, self.apply, self.undo]
        for widget in widgets:
            widget.disabled = True
        self._at(0, 1, "begins")
        self._see(self._progress, True)
        try:
            what()
        except Exception as error:
            self.shown.value = show.box("wrong", type(error).__name__, show.text(error))
        finally:
            _one_at_a_time.release()
            self._see(self._progress, False)
            for widget in widgets:
                widget.disabled = False

    def _at(self, done: int, of: int, heading: str) -> None:
        self.bar.max, self.bar.value = of, done
        self.at.value = show.text(heading)

    def _run(self, **how: str) -> runner.Report:
        return runner.run(self.name, {**self.given, **how}, on_cell=self._at)

    def _plan(self) -> None:
        report = self._run(dry_run="true")
        self._tell(report)
        self._report = report
        to_apply = report.ok and report.plan is not None and bool(report.plan.changes)
        self._see(self.apply, to_apply)
        self._see(self.undo, False)

    def _apply(self) -> None:
        planned = self._report
        assert planned is not None and planned.plan is not None
        self._see(self.apply, False)
        report = self._run(dry_run="false", approve=self.signed.value or planned.plan.hash)
        self._tell(report)
        self._report = report
        self._see(self.undo, report.outcome == "applied")

    def _roll_back(self) -> None:
        report = self._report
        assert report is not None
        said = runner.roll_back_run(report.folder)
        undone = said.endswith("rolled back")
        kept = runbook.where(Evidence(report.folder), Evidence(report.folder).seal())
        self.shown.value = show.box("passed" if undone else "wrong", said, show.text(kept))
        self._see(self.undo, not undone)

    def _tell(self, report: runner.Report) -> None:
        kept = Evidence(report.folder)
        told = show.box(
            "passed" if report.ok else "wrong",
            f"{report.runbook}: {report.outcome}",
            "<br>".join(show.text(kept.hide(line)) for line in filter(None, [report.error, _where(report)])),
        )
        if findings := kept.read("findings.json"):
            heads = [*findings[0]]
            told += show.table(heads, [[one.get(head, "") for head in heads] for one in findings])
        if report.plan is not None:
            cost = (kept.read("cost.json") or {}).get("text", "")
            told += runbook.shown(report.plan, cost)._repr_html_()
        self.shown.value = told

    @staticmethod
    def _see(widget: Any, seen: bool) -> None:
        widget.layout.display = None if seen else "none"


def _where(report: runner.Report) -> str:
    return runbook.where(Evidence(report.folder), report.seal)
