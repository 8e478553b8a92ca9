"""Metric data on disk: what is told of it, how it grows old, and what a restart leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from tests.support.clients import pages

from drydock.embedded.assembly import AWS

SHOP = [{"Name": "Shop", "Value": "a"}]
MINUTE = datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AWS]:
    host = AWS(tmp_path / "aws", seed="test")
    yield host
    host.close()


def cloudwatch(host: AWS, region: str = "us-east-1") -> Any:
    return host.client("cloudwatch", region)


def put(host: AWS, *data: dict[str, Any], name: str = "Orders") -> None:
    full = [{"MetricName": name, "Dimensions": SHOP, "Timestamp": MINUTE, **datum} for datum in data]
    cloudwatch(host).put_metric_data(Namespace="shop", MetricData=full)


def points(host: AWS, **more: Any) -> list[dict[str, Any]]:
    asked = {
        "Namespace": "shop",
        "MetricName": "Orders",
        "Dimensions": SHOP,
        "StartTime": MINUTE - timedelta(minutes=10),
        "EndTime": MINUTE + timedelta(minutes=10),
        "Period": 60,
    }
    found = cloudwatch(host).get_metric_statistics(**{**asked, **more})["Datapoints"]
    return sorted(found, key=lambda point: (point["Timestamp"], point["Unit"]))


ALL = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"]


def test_what_is_put_in_one_minute_is_one_point_of_all_its_values(host: AWS) -> None:
    put(host, {"Value": 4.0}, {"Value": 4.0, "Timestamp": MINUTE + timedelta(seconds=30)})
    put(host, {"Values": [1.0, 10.0], "Counts": [2.0, 1.0]})
    put(host, {"StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 0.5, "Maximum": 5}})
    (point,) = points(host, Statistics=ALL)
    assert [point[name] for name in ALL] == [9, 30, 30 / 9, 0.5, 10]
    assert point["Timestamp"] == MINUTE


def test_high_resolution_and_percentiles(host: AWS) -> None:
    for second in range(4):
        put(host, {"Value": second + 1.0, "StorageResolution": 1, "Timestamp": MINUTE + timedelta(seconds=second)})
    assert [point["Sum"] for point in points(host, Statistics=["Sum"], StartTime=MINUTE, Period=1)] == [1, 2, 3, 4]
    (point,) = points(host, ExtendedStatistics=["p50", "p100"])
    assert point["ExtendedStatistics"] == {"p50": 2.0, "p100": 4.0}
    query = {"Id": "m", "MetricStat": {"Metric": {"Namespace": "shop", "MetricName": "Orders", "Dimensions": SHOP}}}
    window = {"StartTime": MINUTE, "EndTime": MINUTE + timedelta(minutes=1)}

    def told(stat: str) -> Any:
        asked = {**query, "MetricStat": {**query["MetricStat"], "Period": 60, "Stat": stat}}
        return cloudwatch(host).get_metric_data(MetricDataQueries=[asked], **window)["MetricDataResults"][0]["Values"]

    assert (told("p50"), told("Maximum")) == ([2.0], [4.0])
    put(host, {"StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 0.5, "Maximum": 5}})
    assert told("p50") == []
    with pytest.raises(botocore.exceptions.ClientError, match=r"tm99 for parameter .* is not supported"):
        told("tm99")


def test_units_are_told_apart_and_periods_begin_at_the_start(host: AWS) -> None:
    put(host, {"Value": 1.0, "Unit": "Count"}, {"Value": 2.0, "Unit": "Bytes"}, {"Value": 3.0})
    found = points(host, Statistics=["Sum"])
    assert [(point["Unit"], point["Sum"]) for point in found] == [("Bytes", 2), ("Count", 1), ("None", 3)]
    assert [point["Sum"] for point in points(host, Statistics=["Sum"], Unit="Count")] == [1]
    (point,) = points(host, Statistics=["Sum"], Unit="Count", StartTime=MINUTE - timedelta(minutes=7), Period=300)
    assert point["Timestamp"] == MINUTE - timedelta(minutes=2)


def test_too_many_points_and_impossible_values_are_refused(host: AWS) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="up to 2,880 datapoints, which exceeds the limit of 1,4"):
        points(host, Statistics=["Sum"], StartTime=MINUTE - timedelta(days=2), EndTime=MINUTE)
    with pytest.raises(botocore.exceptions.ClientError, match=r"MetricData\.member\.2\.Value is invalid"):
        put(host, {"Value": 1.0}, {"Value": float("inf")})
    assert points(host, Statistics=["Sum"]) == []


def listed(host: AWS, **more: Any) -> list[str]:
    found = pages(cloudwatch(host).list_metrics, **more)
    return [metric["MetricName"] for page in found for metric in page["Metrics"]]


def test_a_metric_is_listed_once_however_often_it_was_put(host: AWS) -> None:
    for value in range(5):
        put(host, {"Value": float(value)}, {"Value": 1.0, "Dimensions": []})
    put(host, {"Value": 1.0, "Dimensions": [*SHOP, {"Name": "Zone", "Value": "z"}]})
    put(host, {"Value": 1.0, "Timestamp": MINUTE - timedelta(hours=5)}, name="Yesterday")
    put(host, {"Value": 1.0, "Timestamp": MINUTE - timedelta(days=15)}, name="Forgotten")
    assert listed(host) == ["Orders", "Orders", "Orders", "Yesterday"]
    assert listed(host, RecentlyActive="PT3H") == ["Orders"] * 3
    assert listed(host, Dimensions=[{"Name": "Zone"}]) == ["Orders"]
    assert listed(host, Dimensions=[{"Name": "Shop", "Value": "a"}]) == ["Orders", "Orders", "Yesterday"]
    assert listed(host, Namespace="other") == []
    assert cloudwatch(host, "eu-west-1").list_metrics()["Metrics"] == []


def test_metrics_are_listed_by_the_five_hundred(host: AWS) -> None:
    data = [{"MetricName": f"m{number:04}", "Value": 1.0} for number in range(1001)]
    cloudwatch(host).put_metric_data(Namespace="many", MetricData=data[:1000])
    cloudwatch(host).put_metric_data(Namespace="many", MetricData=data[1000:])
    found = pages(cloudwatch(host).list_metrics, Namespace="many")
    assert [len(page["Metrics"]) for page in found] == [500, 500, 1]
    assert len(set(listed(host))) == 1001
    with pytest.raises(botocore.exceptions.ClientError, match="NextToken is invalid"):
        cloudwatch(host).list_metrics(NextToken="x")


def test_metric_data_survive_a_crash_and_are_not_in_the_journal(host: AWS, crashed: Callable[[AWS], AWS]) -> None:
    put(host, {"Value": 4.0}, {"Value": 6.0})
    again = crashed(host)
    assert points(again, Statistics=["Sum", "SampleCount"])[0]["Sum"] == 10
    assert listed(again) == ["Orders"]
    assert again.journal.path.read_text() == ""


def test_what_other_services_told_is_not_told_again_by_a_replay(host: AWS, crashed: Callable[[AWS], AWS]) -> None:
    kinesis = host.client("kinesis", "us-east-1")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"x")
    again = crashed(crashed(host))
    assert [json.loads(line)["operation"] for line in again.journal.path.read_text().splitlines()] == [
        "CreateStream",
        "PutRecord",
    ]
    (point,) = points(
        again,
        Namespace="AWS/Kinesis",
        MetricName="IncomingRecords",
        Dimensions=[{"Name": "StreamName", "Value": "s"}],
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Statistics=["Sum"],
    )
    assert point["Sum"] == 1


def test_data_grow_coarser_as_they_age_and_end(host: AWS) -> None:
    for minutes in range(3):
        put(host, {"Value": minutes + 1.0, "Timestamp": MINUTE + timedelta(minutes=minutes)})
    put(host, {"Value": 50.0, "StorageResolution": 1})
    store = host.data
    kept = cloudwatch(host)
    from moto.cloudwatch.models import CloudWatchBackend

    ages: Any = CloudWatchBackend.kept  # type: ignore[attr-defined]

    def steps() -> list[tuple[int, float, float, float]]:
        rows = store.read("SELECT step, sum(sum), sum(count), count(DISTINCT at) FROM metric_data GROUP BY step")
        return [tuple(row) for row in rows]

    day = 86_400
    assert steps() == [(1, 50, 1, 1), (60, 6, 3, 3)]
    ages.age(1, time.time() + 4 * 3600)
    assert steps() == [(60, 56, 4, 3)]
    ages.age(1, time.time() + 16 * day)
    assert [row[:3] for row in steps()] == [(300, 56, 4)]
    ages.age(1, time.time() + 64 * day)
    assert [row[:3] for row in steps()] == [(3600, 56, 4)]
    ages.age(1, time.time() + 456 * day)
    assert steps() == []
    assert kept.list_metrics()["Metrics"] == []
