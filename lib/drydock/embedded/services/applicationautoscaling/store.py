"""What time and alarms have made of scalable targets: cool-downs, due times, activities. Kept in the data file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from drydock.embedded.core.data import Data
from drydock.policy.scaling import Cooling

TABLES = """
CREATE TABLE IF NOT EXISTS scaling_targets (
    target TEXT PRIMARY KEY, registered INTEGER NOT NULL, out_until REAL, base INTEGER NOT NULL, in_until REAL);
CREATE TABLE IF NOT EXISTS scaling_schedules (
    action TEXT PRIMARY KEY, asked TEXT NOT NULL, due REAL NOT NULL);
CREATE TABLE IF NOT EXISTS scaling_activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, target TEXT NOT NULL, namespace TEXT NOT NULL,
    resource TEXT NOT NULL, dimension TEXT NOT NULL, activity TEXT NOT NULL, cause TEXT NOT NULL,
    description TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, capacity INTEGER NOT NULL,
    started REAL NOT NULL, ended REAL, reasons TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS scaling_activities_of ON scaling_activities (region, namespace, resource)
"""
REMEMBERED = 42 * 86_400.0
"""For how many seconds activities are kept (documented)."""
_NEVER = float("-inf")
_COLUMNS = (
    "id", "namespace", "resource", "dimension", "activity", "cause", "description", "status", "message", "capacity",
    "started", "ended", "reasons",
)  # fmt: skip


@dataclass
class Kept:
    """Of a target: which registration its capacity follows, and what cools down."""

    registered: int = 0
    cooling: Cooling = field(default_factory=Cooling)


class Store:
    def __init__(self, data: Data) -> None:
        self._data = data
        data.define(TABLES)

    # -- targets and schedules ------------------------------------------------------------------

    def targets(self) -> dict[str, Kept]:
        rows = self._data.read("SELECT target, registered, out_until, base, in_until FROM scaling_targets")
        return {
            target: Kept(registered, Cooling(_NEVER if out is None else out, base, _NEVER if into is None else into))
            for target, registered, out, base, into in rows
        }

    def keep(self, target: str, kept: Kept) -> None:
        ends = (None if each == _NEVER else each for each in (kept.cooling.out_until, kept.cooling.in_until))
        out_until, in_until = ends
        self._data.write(
            "REPLACE INTO scaling_targets VALUES (?, ?, ?, ?, ?)",
            *(target, kept.registered, out_until, kept.cooling.base, in_until),
        )

    def forget(self, targets: Iterable[str]) -> None:
        self._data.write_many("DELETE FROM scaling_targets WHERE target = ?", [(each,) for each in targets])

    def due(self) -> dict[str, tuple[str, float]]:
        rows = self._data.read("SELECT action, asked, due FROM scaling_schedules")
        return {action: (asked, due) for action, asked, due in rows}

    def is_due_at(self, action: str, asked: str, due: float) -> None:
        self._data.write("REPLACE INTO scaling_schedules VALUES (?, ?, ?)", action, asked, due)

    def forget_actions(self, actions: Iterable[str]) -> None:
        self._data.write_many("DELETE FROM scaling_schedules WHERE action = ?", [(each,) for each in actions])

    # -- activities -----------------------------------------------------------------------------

    def count(self, target: str) -> int:
        """How many activities a target has had."""
        return int(self._data.read("SELECT count(*) FROM scaling_activities WHERE target = ?", target)[0][0])

    def add(self, **activity: Any) -> None:
        reasons = json.dumps(activity.pop("reasons", []))
        named = {**activity, "reasons": reasons}
        self._data.write(
            f"INSERT INTO scaling_activities ({', '.join(named)}) VALUES ({', '.join('?' * len(named))})",
            *named.values(),
        )
        self._data.write("DELETE FROM scaling_activities WHERE started < ?", activity["started"] - REMEMBERED)

    def become(self, number: int, status: str, message: str, ended: float) -> None:
        self._data.write(
            "UPDATE scaling_activities SET status = ?, message = ?, ended = ? WHERE id = ?",
            *(status, message, ended, number),
        )

    def last(self, target: str) -> dict[str, Any] | None:
        found = self._found("target = ? ORDER BY id DESC LIMIT 1", target)
        return found[0] if found else None

    def under_way(self) -> list[tuple[str, int, int]]:
        """(target, number, capacity) of activities that are not fulfilled yet."""
        return [
            tuple(row)
            for row in self._data.read(
                "SELECT target, id, capacity FROM scaling_activities WHERE status = 'InProgress' ORDER BY id"
            )
        ]

    def activities(self, region: str, namespace: str, resource: str | None, dimension: str | None) -> list[dict[str, Any]]:  # fmt: skip  # noqa: E501
        """The newest first."""
        return self._found(
            "region = ? AND namespace = ? AND resource = coalesce(?, resource) AND dimension = coalesce(?, dimension) "
            "ORDER BY id DESC",
            *(region, namespace, resource, dimension),
        )

    def _found(self, where: str, *values: Any) -> list[dict[str, Any]]:
        rows = self._data.read(f"SELECT {', '.join(_COLUMNS)} FROM scaling_activities WHERE {where}", *values)
        found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        return [{**each, "reasons": json.loads(each["reasons"])} for each in found]
