"""Alarms: what each is asked to watch, the state that it is in, and what has happened to it.

What a request asks for comes back by the journal. The state, which time and data change, and the history are data.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.utils import unix_time

from drydock.embedded.core import seams
from drydock.embedded.core.data import Data
from drydock.policy import alarm_rules
from drydock.policy.alarms import FIRST_REASON, INSUFFICIENT_DATA
from drydock.policy.requests.alarm import period_of

TABLES = """
CREATE TABLE IF NOT EXISTS alarm_states (
    region TEXT NOT NULL, alarm TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL, reason_data TEXT NOT NULL,
    updated REAL NOT NULL, transitioned REAL NOT NULL, changed_at REAL NOT NULL, before TEXT NOT NULL,
    held INTEGER NOT NULL, PRIMARY KEY (region, alarm));
CREATE TABLE IF NOT EXISTS alarm_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, alarm TEXT NOT NULL, type TEXT NOT NULL,
    at REAL NOT NULL, item TEXT NOT NULL, summary TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS alarm_history_at ON alarm_history (at)
"""
REMEMBERED = 30 * 86_400.0
"""For how many seconds history is kept (documented)."""
METRIC, COMPOSITE = "MetricAlarm", "CompositeAlarm"
CONFIGURATION, STATE, ACTION = "ConfigurationUpdate", "StateUpdate", "Action"


@dataclass
class Alarm:
    """An alarm; `settings` are the members of the request that made it."""

    region: str
    name: str
    alarm_arn: str
    settings: dict[str, Any]
    configured: datetime
    value: str = INSUFFICIENT_DATA
    reason: str = FIRST_REASON
    reason_data: str = ""
    updated: datetime = field(default_factory=seams.utcnow)
    transitioned: datetime = field(default_factory=seams.utcnow)
    changed_at: float = 0.0
    """AWS second of the last change of its value."""
    before: str = INSUFFICIENT_DATA
    """Its value before that."""
    held: bool = False
    """Whether the actions of the last change wait for its suppressor."""
    held_by: str | None = None
    look_at: float = 0.0
    """AWS second at which it is evaluated next; infinite where only new data can change anything."""
    looked_to: float = -math.inf
    """AWS second until which data were looked at."""

    @property
    def kind(self) -> str:
        return COMPOSITE if "AlarmRule" in self.settings else METRIC

    @property
    def period(self) -> int:
        return period_of(self.settings)

    @property
    def children(self) -> set[str]:
        return alarm_rules.children(self.rule)

    @property
    def rule(self) -> Any:
        return alarm_rules.parse(self.settings["AlarmRule"])

    @property
    def queries(self) -> list[dict[str, Any]]:
        """What it asks of its metrics; an alarm on one metric asks one thing."""
        asked = self.settings
        if asked.get("Metrics"):
            return list(asked["Metrics"])
        metric = {name: asked[name] for name in ("Namespace", "MetricName", "Dimensions") if asked.get(name)}
        unit = {"Unit": asked["Unit"]} if asked.get("Unit") else {}
        stat = asked.get("Statistic") or asked["ExtendedStatistic"]
        return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": asked["Period"], "Stat": stat, **unit}}]

    @property
    def acts(self) -> bool:
        return bool(self.settings.get("ActionsEnabled", True))

    def actions(self) -> list[str]:
        """What is to be done in the state that it is in."""
        names = {"OK": "OKActions", "ALARM": "AlarmActions"}
        return list(self.settings.get(names.get(self.value, "InsufficientDataActions")) or ())


class Kept:
    """The rows of alarms' states and of their history."""

    def __init__(self, data: Data) -> None:
        self._data = data
        data.define(TABLES)

    def state(self, alarm: Alarm) -> None:
        self._data.write(
            "REPLACE INTO alarm_states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(alarm.region, alarm.name, alarm.value, alarm.reason, alarm.reason_data, _seconds(alarm.updated)),
            *(_seconds(alarm.transitioned), alarm.changed_at, alarm.before, int(alarm.held)),
        )

    def restore(self, alarms: dict[tuple[str, str], Alarm]) -> None:
        """Give alarms the state that they were in, and forget that of those which are gone."""
        rows = self._data.read("SELECT * FROM alarm_states")
        for region, name, value, reason, data, updated, transitioned, changed_at, before, held in rows:
            alarm = alarms.get((region, name))
            if alarm is None:
                self.forget(region, name)
                continue
            alarm.value, alarm.reason, alarm.reason_data, alarm.before = value, reason, data, before
            alarm.updated, alarm.transitioned = _moment(updated), _moment(transitioned)
            alarm.changed_at, alarm.held = changed_at, bool(held)

    def forget(self, region: str, name: str) -> None:
        self._data.write("DELETE FROM alarm_states WHERE (region, alarm) = (?, ?)", region, name)

    def happened(self, alarm: Alarm, item: str, summary: str, data: dict[str, Any]) -> None:
        self._data.write(
            "INSERT INTO alarm_history (region, alarm, type, at, item, summary, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(alarm.region, alarm.name, alarm.kind, _seconds(seams.utcnow()), item, summary, json.dumps(data)),
        )
        self._data.write("DELETE FROM alarm_history WHERE at < ?", unix_time() - REMEMBERED)

    def history(self, region: str, since: float, until: float, **wanted: str | None) -> list[dict[str, Any]]:
        """Items of a region, the oldest first; `wanted`: columns that must be so."""
        columns = [column for column, value in wanted.items() if value]
        rows = self._data.read(
            "SELECT alarm, type, at, item, summary, data FROM alarm_history WHERE region = ? AND at >= ? AND at <= ?"
            + "".join(f" AND {column} = ?" for column in columns)
            + " ORDER BY id",
            *(region, since, until, *(wanted[column] for column in columns)),
        )
        return [
            {
                "AlarmName": alarm,
                "AlarmType": kind,
                "Timestamp": _moment(at),
                "HistoryItemType": item,
                "HistorySummary": summary,
                "HistoryData": data,
            }
            for alarm, kind, at, item, summary, data in rows
        ]


def changed(alarm: Alarm, value: str, reason: str, data: dict[str, Any] | str | None, at: float, kept: Kept) -> None:
    """Let an alarm be in a state from an AWS second on, which may be the one that it is in."""
    before = _state(alarm)
    now = seams.utcnow()
    if value != alarm.value:
        alarm.transitioned, alarm.before, alarm.changed_at = now, alarm.value, at
    alarm.value, alarm.reason, alarm.updated = value, reason, now
    alarm.reason_data = data if isinstance(data, str) else json.dumps(data, separators=(",", ":")) if data else ""
    kept.state(alarm)
    if before["stateValue"] != value:
        kept.happened(
            alarm,
            STATE,
            f"Alarm updated from {before['stateValue']} to {value}",
            {"version": "1.0", "oldState": before, "newState": _state(alarm)},
        )


def _state(alarm: Alarm) -> dict[str, Any]:
    data = {"stateReasonData": json.loads(alarm.reason_data)} if alarm.reason_data else {}
    return {"stateValue": alarm.value, "stateReason": alarm.reason, **data}


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)
