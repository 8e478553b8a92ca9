"""`drydock hub`: a JupyterHub for a classroom on this machine."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from drydock.hub import limits
from drydock.hub.learners import Learners

app = typer.Typer(help="A JupyterHub for a classroom: each learner has an own embedded AWS.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


class CannotServe(RuntimeError):
    """This machine cannot have a hub; the text says what is missing."""


Folder = Annotated[Path, typer.Argument(help="The hub's folder: learners, their homes, its database.")]


@app.command()
def learners(folder: Folder, names: list[str]) -> None:
    """Take in learners and print their passwords, once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _show(Learners(folder).add(names))


def _show(made: dict[str, str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "Password, shown this once"):
        table.add_column(column)
    for row in made.items():
        table.add_row(*row)
    console.print(table)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(
    ctx: typer.Context,
    folder: Folder,
    ip: Annotated[str, typer.Option(help="Where it listens; 0.0.0.0: for the whole network.")] = "127.0.0.1",
    port: int = 8000,
    memory: Annotated[str, typer.Option(help="What a learner may use together, as 2G.")] = "2G",
    tasks: Annotated[int, typer.Option(help="Processes and threads that a learner may have.")] = 600,
    idle: Annotated[int, typer.Option(help="Seconds unused after which a server and its clouds end.")] = 3600,
) -> None:
    """Serve the hub until it is ended; further arguments are JupyterHub's own."""
    from drydock.hub import config

    folder = folder.absolute()
    _check()
    environment = {**os.environ, config.FOLDER: str(folder), config.IDLE: str(idle)}
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever started us may ignore it; the hub ends its services by it
    os.execve(
        sys.executable,
        [sys.executable, "-m", "jupyterhub", "-f", str(config.__file__), f"--JupyterHub.bind_url=http://{ip}:{port}",
         f"--Room.mem_limit={memory}", f"--Room.task_limit={tasks}", *ctx.args],
        environment,
    )  # fmt: skip


def _check() -> None:
    if sys.platform != "linux":
        raise CannotServe("a hub needs Linux: rooms are made of its namespaces and control groups")
    if importlib.util.find_spec("jupyterhub") is None:
        raise CannotServe("JupyterHub is not installed: pip install 'drydock-labs[hub]'")
    if os.geteuid() != 0:
        raise CannotServe("a hub needs root, to give each learner an own user: run it with sudo")
    limits.prepare()
