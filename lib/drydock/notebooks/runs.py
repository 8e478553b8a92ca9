"""A notebook that needs no cloud run headless: an executed notebook and a page as the report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock.notebooks import page, parameters
from drydock.notebooks.environment import environment
from drydock.notebooks.execution import execute


@dataclass(frozen=True)
class Report:
    """What one run came to. `error` is the first line of what stopped it, or None."""

    name: str
    seconds: float
    page: Path
    notebook: Path
    error: str | None

    @property
    def ok(self) -> bool:
        return self.error is None


def run(source: Path, *, out: Path, given: Mapping[str, Any], progress_bar: bool = False) -> Report:
    """Run the notebook with these parameters, given as values or as text.

    out  a folder; the executed notebook and its page are written there, under the notebook's name.

    A cell that fails does not raise: it is in the report. Raises BadParameter before anything is written.
    """
    name = source.stem
    values = parameters.typed(given, parameters.defaults(source))
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    executed, report = out / f"{name}.ipynb", out / f"{name}.html"
    started = time.monotonic()
    with environment({"DRYDOCK_STRICT": "1"}):
        error = execute(source, executed, values, progress_bar=name if progress_bar else "")
    seconds = time.monotonic() - started
    page.write_if_run(executed, report, f"Drydock {name}")
    return Report(name, seconds, report, executed, error)
