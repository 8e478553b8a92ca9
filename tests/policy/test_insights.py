"""Queries of Logs Insights over events that are given."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from drydock.policy.insights import Event, Malformed, parse, run

NOON = int(datetime(2026, 11, 26, 12, 0, tzinfo=UTC).timestamp() * 1000)


def events(*messages: Any, step: int = 60_000) -> list[Event]:
    return [
        Event(
            NOON + number * step,
            message if isinstance(message, str) else json.dumps(message),
            NOON,
            f"web/{number % 2}",
            "000000000000:/ecs/web",
            f"p{number}",
        )
        for number, message in enumerate(messages)
    ]


REQUESTS = events(
    {"path": "/", "status": 200, "took": 10, "user": {"id": "a", "tags": ["x", "y"]}},
    {"path": "/buy", "status": 500, "took": 300, "user": {"id": "b"}},
    {"path": "/", "status": 200, "took": 20},
    {"path": "/buy", "status": 200, "took": 40, "user": {"id": "a"}},
    "GET /old took 7 ms",
)


def rows(query: str, given: list[Event] = REQUESTS, **more: Any) -> list[dict[str, str]]:
    answer = run(parse(query), given, **more)
    return [{name: value for name, value in row if name != "@ptr"} for row in answer.rows]


def column(query: str, name: str = "path", given: list[Event] = REQUESTS) -> list[str | None]:
    return [row.get(name) for row in rows(query, given)]


def test_without_a_command_that_sorts_the_newest_come_first() -> None:
    found = run(parse("fields @timestamp, @message"), REQUESTS).rows
    assert found[0] == [
        ("@timestamp", "2026-11-26 12:04:00.000"),
        ("@message", "GET /old took 7 ms"),
        ("@ptr", "p4"),
    ]
    assert rows("limit 1") == [{"@timestamp": "2026-11-26 12:04:00.000", "@message": "GET /old took 7 ms"}]


FILTERS = [
    ("status = 500", ["/buy"]),
    ("status != 200 and ispresent(status)", ["/buy"]),
    ("status >= 200 and took < 40", ["/", "/"]),
    ("path = '/' or took > 100", ["/", "/buy", "/"]),
    ('not (path = "/") and ispresent(path)', ["/buy", "/buy"]),
    ("path in ['/', '/none']", ["/", "/"]),
    ("path not in ['/'] and ispresent(path)", ["/buy", "/buy"]),
    ("path like 'bu'", ["/buy", "/buy"]),
    ("path like /^.b.y$/", ["/buy", "/buy"]),
    ("path =~ /buy/ and status = 200", ["/buy"]),
    ("path not like /buy/ and ispresent(path)", ["/", "/"]),
    ("user.id = 'a'", ["/", "/buy"]),
    ("user.tags.1 = 'y'", ["/"]),
    ("`user.id` = 'b'", ["/buy"]),
    ("took * 2 + 10 = 50", ["/"]),
    ("strlen(path) > 1", ["/buy", "/buy"]),
    ("toupper(path) = '/BUY' AND took % 40 = 0", ["/buy"]),
    ("@logStream = 'web/1'", ["/buy", "/buy"]),
    ("@message like 'old'", [None]),
]


@pytest.mark.parametrize(("condition", "paths"), FILTERS)
def test_filter(condition: str, paths: list[str]) -> None:
    assert column(f"fields path | filter {condition} | sort @timestamp asc") == paths


def test_parse_with_wildcards_and_with_a_regular_expression() -> None:
    given = events("GET /a took 7 ms", "PUT /b took 12 ms", "something else")
    glob = (
        'parse @message "* * took * ms" as method, path, took | filter ispresent(method) | display method, path, took'
    )
    assert rows(f"{glob} | sort took asc", given) == [
        {"method": "GET", "path": "/a", "took": "7"},
        {"method": "PUT", "path": "/b", "took": "12"},
    ]
    regex = r"parse @message /took (?<took>\d+)/ | stats sum(took) as total"
    assert rows(regex, given) == [{"total": "19"}]
    assert rows(r"parse /(\w+) (\S+)/ as a, b | filter a = 'PUT' | display b", given) == [{"b": "/b"}]


STATS = [
    ("stats count(*) as n", [{"n": "5"}]),
    ("stats count(status)", [{"count(status)": "4"}]),
    ("stats count() as n by path | sort n desc, path",
     [{"path": "/", "n": "2"}, {"path": "/buy", "n": "2"}, {"n": "1", "path": ""}]),
    ("filter ispresent(took) | stats avg(took) as a, min(took) as b, max(took) as c, sum(took) as d",
     [{"a": "92.5", "b": "10", "c": "300", "d": "370"}]),
    ("stats pct(took, 50) as half, pct(took, 99) as most", [{"half": "20", "most": "300"}]),
    ("stats count_distinct(path) as n", [{"n": "2"}]),
    ("stats earliest(took) as first, latest(took) as last", [{"first": "10", "last": "40"}]),
    ("stats stddev(status) as s", [{"s": "129.9038"}]),
    ("stats sum(took) / count(took) as mean", [{"mean": "92.5"}]),
    ("stats max(@timestamp) as last", [{"last": "2026-11-26 12:04:00.000"}]),
    ("stats count(*) as n by bin(2m)", [
        {"bin(2m)": "2026-11-26 12:04:00.000", "n": "1"},
        {"bin(2m)": "2026-11-26 12:02:00.000", "n": "2"},
        {"bin(2m)": "2026-11-26 12:00:00.000", "n": "2"}]),
    ("stats count(*) as n by bin(1h) as hour, path | filter n > 1 | sort path | display path",
     [{"path": "/"}, {"path": "/buy"}]),
    ("stats count(*) as n by path | stats max(n) as most", [{"most": "2"}]),
    ("filter status = 404 | stats count(*) as n", [{"n": "0"}]),
    ("filter status = 404 | stats count(*) as n by path", []),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), STATS)
def test_stats(query: str, expected: list[dict[str, str]]) -> None:
    found = rows(query)
    assert (
        [{"path": "", **row} if "path" in expected[0] else row for row in found] == expected if expected else not found
    )


def test_sort_limit_dedup_and_display() -> None:
    assert column("fields path, took | filter ispresent(took) | sort took desc | limit 2", "took") == ["300", "40"]
    assert column("fields path, took | filter ispresent(took) | sort path asc, took desc", "took") == [
        "20",
        "10",
        "300",
        "40",
    ]
    assert column("fields path, took | filter ispresent(path) | dedup path", "took") == ["40", "20"]
    assert column("fields path, took | sort took | filter ispresent(path) | dedup path", "took") == ["10", "40"]
    assert rows("fields took * 2 as twice, path | filter took = 10 | display twice") == [{"twice": "20"}]
    assert len(rows("fields @message", limit=3)) == 3


def test_comments_and_case() -> None:
    assert rows("# of all\nSTATS count(*) AS n # so many\n") == [{"n": "5"}]


MALFORMED = [
    ("", 0, "unexpected the end"),
    ("fields", 6, "unexpected the end"),
    ("select x", 0, "unexpected 'select'"),
    ("fields @timestamp |", 19, "unexpected the end"),
    ("fields @timestamp filter x = 1", 18, "unexpected 'filter'"),
    ("filter status = ", 16, "unexpected the end"),
    ("filter status == 5", 15, "unexpected '='"),
    ("filter (a = 1", 13, r"expected \)"),
    ("filter x like /[/", 14, "regular expression is not valid"),
    ("limit 0", 6, "from 1 to 10000"),
    ("limit many", 6, "from 1 to 10000"),
    ('parse @message "* *" as one', 15, "2 wildcards, and 1 names"),
    (r"parse @message /(\d+)/", 15, "needs a name"),
    ("stats count(*) by bin(5)", 18, "takes a length of time"),
    ("stats median(x)", 6, "does not have the function median"),
    ("stats avg()", 6, "avg does not take 0 arguments"),
    ("pattern @message", 0, "does not have the command pattern"),
    ("fields @message | diff", 18, "does not have the command diff"),
    ("fields @message | anomaly", 18, "does not have the command anomaly"),
    ("filter a = 1; drop", 12, "unexpected symbol ';'"),
    ("filter " + "(" * 200 + "a" + ")" * 200, 107, "nested too deeply"),
]


@pytest.mark.parametrize(("query", "at", "why"), MALFORMED)
def test_what_is_no_query_is_told_with_its_place(query: str, at: int, why: str) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        parse(query)
    assert caught.value.at == at
