"""The shop's backend: a JSON API that says who answered, and that can be made to fail.

    GET  /                who answered: task, hostname, address, version
    GET  /health          200, or 503 while FAIL_HEALTH applies
    GET  /version
    GET  /secret?nonce=…  HMAC-SHA256 of the nonce under APP_SECRET: proof of having it, without showing it
    GET  /items           POST /items {"name": …}   GET|DELETE /items/<id>

Environment: PORT (8080), HOST (0.0.0.0), VERSION, APP_SECRET, and the faults in `faults.py`;
OTEL_EXPORTER_OTLP_ENDPOINT: where spans go, none are sent without it.
Items live in this task's memory: two tasks behind one load balancer disagree, as they would anywhere.
"""
from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import socket
import sys
import threading

from chassis import Invalid, Log, Reply, Request, Settings, run, task_id, tracer
from faults import Faults

LONGEST_NONCE = 256
MOST_ITEMS = 1000


class Items:
    """Names by number, in memory."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        match request.method, request.path.split("/")[2:]:
            case "GET", []:
                return Reply({"items": [{"id": number, "name": name} for number, name in self._list()]})
            case "POST", []:
                return self._add(request.body)
            case ("GET" | "DELETE") as method, [key]:
                with self._lock:
                    number = int(key) if key.isdecimal() else 0
                    name = self._names.pop(number, None) if method == "DELETE" else self._names.get(number)
                if name is None:
                    return Reply.error(404, "not found", f"this task has no item {key}")
                return Reply({"id": number, "name": name})
        return Reply.error(405, "method not allowed", "use GET or POST on /items, GET or DELETE on its ids")

    def _list(self) -> list[tuple[int, str]]:
        with self._lock:
            return list(self._names.items())

    def _add(self, body: bytes) -> Reply:
        try:
            name = json.loads(body)["name"]
        except (ValueError, TypeError, KeyError):
            name = None
        if not isinstance(name, str) or not name.strip():
            return Reply.error(400, "bad item", 'send JSON with a name, as in {"name": "rope"}')
        with self._lock:
            if len(self._names) >= MOST_ITEMS:
                return Reply.error(507, "full", f"this task holds {MOST_ITEMS} items; delete some")
            number = next(self._numbers)
            self._names[number] = name
        return Reply({"id": number, "name": name}, 201, {"Location": f"/items/{number}"})


class Backend:
    def __init__(self, settings: Settings, faults: Faults) -> None:
        self.version = settings.text("VERSION", "dev")
        self.secret = settings.text("APP_SECRET").encode()
        self.faults = faults
        self.items = Items()

    def answer(self, request: Request) -> Reply:
        if request.path == "/health":
            return self._health()
        if request.path == "/version":
            return Reply({"service": "backend", "version": self.version})
        if self.faults.strike():
            return Reply.error(500, "injected fault", "ERROR_RATE picked this request")
        if request.path == "/":
            return self._identity(request.address)
        if request.path == "/secret":
            return self._prove(request.query.get("nonce", ""))
        if request.path.split("/")[1] == "items":
            return self.items.answer(request)
        return Reply.error(404, "not found", f"nothing is at {request.path}; / says who answers")

    def _health(self) -> Reply:
        if self.faults.health_fails():
            return Reply({"status": "failing", "message": "FAIL_HEALTH applies"}, 503)
        return Reply({"status": "ok"})

    def _identity(self, address: str) -> Reply:
        return Reply({
            "service": "backend",
            "task": task_id(),
            "hostname": socket.gethostname(),
            "address": address,
            "version": self.version,
        })

    def _prove(self, nonce: str) -> Reply:
        if not self.secret:
            return Reply.error(404, "no secret", "APP_SECRET is not set; give it under secrets in the "
                                                 "container definition and let the execution role read it")
        if not 0 < len(nonce) <= LONGEST_NONCE:
            return Reply.error(400, "bad nonce", f"add ?nonce= with 1 to {LONGEST_NONCE} characters")
        proof = hmac.new(self.secret, nonce.encode(), hashlib.sha256).hexdigest()
        return Reply({"nonce": nonce, "hmac_sha256": proof})


def main() -> None:
    log = Log("backend")
    settings = Settings(os.environ)
    try:
        faults = Faults.read(settings)
        host, port = settings.text("HOST", "0.0.0.0"), settings.integer("PORT", 8080, 1, 65535)
        spans = tracer(settings, log)
    except Invalid as error:
        log.error("bad setting", reason=str(error))
        sys.exit(2)
    if faults.crash_at_start:
        log.error("crashing, as CRASH_AT_START asks")
        sys.exit(1)
    backend = Backend(settings, faults)
    run(backend.answer, host, port, log, ignore_sigterm=faults.ignore_sigterm, tracer=spans)


if __name__ == "__main__":
    main()
