"""Fargate Spot that takes tasks back, and has no room for others: every turn of the engine is the test's own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.lab import Lab, address_of
from tests.support.stepped import World
from typer.testing import CliRunner

from drydock import embedded
from drydock.commands.spot import app as command
from drydock.embedded import spot
from drydock.policy.ecs import interruption
from drydock.policy.ecs.interruption import NO_CAPACITY, STOPPED_REASON

SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
MIX = [{"capacityProvider": "FARGATE", "base": 2, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}]


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


def providers(tasks: list[dict[str, Any]]) -> Counter[str]:
    return Counter(task["capacityProviderName"] for task in tasks)


def told(lab: Lab, words: str) -> list[str]:
    return [event["message"] for event in lab.service()["events"] if words in event["message"]]


def heard(lab: Lab, detail_type: str) -> Callable[[], list[dict[str, Any]]]:
    """Puts ECS's events of a type into a queue; gives their details."""
    sqs, events = lab.client("sqs"), lab.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="heard", EventPattern=json.dumps({"source": ["aws.ecs"], "detail-type": [detail_type]}))
    events.put_targets(Rule="heard", Targets=[{"Id": "1", "Arn": arn}])

    def details() -> list[dict[str, Any]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"])["detail"] for message in messages]
        return found

    return details


@pytest.mark.parametrize(("stop_timeout", "hears"), [(None, True), (90, False), (120, False)])
def test_a_task_that_is_taken_back_is_warned_and_another_comes_at_once(
    world: World, lab: Lab, stop_timeout: int | None, hears: bool
) -> None:
    container = {} if stop_timeout is None else {"stopTimeout": stop_timeout}
    lab.create(
        lab.register(environment={} if hears else {"IGNORE_SIGTERM": "1"}, **container),
        2,
        capacityProviderStrategy=SPOT,
    )
    lab.until_steady(2)
    details = heard(lab, "ECS Task State Change")
    warned = world.clock.time()
    [gone] = spot.interrupt(world.host.endpoint, service="app", count=1).interrupted
    seen = lab.task(gone)
    assert (seen["desiredStatus"], seen["lastStatus"]) == ("STOPPED", "RUNNING")
    [warning] = [one for one in details() if one["lastStatus"] == "RUNNING"]
    assert (warning["taskArn"], warning["stopCode"], warning["stoppedReason"]) == (
        gone,
        "SpotInterruption",
        STOPPED_REASON,
    )
    world.settle()
    assert len(lab.tasks()) == 2 and gone not in [task["taskArn"] for task in lab.tasks()]
    lab.until(lambda: not world.running(seen))
    wanted = interruption.course(stop_timeout or 30)
    assert world.clock.time() - warned == pytest.approx(wanted.sigterm if hears else wanted.killed, abs=1)
    assert lab.until_stopped(gone)["containers"][0]["exitCode"] == (0 if hears else 137)
    assert providers(lab.tasks()) == {"FARGATE_SPOT": 2}


@pytest.mark.parametrize(("delay", "stop_timeout"), [(30, 60), (90, 60), (300, 60)])
def test_behind_a_load_balancer_it_drains_first_and_is_over_in_two_minutes(
    world: World, lab: Lab, delay: int, stop_timeout: int
) -> None:
    elb = lab.client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="app", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])
    lab.create(
        lab.register(environment={"IGNORE_SIGTERM": "1"}, stopTimeout=stop_timeout),
        2,
        capacityProviderStrategy=SPOT,
        loadBalancers=[{"targetGroupArn": arn, "containerName": "app", "containerPort": 8080}],
    )
    lab.until_steady(2)
    warned = world.clock.time()
    [gone] = spot.interrupt(world.host.endpoint, count=1).interrupted
    world.settle()
    assert address_of(lab.task(gone)) not in world.in_rotation()
    wanted = interruption.course(stop_timeout, delay)
    lab.until(lambda: lab.task(gone)["lastStatus"] not in ("RUNNING", "DEACTIVATING"))
    assert world.clock.time() - warned == pytest.approx(wanted.sigterm, abs=1)
    lab.until(lambda: not world.running(lab.task(gone)))
    assert world.clock.time() - warned == pytest.approx(wanted.killed, abs=1)


