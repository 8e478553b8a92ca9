"""canary-release on a service behind a Network Load Balancer, whose listener ECS shifts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drydock.rehearsals.common import SERVICE
from drydock.rehearsals.two_versions import is_steady
from drydock.runbooks import executor, runner
from drydock.runbooks.evidence import Evidence

from .stepped import Case, pass_time


@pytest.fixture
def behind_nlb(case: Case) -> Case:
    """The rehearsal's service once more, as `wire`: its listener of TCP forwards to both target groups."""
    ecs, elbv2 = case.others.client("ecs"), case.others.client("elbv2")
    found = ecs.describe_services(cluster=SERVICE["cluster"], services=[case.given["service"]])["services"][0]
    entry = found["loadBalancers"][0]
    like = elbv2.describe_target_groups(TargetGroupArns=[entry["targetGroupArn"]])["TargetGroups"][0]
    subnets = found["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    balancer = elbv2.create_load_balancer(Name="wire", Type="network", Subnets=subnets)["LoadBalancers"][0]
    asked = {"Protocol": "TCP", "Port": like["Port"], "VpcId": like["VpcId"], "TargetType": "ip"}
    groups = [
        elbv2.create_target_group(Name=f"wire-{colour}", **asked)["TargetGroups"][0]["TargetGroupArn"]
        for colour in ("blue", "green")
    ]
    weighted = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (1, 0), strict=True)]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}]
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="TCP", Port=80, DefaultActions=forward
    )["Listeners"][0]["ListenerArn"]
    advanced = {
        "alternateTargetGroupArn": groups[1],
        "productionListenerRule": listener,
        "roleArn": entry["advancedConfiguration"]["roleArn"],
    }
    kept = ("containerName", "containerPort")
    ecs.create_service(
        cluster=SERVICE["cluster"],
        serviceName="wire",
        taskDefinition=found["taskDefinition"],
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=found["networkConfiguration"],
        loadBalancers=[
            {**{key: entry[key] for key in kept}, "targetGroupArn": groups[0], "advancedConfiguration": advanced}
        ],
    )
    case.world.until(lambda: is_steady(ecs, "wire"))
    case.given = {**case.given, "service": "wire"}
    return case


@pytest.mark.parametrize("name", ["canary-release"])
def test_a_canary_behind_a_network_load_balancer_is_released_and_taken_back(
    behind_nlb: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, world = behind_nlb, behind_nlb.world
    half_a_minute = SimpleNamespace(monotonic=world.clock.elapsed, sleep=lambda _: pass_time(world, 30))
    monkeypatch.setattr(executor, "time", half_a_minute)
    plan = case.planned()
    folder = case.applied(plan)
    assert runner.roll_back_run(folder).endswith("; rolled back")
    kept = Evidence(folder)
    assert kept.read("after.json") == kept.read("before.json")
