"""The docker runtime, where an engine with Docker's API runs: podman is started for the test if it is there."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from drydock.embedded.runtime import CannotStart, ContainerSpec
from drydock.images import ImageConfig

from .conftest import Run, eventually

docker = pytest.importorskip("docker")

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


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    podman = shutil.which("podman")
    if podman is None or shutil.which("runc") is None:
        pytest.skip("neither podman nor runc is here")
    here = tmp_path_factory.mktemp("podman")
    (here / "containers.conf").write_text(CONTAINERS_CONF)
    (here / "storage.conf").write_text(STORAGE_CONF.format(here=here))
    env = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
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
        with contextlib.suppress(docker.errors.DockerException):
            return bool(docker.DockerClient(base_url=url).ping())
        return False

    try:
        eventually(lambda: service.poll() is not None or answers(), 60)
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


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a shell, some tools and this interpreter, as an image would hold them."""
    root = tmp_path_factory.mktemp("rootfs")
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


class Engine:
    def __init__(self, url: str, root: Path) -> None:
        from drydock.embedded.runtime.docker import DockerRuntime

        self.runtime = DockerRuntime("test", docker.DockerClient(base_url=url, timeout=60))
        self.root = root
        self.runs: list[Run] = []
        self.image = ImageConfig(env={"PATH": "/bin"}, working_dir="/app")

    def run(self, *command: str, address: str = "127.10.240.4", memory: int | None = None) -> Run:
        run = Run()
        run.container = self.runtime.start(  # type: ignore[assignment]
            ContainerSpec(
                key="task/app",
                image=self.image,
                rootfs=self.root,
                entrypoint=None,
                command=command,
                environment={"COLOUR": "green"},
                working_directory=None,
                user=None,
                address=address,
                resolver=None,
                memory_limit_mib=memory,
                on_output=run.output,
                on_exit=run.end,
            )
        )
        self.runs.append(run)
        return run


@pytest.fixture(scope="module")
def loaded(engine: str, root: Path) -> Iterator[Engine]:
    loaded = Engine(engine, root)
    yield loaded
    loaded.runtime.close()


@pytest.fixture
def machine(loaded: Engine) -> Iterator[Engine]:
    yield loaded
    for run in loaded.runs:
        if run.exit is None:
            loaded.runtime.signal(run.container, signal.SIGKILL)  # type: ignore[arg-type]
            run.wait(30)


def test_output_environment_and_exit_status(machine: Engine) -> None:
    run = machine.run("sh", "-c", "echo $COLOUR $HOST; echo no >&2; exit 3")
    assert run.wait(60).code == 3
    assert sorted(run.lines) == [("stderr", b"no"), ("stdout", b"green 127.10.240.4")]
    assert run.lines_at_exit == 2


def test_stop_and_kill(machine: Engine) -> None:
    run = machine.run("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done")
    run.until("ready")
    machine.runtime.stop(run.container, grace=30)  # type: ignore[arg-type]
    assert run.wait(60).code == 5
    deaf = machine.run("sleep", "600")
    machine.runtime.stop(deaf.container, grace=0.5)  # type: ignore[arg-type]
    assert deaf.wait(60).code == 137


def test_two_python_tasks_listen_on_the_same_wildcard_port(machine: Engine) -> None:
    code = (
        "import socket; s = socket.socket(); s.bind(('', 8080)); s.listen(); print('ready', flush=True)\n"
        "while True: s.accept()[0].sendall(socket.gethostname().encode())"
    )
    for address in ("127.10.240.5", "127.10.240.6"):
        run = machine.run("python", "-c", code, address=address)
        eventually(lambda run=run: run.said("ready"), 30)
    import socket

    for address in ("127.10.240.5", "127.10.240.6"):
        with socket.create_connection((address, 8080), timeout=5) as peer:
            assert peer.recv(99).decode() == "ip-" + address.replace(".", "-")


def test_execute_and_session(machine: Engine) -> None:
    run = machine.run("sleep", "600")
    container = run.container
    said: list[tuple[str, bytes]] = []
    execute = machine.runtime.execute
    code = execute(
        container,  # type: ignore[arg-type]
        ["sh", "-c", "echo $COLOUR; echo no >&2; exit 4"],
        on_output=lambda *given: said.append(given),
        timeout=30,
    )
    assert code == 4
    assert sorted(said) == [("stderr", b"no\n"), ("stdout", b"green\n")]
    assert execute(container, ["foo"], timeout=30) in (126, 127)  # type: ignore[arg-type]
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        execute(container, ["sleep", "60"], timeout=0.5)  # type: ignore[arg-type]
    assert time.monotonic() - start < 10
    echoed: list[bytes] = []
    session = machine.runtime.open(container, ["cat"], on_output=lambda _, data: echoed.append(data))  # type: ignore[arg-type]
    session.write(b"to and fro")
    session.close_stdin()
    assert session.wait(30) == 0
    assert b"".join(echoed) == b"to and fro"


def test_terminal(machine: Engine) -> None:
    run = machine.run("sleep", "600")
    said: list[bytes] = []
    ready = threading.Event()

    def output(_: str, data: bytes) -> None:
        said.append(data)
        ready.set()

    session = machine.runtime.open(run.container, ["sh"], tty=True, on_output=output)  # type: ignore[arg-type]
    session.write(b"echo $((40 + 2))\nexit 6\n")
    assert session.wait(30) == 6
    assert b"42" in b"".join(said)


def test_memory_limit(machine: Engine) -> None:
    run = machine.run("python", "-c", "kept = [bytearray(8 << 20) for _ in range(40)]", memory=64)
    exit = run.wait(60)
    assert exit.code == 137
    # podman on cgroup v1 kills, and does not say that it was for memory
    assert exit.reason in ("OutOfMemoryError: Container killed due to memory usage", None)


def test_what_cannot_start(machine: Engine) -> None:
    with pytest.raises(CannotStart, match="foo"):
        machine.run("foo")
    image = machine.image
    machine.image = replace(image, labels={"dev.drydock.stand-in": "python"})
    with pytest.raises(CannotStart, match="stand-in"):
        machine.run("python")
    machine.image = image


def test_what_a_crashed_daemon_left_is_removed(machine: Engine, engine: str) -> None:
    run = machine.run("sleep", "600")
    other = Engine(engine, machine.root)
    assert run.wait(30).code == 128 + signal.SIGKILL
    other.runtime.close()
