"""A deployment looked at again and again: its stages, tasks, alarms and who answered."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import pytest

from drydock.figures import Rollout, alarms_over_time, stages, tasks_over_time, traffic_over_time, weights_over_time
from drydock.figures import rollout as module

ALARM = {
    "AlarmName": "errors",
    "Namespace": "AWS/ApplicationELB",
    "MetricName": "HTTPCode_Target_5XX_Count",
    "Dimensions": [],
    "Statistic": "Sum",
    "Threshold": 5.0,
}


def told(status: str, stage: str, weight: float, running: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        "status": status,
        "lifecycleStage": stage,
        "targetServiceRevision": {
            "arn": "revision/new", "runningTaskCount": running[1], "requestedProductionTrafficWeight": weight,
            "requestedTestTrafficWeight": 100.0 if weight else 0.0,
        },
        "sourceServiceRevisions": [{"arn": "revision/old", "runningTaskCount": running[0]}],
        "alarms": {"alarmNames": ["errors"]},
        **more,
    }  # fmt: skip


BACK = "ROLLBACK_SUCCESSFUL"
SHIFT = "PRODUCTION_TRAFFIC_SHIFT"
ROLLED_BACK = [
    (told("IN_PROGRESS", "SCALE_UP", 0.0, (2, 0)), "OK"),
    (told("IN_PROGRESS", SHIFT, 10.0, (2, 2)), "OK"),
    (told("ROLLBACK_IN_PROGRESS", SHIFT, 0.0, (2, 2), rollback={"reason": "errors"}), "ALARM"),
    (told("ROLLBACK_SUCCESSFUL", SHIFT, 0.0, (2, 0), rollback={"reason": "errors"}), "ALARM"),
]


class Aws:
    """Answers each look at the deployment with the next of `looks`; the one before it has ended long ago."""

    real = False
    speed = 30.0

    def __init__(self, looks: list[tuple[dict[str, Any], str]]) -> None:
        self.looks, self.at, self.newest = looks, -1, {"serviceDeploymentArn": "before", "finishedAt": "yesterday"}

    def client(self, _: str) -> Aws:
        return self

    def list_service_deployments(self, **_: Any) -> dict[str, Any]:
        return {"serviceDeployments": [self.newest]}

    def describe_service_deployments(self, **_: Any) -> dict[str, Any]:
        self.at = min(self.at + 1, len(self.looks) - 1)
        return {"serviceDeployments": [self.looks[self.at][0]]}

    def describe_service_revisions(self, *, serviceRevisionArns: list[str]) -> dict[str, Any]:
        number = {"revision/old": 1, "revision/new": 2}[serviceRevisionArns[0]]
        return {"serviceRevisions": [{"taskDefinition": f"arn:aws:ecs:us-east-1:0:task-definition/app:{number}"}]}

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        return {"MetricAlarms": [{**ALARM, "StateValue": self.looks[self.at][1]}]}

    def get_metric_statistics(self, **_: Any) -> dict[str, Any]:
        return {"Datapoints": [{"Timestamp": datetime.now(UTC), "Sum": 7.0}]}

    def describe_services(self, **_: Any) -> dict[str, Any]:
        by_look = [[(1, 2), (2, 1)], [(1, 2), (2, 0), (1, 2)]]
        arn = "arn:aws:ecs:us-east-1:0:task-definition/app"
        found = [{"taskDefinition": f"{arn}:{number}", "runningCount": count} for number, count in by_look[self.at]]
        return {"services": [{"deployments": found}]}


class Counts:
    """Of a load, what a rollout reads."""

    begun = 0.0

    def by_second(self, width: float) -> list[tuple[float, Counter[str]]]:
        return [(0.0, Counter(v1=50)), (width, Counter(v1=45, v2=5))]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The cloud, and a clock that goes on by a second with every pause."""
    seconds = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(module.time, "sleep", lambda _: seconds.__setitem__(0, seconds[0] + 1.0))
    return Aws(ROLLED_BACK)


def begin(aws: Aws, **more: Any) -> Rollout:
    rollout = Rollout(aws, cluster="c", service="s", **more)  # type: ignore[arg-type]
    aws.newest = {"serviceDeploymentArn": "now"}
    return rollout


