from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chassis import Invalid

if TYPE_CHECKING:
    from chassis.tracing import Span


@dataclass(frozen=True)
class Answer:
    """One call: either who answered (a task id, or an address outside ECS) or why nobody did."""

    who: str | None = None
    failure: str | None = None


class Names:
    """Addresses of one name, kept for `ttl` seconds: what a client's cache does to discovery.

    A client that keeps them longer than the record's TTL goes on calling tasks that have left DNS.
    """

    def __init__(self, host: str, port: int, ttl: float) -> None:
        self.host = host
        self.port = port
        self.ttl = ttl
        self._addresses: list[str] = []
        self._resolved = 0.0
        self._lock = threading.Lock()

    def pick(self) -> str:
        """One of the addresses, at random: the C library sorts them, so the first would get all calls.

        Raises OSError when the name does not resolve.
        """
        with self._lock:
            if not self._addresses or time.monotonic() - self._resolved >= self.ttl:
                self._addresses = []
                found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
                self._addresses = sorted({str(address[0]) for *_, address in found})
                self._resolved = time.monotonic()
            return random.choice(self._addresses)

    def state(self) -> dict[str, Any]:
        with self._lock:
            age = round(time.monotonic() - self._resolved, 1) if self._addresses else None
            return {"name": self.host, "addresses": self._addresses, "age_seconds": age,
                    "ttl_seconds": self.ttl}


class Backends:
    """The tasks behind BACKEND_URL. Raises Invalid when it is not a plain http URL."""

    def __init__(self, url: str, ttl: float, timeout: float) -> None:
        parts = urlsplit(url)
        try:
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            host = None
        if parts.scheme != "http" or not host or parts.query or parts.fragment:
            raise Invalid(f"BACKEND_URL must be like http://backend.shop.internal:8080, not {url!r}")
        self.url = url
        self.path = parts.path or "/"
        self.authority = parts.netloc
        self.timeout = timeout
        self.names = Names(host, port, ttl)

    def call(self, caller: Span | None = None) -> Answer:
        """Ask one task who it is. No retry: what fails here is what the lab wants to see."""
        span = None if caller is None else caller.child(
            "GET", http__request__method="GET", url__full=self.url, server__address=self.names.host,
            server__port=self.names.port)
        try:
            address = self.names.pick()
        except OSError as error:
            if span is not None:
                span.end(error="does not resolve")
            return Answer(failure=f"{self.names.host} does not resolve ({error.strerror or error})")
        connection = http.client.HTTPConnection(address, self.names.port, timeout=self.timeout)
        headers = {"Host": self.authority, "Connection": "close", **(span.headers() if span is not None else {})}
        try:
            connection.request("GET", self.path, headers=headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else error
            if span is not None:
                span.end(error=str(reason))
            return Answer(failure=f"{address}:{self.names.port}: {reason}")
        finally:
            connection.close()
        if span is not None:
            span.end(response.status)
        if response.status != 200:
            return Answer(failure=f"{address}:{self.names.port}: answered {response.status}")
        return Answer(who=_who(body) or f"{address}:{self.names.port}")


def _who(body: bytes) -> str | None:
    try:
        identity = json.loads(body)
        return identity["task"] or identity["address"]
    except (ValueError, KeyError, TypeError):
        return None
