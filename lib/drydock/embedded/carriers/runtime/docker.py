"""The `docker` runtime: a container of an engine with Docker's API, Docker's own or podman's.

Containers use the host's network: from there they reach the platform, its resolver, load balancers and each other at
the same loopback addresses as everybody does, which a bridge cannot give. The address of the task is its
own by the same means as in the process runtime: a Python program gets the address shim, mounted read-only
and put first on PYTHONPATH (not under `python -I`, `-E` or `-S`); any other program has to bind $HOST, and two
that bind the wildcard on one port collide. An engine in a virtual machine (Docker Desktop) has that machine's
network and is of no use here.

The platform answers processes of this user and of root: one that has another uid on this machine, by USER or as a
rootless engine's subordinate id, is refused and gets no credentials of its task's role.

Of what runtimes offer it has all but a limit of open files: limits other than memory are the engine's own. What a
client asks for replaces all of its defaults, and some of those are what lets it run at all.

Layers are loaded as they are, with owners and set-id bits. The folder that is a container's state stays empty.

An image whose Python is a stand-in holds no Python: build it on the real base image for this runtime.
What a crashed daemon left behind is removed when the next one of that instance connects.

Verified with podman 4.3 (runc, vfs, cgroup v1) as root, where exceeding the memory limit is 137 but the engine does
not say why; not with Docker's own engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import signal
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock import disk
from drydock.embedded.carriers.runtime.base import (
    LINE_LIMIT,
    OUT_OF_MEMORY,
    CannotStart,
    ContainerSpec,
    Exit,
    refuse_others,
    run_to_end,
    stop_signal,
)
from drydock.embedded.carriers.runtime.command import STAND_IN, arguments, environment
from drydock.embedded.carriers.runtime.pump import Lines
from drydock.images import write_tar
from drydock.images.platform import Platform
from drydock.policy.offers import Offer

if TYPE_CHECKING:
    from docker import DockerClient

    from drydock.images import UnpackedLayer

log = logging.getLogger(__name__)

INSTANCE = "dev.drydock.instance"  # label of every container that we start
SHIM = "/opt/drydock"  # where containers find the address shim
FIREWALL = "/opt/drydock.firewall"
SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock", "{runtime}/podman/podman.sock", "{runtime}/docker.sock")
NAMES = {1: "stdout", 2: "stderr"}
_EXIT_STATUS_LIMIT = 30.0  # seconds; a loaded machine, not a normal end


class DockerContainer:
    def __init__(self, spec: ContainerSpec, engine: Any) -> None:
        self.spec = spec
        self.engine = engine  # of the docker package
        self.pid = 0
        self.started_at = 0.0
        self.ended = threading.Event()

    @property
    def running(self) -> bool:
        return self.started_at > 0 and not self.ended.is_set()


class DockerSession:
    def __init__(self, api: Any, identity: str, tty: bool, on_output: Callable[[str, bytes], None]) -> None:
        self._api, self._identity, self._tty, self._on_output = api, identity, tty, on_output
        self._stream = api.exec_start(identity, socket=True, tty=tty)
        self._socket = getattr(self._stream, "_sock", self._stream)
        self._done = threading.Event()
        self._code = 0
        threading.Thread(target=self._read, name="drydock-exec", daemon=True).start()

    def write(self, data: bytes) -> None:
        """Give the command input; it is dropped once the command does not read any more."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def close_stdin(self) -> None:
        """End the command's input (a terminal gets ^D)."""
        if self._tty:
            return self.write(b"\x04")
        import socket

        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal; nothing happens if the command has ended."""
        from docker.errors import APIError

        if self._tty:
            with contextlib.suppress(APIError):
                self._api.exec_resize(self._identity, height=rows, width=columns)

    def kill(self) -> None:
        """SIGKILL the command, as far as this user may: the API has no call for it."""
        pid = self._api.exec_inspect(self._identity).get("Pid")
        if pid:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once all output was handed on; TimeoutError."""
        if not self._done.wait(timeout):
            raise TimeoutError(f"the command still runs after {timeout} s")
        return self._code

    def _read(self) -> None:
        try:
            for kind, data in _frames(self._stream, self._tty):
                self._on_output("stdout" if self._tty else NAMES.get(kind, "stdout"), data)
            code = self._api.exec_inspect(self._identity)["ExitCode"]
            self._code = 128 + signal.SIGKILL if code is None else code
        except Exception:
            log.exception("a command's output broke off")
            self._code = 128 + signal.SIGKILL
        finally:
            self._done.set()