def test_it_is_followed_until_it_has_ended(aws: Aws) -> None:
    rollout = begin(aws, load=Counts())
    figure = rollout.follow()
    assert (rollout.status, rollout.ended) == ("ROLLBACK_SUCCESSFUL", True)
    assert figure.columns == ("From s", "v1", "v2")
    assert figure.rows == [(0.0, 50, 0), (0.5, 45, 5)]
    assert rollout.stages().rows == [
        ("SCALE_UP", 0.0, 1.0, 1.0),
        ("PRODUCTION_TRAFFIC_SHIFT 10 %", 1.0, 2.0, 1.0),
        ("ROLLBACK", 2.0, 3.0, 1.0),
    ]
    assert rollout.span("PRODUCTION_TRAFFIC_SHIFT 10 %") == (1.0, 2.0)
    with pytest.raises(LookupError, match="never seen at BAKE_TIME"):
        rollout.span("BAKE_TIME")
    assert rollout.tasks().columns == ("From s", "app:1", "app:2")
    assert rollout.tasks().rows == [(0.0, 2, 0), (1.0, 2, 2), (3.0, 2, 0)]


def test_it_can_be_followed_until_something_is_so_and_on_from_there(aws: Aws) -> None:
    rollout = begin(aws, load=Counts())
    rollout.follow(until=lambda: aws.at == 0)
    assert (rollout.status, rollout.ended, aws.at) == ("IN_PROGRESS", False, 1)
    rollout.follow(until=lambda: False)
    assert rollout.ended
    with pytest.raises(TimeoutError, match="IN_PROGRESS"):
        begin(Aws(ROLLED_BACK[:1])).follow(until=lambda: False, timeout=3)


def test_the_weights_of_both_listeners_are_lines(aws: Aws) -> None:
    rollout = begin(aws, load=Counts())
    rollout.follow()
    figure = rollout.weights()
    assert figure.columns == ("From s", "production", "test")
    assert figure.rows == [(0.0, 0.0, 0.0), (1.0, 10.0, 100.0), (2.0, 0.0, 0.0)]
    assert weights_over_time([]).data == []


def test_a_shift_has_its_percentage_from_when_there_is_one(aws: Aws) -> None:
    aws.looks = [(told("IN_PROGRESS", SHIFT, weight, (2, 2)), "OK") for weight in (0.0, 100.0)]
    rollout = begin(aws, load=Counts())
    rollout.look()
    rollout.look()
    assert [name for name, *_ in rollout.spans()] == [SHIFT, f"{SHIFT} 100 %"]


def test_its_alarms_have_states_and_data_points(aws: Aws) -> None:
    rollout = begin(aws, load=Counts())
    rollout.follow()
    found = rollout.alarms()
    assert [row[:5] for row in found.rows] == [("errors", 5.0, "OK", 0.0, 2.0), ("errors", 5.0, "ALARM", 2.0, 3.0)]


def test_a_minute_that_had_begun_before_is_one_of_its_own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = begin(aws, load=Counts())
    point = {"Timestamp": datetime.now(UTC) - timedelta(seconds=1), "Sum": 7.0}
    monkeypatch.setattr(aws, "get_metric_statistics", lambda **_: {"Datapoints": [point]})
    rollout.follow()
    assert [row[5] for row in rollout.alarms().rows] == [7.0, 0]


def test_of_a_rolling_deployment_the_service_knows_whose_tasks_run(aws: Aws) -> None:
    looks = [{"status": status, "targetServiceRevision": {"arn": "revision/new"}} for status in ("IN_PROGRESS", BACK)]
    aws.looks = [({**looks[0]}, "OK"), ({**looks[1], "rollback": {"reason": "tasks failed"}}, "OK")]
    rollout = begin(aws, load=Counts())
    rollout.follow()
    assert rollout.tasks().rows == [(0.0, 2, 1), (1.0, 4, 0)]
    assert [row[0] for row in rollout.stages().rows] == ["IN_PROGRESS", "ROLLBACK"]


