"""Target tracking: a service follows its load, by alarms that are CloudWatch's."""

from __future__ import annotations

import re

from tests.support.site import make_site
from tests.support.stepped import World

from .conftest import TARGET, Shop


def test_a_service_whose_cpu_is_above_the_target_is_scaled_out_to_what_keeps_it_below(shop: Shop) -> None:
    shop.register()
    shop.track()
    shop.load = 3 * 90
    assert shop.minutes(2) == 3, "three minutes are looked at"
    assert shop.minutes(2) == 4, "3 × 90/70, rounded up"
    (activity,) = shop.activities()
    alarm = shop.alarms()["High"]["AlarmName"]
    assert activity["Cause"] == f"monitor alarm {alarm} in state ALARM triggered policy cpu"
    assert activity["Description"] == "Setting desired count to 4."
    assert activity["StatusCode"] == "Successful"
    assert activity["StatusMessage"] == "Successfully set desired count to 4. Change successfully fulfilled by ecs."
    assert activity["EndTime"] >= activity["StartTime"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", activity["ActivityId"])


def test_the_alarms_of_target_tracking_are_as_aws_makes_them(shop: Shop) -> None:
    shop.register()
    answer = shop.track()
    found = shop.alarms()
    assert {each["AlarmName"] for each in answer["Alarms"]} == {each["AlarmName"] for each in found.values()}
    for side, comparison, periods, threshold in (
        ("High", "GreaterThanThreshold", 3, 70.0),
        ("Low", "LessThanThreshold", 15, 63.0),
    ):
        alarm = found[side]
        assert re.fullmatch(rf"TargetTracking-service/lab/app-Alarm{side}-[0-9a-f-]{{36}}", alarm["AlarmName"])
        assert (alarm["ComparisonOperator"], alarm["EvaluationPeriods"]) == (comparison, periods)
        assert (alarm["Threshold"], alarm["Period"], alarm["Statistic"]) == (threshold, 60, "Average")
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ECS", "CPUUtilization")
        (action,) = alarm["AlarmActions"]
        assert action.startswith(f"{answer['PolicyARN']}:createdBy/")
        assert alarm["AlarmDescription"] == f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}."


def test_a_service_with_less_to_do_is_scaled_in_after_a_quarter_of_an_hour(shop: Shop) -> None:
    shop.register(least=2)
    shop.track(ScaleInCooldown=600)
    shop.load = 3 * 40
    assert shop.minutes(14) == 3
    assert shop.minutes(2) == 2
    low = shop.alarms()["Low"]["AlarmName"]
    assert shop.activities()[-1]["Cause"] == f"monitor alarm {low} in state ALARM triggered policy cpu"
    shop.load = 2 * 20
    shop.minutes(20)
    assert shop.desired == 2
    reasons = [one.get("NotScaledReasons") for one in shop.activities(IncludeNotScaledActivities=True)]
    assert reasons == [None, [{"Code": "AlreadyAtMinCapacity", "MinCapacity": 2}]], "told once"
    assert len(shop.activities()) == 1


def test_between_both_alarms_nothing_happens(shop: Shop) -> None:
    shop.register()
    shop.track()
    shop.load = 3 * 65
    assert shop.minutes(17) == 3
    assert {alarm["StateValue"] for alarm in shop.alarms().values()} == {"OK"}


def test_scaling_out_goes_on_after_its_cool_down_while_the_load_stays(shop: Shop) -> None:
    shop.register(most=6)
    shop.track(ScaleOutCooldown=120)
    shop.load = 2000
    shop.minutes(4)
    assert shop.desired == 5, "what is measured of a task is its size at most"
    at = shop.world.clock.time()
    while shop.desired == 5:
        shop.world.pass_time(10)
    assert shop.desired == 6
    assert shop.world.clock.time() - at >= 60
    shop.minutes(5)
    (reason,) = shop.activities(IncludeNotScaledActivities=True)[-1]["NotScaledReasons"]
    assert reason == {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 6}
    last = shop.activities(IncludeNotScaledActivities=True)[-1]
    assert (last["StatusCode"], last["Description"]) == ("Unfulfilled", "Attempting to scale due to alarm triggered")


def test_without_scale_in_there_is_no_low_alarm(shop: Shop) -> None:
    shop.register()
    shop.track(DisableScaleIn=True)
    assert set(shop.alarms()) == {"High"}
    shop.track()
    assert set(shop.alarms()) == {"High", "Low"}
    shop.track(DisableScaleIn=True)
    assert set(shop.alarms()) == {"High"}


def test_of_two_policies_the_larger_wins_and_both_have_to_agree_to_scale_in(shop: Shop) -> None:
    shop.register()
    shop.track("memory", 50, "ECSServiceAverageMemoryUtilization")
    shop.track("cpu", 70)
    shop.load, shop.memory = 3 * 80, 99
    shop.minutes(4)
    assert shop.desired == 6, "3 × 99/50 is more than 3 × 80/70"
    assert shop.activities()[0]["Cause"].endswith("triggered policy memory")
    shop.load, shop.memory = 10, 48
    shop.minutes(25)
    assert shop.desired == 6, "memory is not low"
    shop.memory = 20
    shop.minutes(17)
    assert shop.desired == 3, "6 × 20/50, rounded up"