class DockerRuntime:
    """Containers on an engine. Each container's callbacks come on a thread of its own."""

    name = "docker"
    offers = frozenset(Offer) - {Offer.OPEN_FILES}

    def __init__(self, instance: str, client: DockerClient | None = None) -> None:
        self.instance = instance
        self._client = client or connect()
        self._containers: set[DockerContainer] = set()
        self._images: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        for left in self._client.containers.list(all=True, filters={"label": f"{INSTANCE}={instance}"}):
            left.remove(force=True)

    def start(self, spec: ContainerSpec) -> DockerContainer:
        """Start a container: raises CannotStart in the engine's words, as ECS does."""
        from docker.errors import DockerException
        from docker.types import Mount

        refuse_others(spec, self.offers)
        argv = arguments(spec.image, spec.entrypoint, spec.command)
        if not argv:
            raise CannotStart("CannotStartContainerError: no command specified")
        env = environment(spec.image, spec.environment, spec.address, spec.resolver, FIREWALL if spec.firewall else "")
        env["PYTHONPATH"] = ":".join(filter(None, [SHIM, env.get("PYTHONPATH")]))
        shim = Path(__file__).with_name("shim")
        mounts = [Mount(each.target, str(each.source), type="bind", read_only=each.read_only) for each in spec.mounts]
        given = [(SHIM, shim)] + ([(FIREWALL, spec.firewall)] if spec.firewall else [])
        mounts += [Mount(target, str(source), type="bind", read_only=True) for target, source in given]
        engine = None
        try:
            spec.state.mkdir(parents=True, exist_ok=True)
            engine = self._client.containers.create(
                self._image(spec),
                entrypoint=argv[:1],
                command=argv[1:],
                environment=env,
                working_dir=spec.working_directory or spec.image.working_dir or "/",
                user=spec.user or spec.image.user or None,
                network_mode="host",
                mounts=mounts,
                read_only=spec.read_only_root,
                extra_hosts=dict(spec.hosts),
                init=spec.init,
                cap_add=list(spec.capabilities.add),
                cap_drop=list(spec.capabilities.drop),
                mem_limit=f"{spec.memory_limit_mib}m" if spec.memory_limit_mib else None,
                labels={INSTANCE: self.instance, "dev.drydock.container": spec.key},
            )
            container = DockerContainer(spec, engine)
            stream = self._client.api.attach_socket(engine.id, {"stdout": 1, "stderr": 1, "stream": 1})
            engine.start()
            engine.reload()
        except (DockerException, OSError) as error:
            if engine is not None:
                engine.remove(force=True)
            disk.remove(spec.state)
            raise CannotStart(f"CannotStartContainerError: {said(error)}") from error
        container.started_at = time.time()
        container.pid = engine.attrs["State"].get("Pid", 0)
        with self._lock:
            self._containers.add(container)
        threading.Thread(target=self._follow, args=(container, stream), name="drydock-container", daemon=True).start()
        return container

    def open(
        self,
        container: DockerContainer,
        argv: Sequence[str],
        *,
        tty: bool = False,
        on_output: Callable[[str, bytes], None] | None = None,
    ) -> DockerSession:
        """Run a further command in a container. CannotStart if it has ended; a command that is not there ends
        with 126 or 127 and the engine's words as output."""
        from docker.errors import DockerException

        api = self._client.api
        if not container.running:
            raise CannotStart(f"container {container.spec.key} is not running", 1)
        try:
            made = api.exec_create(container.engine.id, list(argv), stdin=True, tty=tty)
            return DockerSession(api, made["Id"], tty, on_output or (lambda _stream, _data: None))
        except DockerException as error:
            raise CannotStart(f"OCI runtime exec failed: {said(error)}") from error

    def execute(
        self,
        container: DockerContainer,
        argv: Sequence[str],
        *,
        on_output: Callable[[str, bytes], None] | None = None,
        timeout: float | None,
        tty: bool = False,
    ) -> int:
        """Run a further command to its end, without input. See `Runtime.execute`."""
        return run_to_end(lambda: self.open(container, argv, tty=tty, on_output=on_output), on_output, timeout)

    def signal(self, container: DockerContainer, number: int) -> None:
        """Send a signal to the container's first process; nothing happens if it has ended."""
        from docker.errors import APIError

        with contextlib.suppress(APIError):
            container.engine.kill(signal=int(number))

    def stop(self, container: DockerContainer, grace: float) -> None:
        """Send the image's stop signal, and SIGKILL after `grace` seconds. Does not wait."""

        def stopping() -> None:
            self.signal(container, stop_signal(container.spec.image.stop_signal))
            if not container.ended.wait(grace):
                self.signal(container, signal.SIGKILL)

        threading.Thread(target=stopping, name="drydock-stop", daemon=True).start()

    def close(self) -> None:
        """Kill and remove every container, and the images that were loaded for them."""
        from docker.errors import DockerException

        with self._lock:
            containers, self._containers = list(self._containers), set()
        for container in containers:
            self.signal(container, signal.SIGKILL)
        for container in containers:
            container.ended.wait(2 * _EXIT_STATUS_LIMIT)
        for image in self._images.values():
            with contextlib.suppress(DockerException):
                self._client.images.remove(image, force=True)
        self._images.clear()
        self._client.close()

    def _image(self, spec: ContainerSpec) -> str:
        """The engine's id of the image, loaded on first use."""
        if spec.image.labels.get(STAND_IN):
            raise CannotStart(
                "CannotPullContainerError: the image holds a stand-in for its base image, which only the process "
                "runtime can run: build it on the real base image, or use the process runtime"
            )
        digests = tuple(layer.digest for layer in spec.layers)
        with self._lock:
            if digests not in self._images:
                self._images[digests] = self._load(spec.layers)
            return self._images[digests]

    def _load(self, layers: tuple[UnpackedLayer, ...]) -> str:
        """Have the engine take an image of these layers, in the form of `docker save`."""
        with tempfile.TemporaryDirectory() as name:
            folder, ids = Path(name), []
            for number, layer in enumerate(layers):
                write_tar(layer, folder / f"{number}.tar")
                with (folder / f"{number}.tar").open("rb") as file:
                    ids.append(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
            here = Platform.here()
            described = {
                "architecture": here.architecture,
                "os": here.os,
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": ids},
            }
            (folder / "config.json").write_text(json.dumps(described))
            parts = [f"{number}.tar" for number in range(len(layers))]
            manifest = [{"Config": "config.json", "RepoTags": None, "Layers": parts}]
            (folder / "manifest.json").write_text(json.dumps(manifest))
            archive = folder / "image"
            with tarfile.open(archive, "w") as tar:
                for part in ("manifest.json", "config.json", *parts):
                    tar.add(folder / part, part)
            with archive.open("rb") as file:
                [image] = self._client.images.load(file)
        return str(image.id)

    def forget(self, layers: tuple[UnpackedLayer, ...]) -> None:
        """Remove the image of these layers from the engine."""
        from docker.errors import DockerException

        with self._lock:
            image = self._images.pop(tuple(layer.digest for layer in layers), None)
        if image is not None:
            with contextlib.suppress(DockerException):
                self._client.images.remove(image, force=True)

    @staticmethod
    def _final_state(container: DockerContainer) -> dict[str, Any]:
        """The state with its exit status: podman shows -1 until it has read it."""
        deadline = time.monotonic() + _EXIT_STATUS_LIMIT
        while True:
            container.engine.reload()
            state: dict[str, Any] = container.engine.attrs["State"]
            if state["ExitCode"] >= 0 or time.monotonic() > deadline:
                return state
            time.sleep(0.05)

    def _follow(self, container: DockerContainer, stream: Any) -> None:
        from docker.errors import NotFound

        spec = container.spec
        lines = {kind: Lines(partial(spec.on_output, name), LINE_LIMIT) for kind, name in NAMES.items()}
        code, reason = 128 + signal.SIGKILL, None
        try:
            for kind, data in _frames(stream, tty=False):
                lines[kind].feed(data)
            for sink in lines.values():
                sink.end()
            container.engine.wait()
            state = self._final_state(container)
            code = state["ExitCode"]
            reason = OUT_OF_MEMORY if state.get("OOMKilled") else None
            container.engine.remove(force=True)
        except NotFound:
            log.warning("container %s was removed by somebody else", spec.key)
        except Exception:
            log.exception("container %s was lost", spec.key)
        with self._lock:
            self._containers.discard(container)
        container.ended.set()
        with contextlib.suppress(OSError):
            disk.remove(spec.state)
        spec.on_exit(Exit(code, reason))


def _frames(stream: Any, tty: bool) -> Iterator[tuple[int, bytes]]:
    """What comes on a stream of the docker package, each with its number; at its end its connection is closed."""
    from docker.utils.socket import frames_iter

    try:
        yield from frames_iter(stream, tty)
    finally:
        stream._response.close()


def connect() -> DockerClient:
    """A client of the engine at DOCKER_HOST, or of the first usual socket that answers."""
    try:
        import docker
    except ImportError:
        raise RuntimeError("the docker runtime needs the docker package: pip install 'drydock-labs[docker]'") from None
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    places = [os.environ["DOCKER_HOST"]] if "DOCKER_HOST" in os.environ else []
    places += [f"unix://{path.format(runtime=runtime)}" for path in SOCKETS] if not places else []
    for place in places:
        with contextlib.suppress(docker.errors.DockerException):
            client = docker.DockerClient(base_url=place, timeout=60)
            client.ping()
            return client
    raise RuntimeError(
        f"no container engine answers at {', '.join(places)}: start Docker, or run `podman system service --time=0 "
        "unix:///path/podman.sock` and set DOCKER_HOST to it; the process runtime needs neither"
    )


def said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)
