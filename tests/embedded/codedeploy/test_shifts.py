"""Deployments in time: every turn of the engine is the test's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.blue_green import APPLICATION, GROUP, TRUST, BlueGreen
from tests.support.lab import Lab
from tests.support.stepped import World

IN_ORDER = [
    "BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic",
    "AllowTraffic", "AfterAllowTraffic",
]  # fmt: skip
SHIFTS: dict[str, list[tuple[int, int]]] = {
    "ECSCanary10Percent5Minutes": [(0, 10), (5, 100)],
    "ECSLinear10PercentEvery1Minutes": [(minute, 10 * minute + 10) for minute in range(10)],
    "ECSCanary10Percent15Minutes": [(0, 10), (15, 100)],
    "ECSLinear10PercentEvery3Minutes": [(3 * step, 10 * step + 10) for step in range(10)],
    "ECSAllAtOnce": [(0, 100)],
}
"""(minute, percent of the replacement): docs/facts.md 4.5."""


def later(world: World, seconds: float) -> None:
    world.clock.advance(seconds)
    world.settle()


def waits(ready: int | None = None, termination: int = 0) -> dict[str, Any]:
    option: dict[str, Any] = {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}
    if ready is not None:
        option = {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": ready}
    return {
        "blueGreenDeploymentConfiguration": {
            "deploymentReadyOption": option,
            "terminateBlueInstancesOnDeploymentSuccess": {
                "action": "TERMINATE",
                "terminationWaitTimeInMinutes": termination,
            },
        }
    }


def rolling_back(*events: str) -> dict[str, Any]:
    return {"autoRollbackConfiguration": {"enabled": True, "events": list(events)}}


def test_every_predefined_configuration_runs_to_its_end_at_its_times(world: World, shop: BlueGreen) -> None:
    shop.service(1)
    shop.group()
    for number, (config, shifts) in enumerate(SHIFTS.items()):
        deployment = shop.deploy(str(number + 2), deploymentConfigName=f"CodeDeployDefault.{config}")
        shop.until_event("Install")
        [green] = [one for one in shop.sets() if one.get("externalId") == deployment]
        is_green = green["loadBalancers"][0]["targetGroupArn"] == shop.green
        if config != "ECSAllAtOnce":
            shop.until_event("AllowTraffic")
        else:
            shop.until_status("Succeeded")
        passed, weight = 0, 0
        for minute, percent in shifts:
            if minute > passed:
                later(world, 60 * (minute - passed) - 5)
                assert shop.weight() == weight
                later(world, 5)
                passed = minute
            weight = percent if is_green else 100 - percent
            assert shop.weight() == weight, (config, minute)
        done = shop.until_status("Succeeded")
        assert done["deploymentConfigName"] == f"CodeDeployDefault.{config}"
        assert list(shop.events().items()) == [(event, "Succeeded") for event in IN_ORDER]
        shop.lab.until(lambda: len(shop.sets()) == 1)
        [left] = shop.sets()
        assert (left["status"], left["externalId"], left["startedBy"]) == ("PRIMARY", deployment, "CODE_DEPLOY")
    assert shop.versions() == {str(len(SHIFTS) + 1)}


def test_a_target_shows_both_task_sets_and_their_shares(world: World, shop: BlueGreen) -> None:
    elb = shop.lab.client("elbv2")
    mine, others = (
        elb.create_rule(
            ListenerArn=shop.production, Priority=priority, Actions=[action],
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}"]}],
        )["Rules"][0]["RuleArn"]
        for priority, action in (
            (1, {"Type": "forward", "TargetGroupArn": shop.blue}),
            (2, {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}),
        )
    )  # fmt: skip
    shop.service()
    shop.group(**waits(termination=5))
    shop.deploy(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    shop.until_event("Install")
    assert shop.weight() == 0
    shop.until_event("AllowTraffic")
    assert shop.weight(shop.test) == 100
    [action], [other] = (elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"] for rule in (mine, others))
    assert [group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]] == [10, 90]
    assert other["Type"] == "fixed-response"
    target = shop.target()
    shown = ("taskSetLabel", "trafficWeight", "runningCount", "status")
    assert [tuple(one[name] for name in shown) for one in target["taskSetsInfo"]] == [
        ("Blue", 90.0, 2, "PRIMARY"),
        ("Green", 10.0, 2, "ACTIVE"),
    ]
    assert [one["targetGroup"]["name"] for one in target["taskSetsInfo"]] == ["blue", "green"]
    assert target["targetArn"].endswith(":service/lab/app")
    assert shop.client.list_deployment_targets(deploymentId=shop.deployments[0])["targetIds"] == ["lab:app"]
    later(world, 300)
    shop.until_event("AfterAllowTraffic", "Succeeded")
    now = shop.deployment()
    assert (now["status"], now["instanceTerminationWaitTimeStarted"]) == ("InProgress", True)
    assert {one["taskSetLabel"]: one["status"] for one in shop.target()["taskSetsInfo"]} == {
        "Blue": "ACTIVE", "Green": "PRIMARY",
    }  # fmt: skip
    later(world, 290)
    assert len([one for one in shop.sets() if one["status"] != "DRAINING"]) == 2
    later(world, 10)
    assert shop.deployment()["status"] == "Succeeded"
    shop.lab.until(lambda: len(shop.sets()) == 1)


def test_who_waits_to_be_continued_goes_on_or_is_stopped(world: World, shop: BlueGreen) -> None:
    shop.service()
    shop.group(**waits(ready=10, termination=60))
    first = shop.deploy()
    shop.until_status("Ready")
    assert shop.weight() == 0
    assert shop.events()["BeforeAllowTraffic"] == "Pending"
    shop.client.continue_deployment(deploymentId=first, deploymentWaitType="READY_WAIT")
    shop.until_event("AfterAllowTraffic", "Succeeded")
    assert shop.weight() == 100
    shop.client.continue_deployment(deploymentId=first, deploymentWaitType="TERMINATION_WAIT")
    shop.until_status("Succeeded")
    shop.lab.until(lambda: len(shop.sets()) == 1)
    shop.deploy("3")
    shop.until_status("Ready")
    later(world, 600)
    stopped = shop.until_status("Stopped")
    assert stopped["errorInformation"]["message"].endswith("This time out period is 10 minutes.")
    assert shop.weight() == 100
    assert len(shop.sets()) == 2  # without a roll-back what was made stays
    shop.deploy("4")
    shop.until_status("Ready")
    assert {one.get("externalId") for one in shop.sets() if one["status"] != "DRAINING"} == {first, shop.deployments[2]}


def test_a_stop_rolls_back_by_a_deployment_of_its_own(world: World, shop: BlueGreen) -> None:
    shop.service()
    shop.group(deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery1Minutes")
    stopped = shop.deploy()
    shop.until_event("AllowTraffic")
    later(world, 60)
    assert shop.weight() == 20
    shop.client.stop_deployment(deploymentId=stopped, autoRollbackEnabled=True)
    one = shop.until_status("Stopped")
    assert one["errorInformation"]["code"] == "MANUAL_STOP"
    back = one["rollbackInfo"]["rollbackDeploymentId"]
    assert one["rollbackInfo"]["rollbackMessage"] == (
        f"Deployment {stopped} terminated. Automatic rollback is triggered with a DeploymentId {back}."
    )
    undone = shop.until_status("Succeeded", back)
    assert undone["creator"] == "codeDeployRollback"
    assert undone["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    assert undone["rollbackInfo"] == {
        "rollbackTriggeringDeploymentId": stopped,
        "rollbackMessage": f"Deployment {back} is triggered to roll back deployment {stopped}.",
    }
    assert shop.weight() == shop.weight(shop.test) == 0
    shop.lab.until(lambda: shop.versions() == {"1"} and len(shop.sets()) == 1)
    listed = shop.client.list_deployments(applicationName=APPLICATION, deploymentGroupName=GROUP)["deployments"]
    assert listed == [back, stopped]


def test_a_stop_after_the_shift_makes_the_original_primary_again(world: World, shop: BlueGreen) -> None:
    shop.service()
    shop.group(**waits(termination=60), **rolling_back("DEPLOYMENT_STOP_ON_REQUEST"))
    shop.deploy()
    shop.until_event("AfterAllowTraffic", "Succeeded")
    shop.lab.until(lambda: shop.target()["taskSetsInfo"][1]["status"] == "PRIMARY")
    shop.client.stop_deployment(deploymentId=shop.deployments[0])
    shop.until_status("Succeeded", shop.until_status("Stopped")["rollbackInfo"]["rollbackDeploymentId"])
    shop.lab.until(lambda: len(shop.sets()) == 1)
    [left] = shop.sets()
    assert left["status"] == "PRIMARY"
    assert "externalId" not in left
    assert shop.weight() == 0


def test_an_alarm_stops_a_shift_and_traffic_goes_back(world: World, shop: BlueGreen) -> None:
    cloudwatch = shop.lab.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Test", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    shop.service()
    shop.group(
        deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes",
        alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]},
        **rolling_back("DEPLOYMENT_STOP_ON_ALARM"),
    )
    shop.deploy()
    shop.until_event("AllowTraffic")
    assert shop.weight() == 10
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    stopped = shop.until_status("Stopped")
    assert stopped["errorInformation"] == {
        "code": "ALARM_ACTIVE",
        "message": "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, "
        "and the affected deployments have been stopped. Activated alarms: <errors>",
    }
    assert [shop.events()[name] for name in IN_ORDER[5:]] == ["Succeeded", "Failed", "Skipped"]
    shop.until_status("Succeeded", stopped["rollbackInfo"]["rollbackDeploymentId"])
    assert shop.weight() == 0
    shop.deploy("3", overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "nobody"}]})
    assert "<nobody>" in shop.until_status("Stopped")["errorInformation"]["message"]
    ignoring = {"enabled": True, "ignorePollAlarmFailure": True, "alarms": [{"name": "nobody"}]}
    shop.deploy("4", overrideAlarmConfiguration=ignoring)
    shop.until_event("AllowTraffic")


def test_a_replacement_that_is_never_steady_fails_after_an_hour(world: World, shop: BlueGreen) -> None:
    shop.service()
    shop.group(**rolling_back("DEPLOYMENT_FAILURE"))
    world.crashes = True
    shop.deploy()
    shop.until_event("Install")
    for _ in range(11):
        later(world, 300)
    assert shop.deployment()["status"] == "InProgress"
    later(world, 301)
    failed = shop.until_status("Failed")
    assert failed["errorInformation"]["code"] == "TIMEOUT"
    assert failed["errorInformation"]["message"].endswith("This time out period is 60 minutes.")
    shop.until_status("Succeeded", failed["rollbackInfo"]["rollbackDeploymentId"])
    shop.lab.until(lambda: shop.versions() == {"1"})


def test_a_service_that_is_scaled_while_traffic_shifts_has_five_minutes_to_be_steady(
    world: World, shop: BlueGreen
) -> None:
    shop.service()
    gradual = {"deploymentConfigName": "CodeDeployDefault.ECSCanary10Percent15Minutes"}
    shop.group(**gradual, **rolling_back("DEPLOYMENT_FAILURE"))
    shop.deploy()
    shop.until_event("AllowTraffic")
    world.crashes = True
    shop.lab.ecs.update_service(cluster="lab", service="app", desiredCount=3)
    for _ in range(5):
        later(world, 58)
    assert shop.deployment()["status"] == "InProgress"
    for _ in range(3):
        later(world, 10)
    failed = shop.until_status("Failed")
    assert failed["errorInformation"]["code"] == "TIMEOUT"
    assert "within 5 minutes" in failed["errorInformation"]["message"]
    assert shop.weight() == 0


def test_a_deployment_fails_when_listener_role_or_service_is_taken_away(world: World, shop: BlueGreen) -> None:
    shop.service(1)
    shop.group(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    elb = shop.lab.client("elbv2")
    before = elb.describe_listeners(ListenerArns=[shop.production])["Listeners"][0]["DefaultActions"]
    shop.deploy()
    shop.until_event("AllowTraffic")
    gone = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    elb.modify_listener(ListenerArn=shop.production, DefaultActions=[gone])
    later(world, 300)
    error = shop.until_status("Failed")["errorInformation"]
    assert (error["code"], shop.production in error["message"]) == ("ELASTIC_LOAD_BALANCING_INVALID", True)
    elb.modify_listener(ListenerArn=shop.production, DefaultActions=before)
    shop.deploy("3")
    shop.until_event("AllowTraffic")
    shop.lab.client("iam").update_assume_role_policy(
        RoleName="codedeploy", PolicyDocument=json.dumps(TRUST).replace("codedeploy.", "ecs.")
    )
    assert shop.until_status("Failed")["errorInformation"]["code"] == "IAM_ROLE_MISSING"
    shop.lab.client("iam").update_assume_role_policy(RoleName="codedeploy", PolicyDocument=json.dumps(TRUST))
    shop.deploy("4")
    shop.until_event("AllowTraffic")
    shop.lab.ecs.delete_service(cluster="lab", service="app", force=True)
    assert shop.until_status("Failed")["errorInformation"]["code"] == "INVALID_ECS_SERVICE"
    shop.lab.until(lambda: shop.lab.service()["status"] == "INACTIVE")
    shown = [(one["status"], one["runningCount"]) for one in shop.target()["taskSetsInfo"]]
    assert shown == [("DRAINING", 0), ("DRAINING", 0)]
    with pytest.raises(ClientError, match="InvalidECSServiceException"):
        shop.deploy("5")


def test_a_shift_goes_on_after_a_crash(world: World, shop: BlueGreen) -> None:
    shop.service()
    shop.group(deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery3Minutes")
    identity = shop.deploy()
    shop.until_event("AllowTraffic")
    later(world, 200)
    assert shop.weight() == 20
    world.host.step()
    began = shop.target()["lifecycleEvents"][6]["startTime"]
    with world.crashed() as again:
        lab = Lab(again.client, shop.lab.image, shop.lab.vpc, shop.lab.subnets, again.until)
        after = BlueGreen(lab, shop.blue, shop.green, shop.production, shop.test, shop.role, "")
        after.deployments = [identity]
        assert after.weight() == 20
        later(again, 160)
        assert after.weight() == 30  # without a call of CodeDeploy
        assert after.target()["lifecycleEvents"][6]["startTime"] == began
        for _ in range(7):
            later(again, 180)
        assert after.weight() == 100
        after.lab.until(lambda: after.deployment()["status"] == "Succeeded")


def test_others_hear_of_a_deployment(world: World, shop: BlueGreen) -> None:
    events, sqs, sns = (shop.lab.client(name) for name in ("events", "sqs", "sns"))
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="deployments", EventPattern=json.dumps({"source": ["aws.codedeploy"]}))
    events.put_targets(Rule="deployments", Targets=[{"Id": "queue", "Arn": arn}])
    topic = sns.create_topic(Name="deployments")["TopicArn"]
    other = sqs.create_queue(QueueName="topic")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=other, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    trigger = {"triggerName": "t", "triggerTargetArn": topic, "triggerEvents": ["DeploymentSuccess"]}
    shop.service()
    shop.group(triggerConfigurations=[trigger])
    identity = shop.deploy()
    shop.until_status("Succeeded")
    heard = [json.loads(message["Body"]) for message in _all(sqs, url)]
    assert {event["detail-type"] for event in heard} == {"CodeDeploy Deployment State-change Notification"}
    assert [event["detail"]["state"] for event in heard] == ["START", "SUCCESS"]
    assert heard[0]["detail"]["deploymentId"] == identity
    assert heard[0]["resources"][1].endswith(f":deploymentgroup:{APPLICATION}/{GROUP}")
    [told] = [json.loads(json.loads(message["Body"])["Message"]) for message in _all(sqs, other)]
    assert (told["status"], told["deploymentId"], told["eventTriggerName"]) == ("SUCCEEDED", identity, "t")


def _all(sqs: Any, url: str) -> list[dict[str, Any]]:
    return list(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
