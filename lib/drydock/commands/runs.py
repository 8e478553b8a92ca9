"""`drydock runbook list --runs`, `show`, `verify` and `forget`: what runs have left."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drydock.policy.secrets import hidden
from drydock.runbooks import evidence, history, seal
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged
from drydock.runbooks.model import Plan, printable

console = Console(highlight=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

Folder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, or its name in the folder of runs.")]
_COLOURS = {"applied": "green", "rolled back": "yellow", "failed": "red", "cut short": "red", "at work": "cyan"}


def list_runs(root: Path | None) -> None:
    """A table of the runs that are kept: those that somebody has to see to first."""
    at = root or evidence.root()
    found = history.runs(at)
    rows = [
        (
            f"{run.began:%Y-%m-%d %H:%M:%S}" if run.began else "",
            run.runbook,
            run.target,
            Text(run.outcome, _COLOURS.get(run.outcome, "")),
            run.by,
            f"{run.seconds:.1f} s" if run.seconds is not None else "",
            os.path.relpath(run.folder, at.resolve()),
        )
        for run in found
    ]
    if rows:
        table(("Began (UTC)", "Runbook", "Target", "Outcome", "Approved by", "Took", "Run"), rows)
    console.print(f"{len(rows)} runs in {at}", markup=False)
    _show_faults(fault for run in found for fault in run.faults)


def show(run: Folder) -> None:
    """One run: its plan, approval, steps, calls, how it ended, and what to type next."""
    found = history.read(located(run))
    kept = Evidence(found.folder)
    console.print(Text.assemble((f"{found.runbook} ", "bold"), (found.outcome, _COLOURS.get(found.outcome, ""))))
    if found.why:
        console.print(lines(found.why), markup=False)
    if found.plan is None:
        console.print("It has no whole plan: it ended before it had one, or plan.json was edited.")
    else:
        show_plan(found.plan, kept)
    if approval := whole(lambda: kept.read("approval.json")):
        console.print(Text("Approval", "bold"))
        for name, value in approval.items():
            console.print(lines(f"  {name}: {value}"), markup=False)
    if found.plan is not None and found.plan.steps and whole(kept.events):
        table(("Step", "Event", "Began", "Seconds"), list(history.steps(found)))
    if calls := whole(lambda: history.calls(found)):
        table(("AWS call", "Times", "Errors"), calls)
    if names := whole(lambda: kept.secrets):
        console.print(f"secrets.json has the values of {', '.join(names)}: `drydock runbook forget` removes them.")
    console.print(f"Evidence: {found.folder}", markup=False)
    if sealed := whole(lambda: seal.last(found.folder)):
        console.print(f"Seal: {sealed}")
    _show_faults(found.faults)
    if found.next:
        console.print(f"Next: {found.next}", markup=False)


def verify(
    run: Folder,
    expected: Annotated[str, typer.Option("--seal", help="The seal that was printed when it ended.")] = "",
) -> None:
    """Whether anything in a run's folder was edited, cut, added or removed since it ended.

    Exit code 1 where something was; 3 where the run was never sealed, as after kill -9, and its lines hold together.
    """
    folder = located(run)
    verdict = seal.verify(folder, _seal(expected))
    for fault in verdict.faults:
        console.print(Text(str(fault), "red"))
    for note in verdict.notes:
        console.print(note, markup=False)
    if verdict.faults:
        raise typer.Exit(1)
    if not verdict.seal:
        raise typer.Exit(3)
    console.print(f"{folder}: as it was sealed at {verdict.sealed_at}", markup=False)
    console.print(f"Seal: {verdict.seal}")
    if not expected:
        console.print("That it was not written anew shows only against a seal kept elsewhere: --seal.", markup=False)


def _seal(text: str) -> str:
    """The seal that was typed."""
    found = text.strip().lower()
    if text and not re.fullmatch("[0-9a-f]{64}", found):
        raise typer.BadParameter(
            f"--seal {text}: a seal is 64 digits of 0-9 and a-f, and this has {len(found)}: copy all of what was "
            f"printed after `Seal:` when the run ended"
        )
    return found


def forget(run: Folder) -> None:
    """Remove the secret values that a run has kept for its steps. What needs them can then not be undone any more."""
    names = Evidence.of(located(run)).forget()
    console.print(f"Removed: {', '.join(names)}" if names else "It holds no secret values.", markup=False)


def located(run: Path) -> Path:
    """The folder of a run that is named by its path, or by its name alone. Raises NoSuchRun."""
    for folder in (run, evidence.root() / run):
        if history.is_run(folder):
            return folder.resolve()
    return Evidence.of(run).folder


def show_plan(plan: Plan, kept: Evidence | None = None) -> None:
    """The plan, the difference that it makes, and what it costs, where its run has left that."""
    hide = hidden if kept is None or whole(lambda: kept.secrets) is None else kept.hide
    console.print(Text.assemble((f"Plan {plan.hash}", "bold"), f" on {plan.place}"))
    if plan.steps:
        rows = [(step.name, step.kind, Text(lines(hide(step.title)))) for step in plan.steps]
        table(("Step", "Kind", "What"), rows)
    else:
        console.print("It changes nothing.")
    for path, before, after in plan.difference():
        console.print(Text(path, "bold"))
        for sign, value, colour in (("-", before, "red"), ("+", after, "green")):
            if value:
                console.print(Text(f"  {sign} {value}", colour))
    if kept is not None and (cost := whole(lambda: kept.read("cost.json"))):
        console.print(Text.assemble(("Cost ", "bold"), cost["text"]))


def whole(read: Callable[[], Any]) -> Any:
    """What is read; None where its file is damaged, as the line for it says."""
    try:
        return read()
    except Damaged:
        return None


def _show_faults(faults: Iterable[str]) -> None:
    for fault in faults:
        console.print(Text(lines(fault), "red"))


def lines(text: str) -> str:
    """`text` as a terminal may have it: what AWS, or somebody's container, has said commands it nothing."""
    return "\n".join(printable(line) for line in text.splitlines())


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A table without lines."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    console.print(made)