def test_a_deployment_that_had_ended_before_is_not_the_one(aws: Aws) -> None:
    rollout = Rollout(aws, cluster="c", service="s")  # type: ignore[arg-type]
    rollout.look()
    assert (rollout.status, rollout.ended, rollout.spans()) == ("", False, [])
    with pytest.raises(TimeoutError, match="not there yet"):
        rollout.follow(timeout=3)
    with pytest.raises(ValueError, match="give Rollout a load"):
        rollout.traffic()


def test_one_that_has_ended_between_two_looks_is_seen(aws: Aws) -> None:
    rollout = begin(aws, load=Counts())
    aws.newest = {"serviceDeploymentArn": "now", "finishedAt": "just now"}
    rollout.follow()
    assert rollout.ended


def test_shares_are_drawn_in_percent_of_each_slice() -> None:
    figure = traffic_over_time([(0, {"v1": 10}), (1, {}), (2, {"v1": 30, "v2": 10})], spans=[("BAKE_TIME", 1, 2)])
    by_name = {trace["name"]: trace for trace in figure.data}
    assert by_name["v1"]["y"] == [100.0, 75.0]
    assert by_name["v2"]["y"] == [0.0, 25.0]
    assert by_name["v2"]["x"] == [0, 2]
    assert [one["text"] for one in figure.layout["annotations"]] == ["BAKE_TIME"]


def test_names_of_stages_do_not_lie_upon_each_other() -> None:
    spans = [("SCALE_UP", 0.0, 0.3), ("POST_SCALE_UP", 0.3, 0.6), ("BAKE_TIME", 0.6, 39.9), ("CLEAN_UP", 39.9, 40.0)]
    figure = weights_over_time([(0, {"test": 0.0}), (1, {"test": 100.0})], spans=spans)
    assert [one["text"] for one in figure.layout["annotations"]] == ["BAKE_TIME", "CLEAN_UP"]
    assert [one["x0"] for one in figure.layout["shapes"]] == [0.0, 0.3, 0.6, 39.9]


def test_an_alarm_is_drawn_with_its_threshold_and_each_of_its_states() -> None:
    spans = {"errors": [("OK", 0.0, 4.0), ("ALARM", 4.0, 6.0)]}
    figure = alarms_over_time({"errors": [(2.0, 1.0), (4.0, 9.0)]}, states=spans, thresholds={"errors": 5.0})
    assert figure.rows == [("errors", 5.0, "OK", 0.0, 4.0, 1.0), ("errors", 5.0, "ALARM", 4.0, 6.0, 9.0)]
    assert [shape["y0"] for shape in figure.layout["shapes"]] == [5.0]
    assert [(bar["base"], bar["x"]) for bar in figure.data if bar["type"] == "bar"] == [([0.0], [4.0]), ([4.0], [2.0])]


@pytest.mark.parametrize(
    "figure",
    [
        traffic_over_time([(0, {"v1": 1})], spans=[("SCALE_UP", 0, 1)]),
        tasks_over_time([(0, {"app:1": 1})]),
        stages([("SCALE_UP", 0, 1)]),
        alarms_over_time({"a": [(0, 1)]}, states={"a": [("OK", 0, 1)]}, thresholds={"a": 5}),
        traffic_over_time([]),
        tasks_over_time([]),
        stages([]),
        alarms_over_time({}, states={}, thresholds={}),
    ],
)
def test_plotly_takes_each_and_one_of_nothing_is_not_drawn(figure: Any) -> None:
    go.Figure(figure.spec)
    assert bool(figure.rows) == bool(figure.data) == bool(figure.layout)


def test_who_looks_at_the_cell_sees_it_drawn_anew_each_time(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(module, "attended", lambda: True)
    monkeypatch.setattr(module, "clear_output", lambda wait=False: done.append("wiped"))
    monkeypatch.setattr(module, "display", lambda data, raw: done.append(data["text/plain"]))
    begin(aws, load=Counts()).follow()
    each = ["IN_PROGRESS", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS", BACK]
    assert done == [*(word for status in each for word in ("wiped", status)), "wiped"]
