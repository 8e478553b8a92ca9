"""The spawner's helper process: forks every program that Drydock runs. Standard library only, one thread.

    python -S spawner_main.py <fd>

The daemon is at the other end of the socket <fd>. It sends a message (length, JSON) with the child's stdin,
stdout and stderr attached:

    {"op": "spawn", "id", "argv", "executable", "env", "cwd", "python", "tty", "init", "like", "memory", "files"}
    {"op": "signal", "id", "number", "group"}
    {"op": "stop", "id", "number", "grace"}
    {"op": "ping", "id"}

and gets {"id", "pid"} or {"id", "error": [errno, text]} for a spawn, {"id", "exit", "oom"} at the end, and {"pong"}.

Three things hold here. *Nothing survives the daemon*: `guard` is a first process that waits for the socket's
far end to close and then kills all that descends from it; the kernel hands it orphans however they
daemonised. *A container ends with its first process*: every process inherits a mark (an otherwise unused
resource limit, which a fork, exec or setsid does not shed) and a marked process that outlives its
container is killed. *A Python program starts in milliseconds*: the modules most servers need are
already imported when it is forked.
"""

# pathlib and contextlib would be imported before the guard forks: it stays small.
# ruff: noqa: PTH100, PTH118, PTH119, PTH120, PTH123, PTH208, SIM105

from __future__ import annotations

import array
import errno
import gc
import heapq
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LINUX = sys.platform == "linux"
MARK: Any = getattr(resource, "RLIMIT_MSGQUEUE", None)
MEMORY_PERIOD = 0.2  # seconds between two looks at the memory of limited containers
PAGE = resource.getpagesize()
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
_libc: Any = None


class Become(BaseException):
    """Raised in a forked child to unwind the helper before its Python program runs."""

    def __init__(self, arguments: list[str], title: list[str]) -> None:
        self.arguments, self.title = arguments, title


class Child:
    def __init__(self, identity: int, pid: int, request: dict[str, Any], mark: int | None, report: int) -> None:
        self.identity, self.pid, self.mark, self.report = identity, pid, mark, report
        self.init = request.get("init", False)
        self.memory: int = request.get("memory") or 0
        self.member = request.get("like") is not None
        self.oom = False
        self.failed = False


