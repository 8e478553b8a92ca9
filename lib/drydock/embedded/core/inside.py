"""What this cloud tells of itself and to its tasks: status, task metadata v4, task credentials."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def answer(host: Host, environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """`/_drydock/status`, `/_drydock/metadata/<container>/…`, `/_drydock/credentials/<token>`."""
    parts = environ["PATH_INFO"].strip("/").split("/")[1:]
    match parts:
        case ["status"]:
            return _json(200, status(host))
        case ["metadata", container, *rest]:
            from drydock.embedded.services.ecs import metadata

            found = metadata.describe(host, container, rest)
            return _json(200, found) if found is not None else _json(404, {"error": "no such container"})
        case ["credentials", token]:
            from drydock.embedded.services.ecs import metadata

            found = metadata.credentials(host, token)
            return _json(200, found) if found is not None else _json(404, {"error": "no such task role"})
    return _json(404, {"error": f"nothing at {environ['PATH_INFO']}"})


def status(host: Host) -> dict[str, Any]:
    counts = {"clusters": 0, "services": 0, "tasks": 0}
    if "ecs" in host.adapted:
        from drydock.embedded.services.ecs import counts as ecs_counts

        counts = ecs_counts(host)
    return {
        "name": host.name,
        "endpoint": host.endpoint,
        "port": host.port,
        "pid": os.getpid(),
        "account": host.account,
        "speed": host.clock.speed,
        "directory": str(host.directory),
        **counts,
    }


def _json(status: int, body: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(body, default=str).encode()
