"""blue-green-switch: to a second service in two stages and back; then an alarm rings at the first stage."""

from __future__ import annotations

from pathlib import Path

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal
from drydock.rehearsals.two_versions import alarm, is_steady, like, listener_of, ringing
from drydock.runbooks import shifting

GREEN = "drydock-green"
ALARM = "drydock-green-errors"
TEST_PORT = 8080


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    """A service as lab 00's in a target group of its own, behind a test listener of the same load balancer."""
    ecs, elbv2 = cloud.client("ecs"), cloud.client("elbv2")
    hello = ecs.describe_services(cluster=SERVICE["cluster"], services=[SERVICE["service"]])["services"][0]
    entry = hello["loadBalancers"][0]
    blue = elbv2.describe_target_groups(TargetGroupArns=[entry["targetGroupArn"]])["TargetGroups"][0]
    green = like(elbv2, entry["targetGroupArn"], GREEN)
    forward = [{"Type": "forward", "TargetGroupArn": green}]
    front = {"LoadBalancerArn": blue["LoadBalancerArns"][0], "Protocol": "HTTP", "Port": TEST_PORT}
    elbv2.create_listener(**front, DefaultActions=forward)
    alarm(cloud, ALARM)
    ecs.create_service(
        cluster=SERVICE["cluster"],
        serviceName=GREEN,
        taskDefinition=hello["taskDefinition"],
        desiredCount=hello["desiredCount"],
        launchType=hello["launchType"],
        networkConfiguration=hello["networkConfiguration"],
        loadBalancers=[{**entry, "targetGroupArn": green}],
    )
    until(lambda: is_steady(ecs, GREEN), f"{GREEN} is steady")
    balancer = elbv2.describe_load_balancers(LoadBalancerArns=blue["LoadBalancerArns"])["LoadBalancers"][0]
    stages = {"stages": "10,100", "bake_minutes": "0", "alarms": ALARM, "rps": "0"}
    return {"load_balancer": balancer["LoadBalancerName"], "green": GREEN, **stages}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    parameters = {**given(cloud, wait_until), "bake_minutes": "1"}
    planned_applied_undone(rehearsal, runs, parameters, again={})
    elbv2 = cloud.client("elbv2")
    groups = elbv2.describe_target_groups(Names=[SERVICE["service"], GREEN])["TargetGroups"]
    arns = {one["TargetGroupName"]: one["TargetGroupArn"] for one in groups}
    listener = listener_of(elbv2, arns[SERVICE["service"]])

    def has_a_part() -> bool:
        return arns[GREEN] in shifting.forwarded(elbv2, listener)

    with ringing(cloud, ALARM, once=has_a_part):
        rolled_back_by_itself(rehearsal, runs, {**parameters, "bake_minutes": "60"}, "an alarm that rings")
