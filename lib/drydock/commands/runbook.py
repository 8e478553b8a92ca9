"""`drydock runbook`: list, help, plan, approve, apply, resume, roll back, rehearse, and what runs have left."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from drydock.commands import copies, targets
from drydock.commands import runs as kept_runs
from drydock.commands.targets import AtOnce, File, Scheduler, StopAfter
from drydock.notebooks import page
from drydock.notebooks.execution import OnCell
from drydock.notebooks.signals import ENDED, STOPPED, ending_on_signals
from drydock.runbooks import approvals, catalogue, evidence, files, parameters, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.many import Pace
from drydock.runbooks.runbook import next_commands
from drydock.runbooks.told import typed

app = typer.Typer(help="Operational runbooks: plan, approve, apply, roll back.", no_args_is_help=True)
console = kept_runs.console


class AutoApprove(StrEnum):
    """Plans that need nobody's approval."""

    reads = "reads"


Name = Annotated[str, typer.Argument(help="A runbook, as `drydock runbook list` names it.")]
Given = Annotated[list[str] | None, typer.Option("-p", help="name=value for the runbook; repeatable.")]
Folder = Annotated[Path, typer.Argument(help="The folder of a run.")]
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Where a signal ends the run, leave what was begun for `resume`; else it is undone."),
]
Runs = Annotated[Path | None, typer.Option(help="Folder for the run's folder. By default $DRYDOCK_RUNS, else runs.")]


app.command()(kept_runs.show)
app.command()(kept_runs.verify)
app.command()(kept_runs.forget)


@app.command("list")
def list_runbooks(
    kept: Annotated[bool, typer.Option("--runs", help="The runs that are kept, those still open first.")] = False,
    at: Annotated[Path | None, typer.Option(help="Folder of the runs. By default $DRYDOCK_RUNS, else runs.")] = None,
) -> None:
    """The runbooks; or the runs that are kept."""
    if kept:
        kept_runs.list_runs(at)
        return
    kept_runs.table(("Runbook", ""), [(name, page.heading(catalogue.notebook(name))) for name in catalogue.names()])
    console.print("drydock runbook help NAME says when to use one, and what its parameters take.")


@app.command("help")
def help_on(name: Name) -> None:
    """What a runbook is for, and what each of its parameters takes."""
    declared = parameters.declared(catalogue.notebook(name))
    console.print(nbformat.read(catalogue.notebook(name), as_version=4).cells[0].source, "", markup=False)
    _show_parameters(declared)


def _show_parameters(declared: parameters.Declared) -> None:
    rows = [
        (f"  {parameter}", declared.helps[parameter], declared.bounds(parameter), repr(default))
        for parameter, default in declared.defaults.items()
    ]
    kept_runs.table(("  Parameter", "What", "Takes", "Default"), rows)


@app.command()
def plan(
    name: Name,
    parameter: Given = None,
    runs: Runs = None,
    file: File = None,
    at_once: AtOnce = None,
    scheduler: Scheduler = "",
) -> None:
    """Make the plan and show it: its steps, the difference they make, its hash. Changes nothing."""
    if file is not None:
        return targets.plan(console, name, file, _pairs(parameter), Pace(at_once or 4), runs, scheduler)
    _refuse_without_targets(at_once, scheduler)
    values = {**_pairs(parameter), "dry_run": "true"}
    report = _shown(lambda on_cell: runner.run(name, values, root=runs, on_cell=on_cell))
    if report.plan is None or not report.plan.changes:
        return None
    *to_approve, to_apply = next_commands(name, _pairs(parameter), report.plan, report.folder)
    for command in to_approve:
        who = approvals.approvers_file(evidence.root(), report.folder.parent)
        console.print(f"To approve it, who is in {who}: {command}", markup=False)
    console.print(f"To apply it: {to_apply}", markup=False)


