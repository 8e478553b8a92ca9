"""The daemon's side of the spawner: one helper process that starts every child and dies with us."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drydock.embedded.carriers.runtime.base import OPEN_FILES
from drydock.embedded.carriers.runtime.pump import Pump

log = logging.getLogger(__name__)

HELPER = Path(__file__).with_name("spawner_main.py")
TITLE_ROOM = " " * 1024  # `ps` shows a forked Python program's own command in this space
START_TIMEOUT = 30.0  # seconds in which the helper has to answer; a loaded machine, not a normal start
Message = tuple[list[int], bytes]


class Child:
    """A process that the spawner started, in a session and process group of its own.

    `returncode` is None until it has ended; then its exit status, or 128+n when signal n killed it.
    """

    def __init__(self, spawner: Spawner, identity: int, name: str, on_exit: Callable[[int], None] | None) -> None:
        self.name = name
        self.pid = 0
        self.started_at = 0.0
        self.returncode: int | None = None
        self.out_of_memory = False
        self.identity = identity
        self._spawner = spawner
        self._on_exit = on_exit
        self._error: OSError | None = None
        self._started = threading.Event()
        self._ended = threading.Event()

    def signal(self, number: int) -> None:
        """Send a signal to the process; nothing happens if it has ended."""
        self._spawner._ask(self, op="signal", number=int(number), group=False)

    def kill_group(self) -> None:
        """SIGKILL the process and all it started."""
        self._spawner._ask(self, op="signal", number=int(signal.SIGKILL), group=True)

    def stop(self, number: int, grace: float) -> None:
        """Send `number` to the process now and SIGKILL to its group after `grace` seconds. Does not wait."""
        self._spawner._ask(self, op="stop", number=int(number), grace=grace)
        self._spawner._ping()

    def wait(self, timeout: float | None = None) -> int:
        """The return code; TimeoutError when it still runs after `timeout` seconds."""
        if not self._ended.wait(timeout):
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        assert self.returncode is not None
        return self.returncode

    def _has_started(self, pid: int) -> None:
        self.pid, self.started_at = pid, time.time()
        self._started.set()

    def _has_failed(self, number: int, text: str) -> None:
        self._error = OSError(number, text, self.name)
        self._started.set()

    def _has_ended(self, code: int, out_of_memory: bool) -> None:
        self.returncode, self.out_of_memory = code, out_of_memory
        self._ended.set()
        if self._on_exit is not None:
            self._spawner.pump.call(self._on_exit, code)


class Spawner:
    """Starts processes. They share one helper, which the first `spawn` starts if `start` did not.

    The helper runs the base interpreter with `-S` and an environment of its own, so no child sees this
    environment's packages or this user's variables. Should the helper be killed, or answer nothing for
    `START_TIMEOUT`, its children end with it (return code 137) and the next `spawn` starts another. `pump` is the
    thread that callbacks come on. Only `spawn`, `wait` and `close` wait for the helper.
    """

    def __init__(self, log_path: Path) -> None:
        self.log_path = log_path
        self.pump = Pump("drydock-pump")
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        self._helper: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._children: dict[int, Child] = {}
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._serial = 0
        self._pinged = 0
        """The ping that is not answered yet."""

    def start(self) -> None:
        """Start the helper; nothing happens if it runs. OSError once this is closed."""
        with self._lock:
            if self._closed:
                raise OSError(errno.ESHUTDOWN, "the cloud has ended")
            if self._socket is not None:
                return
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            base = getattr(sys, "_base_executable", None) or sys.executable
            with contextlib.ExitStack() as held, theirs, self.log_path.open("ab") as log_file:
                held.enter_context(ours)
                self._helper = subprocess.Popen(
                    [base, "-S", str(HELPER), str(theirs.fileno()), TITLE_ROOM],
                    env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                    cwd="/",
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=log_file,
                    start_new_session=True,
                )
                held.pop_all()
            self._socket, self._outbox, self._pinged = ours, queue.SimpleQueue(), 0
            for work, given in ((self._read, (ours, self._helper, self._outbox)), (self._write, (ours, self._outbox))):
                threading.Thread(target=work, args=given, name="drydock-spawner", daemon=True).start()

    def spawn(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str | os.PathLike[str],
        *,
        executable: str | None = None,
        python: bool = False,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        on_exit: Callable[[int], None] | None = None,
        tty: bool = False,
        init: bool = False,
        like: Child | None = None,
        memory: int | None = None,
        open_files: tuple[int, int] | None = None,
    ) -> Child:
        """Start a process with exactly the environment `env`; OSError if it cannot be executed.

        stdin, stdout and stderr are descriptors of the caller's (who closes them): no input, and output to the
        helper's log, when None. `on_exit(returncode)` is called once, on the pump's thread, perhaps
        before `spawn` returns. With `python`, `argv` is a `python …` command line that runs in a fork of the
        warm helper. `init`: signals without a handler are dropped, as for process 1 of a container. `like`:
        the process ends at the latest with that one. `memory`: bytes of resident memory for it and all it starts.
        `open_files`: the soft and the hard limit, which have to be possible; without, the usual one as far as it is.
        """
        with contextlib.ExitStack() as opened:
            null = opened.enter_context(Path(os.devnull).open("rb"))
            log_file = opened.enter_context(self.log_path.open("ab"))
            fds = [
                null.fileno() if stdin is None else stdin,
                log_file.fileno() if stdout is None else stdout,
                log_file.fileno() if stderr is None else stderr,
            ]
            with self._lock:
                self.start()
                self._serial += 1
                child = Child(self, self._serial, argv[0], on_exit)
                self._children[child.identity] = child
                self._send(
                    fds,
                    op="spawn",
                    id=child.identity,
                    argv=list(argv),
                    executable=executable or argv[0],
                    env=dict(env),
                    cwd=os.fspath(cwd),
                    python=python,
                    tty=tty,
                    init=init,
                    like=like.identity if like else None,
                    memory=memory,
                    files=open_files or OPEN_FILES,
                )
            if not child._started.wait(START_TIMEOUT):
                self._give_up()
                raise TimeoutError(f"{argv[0]} was not started within {START_TIMEOUT:.0f} s: see {self.log_path}")
        if child._error is not None:
            raise child._error
        return child

    def close(self) -> None:
        """Kill every child and the helper; returns when all of them are gone."""
        with self._lock:
            self._closed = True
            helper = self._helper
            self._hang_up()
            self._helper = None
        if helper is not None:
            helper.wait()
        self.pump.close()

    def _hang_up(self) -> None:
        """Let the helper and all it has started end, whether it listens or not."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._helper is not None:
            self._helper.send_signal(signal.SIGCONT)  # its guard, which then kills it

    def _give_up(self) -> None:
        with self._lock:
            if self._socket is None:
                return
            self._hang_up()
            lost = self._lose()
        log.error(
            "the spawner's helper has not answered for %.0f s: it is ended, with %d processes, and another takes its "
            "place; see %s",
            *(START_TIMEOUT, len(lost), self.log_path),
        )
        self._tell(lost)

    def _lose(self) -> list[Child]:
        self._socket = None
        lost, self._children = list(self._children.values()), {}
        return lost

    @staticmethod
    def _tell(lost: list[Child]) -> None:
        for child in lost:
            child._has_failed(0, "the spawner's helper ended")
            child._has_ended(128 + signal.SIGKILL, False)

    def _ping(self) -> None:
        """Ask the helper whether it is still there, if it has not been asked already."""
        with self._lock:
            if self._socket is None or self._pinged:
                return
            self._serial += 1
            self._pinged = ping = self._serial
            self._send([], op="ping", id=ping)

        def look() -> None:
            if self._pinged == ping:
                self._give_up()

        self.pump.call(self.pump.later, START_TIMEOUT, look)

    def _ask(self, child: Child, **message: object) -> None:
        with self._lock:
            if child.returncode is None and self._socket is not None:
                self._send([], id=child.identity, **message)

    def _send(self, fds: list[int], **message: object) -> None:
        self._outbox.put((fds, json.dumps(message).encode()))

    @staticmethod
    def _write(ours: socket.socket, outbox: queue.SimpleQueue[Message | None]) -> None:
        try:
            while (message := outbox.get()) is not None:
                fds, body = message
                socket.send_fds(ours, [struct.pack("!I", len(body))], fds)
                ours.sendall(body)
        except OSError:
            log.debug("the spawner's helper is gone")  # the reader finds the end and tells every child

    def _read(
        self, ours: socket.socket, helper: subprocess.Popen[bytes], outbox: queue.SimpleQueue[Message | None]
    ) -> None:
        with ours.makefile("rb") as stream, contextlib.suppress(ConnectionError):
            while len(header := stream.read(4)) == 4:
                (length,) = struct.unpack("!I", header)
                body = stream.read(length)
                if len(body) < length:
                    break
                self._take(json.loads(body))
        with self._lock:
            lost = self._lose() if self._socket is ours else []
        outbox.put(None)
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)
        helper.wait()
        ours.close()
        if lost and self._helper is helper:
            log.warning("the spawner's helper ended; %d processes with it", len(lost))
        self._tell(lost)

    def _take(self, message: dict[str, Any]) -> None:
        if "pong" in message:
            if message["pong"] == self._pinged:
                self._pinged = 0
            return
        ended = "exit" in message or "error" in message
        child = self._children.pop(message["id"], None) if ended else self._children.get(message["id"])
        if child is None:
            return  # given up
        if "pid" in message:
            child._has_started(message["pid"])
        elif "error" in message:
            child._has_failed(*message["error"])
        else:
            child._has_ended(message["exit"], message["oom"])
