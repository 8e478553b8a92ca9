"""The HTTP server of the one port, in which nobody holds up the others.

One thread, the porter, accepts connections and reads what comes, without waiting for anybody; h11 makes requests of it.
A worker gets a request once it is whole, and what a client does not take of its answer is left to the porter. Transfers
of the registry are too large to be held: they have threads of their own, which wait for their clients. A request that
waits for something to happen (`waiting`) has none. Each of these is bounded, by the numbers below.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import math
import re
import resource
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from email.utils import formatdate
from functools import lru_cache, partial
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from typing import Any, Protocol

import h11

from drydock.embedded.core import peers
from drydock.embedded.core.waiting import Lot, Wait
from drydock.embedded.core.wsgi import Answer, Environ, decoded

log = logging.getLogger(__name__)

CONNECTIONS = 4096
HEAD = 1 << 16  # bytes of a request's line and headers
BODY = 64 << 20  # bytes of a body, but for the registry's
BODIES = 256 << 20  # bytes of all bodies that are under way
WORKERS = 32
TRANSFERS = 16
IDLE = 60.0  # seconds that a connection may stay unused
SURELY_IDLE = 1.0  # seconds after which nothing is on its way any more, so that it may go for another
ARRIVAL = 30.0  # seconds in which a request has to be whole
PATIENCE = 10.0  # seconds in which a client has to take some of an answer, or a transfer to come on by `PACE`
PACE = 1 << 16
_PIECE = 1 << 16
_BACKLOG = 1024
_LAST_ANSWERS = 1.0  # seconds that workers have at the end
_WITHOUT_BODY = (204, 304)
_EMPTY_LINES = b"\r\n"
_ORIGIN = re.compile("^https?://[^/?]*", re.IGNORECASE)


class Application(Protocol):
    """A WSGI application, and what it has to say of requests that it does not see."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """The answer; Wait, if it is to be asked again."""
        ...

    def unheard(self, environ: Environ, status: int, why: str) -> Answer:
        """The refusal of a request, of which `environ` holds what has come of its head."""
        ...

    def streams(self, environ: Environ) -> bool:
        """Whether the body of a request, of which `environ` holds the head, is too large to be held."""
        ...


class Door:
    """Serves an application at a loopback address.

    Whoever may call is asked about once a connection. CannotTell where there is no telling, OSError if the address is
    taken.
    """

    def __init__(self, address: tuple[str, int], application: Application, lot: Lot) -> None:
        peers.guard()
        self.application = application
        self.lot = lot
        self._listener = socket.create_server(address, backlog=_BACKLOG)
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._bell, self._ring = socket.socketpair()
        self._bell.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selecting = threading.Lock()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._accepting = True
        self._most = min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._open: dict[_Connection, None] = {}
        self._held = 0
        self._counting = threading.Lock()
        self._workers = ThreadPoolExecutor(WORKERS, "drydock-http")
        self._transfers = ThreadPoolExecutor(TRANSFERS, "drydock-transfer")
        self._running: set[Future[None]] = set()
        self._stopping = False
        self._ended = threading.Event()
        self._ended.set()

    # -- the porter -----------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer until `stop()`."""
        self._ended.clear()
        look = time.monotonic()
        while not self._stopping:
            for key, _ in self._selector.select(1.0):
                if key.data is not None:
                    self._go_on(key.data)
                elif key.fileobj is self._listener:
                    self._accept()
            if time.monotonic() > look + 1.0:
                look = time.monotonic()
                self._expire(look)
        self._ended.set()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                log.error("no connection can be accepted: %s", error)
                self._accepting = False
                self._selector.unregister(self._listener)
                return
            if len(self._open) >= self._most:
                self._make_room()
            connection = _Connection(self, accepted)
            self._open[connection] = None
            if len(self._open) > self._most:
                self._safely(connection, connection.not_one_more)
            else:
                self.watch(connection)

    def _make_room(self) -> None:
        """Close the connection that has been idle for longest."""
        idle = min((c for c in list(self._open) if c.idle), key=lambda c: c.since, default=None)
        if idle is not None and idle.since <= time.monotonic() - SURELY_IDLE:
            self._let_go(idle)

    def _go_on(self, connection: _Connection) -> None:
        self.unwatch(connection)
        self._safely(connection, connection.ready)

    def _expire(self, now: float) -> None:
        for connection in list(self._open):
            if connection.until < now and connection.watched:
                self.unwatch(connection)
                self._safely(connection, connection.too_late)
        if not self._accepting:
            self._accepting = True
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _let_go(self, connection: _Connection) -> None:
        self.unwatch(connection)
        connection.close()

    # -- what connections ask of it -------------------------------------------------------------

    def watch(self, connection: _Connection, event: int = selectors.EVENT_READ) -> None:
        """Call `connection.ready()` in the porter when it can be read from, or written to."""
        with self._selecting:
            if not self._stopping:
                connection.watched = True
                self._selector.register(connection.socket, event, connection)

    def unwatch(self, connection: _Connection) -> None:
        with self._selecting:
            connection.watched = False
            self._selector.unregister(connection.socket)

    def work(self, connection: _Connection, function: Callable[[], None]) -> None:
        """Call `function` in a worker."""
        self._submit(self._workers, connection, function)

    def transfer(self, connection: _Connection, function: Callable[[], None]) -> None:
        """Call `function` in a thread that may wait for its client."""
        self._submit(self._transfers, connection, function)

    def _submit(self, pool: ThreadPoolExecutor, connection: _Connection, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # it is the end
            future = pool.submit(self._safely, connection, function)
            self._running.add(future)
            future.add_done_callback(self._running.discard)

    @staticmethod
    def _safely(connection: _Connection, function: Callable[[], None]) -> None:
        try:
            function()
        except (OSError, h11.RemoteProtocolError) as error:
            log.debug("a connection ended: %s", error)
            connection.close()
        except Exception:
            log.exception("a request could not be answered")
            connection.close()

    def hold(self, amount: int) -> bool:
        """Whether so many more bytes of bodies can be held; then they are, until they are given back (< 0)."""
        with self._counting:
            if amount > 0 and self._held + amount > BODIES:
                return False
            self._held += amount
            return True

    def forget(self, connection: _Connection) -> None:
        self._open.pop(connection, None)

    # -- the end --------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop answering, and close every connection."""
        with self._selecting:
            if self._stopping:
                return
            self._stopping = True
        self._ring.send(b"!")
        self._ended.wait()
        for pool in (self._workers, self._transfers):
            pool.shutdown(wait=False, cancel_futures=True)
        wait(list(self._running), _LAST_ANSWERS)
        for connection in list(self._open):
            connection.close()
        self._selector.close()
        for each in (self._listener, self._bell, self._ring):
            each.close()


class _Connection:
    """One connection: what has come of a request, and what is left of an answer."""

    def __init__(self, door: Door, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = accepted
        self.since = time.monotonic()
        self.until = self.since + ARRIVAL
        self.watched = False
        self._door = door
        self._http = _http()
        self._known = self._refused = self._begun = self._looked = False
        self._first = b""
        self._head: Environ | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._unsent = memoryview(b"")
        self._deadline: float | None = None
        self._kept: object = None

    @property
    def idle(self) -> bool:
        """Whether it waits for a request of which nothing has come."""
        return self.watched and not (self._begun or self._refused or self._unsent)

    # -- in the porter --------------------------------------------------------------------------

    def ready(self) -> None:
        """Go on with what it was watched for."""
        if self._unsent:
            return self._send_rest()
        try:
            data = self.socket.recv(_PIECE)
        except BlockingIOError:
            return self._door.watch(self)
        if self._refused:
            return self._door.watch(self) if data else self.close()
        if data and not self._known:
            self._known = True
            if why := peers.stranger(self.socket):
                return self.turn_away(403, why, _as_far_as_it_came(data))
        if data and not self._begun:
            data = data.lstrip(_EMPTY_LINES)
            if not data:
                return self._door.watch(self)
            self._begun, self._first = True, data
            self.until = time.monotonic() + ARRIVAL
        self._http.receive_data(data)
        self._proceed()

    def _proceed(self) -> None:
        """Take what has come of the next request."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._http.their_state is h11.ERROR and self._hung_up():
                    return self.close()
                return self.turn_away(error.error_status_hint, f"This is no HTTP request: {error}.")
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self.socket.send(self._continue())
                elif self._head is not None and self._take_what_followed():
                    continue
                return self._door.watch(self)
            if isinstance(event, h11.Request):
                self._begun = True
                self._head, self._first = self._environ(event), b""
                if _size(event) > HEAD:
                    return self.turn_away(431, f"The line and the headers of a request have at most {HEAD >> 10} KiB.")
                if self._door.application.streams(self._head):
                    return self._door.transfer(self, self._transfer)
                if _length(event) > BODY:
                    return self._too_large()
            elif isinstance(event, h11.Data):
                if self._size + len(event.data) > BODY:
                    return self._too_large()
                if not self._door.hold(len(event.data)):
                    return self.turn_away(503, f"The bodies of all requests under way are {BODIES >> 20} MiB already.")
                self._size += len(event.data)
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.until = math.inf
                return self._door.work(self, self._answer)
            else:
                return self.close()

    def _take_what_followed(self) -> bool:
        """Whether more has come while the head was read: many clients send a body right after it. Asked but once."""
        if self._looked:
            return False
        self._looked = True
        try:
            self._http.receive_data(self.socket.recv(_PIECE))
        except BlockingIOError:
            return False
        return True

    def _hung_up(self) -> bool:
        return self._http.trailing_data[1]

    def _too_large(self) -> None:
        self.turn_away(413, f"The body of a request has at most {BODY >> 20} MiB.")

    def _continue(self) -> bytes:
        return self._written(h11.InformationalResponse(status_code=100, headers=[]))

    def too_late(self) -> None:
        if self._begun and not (self._refused or self._unsent):
            self.turn_away(408, f"A request has to be whole in {ARRIVAL:.0f} s.")
        else:
            self.close()

    def not_one_more(self) -> None:
        self.turn_away(503, "As many connections are open as may be.")

    def turn_away(self, status: int, why: str, environ: Environ | None = None) -> None:
        """Answer without asking the application, and read on only so that the client gets to read that."""
        environ = environ or self._head or _as_far_as_it_came(self._first)
        self._refused = True
        self._give_back()
        self.until = time.monotonic() + PATIENCE
        with contextlib.suppress(BlockingIOError):
            answer = self._door.application.unheard(environ, status, why)
            self.socket.send(_written(answer, environ["REQUEST_METHOD"] != "HEAD"))
        self.socket.shutdown(socket.SHUT_WR)
        self._door.watch(self)

    # -- in a worker ----------------------------------------------------------------------------

    def _answer(self) -> None:
        body = io.BytesIO(b"".join(self._body))
        environ = {**(self._head or {}), "wsgi.input": body, "CONTENT_LENGTH": str(self._size)}
        if self._deadline is not None:
            environ["drydock.patience"] = max(0.0, self._deadline - time.monotonic())
            environ["drydock.kept"] = self._kept
        try:
            status, headers, chunks = self._ask(environ)
        except Wait as wait:
            self._deadline, self._kept = time.monotonic() + wait.seconds, wait.kept
            again = partial(self._door.work, self, partial(self._again, wait.key))
            return self._door.lot.wait(wait, again)
        except Exception:
            log.exception("a request could not be answered")
            return self.turn_away(500, "The embedded AWS has failed; its log, daemon.log, says where.")
        self._unsent = memoryview(b"".join(self._said(status, headers, chunks)))
        self._give_back()
        self._send_rest()

    def _again(self, key: str) -> None:
        """Do once more what had to wait; unless its client has gone, which leaves its turn to the next."""
        with contextlib.suppress(BlockingIOError):
            if not self.socket.recv(1, socket.MSG_PEEK):
                self.close()
                return self._door.lot.notify(key)
        self._answer()

    def _send_rest(self) -> None:
        """Send what the client takes now; the porter does the rest when it takes more."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
                self.until = time.monotonic() + PATIENCE
        except BlockingIOError:
            self.until = time.monotonic() + PATIENCE
            return self._door.watch(self, selectors.EVENT_WRITE)
        self._next()

    def _next(self) -> None:
        """The answer has been sent: begin with the next request, or end."""
        if not (self._http.our_state is h11.DONE and self._http.their_state is h11.DONE):
            return self.close()
        self._next_cycle()
        self._first = self._http.trailing_data[0]
        self._head, self._deadline, self._kept, self._begun = None, None, None, bool(self._first)
        self._looked = False
        self._unsent = memoryview(b"")
        self.since = time.monotonic()
        self.until = self.since + (ARRIVAL if self._begun else IDLE)
        self._proceed()

    def _next_cycle(self) -> None:
        """Begin with the next request, which may follow empty lines (RFC 9112, 2.2)."""
        rest, ended = self._http.trailing_data
        if not rest.startswith((b"\r", b"\n")):
            return self._http.start_next_cycle()
        self._http = _http()
        for data in [each for each in (rest.lstrip(_EMPTY_LINES),) if each] + [b""] * ended:
            self._http.receive_data(data)

    # -- in a thread for transfers --------------------------------------------------------------

    def _transfer(self) -> None:
        """Both ways as it comes, as long as it comes on."""
        self.until = math.inf
        self.socket.settimeout(PATIENCE)
        pace = _Pace()
        incoming = _Incoming(self._incoming(pace))
        status, headers, chunks = self._ask({**(self._head or {}), "wsgi.input": incoming})
        try:
            for data in self._said(status, headers, chunks):
                self._send_all(data, pace)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        if self._http.their_state is h11.SEND_BODY:
            self._http.next_event()  # the end, if all was read
        self.socket.setblocking(False)
        self._next()

    def _send_all(self, data: bytes, pace: _Pace) -> None:
        rest = memoryview(data)
        while rest:
            with pace:
                sent = self.socket.send(rest)
            pace.came_on(sent)
            rest = rest[sent:]

    def _incoming(self, pace: _Pace) -> Iterator[bytes]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._hung_up():
                    return
                raise ValueError(str(error)) from error
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif event is not h11.NEED_DATA:
                return
            else:
                if self._http.they_are_waiting_for_100_continue:
                    self._send_all(self._continue(), pace)
                with pace:
                    data = self.socket.recv(_PIECE)
                pace.came_on(len(data))
                self._http.receive_data(data)

    # -- HTTP and WSGI --------------------------------------------------------------------------

    def _ask(self, environ: Environ) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
        said: list[Any] = []
        chunks = self._door.application(environ, lambda status, headers, exc_info=None: said.append((status, headers)))
        status, headers = said[-1]
        return status, headers, chunks

    def _said(self, status: str, headers: list[tuple[str, str]], chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The bytes of an answer."""
        code, _, reason = status.partition(" ")
        given = [(name.encode("latin-1"), value.strip().encode("latin-1", "replace")) for name, value in headers]
        if not any(name.lower() == b"date" for name, _ in given):
            given.append((b"Date", formatdate(usegmt=True).encode()))
        yield self._written(h11.Response(status_code=int(code), headers=given, reason=reason.encode("latin-1")))
        if int(code) not in _WITHOUT_BODY:
            for chunk in chunks:
                yield self._written(h11.Data(data=chunk))
        yield self._written(h11.EndOfMessage())

    def _written(self, event: Any) -> bytes:
        return self._http.send(event) or b""

    def _environ(self, request: h11.Request) -> Environ:
        target = _ORIGIN.sub("", request.target.decode("latin-1"))
        path, _, query = target.partition("?")
        path = path if path.startswith("/") else f"/{path}"
        environ: Environ = {
            "REQUEST_METHOD": request.method.decode("latin-1"),
            "PATH_INFO": decoded(path),
            "QUERY_STRING": query,
            "RAW_URI": path + (f"?{query}" if query else ""),
            "SCRIPT_NAME": "",
            "SERVER_NAME": "drydock",
            "SERVER_PORT": str(self._door.address[1]),
            "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multiprocess": False,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
        }
        for name, value in request.headers.raw_items():
            _add_header(environ, name.decode("latin-1"), value.decode("latin-1"))
        return environ

    def _give_back(self) -> None:
        self._door.hold(-self._size)
        self._size = 0
        self._body = []

    def close(self) -> None:
        self._give_back()
        self._door.forget(self)
        self.socket.close()


class _Incoming:
    """`wsgi.input` of a body that is still coming."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end, and where it ends before its time."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


class _Pace:
    """`with pace:` times what waits for the client of a transfer."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._amount = 0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._waited += time.monotonic() - self._began

    def came_on(self, amount: int) -> None:
        """TimeoutError where it is waited for too long, for too little."""
        self._amount += amount
        if self._amount >= PACE:
            self._waited, self._amount = 0.0, 0
        elif self._waited > PATIENCE:
            raise TimeoutError(f"a transfer came on by {self._amount} bytes in {PATIENCE:.0f} s")


def _http() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)


def _size(request: h11.Request) -> int:
    """Bytes of its line and its headers."""
    around_line, around_header = len(b"  HTTP/1.1\r\n"), len(b": \r\n")
    line = len(request.method) + len(request.target) + around_line
    return line + sum(len(name) + len(value) + around_header for name, value in request.headers.raw_items())


def _length(request: h11.Request) -> int:
    """Bytes of its body, as far as it says so."""
    items = request.headers.raw_items()
    return next((int(value) for name, value in items if name.lower() == b"content-length"), 0)


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    """What CGI calls a header."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _add_header(environ: Environ, name: str, value: str) -> None:
    key = _key(name)
    environ[key] = f"{environ[key]}, {value}" if key in environ else value


def _as_far_as_it_came(head: bytes) -> Environ:
    """What a request says of itself, as far as it has come."""
    line, _, rest = head.partition(b"\r\n")
    method, _, target = line.decode("latin-1").partition(" ")
    environ = {"REQUEST_METHOD": method, "PATH_INFO": target.partition(" ")[0].partition("?")[0]}
    with contextlib.suppress(HTTPException):
        for name, value in parse_headers(io.BytesIO(rest)).items():
            _add_header(environ, name, value)
    return environ


def _written(answer: Answer, with_body: bool) -> bytes:
    status, headers, body = answer
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]).encode("latin-1")
    return head + body if with_body else head