@app.command()
def apply(
    name: Name,
    approve: Annotated[str, typer.Option(help="The plan's hash, as `drydock runbook plan` shows it.")] = "",
    approval: Annotated[
        list[Path] | None, typer.Option(help="A signed approval of the plan, as `approve` makes them; repeatable.")
    ] = None,
    auto_approve: Annotated[
        AutoApprove | None, typer.Option(help="For a schedule: a plan that does more than read is refused.")
    ] = None,
    keep: Keep = False,
    parameter: Given = None,
    runs: Runs = None,
    file: File = None,
    at_once: AtOnce = None,
    stop_after: StopAfter = None,
    scheduler: Scheduler = "",
) -> None:
    """Apply the approved plan, verify it, and roll back where that fails. Exit code 1 unless it was applied."""
    if approve and approval:
        raise typer.BadParameter("--approve names the plan, and so does --approval: give one of the two")
    if file is not None:
        if keep or auto_approve:
            raise typer.BadParameter("--keep and --auto-approve are for one target: leave them out with --targets")
        pace, common = Pace(at_once or 4, stop_after or 1), _pairs(parameter)
        return targets.apply(console, name, file, common, approve, approval or (), pace, runs, scheduler)
    _refuse_without_targets(at_once, stop_after, scheduler)
    given = approve or os.pathsep.join(map(str, approval or ()))
    values = {**_pairs(parameter), "dry_run": "false", "approve": given}
    _shown(
        lambda on_cell: runner.run(name, values, root=runs, on_cell=on_cell, keep=keep, only_reads=bool(auto_approve))
    )


@app.command()
def resume(folder: Folder, keep: Keep = False) -> None:
    """Go on with a run that was cut short: to its end, or, if it was on its way back, to its beginning.

    Exit code 1 unless it is applied. How long its approval holds was asked when it was begun, and is not asked again.
    """
    for line in runner.how_far(folder):
        console.print(line, markup=False)
    _shown(lambda on_cell: runner.resume(folder, on_cell=on_cell, keep=keep))


