"""A zone that ACLs cut off: its targets fall silent, no task starts there, and what is elsewhere goes on."""

from __future__ import annotations

from typing import Any

from tests.support.lab import Lab, address_of
from tests.support.stepped import World


def cut_off(lab: Lab, subnet: str, acl: str = "") -> str:
    """Give the subnet an ACL, by itself one that denies everything; the one that it had."""
    ec2 = lab.client("ec2")
    found = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"][0]
    [association] = [each for each in found["Associations"] if each["SubnetId"] == subnet]
    acl = acl or ec2.create_network_acl(VpcId=lab.vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)
    return str(found["NetworkAclId"])


def balanced(lab: Lab) -> tuple[Any, dict[str, Any]]:
    """A load balancer in all three zones, and its target group as an entry of a service."""
    elb = lab.client("elbv2")
    arn = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(
        Name="app", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip",
        HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward)
    return elb, {"targetGroupArn": group, "containerName": "app", "containerPort": 8080}


def by_zone(lab: Lab) -> dict[str, dict[str, Any]]:
    return {task["availabilityZone"]: task for task in lab.tasks()}


def test_a_zone_that_is_cut_off_loses_its_targets_and_starts_none_until_it_is_back(world: World) -> None:
    lab = world.lab()
    elb, entry = balanced(lab)
    lab.create(lab.register(), 3, loadBalancers=[entry])
    lab.until_steady(3)
    before = by_zone(lab)
    lost = before["us-east-1c"]
    open_acl = cut_off(lab, lab.subnets[2])

    def health() -> dict[str, str]:
        found = elb.describe_target_health(TargetGroupArn=entry["targetGroupArn"])["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"].get("Reason", "healthy") for one in found}

    lab.until(lambda: health().get(address_of(lost)) == "Target.Timeout")
    survivors = {address_of(task) for zone, task in before.items() if zone != "us-east-1c"}
    assert {address for address, state in health().items() if state == "healthy"} == survivors
    assert world.in_rotation() == survivors
    lab.until(lambda: any("dial tcp: i/o timeout" in event["message"] for event in lab.service()["events"]))
    assert lab.until_stopped(lost["taskArn"])["stopCode"] == "ServiceSchedulerInitiated"
    elsewhere = {"awsvpcConfiguration": {"subnets": lab.subnets[:2]}}
    lab.ecs.update_service(cluster="lab", service="app", networkConfiguration=elsewhere)
    lab.until_steady(3)
    assert set(by_zone(lab)) == {"us-east-1a", "us-east-1b"}
    cut_off(lab, lab.subnets[2], open_acl)
    lab.ecs.update_service(cluster="lab", service="app", networkConfiguration=lab.network)
    lab.until_steady(3)
    lab.until(lambda: set(by_zone(lab)) == set(before))


def test_what_is_cut_off_in_the_zone_of_the_load_balancers_first_node_is_no_reason_to_call_others_ill(
    world: World,
) -> None:
    lab = world.lab()
    elb, entry = balanced(lab)
    lab.create(lab.register(), 3, loadBalancers=[entry])
    lab.until_steady(3)
    cut_off(lab, lab.subnets[0])
    world.pass_time(60)
    lost = {address_of(task) for task in lab.tasks() if task["availabilityZone"] == "us-east-1a"}
    found = elb.describe_target_health(TargetGroupArn=entry["targetGroupArn"])["TargetHealthDescriptions"]
    states = {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}
    assert [state for address, state in states.items() if address not in lost] == ["healthy", "healthy"]
    assert [state for address, state in states.items() if address in lost] in ([], ["unhealthy"], ["draining"])
