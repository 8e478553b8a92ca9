"""What the engine knows beyond the journal, on disk: tasks, deployments and events of services."""

from __future__ import annotations

import json
import logging
import shutil
from collections import deque
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock import disk
from drydock.embedded.services.ecs.records import KEPT_EVENTS, Deployment, Document, Ids, Service, Task
from drydock.policy.breaker import Breaker, Event, Status

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

_TASK_FIELDS = ("document", "cluster_name", "region_name", "definition", "network", "tags", "service_arn",
                "deployment_id", "address", "started_order", "registered", "protected_until",
                "client_token", "gone_at")  # fmt: skip
_DEPLOYMENT_FIELDS = tuple(f.name for f in fields(Deployment) if f.name != "breaker")


def write(path: Path, backends: Iterable[Any], order: int, restarts: int) -> None:
    """Write the state of all regions; a reader never sees half of it."""
    regions = {}
    for backend in backends:
        regions[backend.region_name] = {
            "tasks": [
                {name: getattr(t, name) for name in _TASK_FIELDS} for g in backend.tasks.values() for t in g.values()
            ],
            "services": {key: _service(service) for key, service in backend.services.items()},
        }
    state = {"order": order, "restarts": restarts, "regions": regions}
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(state, default=_encode, separators=(",", ":")))
    partial.rename(path)


def _service(service: Service) -> Document:
    return {
        "changes": service.changes,
        "status": service.status,
        "settings": service.settings,
        "events": list(service.events),
        "deployments": [_deployment(d) for d in service.deployments],
        "finished": [_deployment(d) for d in service.finished],
    }


def _deployment(deployment: Deployment) -> Document:
    breaker = deployment.breaker
    seen = {"status": breaker.status.value, "failure_count": breaker.failure_count, "stage": breaker.stage}
    return {**{name: getattr(deployment, name) for name in _DEPLOYMENT_FIELDS}, "breaker": seen}


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$at": value.timestamp()}
    raise TypeError(f"{type(value).__name__} in the engine's state")


def _decode(value: Document) -> Any:
    return datetime.fromtimestamp(value["$at"], UTC) if set(value) == {"$at"} else value


def read(path: Path, backends: Any, host: Host) -> tuple[int, int]:
    """Lay the written state over the replayed one: services that are there get their history and tasks.

    Returns how many tasks there have been, and how many restarts with this one.
    """
    try:
        state = json.loads(path.read_text(), object_hook=_decode)
        regions, order, restarts = dict(state["regions"]), int(state["order"]), int(state["restarts"]) + 1
    except OSError as error:
        raise disk.unusable(error, path) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        _set_aside(path, [f"the whole of it ({type(error).__name__}: {error})"])
        return 0, 1
    problems: list[str] = []
    for region, kept in regions.items():
        backend = backends[host.account][region]
        for key, seen in kept.get("services", {}).items():
            service = backend.services.get(key)
            if service is None:
                continue
            before = dict(vars(service))
            try:
                _revive(service, seen)
            except _UNREADABLE as error:
                vars(service).update(before)
                problems.append(f"service {key} ({type(error).__name__}: {error})")
            service.ids = Ids(f"{host.seed}:{service.arn}:{restarts}")
        for item in kept.get("tasks", []):
            try:
                task = _task(item, host)
            except _UNREADABLE as error:
                problems.append(f"task {_name(item)} ({type(error).__name__}: {error})")
            else:
                backend.tasks.setdefault(task.cluster_name, {})[task.arn] = task
    if problems:
        _set_aside(path, problems)
    return order, restarts


_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, StopIteration)


def _task(item: Document, host: Host) -> Task:
    task = Task(**item, ids=Ids(item["document"]["taskArn"]), entered=host.clock.time())
    task.definition["containerDefinitions"]
    for container in task.document["containers"]:
        task.definition_of(container["name"])
    if not isinstance(task.document["attachments"], list) or not isinstance(task.document["lastStatus"], str):
        raise TypeError("attachments or lastStatus")
    if task.status == "STOPPED" and not isinstance(task.document["stoppedAt"], datetime):
        raise TypeError("stoppedAt")
    task.document["clusterArn"]
    return task


def _name(item: Any) -> str:
    return str(item.get("document", {}).get("taskArn", "")) if isinstance(item, dict) else ""


def _set_aside(path: Path, problems: list[str]) -> None:
    """Keep a copy of what cannot be read, and say so."""
    copy = path.with_name("ecs.unreadable.json")
    shutil.copyfile(path, copy)
    log.error("%s cannot be read and is left out: %s; a copy is in %s", path, "; ".join(problems), copy)


def _revive(service: Service, seen: Document) -> None:
    service.events = deque(seen["events"], maxlen=KEPT_EVENTS)
    if seen["changes"] < service.changes:  # it was written before the last requests were answered
        return
    service.status = seen["status"]
    service.settings = seen["settings"]
    service.deployments = [_redeploy(d, service) for d in seen["deployments"]]
    service.finished = [_redeploy(d, service) for d in seen["finished"]]


def _redeploy(item: Document, service: Service) -> Deployment:
    breaker = Breaker.read(
        service.settings["deploymentConfiguration"].get("deploymentCircuitBreaker"), service.desired_count
    )
    seen = item.pop("breaker", None)
    if seen is not None:
        status, failures, stage = Status(seen["status"]), int(seen["failure_count"]), int(seen["stage"])
        breaker = replace(breaker, status=status, failure_count=failures, stage=stage)
    elif item["rollout_state"] == "COMPLETED":  # written by an earlier version
        breaker = breaker.after(Event.COMPLETED)
    return Deployment(**item, breaker=breaker)
