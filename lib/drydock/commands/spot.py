"""`drydock spot`: what Fargate Spot of an embedded AWS does to its tasks."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from drydock import embedded
from drydock.embedded import spot

app = typer.Typer(
    help="Fargate Spot of an embedded AWS: take tasks back, run dry, take back at a rate.", no_args_is_help=True
)
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

Name = Annotated[str, typer.Option(help="Which embedded AWS.", envvar="DRYDOCK_INSTANCE")]


@app.command()
def interrupt(
    tasks: Annotated[list[str] | None, typer.Argument(help="Ids or ARNs; by default all tasks on Spot.")] = None,
    service: Annotated[str, typer.Option(help="Only tasks of this service.")] = "",
    cluster: Annotated[str, typer.Option(help="Only tasks in this cluster.")] = "",
    count: Annotated[int | None, typer.Option(min=1, help="So many of them; which, follows from the seed.")] = None,
    percent: Annotated[int | None, typer.Option(min=1, max=100, help="Such a part of them, rounded up.")] = None,
    region: str = "us-east-1",
    name: Name = "default",
) -> None:
    """Give tasks on FARGATE_SPOT their two minutes' warning now. Exit code 1 where there is none."""
    told = spot.interrupt(
        _endpoint(name), cluster=cluster, service=service, tasks=tasks or (), count=count, percent=percent,
        region=region,
    )  # fmt: skip
    if not told.interrupted:
        console.print("No task on FARGATE_SPOT that this is about is running: none is taken back")
        raise typer.Exit(1)
    for arn in told.interrupted:
        console.print(arn, markup=False)
    those = "1 task is" if len(told.interrupted) == 1 else f"{len(told.interrupted)} tasks are"
    console.print(f"{those} taken back: SpotInterruption, in two AWS minutes at the latest")


@app.command()
def dry(
    state: Annotated[str, typer.Argument(metavar="on|off", help="on: no capacity for new tasks on Spot.")] = "on",
    name: Name = "default",
) -> None:
    """Let Fargate Spot have no capacity for new tasks, or have some again. Tasks that run stay."""
    if state not in ("on", "off"):
        raise typer.BadParameter(f"{state!r}: write on or off")
    _say(spot.dry(_endpoint(name), state == "on"))


@app.command()
def rate(
    per_task_hour: Annotated[float, typer.Argument(min=0, help="Interruptions in an AWS hour of a task; 0: none.")],
    name: Name = "default",
) -> None:
    """Let tasks on FARGATE_SPOT be taken back by themselves, at this rate and by the instance's seed."""
    _say(spot.rate(_endpoint(name), per_task_hour))


@app.command()
def weather(name: Name = "default") -> None:
    """How it stands with Fargate Spot."""
    _say(spot.weather(_endpoint(name)))


def _say(told: spot.Weather) -> None:
    there = "Fargate Spot has no capacity for new tasks" if told.dry else "Fargate Spot has capacity"
    console.print(f"{there}, and takes each task back {told.per_task_hour:g} times in an AWS hour")


def _endpoint(name: str) -> str:
    instance = embedded.find(name)
    if instance is None:
        console.print(f"{name}: not running. Start it with `drydock up`.")
        raise typer.Exit(1)
    return instance.endpoint
