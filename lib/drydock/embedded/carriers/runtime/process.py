"""The `process` runtime: an image's layers are laid over one another and its command runs as a process of this machine.

There is **no isolation**. A container sees this machine's files, processes and network with this user's rights. The
USER of an image is ignored: a program that becomes another user by itself, as root's can, is a stranger to the API, and
to the files of its image, which lie in a folder of this user's. Files of an image are those of its layers, and so of
all that have one of these. What a container gets is its own address (all of 127.0.0.0/8 is loopback on Linux), exactly
the environment it would have, its working directory, limits, output, health checks and signals.

Paths. There is no chroot: absolute paths that exist in the image are put where its layers were laid when they stand
in the command, the working directory or a variable named *PATH, *_HOME, *_DIR, *_FILE or *_ROOT. One inside a
program's own code is this machine's.

Addresses. A Python program of a stand-in image listens on the task's address when it asks for the wildcard (see
`shim/_drydock_address.py`); any other program has to bind $HOST.

Signals go to the first process, which as in a container is process 1: one it has no handler for does nothing, so
a program that does not handle SIGTERM is killed when the grace period ends (137). When it ends, all it
started is killed.

Of what runtimes offer it has an init process, which is to let signals have their usual effect, a limit of open files,
and host names, which only Python programs of a stand-in image find. The state of a container is its $TMPDIR.

Memory is looked at five times a second: the container may exceed its limit for that long.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from drydock.embedded.carriers.runtime.command import Command, Lent, NotExecutable, Root, arguments, environment
from drydock.embedded.carriers.runtime.pump import Lines, Pump, Sink
from drydock.embedded.carriers.runtime.roots import Roots
from drydock.embedded.carriers.runtime.spawner import Child, Spawner
from drydock.policy.offers import Offer

if TYPE_CHECKING:
    from drydock.images import UnpackedLayer

log = logging.getLogger(__name__)

DRAIN = 2.0  # seconds that output may take to end after the process did
RUNC = (
    "ResourceInitializationError: failed to create new container runtime task: failed to create shim task: "
    "OCI runtime create failed: runc create failed: unable to start container process"
)


class Pieces:
    """Hands a stream on as it comes."""

    def __init__(self, on_piece: Callable[[bytes], None]) -> None:
        self.feed = on_piece

    def end(self) -> None:
        pass


class Drain:
    """Waits for a process's streams to end and for the process itself, then says so once."""

    def __init__(self, pump: Pump, done: Callable[[int], None]) -> None:
        self._pump, self._done = pump, done
        self._open: set[int] = set()
        self._code: int | None = None

    def watch(self, fd: int, sink: Sink) -> None:
        drain = self

        class Ending:
            feed = staticmethod(sink.feed)

            def end(self) -> None:
                try:
                    sink.end()
                finally:
                    drain._open.discard(fd)
                    drain._finish()

        self._open.add(fd)
        self._pump.watch(fd, Ending())

    def exited(self, code: int) -> None:
        """On the pump's thread."""
        self._code = code
        self._finish()
        if self._open:
            self._pump.later(DRAIN, self._cut)

    def _cut(self) -> None:
        for fd in list(self._open):
            self._pump.cut(fd)

    def _finish(self) -> None:
        if self._code is not None and not self._open:
            code, self._code = self._code, None
            self._done(code)


class ProcessContainer:
    def __init__(self, spec: ContainerSpec, root: Root) -> None:
        self.spec, self.root = spec, root
        given = {"TMPDIR": str(spec.state), **spec.environment}
        self.environment = environment(
            spec.image, given, spec.address, spec.resolver, str(spec.firewall or ""), spec.hosts
        )
        self.directory = spec.working_directory or spec.image.working_dir or "/"
        self.child: Child | None = None
        self.ended = False

    @property
    def pid(self) -> int:
        return self.child.pid if self.child else 0

    @property
    def started_at(self) -> float:
        return self.child.started_at if self.child else 0.0

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.returncode is None

    def command(self, argv: Sequence[str]) -> Command:
        return self.root.command(argv, self.environment, self.directory)


