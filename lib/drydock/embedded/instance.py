"""The embedded AWS as its users see it: a named background process with a state directory."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import disk
from drydock.policy.profiles import named
from drydock.user import home, own, private

DEFAULT_PORT = 4566
LOCK = "daemon.lock"
"""Held by a daemon for its whole life, with its process id in it: no two use one directory."""
REPLAYING = "replaying"
"""Touched about every second while a daemon replays its journal."""
_START_LOCK = "start.lock"
_ANSWER_LIMIT = 10.0
_START_LIMIT = 60.0
_STOP_LIMIT = 30.0
_KILL_LIMIT = 10.0
_REAP_LIMIT = 1.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotStarted(RuntimeError):
    """The embedded AWS could not be started or did not stop.

    The text says where its log is, or, where `says_all`, what the log would.
    """

    says_all = False


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
    profile: str = "quick"
    signed: bool = False
    """Whether it checks who signs a call: it was started with DRYDOCK_ACCESS_KEY."""

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    @property
    def ends_idle(self) -> bool:
        """Whether it ends by itself after some time without a call, as one that a notebook started does."""
        import psutil

        try:
            return "--idle-exit" in psutil.Process(self.pid).cmdline()
        except psutil.NoSuchProcess:
            return False

    def status(self) -> dict[str, Any]:
        """What `drydock status --json` prints: where it is, and counts of clusters, services and tasks."""
        with _direct.open(f"{self.endpoint}/_drydock/status", timeout=_ANSWER_LIMIT) as answer:
            status: dict[str, Any] = json.load(answer)
        return status


def directory_of(name: str) -> Path:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"instance name {name!r}: use letters, digits, '-' and '_' only")
    try:
        return own(home() / "instances" / name)
    except OSError as error:
        raise _unusable(error) from error


def find(name: str = "default") -> Instance | None:
    """The instance called `name` if its process runs and answers, else None."""
    directory = directory_of(name)
    instance = _recorded(directory)
    if instance is None or _holder(directory) != instance.pid:
        return None
    try:
        answer = instance.status()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return instance if answer.get("pid") == instance.pid else None


def exists(name: str) -> bool:
    """Whether there is an instance called `name`, running or not."""
    return directory_of(name).is_dir()


def pid_of(name: str = "default") -> int | None:
    """The process of the instance called `name`, whether it answers or not; None if there is none."""
    return _holder(directory_of(name))


def _recorded(directory: Path) -> Instance | None:
    try:
        state = json.loads((directory / "state.json").read_text())
        return Instance(**{**state, "directory": directory})
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def _holder(directory: Path) -> int | None:
    while True:
        try:
            lock = (directory / LOCK).open()
        except (FileNotFoundError, NotADirectoryError):
            return None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                text = lock.read()
        if text:
            return int(text)
        time.sleep(0.005)  # it is about to write its id


def instances() -> list[Instance]:
    """All that run, by name."""
    found = (find(path.name) for path in sorted((home() / "instances").glob("*")) if path.is_dir())
    return [instance for instance in found if instance is not None]


def free_port() -> int:
    """A loopback port for a server that is about to start: one the kernel gives no other program meanwhile."""
    random = secrets.SystemRandom()
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def start(
    name: str = "default",
    *,
    port: int | None = None,
    speed: float | None = None,
    seed: str | None = None,
    profile: str | None = None,
    idle_exit: float | None = None,
) -> Instance:
    """Start the instance called `name`, or return the one that runs.

    `port`: exactly this one (NotStarted if it is taken); without it 4566, or the next free one.
    `speed`: AWS seconds in one of ours (30). `seed`: ids and choices repeat from run to run.
    `profile`: how slow, late and strict it is (`policy.profiles`); without it as before, or quick. NotStarted if it
    runs with another one.
    `idle_exit`: end after so many of our seconds without a call; what it holds is kept on disk.
    """
    directory = directory_of(name)
    is_new = not directory.exists()
    options = {
        "--port": port,
        "--speed": speed,
        "--seed": seed,
        "--profile": named(profile).name if profile else None,
        "--idle-exit": idle_exit,
    }
    arguments = [text for key, value in options.items() if value is not None for text in (key, str(value))]
    try:
        with _one_at_a_time(directory):
            try:
                joined = _joined(name, directory)
                if joined is not None:
                    return fitting(joined, profile)
                return _launched(name, directory, arguments)
            except NotStarted as refused:
                if is_new and refused.says_all:
                    disk.remove(directory)
                raise
    except OSError as error:
        raise _unusable(error) from error


def fitting(instance: Instance, profile: str | None) -> Instance:
    """The instance, if it runs with this profile, or none is asked for. NotStarted, NoSuchProfile."""
    if profile and named(profile).name != instance.profile:
        raise NotStarted(
            f"the embedded AWS {instance.name!r} runs with the profile {instance.profile}, not {profile}. To change "
            f"that: drydock down --name {instance.name}, then drydock up --name {instance.name} --profile {profile}; "
            "what it holds stays"
        )
    return instance


def not_so(name: str, *, port: int | None, speed: float | None, seed: str | None) -> list[str]:
    """What `start` could not give that is asked of it, as the instance runs or has an account: a sentence each."""
    said = []
    instance = find(name)
    if instance is not None and port not in (None, instance.port):
        said.append(f"It runs at port {instance.port} already, and not at {port}.")
    if instance is not None and speed not in (None, instance.speed):
        said.append(f"It runs at speed {instance.speed:g} already, and not at {speed:g}.")
    if said:
        said.append(f"To change that: drydock down --name {name}, then up again.")
    kept = directory_of(name) / "seed"
    if seed is not None and kept.exists() and kept.read_text() != seed:
        said.append(f"Its account was made with another seed than {seed}: drydock reset --name {name}, then ask again.")
    return said


def _unusable(error: OSError) -> NotStarted:
    return NotStarted(str(disk.unusable(error, home())))


def _joined(name: str, directory: Path) -> Instance | None:
    """The instance that another has started, once it answers. None if there is none, or it ends."""
    try:
        return _answering(name, directory, lambda: _holder(directory) is not None)
    except TimeoutError:
        raise NotStarted(
            f"the embedded AWS {name!r} (process {_holder(directory)}) runs and has not answered in "
            f"{_START_LIMIT:.0f} s; end it with `drydock down --name {name}`, or see {directory / 'daemon.log'}"
        ) from None


def _launched(name: str, directory: Path, arguments: list[str]) -> Instance:
    (directory / "state.json").unlink(missing_ok=True)
    with (directory / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "drydock.embedded.daemon", "--directory", str(directory), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
    try:
        instance = _answering(name, directory, lambda: process.poll() is None)
    except TimeoutError:
        process.kill()
        process.wait()
        raise NotStarted(
            f"the embedded AWS {name!r} did not answer in {_START_LIMIT:.0f} s; see {directory / 'daemon.log'}"
        ) from None
    instance = instance or _joined(name, directory)  # one that had not taken the lock when we looked
    if instance is None:
        _, _, said = _tail(directory / "daemon.log", 1).partition(" ERROR drydock: ")
        if said:
            refused = NotStarted(said)
            refused.says_all = True
            raise refused
        raise NotStarted(
            f"the embedded AWS {name!r} ended while it started (exit {process.returncode}); "
            f"its log, {directory / 'daemon.log'}, ends with:\n{_tail(directory / 'daemon.log')}"
        )
    process.returncode = 0  # it outlives us: nobody waits for it
    return instance


def _environment() -> dict[str, str]:
    """Ours without the user's AWS settings, which are for other clouds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BOTO"))}
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _answering(name: str, directory: Path, lives: Callable[[], bool]) -> Instance | None:
    """The instance once it answers; None if its process ends first.

    TimeoutError after `_START_LIMIT` seconds in which the replay of its journal made no progress.
    """
    seen, since = _progress(directory), time.monotonic()
    while time.monotonic() - since < _START_LIMIT:
        lived = lives()
        instance = find(name)
        if instance is not None or not lived:
            return instance
        if (progress := _progress(directory)) != seen:
            seen, since = progress, time.monotonic()
        time.sleep(0.02)
    raise TimeoutError


