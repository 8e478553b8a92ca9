"""The embedded AWS as its users see it: a named background process with a state directory."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

DEFAULT_PORT = 4566
_START_LIMIT = 60.0
_STOP_LIMIT = 30.0


class NotStarted(RuntimeError):
    """The embedded AWS could not be started or did not stop; the text says where its log is."""


def home() -> Path:
    """Where Drydock keeps its state: `DRYDOCK_HOME`, or the user's state directory."""
    return Path(os.environ.get("DRYDOCK_HOME") or platformdirs.user_state_path("drydock"))


@dataclass(frozen=True)
class Instance:
    """A running embedded AWS."""

    name: str
    endpoint: str
    port: int
    pid: int
    account: str
    speed: float
    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    def status(self) -> dict[str, Any]:
        """What `drydock status --json` prints: where it is, and counts of clusters, services and tasks."""
        with urllib.request.urlopen(f"{self.endpoint}/_drydock/status", timeout=10) as answer:
            status: dict[str, Any] = json.load(answer)
        return status


def directory_of(name: str) -> Path:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"instance name {name!r}: use letters, digits, '-' and '_' only")
    return home() / "instances" / name


def find(name: str = "default") -> Instance | None:
    """The instance called `name` if its process runs and answers, else None."""
    directory = directory_of(name)
    try:
        state = json.loads((directory / "state.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    instance = Instance(**{**state, "directory": directory})
    if not _runs(instance.pid):
        return None
    try:
        answer = instance.status()
    except (OSError, ValueError):
        return None
    return instance if answer.get("pid") == instance.pid else None


def instances() -> list[Instance]:
    """All that run, by name."""
    found = (find(path.name) for path in sorted((home() / "instances").glob("*")) if path.is_dir())
    return [instance for instance in found if instance is not None]


def start(
    name: str = "default",
    *,
    port: int | None = None,
    speed: float | None = None,
    seed: str | None = None,
    idle_exit: float | None = None,
) -> Instance:
    """Start the instance called `name`, or return the one that runs.

    `port`: exactly this one (NotStarted if it is taken); without it 4566, or the next free one.
    `speed`: AWS seconds in one of ours (30). `seed`: ids and choices repeat from run to run.
    `idle_exit`: end after so many of our seconds without a call; what it holds is kept on disk.
    """
    directory = directory_of(name)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_at_a_time(directory):
        running = find(name)
        if running is not None:
            return running
        options = {"--port": port, "--speed": speed, "--seed": seed, "--idle-exit": idle_exit}
        arguments = [text for key, value in options.items() if value is not None for text in (key, str(value))]
        (directory / "state.json").unlink(missing_ok=True)
        with (directory / "daemon.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "drydock.embedded.daemon", "--directory", str(directory), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        return _wait_for(name, process, directory)


def _wait_for(name: str, process: subprocess.Popen[bytes], directory: Path) -> Instance:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotStarted(
                f"the embedded AWS {name!r} ended while it started (exit {process.returncode}); "
                f"its log, {directory / 'daemon.log'}, ends with:\n{_tail(directory / 'daemon.log')}"
            )
        instance = find(name)
        if instance is not None and instance.pid == process.pid:
            process.returncode = 0  # it outlives us: nobody waits for it
            return instance
        time.sleep(0.02)
    process.kill()
    raise NotStarted(
        f"the embedded AWS {name!r} did not answer in {_START_LIMIT:.0f} s; see {directory / 'daemon.log'}"
    )


def _tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def stop(name: str = "default") -> bool:
    """End the instance and every process it started; its state is kept. False if none ran."""
    instance = find(name)
    if instance is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(instance.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_LIMIT
    while _runs(instance.pid):
        if time.monotonic() > deadline:
            raise NotStarted(f"the embedded AWS {name!r} (process {instance.pid}) did not end; see {instance.log}")
        time.sleep(0.02)
    return True


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def reset(name: str = "default") -> Instance | None:
    """Forget everything in the instance; if it ran, it runs again, empty, at the same port and speed."""
    instance = find(name)
    stop(name)
    shutil.rmtree(directory_of(name), ignore_errors=True)
    return start(name, port=instance.port, speed=instance.speed) if instance else None


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    with (directory / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
