"""One thread that reads every child's output and runs every callback, in order."""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import logging
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

log = logging.getLogger(__name__)

CHUNK = 65_536
WAKE = object()


class Sink(Protocol):
    """Where a stream goes: its pieces as they come, then its end."""

    def feed(self, data: bytes) -> None: ...
    def end(self) -> None: ...


class Lines:
    """Cuts a stream into lines; one longer than `limit` bytes comes in pieces of that size."""

    def __init__(self, on_line: Callable[[bytes], None], limit: int) -> None:
        self._on_line, self._limit = on_line, limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        *whole, rest = (bytes(self._rest) + data).split(b"\n")
        self._rest = bytearray(rest)
        for line in whole:
            while len(line) > self._limit:
                self._on_line(line[: self._limit])
                line = line[self._limit :]
            self._on_line(line)
        while len(self._rest) > self._limit:
            self._on_line(bytes(self._rest[: self._limit]))
            del self._rest[: self._limit]

    def end(self) -> None:
        if self._rest:
            self._on_line(bytes(self._rest))
            self._rest.clear()


class Pump:
    """Reads descriptors into sinks. An exception in a callback is logged and stops nothing."""

    def __init__(self, name: str) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._wake_write = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake, selectors.EVENT_READ, WAKE)
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._closing = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call it on the pump's thread, after what was asked for before."""
        self._calls.append((function, arguments))
        self._awake()

    def watch(self, fd: int, sink: Sink) -> None:
        """Read `fd` into `sink` until its end, then close it. The descriptor is the pump's from here on."""
        os.set_blocking(fd, False)
        self.call(self._selector.register, fd, selectors.EVENT_READ, sink)  # type: ignore[arg-type]

    def cut(self, fd: int) -> None:
        """On the pump's thread: take what `fd` holds now and end it, though somebody may still have it open."""
        with contextlib.suppress(KeyError):
            sink = self._selector.get_key(fd).data
            while self._read(fd, sink):
                pass
            with contextlib.suppress(KeyError):
                self._finish(fd, sink)

    def later(self, delay: float, function: Callable[[], None]) -> None:
        """On the pump's thread: call `function` in `delay` seconds."""
        heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), function))

    def close(self) -> None:
        """Do what was asked for so far, then end. Not from a callback."""
        self.call(self._stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=10)

    def _stop(self) -> None:
        self._closing = True

    def _awake(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"\0")

    def _run(self) -> None:
        while not self._closing:
            timeout = max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
            for key, _ in self._selector.select(timeout):
                if key.data is WAKE:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake, 4096)
                else:
                    self._read(key.fd, key.data)
            while self._calls:
                function, arguments = self._calls.popleft()
                self._guarded(function, *arguments)
            while self._later and self._later[0][0] <= time.monotonic():
                self._guarded(heapq.heappop(self._later)[2])
        with self._lock:
            for key in list(self._selector.get_map().values()):
                os.close(key.fd)
            self._selector.close()
            os.close(self._wake_write)
            self._wake_write = -1

    def _read(self, fd: int, sink: Sink) -> bool:
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal whose last user has gone
                log.warning("reading output failed: %s", error)
            data = b""
        if data:
            self._guarded(sink.feed, data)
            return True
        self._finish(fd, sink)
        return False

    def _finish(self, fd: int, sink: Sink) -> None:
        self._selector.unregister(fd)
        os.close(fd)
        self._guarded(sink.end)

    def _guarded(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:
            log.exception("a callback failed")
