"""What is compared: the embedded AWS, moto's own server, and ministack with podman as its engine.

Each peer is installed in a virtual environment of its own, since their pins clash with ours, and runs as a
process on a loopback port with a home and a temporary folder of its own.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from drydock.embedded.instance import free_port

THREADS = 12
START_LIMIT = 60.0
ENGINE_LIMIT = 30.0

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
driver = "{driver}"
runroot = "{folder}/run"
graphroot = "{folder}/graph"
"""
REGISTRIES_CONF = """
[[registry]]
location = "127.0.0.1:{port}"
insecure = true
"""


STARTED: list[subprocess.Popen[bytes]] = []
"""Peers and labs that run."""


def clients(url: str) -> Callable[[str], Any]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(inject_host_prefix=False, max_pool_connections=2 * THREADS, retries={"total_max_attempts": 1})
    made: dict[str, Any] = {}
    return lambda name: made.setdefault(name, session.client(name, endpoint_url=url, config=config))


def push(server: Server, folder: Path, program: str) -> str:
    """Build an image that runs a Python program and push it to the embedded AWS's registry; its URI."""
    from drydock.images import Layout, build
    from drydock.images import push as pushed

    folder.mkdir(parents=True)
    (folder / "app.py").write_text(program)
    (folder / "Dockerfile").write_text('FROM python:3.12-slim\nWORKDIR /app\nCOPY app.py .\nCMD ["python", "app.py"]\n')
    ecr = clients(server.url)("ecr")
    uri = ecr.create_repository(repositoryName="answer")["repository"]["repositoryUri"]
    token = base64.b64decode(ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]).decode()
    user, password = token.split(":", 1)
    pushed(build(folder, layout=Layout(folder / "layout"), output=lambda _: None), f"{uri}:v1", (user, password))
    return f"{uri}:v1"


class NoEngine(RuntimeError):
    """No container engine can be started here; the text says why."""


@dataclass
class Server:
    """A running peer."""

    peer: Peer
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it took itself."""
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])

    @property
    def resident(self) -> int:
        """Bytes that it and its child processes have in memory."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        total = 0
        for process in family:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total


@dataclass
class Peer:
    """One implementation: how it is installed, how it is started."""

    name: str
    requirements: tuple[str, ...]
    arguments: tuple[str, ...]
    """Of its Python; {port} and {folder} are filled in."""
    settings: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    knows_fargate: bool = True
    """Whether it takes a service of the launch type FARGATE."""

    def install(self, environments: Path) -> None:
        """Make its environment below `environments`; one that is there already is used as it is."""
        if not self.requirements:
            return
        home = environments / self.name
        self.python = str(home / "bin/python")
        if Path(self.python).exists():
            return
        if uv := shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"):
            _run([uv, "venv", "--quiet", "--python", sys.executable, str(home)])
            _run([uv, "pip", "install", "--quiet", "--python", self.python, *self.requirements])
        else:
            _run([sys.executable, "-m", "venv", str(home)])
            _run([self.python, "-m", "pip", "install", "--quiet", *self.requirements])

    @property
    def version(self) -> str:
        if not self.requirements:
            return f"{importlib.metadata.version('drydock-labs')} on moto {importlib.metadata.version('moto')}"
        name = self.requirements[0].split("[")[0]
        code = f"import importlib.metadata as m; print(m.version({name!r}))"
        return subprocess.run([self.python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()

    @contextlib.contextmanager
    def running(self, folder: Path, extra: dict[str, str] | None = None, port: int | None = None) -> Iterator[Server]:
        """Start it with `folder` as its home, wait for its first answer, and end it and all it started."""
        server = self.start(folder, extra, port)
        try:
            wait_for(server, "sts")
            yield server
        finally:
            end(server.process)

    def start(self, folder: Path, extra: dict[str, str] | None = None, port: int | None = None) -> Server:
        """Start it and do not wait. `extra` are further environment variables."""
        folder.mkdir(parents=True, exist_ok=True)
        values = {"port": str(port or free_port()), "folder": str(folder)}
        settings = {name: value.format(**values) for name, value in self.settings.items()}
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self.python, *(argument.format(**values) for argument in self.arguments)],
                env=clean_environment(folder) | settings | (extra or {}),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        STARTED.append(process)
        return Server(self, f"http://127.0.0.1:{values['port']}", process, folder / "log")


def all_peers() -> list[Peer]:
    return [
        Peer("embedded", (), ("-m", "drydock.embedded.daemon", "--directory", "{folder}/aws", "--port", "{port}")),
        Peer("moto", ("moto[server]",), ("-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"), knows_fargate=False),
        Peer(
            "ministack",
            ("ministack", "docker"),
            ("-m", "ministack"),
            {
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": "{port}",
                "TMPDIR": "{folder}",
                "DOCKER_HOST": "unix://{folder}/no-engine",
            },
        ),
    ]


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of the user's but the path; bytecode is written, as it is for users."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8"}


def end_tidily() -> None:
    """Let a SIGTERM end this process as an exception does, after what is waited for in threads."""

    def tidy(number: int, _: object) -> None:
        for process in list(STARTED):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, tidy)


TARGET = "AmazonEC2ContainerServiceV20141113"
CALLS = {
    "sts": ({"Content-Type": "application/x-www-form-urlencoded"}, b"Action=GetCallerIdentity&Version=2011-06-15"),
    "ecs": (
        {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGET}.ListClusters",
        },
        b"{}",
    ),
}


def _signed_for(service: str) -> dict[str, str]:
    scope = f"Credential=test/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}