def test_an_edited_alarm_stays_so_until_the_policy_is_put_again_and_goes_with_it(shop: Shop) -> None:
    shop.register()
    arn = shop.track()["PolicyARN"]
    high = shop.alarms()["High"]
    edited = {name: high[name] for name in ("MetricName", "Namespace", "Dimensions", "Statistic", "Period", "Unit")}
    shop.cloudwatch.put_metric_alarm(
        AlarmName=high["AlarmName"], **edited, EvaluationPeriods=1, Threshold=99.0,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=high["AlarmActions"],
    )  # fmt: skip
    shop.load = 3 * 90
    assert shop.minutes(5) == 3
    assert shop.track()["PolicyARN"] == arn
    assert shop.alarms()["High"]["AlarmName"] == high["AlarmName"]
    assert shop.minutes(2) == 4
    shop.scaling.delete_scaling_policy(**TARGET, PolicyName="cpu")
    assert shop.alarms() == {}
    assert shop.scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []


def test_a_metric_of_ones_own_and_an_expression_are_tracked(shop: Shop) -> None:
    """The backlog of each task: what waits, over how many run."""
    shop.register()
    metric = {"Namespace": "Shop", "MetricName": "Waiting"}
    queries = [
        {"Id": "waiting", "MetricStat": {"Metric": metric, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "each", "Expression": "waiting / 3", "ReturnData": True},
    ]
    shop.put(
        "backlog", "TargetTrackingScaling", {"TargetValue": 10, "CustomizedMetricSpecification": {"Metrics": queries}}
    )
    assert shop.alarms()["High"]["Metrics"][1]["Expression"] == "waiting / 3"
    for _ in range(4):
        shop.waiting(60)
        shop.minutes()
    assert shop.desired == 6
    shop.scaling.delete_scaling_policy(**TARGET, PolicyName="backlog")
    named = {**metric, "Statistic": "Maximum"}
    shop.put("own", "TargetTrackingScaling", {"TargetValue": 30, "CustomizedMetricSpecification": named})
    assert shop.alarms()["Low"]["Statistic"] == "Maximum"


def test_while_codedeploy_has_two_task_sets_nothing_is_scaled_in(world: World) -> None:
    lab = world.lab()
    site, ecs = make_site(lab), world.host.client("ecs", "us-east-1", derived=True)  # as CodeDeploy calls
    entry = {"containerName": "app", "containerPort": 8080}
    lab.create(
        lab.register(), 3, deploymentController={"type": "CODE_DEPLOY"},
        loadBalancers=[{**entry, "targetGroupArn": site.blue}],
    )  # fmt: skip
    lab.until(lambda: lab.service()["taskSets"][0]["stabilityStatus"] == "STEADY_STATE")
    world.clock.advance(60 - world.clock.time() % 60)
    shop = Shop(world, lab)
    shop.register()
    shop.track()
    second = ecs.create_task_set(
        cluster="lab", service="app", taskDefinition="app", launchType="FARGATE", networkConfiguration=lab.network,
        loadBalancers=[{**entry, "targetGroupArn": site.green}],
    )["taskSet"]  # fmt: skip
    assert shop.minutes(17) == 3
    assert shop.alarms()["Low"]["StateValue"] == "ALARM"
    ecs.delete_task_set(cluster="lab", service="app", taskSet=second["id"], force=True)
    assert shop.minutes(3) < 3
    assert lab.service()["taskSets"][0]["computedDesiredCount"] < 3


def test_while_a_deployment_is_under_way_nothing_is_scaled_in(shop: Shop) -> None:
    shop.register()
    shop.track(ScaleOutCooldown=0)
    shop.load = 3 * 20
    shop.minutes(10)
    again = shop.lab.register(environment={"EXIT": "1"})  # its tasks end at once, so the deployment goes on
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    shop.ecs.update_service(cluster="lab", service="app", taskDefinition=again, deploymentConfiguration=off)
    assert shop.minutes(10) == 3
    assert shop.alarms()["Low"]["StateValue"] == "ALARM"
    shop.load = 3 * 90
    assert shop.minutes(5) > 3, "out goes on"


def test_protected_tasks_are_not_stopped_by_a_scale_in(shop: Shop) -> None:
    shop.register()
    shop.track()
    arns = [task["taskArn"] for task in shop.lab.tasks()]
    shop.ecs.update_task_protection(cluster="lab", tasks=arns, protectionEnabled=True, expiresInMinutes=2880)
    shop.load = 3 * 10
    assert shop.minutes(17) == 1
    assert {task["lastStatus"] for task in map(shop.lab.task, arns)} == {"RUNNING"}
    assert shop.activities()[-1]["StatusCode"] == "InProgress"
    assert shop.activities()[-1]["StatusMessage"].endswith("Waiting for change to be fulfilled by ecs.")


def test_after_a_crash_cool_downs_and_alarms_go_on(shop: Shop) -> None:
    shop.register()
    shop.track(ScaleOutCooldown=3000)
    shop.load = 3 * 90
    shop.minutes(4)
    assert shop.desired == 4
    before = {side: (alarm["AlarmName"], alarm["StateValue"]) for side, alarm in shop.alarms().items()}
    with shop.world.crashed() as world:
        shop.lab.client, shop.lab.until = world.client, world.until
        again = Shop(world, shop.lab)
        assert again.desired == 4
        assert {side: (one["AlarmName"], one["StateValue"]) for side, one in again.alarms().items()} == before
        (activity,) = again.activities()
        assert activity["Cause"] == f"monitor alarm {before['High'][0]} in state ALARM triggered policy cpu"
        again.lab.until_steady(4)
        again.load = 4 * 85
        again.minutes(10)
        assert again.alarms()["High"]["StateValue"] == "ALARM"
        assert again.desired == 4, "3 × 85/70: the scale-out of before the crash still cools down"
        again.scaling.delete_scaling_policy(**TARGET, PolicyName="cpu")
        assert again.alarms() == {}
