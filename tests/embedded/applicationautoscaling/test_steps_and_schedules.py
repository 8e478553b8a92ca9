"""Step scaling, scheduled actions, bounds, suspension, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import CPU, TARGET, Shop


def schedule(shop: Shop, name: str, expression: str, least: int | None, most: int | None, **more: Any) -> None:
    bounds = {"MinCapacity": least, "MaxCapacity": most}
    action = {name: value for name, value in bounds.items() if value is not None}
    shop.scaling.put_scheduled_action(
        **TARGET, ScheduledActionName=name, Schedule=expression, ScalableTargetAction=action, **more
    )


def test_step_scaling_does_what_the_step_of_the_breach_says(shop: Shop) -> None:
    shop.register()
    out = shop.step("out", "ChangeInCapacity", (1, 0, 10), (4, 10, None), Cooldown=120)
    into = shop.step("in", "PercentChangeInCapacity", (-50, None, 0), Cooldown=60)
    shop.queue("long", out, 20)
    shop.queue("short", into, 5, "LessThanThreshold")
    (policy, _) = shop.scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert [alarm["AlarmName"] for alarm in policy["Alarms"]] == ["long"]
    shop.waiting(25)
    assert shop.minutes() == 4
    assert shop.activities()[-1]["Cause"] == "monitor alarm long in state ALARM triggered policy out"
    shop.waiting(30)
    assert shop.minutes() == 7, "four of three, one of which were there"
    shop.waiting(0)
    assert shop.minutes() == 7, "the scale-out cools down"
    shop.waiting(0)
    assert shop.minutes() == 4, "half of seven is three"


def test_exact_capacity_and_the_least_magnitude(shop: Shop) -> None:
    shop.register()
    exact = shop.step("exact", "ExactCapacity", (8, 0, None), Cooldown=0)
    shop.queue("long", exact, 20)
    shop.waiting(21)
    assert shop.minutes() == 8
    shop.waiting(21)
    assert shop.minutes() == 8
    (reason,) = shop.activities(IncludeNotScaledActivities=True)[-1]["NotScaledReasons"]
    assert reason == {"Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": 8}
    shop.cloudwatch.delete_alarms(AlarmNames=["long"])
    more = shop.step("more", "PercentChangeInCapacity", (10, 0, None), MinAdjustmentMagnitude=3)
    shop.queue("longer", more, 20)
    shop.waiting(21)
    assert shop.minutes() == 11


def test_a_step_policy_that_goes_leaves_its_alarm_without_the_action(shop: Shop) -> None:
    shop.register()
    shop.queue("long", shop.step("out", "ChangeInCapacity", (1, 0, None)), 20)
    shop.scaling.delete_scaling_policy(**TARGET, PolicyName="out")
    (alarm,) = shop.cloudwatch.describe_alarms(AlarmNames=["long"])["MetricAlarms"]
    assert alarm["AlarmActions"] == []
    shop.waiting(100)
    assert shop.minutes() == 3


def test_an_alarm_whose_policy_is_not_there_says_so(shop: Shop) -> None:
    shop.register()
    arn = shop.step("out", "ChangeInCapacity", (1, 0, None))
    shop.scaling.delete_scaling_policy(**TARGET, PolicyName="out")
    shop.queue("long", arn, 20)
    shop.waiting(100)
    shop.minutes()
    items = shop.cloudwatch.describe_alarm_history(AlarmName="long", HistoryItemType="Action")["AlarmHistoryItems"]
    assert items[0]["HistorySummary"] == f"Failed to execute action {arn}"


def test_registering_a_target_brings_its_service_inside_at_once(shop: Shop) -> None:
    shop.register(5, 8)
    shop.world.settle()
    assert shop.desired == 5
    (activity,) = shop.activities()
    assert activity["Cause"] == "minimum capacity was set to 5"
    assert activity["StatusCode"] == "InProgress"
    shop.lab.until_steady(5)
    shop.world.pass_time(10)
    assert shop.activities()[0]["StatusCode"] == "Successful"
    shop.ecs.update_service(cluster="lab", service="app", desiredCount=12)
    shop.minutes()
    assert shop.desired == 12, "what a user sets stays"
    shop.scaling.register_scalable_target(**TARGET)
    shop.world.settle()
    assert shop.desired == 8
    assert shop.activities()[-1]["Cause"] == "maximum capacity was set to 8"


def test_what_is_suspended_does_not_happen(shop: Shop) -> None:
    shop.register(SuspendedState={"DynamicScalingOutSuspended": True})
    shop.track()
    shop.load = 3 * 90
    assert shop.minutes(5) == 3
    shop.register(SuspendedState={"DynamicScalingOutSuspended": False, "DynamicScalingInSuspended": True})
    assert shop.minutes(1) == 4
    shop.load = 4
    assert shop.minutes(25) == 4
    suspended = shop.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]["SuspendedState"]
    assert suspended == {
        "DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False,
    }  # fmt: skip
    schedule(shop, "later", "rate(5 minutes)", 9, None)
    shop.register(SuspendedState={"ScheduledScalingSuspended": True})
    assert shop.minutes(6) < 9
    shop.register(SuspendedState={"ScheduledScalingSuspended": False})
    assert shop.minutes(6) == 9


def test_a_rate_is_of_aws_and_sets_both_bounds(shop: Shop) -> None:
    shop.register(1, 20)
    schedule(shop, "evening", "rate(10 minutes)", 5, 6)
    assert shop.minutes(9) == 3
    assert shop.minutes(2) == 5
    (target,) = shop.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (5, 6)
    shop.ecs.update_service(cluster="lab", service="app", desiredCount=1)
    assert shop.minutes(10) == 5, "again"
    before = shop.world.host.changes
    assert shop.minutes(20) == 5
    assert shop.world.host.changes == before, "what is so already leaves nothing in the journal"
    shop.register(1, 20)
    shop.ecs.update_service(cluster="lab", service="app", desiredCount=1)
    assert shop.minutes(10) == 5, "and again"
    shop.scaling.delete_scheduled_action(**TARGET, ScheduledActionName="evening")
    shop.register(1, 20)
    shop.ecs.update_service(cluster="lab", service="app", desiredCount=1)
    assert shop.minutes(15) == 1


def test_after_a_crash_a_schedule_goes_on_where_it_was(shop: Shop) -> None:
    shop.register(1, 20)
    schedule(shop, "evening", "rate(30 minutes)", 5, None)
    shop.minutes(20)
    with shop.world.crashed() as world:
        shop.lab.client, shop.lab.until = world.client, world.until
        again = Shop(world, shop.lab)
        assert again.minutes(7) == 3
        assert again.minutes(5) == 5, "a turn of the clock may be lost, not the half hour"


def test_at_and_cron_are_of_the_wall_clock_in_a_time_zone(shop: Shop) -> None:
    from zoneinfo import ZoneInfo

    shop.register(1, 20)
    zone = ZoneInfo("Asia/Kolkata")
    at = (shop.world.clock.utcnow() + timedelta(seconds=60)).astimezone(zone)
    schedule(shop, "once", f"at({at:%Y-%m-%dT%H:%M:%S})", 5, None, Timezone="Asia/Kolkata")
    assert shop.minutes(20) == 3, "forty seconds of ours"
    assert shop.minutes(20) == 5
    soon = (shop.world.clock.utcnow() + timedelta(minutes=2)).astimezone(zone)
    schedule(shop, "daily", f"cron({soon.minute} {soon.hour} * * ? *)", None, 4, Timezone="Asia/Kolkata")
    shop.register(1, 20)
    assert shop.minutes(20) == 5
    while shop.world.clock.utcnow() < soon + timedelta(seconds=2):
        shop.minutes()
    assert shop.desired == 4


def test_a_schedule_begins_and_ends(shop: Shop) -> None:
    shop.register(1, 20)
    now = shop.world.clock.utcnow()
    start, end = now + timedelta(seconds=60), now + timedelta(seconds=90)
    schedule(shop, "short", "rate(5 minutes)", 5, None, StartTime=start, EndTime=end)
    assert shop.minutes(29) == 3
    assert shop.minutes(2) == 5, "two seconds are a minute"
    shop.register(1, 20)
    shop.minutes(20)
    shop.register(1, 20)
    shop.ecs.update_service(cluster="lab", service="app", desiredCount=1)
    assert shop.minutes(20) == 1
    (action,) = shop.scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    assert abs(action["StartTime"] - start) < timedelta(seconds=1)


def test_what_a_policy_was_given_is_read_back(shop: Shop) -> None:
    shop.register()
    settings = {
        "TargetValue": 50.5,
        "PredefinedMetricSpecification": {"PredefinedMetricType": CPU},
        "ScaleInCooldown": 0,
        "ScaleOutCooldown": 30,
        "DisableScaleIn": False,
    }
    answer = shop.put("cpu", "TargetTrackingScaling", settings)
    (policy,) = shop.scaling.describe_scaling_policies(PolicyNames=["cpu"], **TARGET)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == settings
    assert (policy["PolicyARN"], policy["Alarms"]) == (answer["PolicyARN"], answer["Alarms"])
    (target,) = shop.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert target["RoleARN"].endswith(
        ":role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_ECSService"
    )


def test_a_target_that_goes_takes_its_policies_alarms_and_scheduled_actions_along(shop: Shop) -> None:
    shop.register()
    shop.track()
    schedule(shop, "later", "rate(1 minute)", 5, None)
    shop.scaling.deregister_scalable_target(**TARGET)
    shop.minutes(3)
    assert shop.desired == 3
    assert shop.alarms() == {}
    assert shop.scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert shop.scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"] == []
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        shop.scaling.deregister_scalable_target(**TARGET)
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        shop.track()


def test_a_service_that_is_gone_is_not_scaled(shop: Shop) -> None:
    shop.register()
    shop.step("out", "ChangeInCapacity", (1, 0, None))
    shop.ecs.delete_service(cluster="lab", service="app", force=True)
    shop.minutes(2)
    schedule(shop, "later", "rate(1 minute)", 5, None)
    shop.minutes(3)
    assert shop.activities() == []
    shop.scaling.deregister_scalable_target(**TARGET)
    with pytest.raises(ClientError, match="ECS service doesn't exist"):
        shop.register()


LABEL = "app/web/0123456789abcdef/targetgroup/web/0123456789abcdef"
PREDEFINED = "PredefinedMetricSpecification"
DYNAMODB = {
    "ServiceNamespace": "dynamodb", "ResourceId": "table/t", "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "Exactly one of"),
        ({PREDEFINED: {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}}, "not supported"),
        ({PREDEFINED: {"PredefinedMetricType": f"{CPU}HighResolution"}}, "metrics of 20 seconds"),
        ({PREDEFINED: {"PredefinedMetricType": "ALBRequestCountPerTarget"}}, "resource label"),
        ({PREDEFINED: {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": LABEL}}, "not attached"),
        ({PREDEFINED: {"PredefinedMetricType": CPU, "ResourceLabel": LABEL}}, "resource label"),
        ({"CustomizedMetricSpecification": {"Metrics": [{"Id": "a", "Expression": "1 +"}]}}, ""),
        ({"TargetValue": 0, PREDEFINED: {"PredefinedMetricType": CPU}}, "not above 0"),
        ({"ScaleInCooldown": -1, PREDEFINED: {"PredefinedMetricType": CPU}}, "negative"),
    ],
)
def test_target_tracking_that_is_refused(shop: Shop, settings: dict[str, Any], why: str) -> None:
    shop.register()
    with pytest.raises(ClientError, match=f"ValidationException.*{why}"):
        shop.put("cpu", "TargetTrackingScaling", {"TargetValue": 70, **settings})
    assert shop.alarms() == {}
    assert shop.scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [(1, None, None)],
        [(1, 0, 10)],
        [(1, 0, 10), (2, 5, None)],
        [(1, 0, 10), (2, 20, None)],
        [(1, 10, 0)],
        [(1, -10, 0)],
        [(1, 0, None), (2, 10, None)],
    ],
)
def test_steps_that_do_not_fit_together_are_refused(shop: Shop, steps: list[tuple[int, Any, Any]]) -> None:
    shop.register()
    with pytest.raises(ClientError, match="ValidationException"):
        shop.step("out", "ChangeInCapacity", *steps)


def test_what_would_do_nothing_is_refused_by_name(shop: Shop) -> None:
    shop.register()
    shop.scaling.register_scalable_target(**DYNAMODB, MinCapacity=1, MaxCapacity=2)
    predictive = {"MetricSpecifications": [{"TargetValue": 50, "PredefinedMetricPairSpecification": {
        "PredefinedMetricType": "ECSServiceCPUUtilization"}}]}  # fmt: skip
    with pytest.raises(ClientError, match="predictive scaling"):
        shop.put("later", "PredictiveScaling", predictive)
    with pytest.raises(ClientError, match="scaling policies for dynamodb"):
        shop.scaling.put_scaling_policy(
            **DYNAMODB, PolicyName="reads", PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 70, PREDEFINED: {
                "PredefinedMetricType": "DynamoDBReadCapacityUtilization"}},
        )  # fmt: skip
    with pytest.raises(ClientError, match="scheduled actions for dynamodb"):
        shop.scaling.put_scheduled_action(
            **DYNAMODB, ScheduledActionName="x", Schedule="rate(1 minute)", ScalableTargetAction={"MinCapacity": 1}
        )


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"Schedule": "rate(1 minutes)"}, "Schedule expression"),
        ({"Schedule": "at(tomorrow)"}, "Schedule expression"),
        ({"Schedule": "cron(61 * * * ? *)"}, "Schedule expression"),
        ({"Schedule": "cron(0 1 * * ? *)", "Timezone": "Mars/Olympus"}, "no time zone"),
        ({"Schedule": "at(2020-01-01T00:00:00)"}, "in the past"),
        ({"Schedule": "cron(0 0 1 1 ? 2020)"}, "in the past"),
        ({"EndTime": datetime(2020, 1, 1, tzinfo=UTC)}, "in the future"),
        ({"ScalableTargetAction": {}}, "At least one of minimum capacity and maximum capacity"),
        ({"ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 2}}, "less than minimum capacity"),
        ({"StartTime": datetime(2030, 1, 2, tzinfo=UTC), "EndTime": datetime(2030, 1, 1, tzinfo=UTC)}, "StartTime"),
    ],
)
def test_scheduled_actions_that_are_refused(shop: Shop, asked: dict[str, Any], why: str) -> None:
    shop.register()
    given = {"Schedule": "rate(5 minutes)", "ScalableTargetAction": {"MinCapacity": 1}, **asked}
    with pytest.raises(ClientError, match=f"ValidationException.*{why}"):
        shop.scaling.put_scheduled_action(**TARGET, ScheduledActionName="x", **given)
    with pytest.raises(ClientError, match="less than minimum capacity"):
        shop.register(3, 2)
