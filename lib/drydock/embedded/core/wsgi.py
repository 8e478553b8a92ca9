"""Requests and answers as WSGI has them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

Environ = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
"""(status, headers, body)"""


_SLASH = re.compile("%2F", re.IGNORECASE)


def decoded(path: str) -> str:
    """PATH_INFO of a path as it is sent: a slash that is written as %2F is in a key, and stays so."""
    return "%2F".join(unquote_to_bytes(part).decode("latin-1") for part in _SLASH.split(path))


def environ_of(method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> Environ:
    """A WSGI environ for a call from inside the process; `path` as it is sent, `headers` in CGI spelling."""
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": decoded(path),
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


def headers_of(environ: Environ) -> dict[str, str]:
    """The headers of a request by the names that they have in HTTP."""
    return {
        _header(key): value
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    }


@cache
def _header(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()


def json_answer(status: int, body: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body, default=str).encode()


def send(answer: Answer, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Give the server an answer; to HEAD without its body, whose length is said."""
    status, headers, body = answer
    reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    sized = {k: v for k, v in headers.items() if k.lower() == "content-length"}
    headers = {k: v for k, v in headers.items() if k not in sized}
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    length = next(iter(sized.values())) if is_head and sized else str(len(body))
    start_response(f"{status} {reason}", [*headers.items(), ("Content-Length", length)])
    return [] if is_head else [body]
