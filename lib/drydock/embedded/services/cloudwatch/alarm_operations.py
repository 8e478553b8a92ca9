"""The operations of CloudWatch on alarms."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidFormat, ResourceNotFound, ValidationError
from moto.cloudwatch.utils import make_arn_for_alarm
from moto.core.responses import ActionResult, EmptyResult

from drydock.embedded.core import seams
from drydock.embedded.core.refusals import Refusal, refusing
from drydock.policy.requests import alarm as requests

from .alarms import COMPOSITE, CONFIGURATION, METRIC, Alarm, Kept
from .controller import Controller, LookedAt
from .errors import InvalidNextToken

MOST_TAGS = 50
PAGE = 100
_TYPES = {METRIC: "MetricAlarms", COMPOSITE: "CompositeAlarms"}
_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_MOTOS = {
    "name": "AlarmName", "namespace": "Namespace", "metric_name": "MetricName", "period": "Period",
    "comparison_operator": "ComparisonOperator", "evaluation_periods": "EvaluationPeriods", "threshold": "Threshold",
    "statistic": "Statistic", "description": "AlarmDescription", "dimensions": "Dimensions", "unit": "Unit",
    "alarm_actions": "AlarmActions",
}  # fmt: skip
"""What services of moto say of an alarm that they make, by the members of a request."""


class Operations:
    """What replaces moto's operations; `controller` does what follows from a change."""

    def __init__(self, controller: Controller, kept: Kept, poke: Callable[[], None]) -> None:
        self._controller, self._kept, self._poke = controller, kept, poke

    # -- making ---------------------------------------------------------------------------------

    def put_metric_alarm(self, response: Any) -> Any:
        request = _request(response)
        with refusing():
            requests.metric_alarm(request)
        self.put(response.cloudwatch_backend, request)
        return EmptyResult()

    def put_composite_alarm(self, response: Any) -> Any:
        backend, request = response.cloudwatch_backend, _request(response)
        with refusing():
            requests.composite_alarm(request)
        made = Alarm(backend.region_name, request["AlarmName"], "", request, seams.utcnow())
        suppressor = (request.get("ActionsSuppressor") or "").split(":alarm:", 1)[-1]
        unknown = (made.children | ({suppressor} if suppressor else set())) - set(backend.alarms) - {made.name}
        if unknown and not seams.replaying():
            raise ValidationError(f"Could not find alarms with names: {', '.join(sorted(unknown))}.")
        self.put(backend, request)
        return EmptyResult()

    def put(self, backend: Any, request: dict[str, Any]) -> Alarm:
        """Make an alarm, or give the one of this name other settings; its state stays."""
        name, tags = request["AlarmName"], request.pop("Tags", None) or []
        arn = make_arn_for_alarm(backend.region_name, backend.account_id, name)
        made = Alarm(backend.region_name, name, arn, request, seams.utcnow())
        alarm: Alarm = backend.alarms.setdefault(name, made)
        is_new = alarm is made
        if alarm.kind != made.kind:
            raise ValidationError(f"An alarm of another type has the name {name}.")
        _may_have({each["Key"]: each["Value"] for each in tags})
        if is_new and tags:
            backend.tagger.tag_resource(arn, tags)
        alarm.settings, alarm.configured = request, made.configured
        verb = "created" if is_new else "updated"
        self._kept.happened(
            alarm,
            CONFIGURATION,
            f'Alarm "{name}" {verb}'[:255],
            {"version": "1.0", "type": "Create" if is_new else "Update", f"{verb}Alarm": _told(request)},
        )
        self._controller.made(alarm)
        self._poke()
        return alarm

    def put_for_moto(self, backend: Any, **given: Any) -> Alarm:
        """For services of moto, which make alarms without a request."""
        request = {_MOTOS[name]: value for name, value in given.items() if name in _MOTOS and value is not None}
        return self.put(backend, request)

    def delete_alarms(self, response: Any) -> Any:
        """Those that are there, in one request not more than one composite alarm; none that another looks at."""
        backend = response.cloudwatch_backend
        found = [backend.alarms[name] for name in response._get_param("AlarmNames") if name in backend.alarms]
        composite = [alarm.name for alarm in found if alarm.kind == COMPOSITE]
        if len(composite) > 1:
            raise ValidationError("A request can delete at most one composite alarm.")
        for alarm in found:
            others = [other for other in backend.alarms.values() if other.name not in composite]
            if parents := [other.name for other in others if _looks_at(other, alarm.name)]:
                raise ValidationError(
                    f"Cannot delete {alarm.name} as there are composite alarm(s) depending on it: {', '.join(parents)}"
                )
        for alarm in found:
            self.delete(backend, alarm)
        return EmptyResult()

    def delete_for_moto(self, backend: Any, names: list[str]) -> None:
        for name in names:
            if name in backend.alarms:
                self.delete(backend, backend.alarms[name])

    def delete(self, backend: Any, alarm: Alarm) -> None:
        del backend.alarms[alarm.name]
        backend.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
        self._kept.forget(alarm.region, alarm.name)
        self._kept.happened(
            alarm,
            CONFIGURATION,
            f'Alarm "{alarm.name}" deleted'[:255],
            {"version": "1.0", "type": "Delete", "deletedAlarm": _told(alarm.settings)},
        )

    # -- for Application Auto Scaling -------------------------------------------------------------

    def looked_at(self, backend: Any, name: str) -> LookedAt | None:
        """What a metric alarm looked at; None where there is none of that name."""
        alarm = backend.alarms.get(name)
        return self._controller.looked_at(alarm) if alarm is not None and alarm.kind == METRIC else None

    def without_action(self, backend: Any, arn: str) -> None:
        """Let no alarm do an action any more."""
        for alarm in backend.alarms.values():
            lists = {name: alarm.settings[name] for name in _LISTS if arn in (alarm.settings.get(name) or ())}
            left = {name: [each for each in actions if each != arn] for name, actions in lists.items()}
            alarm.settings = {**alarm.settings, **left}

    # -- changing -------------------------------------------------------------------------------

    def set_alarm_state(self, response: Any) -> Any:
        """A state until the alarm is evaluated next."""
        asked = _request(response)
        data = asked.get("StateReasonData")
        alarm = response.cloudwatch_backend.alarms.get(asked["AlarmName"])
        if alarm is None:
            raise ResourceNotFound("The specified alarm does not exist.")
        try:
            json.loads(data or "{}")
        except ValueError:
            raise InvalidFormat("StateReasonData is not valid JSON.") from None
        self._controller.become(alarm, asked["StateValue"], asked["StateReason"], data)
        self._controller.set(alarm)
        self._poke()
        return EmptyResult()

    def enable_alarm_actions(self, response: Any) -> Any:
        return self._let_act(response, acts=True)

    def disable_alarm_actions(self, response: Any) -> Any:
        return self._let_act(response, acts=False)

    def _let_act(self, response: Any, *, acts: bool) -> Any:
        alarms = response.cloudwatch_backend.alarms
        for name in response._get_param("AlarmNames"):
            if name in alarms:
                alarms[name].settings = {**alarms[name].settings, "ActionsEnabled": acts}
        return EmptyResult()

    # -- reading --------------------------------------------------------------------------------

    def describe_alarms(self, response: Any) -> Any:
        asked = _request(response)
        alarms: dict[str, Alarm] = response.cloudwatch_backend.alarms
        names, prefix = asked.get("AlarmNames") or [], asked.get("AlarmNamePrefix")
        family = asked.get("ChildrenOfAlarmName") or asked.get("ParentsOfAlarmName")
        others = set(asked) - {"MaxRecords", "NextToken", "ChildrenOfAlarmName", "ParentsOfAlarmName"}
        if family and (others or len({"ChildrenOfAlarmName", "ParentsOfAlarmName"} & set(asked)) > 1):
            raise ValidationError(
                "ChildrenOfAlarmName and ParentsOfAlarmName cannot be used with other parameters than MaxRecords and "
                "NextToken."
            )
        if names and prefix:
            raise ValidationError("AlarmNames and AlarmNamePrefix are mutually exclusive.")
        kinds = set(asked.get("AlarmTypes") or [METRIC]) if not family else set(_TYPES)
        found = [
            alarm
            for name, alarm in sorted(alarms.items())
            if alarm.kind in kinds
            and (not names or name in names)
            and name.startswith(prefix or "")
            and asked.get("StateValue") in (None, alarm.value)
            and (not asked.get("ActionPrefix") or _acts_on(alarm, asked["ActionPrefix"]))
            and (not asked.get("ChildrenOfAlarmName") or _looks_at(alarms.get(str(family)), name))
            and (not asked.get("ParentsOfAlarmName") or _looks_at(alarm, str(family)))
        ]
        page, token = _page(found, asked)
        short = ("AlarmName", "AlarmArn") + (
            ("StateValue", "StateUpdatedTimestamp") if asked.get("ChildrenOfAlarmName") else ()
        )
        told: dict[str, list[Any]] = {_TYPES[kind]: [] for kind in _TYPES}
        for alarm in page:
            view = _view(alarm)
            told[_TYPES[alarm.kind]].append({name: view[name] for name in short} if family else view)
        return ActionResult({**told, **token})

    def describe_alarms_for_metric(self, response: Any) -> Any:
        """Alarms on this very metric, also by way of a math expression; the other members narrow that."""
        asked = _request(response)
        wanted = _metric(asked)
        found = []
        for _, alarm in sorted(response.cloudwatch_backend.alarms.items()):
            if alarm.kind != METRIC:
                continue
            stats = [query["MetricStat"] for query in alarm.queries if "MetricStat" in query]
            if any(
                _metric(stat["Metric"]) == wanted
                and asked.get("Period") in (None, stat["Period"])
                and (asked.get("Statistic") or asked.get("ExtendedStatistic")) in (None, stat["Stat"])
                and asked.get("Unit") in (None, stat.get("Unit"))
                for stat in stats
            ):
                found.append(_view(alarm))
        return ActionResult({"MetricAlarms": found})

    def describe_alarm_history(self, response: Any) -> Any:
        asked = _request(response)
        kinds = set(asked.get("AlarmTypes") or [METRIC])
        items = self._kept.history(
            response.cloudwatch_backend.region_name,
            _seconds(asked["StartDate"]) if "StartDate" in asked else 0.0,
            _seconds(asked["EndDate"]) if "EndDate" in asked else math.inf,
            alarm=asked.get("AlarmName"),
            item=asked.get("HistoryItemType"),
        )
        found = [item for item in items if item["AlarmType"] in kinds]
        if asked.get("ScanBy") != "TimestampAscending":
            found.reverse()
        page, token = _page(found, asked)
        return ActionResult({"AlarmHistoryItems": page, **token})

    # -- tags -----------------------------------------------------------------------------------

    def tag_resource(self, response: Any) -> Any:
        backend, arn = response.cloudwatch_backend, response._get_param("ResourceARN")
        _is_there(backend, arn)
        tags = response._get_param("Tags") or []
        _may_have({**backend.tagger.get_tag_dict_for_resource(arn), **{each["Key"]: each["Value"] for each in tags}})
        backend.tagger.tag_resource(arn, tags)
        return EmptyResult()

    def untag_resource(self, response: Any) -> Any:
        backend, arn = response.cloudwatch_backend, response._get_param("ResourceARN")
        _is_there(backend, arn)
        backend.tagger.untag_resource_using_names(arn, response._get_param("TagKeys") or [])
        return EmptyResult()

    def list_tags_for_resource(self, response: Any) -> Any:
        backend, arn = response.cloudwatch_backend, response._get_param("ResourceARN")
        _is_there(backend, arn)
        tags = backend.tagger.get_tag_dict_for_resource(arn)
        return ActionResult({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def _request(response: Any) -> dict[str, Any]:
    """The members of the request at hand."""
    return {name: value for name, value in response._get_params().items() if value is not None}


def _looks_at(alarm: Alarm | None, name: str) -> bool:
    return alarm is not None and alarm.kind == COMPOSITE and name in alarm.children


def _acts_on(alarm: Alarm, prefix: str) -> bool:
    asked = alarm.settings
    lists = (asked.get(name) or () for name in _LISTS)
    return any(arn.startswith(prefix) for each in lists for arn in each)


def _metric(asked: dict[str, Any]) -> tuple[str, str, frozenset[tuple[str, str]]]:
    dimensions = {(each["Name"], each["Value"]) for each in asked.get("Dimensions") or ()}
    return asked["Namespace"], asked["MetricName"], frozenset(dimensions)


def _page(found: list[Any], asked: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    token = asked.get("NextToken", "0")
    if not (token.isascii() and token.isdigit()):
        raise InvalidNextToken("The next token is not valid.")
    first = int(token)
    last = first + int(asked.get("MaxRecords") or PAGE)
    return found[first:last], {"NextToken": str(last)} if last < len(found) else {}


def _view(alarm: Alarm) -> dict[str, Any]:
    lists: dict[str, Any] = {name: [] for name in _LISTS}
    if alarm.kind == METRIC:
        lists["Dimensions"] = []
    told = {"ActionsEnabled": True, **lists, **alarm.settings}
    if alarm.settings.get("Metrics"):
        told["Metrics"] = [{"ReturnData": True, **query} for query in alarm.settings["Metrics"]]
        del told["Dimensions"]
    held = {"ActionsSuppressedBy": alarm.held_by} if alarm.held_by else {}
    return {
        **told,
        **held,
        "AlarmArn": alarm.alarm_arn,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured,
        "StateValue": alarm.value,
        "StateReason": alarm.reason,
        **({"StateReasonData": alarm.reason_data} if alarm.reason_data else {}),
        "StateUpdatedTimestamp": alarm.updated,
        "StateTransitionedTimestamp": alarm.transitioned,
    }


def _told(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings, as the history has them."""
    return {f"{name[:1].lower()}{name[1:]}": value for name, value in settings.items()}


def _is_there(backend: Any, arn: str) -> None:
    known: Iterable[str] = [alarm.alarm_arn for alarm in backend.alarms.values()]
    if arn not in [*known, *(rule.rule_arn for rule in backend.insight_rules.values())]:
        raise Refusal("ResourceNotFoundException", "The specified resource does not exist.")


def _may_have(tags: dict[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise ValidationError(f"An alarm can have at most {MOST_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise ValidationError("Tag keys may not begin with aws:.")


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
