"""What the engine knows beyond the journal, on disk: tasks, deployments and events of services.

A row for each, written when it has changed, in the file of the data that the same turn writes.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

from drydock import disk
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import KEPT_EVENTS, Deployment, Document, Ids, Service, Task, TaskSet
from drydock.policy.ecs.alarms import Alarms
from drydock.policy.ecs.breaker import Breaker, Event, Status
from drydock.policy.ecs.strategy import Progress, Stage

log = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS ecs (
  region TEXT, kind TEXT, key TEXT, record TEXT, PRIMARY KEY (region, kind, key)
) WITHOUT ROWID
"""
_TASK_FIELDS = ("document", "cluster_name", "region_name", "definition", "network", "tags", "service_arn",
                "deployment_id", "address", "started_order", "registered", "protected_until",
                "client_token", "gone_at")  # fmt: skip
_DEPLOYMENT_FIELDS = tuple(f.name for f in fields(Deployment) if f.name not in ("breaker", "alarms", "progress"))
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError)
_NOWHERE = ""
"""The region of what belongs to none."""

Row = tuple[str, str, str, str]
"""(region, kind, key, record)"""


class Kept:
    """The rows. The host's lock is held."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._restarts = 0
        host.data.define(_TABLES)

    def write(self, changed: Iterable[Task | Service], gone: Iterable[Task | Service], order: int) -> None:
        """Keep what has changed, and that there have been so many tasks. OSError, and then nothing of it is."""
        rows = [_task_row(each) if isinstance(each, Task) else _service_row(each) for each in changed]
        rows += [(_NOWHERE, "number", "order", str(order)), (_NOWHERE, "number", "restarts", str(self._restarts))]
        self._change(rows, [_place(each) for each in gone])

    def _change(self, rows: list[Row], gone: list[tuple[str, str, str]]) -> None:
        data = self._host.data
        try:
            data.write_many("INSERT OR REPLACE INTO ecs VALUES (?, ?, ?, ?)", rows)
            data.write_many("DELETE FROM ecs WHERE region = ? AND kind = ? AND key = ?", gone)
            data.commit()
        except OSError:
            data.rollback()
            raise

    def read(self, backends: Any) -> int:
        """Lay what was written over what the replay made: services that are there get their history and tasks.

        Returns how many tasks there have been.
        """
        self._adopt()
        rows: list[Row] = self._host.data.read("SELECT region, kind, key, record FROM ecs")
        numbers: dict[str, int] = {}
        problems: list[tuple[Row, str]] = []
        forgotten: list[tuple[str, str, str]] = []
        for row in sorted(rows, key=lambda row: row[1]):  # numbers first
            region, kind, key, record = row
            try:
                if kind == "number":
                    numbers[key] = int(record)
                    self._restarts = numbers.get("restarts", 0) + 1
                    continue
                backend = backends[self._host.account][region]
                if kind == "task":
                    task = _task(json.loads(record, object_hook=_decode), self._host)
                    backend.tasks.setdefault(task.cluster_name, {})[task.arn] = task
                elif key in backend.services:
                    self._revive(backend.services[key], record)
                else:
                    forgotten.append(row[:3])
            except _UNREADABLE as error:
                problems.append((row, f"{kind} {key} ({type(error).__name__}: {error})"))
        if problems:
            self._set_aside([row for row, _ in problems], "; ".join(why for _, why in problems))
        self._change([], [*forgotten, *(row[:3] for row, _ in problems)])
        return numbers.get("order", 0)

    def _revive(self, service: Service, record: str) -> None:
        before = dict(vars(service))
        try:
            _revive(service, json.loads(record, object_hook=_decode))
        except _UNREADABLE:
            vars(service).update(before)
            raise
        finally:
            service.ids = Ids(f"{self._host.seed}:{service.arn}:{self._restarts}")

    def _set_aside(self, rows: list[Row], why: str) -> None:
        """Put what cannot be read where somebody may look at it, and say so."""
        copy = self._host.directory / "ecs.unreadable.json"
        disk.write(copy, json.dumps(rows, indent=1).encode())
        log.error("what is kept of ECS cannot be read and is left out: %s; it is in %s", why, copy)

    def _adopt(self) -> None:
        """Take over the file that an earlier version kept all of it in."""
        path = self._host.directory / "ecs.json"
        if not path.exists():
            return
        try:
            text = path.read_text()
            rows = list(_rows_of(json.loads(text)))
        except OSError as error:
            raise disk.unusable(error, path) from error
        except _UNREADABLE as error:
            copy = path.with_name("ecs.unreadable.json")
            path.rename(copy)
            log.error(
                "%s cannot be read and is left out (%s: %s); it is %s now", path, type(error).__name__, error, copy
            )
            return
        self._change(rows, [])
        path.unlink()


def _rows_of(state: Document) -> Iterator[Row]:
    for region, kept in dict(state["regions"]).items():
        for key, service in kept.get("services", {}).items():
            yield region, "service", key, json.dumps(service)
        for task in kept.get("tasks", []):
            yield region, "task", _name(task), json.dumps(task)
    yield _NOWHERE, "number", "order", str(int(state["order"]))
    yield _NOWHERE, "number", "restarts", str(int(state["restarts"]))


def _place(record: Task | Service) -> tuple[str, str, str]:
    if isinstance(record, Task):
        return record.region_name, "task", record.arn
    return record.region_name, "service", record.key


def _task_row(task: Task) -> Row:
    return *_place(task), _text({name: getattr(task, name) for name in _TASK_FIELDS})


def _service_row(service: Service) -> Row:
    return *_place(service), _text(_service(service))


def _text(record: Document) -> str:
    return json.dumps(record, default=_encode, separators=(",", ":"))


def _service(service: Service) -> Document:
    return {
        "changed_by": service.changed_by,
        "status": service.status,
        "settings": service.settings,
        "events": list(service.events),
        "deployments": [_deployment(d) for d in service.deployments],
        "finished": [_deployment(d) for d in service.finished],
        "created": service.created_at,
        "task_sets": [asdict(each) for each in service.task_sets],
    }


def _deployment(deployment: Deployment) -> Document:
    breaker = deployment.breaker
    return {
        **{name: getattr(deployment, name) for name in _DEPLOYMENT_FIELDS},
        "breaker": {"status": breaker.status.value, "failure_count": breaker.failure_count, "stage": breaker.stage},
        "alarms": asdict(deployment.alarms),
        "progress": asdict(deployment.progress) if deployment.progress else None,
    }


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$at": value.timestamp()}
    raise TypeError(f"{type(value).__name__} in the engine's state")


def _decode(value: Document) -> Any:
    return datetime.fromtimestamp(value["$at"], UTC) if set(value) == {"$at"} else value


def _task(item: Document, host: Host) -> Task:
    task = Task(**item, ids=Ids(item["document"]["taskArn"]), entered=host.clock.time())
    task.definition["containerDefinitions"]
    for container in task.own_containers:
        task.definition_of(container["name"])
    if not isinstance(task.document["attachments"], list) or not isinstance(task.document["lastStatus"], str):
        raise TypeError("attachments or lastStatus")
    if task.status == "STOPPED" and not isinstance(task.document["stoppedAt"], datetime):
        raise TypeError("stoppedAt")
    task.document["clusterArn"]
    return task


def _name(item: Any) -> str:
    return str(item.get("document", {}).get("taskArn", "")) if isinstance(item, dict) else ""


def _revive(service: Service, seen: Document) -> None:
    service.events = deque(seen["events"], maxlen=KEPT_EVENTS)
    if seen.get("created") == service.created_at:  # no request is replayed that makes one
        service.task_sets = [TaskSet(**each) for each in seen["task_sets"]]
    if seen.get("changed_by", "") not in ("", service.changed_by):  # it was written before the last request
        return
    service.status = seen["status"]
    service.settings = seen["settings"]
    service.deployments = [_redeploy(d, service) for d in seen["deployments"]]
    service.finished = [_redeploy(d, service) for d in seen["finished"]]


def _redeploy(item: Document, service: Service) -> Deployment:
    configuration = item.get("configuration") or service.settings["deploymentConfiguration"]
    breaker = Breaker.read(configuration.get("deploymentCircuitBreaker"), service.desired_count)
    seen = item.pop("breaker", None)
    if seen is not None:
        status, failures, stage = Status(seen["status"]), int(seen["failure_count"]), int(seen["stage"])
        breaker = replace(breaker, status=status, failure_count=failures, stage=stage)
    elif item["rollout_state"] == "COMPLETED":  # written by an earlier version
        breaker = breaker.after(Event.COMPLETED)
    alarms, progress = item.pop("alarms", None), item.pop("progress", None)
    return Deployment(
        **item,
        breaker=breaker,
        alarms=_alarms(alarms) if alarms else Alarms(),
        progress=Progress(Stage(progress["stage"]), int(progress["step"]), float(progress["since"]))
        if progress
        else None,
    )


def _alarms(seen: Document) -> Alarms:
    return Alarms(
        tuple(seen["names"]), seen["rollback"], Status(seen["status"]), tuple(seen["triggered"]), seen["begun"]
    )
