"""A scalable target and its policy as a stack makes, changes and deletes them."""

from __future__ import annotations

import json
from typing import Any

from .conftest import CPU, TARGET, Shop


def template(target: float, most: int) -> str:
    kind = "AWS::ApplicationAutoScaling::"
    bounds = {"MinCapacity": 2, "MaxCapacity": str(most)}
    tracking = {"TargetValue": target, "PredefinedMetricSpecification": {"PredefinedMetricType": CPU}}
    policy = {
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }
    resources = {
        "Target": {"Type": f"{kind}ScalableTarget", "Properties": {**TARGET, **bounds}},
        "Policy": {"Type": f"{kind}ScalingPolicy", "Properties": policy},
    }
    return json.dumps({"Resources": resources})


def test_a_stack_makes_changes_and_deletes_scaling(shop: Shop) -> None:
    stacks = shop.world.client("cloudformation")

    def status() -> Any:
        return stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]

    stack = stacks.create_stack(StackName="scaling", TemplateBody=template(50, 9))["StackId"]
    shop.world.until(lambda: status() == "CREATE_COMPLETE")
    assert {side: alarm["Threshold"] for side, alarm in shop.alarms().items()} == {"High": 50.0, "Low": 45.0}
    stacks.update_stack(StackName="scaling", TemplateBody=template(70, 2))
    shop.world.until(lambda: status() == "UPDATE_COMPLETE")
    assert {side: alarm["Threshold"] for side, alarm in shop.alarms().items()} == {"High": 70.0, "Low": 63.0}
    shop.world.settle()
    assert shop.desired == 2
    stacks.delete_stack(StackName="scaling")
    shop.world.until(lambda: status() == "DELETE_COMPLETE")
    assert shop.alarms() == {}
    assert shop.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
