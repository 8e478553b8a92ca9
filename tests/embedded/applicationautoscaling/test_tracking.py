"""Target tracking: a service follows its load, by alarms that are CloudWatch's."""

from __future__ import annotations

import re

from .conftest import Shop


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