class ProcessSession:
    def __init__(self, pump: Pump) -> None:
        self._drain = Drain(pump, self._end)
        self._done = threading.Event()
        self._code = 0
        self._input = -1
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._tty = False
        self._any_failure_is_1 = False

    def write(self, data: bytes) -> None:
        """Give the command input; it is dropped once the command does not read any more."""
        view = memoryview(data)
        with self._lock, contextlib.suppress(OSError):
            while view and self._input >= 0:
                view = view[os.write(self._input, view) :]

    def close_stdin(self) -> None:
        """End the command's input (a terminal gets ^D)."""
        if self._tty:
            return self.write(b"\x04")
        self._close_input()

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal."""
        with self._lock, contextlib.suppress(OSError):
            if self._tty and self._input >= 0:
                fcntl.ioctl(self._input, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def kill(self) -> None:
        """SIGKILL the command and its process group."""
        if self._child is not None:
            self._child.kill_group()

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once all output was handed on; TimeoutError."""
        if not self._done.wait(timeout):
            raise TimeoutError(f"the command still runs after {timeout} s")
        return self._code

    def _close_input(self) -> None:
        with self._lock:
            if self._input >= 0:
                os.close(self._input)
            self._input = -1

    def _end(self, code: int) -> None:
        self._code = 1 if code and self._any_failure_is_1 else code
        self._close_input()
        self._done.set()


