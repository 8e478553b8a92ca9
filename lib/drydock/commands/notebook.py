"""`drydock concept` and `drydock prep`: notebooks that are given no cloud, listed and run headless."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from drydock.commands.runbook import pair
from drydock.concepts import catalogue
from drydock.notebooks import page, runs
from drydock.notebooks.environment import environment
from drydock.notebooks.instances import own_home
from drydock.notebooks.parameters import cell
from drydock.notebooks.signals import STOPPED, ending_on_signals

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

Name = Annotated[str, typer.Argument(help="A notebook, or all.")]
Out = Annotated[Path, typer.Option(file_okay=False, help="Folder for notebooks and pages.")]
Given = Annotated[list[str] | None, typer.Option("-p", help="name=value for the notebook; repeatable.")]

concept = typer.Typer(help="Concept notebooks: list, run headless.", no_args_is_help=True)
prep = typer.Typer(help="Interview preparation: list, run headless.", no_args_is_help=True)


@concept.command("list")
def list_concepts() -> None:
    """The concept notebooks, and the parameters of each."""
    _list({name: catalogue.notebook(name) for name in catalogue.names()})


@concept.command("run")
def run_concept(
    name: Name = "all",
    out: Out = Path("reports"),
    parameter: Given = None,
    jobs: Annotated[int, typer.Option(min=1, help="So many notebooks at a time.")] = 1,
) -> None:
    """Run concept notebooks headless. Exit code 1 when one fails."""
    from drydock.concepts import run
    from drydock.notebooks import together

    names = catalogue.names() if name == "all" else [catalogue.notebook(name).stem]
    given = dict(pair(text) for text in parameter or ())
    reports: list[runs.Report] = []
    started = time.monotonic()
    with ending_on_signals(STOPPED):
        if jobs > 1:
            together.run(names, partial(run, out=out, given=given), jobs=jobs, within=nullcontext, done=reports.append)
        else:
            reports = [run(one, out=out, given=given, progress_bar=sys.stderr.isatty()) for one in names]
    _show(sorted(reports, key=lambda report: report.name), time.monotonic() - started)


@prep.command("list")
def list_prep() -> None:
    """The notebooks of interview preparation, and the parameters of each."""
    _list(_preparations())


@prep.command("run")
def run_prep(name: Name = "all", out: Out = Path("reports"), parameter: Given = None) -> None:
    """Run them headless, with answers given by -p; your own cards and clouds stay. Exit code 1 when one fails."""
    known = _preparations()
    if name != "all" and name not in known:
        raise typer.BadParameter(f"there is no {name!r}; there are {', '.join(known)}")
    given = dict(pair(text) for text in parameter or ())
    chosen = list(known.values()) if name == "all" else [known[name]]
    started = time.monotonic()
    with (
        ending_on_signals(STOPPED),
        own_home("records") as home,
        environment({"DRYDOCK_PREP": str(home / "cards.json")}),
    ):
        reports = [runs.run(one, out=out, given=given, progress_bar=sys.stderr.isatty()) for one in chosen]
    _show(reports, time.monotonic() - started)


def _preparations() -> dict[str, Path]:
    from drydock.prep import questions

    return {path.stem: path for path in sorted(questions.directory().glob("*.ipynb"))}


def _list(notebooks: dict[str, Path]) -> None:
    for name, path in notebooks.items():
        console.print(f"[bold]{name}[/]  {page.heading(path)}")
        for line in cell(path).splitlines():
            console.print(f"  {line}", markup=False)


def _show(reports: list[runs.Report], seconds: float) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Notebook", "", "Seconds", "Page"):
        table.add_column(column, overflow="fold")
    for report in reports:
        state = "[green]passed[/]" if report.ok else "[red]failed[/]"
        table.add_row(report.name, state, f"{report.seconds:.1f}", str(report.page))
    console.print(table)
    passed = sum(report.ok for report in reports)
    console.print(f"{passed} of {len(reports)} passed in {seconds:.1f} s")
    for report in reports:
        if report.error is not None:
            console.print(f"{report.name}: {report.error}", markup=False)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)
