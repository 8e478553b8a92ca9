"""`drydock runbook rehearse NAME --from CLOUD`: a runbook on a copy of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drydock.notebooks.signals import STOPPED, ending_on_signals


def rehearse(console: Console, name: str, given: Mapping[str, str], cloud: str, runs: Path) -> None:
    """Rehearse it, and show what happened beside what the plan said. Exit code 1 where these are not the same."""
    from drydock.rehearsals import copied

    with ending_on_signals(STOPPED):
        compared = copied.rehearse(name, given, cloud, runs)
    if compared.plan:
        console.print(f"{compared.plan} on {compared.place}, and the same on a copy:", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Step", "The plan", "On the copy", "Differs"):
        table.add_column(column, overflow="fold")
    for step in compared.steps:
        table.add_row(*(Text(text) for text in (step.name, step.planned, step.happened, step.differs)))
    if compared.steps:
        console.print(table)
    for heading, lines in (("Another on the copy", compared.state), ("Not taken along", compared.left)):
        if lines:
            console.print(Text(heading, "bold"))
            for line in lines:
                console.print(f"  {line}", markup=False)
    colour = "green" if compared.ok else "red"
    console.print(f"[{colour}]{name}: {compared.outcome or 'not applied'}[/] on the copy in {compared.seconds:.1f} s")
    if compared.undone:
        console.print(compared.undone, markup=False)
    if compared.why:
        console.print(compared.why, markup=False)
    console.print(f"Evidence: {compared.folder}", markup=False)
    if not compared.ok:
        raise typer.Exit(1)
