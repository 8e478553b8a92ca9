"""What CloudWatch tells others when an alarm changes its state.

Source: CloudWatch user guide, "Alarm events and EventBridge", "Notifying users on alarm changes" (documented); the
message to a topic as real ones are (observed).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import Loader

from drydock.policy.alarms import stamp

from .alarms import COMPOSITE, Alarm

Document = dict[str, Any]
_SHORT = {
    "Average": "AVERAGE", "Sum": "SUM", "Minimum": "MINIMUM", "Maximum": "MAXIMUM", "SampleCount": "SAMPLE_COUNT",
}  # fmt: skip


@cache
def _regions() -> dict[str, str]:
    partitions = Loader().load_data("partitions")["partitions"]
    return {name: region["description"] for part in partitions for name, region in part["regions"].items()}


def region_name(region: str) -> str:
    """A region as people call it."""
    return _regions().get(region, region)


def subject(alarm: Alarm) -> str:
    """The subject of a notification, which may have 100 characters."""
    return f'{alarm.value}: "{alarm.name}" in {region_name(alarm.region)}'[:100]


def notification(alarm: Alarm, account: str, children: dict[str, Alarm]) -> Document:
    """The message to a topic. `children`: of a composite alarm, those that its rule looks at, by name."""
    settings = alarm.settings
    told = {
        "AlarmName": alarm.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured),
        "NewStateValue": alarm.value,
        "NewStateReason": alarm.reason,
        "StateChangeTime": stamp(alarm.transitioned),
        "Region": region_name(alarm.region),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": alarm.before,
        "OKActions": settings.get("OKActions") or [],
        "AlarmActions": settings.get("AlarmActions") or [],
        "InsufficientDataActions": settings.get("InsufficientDataActions") or [],
    }
    if alarm.kind == COMPOSITE:
        triggering = [child for child in children.values() if child.value == "ALARM"]
        return told | {
            "AlarmRule": settings["AlarmRule"],
            "TriggeringChildren": [
                {"Arn": child.alarm_arn, "State": {"Value": child.value, "Timestamp": stamp(child.transitioned)}}
                for child in triggering
            ],
        }
    return told | {"Trigger": _trigger(alarm)}


def _trigger(alarm: Alarm) -> Document:
    settings = alarm.settings
    rule = {
        "Period": alarm.period,
        "EvaluationPeriods": settings["EvaluationPeriods"],
        **({"DatapointsToAlarm": settings["DatapointsToAlarm"]} if "DatapointsToAlarm" in settings else {}),
        "ComparisonOperator": settings["ComparisonOperator"],
        "Threshold": settings["Threshold"],
        "TreatMissingData": settings.get("TreatMissingData", ""),
        "EvaluateLowSampleCountPercentile": settings.get("EvaluateLowSampleCountPercentile", ""),
    }
    if settings.get("Metrics"):
        return {"Metrics": [_query(query) for query in settings["Metrics"]], **rule}
    statistic = (
        {"StatisticType": "Statistic", "Statistic": _SHORT[settings["Statistic"]]}
        if settings.get("Statistic")
        else {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": settings["ExtendedStatistic"]}
    )
    return {
        "MetricName": settings["MetricName"],
        "Namespace": settings["Namespace"],
        **statistic,
        "Unit": settings.get("Unit"),
        "Dimensions": _pairs(settings.get("Dimensions")),
        **rule,
    }


def _query(query: Document) -> Document:
    """A query of an alarm, with dimensions as notifications write them."""
    if "MetricStat" not in query:
        return {"ReturnData": True, **query}
    stat = query["MetricStat"]
    metric = {**stat["Metric"], "Dimensions": _pairs(stat["Metric"].get("Dimensions"))}
    return {"ReturnData": True, **query, "MetricStat": {**stat, "Metric": metric}}


def _pairs(dimensions: list[dict[str, str]] | None) -> list[dict[str, str]]:
    return [{"value": each["Value"], "name": each["Name"]} for each in dimensions or ()]


def event(alarm: Alarm, before: Document) -> Document:
    """The detail of a `CloudWatch Alarm State Change`. `before`: what `state_of` told before the change."""
    settings = alarm.settings
    configuration: Document = {}
    if settings.get("AlarmDescription"):
        configuration["description"] = settings["AlarmDescription"]
    if alarm.kind == COMPOSITE:
        configuration["alarmRule"] = settings["AlarmRule"]
        for name in ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
            if name in settings:
                configuration[f"{name[:1].lower()}{name[1:]}"] = settings[name]
    else:
        configuration["metrics"] = [_in_an_event(query) for query in alarm.queries]
    return {"alarmName": alarm.name, "configuration": configuration, "previousState": before, "state": state_of(alarm)}


def state_of(alarm: Alarm) -> Document:
    """A state, as an event has it."""
    held = {"actionsSuppressedBy": alarm.held_by} if alarm.held_by else {}
    data = {"reasonData": alarm.reason_data} if alarm.reason_data else {}
    return {"value": alarm.value, "reason": alarm.reason, **data, "timestamp": stamp(alarm.updated), **held}


def _in_an_event(query: Document) -> Document:
    told: Document = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    told |= {name.lower(): query[name] for name in ("Expression", "Label", "Period") if name in query}
    if "MetricStat" in query:
        stat = query["MetricStat"]
        told["metricStat"] = {
            "metric": {
                "namespace": stat["Metric"]["Namespace"],
                "name": stat["Metric"]["MetricName"],
                "dimensions": {each["Name"]: each["Value"] for each in stat["Metric"].get("Dimensions") or ()},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
            **({"unit": stat["Unit"]} if stat.get("Unit") else {}),
        }
    return told
