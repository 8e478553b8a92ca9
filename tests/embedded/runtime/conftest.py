"""Containers to try: on each runtime, of an image whose files are in a folder."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.images import layer_of
from tests.support.waiting import PATIENCE, eventually

from drydock.embedded.carriers.runtime import CannotStart, ContainerSpec, Exit
from drydock.embedded.carriers.runtime.process import ProcessRuntime
from drydock.embedded.carriers.runtime.spawner import Spawner
from drydock.images import ImageConfig, UnpackedLayer

STAND_IN = '#!/bin/sh\nexec "${DRYDOCK_PYTHON:-python3}" "$@"\n'
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE_CONF = """
[storage]
driver = "vfs"
runroot = "{here}/run"
graphroot = "{here}/graph"
"""
_third = itertools.count(1)


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
    container: Any = None

    def output(self, stream: str, line: bytes) -> None:
        self.lines.append((stream, line))

    def end(self, exit: Exit) -> None:
        self.exit, self.lines_at_exit = exit, len(self.lines)
        self.ended.set()

    def wait(self) -> Exit:
        assert self.ended.wait(PATIENCE), f"still runs; said {self.lines[-5:]}"
        assert self.exit is not None
        return self.exit

    def stdout(self) -> list[str]:
        return [line.decode() for stream, line in self.lines if stream == "stdout"]

    def said(self, text: str) -> bool:
        return any(text.encode() in line for _, line in self.lines)

    def until(self, text: str) -> None:
        eventually(lambda: self.said(text))


class Machine:
    """Runs containers of an image whose files are in `rootfs`: one whose Python is a stand-in, unless given."""

    def __init__(self, runtime: Any, rootfs: Path, image: ImageConfig | None = None) -> None:
        self.runtime, self.rootfs = runtime, rootfs
        self.image = image or ImageConfig(labels={"dev.drydock.stand-in": "python"}, working_dir="/app")
        self.runs: list[Run] = []
        self._layers: tuple[object, tuple[UnpackedLayer, ...]] = (None, ())
        self.subnet = f"127.10.{next(_third)}"
        self._hosts, self._states = itertools.count(4), itertools.count()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.rootfs / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def layers(self) -> tuple[UnpackedLayer, ...]:
        """The image's, of what is in `rootfs` now."""
        status = [(path, path.lstat().st_mtime_ns, path.lstat().st_size) for path in sorted(self.rootfs.rglob("*"))]
        if status != self._layers[0]:
            made = layer_of(self.rootfs, self.rootfs.with_name(f"{self.rootfs.name}.layers"))
            self._layers = status, (made,)
        return self._layers[1]

    def address(self) -> str:
        return f"{self.subnet}.{next(self._hosts)}"

    def run(self, *command: str, **given: Any) -> Run:
        run = Run()
        spec = {
            "key": "task/app",
            "image": self.image,
            "state": self.rootfs.with_name(f"{self.rootfs.name}.state") / str(next(self._states)),
            "command": command or None,
            "environment": {},
            "address": given.get("address") or self.address(),
            "on_output": run.output,
            "on_exit": run.end,
        }
        given.setdefault("layers", self.layers())
        run.container = self.runtime.start(ContainerSpec(**(spec | given)))  # type: ignore[arg-type]
        self.runs.append(run)
        return run

    def python(self, code: str, **given: Any) -> Run:
        return self.run("python", "-u", "-c", code, **given)

    def execute(
        self, run: Run, *argv: str, timeout: float | None = PATIENCE, tty: bool = False
    ) -> tuple[int, bytes, bytes]:
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


