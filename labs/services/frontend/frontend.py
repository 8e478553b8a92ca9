"""The shop's frontend: calls the backend by name and shows which tasks answered.

    GET /         a page; ?calls=N (10) calls the backend N times
    GET /api      the same as JSON; 502 when no call was answered
    GET /health   this process only: a frontend that fails when its backend does gets replaced for nothing
    GET /version

Environment: BACKEND_URL (http://backend.shop.internal:8080), DNS_TTL (0) seconds to keep an answer of the
resolver, TIMEOUT_MS (2000) per call, PORT (8080), HOST (0.0.0.0), VERSION; OTEL_EXPORTER_OTLP_ENDPOINT: where
spans go, none are sent without it.
"""
from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from backends import Backends
from chassis import Invalid, Log, Reply, Request, Settings, run, task_id, tracer
from page import render

MOST_CALLS = 100


class Frontend:
    def __init__(self, version: str, backends: Backends) -> None:
        self.version = version
        self.backends = backends
        self.pool = ThreadPoolExecutor(10, thread_name_prefix="call")

    def answer(self, request: Request) -> Reply:
        match request.path:
            case "/health":
                return Reply({"status": "ok"})
            case "/version":
                return Reply({"service": "frontend", "version": self.version})
            case "/" | "/api":
                return self._ask(request)
        return Reply.error(404, "not found", f"nothing is at {request.path}; / is the page, /api the JSON")

    def _ask(self, request: Request) -> Reply:
        calls = request.query.get("calls", "10")
        if not calls.isdecimal() or not 1 <= int(calls) <= MOST_CALLS:
            return Reply.error(400, "bad calls", f"calls must be a whole number from 1 to {MOST_CALLS}")
        answers = list(self.pool.map(lambda _: self.backends.call(request.span), range(int(calls))))
        report = {
            "service": "frontend",
            "task": task_id(),
            "address": request.address,
            "version": self.version,
            "backend": self.backends.url,
            "dns": self.backends.names.state(),
            "calls": int(calls),
            "answered": _count(answer.who for answer in answers if answer.who),
            "failed": _count(answer.failure for answer in answers if answer.failure),
        }
        status = 200
        if not report["answered"]:
            status = 502
            report |= {"error": "backend unreachable", "message": (
                f"none of {calls} calls to {self.backends.url} was answered: "
                f"{'; '.join(report['failed'])}. Is the name registered, the port right, a task healthy?")}
        return Reply(render(report) if request.path == "/" else report, status)


def _count(names: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def main() -> None:
    log = Log("frontend")
    settings = Settings(os.environ)
    try:
        backends = Backends(
            settings.text("BACKEND_URL", "http://backend.shop.internal:8080"),
            ttl=settings.number("DNS_TTL", 0),
            timeout=settings.number("TIMEOUT_MS", 2000, 1) / 1000,
        )
        host, port = settings.text("HOST", "0.0.0.0"), settings.integer("PORT", 8080, 1, 65535)
        spans = tracer(settings, log)
    except Invalid as error:
        log.error("bad setting", reason=str(error))
        sys.exit(2)
    frontend = Frontend(settings.text("VERSION", "dev"), backends)
    run(frontend.answer, host, port, log, tracer=spans)


if __name__ == "__main__":
    main()
