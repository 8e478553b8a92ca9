"""Reading CloudWatch Logs through boto3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest
from tests.support.clients import client_inside

from drydock.embedded.assembly import AWS

GROUP = "/ecs/shop"


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    host = AWS(tmp_path_factory.mktemp("aws"), seed="test")
    yield host
    host.close()


@pytest.fixture
def logs(shared_host: AWS) -> Iterator[Any]:
    logs = client_inside(shared_host, "logs")
    logs.create_log_group(logGroupName=GROUP)
    yield logs
    logs.delete_log_group(logGroupName=GROUP)


NOW = int(time.time() * 1000)


def put(logs: Any, stream: str, *events: tuple[int, str]) -> None:
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[{"timestamp": NOW + offset, "message": message} for offset, message in events],
    )


def invalid(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    return str(caught.value.response["Error"]["Message"])


def filtered(logs: Any, pattern: str = "", **more: Any) -> list[str]:
    answer = logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern, **more)
    return [event["message"] for event in answer["events"]]


def test_events_of_several_streams_are_filtered_in_order_of_time(logs: Any) -> None:
    put(logs, "web/1", (0, "ERROR one"), (20, '{"level": "error", "ms": 900}'), (40, "fine"))
    put(logs, "web/2", (10, "ERROR two"), (30, '{"level": "info", "ms": 20}'))
    put(logs, "db/1", (5, "ERROR three"))
    assert filtered(logs, "ERROR") == ["ERROR one", "ERROR three", "ERROR two"]
    assert filtered(logs, "{ $.ms > 100 }") == ['{"level": "error", "ms": 900}']
    assert filtered(logs, "ERROR", logStreamNamePrefix="web/") == ["ERROR one", "ERROR two"]
    assert filtered(logs, "ERROR", logStreamNames=["db/1"]) == ["ERROR three"]
    assert filtered(logs, startTime=NOW + 10, endTime=NOW + 30)[0] == "ERROR two"
    assert filtered(logs, "ERROR", startFromHead=False)[0] == "ERROR two"


def test_filter_log_events_pages_until_there_is_no_token(logs: Any) -> None:
    put(logs, "s", *((number, f"line {number}") for number in range(25)))
    pages = list(
        logs.get_paginator("filter_log_events").paginate(
            logGroupName=GROUP, filterPattern="line", PaginationConfig={"PageSize": 10}
        )
    )
    assert [len(page["events"]) for page in pages] == [10, 10, 5]
    ids = [event["eventId"] for page in pages for event in page["events"]]
    assert len(set(ids)) == 25


def test_a_bad_pattern_or_a_mix_of_selections_is_refused_by_name(logs: Any) -> None:
    put(logs, "s", (0, "x"))
    call = logs.filter_log_events
    assert "'hello-world'" in invalid(call, logGroupName=GROUP, filterPattern="hello-world")
    invalid(call, logGroupName=GROUP, logStreamNames=["s"], logStreamNamePrefix="s")
    invalid(call, logGroupName=GROUP, nextToken="nonsense")
    invalid(
        logs.put_metric_filter,
        logGroupName=GROUP,
        filterName="f",
        filterPattern="{ $.a EXISTS }",
        metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
    )
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName="none")


def test_test_metric_filter_names_what_it_extracts(logs: Any) -> None:
    messages = [
        '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
        "nothing of the kind",
        '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324',
    ]
    answer = logs.test_metric_filter(
        filterPattern="[ip, identity, user_id, timestamp, request, status_code = 5*, size]",
        logEventMessages=messages,
    )
    (match,) = answer["matches"]
    assert (match["eventNumber"], match["eventMessage"]) == (3, messages[2])
    assert match["extractedValues"]["$request"] == "GET /apache_pb.gif HTTP/1.0"


def test_get_log_events_walks_forward_to_a_token_that_stays(logs: Any) -> None:
    put(logs, "s", *((number, f"line {number}") for number in range(5)))
    arguments = {"logGroupName": GROUP, "logStreamName": "s", "startFromHead": True, "limit": 2}
    seen, token = [], None
    while True:
        answer = logs.get_log_events(**arguments, **({"nextToken": token} if token else {}))
        seen += [event["message"] for event in answer["events"]]
        if answer["nextForwardToken"] == token:
            break
        token = answer["nextForwardToken"]
    assert seen == [f"line {number}" for number in range(5)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=[{"timestamp": NOW + 9, "message": "late"}])
    answer = logs.get_log_events(**arguments, nextToken=token)
    assert [event["message"] for event in answer["events"]] == ["late"]


def test_get_log_events_gives_the_latest_without_start_from_head(logs: Any) -> None:
    put(logs, "s", *((number, f"line {number}") for number in range(5)))
    arguments = {"logGroupName": GROUP, "logStreamName": "s", "limit": 2}
    answer = logs.get_log_events(**arguments)
    assert [event["message"] for event in answer["events"]] == ["line 3", "line 4"]
    before = logs.get_log_events(**arguments, nextToken=answer["nextBackwardToken"])
    assert [event["message"] for event in before["events"]] == ["line 1", "line 2"]
    assert logs.get_log_events(logGroupName=GROUP, logStreamName="s", endTime=NOW + 1)["events"][-1]["message"] == (
        "line 0"
    )


def test_streams_are_ordered_by_last_event_newest_first(logs: Any) -> None:
    put(logs, "old", (0, "x"))
    put(logs, "new", (50, "x"))
    put(logs, "middle", (20, "x"))
    streams = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)
    assert [each["logStreamName"] for each in streams["logStreams"]] == ["new", "middle", "old"]
    first = logs.describe_log_streams(logGroupName=GROUP, limit=2)
    rest = logs.describe_log_streams(logGroupName=GROUP, limit=2, nextToken=first["nextToken"])
    names = [each["logStreamName"] for page in (first, rest) for each in page["logStreams"]]
    assert names == ["middle", "new", "old"]
    assert not rest.get("nextToken")
