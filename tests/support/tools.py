"""Programs that tests talk to: asked whether they work, not whether they are there.

A test whose tool does not work is skipped with what the tool said; on CI that fails it (tests/conftest.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

PATIENCE = 60.0
_VERSION = {"dig": "-v"}


def tool(name: str, *question: str) -> str:
    """The path of a program that answers `question` with success, as one does that works; else skips the test."""
    path = found(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    if why := trouble((path, *(question or (_VERSION.get(name, "--version"),)))):
        pytest.skip(f"{name} does not work here: {why}")
    return path


def compose() -> list[str]:
    """The command of docker compose, which is a program of its own or a plugin that docker may lack."""
    if found("docker-compose") is not None:
        return [tool("docker-compose", "version")]
    return [tool("docker", "compose", "version"), "compose"]


def builder(name: str) -> str:
    """`name`, of podman or buildah, where it can execute a RUN and, podman, run a container; else skips the test."""
    tool(name)
    if why := _cannot_build(name):
        pytest.skip(f"{name} does not work here: {why}")
    return name


def any_builder(*names: str) -> str:
    """The first of these that is a `builder`; else skips the test."""
    reasons = {name: "it is not installed" if found(name) is None else _cannot_build(name) for name in names}
    for name, why in reasons.items():
        if why is None:
            return name
    pytest.skip("; ".join(f"{name} does not work here: {why}" for name, why in reasons.items()))


def found(name: str) -> str | None:
    """Where a program is: beside this interpreter, or on PATH."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@cache
def trouble(command: Sequence[str]) -> str | None:
    """Why `command` does not succeed, None where it does."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr or done.stdout).strip()[-300:] or f"it ends with {done.returncode}"


def machine_root(root: Path, *programs: str) -> None:
    """Copy these programs of this machine into `root`, with the libraries that they need."""
    libraries = re.findall(r"/\S+", subprocess.check_output(["ldd", *programs], text=True).replace(":", ""))
    for path in {*programs, *libraries}:
        copy = root / path.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


@cache
def _cannot_build(name: str) -> str | None:
    with TemporaryDirectory(prefix="ask-", dir="/tmp") as folder:  # podman takes a run root of 50 characters at most
        work = Path(folder)
        machine_root(work / "context/root", "/bin/true")
        (work / "context/Dockerfile").write_text('FROM scratch\nCOPY root /\nRUN ["/bin/true"]\n')
        command = [name, "--root", str(work / "root"), "--runroot", str(work / "run"), "--storage-driver", "vfs"]
        if name == "podman":
            command += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        limits = ["--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512"]
        questions = [["build", "--network", "host", "--tag", "ask", str(work / "context")]]
        if name == "podman":
            questions.append(["run", "--rm", "--network", "host", *limits, "localhost/ask", "/bin/true"])
        try:
            return next((why for words in questions if (why := trouble((*command, *words)))), None)
        finally:
            subprocess.run([*command, "rmi", "--all", "--force"], capture_output=True)
