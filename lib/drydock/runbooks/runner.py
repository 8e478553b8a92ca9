"""Runbooks from the command line: headless by papermill, undone from outside the kernel when a run is cut short."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud, connect
from drydock.notebooks.execution import execute
from drydock.notebooks.instances import environment
from drydock.runbooks import catalogue, evidence, executor, parameters, runbook
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.guard import Guard
from drydock.runbooks.model import Plan


@dataclass(frozen=True)
class Report:
    """What one run came to. `plan` is None where it got none; `error` is the first line of what stopped it, or None."""

    runbook: str
    folder: Path
    plan: Plan | None
    outcome: str
    error: str | None
    seconds: float

    @property
    def ok(self) -> bool:
        return self.error is None


def run(name: str, given: Mapping[str, Any], *, root: Path | None = None, progress_bar: bool = False) -> Report:
    """Run the notebook `name` with these parameters, which are checked before a kernel starts.

    root  where the run's folder is made; $DRYDOCK_RUNS, or `runs` in the working directory, by default.

    Whatever ends the run in the middle of applying (a signal, a kernel that dies, a cell's time-out), what was
    begun is undone here, from the journal. Raises BadParameter, NoSuchRunbook.
    """
    source = catalogue.notebook(name)
    values = parameters.declared(source).read(given)
    at = (root or evidence.root()).absolute()
    folder = evidence.new_folder(at, name)
    folder.mkdir(parents=True, mode=0o700)
    started = time.monotonic()
    settings = {evidence.FOLDER: str(folder), evidence.ROOT: str(at)}
    error: str | None = "the run was cut short"
    try:
        with environment(settings):
            error = execute(source, folder / "notebook.ipynb", values, progress_bar=name if progress_bar else "")
    finally:
        undone = settle(Evidence(folder), error or "")
    kept = Evidence(folder)
    result = kept.read("result.json") or {}
    return Report(
        name,
        folder,
        kept.plan if (folder / "plan.json").exists() else None,
        result.get("outcome", "failed"),
        undone or error,
        time.monotonic() - started,
    )


def settle(folder: Evidence, why: str) -> str:
    """Undo what a run that was cut short had begun. Says what was done; nothing where the run ended by itself."""
    journal = folder.journal()
    if any(line["event"] == "ended" for line in journal):
        return ""
    if not executor.begun(journal):
        runbook.end(folder, "failed", why)
        return ""
    return roll_back(folder, _cloud_of(folder.plan), why or "the run was cut short")


def roll_back(folder: Evidence, cloud: Cloud, why: str) -> str:
    """Undo the run of this folder, whatever state it is in. Says what it came to."""
    plan = folder.plan
    minutes = float(plan.parameters.get("minutes", 10))
    guard = Guard(cloud, folder)
    try:
        runbook.undo(cloud, plan, guard, minutes=minutes)
    except executor.StepFailed as error:
        runbook.end(folder, "failed", f"{why}; then {error}")
        said = f"{why}; the roll-back failed: {error}"
    else:
        runbook.end(folder, "rolled back", why)
        said = f"{why}; rolled back"
    folder.write("after.json", executor.observe(cloud, plan.looks))
    folder.report()
    return said


def roll_back_run(path: Path) -> str:
    """Undo a run that was applied, at any time after. Says what it came to.

    Raises NoSuchRun; Refused where the run has nothing to undo, where it was another cloud's, or where the state
    is no longer the one that the run left: then somebody else has been at work, and a roll-back would undo that too.
    """
    folder = Evidence.of(path)
    plan = folder.plan
    if not executor.begun(folder.journal()):
        raise runbook.Refused(f"{path}: this run has changed nothing, or is rolled back already. Nothing was changed.")
    cloud = _cloud_of(plan)
    Guard(cloud, folder)
    ended = (folder.read("result.json") or {}).get("outcome")
    if ended == "applied" and (left := runbook.differs(folder.read("after.json"), executor.observe(cloud, plan.looks))):
        raise runbook.Refused(f"The state is no longer the one that the run left: {left}. Nothing was changed.")
    return roll_back(folder, cloud, "asked for")


def _cloud_of(plan: Plan) -> Cloud:
    at = plan.cloud
    return connect(
        at["name"], region=at["region"], account=at["account"], budget_usd=float("inf"), name=at["instance"] or None
    )
