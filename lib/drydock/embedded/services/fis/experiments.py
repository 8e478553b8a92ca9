"""Experiments: what each one is, in the data file, and the loop that brings it from one state to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from drydock.embedded.core.client import every
from drydock.embedded.core.faults import Faults
from drydock.embedded.core.host import Host
from drydock.embedded.workload.alarms import described
from drydock.embedded.workload.roles import can_be_assumed
from drydock.policy import fis

from .networks import Networks

Document = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS fis_experiments (
    region TEXT NOT NULL, id TEXT NOT NULL, started INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (region, id))
"""
_LOOK_EVERY = 0.2  # our seconds
REMEMBERED = 120 * 86_400.0
"""For how many seconds experiments are kept (documented: FIS quotas, 120 days)."""
STOP_REASON = "Task stopped by AWS FIS"
"""Of a task; its wording is ours, that it is StopTask's is documented."""


class Experiments:
    """Records by region and id, as GetExperiment shows them, with `token`, `resolved` and `due` of ours."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._faults = Faults("FIS:", now=host.clock.elapsed)
        self._networks = Networks(host)
        self._look_at = 0.0
        host.data.define(_TABLES)
        rows = host.data.read("SELECT region, id, record FROM fis_experiments ORDER BY started")
        self._records: dict[tuple[str, str], Document] = {
            (region, identifier): json.loads(record) for region, identifier, record in rows
        }

    def of(self, region: str) -> list[Document]:
        """Those of a region, oldest first."""
        return [record for (where, _), record in self._records.items() if where == region]

    def get(self, region: str, identifier: str) -> Document | None:
        return self._records.get((region, identifier))

    def start(self, region: str, record: Document) -> None:
        """Begin one; forget those that were begun long ago."""
        old = record["creationTime"] - REMEMBERED
        for key in [key for key, one in self._records.items() if one["creationTime"] < old]:
            del self._records[key]
            self._host.data.write("DELETE FROM fis_experiments WHERE region = ? AND id = ?", *key)
        self._records[region, record["id"]] = record
        self._keep(region, record)

    def stop(self, region: str, record: Document) -> None:
        """Ask one to stop that is not over."""
        if record["state"]["status"] not in fis.OVER:
            _enter(record, "stopping", "Experiment is stopping.")
            self._keep(region, record)

    def _keep(self, region: str, record: Document) -> None:
        number = list(self._records).index((region, record["id"]))
        self._host.data.write(
            "INSERT OR REPLACE INTO fis_experiments VALUES (?, ?, ?, ?)",
            region, record["id"], number, json.dumps(record),
        )  # fmt: skip
        self._host.poke()

    # -- the loop -------------------------------------------------------------------------------

    def tick(self) -> None:
        if self._host.clock.elapsed() < self._look_at:
            return
        self._look_at = self._host.clock.elapsed() + _LOOK_EVERY
        with self._host.lock:
            for (region, identifier), record in list(self._records.items()):
                if record["state"]["status"] in fis.OVER:
                    continue
                before = json.dumps(record)
                self._faults.attempt(f"experiment {identifier}", self._go_on, region, record)
                if json.dumps(record) != before:
                    self._keep(region, record)
                    self._host.settle_data(True)

    def _go_on(self, region: str, record: Document) -> None:
        match record["state"]["status"]:
            case "pending":
                _enter(record, "initiating", "Experiment is initiating.")
            case "initiating":
                self._begin(region, record)
            case "running":
                self._run(region, record)
            case "stopping":
                self._end(record, "stopped", "Experiment was stopped.", left="stopped")

    def _begin(self, region: str, record: Document) -> None:
        """Find out whom it is done to, before anything is done (documented)."""
        if not can_be_assumed(self._host, record["roleArn"], fis.SERVICE):
            self._fail(record, "Unable to assume role", "/experimentTemplate/roleArn")
            return
        watched = self._watched(region, record)
        if missing := [name for name, state in watched.items() if not state]:
            self._fail(record, f"There is no alarm {missing[0]}", "/stopConditions")
            return
        if "ALARM" in watched.values():
            self._end(record, "stopped", "Experiment halted by stop condition.", left="stopped")
            return
        for name, target in record["targets"].items():
            found = self._found(region, target)
            chosen = fis.select(target["selectionMode"], found, Random(f"{self._host.seed}:{record['id']}:{name}"))
            if not chosen and record["experimentOptions"]["emptyTargetResolutionMode"] == "fail":
                self._fail(record, f"Target resolution returned empty set for {name}", f"/targets/{name}")
                return
            record["resolved"][name] = chosen
        for action in record["actions"].values():
            empty = action["targets"] and not any(record["resolved"][each] for each in action["targets"].values())
            if empty or record["experimentOptions"]["actionsMode"] == "skip-all":
                _enter(action, "skipped", "Action was skipped.")
        _enter(record, "running", "Experiment is running.")

    def _run(self, region: str, record: Document) -> None:
        if "ALARM" in self._watched(region, record).values():
            self._end(record, "stopped", "Experiment halted by stop condition.", left="stopped")
            return
        actions, now = record["actions"], self._host.clock.time()
        for name in [each for each, due in record["due"].items() if now >= due]:
            self._networks.give_back(region, record["id"], name)
            del record["due"][name]
            self._ended(actions[name], "completed", "Action was completed.")
        for name in fis.ready(actions):
            _enter(actions[name], "running", "Action is running.")
            actions[name]["startTime"] = self._stamp()
            try:
                self._do(region, record, name, now)
            except ClientError as refused:
                self._networks.give_back(region, record["id"], name)
                self._ended(actions[name], "failed", str(refused))
                self._end(record, "failed", f"Action {name} failed: {refused}", left="stopped")
                return
        if all(action["state"]["status"] in fis.ACTION_OVER for action in actions.values()):
            self._end(record, "completed", "Experiment completed.", left="cancelled")

    def _do(self, region: str, record: Document, name: str, now: float) -> None:
        action = record["actions"][name]
        if "duration" in action["parameters"]:
            record["due"][name] = now + fis.duration(action["parameters"]["duration"])
        if action["actionId"] == fis.WAIT:
            return
        if action["actionId"] == fis.DISRUPT:
            self._networks.cut_off(region, record["id"], name, record["resolved"][action["targets"]["Subnets"]])
            return
        ecs = self._host.client("ecs", region, derived=True)
        for arn in record["resolved"][action["targets"]["Tasks"]]:
            ecs.stop_task(cluster=arn.split("/")[-2], task=arn, reason=f"{STOP_REASON} ({record['id']})")
        self._ended(action, "completed", "Action was completed.")

    def _fail(self, record: Document, reason: str, location: str) -> None:
        self._end(record, "failed", f"{reason}.", left="cancelled")
        record["state"]["error"] = {
            "accountId": self._host.account,
            "code": "TargetResolutionFailure" if location.startswith("/targets/") else "ConfigurationFailure",
            "location": location,
        }

    def _end(self, record: Document, status: str, reason: str, *, left: str) -> None:
        """It is over; what runs of it ends as `left`, and what has not begun is cancelled."""
        record["due"].clear()
        for name, action in record["actions"].items():
            if action["actionId"] == fis.DISRUPT and action["state"]["status"] == "running":
                self._networks.give_back(record["arn"].split(":")[3], record["id"], name)
            if action["state"]["status"] == "pending":
                _enter(action, "cancelled", "Action was cancelled.")
            elif action["state"]["status"] == "running":
                self._ended(action, left, f"Action was {left}.")
        _enter(record, status, reason)
        record["endTime"] = self._stamp()

    def _ended(self, action: Document, status: str, reason: str) -> None:
        _enter(action, status, reason)
        action["endTime"] = self._stamp()

    def _stamp(self) -> float:
        return self._host.clock.utcnow().timestamp()

    # -- what there is --------------------------------------------------------------------------

    def _watched(self, region: str, record: Document) -> dict[str, str]:
        """The alarms among its stop conditions by name, each with its state; empty of one that is not there."""
        arns = [one["value"] for one in record["stopConditions"] if one["source"] == fis.ALARM]
        states = dict.fromkeys((arn.split(":alarm:", 1)[1] for arn in arns), "")
        if not states:
            return {}
        alarms = described(self._host, region, list(states))
        return states | {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    def _found(self, region: str, target: Document) -> list[str]:
        """ARNs of what a target is about: of tasks, those that are to run."""
        named = target.get("resourceArns") or ()
        tags = {(key, value) for key, value in (target.get("resourceTags") or {}).items()}
        found = self._tasks if target["resourceType"] == fis.TASK else self._networks.subnets
        return [
            arn
            for arn, its in found(region, target.get("parameters") or {})
            if (not named or arn in named) and tags <= its
        ]

    def _tasks(self, region: str, parameters: Document) -> Iterator[tuple[str, set[tuple[str, str]]]]:
        """Their ARNs and tags."""
        ecs = self._host.client("ecs", region, derived=True)
        clusters = [parameters["cluster"]] if "cluster" in parameters else every(ecs.list_clusters, "clusterArns")
        of = {"serviceName": parameters["service"]} if "service" in parameters else {}
        for cluster in clusters:
            try:
                arns = list(every(ecs.list_tasks, "taskArns", cluster=cluster, desiredStatus="RUNNING", **of))
            except ClientError:  # a cluster or a service that is not there has no task
                continue
            for start in range(0, len(arns), 100):
                asked = arns[start : start + 100]
                for task in ecs.describe_tasks(cluster=cluster, tasks=asked, include=["TAGS"])["tasks"]:
                    yield task["taskArn"], {(tag["key"], tag["value"]) for tag in task.get("tags") or ()}


def _enter(thing: Document, status: str, reason: str) -> None:
    thing["state"] = {"status": status, "reason": reason}


def shown(record: Document, tags: Document) -> Document:
    """An experiment as GetExperiment has it."""
    made = {key: value for key, value in record.items() if key not in ("token", "resolved", "due")}
    return {**_dated(made), "tags": tags, "actions": {name: _dated(one) for name, one in record["actions"].items()}}


def _dated(thing: Document) -> Document:
    times = ("creationTime", "startTime", "endTime")
    return {key: datetime.fromtimestamp(value, UTC) if key in times else value for key, value in thing.items()}
