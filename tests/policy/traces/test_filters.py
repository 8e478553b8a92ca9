"""Expressions are those of the X-Ray developer guide, "Use filter expressions", and what may stand in their place."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.policy.requests.errors import Invalid
from drydock.policy.traces.filters import parsed
from drydock.policy.traces.graph import Trace


def trace(**root: Any) -> Trace:
    """api.example.com calls backend.example.com, which answers 404, and a function of Lambda."""
    calls = [
        {"id": "0" * 15 + "2", "name": "backend.example.com", "namespace": "remote", "start_time": 1.0, "end_time": 3.0,
         "http": {"response": {"status": 404}}},
        {"id": "0" * 15 + "3", "name": "random-name", "namespace": "remote", "start_time": 3.0, "end_time": 3.5},
    ]  # fmt: skip
    whole = {
        "id": "0" * 15 + "1", "name": "api.example.com", "trace_id": "1-5b18491f-" + "0" * 24, "start_time": 0.0,
        "end_time": 6.0, "subsegments": calls, "annotations": {"gameid": "817DL6VO", "age": 30, "paid": True},
        "user": "alice", "origin": "AWS::ECS::Fargate",
        "http": {"request": {"url": "http://api.example.com/v2/api/game/1", "method": "GET"},
                 "response": {"status": 200}},
        **root,
    }  # fmt: skip
    function = {"id": "0" * 15 + "4", "name": "random-name", "trace_id": whole["trace_id"], "start_time": 3.1,
                "end_time": 8.0, "parent_id": "0" * 15 + "3", "origin": "AWS::Lambda::Function",
                "error": True}  # fmt: skip
    return Trace.of(whole["trace_id"], [whole, function])


@pytest.mark.parametrize(
    "expression",
    [
        "responsetime > 5",
        "responseTime > 5",
        "duration >= 5 AND duration <= 8",
        "ok",
        "ok = true",
        "!fault",
        "fault = false",
        "http.status != 500",
        "ok !partial duration <9",
        'http.url CONTAINS "/api/game/"',
        'user CONTAINS ""',
        "inferred",
        'service("api.example.com")',
        'service("backend.example.com") { error }',
        "service() { error }",
        'service("api.example.com") {root = true and fault = false}',
        'edge("api.example.com", "backend.example.com") { error }',
        'edge("api.example.com", "backend.example.com") { http.status = 404 }',
        'http.url BEGINSWITH "http://api.example.com/" AND http.url CONTAINS "/v2/" AND !service("www.example.com")',
        "http.url AND responseTime > 2",
        'annotation.gameid = "817DL6VO"',
        'annotation[gameid] = "817DL6VO"',
        "annotation.age",
        "!annotation.height",
        "annotation.age > 29",
        "annotation.paid = true",
        'service(id(name: "random-name", type:"AWS::Lambda::Function")) { error }',
        'service(id(type: "AWS::Lambda::Function")) { error }',
        'edge(id(name: "api.example.com", type:"AWS::ECS::Fargate"), "random-name")',
        "fault OR (ok AND NOT throttle)",
        "fault OR ok AND duration > 7",
    ],
)
def test_what_fits(expression):
    assert parsed(expression)(trace())


@pytest.mark.parametrize(
    "expression",
    [
        "responsetime > 6",
        "duration < 8",
        "error",
        "!ok",
        "ok = false",
        "http.status = 404",
        'http.method = "POST"',
        'service("www.example.com")',
        'service("backend.example.com") { fault }',
        'service("backend.example.com") { ok }',
        'edge("backend.example.com", "api.example.com")',
        'edge("api.example.com", "random-name") { error }',
        'annotation.gameid != "817DL6VO"',
        "annotation.height != 3",
        "annotation.age = true",
        'annotation.age = "30"',
        'service(id(name: "random-name", type: "AWS::Lambda"))',
        "(fault OR ok) AND duration > 8",
        'user = "Alice"',
    ],
)
def test_what_does_not_fit(expression):
    assert not parsed(expression)(trace())


def test_a_simple_keyword_sees_the_answer_to_the_user_alone():
    """The guide: an error downstream that the application handles is found by service() and not by `error`."""
    assert not parsed("error")(trace())
    assert parsed("error")(trace(http={"response": {"status": 404}}))
    assert parsed("service() { error }")(trace())


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "is empty"),
        ("responsetime >", "a value is wanted"),
        ("responsetime > fast", "a value is wanted"),
        ('responsetime > "5"', "a number is wanted"),
        ("http.url = index", "quotation marks"),
        ('ok CONTAINS "x"', "true or false"),
        ("annotation.age CONTAINS 3", "no comparison"),
        ('user < "b"', "no comparison"),
        ("latency > 3", "no keyword latency"),
        ("(ok", "is wanted"),
        ("ok)", "one too many"),
        ("ok ; fault", "cannot be read"),
        ("service(example.com)", "quotation marks"),
        ("service() { annotation.age = 3 }", "no keyword annotation.age within the braces"),
        ('group.name = "slow"', "does not have the keyword group.name"),
        ("rootcause.fault.entity { last }", "does not have the keyword rootcause.fault.entity"),
        ("!" * 60 + "ok", "nested too deeply"),
        ("ok" + " " * 2000, "longer than 2000"),
    ],
)
def test_what_cannot_be_read_is_refused(expression, says):
    with pytest.raises(Invalid) as caught:
        parsed(expression)
    assert caught.value.code == "InvalidRequestException"
    assert says in caught.value.message
