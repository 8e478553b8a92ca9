"""Requests that wait for something to happen, and hold neither a thread nor a lock meanwhile."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Wait(Exception):
    """Raised by an operation that has nothing to answer yet: do it again after `Lot.notify(key)`, at the latest in
    `seconds`. `version` is what `Lot.version(key)` was when it looked. `kept`: what it finds as `Front.kept` then."""

    def __init__(self, key: str, version: int, seconds: float, kept: object = None) -> None:
        super().__init__(key)
        self.key = key
        self.version = version
        self.seconds = seconds
        self.kept = kept


class Lot:
    """Where they wait: `notify` wakes the one that waits longest. A thread keeps the time once somebody waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, dict[int, Callable[[], None]]] = {}
        self._due: list[tuple[float, int, str, bool]] = []  # (when, number, key, whether only that one's time is over)
        self._expected: dict[str, float] = {}
        self._versions: dict[str, int] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def version(self, key: str) -> int:
        """How often `key` was notified. An operation asks before it looks, so that it misses nothing."""
        with self._changed:
            return self._versions.get(key, 0)

    def anybody(self, key: str) -> bool:
        with self._changed:
            return key in self._waiting

    def wait(self, wait: Wait, resume: Callable[[], None]) -> None:
        """Call `resume`, which must be quick, once `wait` is over; from another thread, or at once."""
        with self._changed:
            if self._closed or self._versions.get(wait.key, 0) != wait.version:
                at_once = True
            else:
                at_once = False
                number = next(self._numbers)
                self._waiting.setdefault(wait.key, {})[number] = resume
                self._push(time.monotonic() + wait.seconds, number, wait.key, True)
        if at_once:
            resume()

    def wait_here(self, wait: Wait) -> None:
        """For a caller that has a thread to spare: returns when `wait` is over."""
        over = threading.Event()
        self.wait(wait, over.set)
        over.wait()

    def notify(self, key: str, at: float | None = None) -> None:
        """Something that a request for `key` waits for may be there: now, or at the moment `at` (time.monotonic)."""
        with self._changed:
            if at is not None and at > time.monotonic():
                if at < self._expected.get(key, float("inf")):
                    self._expected[key] = at
                    self._push(at, next(self._numbers), key, False)
                return
            self._versions[key] = self._versions.get(key, 0) + 1
            resume = self._taken(key)
        if resume is not None:
            resume()

    def forget(self, key: str) -> None:
        """Nobody will wait for `key` any more."""
        with self._changed:
            self._versions.pop(key, None)

    def _push(self, at: float, number: int, key: str, only_that_one: bool) -> None:
        heapq.heappush(self._due, (at, number, key, only_that_one))
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_time, name="drydock-waiting", daemon=True)
            self._thread.start()
        elif self._due[0][1] == number:
            self._changed.notify()

    def _taken(self, key: str, number: int | None = None) -> Callable[[], None] | None:
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        resume = waiting.pop(next(iter(waiting)) if number is None else number, None)
        if not waiting:
            del self._waiting[key]
        return resume

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not (self._due and self._due[0][0] <= time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._closed:
                    return
                at, number, key, only_that_one = heapq.heappop(self._due)
                resume = self._taken(key, number) if only_that_one else None
                if not only_that_one and self._expected.get(key) == at:
                    del self._expected[key]
            if not only_that_one:
                self.notify(key)
            elif resume is not None:
                resume()

    def close(self) -> None:
        """Let everybody who waits go on."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            everybody = [resume for waiting in self._waiting.values() for resume in waiting.values()]
            self._waiting = {}
        for resume in everybody:
            resume()
