"""Rules with a schedule, fired by the loop."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core.faults import Faults
from drydock.embedded.core.host import Host
from drydock.policy.schedules import Cron, Rate, read

from . import delivery

TABLES = "CREATE TABLE IF NOT EXISTS schedules (rule TEXT PRIMARY KEY, expression TEXT NOT NULL, due REAL NOT NULL)"
_LOOK_EVERY = 0.2  # our seconds


class Controller:
    """When each rule is due is data: it is known after a restart."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._faults = Faults("delivering what is scheduled to")
        self._read: dict[str, Rate | Cron] = {}
        self._due: dict[str, tuple[str, float]] = {}
        self._look_at = 0.0
        host.data.define(TABLES)

    def restored(self) -> None:
        """Begin with what was due when this was kept last."""
        rows = self._host.data.read("SELECT rule, expression, due FROM schedules")
        self._due = {rule: (expression, due) for rule, expression, due in rows}

    def tick(self) -> None:
        if self._host.clock.elapsed() < self._look_at:
            return
        self._look_at = self._host.clock.elapsed() + _LOOK_EVERY
        with self._host.lock:
            rules = [rule for rule in self._rules() if rule.scheduled_expression and rule.state != "DISABLED"]
            for gone in self._due.keys() - {rule.arn for rule in rules}:
                del self._due[gone]
                self._host.data.write("DELETE FROM schedules WHERE rule = ?", gone)
            fired = [rule for rule in rules if self._fires(rule)]
        for rule in fired:
            for target in list(rule.targets):
                with self._faults(f"{target['Arn']}, a target of {rule.arn},"):
                    delivery.deliver(self._host, rule, target, delivery.scheduled(self._host, rule))

    def _rules(self) -> list[Any]:
        backends = self._host.backends_so_far("events")
        return [rule for backend in backends for bus in backend.event_buses.values() for rule in bus.rules.values()]

    def _fires(self, rule: Any) -> bool:
        now, wall, expression = self._host.clock.time(), self._host.clock.utcnow(), rule.scheduled_expression
        if expression not in self._read:
            self._read[expression] = read(expression)
        schedule = self._read[expression]
        known, due = self._due.get(rule.arn, ("", 0.0))
        fires = known == expression and schedule.is_due(due, now, wall)
        if fires or known != expression:
            self._due[rule.arn] = expression, schedule.next(now, wall)
            self._host.data.write("REPLACE INTO schedules VALUES (?, ?, ?)", rule.arn, *self._due[rule.arn])
        return fires
