"""Rolling deployments in time: zones, alarms, early success, and what comes in between."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab
from tests.support.stepped import World


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


def events(lab: Lab) -> str:
    return "\n".join(event["message"] for event in lab.service()["events"])


def zones(lab: Lab) -> Counter[str]:
    return Counter(task["availabilityZone"] for task in lab.tasks())


def deployments(lab: Lab) -> list[dict[str, Any]]:
    """The newest first."""
    brief = lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"]
    arns = [each["serviceDeploymentArn"] for each in brief]
    return list(lab.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"])


def update(lab: Lab, version: str = "2", **request: Any) -> None:
    definition = lab.register(environment={"VERSION": version, **request.pop("environment", {})})
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=definition, **request)


# -- zones ------------------------------------------------------------------------------------------------


def one_zone_then_all(lab: Lab, **request: Any) -> None:
    """Tasks come to be two in one zone and none in another: the new ones are placed beside those that are to go."""
    first = {"awsvpcConfiguration": {"subnets": lab.subnets[:1]}}
    lab.ecs.create_service(
        cluster="lab", serviceName="app", taskDefinition=lab.register(), desiredCount=3, launchType="FARGATE",
        networkConfiguration=first, **request,
    )  # fmt: skip
    lab.until_steady(3)
    lab.ecs.update_service(cluster="lab", service="app", networkConfiguration=lab.network)


def test_zones_that_differ_by_more_than_one_are_balanced_start_first(world: World, lab: Lab) -> None:
    one_zone_then_all(lab)
    least = [9]

    def note() -> None:
        if "AZ Rebalancing in progress" in str(world.services()[0].events):
            tasks = world.tasks()
            least.append(sum(task.status == "RUNNING" and not task.stopping for task in tasks))
            assert len(tasks) <= 4

    world.watchers.append(note)
    lab.until(lambda: set(zones(lab).values()) == {1} and len(zones(lab)) == 3)
    lab.until(lambda: "is AZ balanced" in events(lab))
    assert min(least) == 3
    said = "is not AZ balanced with 0 tasks in us-east-1a, 2 tasks in us-east-1b, 1 tasks in us-east-1c. AZ Rebalancing"
    assert said in events(lab)
    assert "is AZ balanced with 1 tasks in us-east-1a, 1 tasks in us-east-1b, 1 tasks in us-east-1c." in events(lab)
    [gone] = [
        task
        for task in lab.tasks(desired="STOPPED")
        if task["stoppedReason"].startswith("Availability-zone rebalancing initiated by (deployment ecs-svc/")
    ]
    [come] = [task for task in lab.tasks() if task["availabilityZone"] == "us-east-1a"]
    gone_id, come_id = (task["taskArn"].rsplit("/", 1)[-1] for task in (gone, come))
    assert f"has started 1 tasks in us-east-1a to AZ Rebalance: (task {come_id})." in events(lab)
    assert f"has stopped 1 running tasks in us-east-1b due to AZ rebalancing: (task {gone_id})." in events(lab)
    started = len(world.runtime.started)
    world.pass_time(300)
    assert len(world.runtime.started) == started


def test_zones_are_left_as_they_are_without_rebalancing(world: World, lab: Lab) -> None:
    one_zone_then_all(lab, availabilityZoneRebalancing="DISABLED")
    lab.until_steady(3)
    world.pass_time(300)
    assert sorted(zones(lab).values()) == [1, 2]


def test_balancing_that_finds_no_place_stops_and_is_tried_again(world: World, lab: Lab) -> None:
    sqs, rules = lab.client("sqs"), lab.client("events")
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules.put_rule(Name="actions", EventPattern=json.dumps({"detail-type": ["ECS Service Action"]}))
    rules.put_targets(Rule="actions", Targets=[{"Id": "q", "Arn": arn}])
    one_zone_then_all(lab, availabilityZoneRebalancing="DISABLED")
    lab.until_steady(3)
    world.host.profile = replace(world.host.profile, fargate_vcpus=0.75)
    lab.ecs.update_service(cluster="lab", service="app", availabilityZoneRebalancing="ENABLED")
    lab.until(lambda: "stopped AZ Rebalancing." in events(lab))
    assert "(service app) is unable to place a task in us-east-1a." in events(lab)
    assert sorted(zones(lab).values()) == [1, 2]
    world.host.profile = replace(world.host.profile, fargate_vcpus=None)
    lab.until(lambda: "is AZ balanced" in events(lab))
    assert set(zones(lab).values()) == {1} and len(zones(lab)) == 3
    world.settle()
    heard = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    names = [json.loads(message["Body"])["detail"]["eventName"] for message in heard]
    assert names == [f"SERVICE_REBALANCING_{what}" for what in ("STOPPED", "STARTED", "COMPLETED")]


def test_balancing_waits_for_tasks_that_are_protected(lab: Lab) -> None:
    one_zone_then_all(lab, availabilityZoneRebalancing="DISABLED")
    lab.until_steady(3)
    [fullest] = [zone for zone, count in zones(lab).items() if count == 2]
    held = [task["taskArn"] for task in lab.tasks() if task["availabilityZone"] == fullest]
    lab.ecs.update_task_protection(cluster="lab", tasks=held, protectionEnabled=True, expiresInMinutes=600)
    lab.ecs.update_service(cluster="lab", service="app", availabilityZoneRebalancing="ENABLED")
    message = f"(taskSet {lab.service()['deployments'][0]['id']}) was unable to scale in due to"
    said = f"(service app) was unable to AZ Rebalance because {message} (reason 2 tasks under protection)."
    lab.until(lambda: said in events(lab))
    assert sorted(zones(lab).values()) == [1, 2]
    lab.ecs.update_task_protection(cluster="lab", tasks=held, protectionEnabled=False)
    lab.until(lambda: set(zones(lab).values()) == {1} and len(zones(lab)) == 3)
    assert events(lab).count("was unable to AZ Rebalance") == 1


def test_rebalancing_is_on_where_there_is_room_for_it(lab: Lab) -> None:
    definition = lab.register()
    assert lab.create(definition, 0)["availabilityZoneRebalancing"] == "ENABLED"
    tight = {"minimumHealthyPercent": 50, "maximumPercent": 100}
    made = lab.create(definition, 0, name="tight", deploymentConfiguration=tight)
    assert made["availabilityZoneRebalancing"] == "DISABLED"
    asked = {"deploymentConfiguration": tight, "availabilityZoneRebalancing": "ENABLED"}
    with pytest.raises(ClientError, match="does not support maximumPercent <= 100 % as deployment configuration"):
        lab.create(definition, 0, name="no", **asked)
    with pytest.raises(ClientError, match="does not support maximumPercent <= 100 % as deployment configuration"):
        lab.ecs.update_service(cluster="lab", service="app", deploymentConfiguration=tight)
    lab.ecs.update_service(
        cluster="lab", service="app", deploymentConfiguration=tight, availabilityZoneRebalancing="DISABLED"
    )
    assert lab.service()["availabilityZoneRebalancing"] == "DISABLED"


# -- alarms -----------------------------------------------------------------------------------------------


def alarmed(lab: Lab, rollback: bool = True) -> dict[str, Any]:
    lab.client("cloudwatch").put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Test", Statistic="Sum", Period=60, EvaluationPeriods=3,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    return {"alarms": {"alarmNames": ["errors", "gone"], "enable": True, "rollback": rollback}}


def ring(lab: Lab) -> None:
    lab.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")


def test_an_alarm_after_the_last_task_still_rolls_back(world: World, lab: Lab) -> None:
    lab.create(lab.register(environment={"VERSION": "1"}), 2, deploymentConfiguration=alarmed(lab))
    lab.until_steady(2)
    update(lab)
    lab.until(lambda: len(lab.service()["deployments"]) == 1 and lab.service()["runningCount"] == 2)
    world.pass_time(60)
    assert deployments(lab)[0]["status"] == "IN_PROGRESS"  # it is watched for three periods more
    ring(lab)
    lab.until(lambda: deployments(lab)[0]["status"] == "ROLLBACK_SUCCESSFUL")
    failed = deployments(lab)[0]
    assert failed["alarms"]["status"] == "TRIGGERED"
    assert failed["rollback"]["reason"] == "ECS deployment alarms: alarm detected."
    lab.until_steady(2)
    assert {task["taskDefinitionArn"].rsplit(":", 1)[-1] for task in lab.tasks()} == {"1"}
    assert "deployment failed: alarm detected." in events(lab)
    assert "cannot watch alarms that do not exist: gone." in events(lab)


def test_without_roll_back_an_alarm_fails_the_deployment_and_leaves_its_tasks(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 2, deploymentConfiguration=alarmed(lab, rollback=False))
    world.settle()
    ring(lab)
    lab.until(lambda: deployments(lab)[0]["status"] == "STOPPED")
    assert lab.service()["deployments"][0]["rolloutState"] == "FAILED"


def test_the_time_that_alarms_look_back_is_waited_for_once(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 1, deploymentConfiguration=alarmed(lab))
    lab.until(lambda: "has reached a steady state" in events(lab))
    began = world.clock.time()
    lab.until_steady(1)
    assert world.clock.time() - began == pytest.approx(180, abs=2)
    assert deployments(lab)[0]["alarms"]["status"] == "MONITORING_COMPLETE"
    ring(lab)
    world.pass_time(60)
    assert deployments(lab)[0]["status"] == "SUCCESSFUL"


# -- success, early and late ------------------------------------------------------------------------------


@pytest.mark.parametrize("cleanup", ["BLOCKING", "DEFERRED"])
def test_a_deployment_can_be_successful_early(world: World, lab: Lab, cleanup: str) -> None:
    early = {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup}
    bounds = {"minimumHealthyPercent": 50, "maximumPercent": 125, "earlySuccessCriteria": early}
    lab.create(lab.register(environment={"VERSION": "1"}), 4, deploymentConfiguration=bounds)
    lab.until_steady(4)
    update(lab)
    lab.until(lambda: deployments(lab)[0]["status"] == "SUCCESSFUL")
    old = [task for task in world.tasks() if task.definition["revision"] == 1]
    assert bool(old) == (cleanup == "DEFERRED")
    lab.until_steady(4)
    assert {task["taskDefinitionArn"].rsplit(":", 1)[-1] for task in lab.tasks()} == {"2"}


def test_a_second_update_stops_the_first(world: World, lab: Lab) -> None:
    lab.create(lab.register(environment={"VERSION": "1"}), 3)
    lab.until_steady(3)
    update(lab, "2")
    lab.until(lambda: len(lab.service()["deployments"]) == 2 and len(world.tasks()) > 3)
    update(lab, "3")
    assert [each["status"] for each in deployments(lab)] == ["IN_PROGRESS", "STOPPED", "SUCCESSFUL"]
    assert deployments(lab)[1]["stoppedAt"]
    lab.until_steady(3)
    assert {task["taskDefinitionArn"].rsplit(":", 1)[-1] for task in lab.tasks()} == {"3"}
    assert [each["status"] for each in deployments(lab)] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]


def test_somebody_stops_a_rolling_deployment(world: World, lab: Lab) -> None:
    lab.create(lab.register(environment={"VERSION": "1"}), 2)
    lab.until_steady(2)
    update(lab, environment={"EXIT": "1"})
    world.pass_time(30)
    lab.ecs.stop_service_deployment(serviceDeploymentArn=deployments(lab)[0]["serviceDeploymentArn"])
    lab.until(lambda: deployments(lab)[0]["status"] == "ROLLBACK_SUCCESSFUL")
    lab.until_steady(2)
    assert {task["taskDefinitionArn"].rsplit(":", 1)[-1] for task in lab.tasks()} == {"1"}


@pytest.mark.parametrize(
    ("threshold", "failures"),
    [({"type": "COUNT", "value": 5}, 5), ({"type": "UNBOUNDED_PERCENT", "value": 50}, 1), (None, 3)],
)
def test_thresholds_of_the_breaker(world: World, lab: Lab, threshold: dict[str, Any] | None, failures: int) -> None:
    breaker = {"enable": True, "rollback": True, **({"thresholdConfiguration": threshold} if threshold else {})}
    lab.create(lab.register(), 1, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    lab.until_steady(1)
    update(lab, environment={"EXIT": "1"})
    lab.until(lambda: deployments(lab)[0]["status"] == "ROLLBACK_SUCCESSFUL")
    found = deployments(lab)[0]["deploymentCircuitBreaker"]
    assert found == {"status": "TRIGGERED", "failureCount": failures, "threshold": failures}
    lab.until_steady(1)
    assert sum(one.spec.environment.get("EXIT") == "1" for one in world.runtime.started) == failures
