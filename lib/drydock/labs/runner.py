"""Labs run headless: papermill underneath, an executed notebook and a page as the report."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.labs import catalogue, progress
from drydock.labs.lab import CLEAN_UP
from drydock.notebooks import page, parameters
from drydock.notebooks.document import Document
from drydock.notebooks.environment import environment
from drydock.notebooks.execution import execute
from drydock.notebooks.scratch import scratch

_UNMEASURED = 30.0


@dataclass(frozen=True)
class Report:
    """What one run came to. `error` is the first line of what stopped it, or None."""

    lab: str
    passed: int
    steps: int
    seconds: float
    page: Path
    notebook: Path
    error: str | None
    step_seconds: dict[str, float]

    @property
    def ok(self) -> bool:
        return self.error is None and self.passed == self.steps


def run(
    name: str,
    *,
    out: Path,
    cloud: str | None = None,
    given: Mapping[str, Any] | None = None,
    keep_going: bool = False,
    progress_bar: bool = True,
) -> Report:
    """Run lab `name` headless and strict, its exercises solved and all deleted unless `given` says false to these.

    out         a folder; <lab>.ipynb, <lab>.html and <lab>.json (the state of every step) are written there.
    cloud       as for `drydock.connect`.
    given       other parameters of the notebook, as values or as text.
    keep_going  after a cell that fails go on with the next, so that every step has a result.

    A step that is not passed does not raise: it is in the report. Raises NoSuchLab, BadParameter.
    """
    lab = catalogue.full_name(name)
    source = catalogue.notebook(lab)
    wanted: dict[str, Any] = {"solve": True, "clean_up": True, **({"cloud": cloud} if cloud else {}), **(given or {})}
    values = parameters.typed(wanted, parameters.defaults(source))
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    executed = out / f"{lab}.ipynb"
    steps = [*catalogue.load(lab).steps, CLEAN_UP]
    started = time.monotonic()
    with scratch("records") as records:
        mine = Document(records / "progress.json")
        settings = {
            "DRYDOCK_STRICT": "1",
            "DRYDOCK_PROGRESS": str(mine.file),
            "DRYDOCK_LABS": str(catalogue.directory()),
        }
        try:
            with environment(settings):
                error = execute(
                    source, executed, values, keep_going=keep_going, progress_bar=lab if progress_bar else ""
                )
        finally:
            done = progress.of_version(mine.read(), mine.file).get(lab, {})
            _write_states(out / f"{lab}.json", steps, done)
    seconds = time.monotonic() - started
    report = out / f"{lab}.html"
    page.write_if_run(executed, report, f"Drydock lab {lab}")
    return Report(
        lab,
        sum(1 for step in steps if done.get(step, {}).get("passed")),
        len(steps),
        seconds,
        report,
        executed,
        error,
        {step: record["seconds"] for step, record in done.items()},
    )


def record(report: Report) -> None:
    """Keep a passed run's time beside the lab, for its Time and cost."""
    measured = {"date": datetime.now(UTC).date().isoformat(), "seconds": round(report.seconds)}
    path = catalogue.notebook(report.lab).with_name("measured.json")
    path.write_text(json.dumps(measured, indent=1) + "\n")


def measured(lab: str) -> float:
    """Seconds that a run took when it was last measured; 30 for one that never was."""
    try:
        text = catalogue.notebook(lab).with_name("measured.json").read_text()
    except FileNotFoundError:
        return _UNMEASURED
    return float(json.loads(text)["seconds"])


def _write_states(path: Path, steps: list[str], done: Mapping[str, Any]) -> None:
    """{step: "passed", "not passed" or "not reached"}, in the order of the lab."""
    states = {
        step: "not reached" if step not in done else "passed" if done[step]["passed"] else "not passed"
        for step in steps
    }
    path.write_text(json.dumps(states, indent=1) + "\n")