@app.command()
def approve(
    plan: Annotated[Path, typer.Argument(help="A plan.json, the folder of the run that has it, or that of a list.")],
    by: Annotated[str, typer.Option(help="Who approves, by the name that the file of approvers has.")],
    key: Annotated[Path | None, typer.Option(help="The private key. By default the one that `key` has made.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="For so long the approval can be used.")] = 24,
    out: Annotated[Path | None, typer.Option(help="The file to write. By default <plan>.<name>.approval.")] = None,
) -> None:
    """Show a plan, or all of a list of targets, and sign an approval: of exactly this, by you, for a while."""
    if (plan / "targets.json").exists():
        return targets.sign(console, plan, by, key, hours, out)
    if not plan.exists():
        raise typer.BadParameter(f"{plan}: No such file or directory")
    shown = Evidence.of(plan).plan if plan.is_dir() else files.plan(plan)
    signed = approvals.sign(shown, by, key or approvals.key_file(by), hours=hours)
    kept_runs.show_plan(shown)
    to = out or Path(f"{shown.hash}.{by}{approvals.SUFFIX}")
    to.write_text(signed.as_json())
    console.print(f"{by} approves {shown.hash} until {signed.until}: {to}", markup=False)


@app.command("key")
def make_key(
    name: Annotated[str, typer.Argument(help="Whose key.")],
    out: Annotated[Path | None, typer.Option(help="The file to write. By default in Drydock's own folder.")] = None,
) -> None:
    """Make a key to sign approvals with. Only you can read it; its public half goes to the file of approvers."""
    path, public = approvals.make_key(name, out)
    console.print(f"The private key, for nobody else: {path}", markup=False)
    console.print(f"For the file of approvers: {json.dumps({name: public})}", markup=False)


@app.command("roll-back")
def roll_back(folder: Folder) -> None:
    """Undo a run that was applied, or that was cut short, from its folder."""
    with ending_on_signals(ENDED):
        said = runner.roll_back_run(folder)
    console.print(f"{folder}: {said}", markup=False)
    if not said.endswith("rolled back"):
        raise typer.Exit(1)


@app.command()
def rehearse(
    name: Annotated[str, typer.Argument(help="A runbook, or all.")] = "all",
    runs: Annotated[Path, typer.Option(help="Folder for the evidence.")] = Path("reports/runbooks"),
    jobs: Annotated[int, typer.Option(min=1, help="So many at a time.")] = 1,
    meant: Annotated[
        str, typer.Option("--from", help="A cloud, as -p cloud takes it: rehearse on a copy of the service there.")
    ] = "",
    parameter: Given = None,
) -> None:
    """Plan, apply and undo runbooks on an embedded AWS of their own. Exit code 1 where one is not as it should be.

    With --from, and the runbook's parameters by -p, on a copy of the very service that they name: it is read there,
    by calls that only read, and made again with stand-ins for its images and secrets.
    """
    if meant:
        return copies.rehearse(console, name, _pairs(parameter), meant, runs)
    if parameter:
        raise typer.BadParameter("-p is for a rehearsal on a copy: say of which cloud by --from")
    from drydock import rehearsals
    from drydock.notebooks import together
    from drydock.rehearsals.record import Rehearsal

    names = catalogue.names() if name == "all" else [catalogue.notebook(name).stem]
    rows: list[Rehearsal] = []
    started = time.monotonic()
    with ending_on_signals(STOPPED):
        rehearse = partial(rehearsals.rehearse, runs=runs)
        together.run(names, rehearse, jobs=jobs, within=nullcontext, done=rows.append)
    rows.sort(key=lambda row: row.runbook)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Runbook", "", "What was done", "Seconds"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row.runbook,
            "[red]failed[/]" if row.error else "[green]passed[/]",
            ", ".join(row.done),
            f"{row.seconds:.1f}",
        )
    console.print(table)
    for row in rows:
        if row.error:
            console.print(f"{row.runbook}: {row.error}", markup=False)
    console.print(f"{len(rows)} runbooks in {time.monotonic() - started:.1f} s; evidence in {runs}")
    if any(row.error for row in rows):
        raise typer.Exit(1)


def _shown(run: Callable[[OnCell | None], runner.Report]) -> runner.Report:
    """What the run came to, shown also where a signal ends it. Exits where it is not what was asked for."""
    with ending_on_signals(ENDED):
        try:
            with _progress() as on_cell:
                report = run(on_cell)
        except runner.CutShort as cut:
            _show(cut.report)
            raise
    _show(report)
    if not report.ok:
        raise typer.Exit(1)
    return report


@contextmanager
def _progress() -> Iterator[OnCell | None]:
    """Where somebody looks: how far the run is, and under which heading; gone at its end."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = ("{task.description}", BarColumn(), "{task.completed}/{task.total}", TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of, heading: bar.update(task, completed=done, total=of, description=heading)


def _show(report: runner.Report) -> None:
    kept = Evidence(report.folder)
    if report.plan is not None:
        kept_runs.show_plan(report.plan, kept)
    findings = kept_runs.whole(lambda: kept.read("findings.json"))
    if findings == []:
        console.print("No findings.")
    for finding in findings or ():
        told = "\n".join(f"{key}: {value}" for key, value in finding.items())
        console.print(Text(kept_runs.lines(told)), "")
    colour = "green" if report.ok else "red"
    counted = "" if findings is None else f", {len(findings)} finding{'s' * (len(findings) != 1)}, nothing changed,"
    console.print(f"[{colour}]{report.runbook}: {report.outcome}[/]{counted} in {report.seconds:.1f} s")
    if report.error is not None:
        console.print(kept_runs.lines(kept.hide(report.error)), markup=False)
    console.print(f"Evidence: {report.folder}", markup=False)
    console.print(f"Seal: {report.seal}")
    if names := kept.secrets:
        command = typed(["drydock", "runbook", "forget", str(report.folder)])
        console.print(f"Its secrets.json has the values of {', '.join(names)}; to remove them: {command}", markup=False)


def _refuse_without_targets(*given: object) -> None:
    if any(given):
        raise typer.BadParameter("--at-once, --stop-after and --scheduler are for a list of targets: give --targets")


def _pairs(texts: list[str] | None) -> dict[str, str]:
    return dict(pair(text) for text in texts or ())


def pair(text: str) -> tuple[str, str]:
    """`name=value` as a pair."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"-p {text}: write name=value")
    return name, value
