"""One rule never stops the events of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

DEAD = (
    "arn:aws:sqs:us-east-1:000000000000:gone",
    "arn:aws:logs:us-east-1:000000000000:log-group:/gone",
    "arn:aws:ecs:us-east-1:000000000000:cluster/none",
    "arn:aws:lambda:us-east-1:000000000000:function:none",
    "arn:aws:events:us-east-1:000000000000:event-bus/none",
)


def rule(events: Any, name: str, *targets: str, **given: Any) -> None:
    events.put_rule(Name=name, **given)
    events.put_targets(Rule=name, Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(targets)])


def received(sqs: Any, url: str) -> list[Any]:
    found: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"])["detail"] for message in messages]
    return found


@pytest.mark.parametrize("dead", DEAD)
def test_a_dead_target_stops_neither_its_rule_nor_another(client: Callable[..., Any], dead: str) -> None:
    events, sqs = client("events"), client("sqs")
    url = sqs.create_queue(QueueName="alive")["QueueUrl"]
    alive = "arn:aws:sqs:us-east-1:000000000000:alive"
    pattern = json.dumps({"source": ["shop"]})
    rule(events, "a-first", dead, alive, EventPattern=pattern)
    rule(events, "b-scheduled", dead, alive, ScheduleExpression="rate(1 minute)")
    rule(events, "c-other", alive, EventPattern=pattern)
    rule(events, "d-off", alive, EventPattern=pattern, State="DISABLED")
    answer = events.put_events(Entries=[{"Source": "shop", "DetailType": "t", "Detail": json.dumps({"n": 1})}])
    assert answer["FailedEntryCount"] == 0
    assert received(sqs, url) == [{"n": 1}, {"n": 1}]