class Bare:
    """Calls of ECS over one connection a thread, which cost the client little. AssertionError where one is refused."""

    def __init__(self, server: Server) -> None:
        self._address = server.url.removeprefix("http://")
        self._headers = CALLS["ecs"][0] | _signed_for("ecs")
        self._here = threading.local()

    def __call__(self, operation: str, request: dict[str, Any]) -> None:
        if not hasattr(self._here, "connection"):
            self._here.connection = http.client.HTTPConnection(self._address)
        connection = self._here.connection
        headers = self._headers | {"X-Amz-Target": f"{TARGET}.{operation}"}
        connection.request("POST", "/", json.dumps(request), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said


def wait_for(server: Server, service: str) -> None:
    """Ask until it answers a call of `service`, "sts" or "ecs". Raises RuntimeError with the end of its log."""
    headers, body = CALLS[service]
    headers = headers | _signed_for(service)
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(server.url, body, headers), timeout=20) as answer:
                answer.read()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                said = server.log.read_text(errors="replace")[-1000:]
                raise RuntimeError(f"{server.peer.name} does not answer {service}: {error}\n{said}") from error
        time.sleep(0.005)


def end(process: subprocess.Popen[bytes], limit: float = 15.0) -> None:
    """SIGTERM, then SIGKILL for it and every process below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit)
        for left in [process, *family]:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                left.kill()
        psutil.wait_procs(family, timeout=5)
    process.wait(5)
    STARTED.remove(process)


@dataclass
class Engine:
    """podman, serving Docker's API at `url`, with storage of its own. It may pull from loopback port `registry`."""

    url: str
    registry: int
    driver: str
    folder: Path
    podman: str
    environment: dict[str, str]

    @property
    def version(self) -> str:
        return f"{self._run('version', '--format', '{{.Client.Version}}').strip()} ({self.driver} storage)"

    def add_python_image(self, name: str, script: str) -> None:
        """An image called `name` of this interpreter and its library that runs `script`."""
        archive = self.folder / "image.tar"
        with tarfile.open(archive, "w") as tar:
            _add_python(tar)
        python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}").resolve()
        change = "CMD " + json.dumps([str(python), "-c", script])
        self._run("import", "--change", change, str(archive), name)
        archive.unlink()

    def push(self, name: str, to: str) -> None:
        """Push the image to the registry."""
        self._run("push", "--quiet", "--creds", "AWS:test", name, f"127.0.0.1:{self.registry}/{to}")

    def clear(self) -> None:
        """Remove every container."""
        self._run("rm", "--all", "--force", "--time", "0")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self.podman, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise NoEngine(f"podman {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """podman with its socket and its storage in `folder`. Raises NoEngine."""
    podman = shutil.which("podman")
    if podman is None or shutil.which("runc") is None:
        raise NoEngine("podman and runc are not installed")
    folder.mkdir(parents=True)
    files = {name: folder / f"{name.lower()}.conf" for name in ("CONTAINERS", "STORAGE", "REGISTRIES")}
    environment = clean_environment(folder) | {
        "CONTAINERS_CONF": str(files["CONTAINERS"]),
        "CONTAINERS_STORAGE_CONF": str(files["STORAGE"]),
        "CONTAINERS_REGISTRIES_CONF": str(files["REGISTRIES"]),
    }
    registry = free_port()
    files["CONTAINERS"].write_text(CONTAINERS_CONF)
    files["REGISTRIES"].write_text(REGISTRIES_CONF.format(port=registry))
    for driver in ("overlay", "vfs"):
        files["STORAGE"].write_text(STORAGE_CONF.format(folder=folder, driver=driver))
        tried = subprocess.run([podman, "info"], env=environment, capture_output=True, text=True)
        if tried.returncode == 0:
            break
    else:
        raise NoEngine(f"podman does not run here: {tried.stderr.strip()[-200:]}")
    made = Engine(f"unix://{folder}/podman.sock", registry, driver, folder, podman, environment)
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            [podman, "system", "service", "--time=0", made.url], env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + ENGINE_LIMIT
        while not (folder / "podman.sock").exists():
            if service.poll() is not None or time.monotonic() > deadline:
                raise NoEngine(f"podman does not serve here: {(folder / 'log').read_text()[-200:].strip()}")
            time.sleep(0.05)
        yield made
    finally:
        with contextlib.suppress(NoEngine):
            made.clear()
        service.terminate()
        service.wait(10)
        subprocess.run([podman, "system", "reset", "--force"], env=environment, capture_output=True)
        for process in psutil.process_iter():  # podman keeps the monitors of its commands for five minutes
            with contextlib.suppress(psutil.Error):
                if process.name() == "conmon" and any(str(folder) in word for word in process.cmdline()):
                    process.kill()


def machine() -> str:
    """What the figures were taken on."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}"
    )


def _add_python(tar: tarfile.TarFile) -> None:
    """This interpreter with what an HTTP server needs of its library."""
    library = Path(sys.base_prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}")
    python = Path(sys.base_prefix, "bin", library.name).resolve()
    packages = ("collections", "email", "encodings", "html", "http", "importlib", "json", "logging", "re", "urllib")
    extensions = sorted((library / "lib-dynload").glob("*.so"))
    for path in (python, *library.glob("*.py"), *(library / package for package in packages), *extensions):
        tar.add(path, filter=lambda entry: None if entry.name.endswith("__pycache__") else entry)
    listed = subprocess.run(["ldd", python, *extensions], capture_output=True, text=True, check=True).stdout
    for name in sorted({word for word in listed.split() if word.startswith("/") and not word.endswith(":")}):
        tar.add(Path(name).resolve(), arcname=name)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
