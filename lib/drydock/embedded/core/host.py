"""The ground that a cloud stands on: its directory, its clock, its lock, its loop. It knows no service."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from drydock.embedded.core import seams
from drydock.embedded.core.client import Client
from drydock.embedded.core.clock import Clock, Kept
from drydock.embedded.core.data import Data
from drydock.embedded.core.door import Application, Door
from drydock.embedded.core.faults import Faults
from drydock.embedded.core.lately import Lately
from drydock.embedded.core.profile import settled as settled_profile
from drydock.embedded.core.seed import in_region, settled
from drydock.embedded.core.undo import Noted
from drydock.embedded.core.waiting import Lot, Wait
from drydock.embedded.core.wsgi import Answer, Environ
from drydock.user import private

log = logging.getLogger(__name__)

TICK = 0.05
SLOW_TICK = 0.25
"""Our seconds from turn to turn, while somebody is at work, and while nobody is and nobody pokes."""
_DATA = "data.sqlite"
_A_MOMENT = 0.001
GATHER = 0.01
"""Between a wake-up and the turn: the call that caused it is answered, others that follow share the turn."""

Made = TypeVar("Made")


class Front(Protocol):
    """What answers AWS calls."""

    @property
    def patience(self) -> float:
        """Seconds that the request at hand may still wait for something to happen."""
        ...

    @property
    def kept(self) -> Any:
        """What the request at hand has kept for itself while it waited; None the first time that it is made."""
        ...

    @property
    def request(self) -> str:
        """What tells the request at hand from all others, also when it is done again; empty in a turn of the loop."""
        ...

    @property
    def noted(self) -> Noted:
        """What the operation at hand says that it writes."""
        ...

    @property
    def made_before(self) -> tuple[str, ...]:
        """What the request at hand made when it was done the first time; of itself, and where that is known."""
        ...

    def made(self, *names: str) -> None:
        """The request at hand has made what later requests call by these names, and its answer does not tell."""

    def chose(self, of: str, what: str) -> None:
        """The request at hand has chosen this by what else there was; it chooses the same when it is done again."""

    def chosen_before(self, of: str) -> str | None:
        """What the request at hand chose when it was done the first time; None if it is done the first time."""
        ...

    @property
    def is_called(self) -> bool:
        """Whether this thread answers somebody outside."""
        ...

    def call(self, environ: Environ) -> Answer:
        """Answer a call; Wait, if it is to be made again."""
        ...

    def inside(self) -> AbstractContextManager[None]: ...


class Host:
    """State directory, clock, lock, helpers and the loop that brings what is to what is desired.

    `port` 0 until `serve()`. `seed` makes ids and choices repeat from run to run; without one they differ, and the
    journal keeps them. `access_key`: id and secret that calls have to be signed with; None: with whatever they are.
    `profile`: its name; without one as before, or quick. There is one in a process at a time:
    RuntimeError for a second.
    """

    front: Front

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "default",
        clock: Clock | None = None,
        seed: str | None = None,
        profile: str | None = None,
        access_key: tuple[str, str] | None = None,
    ) -> None:
        seams.prepare()
        self.name = name
        self.access_key = access_key
        self.account = seams.ACCOUNT
        self.directory = directory
        private(directory)
        self.clock = clock or Clock()
        self.seed = settled(directory, seed)
        self.profile = settled_profile(directory, profile)
        self.lately = Lately(self.clock)
        kept = Kept(self.clock, directory / "clock")
        seams.hold(str(directory), self.seed, self.clock.utcnow)
        self.port = 0
        self.lock = threading.RLock()
        self.pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="drydock-pool")
        self.last_call = time.monotonic()
        self.changes = 0
        """How many requests have changed something since this process began."""
        self.lot = Lot()
        self._unclean = ""  # why nothing can be deleted
        self._clients: dict[tuple[str, str, bool], Client] = {}
        self._helpers: dict[Callable[[Host], Any], Any] = {}
        self._instead: dict[Callable[[Host], Any], Callable[[Host], Any]] = {}
        self._helpers_lock = threading.RLock()
        self._ticks: dict[str, Callable[[], None]] = {}
        self._impatient: set[str] = set()
        self._hurry = False
        self._turned = -math.inf
        self._faults = Faults("the turn of", now=self.clock.elapsed)
        self._closers: list[Callable[[], None]] = []
        self._last_closers: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._closed = False
        self.every_tick("clock", kept.turn, patient=True)
        self.on_close(kept.close, last=True)
        self._server: Door | None = None
        self._threads: list[threading.Thread] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seed_in(self, region: str) -> str:
        """What ids of a region follow from that no request asked for."""
        return in_region(self.seed, region)

    def status(self) -> dict[str, Any]:
        """What it tells of itself."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "port": self.port,
            "pid": os.getpid(),
            "account": self.account,
            "speed": self.clock.speed,
            "profile": self.profile.name,
            "directory": str(self.directory),
        }

    # -- how services reach each other ----------------------------------------------------------

    def backend(self, service: str, region: str) -> Any:
        """moto's state of another service: for what its API does not tell, or a call would make too slow."""
        return seams.backend(service, region)

    def backend_so_far(self, service: str, region: str) -> Any | None:
        """The same; None where nobody has asked for it yet."""
        return seams.backend_so_far(service, region)

    def backends_so_far(self, service: str) -> list[Any]:
        """The same in every region that somebody has asked for."""
        return seams.backends_so_far(service)

    def client(self, service: str, region: str, *, derived: bool = False) -> Client:
        """Calls of a service that are answered in this process, locked and journalled like any other caller's.

        `derived`: they are not journalled, because whoever makes them makes them again after a restart.
        """
        key = (service, region, derived)
        if key not in self._clients:

            def call(environ: Environ) -> Answer:
                where = {"HTTP_HOST": f"127.0.0.1:{self.port}", "drydock.derived": derived}
                return self._answered({**environ, **where})

            self._clients.setdefault(key, Client(service, region, call))
        return self._clients[key]

    def _answered(self, environ: dict[str, Any]) -> Answer:
        deadline = math.inf
        while True:
            try:
                return self.front.call(environ)
            except Wait as wait:
                deadline = min(deadline, time.monotonic() + wait.seconds)
                self.lot.wait_here(wait)
                environ["drydock.patience"] = max(0.0, deadline - time.monotonic())
                environ["drydock.kept"] = wait.kept
                environ["wsgi.input"].seek(0)

    # -- helpers that start on first use --------------------------------------------------------

    @cached_property
    def data(self) -> Data:
        data = Data(self.directory / _DATA)
        self.every_tick("data", self._clean, patient=True)
        return data

    def open_data(self) -> None:
        """Open the data file, if there is one, before anybody needs it. Unusable."""
        if (self.directory / _DATA).exists():
            _ = self.data

    @property
    def has_data(self) -> bool:
        """Whether the data file is open."""
        return "data" in self.__dict__

    def settle_data(self, succeeded: bool) -> None:
        """Keep the data that a request wrote, or forget it. OSError if it cannot be kept."""
        if self.has_data:
            if succeeded:
                self.data.commit()
            else:
                self.data.rollback()

    def _clean(self) -> None:
        with self.lock:
            try:
                self.data.clean()
                self._unclean = ""
            except OSError as error:
                self.data.rollback()
                if str(error) != self._unclean:
                    log.error("old logs, metrics and messages cannot be deleted: %s", error)
                self._unclean = str(error)

    def helper(self, make: Callable[[Host], Made]) -> Made:
        """What `make` makes: the one of this host, made for who first asks."""
        with self._helpers_lock:
            if make not in self._helpers:
                self._helpers[make] = self._instead.get(make, make)(self)
            return cast(Made, self._helpers[make])

    def make_instead(self, make: Callable[[Host], Made], instead: Callable[[Host], Made]) -> None:
        """Let `helper(make)` be what `instead` makes."""
        self._instead[make] = instead

    def on_close(self, function: Callable[[], None], *, last: bool = False) -> None:
        """Call `function` at the end, in the order of registration; `last`: after what may still need it.

        Where the end has been, it is called at once: work that was under way may ask for a helper only then.
        """
        with self._helpers_lock:
            if not self._closed:
                return (self._last_closers if last else self._closers).append(function)
        function()

    # -- the loop -------------------------------------------------------------------------------

    def every_tick(self, name: str, function: Callable[[], None], *, patient: bool = False) -> None:
        """Call `function` on each turn of the loop. It must not block; if it fails, the others still run.

        `patient`: what time alone brings on can wait for a slow turn, unless it says `soon`.
        """
        self._ticks[name] = function
        self._impatient.discard(name)
        if not patient:
            self._impatient.add(name)

    def soon(self) -> None:
        """In a turn: let the next one not be a slow one."""
        self._hurry = True

    def poke(self) -> None:
        """Let the loop turn now; for who calls from outside, not more often than it turns by itself."""
        self._hurry = True
        if not self.front.is_called or time.monotonic() - self._turned >= TICK:
            self._wake.set()

    def let_others_in(self) -> None:
        """For a turn that has let go of the lock and wants it again: whoever waits for it is first."""
        time.sleep(_A_MOMENT)

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def step(self) -> None:
        """One turn of the loop."""
        self._hurry = bool(self._impatient)
        for name, function in list(self._ticks.items()):
            self._faults.attempt(name, function)

    def _loop(self) -> None:
        while not self._closing.is_set():
            if self._wake.wait(TICK) or (not self._hurry and self._wake.wait(SLOW_TICK - TICK)):
                self._closing.wait(GATHER)
            self._wake.clear()
            if not self._closing.is_set():
                self.step()
                self._turned = time.monotonic()

    # -- life -----------------------------------------------------------------------------------

    def serve(self, application: Application, port: int) -> int:
        """Listen on 127.0.0.1:`port` (0: any free one); returns the port. OSError if it is taken; CannotTell."""
        self._server = Door(("127.0.0.1", port), application, self.lot)
        self.port = self._server.address[1]
        return self.port

    def run(self, *, loop: bool = True) -> None:
        """Start to answer, and to turn the loop, in threads of their own."""
        assert self._server is not None
        work = [("http", self._server.serve)] + ([("engine", self._loop)] if loop else [])
        for name, target in work:
            thread = threading.Thread(target=target, name=f"drydock-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop answering, end every process, close the files. The state stays on disk."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        self.lot.close()
        if self._server is not None:
            self._server.stop()
        for thread in self._threads:
            thread.join(timeout=10)
        while function := self._next_closer():
            try:
                function()
            except Exception:
                log.exception("closing failed")
        self.pool.shutdown(wait=False, cancel_futures=True)
        with self.lock:
            if "data" in self.__dict__:
                self.data.close()
        seams.release()

    def _next_closer(self) -> Callable[[], None] | None:
        with self._helpers_lock:
            for closers in (self._closers, self._last_closers):
                if closers:
                    return closers.pop(0)
            self._closed = True
            return None