class Helper:
    def __init__(self, daemon: socket.socket) -> None:
        self.daemon = daemon
        self.children: dict[int, Child] = {}  # by id
        self.pids: dict[int, Child] = {}
        self.deadlines: list[tuple[float, int]] = []
        self.serial = 0
        self.wake, self.wake_write = os.pipe()
        self.poll = select.poll()
        self.changed: list[int] = []  # signals that are not at their default here

    def run(self) -> None:
        for fd in (self.wake, self.wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a terminal's ^C is the daemon's business
        self.changed = [n for n in signal.valid_signals() if signal.getsignal(n) != signal.SIG_DFL]
        self.changed = [n for n in self.changed if n not in (signal.SIGKILL, signal.SIGSTOP)]
        self.poll.register(self.daemon.fileno(), select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)
        look = 0.0
        while True:
            for fd, _ in self.poll.poll(self.patience()):
                if fd == self.daemon.fileno():
                    if not self.receive():
                        return self.kill_all()
                elif fd == self.wake:
                    os.read(self.wake, 4096)
                else:
                    self.started(fd)
            self.reap()
            now = time.monotonic()
            while self.deadlines and self.deadlines[0][0] <= now:
                self.kill(heapq.heappop(self.deadlines)[1])
            if now >= look + MEMORY_PERIOD:
                look = now
                self.watch_memory()

    def patience(self) -> float | None:
        waits = [MEMORY_PERIOD] if LINUX and any(c.memory for c in self.children.values()) else []
        if self.deadlines:
            waits.append(max(0.0, self.deadlines[0][0] - time.monotonic()))
        return min(waits) * 1000 if waits else None

    # -- messages

    def receive(self) -> bool:
        header, fds = b"", array.array("i")
        while len(header) < 4:
            data, ancillary, _, _ = self.daemon.recvmsg(4 - len(header), socket.CMSG_SPACE(3 * fds.itemsize))
            if not data:
                return False
            header += data
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        (left,) = struct.unpack("!I", header)
        body = bytearray()
        while left > len(body):
            data = self.daemon.recv(left - len(body))
            if not data:
                return False
            body += data
        request = json.loads(body)
        if request["op"] == "spawn":
            self.spawn(request, list(fds))
        elif request["op"] == "ping":
            self.send(pong=request["id"])
        else:
            self.deliver(request)
        for fd in fds:
            os.close(fd)
        return True

    def send(self, **message: object) -> None:
        body = json.dumps(message).encode()
        try:
            self.daemon.sendall(struct.pack("!I", len(body)) + body)
        except OSError:
            pass  # the daemon is gone: the next receive says so

    # -- starting

    def spawn(self, request: dict[str, Any], fds: list[int]) -> None:
        like = self.children.get(request["like"]) if request.get("like") is not None else None
        if request.get("like") is not None and like is None:
            return self.send(id=request["id"], error=[errno.ESRCH, "the container has exited"])
        mark = like.mark if like else self.new_mark()
        report, report_write = os.pipe()
        helper = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(report)
            os.close(report_write)
            return self.send(id=request["id"], error=[error.errno, os.strerror(error.errno or 0)])
        if pid == 0:
            try:
                self.become(request, fds, mark, report_write, helper)
            except OSError as error:
                os.write(report_write, json.dumps([error.errno, error.strerror]).encode())
                os._exit(127)
            except Become:
                raise
            except BaseException as error:
                os.write(report_write, json.dumps([errno.EINVAL, repr(error)]).encode())
                os._exit(127)
        os.close(report_write)
        child = Child(request["id"], pid, request, mark, report)
        self.children[child.identity] = self.pids[pid] = child
        self.poll.register(report, select.POLLIN)

    def become(self, request: dict[str, Any], fds: list[int], mark: int | None, report: int, helper: int) -> None:
        """In the child: take on the container's surroundings, then exec or unwind into a Python program."""
        signal.set_wakeup_fd(-1)
        for number in self.changed:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        self.daemon.detach()
        for target, fd in enumerate(fds):
            os.dup2(fd, target)
        os.closerange(3, report)
        os.closerange(report + 1, max(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4096))
        if request["tty"]:
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        limit(resource.RLIMIT_CORE, 0)
        if isinstance(request["files"], int):
            limit(resource.RLIMIT_NOFILE, request["files"])
        else:
            limit_files(*request["files"])
        if mark is not None:
            resource.setrlimit(MARK, (mark, mark))
        os.umask(0o022)
        os.chdir(request["cwd"])
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != helper:
            os._exit(128 + signal.SIGKILL)
        if not request["python"]:
            os.execve(request["executable"], request["argv"], request["env"])
        os.environ.clear()
        os.environ.update(request["env"])
        os.close(report)
        raise Become(request["argv"][1:], request["argv"])

    def started(self, report: int) -> None:
        """The child has written why it could not start, or closed the pipe by starting."""
        content = os.read(report, 4096)
        self.poll.unregister(report)
        os.close(report)
        child = next(c for c in self.children.values() if c.report == report)
        child.report = -1
        if content:
            child.failed = True
            self.send(id=child.identity, error=json.loads(content))
        else:
            self.send(id=child.identity, pid=child.pid)

    def new_mark(self) -> int | None:
        if MARK is None:
            return None
        hard = resource.getrlimit(MARK)[1]
        self.serial += 1
        return (hard if hard != resource.RLIM_INFINITY else 819_200) - 1 - self.serial % 100_000

    # -- signals

    def deliver(self, request: dict[str, Any]) -> None:
        child = self.children.get(request["id"])
        if child is None:
            return
        if request["op"] == "stop":
            heapq.heappush(self.deadlines, (time.monotonic() + request["grace"], child.identity))
        number = request["number"]
        if number == signal.SIGKILL:
            self.kill(child.identity)
        elif not (child.init and ignored_by_first_process(child.pid, number)):
            try:
                (os.killpg if request.get("group") else os.kill)(child.pid, number)
            except OSError:
                pass  # it is just starting, or no such signal

    def kill(self, identity: int) -> None:
        child = self.children.get(identity)
        if child is not None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except OSError:
                os.kill(child.pid, signal.SIGKILL)  # it has not reached setsid yet

    def kill_all(self) -> None:
        for identity in list(self.children):
            self.kill(identity)

    # -- exits

    def reap(self) -> None:
        reaped = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            reaped = True
            child = self.pids.pop(pid, None)
            if child is not None:
                self.ended(child, status)
        if reaped:
            self.sweep()

    def ended(self, child: Child, status: int) -> None:
        if child.report >= 0:
            self.started(child.report)
        del self.children[child.identity]
        if not child.member:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except OSError:
                pass  # nobody is left in the group
        if not child.failed:
            code = os.waitstatus_to_exitcode(status)
            self.send(id=child.identity, exit=code if code >= 0 else 128 - code, oom=child.oom)

    def sweep(self) -> None:
        """Kill what outlived its container: further commands in it, and processes that left its group."""
        if MARK is None:
            return
        living = {c.mark for c in self.children.values() if not c.member}
        for child in self.children.values():
            if child.member and child.mark not in living:
                self.kill(child.identity)
        for pid in children_of(os.getpid()):
            if pid not in self.pids and mark_of(pid) not in living:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass

    # -- memory

    def watch_memory(self) -> None:
        limited = [c for c in self.children.values() if c.memory]
        if not limited or not LINUX:
            return
        strays: dict[int | None, list[int]] = {}
        for pid in children_of(os.getpid()):
            owner = self.pids.get(pid)
            strays.setdefault(owner.mark if owner else mark_of(pid), []).append(pid)
        for child in limited:
            tree = list(strays.get(child.mark, ()))
            for pid in tree:
                tree.extend(children_of(pid))
            # Pages shared after a fork count once in a control group: resident sizes are only the quick look.
            if sum(map(resident, tree)) > child.memory and sum(map(proportional, tree)) > child.memory:
                child.oom = True
                self.kill(child.identity)


def limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def limit_files(soft: int, hard: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except ValueError:
        raise OSError(errno.EPERM, "error setting rlimit type 7: operation not permitted") from None


def ignored_by_first_process(pid: int, number: int) -> bool:
    """As the kernel does for process 1 of a container: a signal without a handler is dropped."""
    try:
        with open(f"/proc/{pid}/status") as status:
            caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return False
    return number != signal.SIGSTOP and not caught >> (number - 1) & 1


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as children:
                found += map(int, children.read().split())
    except OSError:
        pass  # it has just ended
    return found


def mark_of(pid: int) -> int | None:
    try:
        return resource.prlimit(pid, MARK)[1]
    except OSError:
        return None


def resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as statm:
            return int(statm.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident(pid)


def prctl(option: int, argument: object) -> None:
    global _libc
    if LINUX:
        import ctypes

        _libc = _libc or ctypes.CDLL(None)
        _libc.prctl(option, argument, 0, 0, 0)


def guard(daemon: socket.socket) -> None:
    """Fork; the child goes on as the helper. The parent kills all that descends from it once the daemon or the
    helper is gone. It asks for SIGCONT when the daemon ends, so that even a stopped guard wakes up."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    me = os.getpid()
    helper = os.fork()
    if helper == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() != me:
            os._exit(0)
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    closed = select.poll()
    closed.register(daemon.fileno(), 0)
    while not any(event & (select.POLLHUP | select.POLLERR) for _, event in closed.poll(1000)):
        if os.waitpid(helper, os.WNOHANG)[0]:
            break
    while True:
        for pid in children_of(me):
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(0)


def warm() -> None:
    """Import what Python servers import, before the first fork."""
    import argparse, asyncio, base64, collections, concurrent.futures, contextlib, ctypes  # noqa: E401, F401, I001
    import dataclasses, datetime, email.message, email.parser, email.utils, fcntl, functools  # noqa: E401, F401
    import hashlib, hmac, html, http.client, http.cookies, http.server, io, itertools  # noqa: E401, F401
    import logging, mimetypes, pathlib, queue, random, re, runpy, secrets, shutil, site  # noqa: E401, F401
    import socketserver, ssl, string, subprocess, tempfile, termios, threading, traceback  # noqa: E401, F401
    import typing, urllib.error, urllib.parse, urllib.request, uuid, zipimport  # noqa: E401, F401


def set_title(words: list[str]) -> None:
    """Show the program's own command in `ps`: written over the room that the start-up left in argv."""
    if not LINUX:
        return
    import ctypes

    with open("/proc/self/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    text = b"\0".join(os.fsencode(word) for word in words)[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, text, len(text))
    prctl(PR_SET_NAME, ctypes.c_char_p(os.fsencode(os.path.basename(words[0]))))


def main() -> None:
    sys.path.pop(0)
    daemon = socket.socket(fileno=int(sys.argv[1]))
    set_title(["drydock-spawner"])
    if LINUX:
        guard(daemon)
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim"))
    import _drydock_address  # noqa: F401
    import _drydock_guard  # noqa: F401
    import _drydock_launch

    sys.path.pop(0)
    warm()
    gc.collect()
    gc.freeze()
    helper = Helper(daemon)
    try:
        helper.run()
    except Become as program:
        task = program
    else:
        return
    del helper, daemon
    set_title(task.title)
    _drydock_launch.main(task.arguments, forked=True)


if __name__ == "__main__":
    main()
