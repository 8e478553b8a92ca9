"""`drydock class`: a class's folder, from the list of learners to the report."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from drydock.commands import hub

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
app = typer.Typer(help="A class: hand out, collect, grade, report.", no_args_is_help=True)

app.command("hub", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(hub.serve)
app.command("password")(hub.password)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The class's folder.")]


@app.command("new")
def new_class(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="The class's folder; its last part is the class's name.")
    ],
    labs: Annotated[str, typer.Option(help="Numbers, names and ranges: 00-06,07. all is all.")],
    learners: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A CSV file: id,name, and perhaps email,lti_user_id.")
    ],
) -> None:
    """Make a folder for each learner, to be handed out. Again: add learners and labs; nobody's work is written over."""
    from drydock.classroom import folder, roster
    from drydock.labs import catalogue

    listed = roster.read(learners)
    hub.not_served(name)
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


@app.command("collect")
def collect_work(
    place: Folder,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="Folders and zips that came back, or one of all; none: the learners' folders as they are.",
        ),
    ] = None,
) -> None:
    """Take what learners hand in; an earlier hand-in is put aside. Exit code 1 when something was refused."""
    from drydock.classroom import collecting, folder

    collected = collecting.collect(folder.open_class(place), sources or [])
    for identifier, origin in collected.taken.items():
        before = "; the earlier one is in handed-in/earlier" if identifier in collected.replaced else ""
        console.print(_shown(f"taken    {identifier}, from {origin}{before}"), markup=False)
    for text in collected.refused:
        console.print(_shown(f"refused  {text}"), markup=False)
    console.print(
        f"{len(collected.taken)} taken, {len(collected.refused)} refused. Nothing yet of: "
        f"{', '.join(collected.missing) or 'nobody'}",
        markup=False,
    )
    if collected.refused:
        raise typer.Exit(1)


@app.command("grade")
def grade_work(
    place: Folder,
    learner: Annotated[list[str] | None, typer.Option(help="Only this one's; repeatable.")] = None,
    labs: Annotated[str, typer.Option(help="Only these: 00-06,07. By default all of the class.")] = "",
    minutes: Annotated[float, typer.Option(min=0.05, help="So long a notebook may run.")] = 10.0,
    memory: Annotated[int, typer.Option(min=256, help="MiB that a notebook may take.")] = 1024,
    jobs: Annotated[int, typer.Option(min=1, help="So many notebooks at a time, each on an AWS of its own.")] = 1,
    again: Annotated[bool, typer.Option(help="Also what has been graded and is unchanged.")] = False,
) -> None:
    """Run what was handed in, confined, each notebook on an AWS of its own, and ask our checks of that."""
    from drydock.classroom import folder, grading
    from drydock.labs import catalogue
    from drydock.notebooks.signals import STOPPED, ending_on_signals

    the_class = folder.open_class(place)
    members = [the_class.member(one) for one in learner] if learner else list(the_class.members)
    wanted = catalogue.in_ranges(labs) if labs else list(the_class.labs)
    if others := [lab for lab in wanted if lab not in the_class.labs]:
        raise typer.BadParameter(
            f"{', '.join(others)}: not handed out in this class, which has {', '.join(the_class.labs)}"
        )

    def done(result: grading.Result) -> None:
        graded = result.graded
        left = sum(step.outcome == "not graded" for step in graded.steps.values())
        unknown = f", {left} not graded" if left else ""
        kept = " (as before)" if result.kept else f" in {graded.seconds:.0f} s"
        why = f": {graded.why}" if graded.why else ""
        console.print(
            _shown(f"{result.member.id}  {graded.lab}  {graded.points} of {len(graded.steps)}{unknown}{kept}{why}"),
            markup=False,
        )

    limits = grading.Limits(minutes * 60, memory * 1024**2)
    with ending_on_signals(STOPPED):
        grading.grade(the_class, members, wanted, limits=limits, done=done, jobs=jobs, again=again)


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
            console.print(_shown(f"{one.member.id}: {problem}"), markup=False)
    console.print(f"{page}\n{page.with_suffix('.csv')}", markup=False)


def _shown(text: str) -> str:
    """A line with something of a learner's in it, without what would steer the terminal."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


class Format(StrEnum):
    """What grades are exported as."""

    nbgrader_csv = "nbgrader-csv"
    nbgrader_db = "nbgrader-db"
    lti = "lti"


_FILES = {Format.nbgrader_csv: "grades.csv", Format.nbgrader_db: "gradebook.db", Format.lti: "lti-scores.json"}


@app.command("export")
def export_grades(
    place: Folder,
    form: Annotated[
        Format,
        typer.Argument(
            metavar="FORMAT",
            help="nbgrader-csv: the table that nbgrader exports; nbgrader-db: its gradebook, a new one or yours; "
            "lti: line items and scores of LTI Advantage, as JSON.",
        ),
    ],
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="The file; by default one in DIR.")] = None,
) -> None:
    """Write the grades into a file for another program. Nothing is sent."""
    from drydock.classroom import exports, folder, reading

    found = reading.read(folder.open_class(place))
    file = (out or found.the_class.folder / _FILES[form]).absolute()
    left: list[str] = []
    match form:
        case Format.nbgrader_csv:
            exports.nbgrader_csv(found, file)
        case Format.nbgrader_db:
            exports.nbgrader_gradebook(found, file)
        case Format.lti:
            left = exports.lti_scores(found, file)
    if left:
        console.print(f"Left out, as the list has no lti_user_id: {', '.join(left)}", markup=False)
    console.print(str(file), markup=False)
