"""Requests through a real load balancer let a service grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.support.lab import make_lab
from tests.support.waiting import eventually
from tests.support.web import forward, get

from .conftest import TARGET


def test_requests_for_each_target_scale_a_service_out(client: Callable[..., Any]) -> None:
    lab, elb = make_lab(client), client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]
    group = elb.create_target_group(
        Name="web", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip", HealthCheckPath="/",
        HealthCheckIntervalSeconds=10,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[forward((group, 1))]
    )
    behind = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
    lab.create(lab.register(), 1, loadBalancers=behind)
    scaling = client("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    label = "/".join(arn.split(":", 5)[5].removeprefix("loadbalancer/") for arn in (balancer["LoadBalancerArn"], group))
    alarms = scaling.put_scaling_policy(
        **TARGET,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 10.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": label,
            },
        },
    )["Alarms"]
    eventually(lambda: get(balancer["DNSName"]).status == 200)
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.08):
            get(balancer["DNSName"])

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        eventually(lambda: lab.service()["desiredCount"] > 1)
        lab.until_steady(lab.service()["desiredCount"])
    finally:
        done.set()
        visitor.join()
    high = next(each["AlarmName"] for each in alarms if "AlarmHigh" in each["AlarmName"])
    (first, *_) = reversed(scaling.describe_scaling_activities(ServiceNamespace="ecs")["ScalingActivities"])
    assert first["Description"] in [f"Setting desired count to {count}." for count in (2, 3, 4)]
    assert first["Cause"] == f"monitor alarm {high} in state ALARM triggered policy requests"
