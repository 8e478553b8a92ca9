"""Log events on disk: what survives, what ends, and what the journal does not grow by."""

from __future__ import annotations

import gzip
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from tests.support.clients import client_inside
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS
from drydock.embedded.services.logs import operations

DAY = 86_400_000
NOW = int(time.time() * 1000)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AWS]:
    host = AWS(tmp_path / "aws", seed="test")
    yield host
    host.close()


def logs_of(host: AWS) -> Any:
    return client_inside(host, "logs")


def put(logs: Any, *events: tuple[int, str], group: str = "g", stream: str = "s") -> Any:
    return logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": at, "message": message} for at, message in events],
    )


def make(logs: Any, group: str = "g", stream: str = "s") -> None:
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)


def messages(logs: Any, **more: Any) -> list[str]:
    return [event["message"] for event in logs.filter_log_events(logGroupName="g", **more)["events"]]


def journal_of(host: AWS) -> list[str]:
    return [json.loads(line)["operation"] for line in host.journal.path.read_text().splitlines()]


def test_events_and_streams_survive_a_crash_and_are_not_in_the_journal(
    host: AWS, crashed: Callable[[AWS], AWS]
) -> None:
    make(logs_of(host))
    put(logs_of(host), (NOW - 2, "one"), (NOW - 1, "two é"))
    before = logs_of(host).describe_log_streams(logGroupName="g")["logStreams"]
    for more in ("three", "four"):
        host = crashed(host)
        assert messages(logs_of(host))[:2] == ["one", "two é"]
        assert logs_of(host).describe_log_streams(logGroupName="g")["logStreams"] == before
        put(logs_of(host), (NOW, more))
        assert messages(logs_of(host))[-1] == more
        before = logs_of(host).describe_log_streams(logGroupName="g")["logStreams"]
    assert journal_of(host) == ["CreateLogGroup"]
    assert (host.directory / "data.sqlite").stat().st_mode & 0o777 == 0o600


def test_what_is_deleted_is_gone_and_a_new_one_of_its_name_begins_empty(
    host: AWS, crashed: Callable[[AWS], AWS]
) -> None:
    logs = logs_of(host)
    make(logs)
    put(logs, (NOW, "old"))
    logs.delete_log_stream(logGroupName="g", logStreamName="s")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    assert messages(logs) == []
    put(logs, (NOW, "middle"))
    logs.delete_log_group(logGroupName="g")
    make(logs)
    put(logs, (NOW, "new"))
    for _ in range(2):
        assert messages(logs_of(host)) == ["new"]
        assert logs_of(host).describe_log_groups()["logGroups"][0]["storedBytes"] == 3
        host = crashed(host)
    host.step()
    host.step()
    assert sqlite3.connect(host.directory / "data.sqlite").execute("SELECT message FROM log_events").fetchall() == [
        ("new",)
    ]


def test_streams_of_a_group_whose_deletion_alone_was_kept_do_not_come_back(
    host: AWS, crashed: Callable[[AWS], AWS], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs_of(host))
    put(logs_of(host), (NOW, "old"))
    monkeypatch.setattr(host.data, "commit", lambda: None)
    logs_of(host).delete_log_group(logGroupName="g")
    again = crashed(host)
    logs_of(again).create_log_group(logGroupName="g")
    assert logs_of(crashed(again)).describe_log_streams(logGroupName="g")["logStreams"] == []


def test_what_cannot_be_kept_is_refused_and_is_not_there(host: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    make(logs_of(host))

    def full() -> None:
        host.data.rollback()
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(host.data, "commit", full)
        with pytest.raises(botocore.exceptions.ClientError, match="no space left"):
            put(logs_of(host), (NOW, "lost"))
    assert messages(logs_of(host)) == []


def test_a_group_shows_and_keeps_no_events_past_its_retention(host: AWS) -> None:
    logs = logs_of(host)
    make(logs)
    for days in (10, 2, 0):
        put(logs, (NOW - days * DAY, f"{days} days"))
    assert messages(logs) == ["10 days", "2 days", "0 days"]
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    assert messages(logs) == ["2 days", "0 days"]
    assert logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"][0]["message"] == (
        "2 days"
    )
    (stream,) = logs.describe_log_streams(logGroupName="g")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (NOW - 2 * DAY, NOW)
    for _ in range(3):
        host.step()
    logs.delete_retention_policy(logGroupName="g")
    assert messages(logs) == ["2 days", "0 days"]
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == len("2 days0 days")


