"""`drydock class`: a class's folder, from the list of learners to the report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
app = typer.Typer(help="A class: hand out, collect, grade, report.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The class's folder.")]


@app.command("new")
def new_class(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="The class's folder; its last part is the class's name.")],
    labs: Annotated[str, typer.Option(help="Numbers, names and ranges: 00-06,07. all is all.")],
    learners: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A CSV file: id,name, and perhaps email,lti_user_id.")
    ],
) -> None:
    """Make a folder for each learner, to be handed out. Again: add learners and labs; nobody's work is written over."""
    from drydock.classroom import folder, roster
    from drydock.labs import catalogue

    listed = roster.read(learners)
    made = folder.new(name, catalogue.in_ranges(labs), listed.learners)
    the_class = made.the_class
    console.print(
        f"{the_class.name}: {len(made.added)} learner{'s' if len(made.added) != 1 else ''} added, "
        f"{len(the_class.members)} in all; {', '.join(the_class.labs)}",
        markup=False,
    )
    if listed.unused:
        console.print(f"Columns not used: {', '.join(listed.unused)}", markup=False)
    if made.not_listed:
        console.print(f"Not on the list, and kept: {', '.join(made.not_listed)}", markup=False)
    for notebook in made.older:
        console.print(f"Worked on already, and left older than the lab is now: {notebook}", markup=False)
    console.print(f"Hand out the folders in {the_class.folder / 'learners'}", markup=False)


@app.command("report")
def report_class(
    place: Folder,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="The page; by default report.html in DIR.")] = None,
) -> None:
    """One page: who is where, which check stops most, time and hints for each step. Beside it the same as CSV."""
    from drydock.classroom import exports, folder, reading, report

    found = reading.read(folder.open_class(place))
    page = out or found.the_class.folder / "report.html"
    report.write(found, page)
    exports.progress_csv(found, page.with_suffix(".csv"))
    for one in found.standings:
        for problem in filter(None, (one.unreadable, *one.damaged_grades)):
            console.print(f"{one.member.id}: {problem}", markup=False)
    console.print(f"{page}\n{page.with_suffix('.csv')}", markup=False)
