"""Requests for alarms that CloudWatch refuses, and those that the embedded AWS does.

Source: CloudWatch API Reference, *PutMetricAlarm*, *PutCompositeAlarm* (documented); messages as AWS words them where
that is known (observed).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from drydock.policy import alarms
from drydock.policy.alarm_rules import parse
from drydock.policy.infix import Malformed
from drydock.policy.metric_math import ID, MathError, Series, Source, compute, is_select
from drydock.policy.metrics import STATISTICS, is_percentile
from drydock.policy.requests.errors import Invalid

Request = Mapping[str, Any]

MOST_METRICS = 10
_OF_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_TOPIC = re.compile(r"arn:[\w-]+:sns:[a-z0-9-]+:\d{12}:[\w.-]+")
_POLICY = re.compile(r"arn:[\w-]+:autoscaling:[a-z0-9-]+:\d{12}:scalingPolicy:.+")
_OTHERS = {
    "lambda": "AWS Lambda", "ssm": "Systems Manager", "ssm-incidents": "Systems Manager", "automate": "EC2",
    "swf": "EC2", "aiops": "Amazon Q Developer", "autoscaling": "Auto Scaling other than scaling policies",
}  # fmt: skip
_PERIODS = (10, 20, 30)


def is_topic(arn: str) -> bool:
    return _TOPIC.fullmatch(arn) is not None


def is_scaling_policy(arn: str) -> bool:
    return _POLICY.fullmatch(arn) is not None


def metric_alarm(request: Request) -> None:
    """Raises Invalid for what PutMetricAlarm does not take."""
    _has_not(request, "EvaluationCriteria", "EvaluationInterval", what="alarms on PromQL queries")
    _has_not(request, "ActionConfiguration", what="tags in the notifications of alarms (ActionConfiguration)")
    _has_not(request, "ThresholdMetricId", what="anomaly detection")
    if "WallClockWindow" in (request.get("EvaluationWindow") or {}):
        raise _absent("evaluation windows of the wall clock")
    for name in ("ComparisonOperator", "EvaluationPeriods"):
        _required(request, name)
    if request["ComparisonOperator"] not in alarms.COMPARISONS:
        raise _absent(f"anomaly detection, which {request['ComparisonOperator']} is for")
    _required(request, "Threshold")
    if not math.isfinite(request["Threshold"]):
        raise Invalid("InvalidParameterValue", f"The value {request['Threshold']} for parameter Threshold is invalid.")
    if request.get("Metrics"):
        _of_queries(request)
    else:
        _of_one_metric(request)
    _one_of(request, "TreatMissingData", alarms.TREATMENTS)
    _one_of(request, "EvaluateLowSampleCountPercentile", ("evaluate", "ignore"))
    periods = request["EvaluationPeriods"]
    if request.get("DatapointsToAlarm", periods) > periods:
        raise _wrong("The parameter DatapointsToAlarm must not be greater than the parameter EvaluationPeriods.")
    period = period_of(request)
    if periods * period > alarms.widest(period):
        most = alarms.widest(period)
        span = "a day" if most == alarms.DAY else "seven days"
        raise _wrong(
            f"Metrics cannot be checked across more than {span} (EvaluationPeriods * Period must be <= {most})."
        )
    actions(request, may_scale=True)


def composite_alarm(request: Request) -> None:
    """Raises Invalid for what PutCompositeAlarm does not take."""
    _has_not(request, "ActionConfiguration", what="tags in the notifications of alarms (ActionConfiguration)")
    try:
        parse(request["AlarmRule"])
    except Malformed as error:
        raise _wrong(f"AlarmRule is not valid: {error} at position {error.at}") from None
    periods = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    if request.get("ActionsSuppressor"):
        for name in periods:
            _required(request, name)
    elif any(name in request for name in periods):
        raise _wrong("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor.")
    if any(request.get(name, 0) < 0 for name in periods):
        raise _wrong("The periods of an ActionsSuppressor must not be negative.")
    actions(request, may_scale=False)


def actions(request: Request, *, may_scale: bool) -> None:
    """Topics, and for a metric alarm scaling policies; another kind of action is refused by its name."""
    for arn in (arn for name in _ACTIONS for arn in request.get(name) or ()):
        if is_topic(arn) or (may_scale and is_scaling_policy(arn)):
            continue
        service = arn.split(":")[2] if arn.startswith("arn:") and arn.count(":") >= 4 else ""
        if service in _OTHERS:
            raise _absent(f"actions of {_OTHERS[service]} for {'' if may_scale else 'composite '}alarms ({arn})")
        raise _wrong(f"Invalid arn syntax: {arn}")


def period_of(settings: Request) -> int:
    """The period of an alarm, also of one on a math expression."""
    if not settings.get("Metrics"):
        return int(settings.get("Period", 60))
    asked = [query["MetricStat"]["Period"] if "MetricStat" in query else query.get("Period", 0) for query in settings["Metrics"]]  # fmt: skip  # noqa: E501
    return int(max(asked) or 60)


def watched(queries: Iterable[Request]) -> Request:
    """The one query of an alarm whose result it watches."""
    return next(query for query in queries if query.get("ReturnData", True))


def _of_one_metric(request: Request) -> None:
    if not request.get("MetricName"):
        raise _wrong(
            "The parameters MetricName, Metrics and EvaluationCriteria: exactly one of them must be specified."
        )
    for name in ("Namespace", "Period"):
        _required(request, name)
    statistic, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if bool(statistic) == bool(extended):
        raise Invalid(
            "InvalidParameterCombination", "Must specify either the parameter Statistic or ExtendedStatistic, not both."
        )
    if extended:
        _is_statistic(extended, "ExtendedStatistic")
    _is_period(request["Period"])


def _of_queries(request: Request) -> None:
    if given := [name for name in _OF_ONE_METRIC if request.get(name)]:
        raise _wrong(f"The parameters Metrics and {given[0]} are mutually exclusive and you have specified both.")
    queries = request["Metrics"]
    for query in queries:
        if not ID.fullmatch(query["Id"]):
            raise _wrong(
                f"The value {query['Id']} for parameter Metrics.member.Id is not matching the expected pattern."
            )
        if "AccountId" in query:
            raise _absent("metrics of other accounts")
        if ("MetricStat" in query) == bool(query.get("Expression")):
            raise _wrong(f"Metrics list entry {query['Id']} must have exactly one of MetricStat and Expression.")
        if "MetricStat" in query:
            _is_period(query["MetricStat"]["Period"])
            _is_statistic(query["MetricStat"]["Stat"], "Stat")
        elif "Period" in query:
            _is_period(query["Period"])
    if len({query["Id"] for query in queries}) < len(queries):
        raise _wrong("Metrics list must not have two entries with the same Id.")
    if len([query for query in queries if query.get("ReturnData", True)]) != 1:
        raise _wrong("Exactly one element of the metrics list should return data.")
    if len([query for query in queries if "MetricStat" in query]) > MOST_METRICS:
        raise _wrong(f"An alarm can be on {MOST_METRICS} metrics at most.")
    for query in queries:
        if "Expression" in query and is_select(query["Expression"]):
            raise _absent("alarms on queries of Metrics Insights")
    _is_computed(queries)
    if len({query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}) > 1:
        raise _wrong("Metrics list must have the same Period for all metrics.")


def _is_computed(queries: Iterable[Request]) -> None:
    """Compute the expressions of an alarm on nothing: what is no expression, or finds no metrics, fails."""
    asked = list(queries)
    try:
        nothing = Source(lambda stat: Series({}, stat["Period"]), lambda _: (0.0, 0.0))
        found = compute(asked, nothing)
    except MathError as error:
        raise _wrong(str(error)) from None
    name = watched(asked)["Id"]
    if len(found[name]) != 1:
        raise _wrong(f"The expression {name} of an alarm must give one time series, not {len(found[name])}.")


def _is_statistic(name: str, parameter: str) -> None:
    if not (is_percentile(name) or (parameter == "Stat" and name in STATISTICS)):
        raise Invalid("InvalidParameterValue", f"The value {name} for parameter {parameter} is not supported.")


def _is_period(seconds: int) -> None:
    if seconds not in _PERIODS and seconds % 60:
        raise _wrong("Period must be 10, 20, 30 or a multiple of 60")


def _one_of(request: Request, name: str, options: tuple[str, ...]) -> None:
    if request.get(name) not in (None, *options):
        raise _wrong(
            f"Option {request[name]} is not supported. Supported options for parameter {name} are "
            f"{', '.join(options[:-1])} and {options[-1]}."
        )


def _required(request: Request, name: str) -> None:
    if request.get(name) is None:
        raise Invalid("MissingParameter", f"The parameter {name} is required.")


def _has_not(request: Request, *names: str, what: str) -> None:
    if any(request.get(name) is not None for name in names):
        raise _absent(what)


def _absent(what: str) -> Invalid:
    return Invalid("ValidationError", f"The embedded AWS does not have {what}.")


def _wrong(message: str) -> Invalid:
    return Invalid("ValidationError", message)