def test_events_too_old_expired_or_too_new_are_named_and_the_others_kept(host: AWS) -> None:
    logs = logs_of(host)
    make(logs)
    assert "rejectedLogEventsInfo" not in put(logs, (NOW, "now"))
    answer = put(logs, (NOW - 15 * DAY, "a"), (NOW - 15 * DAY, "b"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
    answer = put(logs, (NOW, "c"), (NOW + 3 * 3_600_000, "d"), (NOW + 3 * 3_600_000, "e"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    logs.put_retention_policy(logGroupName="g", retentionInDays=1)
    answer = put(logs, (NOW - 25 * 3_600_000, "f"), (NOW - 2 * 3_600_000, "g"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert messages(logs) == ["g", "now", "c"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([(NOW, "b"), (NOW - 1, "a")], "chronological order"),
        ([(NOW - DAY - 1, "a"), (NOW, "b")], "cannot span more than 24 hours"),
        ([(NOW, "x" * 600_000), (NOW, "y" * 600_000)], "Upload too large: 1200052 bytes exceeds limit of 1048576"),
    ],
)
def test_a_batch_that_is_none_is_refused(host: AWS, events: list[tuple[int, str]], said: str) -> None:
    make(logs_of(host))
    with pytest.raises(botocore.exceptions.ClientError, match=said) as caught:
        put(logs_of(host), *events)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    assert messages(logs_of(host)) == []


def test_tokens_stay_where_they_were_whatever_comes_or_goes(host: AWS, crashed: Callable[[AWS], AWS]) -> None:
    logs = logs_of(host)
    make(logs)
    logs.create_log_stream(logGroupName="g", logStreamName="t")
    put(logs, *((NOW + number // 2, f"line {number}") for number in range(6)))
    first = logs.filter_log_events(logGroupName="g", limit=3)
    head = logs.get_log_events(logGroupName="g", logStreamName="s", limit=3, startFromHead=True)
    put(logs, (NOW - 5, "earlier"), stream="t")
    put(logs, (NOW + 9, "later"))
    for each in (lambda: host, lambda: crashed(host)):
        logs = logs_of(each())
        rest = logs.filter_log_events(logGroupName="g", nextToken=first["nextToken"])
        assert [event["message"] for event in rest["events"]] == ["line 3", "line 4", "line 5", "later"]
        rest = logs.get_log_events(
            logGroupName="g", logStreamName="s", nextToken=head["nextForwardToken"], startFromHead=True
        )
        assert [event["message"] for event in rest["events"]] == ["line 3", "line 4", "line 5", "later"]
    empty = logs.get_log_events(logGroupName="g", logStreamName="s", endTime=1)
    late = logs.get_log_events(logGroupName="g", logStreamName="s", nextToken=empty["nextForwardToken"])
    assert late["events"][0]["message"] == "line 0"


def test_a_page_ends_at_a_megabyte_and_a_search_for_what_is_rare_goes_on_by_its_token(
    host: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = logs_of(host)
    make(logs)
    for _ in range(3):
        put(logs, (NOW, "x" * 700_000))
    assert [len(messages(logs)), len(messages(logs, startFromHead=False))] == [2, 2]
    put(logs, (NOW + 1, "rare"))
    monkeypatch.setattr(operations, "MOST_LOOKED_AT", 2)
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName="g", filterPattern="rare"))
    assert [len(page["events"]) for page in pages] == [0, 1]


def test_a_damaged_file_is_set_aside(host: AWS, crashed: Callable[[AWS], AWS]) -> None:
    make(logs_of(host))
    host.close()
    (host.directory / "data.sqlite").write_bytes(b"no database" * 1000)
    again = crashed(host)
    assert logs_of(again).describe_log_streams(logGroupName="g")["logStreams"] == []
    assert (again.directory / "data.damaged").read_bytes().startswith(b"no database")


def test_insights_and_export_read_the_same_events(host: AWS) -> None:
    logs, s3 = logs_of(host), client_inside(host, "s3")
    make(logs)
    put(logs, (NOW - 2000, "one"), (NOW - 1000, "two"), (NOW, "three"))
    seconds = NOW // 1000
    query = logs.start_query(
        logGroupName="g", startTime=seconds - 60, endTime=seconds + 60, queryString="fields @message | limit 2"
    )["queryId"]
    eventually(lambda: logs.get_query_results(queryId=query)["status"] == "Complete")
    found = [{item["field"]: item["value"] for item in row} for row in logs.get_query_results(queryId=query)["results"]]
    assert [row["@message"] for row in found] == ["three", "two"]
    s3.create_bucket(Bucket="archive")
    logs.create_export_task(logGroupName="g", destination="archive", fromTime=NOW - 1500, to=NOW + 1)
    (key,) = [item["Key"] for item in s3.list_objects_v2(Bucket="archive")["Contents"] if item["Key"].endswith(".gz")]
    text = gzip.decompress(s3.get_object(Bucket="archive", Key=key)["Body"].read()).decode()
    assert [line.split()[-1] for line in text.splitlines()] == ["two", "three"]


def test_a_subscriber_gets_what_its_pattern_matches(host: AWS) -> None:
    logs = logs_of(host)
    make(logs)
    make(logs, "errors")
    target = logs.describe_log_groups(logGroupNamePrefix="errors")["logGroups"][0]["arn"]
    logs.put_subscription_filter(
        logGroupName="g", filterName="f", filterPattern="ERROR", destinationArn=target, roleArn="arn:aws:iam::0:role/r"
    )
    put(logs, (NOW, "ERROR one"), (NOW, "fine"))
    events = logs.filter_log_events(logGroupName="errors")["events"]
    assert [event["message"] for event in events] == ["ERROR one"]
