from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from drydock.embedded.runtime import ContainerSpec, Exit
from drydock.embedded.runtime.process import ProcessContainer, ProcessRuntime
from drydock.embedded.runtime.spawner import Spawner
from drydock.images import ImageConfig

STAND_IN = '#!/bin/sh\nexec "${DRYDOCK_PYTHON:-python3}" "$@"\n'
_third = itertools.count(1)


def eventually(condition: Callable[[], Any], timeout: float = 40.0) -> Any:
    """The condition's value once it is true; fails when it never is."""
    pause = threading.Event()
    for _ in range(int(timeout / 0.02)):
        if value := condition():
            return value
        pause.wait(0.02)
    raise AssertionError("this never became true")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Run:
    """One container and what it said."""

    lines: list[tuple[str, bytes]] = field(default_factory=list)
    exit: Exit | None = None
    lines_at_exit: int = -1
    ended: threading.Event = field(default_factory=threading.Event)
    container: ProcessContainer = None  # type: ignore[assignment]

    def output(self, stream: str, line: bytes) -> None:
        self.lines.append((stream, line))

    def end(self, exit: Exit) -> None:
        self.exit, self.lines_at_exit = exit, len(self.lines)
        self.ended.set()

    def wait(self, timeout: float = 20) -> Exit:
        assert self.ended.wait(timeout), f"still runs; said {self.lines[-5:]}"
        assert self.exit is not None
        return self.exit

    def stdout(self) -> list[str]:
        return [line.decode() for stream, line in self.lines if stream == "stdout"]

    def said(self, text: str) -> bool:
        return any(text.encode() in line for _, line in self.lines)

    def until(self, text: str) -> None:
        eventually(lambda: self.said(text))


class Machine:
    """Runs containers of a stand-in image whose files are in `rootfs`."""

    def __init__(self, runtime: ProcessRuntime, rootfs: Path) -> None:
        self.runtime, self.rootfs = runtime, rootfs
        self.image = ImageConfig(labels={"dev.drydock.stand-in": "python"}, working_dir="/app")
        self.subnet = f"127.10.{next(_third)}"
        self._hosts = itertools.count(4)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.rootfs / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def address(self) -> str:
        return f"{self.subnet}.{next(self._hosts)}"

    def run(self, *command: str, **given: Any) -> Run:
        run = Run()
        spec = {
            "key": "task/app",
            "image": self.image,
            "rootfs": self.rootfs,
            "entrypoint": None,
            "command": command or None,
            "environment": {},
            "working_directory": None,
            "user": None,
            "address": given.get("address") or self.address(),
            "resolver": None,
            "memory_limit_mib": None,
            "on_output": run.output,
            "on_exit": run.end,
        }
        run.container = self.runtime.start(ContainerSpec(**(spec | given)))  # type: ignore[arg-type]
        return run

    def python(self, code: str, **given: Any) -> Run:
        return self.run("python", "-u", "-c", code, **given)

    def execute(self, run: Run, *argv: str, timeout: float | None = 20, tty: bool = False) -> tuple[int, bytes, bytes]:
        said: dict[str, bytes] = {"stdout": b"", "stderr": b""}

        def collect(stream: str, data: bytes) -> None:
            said[stream] += data

        code = self.runtime.execute(run.container, argv, on_output=collect, timeout=timeout, tty=tty)
        return code, said["stdout"], said["stderr"]


@pytest.fixture
def spawner(tmp_path: Path) -> Iterator[Spawner]:
    spawner = Spawner(tmp_path / "spawner.log")
    yield spawner
    spawner.close()


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    root = tmp_path / "rootfs"
    for name in ("python", "python3"):
        file = root / "usr/local/bin" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(STAND_IN)
        file.chmod(0o755)
    (root / "app").mkdir()
    return root


@pytest.fixture
def machine(spawner: Spawner, rootfs: Path, tmp_path: Path) -> Machine:
    return Machine(ProcessRuntime(spawner, tmp_path / "tasks"), rootfs)
