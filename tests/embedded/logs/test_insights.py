"""Queries of Logs Insights, by the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS
from drydock.policy.insights import language

NOW = int(time.time())
SPAN = {"startTime": NOW - 3600, "endTime": NOW + 3600}


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Any]:
    """Two streams of a group, and another group."""
    host = AWS(tmp_path / "aws", seed="test")
    client = host.client("logs", "us-east-1")
    for group, stream, lines in (
        ("/ecs/web", "web/1", ['{"status": 200, "took": 10}', '{"status": 500, "took": 90}']),
        ("/ecs/web", "web/2", ['{"status": 200, "took": 20}', "plain text"]),
        ("/ecs/api", "api/1", ['{"status": 500, "took": 5}']),
    ):
        if not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": NOW * 1000 + number, "message": line} for number, line in enumerate(lines)]
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    yield client
    host.close()


def ask(logs: Any, query: str, **more: Any) -> Any:
    asked = {"logGroupName": "/ecs/web", **SPAN, **more}
    number = logs.start_query(queryString=query, **asked)["queryId"]
    return eventually(lambda: (found := logs.get_query_results(queryId=number))["status"] != "Running" and found)


def rows(answer: Any) -> list[dict[str, str]]:
    return [{one["field"]: one["value"] for one in row if one["field"] != "@ptr"} for row in answer["results"]]


def test_a_query_is_computed(logs: Any) -> None:
    answer = ask(logs, "filter status = 200 | stats count(*) as n, avg(took) as mean by @logStream | sort @logStream")
    assert answer["status"] == "Complete"
    assert rows(answer) == [
        {"@logStream": "web/1", "n": "1", "mean": "10"},
        {"@logStream": "web/2", "n": "1", "mean": "20"},
    ]
    told = answer["statistics"]
    assert (told["recordsScanned"], told["recordsMatched"], told["resultCount"]) == (4, 2, 2)
    assert told["bytesScanned"] > 0


def test_several_groups_and_a_limit(logs: Any) -> None:
    asked = {"queryString": "stats count(*) as n by @log | sort @log", "logGroupNames": ["/ecs/web", "/ecs/api"]}
    number = logs.start_query(**asked, **SPAN)["queryId"]
    done = eventually(lambda: (found := logs.get_query_results(queryId=number))["status"] == "Complete" and found)
    assert rows(done) == [{"@log": "000000000000:/ecs/api", "n": "1"}, {"@log": "000000000000:/ecs/web", "n": "4"}]
    assert len(rows(ask(logs, "fields @message", limit=2))) == 2


def test_outside_the_time_there_is_nothing(logs: Any) -> None:
    assert rows(ask(logs, "fields @message", startTime=NOW - 200, endTime=NOW - 100)) == []


def test_what_is_no_query_names_its_place(logs: Any) -> None:
    with pytest.raises(ClientError) as caught:
        ask(logs, "fields @message\n| fitler x = 1")
    assert caught.value.response["Error"]["Code"] == "MalformedQueryException"
    compiled = caught.value.response["queryCompileError"]
    assert compiled["location"]["startCharOffset"] == 18
    assert "unexpected 'fitler'" in compiled["message"]
    assert "line 2 and position 3" in compiled["message"]


@pytest.mark.parametrize("query", ["pattern @message", "fields @message | diff", "unmask @message"])
def test_commands_that_are_not_here_are_refused_by_name(logs: Any, query: str) -> None:
    with pytest.raises(ClientError, match="does not have the command"):
        ask(logs, query)


def test_refusals(logs: Any) -> None:
    with pytest.raises(ClientError, match="does not have the query language SQL"):
        ask(logs, "SELECT 1", queryLanguage="SQL")
    with pytest.raises(ClientError, match="does not exist"):
        ask(logs, "limit 1", logGroupName="/none")
    with pytest.raises(ClientError, match="must not be before"):
        ask(logs, "limit 1", endTime=NOW - 7200)
    with pytest.raises(ClientError, match="query does not exist"):
        logs.get_query_results(queryId="none")


def test_queries_are_described_and_ended_ones_cannot_be_stopped(logs: Any) -> None:
    ask(logs, "stats count(*)")
    ask(logs, "limit 1")
    found = logs.describe_queries(logGroupName="/ecs/web")["queries"]
    assert [query["queryString"] for query in found] == ["limit 1", "stats count(*)"]
    assert {query["status"] for query in found} == {"Complete"}
    assert logs.describe_queries(status="Running")["queries"] == []
    with pytest.raises(ClientError, match="has ended"):
        logs.stop_query(queryId=found[0]["queryId"])


def test_a_pattern_that_never_ends_times_out(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_LONGEST", 0.01)
    events = [{"timestamp": NOW * 1000, "message": "ab" * 4000 + "cd"}]
    logs.put_log_events(logGroupName="/ecs/web", logStreamName="web/1", logEvents=events)
    answer = ask(logs, r"filter @message like /(?:(?:a|b|ab)+)+(?:(?:a|b|ab)+)+d/")
    assert (answer["status"], answer["results"]) == ("Timeout", [])
