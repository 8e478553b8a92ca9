"""Alarms, evaluated by the loop, and what they do when their state changes.

An alarm's periods are AWS seconds. It is looked at once a minute of AWS while its metrics have data, not more often
than its period while no new ones come, and not at all once all of its evaluation range is empty.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock.embedded.core import seams
from drydock.embedded.core.faults import Faults
from drydock.embedded.workload import bus
from drydock.policy import alarm_rules, alarms
from drydock.policy.alarm_rules import Suppressor
from drydock.policy.alarms import Point, Rule
from drydock.policy.metrics import is_percentile, percent
from drydock.policy.requests.alarm import is_scaling_policy, watched

from . import messages
from .alarms import ACTION, COMPOSITE, METRIC, Alarm, Kept, changed
from .series import Reading

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

    from .store import Key, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LookedAt:
    """The state of a metric alarm, its rule, and the values that it looked at, the oldest first."""

    state: str
    rule: Rule
    values: list[float]


class Controller:
    """Evaluates the alarms of every region."""

    def __init__(self, host: Host, store: Store, kept: Kept) -> None:
        self._host, self._store, self._kept = host, store, kept
        self._clock = host.clock
        self._faults = Faults("evaluating", now=host.clock.elapsed)

    def tick(self) -> None:
        """One turn of the loop."""
        with self._host.lock:
            now = self._clock.time()
            found = self._alarms()
            self._hear(found, now)
            acted = False
            for alarm in found:
                if alarm.look_at <= now:
                    acted = True
                    self._faults.attempt(alarm.alarm_arn, self._look, alarm, now)
            if acted:
                self._host.settle_data(True)

    def restored(self) -> None:
        self._kept.restore({(alarm.region, alarm.name): alarm for alarm in self._alarms()})

    def made(self, alarm: Alarm) -> None:
        """Look at an alarm that is new, or has other settings, when its first period ends, or its warm-up."""
        now = self._clock.time()
        warm_up = (alarm.settings.get("WarmUpConfiguration") or {}).get("WarmUpPeriodDurationInMinutes", 0)
        alarm.looked_to = -math.inf
        alarm.look_at = -math.inf if alarm.kind == COMPOSITE else self._next(alarm, now + warm_up * 60)

    def set(self, alarm: Alarm) -> None:
        """The state that somebody gave an alarm lasts until it is evaluated next."""
        alarm.look_at = -math.inf if alarm.kind == COMPOSITE else self._next(alarm, self._clock.time())

    def _alarms(self) -> list[Alarm]:
        return [alarm for backend in self._host.backends_so_far("cloudwatch") for alarm in backend.alarms.values()]

    def _hear(self, found: Iterable[Alarm], now: float) -> None:
        """Let those be looked at again whose metrics have had new data."""
        self._store.arrive()
        news, self._store.news = self._store.news, {}
        if not news:
            return
        for alarm in found:
            if alarm.kind == METRIC:
                earliest = min((news[key] for key in self._keys(alarm) if key in news), default=math.inf)
                if earliest < alarm.looked_to:
                    alarm.look_at = now
                elif earliest < math.inf:
                    alarm.look_at = min(alarm.look_at, self._next(alarm, now))

    def _keys(self, alarm: Alarm) -> Iterable[Key]:
        return Reading(self._store, alarm.region).keys(alarm.queries)

    @staticmethod
    def _next(alarm: Alarm, now: float) -> float:
        """When the next evaluation is due while there are data."""
        pause = alarms.pause(alarm.period, alarm.settings["EvaluationPeriods"])
        return (now // pause + 1) * pause

    # -- evaluating -----------------------------------------------------------------------------

    def _look(self, alarm: Alarm, now: float) -> None:
        if alarm.kind == COMPOSITE:
            self._look_at_rule(alarm, now)
        else:
            self._look_at_metric(alarm, now)

    def _look_at_metric(self, alarm: Alarm, now: float) -> None:
        rule, period = rule_of(alarm), alarm.period
        pause = alarms.pause(period, rule.periods)
        end = now // pause * pause
        begins = [end - period * number for number in range(rule.looked_at, 0, -1)]
        values = Reading(self._store, alarm.region).points(alarm.queries, begins[0], end, period)
        found = [Point(self._clock.moment(at), *values[at]) if at in values else None for at in begins]
        alarm.looked_to = end
        alarm.look_at = math.inf if not any(found) else end + max(pause, period)
        verdict = alarms.judge(rule, found)
        was = alarm.value
        if verdict is not None and (verdict.state != was or alarm.reason == alarms.FIRST_REASON):
            data = alarms.reason_data(rule, verdict, _statistic(alarm), self._clock.utcnow())
            self.become(alarm, verdict.state, verdict.reason, data)
        if alarm.value == was and was != alarms.INSUFFICIENT_DATA:
            self._go_on(alarm)

    def become(self, alarm: Alarm, value: str, reason: str, data: dict[str, Any] | str | None) -> None:
        """Let an alarm have a state, and do what follows from that."""
        was, before = alarm.value, messages.state_of(alarm)
        changed(alarm, value, reason, data, self._clock.time(), self._kept)
        if value == was or seams.replaying():  # what followed is done; what is kept of it comes back with `restored`
            return
        for other in self._alarms():
            if other.kind == COMPOSITE and other.region == alarm.region:
                other.look_at = -math.inf
                self._host.soon()
        alarm.held = alarm.kind == COMPOSITE and bool(alarm.settings.get("ActionsSuppressor"))
        self._hold(alarm)
        self._tell(alarm, before)
        if not alarm.held:
            self._act(alarm, alarm.actions())

    # -- composite alarms -----------------------------------------------------------------------

    def _look_at_rule(self, alarm: Alarm, now: float) -> None:
        others = {other.name: other for other in self._alarms() if other.region == alarm.region}
        alarm.look_at = math.inf
        if _is_in_a_circle(alarm, others):
            return
        is_true = alarm_rules.holds(
            alarm.rule, lambda name: others[name].value if name in others else alarms.INSUFFICIENT_DATA
        )
        value = alarms.ALARM if is_true else alarms.OK
        if value != alarm.value:
            self.become(alarm, value, *self._why(alarm, value, others))
        elif alarm.held:
            self._hold(alarm)
            if not alarm.held:
                self._kept.state(alarm)
                self._act(alarm, alarm.actions())

    def _why(self, alarm: Alarm, value: str, others: dict[str, Alarm]) -> tuple[str, dict[str, Any]]:
        children = [others[name] for name in sorted(alarm.children) if name in others]
        last = max(children, key=lambda child: child.transitioned, default=None)
        if last is None:
            return f"Alarm Rule is evaluated to {value}", {}
        moment = f"{last.transitioned:%A %d %B, %Y %H:%M:%S} UTC"
        return (
            f"{last.alarm_arn} transitioned to {last.value} at {moment}",
            {
                "triggeringAlarms": [
                    {
                        "arn": child.alarm_arn,
                        "state": {"value": child.value, "timestamp": alarms.stamp(child.transitioned)},
                    }
                    for child in children
                ]
            },
        )

    def _hold(self, alarm: Alarm) -> None:
        """Whether the actions of the last change are still held back, and when that is to be asked again."""
        alarm.held_by = None
        if not alarm.held:
            return
        asked = alarm.settings
        name = asked["ActionsSuppressor"].split(":alarm:", 1)[-1]
        other = self._host.backend("cloudwatch", alarm.region).alarms.get(name)
        now = self._clock.time()
        by = alarm_rules.suppressed_by(
            alarm.changed_at,
            Suppressor(
                other is not None and other.value == alarms.ALARM,
                other.changed_at if other is not None else -math.inf,
                other is not None and other.before == alarms.ALARM,
                asked["ActionsSuppressorWaitPeriod"],
                asked["ActionsSuppressorExtensionPeriod"],
            ),
            now,
        )
        alarm.held, alarm.held_by = by is not None, by
        if by in (alarm_rules.WAIT, alarm_rules.EXTENSION):
            alarm.look_at = now + 1.0

    # -- acting ---------------------------------------------------------------------------------

    def _tell(self, alarm: Alarm, before: dict[str, Any]) -> None:
        """EventBridge, where anybody listens."""
        kind, told = "CloudWatch Alarm State Change", messages.event(alarm, before)
        bus.tell(self._host, alarm.region, "aws.cloudwatch", kind, [alarm.alarm_arn], told)

    def _go_on(self, alarm: Alarm) -> None:
        """Scaling policies hear of every period in which the alarm stays as it is (documented)."""
        self._act(alarm, [arn for arn in alarm.actions() if is_scaling_policy(arn)], again=True)

    def _act(self, alarm: Alarm, actions: Iterable[str], *, again: bool = False) -> None:
        if not alarm.acts:
            return
        for arn in actions:
            published: dict[str, Any] = {}
            try:
                if is_scaling_policy(arn):
                    self._scale(alarm, arn)
                else:
                    published = {"publishedMessage": self._publish(alarm, arn)}
            except (ClientError, LookupError) as error:
                self._note(
                    alarm, f"Failed to execute action {arn}", {"actionState": "Failed", "error": str(error)}, arn
                )
            else:
                if not again:
                    self._note(
                        alarm, f"Successfully executed action {arn}", {"actionState": "Succeeded", **published}, arn
                    )

    def _note(self, alarm: Alarm, summary: str, data: dict[str, Any], arn: str) -> None:
        at = {"stateUpdateTimestamp": int(alarm.updated.timestamp() * 1000), "notificationResource": arn}
        self._kept.happened(alarm, ACTION, summary[:255], {**data, **at})

    def _publish(self, alarm: Alarm, arn: str) -> str:
        others = self._host.backend("cloudwatch", alarm.region).alarms
        children = {name: others[name] for name in alarm.children if name in others} if alarm.kind == COMPOSITE else {}
        message = json.dumps(messages.notification(alarm, self._host.account, children))
        self._host.client("sns", arn.split(":")[3], derived=True).publish(
            TopicArn=arn, Subject=messages.subject(alarm), Message=message
        )
        return message

    def _scale(self, alarm: Alarm, arn: str) -> None:
        """Application Auto Scaling hears of it by its backend, which no API of it has."""
        backend = self._host.backend_so_far("applicationautoscaling", alarm.region)
        if backend is None:
            raise LookupError(f"There is no scaling policy {arn}")
        backend.alarmed(arn, alarm.name)

    def looked_at(self, alarm: Alarm) -> LookedAt:
        """What an alarm was evaluated on last, or would be now."""
        rule, period = rule_of(alarm), alarm.period
        pause = alarms.pause(period, rule.periods)
        end = alarm.looked_to if math.isfinite(alarm.looked_to) else self._clock.time() // pause * pause
        begin = end - period * rule.looked_at
        values = Reading(self._store, alarm.region).points(alarm.queries, begin, end, period)
        return LookedAt(alarm.value, rule, [values[at][0] for at in sorted(values)][-rule.periods :])


def rule_of(alarm: Alarm) -> Rule:
    """What its settings hold a metric alarm against."""
    asked = alarm.settings
    missing = asked.get("TreatMissingData") or alarms.MISSING
    if any(query["MetricStat"]["Metric"]["Namespace"] == "AWS/DynamoDB" for query in alarm.queries if "MetricStat" in query):  # fmt: skip  # noqa: E501
        missing = alarms.IGNORE
    stat = watched(alarm.queries).get("MetricStat", {}).get("Stat", "")
    waits = asked.get("EvaluateLowSampleCountPercentile") == "ignore" and is_percentile(stat)
    return Rule(
        asked["ComparisonOperator"],
        float(asked["Threshold"]),
        asked["EvaluationPeriods"],
        asked.get("DatapointsToAlarm"),
        missing,
        alarms.least_samples(percent(stat)) if waits else 0.0,
    )


def _statistic(alarm: Alarm) -> dict[str, Any]:
    asked = alarm.settings
    told = {"unit": asked["Unit"]} if asked.get("Unit") else {}
    stat = asked.get("Statistic") or asked.get("ExtendedStatistic")
    return {**told, **({"statistic": stat} if stat else {}), "period": alarm.period}


def _is_in_a_circle(alarm: Alarm, others: dict[str, Alarm]) -> bool:
    """Whether a composite alarm looks at itself by way of others: then it is not evaluated (documented)."""
    seen: set[str] = set()
    todo = list(alarm.children)
    while todo:
        name = todo.pop()
        if name == alarm.name:
            return True
        if name in others and name not in seen and others[name].kind == COMPOSITE:
            todo.extend(others[name].children)
        seen.add(name)
    return False