# -- the docker runtime -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """The address of an engine with Docker's API: podman's, started for the tests.

    Its folder has a short name: with a longer one, as pytest's own, podman waits 20 seconds for each exit.
    """
    docker = pytest.importorskip("docker")
    podman = shutil.which("podman")
    if podman is None or shutil.which("runc") is None:
        pytest.skip("podman and runc are not both installed")
    here = Path(tempfile.mkdtemp(prefix="dd-", dir="/tmp"))
    (here / "containers.conf").write_text(CONTAINERS_CONF)
    (here / "storage.conf").write_text(STORAGE_CONF.format(here=here))
    (here / ".config/containers").mkdir(parents=True)
    (here / ".config/containers/policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    env = {
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        "HOME": str(here),
        "CONTAINERS_CONF": str(here / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(here / "storage.conf"),
    }
    url = f"unix://{here}/podman.sock"
    with (here / "log").open("wb") as log:
        service = subprocess.Popen(
            [podman, "system", "service", "--time=0", url], cwd=here, env=env, stdout=log, stderr=log
        )

    def answers() -> bool:
        with (
            contextlib.suppress(docker.errors.DockerException),
            contextlib.closing(docker.DockerClient(base_url=url)) as client,
        ):
            return bool(client.ping())
        return False

    try:
        eventually(
            lambda: service.poll() is not None or ((here / "podman.sock").exists() and answers()), "podman answers"
        )
        if service.poll() is not None:
            pytest.skip(f"podman does not run here: {(here / 'log').read_text()[-200:]}")
        yield url
    finally:
        service.terminate()
        service.wait(10)
        subprocess.run([podman, "system", "reset", "--force"], env=env, capture_output=True, check=False)
        for process in psutil.process_iter():  # podman keeps the monitor of each further command for five minutes
            with contextlib.suppress(psutil.Error):
                if process.name() == "conmon" and any(str(here) in word for word in process.cmdline()):
                    process.kill()
        shutil.rmtree(here, ignore_errors=True)


@pytest.fixture(scope="session")
def whole_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a shell, some tools and this interpreter, as an image would hold them."""
    root = tmp_path_factory.mktemp("rootfs")
    root.chmod(0o755)
    for directory in ("proc", "sys", "dev", "tmp", "etc", "bin", "app"):
        (root / directory).mkdir()
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    programs = [python, *(Path(found) for name in ("sh", "sleep", "cat", "id", "env") if (found := shutil.which(name)))]
    modules = [*(library / "lib-dynload").glob("_socket*.so"), *(library / "lib-dynload").glob("select*.so")]
    for program in (*programs, *modules):
        for word in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split():
            if word.startswith("/") and not (root / word[1:]).exists():
                (root / word[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(word, root / word[1:])
    for program in programs[1:]:
        shutil.copy(program.resolve(), root / "bin" / program.name)
    skip = shutil.ignore_patterns("test", "site-packages", "__pycache__", "idlelib", "ensurepip", "config-*", "tkinter")
    shutil.copytree(library, root / str(library)[1:], ignore=skip)
    (root / str(python)[1:]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(python, root / str(python)[1:])
    (root / "bin/python").symlink_to(python)
    return root


def on_engine(url: str, root: Path) -> Machine:
    """Containers of the docker runtime, by the engine at `url`."""
    import docker

    from drydock.embedded.carriers.runtime.docker import DockerRuntime

    runtime = DockerRuntime("test", docker.DockerClient(base_url=url, timeout=60))
    return Machine(runtime, root, ImageConfig(env={"PATH": "/bin"}, working_dir="/app"))


@pytest.fixture(scope="module")
def loaded(engine: str, whole_root: Path) -> Iterator[Machine]:
    machine = on_engine(engine, whole_root)
    try:
        machine.run("sh", "-c", "true")  # it answers long before it is known whether it can start anything
    except CannotStart as error:
        pytest.skip(f"podman can start no container here: {error.reason[-300:]}")
    yield machine
    machine.runtime.close()


@pytest.fixture
def docker_machine(loaded: Machine) -> Iterator[Machine]:
    image = loaded.image
    yield loaded
    loaded.image = image
    for run in loaded.runs:
        loaded.runtime.signal(run.container, signal.SIGKILL)
        eventually(lambda run=run: not run.container.running)
    loaded.runs.clear()
