"""A service that is scaled, from plain numbers and from what CloudWatch has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import plotly.graph_objects as go
import pytest

from drydock.figures import course_over_time, scaled, scaling_over_time
from drydock.policy.scaling import Bounds
from drydock.policy.scaling_course import course, tracking


def test_the_table_has_a_row_wherever_tasks_change_and_the_drawing_every_minute_and_the_limits() -> None:
    measured = [(0, 60.0), (1, 61.0), (1.5, 50.0), (2, 40.0), (3, 41.0)]
    tasks = {"desired": [(0, 2), (1, 2), (2, 3), (3, 3)]}
    figure = scaling_over_time(measured, tasks, what="Requests", limits={"above": 50}, title="Scaled")
    assert figure.columns == ("Until minute", "Requests", "desired")
    assert figure.rows == [("1", "61", "2"), ("3", "41", "3")]
    drawn = go.Figure(figure.spec)
    assert [list(one.x) for one in drawn.data] == [[0, 1, 1.5, 2, 3], [0, 1, 2, 3]]
    assert [shape.y0 for shape in drawn.layout.shapes] == [50]
    assert drawn.layout.annotations[0].text == "above 50"


def test_of_nothing_there_is_a_table_without_a_drawing() -> None:
    assert scaling_over_time([], {}, what="Requests", limits={"above": 50}, title="Scaled").data == []


def test_a_course_is_drawn_minute_by_minute() -> None:
    passed = course([120.0] * 5, tracking(50), start=2, bounds=Bounds(2, 8))
    figure = course_over_time(passed, what="each", limits={"AlarmHigh": 50}, title="Computed")
    assert figure.rows == [("2", "60", "2"), ("4", "40", "3")]


class Aws:
    """One policy with two alarms; a data point in the second minute."""

    real, speed = False, 30.0

    def __init__(self, *, alarms: bool = True) -> None:
        self.alarms = alarms
        self.asked: list[dict[str, Any]] = []

    def client(self, _: str) -> Aws:
        return self

    def describe_scaling_policies(self, **_: Any) -> dict[str, Any]:
        named = [{"AlarmName": "high"}, {"AlarmName": "low"}] if self.alarms else []
        return {"ScalingPolicies": [{"Alarms": named}]}

    def describe_alarms(self, *, AlarmNames: list[str]) -> dict[str, Any]:
        metric = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Dimensions": [], "Statistic": "Average"}
        high = {**metric, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 50.0}
        return {"MetricAlarms": [high, {**metric, "ComparisonOperator": "LessThanThreshold", "Threshold": 45.0}]}

    def get_metric_statistics(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        value = {"CPUUtilization": 70.0, "DesiredTaskCount": 3.0, "RunningTaskCount": 2.0}[asked["MetricName"]]
        return {
            "Datapoints": [{"Timestamp": asked["EndTime"] - timedelta(seconds=1 + 4), asked["Statistics"][0]: value}]
        }


def test_what_cloudwatch_has_is_told_in_minutes_of_aws() -> None:
    aws = Aws()
    figure = scaled(aws, cluster="c", service="s")  # type: ignore[arg-type]
    assert figure.rows == [("-2", "70", "3", "2")]
    assert [note["text"] for note in figure.layout["annotations"]] == ["above 50", "below 45"]
    for asked in aws.asked:
        assert 79 < (asked["EndTime"] - asked["StartTime"]).total_seconds() < 82, "40 minutes of AWS"


class AwsOfParts(Aws):
    """Three minutes of 60 requests; the one in the middle is in two minutes of the wall clock."""

    def describe_alarms(self, *, AlarmNames: list[str]) -> dict[str, Any]:
        found = super().describe_alarms(AlarmNames=AlarmNames)["MetricAlarms"]
        return {"MetricAlarms": [{**one, "MetricName": "Requests", "Statistic": "Sum"} for one in found]}

    def get_metric_statistics(self, **asked: Any) -> dict[str, Any]:
        [name] = asked["Statistics"]
        parts = [(7, 60.0), (5, 10.0), (4, 50.0), (3, 60.0)] if name == "Sum" else [(7, 2.0), (4, 2.0), (3, 2.0)]
        at = [(asked["EndTime"] - timedelta(seconds=1 + ago), value) for ago, value in parts]
        return {"Datapoints": [{"Timestamp": moment, name: value} for moment, value in at]}


def test_a_minute_that_was_told_of_in_two_parts_is_one() -> None:
    figure = scaled(AwsOfParts(), cluster="c", service="s")  # type: ignore[arg-type]
    requests, desired, _ = go.Figure(figure.spec).data
    assert list(requests.y) == [60, 60, 60]
    assert list(requests.x) == list(desired.x) == [-4, -3, -2]


def test_a_service_without_a_policy_that_an_alarm_calls_is_told() -> None:
    with pytest.raises(LookupError, match="No alarm calls a scaling policy of s"):
        scaled(Aws(alarms=False), cluster="c", service="s")  # type: ignore[arg-type]
