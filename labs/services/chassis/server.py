"""An HTTP/1.1 server for containers: JSON in, JSON out, a log line per request, a clean stop.

On SIGTERM it stops accepting, closes connections that wait between requests, finishes the requests
it has begun and returns, so that the process exits 0 well before SIGKILL.
"""
from __future__ import annotations

import contextlib
import json
import queue
import signal
import socket
import socketserver
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from chassis.log import Log

if TYPE_CHECKING:
    from chassis.tracing import Span, Tracer

LARGEST_BODY = 64 * 1024
# Longer than a load balancer keeps an idle connection (60 s on an ALB): if we hung up first, a request
# already on its way would meet a closed connection and its caller a 502.
KEEP_ALIVE = 75.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    address: str  # our own, as the caller reached it
    span: Span | None = None  # of a trace, where spans are sent


@dataclass(frozen=True)
class Reply:
    """`body` is sent as JSON, or as HTML when it is text."""

    body: Mapping[str, Any] | str
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def error(cls, status: int, error: str, message: str) -> Reply:
        return cls({"error": error, "message": message}, status)


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() then waits for the requests that have begun
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Reply], log: Log,
                 tracer: Tracer | None = None) -> None:
        self.answer = answer
        self.log = log
        self.tracer = tracer
        self.draining = False
        self._waiting: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer looks up its own name here, which takes seconds where nothing answers.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def wait_for_request(self, handler: Handler) -> bool:
        """False when the caller has hung up, or when we drain and nothing has arrived."""
        connection = handler.connection
        with self._lock:
            self._waiting.add(connection)
            if self.draining:
                _stop_reading(connection)
        try:
            return bool(handler.rfile.peek(1))
        except OSError:
            return False
        finally:
            with self._lock:
                self._waiting.discard(connection)

    def drain(self) -> None:
        """Stop accepting, then return when every request that has begun is answered."""
        self.shutdown()
        with self._lock:
            self.draining = True
            for connection in self._waiting:
                _stop_reading(connection)
        self.server_close()


def _stop_reading(connection: socket.socket) -> None:
    """What has arrived can still be read; after it comes the end of the stream."""
    with contextlib.suppress(OSError):  # the caller hung up first
        connection.shutdown(socket.SHUT_RD)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "shop"
    sys_version = ""
    timeout = KEEP_ALIVE
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.close_connection = False
        while not self.close_connection and self.server.wait_for_request(self):
            self.handle_one_request()

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_DELETE = do_GET

    def _serve(self) -> None:
        began = time.perf_counter()
        url = urlsplit(self.path)
        try:
            body = self._read_body()
        except ValueError as error:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, explain=str(error))
            return
        address = self.connection.getsockname()[0]
        span = None
        if self.server.tracer is not None and url.path != "/health":  # its checks would drown what callers ask
            span = self.server.tracer.receive(self.command, url.path, self.headers, self.client_address[0])
        request = Request(self.command, url.path, dict(parse_qsl(url.query)), body, address, span)
        fields: dict[str, Any] = {"method": request.method, "path": request.path}
        try:
            reply = self.server.answer(request)
        except Exception:
            reply = Reply.error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error", "see this task's log")
            fields["traceback"] = traceback.format_exc()
        self._send(reply)
        if span is not None:
            span.end(reply.status)
        fields |= {"status": int(reply.status), "ms": round((time.perf_counter() - began) * 1000, 1)}
        if reply.status >= 500:
            self.server.log.error("request", **fields)
        elif request.path != "/health":
            self.server.log.info("request", **fields)

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            raise ValueError(f"send a Content-Length of at most {LARGEST_BODY} bytes")
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        is_text = isinstance(reply.body, str)
        body = (reply.body if is_text else json.dumps(reply.body) + "\n").encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if is_text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.server.draining or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        phrase = HTTPStatus(code).phrase
        self._send(Reply.error(code, phrase.lower(), explain or message or phrase))
        self.server.log.warning("refused", status=int(code), reason=explain or message or phrase)

    def log_message(self, format: str, *args: Any) -> None:
        """The server logs each request itself, as JSON."""


def run(answer: Callable[[Request], Reply], host: str, port: int, log: Log,
        ignore_sigterm: bool = False, tracer: Tracer | None = None) -> None:
    """Serve `answer` on host:port until SIGTERM or SIGINT, then drain."""
    server = Server((host, port), answer, log, tracer)
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # the one queue whose put() a handler may call
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: signals.put(number))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="accept").start()
    log.info("listening", address=host, port=server.server_port)
    while signals.get() == signal.SIGTERM and ignore_sigterm:
        log.warning("SIGTERM ignored, as IGNORE_SIGTERM asks")
    log.info("draining")
    server.drain()
    if tracer is not None:
        tracer.close()
    log.info("stopped")
