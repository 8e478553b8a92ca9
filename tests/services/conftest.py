from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import eventually

SERVICES = Path(__file__).resolve().parents[2] / "labs" / "services"
PATIENCE = 20.0
addresses = (f"127.77.{os.getpid() % 250}.{last}" for last in itertools.cycle(range(1, 255)))


class Service:
    """One service as a process of its own, on an address of its own, its output kept line by line."""

    def __init__(self, name: str, environ: dict[str, str], address: str | None, folder: Path | None) -> None:
        self.folder = folder or SERVICES / name
        self.address = address or next(addresses)
        self.port = int(environ.get("PORT", 8080))
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOST": self.address,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.folder / "vendor"),
        } | environ
        self.process = subprocess.Popen(
            [sys.executable, f"{name}.py"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def said(self, message: str) -> dict[str, Any]:
        """The first log line with this message, waited for."""

        def find() -> dict[str, Any] | None:
            found = next((entry for entry in self.logs if entry["message"] == message), None)
            assert found or self.process.poll() is None, f"exited without {message!r}: {self.output}"
            return found

        return eventually(find, f"{message!r} in the log of {self.folder.name}: {self.output}")

    def get(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(text) if is_json and text else text

    def healthcheck(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "healthcheck.py"],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.exit_code()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.exit_code()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture(scope="session", autouse=True)
def vendored() -> None:
    subprocess.run([sys.executable, SERVICES / "vendor.py"], check=True)


@pytest.fixture
def launch() -> Iterator[Callable[..., Service]]:
    """launch("backend", ERROR_RATE="1") starts a service; all are ended after the test."""
    running: list[Service] = []

    def start(name: str, address: str | None = None, folder: Path | None = None, **environ: str) -> Service:
        running.append(Service(name, environ, address, folder))
        return running[-1]

    yield start
    for service in running:
        service.close()


@pytest.fixture
def serve(launch: Callable[..., Service]) -> Callable[..., Service]:
    """As launch, and listening."""

    def start(name: str, address: str | None = None, folder: Path | None = None, **environ: str) -> Service:
        service = launch(name, address, folder, **environ)
        service.said("listening")
        return service

    return start


@pytest.fixture
def metadata() -> Iterator[Callable[[dict[str, Any]], tuple[str, list[str]]]]:
    """metadata({"/path": {...}}) serves JSON on loopback; gives its URL and the Authorization headers."""
    servers: list[ThreadingHTTPServer] = []

    def start(answers: dict[str, Any]) -> tuple[str, list[str]]:
        tokens: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                tokens.append(self.headers.get("Authorization", ""))
                body = json.dumps(answers.get(self.path, {})).encode()
                self.send_response(200 if self.path in answers else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return f"http://127.0.0.1:{server.server_port}", tokens

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
