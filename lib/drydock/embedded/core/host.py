"""The running embedded AWS: one per process, shared by every adapter and by the engine."""

from __future__ import annotations

import importlib
import io
import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from drydock.embedded.core import seams
from drydock.embedded.core.app import App, environ_of, forbidden
from drydock.embedded.core.clock import Clock
from drydock.embedded.core.data import Data
from drydock.embedded.core.journal import UNREADABLE, Journal
from drydock.embedded.instance import REPLAYING
from drydock.user import private

if TYPE_CHECKING:
    from drydock.embedded.carriers.dns import Resolver
    from drydock.embedded.carriers.envoy import Envoy
    from drydock.embedded.carriers.runtime.base import Runtime
    from drydock.embedded.carriers.runtime.spawner import Spawner

log = logging.getLogger(__name__)

TICK = 0.05
_TOUCH_EVERY = 1.0
GATHER = 0.01
"""Between a wake-up and the turn: the call that caused it is answered, others that follow share the turn."""
_current: Host | None = None


def current() -> Host:
    """The Host of this process; raises RuntimeError where none runs."""
    if _current is None:
        raise RuntimeError("no embedded AWS runs in this process")
    return _current


class Host:
    """State directory, clock, lock, helpers and the loop that brings what is to what is desired.

    `port` 0 until `listen()`. `seed` makes ids and choices repeat from run to run; without one they
    differ, and the journal keeps them. `runtime` runs the containers of tasks, and is closed with this; processes
    of this machine where none is given.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "default",
        clock: Clock | None = None,
        seed: str | None = None,
        runtime: Runtime[Any] | None = None,
    ) -> None:
        global _current
        seams.prepare()
        self.name = name
        self.account = seams.ACCOUNT
        self.directory = directory
        private(directory)
        self.clock = clock or Clock()
        self.seed = self._settled_seed(seed)
        seams.base(self.seed)
        seams.tell_time(self.clock.utcnow)
        self.port = 0
        self.lock = threading.RLock()
        self.pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="drydock-pool")
        self.last_call = time.monotonic()
        self.app = App(self)
        self.journal = Journal(directory / "journal.jsonl")
        self.adapted: set[str] = set()
        self._given_runtime = runtime
        self._unclean = ""  # why nothing can be deleted
        seams.adapt_with(self.adapt)
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._session: Any = None
        self._clients_lock = threading.Lock()
        self._ticks: dict[str, Callable[[], None]] = {}
        self._closers: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._server: Any = None
        self._threads: list[threading.Thread] = []
        _current = self

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _settled_seed(self, seed: str | None) -> str:
        kept = self.directory / "seed"
        if not kept.exists():
            kept.write_text(seed or secrets.token_hex(8))
        return kept.read_text()

    # -- moto -----------------------------------------------------------------------------------

    def adapt(self, service: str) -> None:
        """Put right what moto lacks for `service`, once, before its first request."""
        if service in self.adapted:
            return
        self.adapted.add(service)
        if seams.has_adapter(service):
            importlib.import_module(f"drydock.embedded.services.{service}").install(self)

    def client(self, service: str, region: str, *, derived: bool = False) -> Any:
        """A boto3 client that is answered in this process, locked and journalled like any other caller.

        `derived`: its calls are not journalled, because whoever makes them makes them again after a restart.
        """
        with self._clients_lock:
            key = (service, region, derived)
            if key not in self._clients:
                self._clients[key] = self._make_client(*key)
            return self._clients[key]

    def _make_client(self, service: str, region: str, derived: bool) -> Any:
        import boto3
        from botocore.awsrequest import AWSResponse
        from botocore.config import Config

        def answer(request: Any, **_: Any) -> AWSResponse:
            url = urlsplit(request.url)
            body = request.body.read() if hasattr(request.body, "read") else request.body or b""
            body = body.encode() if isinstance(body, str) else body
            headers = {}
            for key, value in request.headers.items():
                text = value.decode() if isinstance(value, bytes) else str(value)
                name = key.upper().replace("-", "_")
                headers[name if name == "CONTENT_TYPE" else f"HTTP_{name}"] = text
            headers.setdefault("HTTP_HOST", url.netloc)
            environ = {
                **environ_of(request.method, url.path or "/", url.query, body, headers),
                "drydock.derived": derived,
            }
            status, out, content = self.app.call(environ)
            return AWSResponse(request.url, status, out, _Raw(content))

        if self._session is None:
            self._session = boto3.session.Session(aws_access_key_id="drydock", aws_secret_access_key="drydock")
        client = self._session.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-send", answer)
        return client

    # -- helpers that start on first use --------------------------------------------------------

    @cached_property
    def data(self) -> Data:
        data = Data(self.directory / "data.sqlite")
        self.every_tick("data", self._clean)
        return data

    def settle_data(self, succeeded: bool) -> None:
        """Keep the data that a request wrote, or forget it. OSError if it cannot be kept."""
        if "data" in self.__dict__:
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

    @cached_property
    def spawner(self) -> Spawner:
        from drydock.embedded.carriers.runtime.spawner import Spawner

        spawner = Spawner(self.directory / "spawner.log")
        spawner.start()
        return spawner

    @cached_property
    def runtime(self) -> Runtime[Any]:
        from drydock.embedded.carriers.runtime.process import ProcessRuntime

        runtime = self._given_runtime or ProcessRuntime(self.spawner, self.directory / "tasks")
        self.on_close(runtime.close)
        return runtime

    @cached_property
    def envoy(self) -> Envoy:
        from drydock.embedded.carriers.envoy import Envoy

        envoy = Envoy(self)
        self.on_close(envoy.close)
        return envoy

    @cached_property
    def resolver(self) -> Resolver:
        from drydock.embedded.carriers.dns import Resolver

        resolver = Resolver(self)
        self.on_close(resolver.close)
        return resolver

    def on_close(self, function: Callable[[], None]) -> None:
        """Call `function` at the end, in the order of registration, while child processes still live."""
        self._closers.append(function)

    # -- the loop -------------------------------------------------------------------------------

    def every_tick(self, name: str, function: Callable[[], None]) -> None:
        """Call `function` on each turn of the loop. It must not block; if it fails, the others still run."""
        self._ticks[name] = function

    def poke(self) -> None:
        """Let the loop turn now."""
        self._wake.set()

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def step(self) -> None:
        """One turn of the loop."""
        for name, function in list(self._ticks.items()):
            try:
                function()
            except Exception:
                log.exception("%s failed in the loop", name)

    def _loop(self) -> None:
        while not self._closing.is_set():
            if self._wake.wait(TICK):
                self._closing.wait(GATHER)
            self._wake.clear()
            if not self._closing.is_set():
                self.step()

    # -- life -----------------------------------------------------------------------------------

    def restore(self) -> int:
        """Replay the journal; returns how many requests there were.

        Meanwhile the file `replaying` tells whoever waits that it goes on.
        """
        sign = self.directory / REPLAYING
        touched = time.monotonic()
        entries, damaged = self.journal.recover()
        if damaged:
            log.error("%d unreadable lines of the journal were set aside, in %s", damaged, self.directory / UNREADABLE)
        for entry in entries:
            if time.monotonic() - touched > _TOUCH_EVERY:
                sign.touch()
                touched = time.monotonic()
            self.app.replay(entry)
        for service in sorted(self.adapted):
            if seams.has_adapter(service):
                restored = getattr(importlib.import_module(f"drydock.embedded.services.{service}"), "restored", None)
                if restored is not None:
                    sign.touch()
                    self._guarded(service, restored)
        self.settle_data(True)  # what the adapters put in order
        sign.unlink(missing_ok=True)
        return len(entries)

    def _guarded(self, service: str, restored: Callable[[Host], None]) -> None:
        try:
            restored(self)
        except Exception:
            log.exception("what %s keeps beside the journal could not be brought back; the rest is there", service)

    def listen(self, port: int = 0) -> int:
        """Serve on 127.0.0.1:`port` (0: any free one); returns the port. OSError if it is taken; CannotTell."""
        from drydock.embedded.core.door import Door

        self._server = Door(
            ("127.0.0.1", port),
            self.app,
            forbidden,
            numthreads=128,
            max=128,
            server_name="drydock",
            request_queue_size=256,
            shutdown_timeout=1,
        )
        self._server.prepare()
        self.port = int(self._server.bind_addr[1])
        return self.port

    def run(self, *, loop: bool = True) -> None:
        """Start to answer, and to turn the loop, in threads of their own."""
        work = [("http", self._server.serve)] + ([("engine", self._loop)] if loop else [])
        for name, target in work:
            thread = threading.Thread(target=target, name=f"drydock-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop answering, end every process, close the files. The state stays on disk."""
        global _current
        self._closing.set()
        self._wake.set()
        if self._server is not None:
            self._server.stop()
        for thread in self._threads:
            thread.join(timeout=10)
        for function in self._closers:
            try:
                function()
            except Exception:
                log.exception("closing failed")
        if "spawner" in self.__dict__:
            self.spawner.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.journal.close()
        with self.lock:
            if "data" in self.__dict__:
                self.data.close()
        self._forget()
        if _current is self:
            _current = None

    @staticmethod
    def _forget() -> None:
        from moto.core.base_backend import BackendDict

        BackendDict.reset()


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()
