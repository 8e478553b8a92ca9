"""GetMetricData: what expressions over metrics give, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS

MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
WINDOW = {"StartTime": MINUTE, "EndTime": MINUTE + timedelta(minutes=4), "ScanBy": "TimestampAscending"}


@pytest.fixture
def cloudwatch(tmp_path: Path) -> Iterator[Any]:
    """Requests of two services, minute by minute."""
    host = AWS(tmp_path / "aws", seed="test")
    client = host.client("cloudwatch", "us-east-1")
    for service, values in {"web": [10, 20, 30, 40], "api": [1, None, 3, None]}.items():
        dimensions = [{"Name": "Service", "Value": service}]
        client.put_metric_data(
            Namespace="Shop",
            MetricData=[
                {
                    "MetricName": "Requests",
                    "Dimensions": dimensions,
                    "Value": float(value),
                    "Timestamp": MINUTE + timedelta(minutes=minute),
                }
                for minute, value in enumerate(values)
                if value is not None
            ],
        )
    yield client
    host.close()


def metric(name: str, service: str, period: int = 60, **more: Any) -> dict[str, Any]:
    of = {"Namespace": "Shop", "MetricName": "Requests", "Dimensions": [{"Name": "Service", "Value": service}]}
    return {"Id": name, "MetricStat": {"Metric": of, "Period": period, "Stat": "Sum"}, "ReturnData": False, **more}


BOTH = [metric("web", "web"), metric("api", "api")]


def ask(cloudwatch: Any, *expressions: Any, **more: Any) -> Any:
    queries = [
        each if isinstance(each, dict) else {"Id": f"e{number}", "Expression": each}
        for number, each in enumerate(expressions, 1)
    ]
    return cloudwatch.get_metric_data(MetricDataQueries=[*BOTH, *queries], **{**WINDOW, **more})["MetricDataResults"]


def values(cloudwatch: Any, *expressions: Any) -> list[list[float]]:
    return [result["Values"] for result in ask(cloudwatch, *expressions)]


def test_expressions_are_computed(cloudwatch: Any) -> None:
    assert values(cloudwatch, "web + api", "api / web * 100") == [[11, 20, 33, 40], [10, 0, 10, 0]]
    assert values(cloudwatch, "FILL(api, 0)", "IF(web > 15, 1, 0)") == [[1, 0, 3, 0], [0, 1, 1, 1]]
    assert values(cloudwatch, "e2 * 2", "web - 5") == [[10, 30, 50, 70], [5, 15, 25, 35]]


def test_several_series_are_several_results_with_their_labels(cloudwatch: Any) -> None:
    found = ask(cloudwatch, {"Id": "all", "Expression": "METRICS() / 10", "Label": "tenth"})
    assert [(one["Id"], one["Label"], one["Values"]) for one in found] == [
        ("all", "tenth Requests Sum", [1, 2, 3, 4]),
        ("all", "tenth Requests Sum", [pytest.approx(0.1), pytest.approx(0.3)]),
    ]


def test_search_and_select(cloudwatch: Any) -> None:
    found = ask(cloudwatch, "SORT(SEARCH('{Shop,Service} MetricName=\"Requests\"', 'Sum', 60), SUM, DESC)")
    assert [(one["Label"], sum(one["Values"])) for one in found] == [("Requests web", 100), ("Requests api", 4)]
    assert values(cloudwatch, "SUM(SEARCH('Service=\"api\"', 'Sum', 60))") == [[1, 3]]
    select = {"Id": "s", "Expression": "SELECT MAX(Requests) FROM Shop WHERE Service = 'web'", "Period": 60}
    assert values(cloudwatch, select) == [[10, 20, 30, 40]]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("web +", "Error in expression 'e1': unexpected the end at position 5"),
        ("nothing * 2", r"Error in expression 'e1': undefined variable \[nothing\]"),
        ("AVG(web)", "not a scalar"),
        ("e1 + 1", "refers to itself"),
        ("ANOMALY_DETECTION_BAND(web, 2)", "does not have anomaly detection"),
        ("SEARCH('{Shop', 'Sum', 60)", "unexpected schema"),
        ("SEARCH('x', 'Median', 60)", "statistic Median of SEARCH is not supported"),
        ("SELECT SUM(Requests) FROM Shop GROUP BY Service", "does not have GROUP BY"),
    ],
)
def test_what_cannot_be_computed_is_an_error_and_no_empty_answer(cloudwatch: Any, expression: str, why: str) -> None:
    with pytest.raises(ClientError, match=why) as caught:
        ask(cloudwatch, expression)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"Id": "E1", "Expression": "web"}, "not matching the expected pattern"),
        ({"Id": "web", "Expression": "api"}, "not unique"),
        ({"Id": "e1"}, "MetricStat is required"),
        ({**metric("e1", "web"), "Expression": "web"}, "mutually exclusive"),
        ({"Id": "e1", "Expression": "web", "AccountId": "1"}, "other accounts"),
    ],
)
def test_queries_that_are_none(cloudwatch: Any, query: dict[str, Any], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        ask(cloudwatch, query)


def test_metrics_of_different_periods_are_not_mixed(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="different periods"):
        ask(cloudwatch, metric("slow", "web", 120), {"Id": "e", "Expression": "slow + api"})


def test_data_points_come_in_pages(cloudwatch: Any) -> None:
    queries = [metric("web", "web", ReturnData=True), metric("api", "api", ReturnData=True)]
    found: list[float] = []
    more: dict[str, Any] = {}
    while True:
        page = cloudwatch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=4, **WINDOW, **more)
        found += [value for result in page["MetricDataResults"] for value in result["Values"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert found == [10, 20, 30, 40, 1, 3]


def test_the_newest_come_first_unless_asked_otherwise(cloudwatch: Any) -> None:
    asked = {name: value for name, value in WINDOW.items() if name != "ScanBy"}
    query = metric("web", "web", ReturnData=True)
    (found,) = cloudwatch.get_metric_data(MetricDataQueries=[query], **asked)["MetricDataResults"]
    assert found["Values"] == [40, 30, 20, 10]
