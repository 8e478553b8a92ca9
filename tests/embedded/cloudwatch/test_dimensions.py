"""A metric is its namespace, its name and all of its dimensions, in whatever order they are given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

TARGET, BALANCER = {"Name": "TargetGroup", "Value": "b"}, {"Name": "LoadBalancer", "Value": "a"}
WINDOW = {"StartTime": datetime.now(UTC) - timedelta(minutes=5), "EndTime": datetime.now(UTC) + timedelta(hours=6)}


@pytest.fixture
def cloudwatch(client: Callable[..., Any]) -> Any:
    """Four metrics of one name, whose values say which is which, and one of another namespace."""
    found = client("cloudwatch")
    for namespace, dimensions, value in [
        ("shop", [TARGET, BALANCER], 1),
        ("shop", [BALANCER], 10),
        ("shop", [TARGET], 100),
        ("shop", [], 1000),
        ("other", [TARGET, BALANCER], 10000),
    ]:
        datum = {"MetricName": "Requests", "Dimensions": dimensions, "Value": value, "Unit": "Count"}
        found.put_metric_data(Namespace=namespace, MetricData=[datum])
    return found


ASKED = [
    pytest.param([TARGET, BALANCER], 1, id="both"),
    pytest.param([BALANCER, TARGET], 1, id="both, the other way round"),
    pytest.param([BALANCER], 10, id="one is not the sum of all that have it"),
    pytest.param([], 1000, id="none is a metric too"),
    pytest.param([{"Name": "LoadBalancer", "Value": "c"}], 0, id="another value"),
    pytest.param([TARGET, BALANCER, {"Name": "AvailabilityZone", "Value": "z"}], 0, id="one too many"),
]


@pytest.mark.parametrize(("dimensions", "total"), ASKED)
def test_get_metric_statistics(cloudwatch: Any, dimensions: list[dict[str, str]], total: float) -> None:
    points = cloudwatch.get_metric_statistics(
        Namespace="shop", MetricName="Requests", Dimensions=dimensions, Period=300, Statistics=["Sum"], **WINDOW
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == total


def query(name: str, dimensions: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "shop", "MetricName": "Requests", "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}, **more}


@pytest.mark.parametrize(("dimensions", "total"), ASKED)
def test_get_metric_data(cloudwatch: Any, dimensions: list[dict[str, str]], total: float) -> None:
    answer = cloudwatch.get_metric_data(MetricDataQueries=[query("m", dimensions)], **WINDOW)
    assert [sum(result["Values"]) for result in answer["MetricDataResults"]] == [total]


def test_queries_of_one_call_are_told_apart(cloudwatch: Any) -> None:
    queries = [query("both", [BALANCER, TARGET]), query("one", [TARGET], Label="of the group")]
    results = cloudwatch.get_metric_data(MetricDataQueries=queries, **WINDOW)["MetricDataResults"]
    assert [(one["Id"], one["Label"], one["Values"]) for one in results] == [
        ("both", "Requests Sum", [1.0]),
        ("one", "of the group", [100.0]),
    ]


def test_what_is_stored_stays_as_it_is(cloudwatch: Any) -> None:
    for _ in range(2):
        answer = cloudwatch.get_metric_data(MetricDataQueries=[query("m", [TARGET])], **WINDOW)
        assert answer["MetricDataResults"][0]["Values"] == [100.0]


def test_math_and_insights_are_computed(cloudwatch: Any) -> None:
    queries = [
        query("m", [BALANCER], ReturnData=False),
        {"Id": "same", "Expression": "m"},
        {"Id": "all", "Expression": "SELECT SUM(Requests) FROM shop", "Period": 3600},
    ]
    results = cloudwatch.get_metric_data(MetricDataQueries=queries, **WINDOW)["MetricDataResults"]
    assert {one["Id"]: one["Values"] for one in results} == {"same": [10.0], "all": [1111.0]}


def test_a_metric_is_listed_once_however_often_it_was_published(client: Any) -> None:
    cloudwatch = client("cloudwatch")
    for _ in range(3):
        for dimensions in ([], [{"Name": "a", "Value": "1"}], [{"Name": "a", "Value": "2"}]):
            cloudwatch.put_metric_data(
                Namespace="Once", MetricData=[{"MetricName": "m", "Value": 1, "Dimensions": dimensions}]
            )
    found = cloudwatch.list_metrics(Namespace="Once")["Metrics"]
    assert sorted(str(metric["Dimensions"]) for metric in found) == [
        "[]",
        "[{'Name': 'a', 'Value': '1'}]",
        "[{'Name': 'a', 'Value': '2'}]",
    ]
