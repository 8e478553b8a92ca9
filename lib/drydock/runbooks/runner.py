"""Runbooks from the command line: headless by papermill, undone from outside the kernel when a run is cut short."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drydock.cloud import Cloud, CloudRefused, CloudUnreachable, connect
from drydock.notebooks.environment import environment
from drydock.notebooks.execution import OnCell, execute
from drydock.notebooks.signals import Interrupted
from drydock.runbooks import approvals, catalogue, evidence, executor, files, parameters, runbook, targets
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged
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
    seal: str

    @property
    def ok(self) -> bool:
        return self.error is None


class CutShort(Interrupted):
    """A signal ended the run; `report` says what it came to, once all that was begun is undone."""

    def __init__(self, code: Any, report: Report) -> None:
        super().__init__(code)
        self.report = report


def run(
    name: str,
    given: Mapping[str, Any],
    *,
    root: Path | None = None,
    on_cell: OnCell | None = None,
    folder: Path | None = None,
    keep: bool = False,
    only_reads: bool = False,
) -> Report:
    """Run the notebook `name` with these parameters, which are checked before a kernel starts.

    root  where the run's folder is made; $DRYDOCK_RUNS, or `runs` in the working directory, by default.
    on_cell  told of each cell before it runs, as of `execute`
    folder  the very folder of the run; one that has begun nothing may be there already
    keep  leave what was begun where a signal ends the run, for `resume`
    only_reads  refuse a plan that changes anything, whatever approval it has

    Whatever else ends the run in the middle of applying (a kernel that dies, a cell's time-out, and a signal without
    `keep`), what was begun is undone here, from the journal. Raises BadParameter, NoSuchRunbook; CutShort, for a signal
    that came as Interrupted.
    """
    source = catalogue.notebook(name)
    values = parameters.declared(source).read(given)
    if str(values.get("approve", "")).endswith(approvals.SUFFIX):
        values["approve"] = os.pathsep.join(str(Path(each).absolute()) for each in values["approve"].split(os.pathsep))
    folder = evidence.made(folder or evidence.new_folder((root or evidence.root()).absolute(), name))
    settings = {**_approvers(folder), **({runbook.AUTO_APPROVE: "reads"} if only_reads else {})}
    kept = Evidence(folder)
    return _executed(kept, name, values, "notebook.ipynb", settings, on_cell=on_cell, keep=keep)


def resume(path: Path, *, on_cell: OnCell | None = None, keep: bool = False) -> Report:
    """Go on with the run of this folder, which was cut short: to its end, or back to where it came from.

    It goes on through its notebook, where it was on its way there; where that cannot, and where it was on its way back,
    what was begun is undone. The approval is the one that it was begun with.

    Raises NoSuchRun; Damaged; Refused where the run has changed nothing or has ended, where another process is at work
    on it, and where the state is not the one that it left, which says what is different; CutShort as `run` does.
    """
    folder, plan, far = _left(path)
    if not far.started:
        raise runbook.Refused(
            f"{path}: this run has changed nothing, so there is nothing to go on with: apply it anew."
        )
    if far.outcome:
        then = f" To undo it: {targets.roll_back_command(path)}" if far.begun else ""
        raise runbook.Refused(f"{path}: this run has ended: {far.outcome}. Nothing was changed.{then}")
    if not far.back and far.begun and (folder.read("approval.json") or {}).get("plan") != plan.hash:
        raise runbook.Refused(
            f"{folder.folder} holds no approval of its plan, so the run does not go on. To undo what it has begun: "
            f"{targets.roll_back_command(path)}"
        )
    try:
        with folder.at_work():
            cloud = _cloud_of(plan)
            Guard(cloud, folder)
            if not far.back and far.begun:
                _require_as_left(path, cloud, plan, far, minutes=_minutes(plan))
    except evidence.AtWork as error:
        raise runbook.Refused(f"{error} Nothing was changed.") from error
    except runbook.Refused:
        folder.seal_again()
        raise
    if far.back or not far.begun:
        started = time.monotonic()
        try:
            said = _rolled_back(folder, cloud, "the run was cut short on its way back")
        except (evidence.AtWork, targets.Busy) as error:
            raise runbook.Refused(f"{error} Nothing was changed.") from error
        return _report(folder, plan.runbook, said, time.monotonic() - started)
    at = {"cloud": plan.cloud["name"], "region": plan.cloud["region"], "account": plan.cloud["account"]}
    values = {**plan.parameters, **at, "dry_run": False, "approve": plan.hash}
    checked = parameters.declared(catalogue.notebook(plan.runbook)).checked(values)
    settings = {"DRYDOCK_INSTANCE": plan.cloud["instance"]} if plan.cloud["instance"] else {}
    settings |= _approvers(folder.folder)
    executed = "notebook.resumed.ipynb"
    return _executed(folder, plan.runbook, checked, executed, settings, on_cell=on_cell, keep=keep)


def _left(path: Path) -> tuple[Evidence, Plan, executor.Progress]:
    """What is left of the run of this folder, if that tells what it has done. Raises NoSuchRun, Damaged."""
    folder = Evidence.of(path)
    folder.require_whole()
    plan, far = folder.plan, executor.progress(folder.journal())
    if unknown := {*far.begun, *filter(None, [far.undoing])} - {step.name for step in plan.steps}:
        raise files.damaged(
            folder.folder / "journal.jsonl", f"it tells of a step {min(unknown)}, and the plan has none"
        )
    return folder, plan, far


def _approvers(folder: Path) -> dict[str, str]:
    """The environment that tells the run of this folder who may approve: also elsewhere those of the usual one."""
    who = approvals.approvers_file(evidence.root(), folder.absolute().parent)
    return {approvals.APPROVERS: str(who)} if who else {}


def how_far(path: Path) -> list[str]:
    """What the run of this folder has come to, a line for each step. Raises NoSuchRun, Damaged."""
    _, plan, far = _left(path)
    words = {True: "its call was answered", False: "its call may have left"}
    lines = []
    for step in plan.steps:
        if step.name in far.done:
            how = "done"
        elif step.name == far.cut:
            how = f"cut short; {words[far.answered]}"
        else:
            how = "not begun" if step.name not in far.begun and not far.undoing else "undone or not begun"
        lines.append(f"{step.name}: {how}")
    return lines


def _executed(
    kept: Evidence,
    name: str,
    values: Mapping[str, Any],
    executed: str,
    settings: Mapping[str, str],
    *,
    on_cell: OnCell | None,
    keep: bool,
) -> Report:
    """The notebook, run in the folder; what it leaves begun is undone."""
    started = time.monotonic()
    at = {evidence.FOLDER: str(kept.folder), evidence.ROOT: str(kept.folder.parent)}
    source = catalogue.notebook(name)
    error: str | None = "the run was cut short"
    cut: BaseException | None = None
    try:
        with environment({**at, **settings}):
            error = execute(source, kept.folder / executed, values, on_cell=on_cell)
    except OSError as full:
        error = f"the notebook could not be kept: {full}"
    except BaseException as ended:
        cut = ended
    if keep and isinstance(cut, Interrupted) and executor.progress(kept.events()).open:
        undone = f"the run was cut short, and what was begun stays. Then: {targets.resume_command(kept.folder)}"
        undone += f" or {targets.roll_back_command(kept.folder)}"
    else:
        undone = settle(kept, error or "")
    report = _report(kept, name, undone or error, time.monotonic() - started)
    if isinstance(cut, Interrupted):
        raise CutShort(cut.code, report) from None
    if cut is not None:
        raise cut
    return report


def _report(kept: Evidence, name: str, error: str | None, seconds: float) -> Report:
    plan = kept.plan if (kept.folder / "plan.json").exists() else None
    left = "cut short" if executor.progress(kept.events()).open else "failed"
    outcome = (kept.read("result.json") or {}).get("outcome", left)
    try:
        sealed = kept.seal()
    except OSError as full:
        sealed, error = "", f"{error or outcome}; the evidence could not be sealed: {full.strerror}"
    return Report(name, kept.folder, plan, outcome, error, seconds, sealed)


def _require_as_left(path: Path, cloud: Cloud, plan: Plan, far: executor.Progress, *, minutes: float) -> None:
    """Raises Refused where the state is not what the run left. What a step was cut in may take a while to show."""
    deadline = time.monotonic() + (max(executor.FLOOR, minutes * 60 / cloud.speed) if far.cut else 0)
    try:
        while other := executor.unlike(plan, far, executor.observe(cloud, plan.looks)):
            if time.monotonic() >= deadline:
                raise runbook.Refused(
                    f"The run cannot go on from this state: {other}. Nothing was changed. What it has begun can still "
                    f"be undone: {targets.roll_back_command(path)}"
                )
            time.sleep(max(0.1, 5 / cloud.speed))
    except (ClientError, BotoCoreError) as error:
        raise runbook.Refused(f"The state could not be read: {error}. Nothing was changed.") from error


def settle(folder: Evidence, why: str) -> str:
    """Undo what a run that was cut short had begun. Says what was done; nothing where the run ended by itself."""
    far = executor.progress(folder.events())
    if far.outcome:
        return ""
    why = why or "the run was cut short"
    said = f"{why.rstrip('.')}; nothing was changed"
    if far.begun:
        try:
            return _rolled_back(folder, _cloud_of(folder.plan), why)
        except evidence.AtWork as error:
            return f"{why}; not rolled back: {error} Then: {targets.roll_back_command(folder.folder)}"
        except (CloudRefused, CloudUnreachable, targets.Busy, Damaged, OSError) as error:
            told = str(error).rstrip(".")
            said = f"{why}; not rolled back: {told}. Then: {targets.roll_back_command(folder.folder)}"
    try:
        runbook.end(folder, "failed", said)
    except OSError as error:
        said = f"{said}; {error}"
    return said


def _rolled_back(folder: Evidence, cloud: Cloud, why: str) -> str:
    """Undo the run of this folder, whatever state it is in. Says what it came to. Raises Busy, AtWork."""
    plan = folder.plan
    guard = Guard(cloud, folder)
    held = targets.hold(plan, cloud, folder.folder)
    try:
        runbook.undo(cloud, plan, guard, minutes=_minutes(plan))
    except executor.StepFailed as error:
        runbook.end(folder, "failed", f"{why}; then {error}")
        said = f"{why}; the roll-back failed: {error}"
    else:
        runbook.end(folder, "rolled back", why)
        said = f"{why}; rolled back"
    finally:
        held.fall()
    try:
        runbook.keep_state(cloud, folder, plan)
        folder.report()
        folder.seal()
    except OSError as error:
        said += f"; the evidence could not be written: {error.filename}: {error.strerror}"
    return said


def roll_back_run(path: Path) -> str:
    """Undo a run that was applied, at any time after. Says what it came to.

    Raises NoSuchRun; Damaged; Refused where the run has nothing to undo, where it was another cloud's, or where the
    state is no longer the one that the run left: then somebody else has been at work, and a roll-back would undo that
    too.
    """
    folder, plan, far = _left(path)
    if not far.begun:
        raise runbook.Refused(f"{path}: this run has changed nothing, or is rolled back already. Nothing was changed.")
    applied = (folder.read("result.json") or {}).get("outcome") == "applied" and not far.undoing
    left = folder.read("after.json") if applied else None
    cloud = _cloud_of(plan)
    Guard(cloud, folder)
    try:
        return _undone(folder, cloud, plan, left)
    finally:
        folder.seal_again()


def _undone(folder: Evidence, cloud: Cloud, plan: Plan, left: Mapping[str, Any] | None) -> str:
    """As `roll_back_run`; `left` is the state that the run has left, where it came to its end."""
    try:
        other = runbook.differs(left, executor.observe(cloud, plan.looks, begun=True), plan) if left is not None else ""
    except (ClientError, BotoCoreError) as error:
        raise runbook.Refused(f"The state could not be read: {error}. Nothing was changed.") from error
    if other:
        raise runbook.Refused(f"The state is no longer the one that the run left: {other}. Nothing was changed.")
    try:
        return _rolled_back(folder, cloud, "asked for")
    except (evidence.AtWork, targets.Busy) as error:
        raise runbook.Refused(f"{error} Nothing was changed.") from error


def _minutes(plan: Plan) -> float:
    return float(plan.parameters.get("minutes", 10))


def _cloud_of(plan: Plan) -> Cloud:
    at = plan.cloud
    return connect(
        at["name"], region=at["region"], account=at["account"], budget_usd=float("inf"), name=at["instance"] or None
    )
