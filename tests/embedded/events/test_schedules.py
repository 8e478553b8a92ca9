"""Rules with a schedule: when they fire, and what their targets get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab
from tests.support.stepped import World

CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/lab"


class Queue:
    def __init__(self, world: World) -> None:
        self.sqs = world.client("sqs")
        self.url = self.sqs.create_queue(QueueName="jobs")["QueueUrl"]
        self.arn = "arn:aws:sqs:us-east-1:000000000000:jobs"

    def taken(self) -> list[Any]:
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found


def put(world: World, expression: str, target: dict[str, Any], **given: Any) -> None:
    events = world.client("events")
    events.put_rule(Name="r", ScheduleExpression=expression, **given)
    events.put_targets(Rule="r", Targets=[{"Id": "t", **target}])
    world.settle()


def test_a_rate_fires_each_period_and_not_before(world: World) -> None:
    queue = Queue(world)
    put(world, "rate(5 minutes)", {"Arn": queue.arn})
    world.pass_time(290)
    assert queue.taken() == []
    world.pass_time(20)
    (event,) = queue.taken()
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/r"]
    assert set(event) == {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    world.pass_time(900)
    assert len(queue.taken()) == 3
    world.client("events").disable_rule(Name="r")
    world.pass_time(900)
    assert queue.taken() == []


def test_a_cron_expression_is_of_the_wall_clock(world: World) -> None:
    queue = Queue(world)
    put(world, "cron(* * * * ? *)", {"Arn": queue.arn, "Input": '{"run": "now"}'})
    world.clock.advance(61 * world.clock.speed)
    world.settle()
    assert queue.taken() == [{"run": "now"}]
    world.settle()
    assert queue.taken() == []


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ({"Input": '{"time": "any", "n": 1}'}, {"time": "any", "n": 1}),
        ({"InputPath": "$.source"}, "aws.events"),
        ({"InputTransformer": {"InputPathsMap": {"s": "$.source"}, "InputTemplate": '{"from": "<s>"}'}},
         {"from": "aws.events"}),
    ],
)  # fmt: skip
def test_a_target_gets_what_its_input_says(world: World, shape: dict[str, Any], body: Any) -> None:
    queue = Queue(world)
    put(world, "rate(1 minute)", {"Arn": queue.arn, **shape})
    world.pass_time(70)
    assert queue.taken() == [body]


def test_a_task_is_run_as_the_target_says(world: World) -> None:
    lab: Lab = world.lab()
    definition = lab.register()
    network = {"Subnets": lab.subnets, "AssignPublicIp": "DISABLED"}
    parameters = {"TaskDefinitionArn": definition, "TaskCount": 2, "LaunchType": "FARGATE",
                  "NetworkConfiguration": {"awsvpcConfiguration": network}}  # fmt: skip
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "WHY", "value": "time"}]}]}
    put(world, "rate(1 hour)", {"Arn": CLUSTER, "RoleArn": "arn:aws:iam::000000000000:role/r",
                                "EcsParameters": parameters, "Input": json.dumps(overrides)})  # fmt: skip
    world.pass_time(3700)
    tasks = [lab.task(arn) for arn in lab.ecs.list_tasks(cluster="lab")["taskArns"]]
    assert [task["lastStatus"] for task in tasks] == ["RUNNING", "RUNNING"]
    assert {task["startedBy"] for task in tasks} == {"events-rule/r"}
    assert tasks[0]["overrides"]["containerOverrides"][0]["environment"] == [{"name": "WHY", "value": "time"}]


def test_a_period_goes_on_after_a_restart(world: World, tmp_path: Path) -> None:
    queue = Queue(world)
    put(world, "rate(1 hour)", {"Arn": queue.arn})
    world.pass_time(3000)
    world.settle()
    with world.crashed() as again:
        queue = Queue(again)
        again.pass_time(500)
        assert queue.taken() == []
        again.pass_time(200)
        assert len(queue.taken()) == 1


@pytest.mark.parametrize(
    "expression",
    ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(5 seconds)", "cron(*/60 * * * ? *)",
     "cron(7 20 * * 1-7 *)", "cron(* * * * *)", "cron(61 * * * ? *)", "every minute"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(world: World, expression: str) -> None:
    with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid") as refused:
        world.client("events").put_rule(Name="r", ScheduleExpression=expression)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_target_that_cannot_be_reached_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    put(world, "rate(1 minute)", {"Arn": "arn:aws:sqs:us-east-1:000000000000:gone"})
    world.pass_time(300)
    said = [r.getMessage() for r in caplog.records if "delivering what is scheduled" in r.getMessage()]
    assert len(said) == 1