def _progress(directory: Path) -> int | None:
    try:
        return (directory / REPLAYING).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def stop(name: str = "default") -> bool:
    """End the instance and every process it started; its state is kept. False if none ran."""
    directory = directory_of(name)
    pid = _holder(directory)
    if pid is None:
        return False
    for number, limit in ((signal.SIGTERM, _STOP_LIMIT), (signal.SIGKILL, _KILL_LIMIT)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _until(lambda: _holder(directory) != pid, limit):
            _until(lambda: not _runs(pid), _REAP_LIMIT)
            return True
    raise NotStarted(f"the embedded AWS {name!r} (process {pid}) did not end; see {directory / 'daemon.log'}")


def _until(true: Callable[[], bool], limit: float) -> bool:
    deadline = time.monotonic() + limit
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(pid: int) -> bool:
    import psutil

    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def reset(name: str = "default") -> Instance | None:
    """Forget everything in the instance; if it ran, it runs again, empty, at the same port, speed and profile."""
    directory = directory_of(name)
    if not directory.is_dir():
        return None
    instance = _recorded(directory) if _holder(directory) is not None else None
    stop(name)
    with _one_at_a_time(directory):
        stop(name)
        _empty(directory)
    if instance is None:
        return None
    return start(name, port=instance.port, speed=instance.speed, profile=instance.profile)


def _empty(directory: Path) -> None:
    """Delete what is in it, but for the locks, which others may wait for."""
    for path in directory.iterdir():
        if path.name not in (LOCK, _START_LOCK):
            disk.remove(path)


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    while True:
        private(directory)
        with (directory / _START_LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_at(lock.fileno(), directory / _START_LOCK):  # whoever had it may have removed the directory
                yield
                return


def is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False
