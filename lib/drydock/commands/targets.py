"""`drydock runbook plan|apply NAME --targets FILE`: one runbook over many targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drydock.commands import runs as kept_runs
from drydock.notebooks.signals import ENDED, Interrupted, ending_on_signals
from drydock.runbooks import approvals, evidence, many
from drydock.runbooks import targets as locks
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.many import Pace, Part, Summary
from drydock.runbooks.model import Plan
from drydock.runbooks.runbook import approve_command
from drydock.runbooks.told import typed

File = Annotated[Path | None, typer.Option("--targets", help="A YAML file: `common:` parameters, a list `targets:`.")]
AtOnce = Annotated[int | None, typer.Option(min=1, help="With --targets: so many at once. By default 4.")]
StopAfter = Annotated[
    int | None,
    typer.Option(min=1, help="With --targets: after so many failures no other is begun. By default 1."),
]
Scheduler = Annotated[str, typer.Option(help="With --targets: a Dask scheduler, tcp://…; its workers share this disk.")]


def plan(
    console: Console, name: str, path: Path, common: Mapping[str, str], pace: Pace, runs: Path | None, scheduler: str
) -> None:
    """Plan all of them and show what each would change, and what approves them all."""
    summary = many.begin(name, many.listed(name, path, common), runs)
    with _shown_if_cut(console, summary):
        many.plan(summary, pace=pace, scheduler=scheduler, told=_telling(console))
    for part in summary.parts:
        if part.plan is not None and part.plan.changes:
            _show_difference(console, part.target.name, part.plan)
    _show(console, summary)
    if summary.ok and any(part.outcome == "planned" for part in summary.parts):
        pairs = [word for key, value in common.items() for word in ("-p", f"{key}={value}")]
        words = ["drydock", "runbook", "apply", name, "--targets", str(path), *pairs]
        approved = ["--approve", summary.hash]
        if who := approvals.approvers_file(evidence.root(), summary.folder.parent):
            console.print(f"To approve them, who is in {who}: {approve_command(summary.folder)}", markup=False)
            approved = ["--approval", signed_folder(summary.hash, "NAME").name]
        elsewhere = [] if runs is None else ["--runs", str(runs)]
        console.print(f"To apply them: {typed([*words, *approved, *elsewhere])}", markup=False)
    _end(summary)


def signed_folder(plans: str, by: str) -> Path:
    """Where somebody's approvals of the plans of that hash are written by default."""
    return Path(f"{plans}.{by}{approvals.SUFFIX}s")


def sign(console: Console, folder: Path, by: str, key: Path | None, hours: float, out: Path | None) -> None:
    """Show what the plans of a list change, and sign an approval of each."""
    hashed = (Evidence(folder).read("summary.json") or {}).get("hash", "")
    to = out or signed_folder(hashed, by)
    for plan in many.sign(folder, by, key or approvals.key_file(by), hours=hours, out=to):
        _show_difference(console, plan.hash, plan)
    console.print(f"{by} approves {hashed} for {hours:g} hours: {to}", markup=False)


def apply(
    console: Console,
    name: str,
    path: Path,
    common: Mapping[str, str],
    approve: str,
    signed: Sequence[Path],
    pace: Pace,
    runs: Path | None,
    scheduler: str,
) -> None:
    """Apply the plans that `approve` names, and show what each came to."""
    summary = many.begin(name, many.listed(name, path, common), runs)
    with _shown_if_cut(console, summary):
        many.apply(summary, approve, signed=signed, pace=pace, scheduler=scheduler, told=_telling(console))
    _show(console, summary)
    for part in summary.parts:
        if part.outcome == "applied" and part.folder is not None and not summary.ok:
            with_profile = f"AWS_PROFILE={typed([part.target.aws_profile])} " if part.target.aws_profile else ""
            command = locks.roll_back_command(part.folder)
            console.print(f"{part.target.name} is applied. To undo it: {with_profile}{command}", markup=False)
    _end(summary)


def _show_difference(console: Console, name: str, plan: Plan) -> None:
    console.print(Text(name, "bold"), f"on {plan.place}")
    for what, before, after in plan.difference():
        console.print(Text(f"  {what}: {before or 'not there'} → {after or 'not there'}"))


@contextmanager
def _shown_if_cut(console: Console, summary: Summary) -> Iterator[None]:
    with ending_on_signals(ENDED):
        try:
            yield
        except Interrupted:
            _show(console, summary)
            raise


def _telling(console: Console) -> Callable[[Part], None]:
    def told(part: Part) -> None:
        told = f"{part.target.name}: {part.outcome}{f': {part.why}' if part.why else ''}"
        console.print(kept_runs.lines(told), markup=False)

    return told


def _show(console: Console, summary: Summary) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Target", "Outcome", "Seconds", "Plan", "Run"):
        table.add_column(column, overflow="fold")
    for number, part in enumerate(summary.parts):
        colour = "green" if part.ok else "yellow" if part.outcome == many.NOT_BEGUN else "red"
        name = Text(part.target.name + (" (canary)" if number == 0 else ""))
        table.add_row(
            name,
            Text(part.outcome, colour),
            f"{part.seconds:.1f}",
            part.plan.hash if part.plan else "",
            part.folder.name if part.folder else "",
        )
    console.print(table)
    if summary.why:
        console.print(summary.why, markup=False)
    if summary.hash:
        console.print(f"All of them: {summary.hash}", markup=False)
    console.print(f"Summary: {summary.folder}", markup=False)


def _end(summary: Summary) -> None:
    if not summary.ok:
        raise typer.Exit(1)