class ProcessRuntime:
    """Containers as processes. `directory` is for what they share; `spawner` starts them and outlives `close`."""

    name = "process"
    offers = frozenset({Offer.INIT, Offer.OPEN_FILES, Offer.HOSTS})

    def __init__(self, spawner: Spawner, directory: Path) -> None:
        self.spawner = spawner
        interpreter = getattr(sys, "_base_executable", None) or sys.executable
        self._lent = Lent(directory, interpreter)
        self._roots = Roots(directory / "roots")
        self._containers: set[ProcessContainer] = set()
        self._lock = threading.Lock()

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        """Start a container: raises CannotStart in ECS's words. Callbacks come on the spawner's pump."""
        refuse_others(spec, self.offers)
        rootfs = self._roots.of(spec.layers).resolve()
        container = ProcessContainer(spec, Root(rootfs, spec.image, self._lent))
        root = container.root

        def ended(code: int) -> None:
            with self._lock:
                self._containers.discard(container)
            container.ended = True
            out_of_memory = container.child is not None and container.child.out_of_memory
            exit = Exit(code, OUT_OF_MEMORY if out_of_memory else None)
            self._remove(spec.state, lambda: spec.on_exit(exit))

        drain = Drain(self.spawner.pump, ended)
        try:
            spec.state.mkdir(parents=True, exist_ok=True)
            command = container.command(arguments(spec.image, spec.entrypoint, spec.command))
            directory = root.directory(container.directory)
            env = root.environment_on_machine(container.environment)
            with contextlib.ExitStack() as ours:
                out, err = pipe(ours), pipe(ours)
                drain.watch(out[0], Lines(lambda line: spec.on_output("stdout", line), LINE_LIMIT))
                drain.watch(err[0], Lines(lambda line: spec.on_output("stderr", line), LINE_LIMIT))
                container.child = self.spawner.spawn(
                    command.argv,
                    env,
                    directory,
                    executable=command.executable,
                    python=command.python,
                    stdout=out[1],
                    stderr=err[1],
                    on_exit=drain.exited,
                    init=not spec.init,
                    open_files=spec.open_files,
                    memory=spec.memory_limit_mib * 1024 * 1024 if spec.memory_limit_mib else None,
                )
        except (NotExecutable, OSError) as error:
            self._remove(spec.state)
            raise CannotStart(f"CannotStartContainerError: {RUNC}: {said(error)}: unknown") from error
        with self._lock:
            if not container.ended:
                self._containers.add(container)
        return container

    def open(
        self,
        container: ProcessContainer,
        argv: Sequence[str],
        *,
        tty: bool = False,
        on_output: Callable[[str, bytes], None] | None = None,
    ) -> ProcessSession:
        """Run a further command in a container, which ends with it at the latest. CannotStart (with the `code` that
        `docker exec` gives) if there is no such command or the container has ended."""
        show = on_output or (lambda _stream, _data: None)
        pump = self.spawner.pump
        session = ProcessSession(pump)
        session._tty = tty
        if container.child is None or not container.running:
            raise CannotStart(f"container {container.spec.key} is not running", 1)
        root = container.root
        try:
            command = container.command(argv)
            env = root.environment_on_machine(container.environment) | ({"TERM": "xterm"} if tty else {})
            with contextlib.ExitStack() as ours:
                if tty:
                    terminal, user = os.openpty()
                    ours.callback(os.close, user)
                    session._input = os.dup(terminal)
                    session._drain.watch(terminal, Pieces(lambda data: show("stdout", data)))
                    fds = [user] * 3
                else:
                    out, err, feed = pipe(ours), pipe(ours), os.pipe()
                    ours.callback(os.close, feed[0])
                    session._input = feed[1]
                    session._drain.watch(out[0], Pieces(lambda data: show("stdout", data)))
                    session._drain.watch(err[0], Pieces(lambda data: show("stderr", data)))
                    fds = [feed[0], out[1], err[1]]
                session._any_failure_is_1 = command.any_failure_is_1
                session._child = self.spawner.spawn(
                    command.argv,
                    env,
                    root.directory(container.directory),
                    executable=command.executable,
                    python=command.python,
                    stdin=fds[0],
                    stdout=fds[1],
                    stderr=fds[2],
                    on_exit=session._drain.exited,
                    tty=tty,
                    like=container.child,
                    open_files=container.spec.open_files,
                )
        except (NotExecutable, OSError) as error:
            session._close_input()
            code = error.code if isinstance(error, NotExecutable) else 126
            raise CannotStart(f"OCI runtime exec failed: exec failed: {said(error)}: unknown", code) from error
        return session

    def execute(
        self,
        container: ProcessContainer,
        argv: Sequence[str],
        *,
        on_output: Callable[[str, bytes], None] | None = None,
        timeout: float | None,
        tty: bool = False,
    ) -> int:
        """Run a further command to its end, without input. See `Runtime.execute`."""
        return run_to_end(lambda: self.open(container, argv, tty=tty, on_output=on_output), on_output, timeout)

    def signal(self, container: ProcessContainer, number: int) -> None:
        """Send a signal to the container's first process."""
        if container.child is not None:
            container.child.signal(number)

    def stop(self, container: ProcessContainer, grace: float) -> None:
        """Send the image's stop signal, and SIGKILL after `grace` seconds. Does not wait."""
        if container.child is not None:
            container.child.stop(stop_signal(container.spec.image.stop_signal), grace)

    def forget(self, layers: tuple[UnpackedLayer, ...]) -> None:
        """Remove where these layers were laid. OSError."""
        self._roots.forget(layers)

    @staticmethod
    def _remove(state: Path, then: Callable[[], None] = lambda: None) -> None:
        """Remove the folder of a container, and go on: at once if it is empty, else on a thread of its own."""

        def remove() -> None:
            try:
                disk.remove(state)
            except OSError as error:
                log.warning("%s stays: %s", state, error)
            then()

        try:
            state.rmdir()
        except OSError:
            threading.Thread(target=remove, name="drydock-remove", daemon=True).start()
        else:
            then()

    def close(self) -> None:
        """Kill every container; returns when they have ended."""
        with self._lock:
            containers = list(self._containers)
        for container in containers:
            if container.child is not None:
                container.child.kill_group()
        deadline = time.monotonic() + 10
        for container in containers:
            if container.child is not None:
                container.child.wait(max(0.0, deadline - time.monotonic()))


def pipe(closing: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose write end is closed with `closing`."""
    read, write = os.pipe()
    closing.callback(os.close, write)
    return read, write


def said(error: NotExecutable | OSError) -> str:
    """An error as the container runtime puts it."""
    if isinstance(error, NotExecutable):
        return str(error)
    where = f" {error.filename}" if error.filename else ""
    return f"exec{where}: {(error.strerror or 'failed').lower()}"
