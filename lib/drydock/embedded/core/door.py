"""The HTTP server of the one port. It reads requests of those who may call only."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from typing import Any

from cheroot.server import HTTPConnection
from cheroot.wsgi import Server

from drydock.embedded.core import peers

_HEAD = 1 << 16  # bytes of a refused request that are looked at
_PATIENCE = 10.0  # seconds that its sender has to read the answer

Refuse = Callable[[dict[str, Any], str], tuple[int, dict[str, str], bytes]]
"""(WSGI environ without a body, why) → (status, headers, body)"""


class Door(Server):
    """Serves a WSGI application on a loopback address; `refuse` words what a stranger is told.

    Whoever may call is asked about once a connection. A stranger holds no thread: one sees what it has sent by now,
    answers, and leaves it until it sends more or goes. CannotTell where there is no telling.
    """

    def __init__(self, address: tuple[str, int], application: Any, refuse: Refuse, **options: Any) -> None:
        peers.guard()
        super().__init__(address, application, **options)
        self.refuse = refuse
        self.ConnectionClass = _Connection


class _Connection(HTTPConnection):
    server: Door
    _objection: str | None = None
    _answered = False

    def communicate(self) -> bool:
        """Serve one request; whether the connection is to be kept."""
        if self._objection is None:
            self._objection = peers.stranger(self.socket)
            if self._objection:
                self.socket.setblocking(False)
                self._until = time.monotonic() + _PATIENCE
        if self._objection:
            return self._turn_away(self._objection)
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def _turn_away(self, why: str) -> bool:
        try:
            said = self.socket.recv(_HEAD)
            if said and not self._answered:
                self._answered = True
                environ = _environ(said)
                self.socket.sendall(_written(*self.server.refuse(environ, why), environ["REQUEST_METHOD"] != "HEAD"))
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return time.monotonic() < self._until
        except OSError:
            return False
        return bool(said) and time.monotonic() < self._until


def _environ(head: bytes) -> dict[str, Any]:
    """What a request says of itself, as far as it has come."""
    line, _, rest = head.partition(b"\r\n")
    method, _, target = line.decode("latin-1").partition(" ")
    environ = {"REQUEST_METHOD": method, "PATH_INFO": target.partition(" ")[0].partition("?")[0]}
    with contextlib.suppress(HTTPException):
        for name, value in parse_headers(io.BytesIO(rest)).items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def _written(status: int, headers: dict[str, str], body: bytes, with_body: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]).encode("latin-1")
    return head + body if with_body else head
