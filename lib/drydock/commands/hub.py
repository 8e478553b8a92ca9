"""`drydock class hub` and `drydock class password`: a JupyterHub for a class on this machine."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from drydock.classroom import folder
from drydock.hub import config, limits, walls
from drydock.hub.learners import Learners, hub_of

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The class's folder, as `drydock class new` makes it.")]
NEEDED = {"bwrap": "bubblewrap", "setpriv": "util-linux"}
"""Programs, and the packages of Debian and others that have them."""


class CannotServe(RuntimeError):
    """There can be no hub, or none beside what was asked for; the text says why and what to do."""


def serve(
    ctx: typer.Context,
    place: Folder,
    ip: Annotated[str, typer.Option(help="Where it listens; 0.0.0.0: for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    memory: Annotated[str, typer.Option(help="What a learner may use, as 2G.")] = "2G",
    tasks: Annotated[int, typer.Option(min=50, help="Processes and threads that a learner may have.")] = 600,
    idle: Annotated[int, typer.Option(min=1, help="Seconds unused after which a server and its clouds end.")] = 3600,
    ssl_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="For HTTPS, with --ssl-cert")
    ] = None,
    ssl_cert: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="For HTTPS, with --ssl-key")
    ] = None,
) -> None:
    """Serve the class in JupyterHub: an own server and an own AWS for each. Further arguments are JupyterHub's own."""
    the_class = folder.open_class(place)
    if (ssl_key is None) != (ssl_cert is None):
        raise typer.BadParameter("give both --ssl-key and --ssl-cert, or none")
    check()
    os.set_inheritable(_alone(place), True)  # JupyterHub takes the place of this program, and holds it on
    _check_free(ip, port)
    _show(_learners(place).new_passwords(member.id for member in the_class.members))
    tls = []
    if ssl_key and ssl_cert:
        tls = [f"--JupyterHub.ssl_key={ssl_key.absolute()}", f"--JupyterHub.ssl_cert={ssl_cert.absolute()}"]
    url = f"http{'s' if tls else ''}://{ip}:{port}"
    console.print(f"{the_class.name}: {url}; Ctrl-C ends it and keeps all work", markup=False)
    if not tls and not ip.startswith("127."):
        console.print("Without --ssl-key and --ssl-cert passwords and work cross the network unencrypted.")
    sys.stdout.flush()
    os.chdir(hub_of(the_class.folder))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever started us may ignore it; the hub ends its services by it
    os.execve(
        sys.executable,
        [
            sys.executable, "-P", "-m", "jupyterhub", "-f", str(config.__file__), f"--JupyterHub.bind_url={url}", *tls,
            f"--Room.mem_limit={memory}", f"--Room.task_limit={tasks}", *ctx.args,
        ],
        {**os.environ, config.FOLDER: str(the_class.folder), config.IDLE: str(idle)},
    )  # fmt: skip


def password(
    place: Folder, learner: Annotated[list[str], typer.Argument(metavar="ID...", help="Learners, by their id.")]
) -> None:
    """Make new passwords for learners of the hub, and print them, once. The old ones end at once."""
    the_class = folder.open_class(place)
    _show(_learners(place).new_passwords([the_class.member(one).id for one in learner], again=True))


def not_served(place: Path) -> None:
    """Raises CannotServe while the class has a hub: its learners could lead elsewhere what is written for them."""
    if hub_of(place).is_dir():
        os.close(_alone(place))


def _alone(place: Path) -> int:
    """The lock of the class's hub, until this process ends. CannotServe where another has it."""
    hub_of(place).mkdir(exist_ok=True, mode=0o700)
    lock = os.open(hub_of(place) / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotServe(f"{place} is served: end that hub first") from None
    return lock


def _check_free(ip: str, port: int) -> None:
    try:
        socket.create_server((ip, port)).close()
    except OSError as error:
        raise CannotServe(
            f"{ip}:{port} cannot be listened at ({error.strerror}): choose another --port or --ip"
        ) from None


def _learners(place: Path) -> Learners:
    hub_of(place).mkdir(exist_ok=True, mode=0o700)
    return Learners(hub_of(place))


def _show(made: dict[str, str]) -> None:
    if not made:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "Password, shown this once"):
        table.add_column(column)
    for row in made.items():
        table.add_row(*row)
    console.print(table)


def check() -> None:
    """Raises CannotServe where this machine cannot have a hub, and says what is missing."""
    if sys.platform != "linux":
        raise CannotServe("a hub needs Linux: each learner has namespaces and a control group of its own")
    if importlib.util.find_spec("jupyterhub") is None:
        raise CannotServe("JupyterHub is not installed: pip install 'drydock-labs[hub]'")
    if os.geteuid() != 0:
        raise CannotServe("a hub needs root, to give each learner a user of its own: run it with sudo")
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        packages = " ".join(NEEDED[program] for program in missing)
        raise CannotServe(f"a hub needs {' and '.join(missing)}: apt install {packages}")
    try:
        limits.prepare()
    except limits.NoLimits as error:
        raise CannotServe(str(error)) from error
    if why := walls.trouble():
        raise CannotServe(
            f"a room cannot be made here: {why}. Namespaces have to be permitted, and this Python with its packages "
            "readable for everybody"
        )