def test_without_capacity_nothing_falls_back_to_on_demand(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 6, capacityProviderStrategy=MIX)
    lab.until_steady(6)
    assert providers(lab.tasks()) == {"FARGATE": 4, "FARGATE_SPOT": 2}
    details = heard(lab, "ECS Service Action")
    assert spot.dry(world.host.endpoint, True).dry
    assert len(spot.interrupt(world.host.endpoint, cluster="lab").interrupted) == 2
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=8)
    world.pass_time(200)
    assert providers(lab.tasks()) == {"FARGATE": 5}
    assert told(lab, "was unable to place a task")[0].endswith(f"Reason: {NO_CAPACITY}.")
    failure = details()[0]
    assert (failure["eventName"], failure["reason"]) == ("SERVICE_TASK_PLACEMENT_FAILURE", "RESOURCE:FARGATE")
    assert failure["capacityProviderArns"][0].endswith("capacity-provider/FARGATE_SPOT")
    run = lab.ecs.run_task(
        cluster="lab",
        taskDefinition="app",
        count=2,
        capacityProviderStrategy=SPOT,
        networkConfiguration=lab.network,
    )
    assert (run["tasks"], [one["reason"] for one in run["failures"]]) == ([], [NO_CAPACITY] * 2)
    spot.dry(world.host.endpoint, False)
    lab.until_steady(8)
    assert providers(lab.tasks()) == {"FARGATE": 5, "FARGATE_SPOT": 3}


def test_at_a_rate_tasks_on_spot_go_by_the_seed_and_no_others(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 8, capacityProviderStrategy=MIX)
    lab.until_steady(8)
    before = {task["taskArn"]: task["capacityProviderName"] for task in lab.tasks()}
    spot.rate(world.host.endpoint, 4)
    world.pass_time(900)
    gone = {arn: lab.task(arn) for arn in before.keys() - {task["taskArn"] for task in lab.tasks()}}
    assert gone and {before[arn] for arn in gone} == {"FARGATE_SPOT"}
    assert {task["stopCode"] for task in gone.values()} == {"SpotInterruption"}
    assert world.engine.counts()["spot_interruptions_per_task_hour"] == 4


def test_a_warning_and_the_weather_outlive_a_kill(world: World, lab: Lab) -> None:
    lab.create(lab.register(environment={"IGNORE_SIGTERM": "1"}, stopTimeout=90), 2, capacityProviderStrategy=SPOT)
    lab.until_steady(2)
    spot.dry(world.host.endpoint, True)
    spot.rate(world.host.endpoint, 0.5)
    [gone] = spot.interrupt(world.host.endpoint, count=1).interrupted
    world.pass_time(30)
    assert lab.task(gone)["lastStatus"] == "STOPPING"
    with world.crashed() as again:
        lab = Lab(again.client, lab.image, lab.vpc, lab.subnets, again.until)
        assert spot.weather(again.host.endpoint) == spot.Weather(True, 0.5)
        ended = lab.task(gone)
        assert (ended["lastStatus"], ended["stopCode"], ended["stoppedReason"]) == (
            "STOPPED",
            "SpotInterruption",
            STOPPED_REASON,
        )
        again.pass_time(100)
        assert lab.tasks() == []
        spot.rate(again.host.endpoint, 0)
        spot.dry(again.host.endpoint, False)
        lab.until_steady(2)


def test_what_it_cannot_do_it_says(world: World) -> None:
    at = world.host.endpoint
    for ask, why in (
        (lambda: spot.rate(at, -1), "0 or more"),
        (lambda: spot.interrupt(at, count=1, percent=50), "not both"),
        (lambda: spot.interrupt(at, count=0), "one task or more"),
        (lambda: spot.interrupt(at, percent=101), "1 to 100 percent"),
        (lambda: spot.rate(at, float("nan")), "0 or more"),
        (lambda: spot._tell(at, {"dry": "off"}), "true or false"),
        (lambda: spot._tell(at, {"interrupt": {"count": 1}}), "region"),
        (lambda: spot._tell(at, {"interrupt": {"region": "us-east-1", "services": "web"}}), "services"),
        (lambda: spot._tell(at, {"rate": 1, "interrupt": {"region": "us-east-1", "count": 0}}), "one thing"),
        (lambda: spot._tell(at, {"interrupt": "all"}), "an object"),
        (lambda: spot.weather(f"{at}/nowhere"), "no embedded AWS"),
    ):
        with pytest.raises(spot.NoSpot, match=why):
            ask()


def test_the_command_says_what_it_has_done(world: World, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find", lambda name: SimpleNamespace(endpoint=world.host.endpoint))

    def told(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(command, arguments)
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    assert "No task on FARGATE_SPOT that this is about is running" in told("interrupt", code=1)
    lab.create(lab.register(), 3, capacityProviderStrategy=SPOT)
    lab.until_steady(3)
    assert "2 tasks are taken back" in told("interrupt", "--service", "app", "--percent", "50")
    assert Counter(task["desiredStatus"] for task in lab.tasks(desired="STOPPED")) == {"STOPPED": 2}
    assert "no capacity for new tasks" in told("dry")
    assert "0.5 times in an AWS hour" in told("rate", "0.5")
    assert (
        told("weather")
        == "Fargate Spot has no capacity for new tasks, and takes each task back 0.5 times in an AWS hour"
    )
    assert "has capacity" in told("dry", "off")
    told("dry", "perhaps", code=2)
