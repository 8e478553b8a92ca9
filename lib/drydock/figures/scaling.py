"""A service that is scaled: what was measured of it each minute of AWS, and how many tasks it wanted and had."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from drydock.cloud import Cloud
from drydock.figures.figure import COLOURS, Figure
from drydock.policy.scaling_course import Minute

Points = Sequence[tuple[float, float]]
"""At which minute, and how much."""
_LATE = 0.01
"""Of a minute: what is nearer to a minute's beginning is of that minute."""


def scaling_over_time(
    measured: Points, tasks: Mapping[str, Points], *, what: str, limits: Mapping[str, float], title: str,
    when: str = "minutes of AWS",
) -> Figure:  # fmt: skip
    """`what` was measured, above, with lines at the `limits`; tasks, by what they are called, below.

    The table has the last minute, and each after which tasks were more or fewer.
    """
    told = [dict(points) for points in (measured, *tasks.values())]
    known = sorted(at for at in set().union(*told) if all(at in counted for counted in told[1:]))
    whole = [(f"{at:g}", *(_number(values.get(at)) for values in told)) for at in known]
    rows = [row for row, following in pairwise(whole) if row[2:] != following[2:]] + whole[-1:]
    data: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines+markers", "name": what, "x": [at for at, _ in measured],
         "y": [round(value, 2) for _, value in measured], "marker": {"color": COLOURS[0]}}
    ]  # fmt: skip
    data += [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": [at for at, _ in points], "yaxis": "y2",
         "y": [value for _, value in points], "marker": {"color": COLOURS[index + 1]},
         "line": {"shape": "hv", "width": 3 - index, "dash": "dot" if index else "solid"}}
        for index, (name, points) in enumerate(tasks.items())
    ]  # fmt: skip
    lines = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": limit, "y1": limit,
         "line": {"color": "#999999", "dash": "dash", "width": 1}}
        for limit in limits.values()
    ]  # fmt: skip
    words = [
        {"xref": "paper", "x": 1, "y": limit, "text": f"{name} {limit:g}", "showarrow": False, "xanchor": "right",
         "yanchor": "bottom" if limit == max(limits.values()) else "top", "font": {"size": 10}}
        for name, limit in limits.items()
    ]  # fmt: skip
    axis = {"zeroline": False, "rangemode": "tozero"}
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": when}, "zeroline": False, "anchor": "y2"},
        "yaxis": {**axis, "domain": [0.5, 1], "title": {"text": what}},
        "yaxis2": {**axis, "domain": [0, 0.4], "title": {"text": "tasks"}, "dtick": 2},
        "shapes": lines,
        "annotations": words,
        "height": 460,
    }
    return Figure(title, ("Until minute", what, *tasks), rows, data if known else [], layout if known else {})


def course_over_time(passed: Sequence[Minute], *, what: str, limits: Mapping[str, float], title: str) -> Figure:
    """A course that was computed."""
    each = [(float(minute), one.each) for minute, one in enumerate(passed)]
    tasks = [(float(minute), float(one.tasks)) for minute, one in enumerate(passed)]
    return scaling_over_time(each, {"tasks": tasks}, what=what, limits=limits, title=title)


def scaled(cloud: Cloud, *, cluster: str, service: str, minutes: int = 40) -> Figure:
    """What the policies of a service looked at in the last minutes of AWS, and its tasks, as CloudWatch has them.

    The metric is that of the first alarm of its policies; tasks are counted by Container Insights. LookupError where
    no alarm calls a policy.
    """
    of = {"ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/{service}"}
    policies = cloud.client("application-autoscaling").describe_scaling_policies(**of)["ScalingPolicies"]
    names = [alarm["AlarmName"] for policy in policies for alarm in policy["Alarms"]]
    cloudwatch = cloud.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
    if not alarms:
        raise LookupError(f"No alarm calls a scaling policy of {service}.")
    first = alarms[0]
    counted = [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]
    metrics = [(first["Namespace"], first["MetricName"], first["Dimensions"], first["Statistic"])]
    metrics += [("ECS/ContainerInsights", f"{name}TaskCount", counted, "Maximum") for name in ("Desired", "Running")]
    now = datetime.now(UTC)
    begin = now - timedelta(seconds=minutes * 60 / cloud.speed)
    measured, desired, running = (_points(cloud, begin, now, *metric) for metric in metrics)
    limits = {
        "above" if alarm["ComparisonOperator"].startswith("Greater") else "below": alarm["Threshold"]
        for alarm in alarms
        if alarm["MetricName"] == first["MetricName"]
    }
    return scaling_over_time(
        measured,
        {"desired": desired, "running": running},
        what=first["MetricName"],
        limits=limits,
        title=f"The service {service}, scaled",
        when="minutes of AWS, 0 is now",
    )


def _points(
    cloud: Cloud, begin: datetime, now: datetime, namespace: str, name: str, of: list[dict[str, str]], statistic: str
) -> Points:
    """By the minute of AWS, also where one was told of in two parts, as it was in two minutes of the wall clock."""
    found = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=name, Dimensions=of, Statistics=[statistic], StartTime=begin,
        EndTime=now + timedelta(seconds=1), Period=1 if cloud.speed > 1 else 60,
    )["Datapoints"]  # fmt: skip
    moments = sorted(((one["Timestamp"] - now).total_seconds() * cloud.speed / 60, one[statistic]) for one in found)
    minutes: dict[float, float] = {}
    for at, value in moments:
        newest = moments[-1][0]
        minute = round(newest) + math.floor(at - newest + _LATE)
        minutes[minute] = minutes.get(minute, 0) + value if statistic == "Sum" else value
    return sorted(minutes.items())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
