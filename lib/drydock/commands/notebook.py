"""`drydock concept` and `drydock prep`: notebooks that are given no cloud, listed and run headless."""

from __future__ import annotations

import secrets
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
    """Run them headless, with answers given by -p; what you have kept stays. Exit code 1 when one fails."""
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


@prep.command("seal")
def seal(
    folder: Annotated[Path, typer.Argument(help="Folder of questions, *.json as in notebooks/prep/questions.")],
    pack: Annotated[Path, typer.Argument(help="File to write; it must not be there.")],
    minutes: Annotated[int, typer.Option(help="How long the exam takes, 5 to 180.")] = 45,
    seed: Annotated[int | None, typer.Option(help="Which questions are drawn. By default a seed by chance.")] = None,
) -> None:
    """Seal questions for an exam: a file for the candidates, and two keys that are shown once."""
    from drydock.prep import interview_pack, questions

    asked = questions.load(folder)
    keys = interview_pack.seal(pack, asked, minutes=minutes, seed=secrets.randbelow(10**6) if seed is None else seed)
    console.print(f"{pack}: {len(asked)} questions, {minutes} minutes. Give it to the candidates.")
    console.print(f"First key, when the exam begins:       {keys[0]}  opens the questions", markup=False)
    console.print(f"Second key, when you noted their code: {keys[1]}  opens the key points", markup=False)
    console.print("They are kept nowhere: write them down.")


@prep.command("handed-in")
def handed_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A candidate's interviews.json.")],
    pack: Annotated[Path | None, typer.Option(help="The sealed questions: shows the exam by them, checked.")] = None,
    key: Annotated[str, typer.Option(help="The pack's first key.")] = "",
) -> None:
    """Show a candidate's interviews, each with the code of its answers. Exit code 1 where a check fails."""
    from drydock.prep import interview_pack
    from drydock.prep.interview_record import Interviews
    from drydock.prep.interview_report import Report

    sealed = interview_pack.read(pack) if pack else None
    contents = sealed.contents(key) if sealed else None
    found = [
        one
        for one in Interviews(file).all()
        if sealed is None or (one.sealed is not None and one.sealed.digest == sealed.digest)
    ]
    if not found:
        console.print(f"{file} has no interview{f' by {pack}' if pack else ''}.", markup=False)
        raise typer.Exit(1)
    faults = [fault for one in found for fault in (interview_pack.faults(one, contents) if contents else [])]
    for one in found:
        console.print(repr(Report(one)), markup=False)
    for fault in faults:
        console.print(f"Not as the pack has it: {fault}", markup=False)
    if faults:
        raise typer.Exit(1)


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
