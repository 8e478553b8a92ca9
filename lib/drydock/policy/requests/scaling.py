"""Requests that Application Auto Scaling refuses, and those that the embedded AWS does.

Source: Application Auto Scaling API Reference, *RegisterScalableTarget*, *PutScalingPolicy*, *StepAdjustment*,
*PutScheduledAction* (documented); messages as AWS words them where that is known (observed).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from drydock.policy import scaling
from drydock.policy.requests import alarm
from drydock.policy.requests.errors import Invalid
from drydock.policy.schedules import NEVER, read_any

Request = Mapping[str, Any]
Document = dict[str, Any]

ECS, DESIRED_COUNT = "ecs", "ecs:service:DesiredCount"
STEP, TRACKING, PREDICTIVE = "StepScaling", "TargetTrackingScaling", "PredictiveScaling"
TYPES = (PREDICTIVE, STEP, TRACKING)
PREDEFINED = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}
PER_TARGET = "ALBRequestCountPerTarget"
_FINE = "HighResolution"
_LABEL = re.compile(r"(?P<balancer>app/[^/]+/[^/]+)/(?P<group>targetgroup/[^/]+/[^/]+)")
_ADJUSTMENTS = (scaling.CHANGE, scaling.PERCENT, scaling.EXACT)


def target(least: int | None, most: int | None) -> scaling.Bounds:
    """The bounds of a target. Raises Invalid for some that it cannot have."""
    if least is None or most is None:
        raise _wrong("Both minimum capacity and maximum capacity are required to register a new scalable target")
    if least < 0 or most < 0:
        raise _wrong("Minimum capacity and maximum capacity cannot be less than 0")
    if least > most:
        raise _wrong("Maximum capacity cannot be less than minimum capacity")
    return scaling.Bounds(least, most)


def acts_on(namespace: str, what: str) -> None:
    """Raises Invalid for what nothing would scale."""
    if namespace != ECS:
        raise _absent(f"{what} for {namespace}: it scales the desired count of ECS's services")


def policy(request: Request, kind: str | None) -> None:
    """Raises Invalid for a policy that is none. `kind`: of the policy that is there already."""
    acts_on(request["ServiceNamespace"], "scaling policies")
    named = request.get("PolicyType") or kind
    if named is None:
        raise _wrong("PolicyType is required to create a scaling policy")
    if named not in TYPES:
        raise _wrong(
            f"1 validation error detected: Value '{named}' at 'policyType' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(TYPES)}]"
        )
    if named == PREDICTIVE or request.get("PredictiveScalingPolicyConfiguration") is not None:
        raise _absent("predictive scaling")
    if kind is not None and named != kind:
        raise _wrong(f"The policy type of a scaling policy cannot be changed from {kind} to {named}")
    own, other = (f"{each}PolicyConfiguration" for each in ((STEP, TRACKING) if named == STEP else (TRACKING, STEP)))
    if request.get(other) is not None:
        raise _wrong(f"{other} cannot be given for a policy of type {named}")
    if request.get(own) is None:
        raise _wrong(f"{own} is required for a policy of type {named}")
    if named == STEP:
        _steps(request[own])
    else:
        _tracking(request[own], request["ResourceId"])


def _tracking(asked: Request, resource: str) -> None:
    if (asked.get("PredefinedMetricSpecification") is None) == (asked.get("CustomizedMetricSpecification") is None):
        raise _wrong("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified")
    if not asked["TargetValue"] > 0:
        raise _absent("target values that are not above 0")
    _not_negative(asked, "ScaleInCooldown", "ScaleOutCooldown")
    if "PredefinedMetricSpecification" in asked:
        _predefined(asked["PredefinedMetricSpecification"])
    elif not asked["CustomizedMetricSpecification"].get("Metrics"):
        for name in ("MetricName", "Namespace", "Statistic"):
            if not asked["CustomizedMetricSpecification"].get(name):
                raise _wrong(f"{name} is required in a CustomizedMetricSpecification without Metrics")
    try:
        alarm.metric_alarm({**measured(asked, resource), **high(asked)})
    except Invalid as error:
        raise _wrong(error.message) from None


def _predefined(asked: Request) -> None:
    kind, label = asked["PredefinedMetricType"], asked.get("ResourceLabel")
    if kind.endswith(_FINE):
        raise _absent(f"metrics of 20 seconds ({kind})")
    if kind != PER_TARGET and kind not in PREDEFINED:
        raise _wrong(f"Predefined metric type {kind} is not supported for scalable dimension {DESIRED_COUNT}")
    if kind == PER_TARGET and (not label or not _LABEL.fullmatch(label)):
        raise _wrong(
            f"A resource label of the form app/<name>/<id>/targetgroup/<name>/<id> is required for predefined metric "
            f"type {PER_TARGET}"
        )
    if kind != PER_TARGET and label:
        raise _wrong(f"A resource label cannot be specified for predefined metric type {kind}")


def _steps(asked: Request) -> None:
    if asked.get("AdjustmentType") not in _ADJUSTMENTS:
        raise _wrong("AdjustmentType is required in a StepScalingPolicyConfiguration")
    steps = steps_of(asked)
    if not steps:
        raise _wrong("At least one StepAdjustment is required in a StepScalingPolicyConfiguration")
    _not_negative(asked, "Cooldown")
    if asked.get("MinAdjustmentMagnitude") is not None and asked["AdjustmentType"] != scaling.PERCENT:
        raise _wrong("MinAdjustmentMagnitude is only valid for AdjustmentType PercentChangeInCapacity")
    if asked["AdjustmentType"] == scaling.EXACT and any(step.adjustment < 0 for step in steps):
        raise _wrong("ScalingAdjustment must not be negative for AdjustmentType ExactCapacity")
    _fit_together(steps)


def _fit_together(steps: Sequence[scaling.Step]) -> None:
    for bound in ("lower", "upper"):
        if sum(getattr(step, bound) is None for step in steps) > 1:
            raise _wrong(f"At most one StepAdjustment may have an unspecified {bound} bound")
    for step in steps:
        if step.lower is None and step.upper is None:
            raise _wrong("The upper and lower bound of a StepAdjustment cannot both be unspecified")
        if step.lower is not None and step.upper is not None and step.lower >= step.upper:
            raise _wrong("The upper bound of a StepAdjustment must be greater than its lower bound")
    in_order = sorted(steps, key=lambda step: float("-inf") if step.lower is None else step.lower)
    for step, following in pairwise(in_order):
        if step.upper is None or following.lower is None or step.upper > following.lower:
            raise _wrong("StepAdjustment intervals can't overlap")
        if step.upper < following.lower:
            raise _wrong("StepAdjustment intervals can't have gaps between them")
    first, last = in_order[0], in_order[-1]
    for name, is_open in (
        ("lower", first.lower is not None and first.lower < 0),
        ("upper", last.upper is not None and last.upper > 0),
    ):
        if is_open:
            sign = "negative" if name == "lower" else "positive"
            raise _wrong(f"A StepAdjustment without {name} bound is needed where one has a {sign} {name} bound")


def steps_of(asked: Request) -> list[scaling.Step]:
    return [
        scaling.Step(
            step["ScalingAdjustment"], step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
        )
        for step in asked.get("StepAdjustments") or ()
    ]


def scheduled(request: Request, known: Request | None, wall: datetime) -> None:
    """Raises Invalid for a scheduled action that is none, or will never be. `known`: what has its name already."""
    acts_on(request["ServiceNamespace"], "scheduled actions")
    whole = {**(known or {}), **request}
    if not whole.get("Schedule"):
        raise _wrong("Schedule is required to create a scheduled action")
    action = whole.get("ScalableTargetAction") or {}
    least, most = action.get("MinCapacity"), action.get("MaxCapacity")
    if least is None and most is None:
        raise _wrong("At least one of minimum capacity and maximum capacity should be provided")
    if least is not None and most is not None:
        target(least, most)
    _not_negative(action, "MinCapacity", "MaxCapacity")
    if whole["Schedule"].startswith("rate(") and whole.get("Timezone"):
        raise _wrong("Timezone is not supported for rate expressions")
    try:
        schedule = read_any(whole["Schedule"], whole.get("Timezone"))
    except ValueError as error:
        raise _wrong(f"Schedule expression {whole['Schedule']} is not valid: {error}") from None
    if schedule.next(0.0, wall) == NEVER:
        raise _wrong(f"Schedule expression {whole['Schedule']} is in the past")
    start, end = request.get("StartTime"), request.get("EndTime")
    if start is not None and end is not None and start >= end:
        raise _wrong("StartTime must be before EndTime")
    if end is not None and end <= wall:
        raise _wrong("EndTime must be in the future")


# -- the alarms of target tracking ----------------------------------------------------------------


def measured(asked: Request, resource: str) -> Document:
    """What the alarms of target tracking watch, as PutMetricAlarm is asked it."""
    custom = asked.get("CustomizedMetricSpecification")
    if custom is not None:
        if custom.get("Metrics"):
            return {"Metrics": [_query(query) for query in custom["Metrics"]]}
        names = ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit")
        return {"Period": 60, **{name: custom[name] for name in names if custom.get(name)}}
    predefined = asked["PredefinedMetricSpecification"]
    if predefined["PredefinedMetricType"] == PER_TARGET:
        found = _LABEL.fullmatch(predefined["ResourceLabel"])
        assert found is not None
        metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCountPerTarget", "Statistic": "Sum"}
        dimensions = {"TargetGroup": found["group"], "LoadBalancer": found["balancer"]}
    else:
        name = PREDEFINED[predefined["PredefinedMetricType"]]
        metric = {"Namespace": "AWS/ECS", "MetricName": name, "Statistic": "Average", "Unit": "Percent"}
        cluster, service = resource.split("/")[1:]
        dimensions = {"ClusterName": cluster, "ServiceName": service}
    return {
        "Period": 60,
        **metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }


def _query(query: Request) -> Document:
    """A metric of target tracking is of a minute."""
    if not query.get("MetricStat"):
        return dict(query)
    return {**query, "MetricStat": {**query["MetricStat"], "Period": 60}}


def high(asked: Request) -> Document:
    """When the alarm is in ALARM that scales out."""
    return {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": scaling.HIGH_PERIODS,
        "Threshold": float(asked["TargetValue"]),
    }


def low(asked: Request) -> Document:
    """When the alarm is in ALARM that scales in."""
    return {
        "ComparisonOperator": "LessThanThreshold",
        "EvaluationPeriods": scaling.LOW_PERIODS,
        "Threshold": scaling.low_threshold(asked["TargetValue"]),
    }


def label_group(asked: Request) -> str | None:
    """The end of the ARN of the target group whose requests are tracked."""
    label = (asked.get("PredefinedMetricSpecification") or {}).get("ResourceLabel")
    found = _LABEL.fullmatch(label) if label else None
    return found["group"] if found else None


def _not_negative(asked: Request, *names: str) -> None:
    for name in names:
        if (asked.get(name) or 0) < 0:
            raise _wrong(f"{name} must not be negative")


def _absent(what: str) -> Invalid:
    return Invalid("ValidationException", f"The embedded AWS does not have {what}.")


def _wrong(message: str) -> Invalid:
    return Invalid("ValidationException", message)
