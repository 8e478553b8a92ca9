"""The one port: every AWS call, the registry and the tasks' own endpoints, as a WSGI application."""

from __future__ import annotations

import io
import logging
import re
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from drydock.embedded import seams
from drydock.embedded.journal import Entry, changes_something

if TYPE_CHECKING:
    from drydock.embedded.host import Host

log = logging.getLogger(__name__)

_KEPT_HEADERS = ("HTTP_AUTHORIZATION", "HTTP_X_AMZ_TARGET", "HTTP_USER_AGENT", "HTTP_HOST", "CONTENT_TYPE",
                 "HTTP_SMITHY_PROTOCOL", "HTTP_X_AMZN_QUERY_MODE")  # fmt: skip
_SECRET = re.compile(r"(?<=Signature=)[0-9a-f]+|x-amz-security-token[^,;]*;?")
_RPC_PATH = re.compile(r"^/service/[^/]+/operation/(\w+)$")

Answer = tuple[int, dict[str, str], bytes]


class App:
    """Routes a request to the registry, to the tasks' endpoints, or to the service it is signed for."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._here = threading.local()
        self._seen: dict[str, int] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if not path.startswith("/_drydock/"):
            self.host.last_call = time.monotonic()
        if path == "/v2" or path.startswith("/v2/"):
            with self.host.lock:
                self.host.adapt("ecr")
            from drydock.embedded.ecr import registry

            return registry.app(environ, start_response)
        if path.startswith("/_drydock/"):
            from drydock.embedded import inside

            status, headers, body = inside.answer(self.host, environ)
        else:
            status, headers, body = self.call(environ)
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
        headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
        start_response(f"{status} {reason}", [*headers.items(), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def call(self, environ: dict[str, Any]) -> Answer:
        """Answer one AWS call, and note it in the journal if it changed something."""
        body = _read_body(environ)
        with self.host.lock:
            service = self._service(environ, body)
            if service is None:
                message = "The request is not signed for a service that the embedded AWS knows."
                return seams.error_response("sts", 400, "UnknownService", message)
            operation = _operation(environ, body)
            key = seams.fingerprint(service, operation, body)
            seed = f"{self.host.seed}:{key}:{self._seen.get(key, 0)}"
            at = time.time()
            answer = self._answer(service, operation, environ, body, seed)
            nested = getattr(self._here, "depth", 0) > 0
            if not nested and answer[0] < 400 and changes_something(operation, environ["REQUEST_METHOD"], answer[2]):
                self._seen[key] = self._seen.get(key, 0) + 1
                self.host.journal.append(_entry(service, operation, environ, body, seed, at))
                self.host.poke()
            return answer

    def reseed(self) -> None:
        """Begin the ids of this thread's request anew, after others had the lock in between."""
        seams.reseed(self._here.seed)

    def replay(self, entry: Entry) -> None:
        """Do again what was done before, at the time and with the ids of the first time."""
        body = entry.body.encode("latin-1")
        environ = environ_of(entry.method, entry.path, entry.query, body, entry.headers)
        key = entry.seed.split(":")[1]
        self._seen[key] = self._seen.get(key, 0) + 1
        with self.host.lock, seams.frozen_at(entry.at):
            status, _, text = self._answer(entry.service, entry.operation, environ, body, entry.seed)
        if status >= 400:
            log.error("replay of %s.%s answered %s: %s", entry.service, entry.operation, status, text[:300])

    def _service(self, environ: dict[str, Any], body: bytes) -> str | None:
        dispatcher = seams.dispatcher()
        environ["wsgi.input"] = io.BytesIO(body)
        host = dispatcher.infer_service_region_host(environ, environ.get("PATH_INFO", ""))
        return seams.service_for(host) if host else None

    def _answer(self, service: str, operation: str, environ: dict[str, Any], body: bytes, seed: str) -> Answer:
        depth = getattr(self._here, "depth", 0)
        self._here.depth = depth + 1
        try:
            self.host.adapt(service)
            if depth == 0:
                self._here.seed = seed
                seams.reseed(seed)
            environ["wsgi.input"] = io.BytesIO(body)
            status, headers, content = self._dispatch(service, environ)
            if status >= 400 and "html" in headers.get("Content-Type", ""):
                raise NotImplementedError
            return status, headers, content
        except NotImplementedError:
            wanted = operation or seams.rest_operation(service, environ)
            message = f"The embedded AWS does not have {service}:{wanted}."
            return seams.error_response(service, 501, "NotImplemented", message)
        except Exception as error:
            log.exception("%s.%s failed", service, operation)
            message = f"{service}:{operation}: {type(error).__name__}: {error}"
            return seams.error_response(service, 500, "InternalFailure", message)
        finally:
            self._here.depth = depth

    def _dispatch(self, service: str, environ: dict[str, Any]) -> Answer:
        from moto.moto_server.werkzeug_app import BackendRequest

        door = seams.front_door(service) if environ.get("PATH_INFO", "/") in ("", "/") else None
        if door is None:
            return self._through_flask(environ)
        request = BackendRequest(environ)
        result = door(request, request.raw_url, dict(request.headers))
        status, headers, content = result if len(result) == 3 else (200, {}, result)
        text = content.encode() if isinstance(content, str) else content
        return int(headers.pop("status", status)), {k: str(v) for k, v in headers.items()}, text

    @staticmethod
    def _through_flask(environ: dict[str, Any]) -> Answer:
        caught: list[Any] = []
        app = seams.dispatcher().get_application(environ)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        chunks = app(environ, lambda status, headers, exc_info=None: caught.append((status, headers)))
        body = b"".join(chunks)
        status, headers = caught[-1]
        return int(status.split()[0]), dict(headers), body


def environ_of(method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """A WSGI environ for a call from inside the process; `headers` in CGI spelling."""
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "RAW_URI": path + (f"?{query}" if query else ""),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "4566",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SCRIPT_NAME": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **headers,
    }


def _read_body(environ: dict[str, Any]) -> bytes:
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _operation(environ: dict[str, Any], body: bytes) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rsplit(".", 1)[-1]
    rpc = _RPC_PATH.match(environ.get("PATH_INFO", ""))
    if rpc:
        return rpc[1]
    for text in (body if b"Action=" in body else b"", environ.get("QUERY_STRING", "").encode()):
        action = parse_qs(text.decode("latin-1")).get("Action")
        if action:
            return action[0]
    return ""


def _entry(service: str, operation: str, environ: dict[str, Any], body: bytes, seed: str, at: float) -> Entry:
    headers = {name: environ[name] for name in _KEPT_HEADERS if name in environ}
    if "HTTP_AUTHORIZATION" in headers:
        headers["HTTP_AUTHORIZATION"] = _SECRET.sub("", headers["HTTP_AUTHORIZATION"])
    return Entry(
        service=service,
        operation=operation,
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "/"),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        body=body.decode("latin-1"),
        seed=seed,
        at=at,
    )
