"""Runbooks from the command line: headless by papermill, undone from outside the kernel when a run is cut short."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drydock.cloud import Cloud, CloudRefused, CloudUnreachable, connect
from drydock.notebooks.environment import environment
from drydock.notebooks.execution import execute
from drydock.notebooks.signals import Interrupted
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


class CutShort(Interrupted):
    """A signal ended the run; `report` says what it came to, once all that was begun is undone."""

    def __init__(self, code: Any, report: Report) -> None:
        super().__init__(code)
        self.report = report


def run(name: str, given: Mapping[str, Any], *, root: Path | None = None, progress_bar: bool = False) -> Report:
    """Run the notebook `name` with these parameters, which are checked before a kernel starts.

    root  where the run's folder is made; $DRYDOCK_RUNS, or `runs` in the working directory, by default.

    Whatever ends the run in the middle of applying (a signal, a kernel that dies, a cell's time-out), what was
    begun is undone here, from the journal. Raises BadParameter, NoSuchRunbook; CutShort, for a signal that came as
    Interrupted.
    """
    source = catalogue.notebook(name)
    values = parameters.declared(source).read(given)
    at = (root or evidence.root()).absolute()
    folder = evidence.new_folder(at, name)
    folder.mkdir(parents=True, mode=0o700)
    started = time.monotonic()
    settings = {evidence.FOLDER: str(folder), evidence.ROOT: str(at)}
    error: str | None = "the run was cut short"
    cut: BaseException | None = None
    try:
        with environment(settings):
            error = execute(source, folder / "notebook.ipynb", values, progress_bar=name if progress_bar else "")
    except BaseException as ended:
        cut = ended
    kept = Evidence(folder)
    undone = settle(kept, error or "")
    result = kept.read("result.json") or {}
    report = Report(
        name,
        folder,
        kept.plan if (folder / "plan.json").exists() else None,
        result.get("outcome", "failed"),
        undone or error,
        time.monotonic() - started,
    )
    if isinstance(cut, Interrupted):
        raise CutShort(cut.code, report) from None
    if cut is not None:
        raise cut
    return report


def settle(folder: Evidence, why: str) -> str:
    """Undo what a run that was cut short had begun. Says what was done; nothing where the run ended by itself."""
    journal = folder.journal()
    if any(line["event"] == "ended" for line in journal):
        return ""
    why = why or "the run was cut short"
    said = f"{why.rstrip('.')}; nothing was changed"
    if executor.begun(journal):
        try:
            return roll_back(folder, _cloud_of(folder.plan), why)
        except (CloudRefused, CloudUnreachable, OSError) as error:
            said = f"{why}; not rolled back: {error}. Then: {runbook.roll_back_command(folder)}"
    try:
        runbook.end(folder, "failed", said)
    except OSError as error:
        said = f"{said}; {error}"
    return said


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
    runbook.keep_state(cloud, folder, plan)
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
    left = folder.read("after.json") if (folder.read("result.json") or {}).get("outcome") == "applied" else None
    try:
        other = runbook.differs(left, executor.observe(cloud, plan.looks)) if left is not None else ""
    except (ClientError, BotoCoreError) as error:
        raise runbook.Refused(f"The state could not be read: {error}. Nothing was changed.") from error
    if other:
        raise runbook.Refused(f"The state is no longer the one that the run left: {other}. Nothing was changed.")
    try:
        return roll_back(folder, cloud, "asked for")
    except evidence.AtWork as error:
        raise runbook.Refused(f"{error} Nothing was changed.") from error


def _cloud_of(plan: Plan) -> Cloud:
    at = plan.cloud
    return connect(
        at["name"], region=at["region"], account=at["account"], budget_usd=float("inf"), name=at["instance"] or None
    )
