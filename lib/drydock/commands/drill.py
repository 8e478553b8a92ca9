"""`drydock drill`: a fault in a running cloud, to be found and mended against the clock."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from drydock import drills
from drydock.cloud import Cloud, connect
from drydock.commands.runs import table
from drydock.drills import record
from drydock.drills.site import PRODUCTION
from drydock.notebooks import wait

console = Console(highlight=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
app = typer.Typer(help="Drills: a fault in a running cloud, to be found and mended.", no_args_is_help=True)

Where = Annotated[str | None, typer.Option("--cloud", help="embedded, localstack, aws or a URL.")]
Region = Annotated[str, typer.Option(help="Its region.")]
Account = Annotated[str | None, typer.Option(help="12 digits; needed for a real account.")]
Budget = Annotated[float, typer.Option(help="USD; a drill on a real account must cost less.")]
Instance = Annotated[str, typer.Option("--name", help="Which embedded AWS.", envvar="DRYDOCK_INSTANCE")]


@app.command("list")
def list_drills(
    causes: Annotated[bool, typer.Option("--causes", help="The names of causes, to choose an answer from.")] = False,
) -> None:
    """The drills, by what is noticed of them."""
    if causes:
        for fault in sorted(one.fault for one in drills.DRILLS.values()):
            console.print(fault)
        return
    rows = [(one.short, one.title, one.symptoms) for _, one in sorted(drills.DRILLS.items())]
    table(("Drill", "What", "Symptoms"), rows)


@app.command()
def start(
    drill: Annotated[str | None, typer.Argument(help="Which; by default one is drawn.")] = None,
    seed: Annotated[str, typer.Option(help="Same seed, same drill drawn.")] = "",
    cloud: Where = None,
    region: Region = "us-east-1",
    account: Account = None,
    budget_usd: Budget = 0.0,
    name: Instance = "default",
) -> None:
    """Bring up a service, break it, and start the clock."""
    wanted = None if drill is None else drills.named(drill)
    at = connect(cloud, region=region, account=account, budget_usd=budget_usd, name=name)
    pace = wait.Pace.of(at)
    wait.keep(pace)
    at.asks_again = pace.asks_again
    if wanted is None:
        drawn = drills.draw(drills.DRILLS, at, seed)
        wanted = drawn.drill
        console.print(f"Drawn by the seed {drawn.seed}.")
    drills.begin(wanted, at)
    console.print(f"{wanted.short}: {wanted.title}", style="bold")
    console.print(wanted.symptoms, markup=False)
    where = f" at {at.endpoint}" if at.endpoint else ""
    console.print(f"Cluster {PRODUCTION}, service {wanted.name}, {at.identity}{where}. The clock runs.", markup=False)
    console.print("Named the cause? `drydock drill check --cause NAME` (`drydock drill list --causes`).", markup=False)


@app.command()
def check(
    cause: Annotated[str, typer.Option(help="What you take for the cause.")] = "",
    cloud: Where = None,
    region: Region = "us-east-1",
    account: Account = None,
    name: Instance = "default",
) -> None:
    """Whether it is mended, and with --cause whether that is it. Exit code 1 until it is mended."""
    said = drills.answer(drills.DRILLS, _there(cloud, region, account, name), cause)
    if cause:
        console.print(f"{cause}: that is it" if said.right else f"{cause}: that is not it", markup=False)
    if said.right:
        console.print(drills.DRILLS[said.run.drill].cause, markup=False)
    console.print(str(said.checked), markup=False)
    console.print(_told(said.run))
    if not said.checked.passed:
        raise typer.Exit(1)


@app.command()
def stop(
    cloud: Where = None,
    region: Region = "us-east-1",
    account: Account = None,
    name: Instance = "default",
    within: Annotated[float | None, typer.Option(help="Seconds to try again what is still in use.")] = None,
) -> None:
    """Delete all that the drill made, and say what it was. Exit code 1 when something is left."""
    at = _there(cloud, region, account, name)
    run = record.under_way(record.read(), at.identity)
    swept = drills.end(drills.DRILLS, at, within=within)
    if run is not None and run.started and run.drill in drills.DRILLS:
        one = drills.DRILLS[run.drill]
        console.print(f"{one.short} was {one.fault}. {one.cause}", markup=False)
        console.print(_told(run))
    console.print(str(swept), markup=False)
    if swept.survivors:
        raise typer.Exit(1)


@app.command()
def score() -> None:
    """Every drill that was begun: how long finding and mending took, wrong answers, and how often it was checked."""
    rows = [
        (
            run.started[:16].replace("T", " "),
            run.drill.removeprefix("drydock-"),
            drills.DRILLS[run.drill].fault if run.drill in drills.DRILLS and (run.found or run.stopped) else "",
            record.took(run, run.found),
            record.took(run, run.mended),
            str(len(run.answers) - bool(run.found)),
            str(run.checks),
        )
        for run in record.read()
        if run.started
    ]
    table(("Started (UTC)", "Drill", "Cause", "Found after", "Mended after", "Wrong answers", "Checks"), rows)


def _there(cloud: str | None, region: str, account: str | None, name: str) -> Cloud:
    return connect(cloud, region=region, account=account, budget_usd=float("inf"), name=name)


def _told(run: record.Run) -> str:
    named = f"named after {record.took(run, run.found)}" if run.found else "not named yet"
    mended = f"mended after {record.took(run, run.mended)}" if run.mended else "not mended yet"
    return f"Cause {named}; {mended}."
