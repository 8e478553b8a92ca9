"""`drydock runbook`: list, plan, apply, roll back, rehearse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drydock.notebooks import page
from drydock.notebooks.signals import ENDED, STOPPED, ending_on_signals
from drydock.runbooks import catalogue, parameters, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.model import Plan
from drydock.runbooks.runbook import apply_command

app = typer.Typer(help="Operational runbooks: plan, approve, apply, roll back.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

Name = Annotated[str, typer.Argument(help="A runbook, as `drydock runbook list` names it.")]
Given = Annotated[list[str] | None, typer.Option("-p", help="name=value for the runbook; repeatable.")]
Runs = Annotated[Path | None, typer.Option(help="Folder for the run's folder. By default $DRYDOCK_RUNS, else runs.")]


@app.command("list")
def list_runbooks() -> None:
    """The runbooks, and the parameters of each."""
    for name in catalogue.names():
        declared = parameters.declared(catalogue.notebook(name))
        console.print(f"[bold]{name}[/]  {page.heading(catalogue.notebook(name))}")
        table = Table(box=None, pad_edge=False, show_header=False)
        for parameter, default in declared.defaults.items():
            table.add_row(f"  {parameter}", repr(default), declared.helps[parameter])
        console.print(table)


@app.command()
def plan(name: Name, parameter: Given = None, runs: Runs = None) -> None:
    """Make the plan and show it: its steps, the difference they make, its hash. Changes nothing."""
    report = _run(name, {**_pairs(parameter), "dry_run": "true"}, runs)
    _show(report)
    _end(report)
    if report.plan is not None and report.plan.changes:
        console.print(f"To apply it: {apply_command(name, _pairs(parameter), report.plan.hash)}", markup=False)


@app.command()
def apply(
    name: Name,
    approve: Annotated[str, typer.Option(help="The plan's hash, as `drydock runbook plan` shows it.")] = "",
    parameter: Given = None,
    runs: Runs = None,
) -> None:
    """Apply the approved plan, verify it, and roll back where that fails. Exit code 1 unless it was applied."""
    report = _run(name, {**_pairs(parameter), "dry_run": "false", "approve": approve}, runs)
    _show(report)
    _end(report)


@app.command("roll-back")
def roll_back(folder: Annotated[Path, typer.Argument(help="The folder of a run.")]) -> None:
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
) -> None:
    """Plan, apply and undo runbooks on an embedded AWS of their own. Exit code 1 where one is not as it should be."""
    from drydock import rehearsals

    names = catalogue.names() if name == "all" else [name]
    rows = []
    with ending_on_signals(STOPPED):
        for one in names:
            catalogue.notebook(one)
            rows.append(rehearsals.rehearse(one, runs / one))
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
    console.print(f"{len(rows)} runbooks in {sum(row.seconds for row in rows):.1f} s; evidence in {runs}")
    if any(row.error for row in rows):
        raise typer.Exit(1)


def _run(name: str, given: dict[str, str], runs: Path | None) -> runner.Report:
    with ending_on_signals(ENDED):
        try:
            return runner.run(name, given, root=runs, progress_bar=sys.stderr.isatty())
        except runner.CutShort as cut:
            _show(cut.report)
            raise


def _show(report: runner.Report) -> None:
    if report.plan is not None:
        _show_plan(report.plan)
    for finding in Evidence(report.folder).read("findings.json") or ():
        console.print(Text("\n".join(f"{key}: {value}" for key, value in finding.items())), "")
    colour = "green" if report.ok else "red"
    console.print(f"[{colour}]{report.runbook}: {report.outcome}[/] in {report.seconds:.1f} s")
    if report.error is not None:
        console.print(report.error, markup=False)
    console.print(f"Evidence: {report.folder}", markup=False)


def _end(report: runner.Report) -> None:
    if not report.ok:
        raise typer.Exit(1)


def _show_plan(plan: Plan) -> None:
    console.print(Text.assemble((f"Plan {plan.hash}", "bold"), f" on {plan.place}"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Step", "Kind", "What"):
        table.add_column(column, overflow="fold")
    for step in plan.steps:
        table.add_row(step.name, step.kind, Text(step.title))
    console.print(table if plan.steps else "It changes nothing.")
    for path, before, after in plan.difference():
        console.print(Text(path, "bold"))
        for sign, value, colour in (("-", before, "red"), ("+", after, "green")):
            if value:
                console.print(Text(f"  {sign} {value}", colour))


def _pairs(texts: list[str] | None) -> dict[str, str]:
    return dict(pair(text) for text in texts or ())


def pair(text: str) -> tuple[str, str]:
    """`name=value` as a pair."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"-p {text}: write name=value")
    return name, value
