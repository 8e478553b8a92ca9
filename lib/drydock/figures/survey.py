"""What exists now, read from the cloud by describe calls, as plain data for a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import Cloud

Described = dict[str, Any]


@dataclass(frozen=True)
class Survey:
    """Answers of describe_vpcs, describe_subnets, describe_load_balancers, …, each as AWS has them.

    targets: one dict for each target of a load balancer: LoadBalancerArn, Id (address), Port, State.
    """

    vpcs: Sequence[Described] = ()
    subnets: Sequence[Described] = ()
    load_balancers: Sequence[Described] = ()
    targets: Sequence[Described] = ()
    services: Sequence[Described] = ()
    tasks: Sequence[Described] = ()


def survey(cloud: Cloud, *, cluster: str, vpc_id: str | None = None) -> Survey:
    """Ask for everything in one cluster, and in one VPC: `vpc_id`, or every VPC that its tasks are in.

    A cluster that is not there has no services and no tasks.
    """
    tasks = _tasks(cloud, cluster)
    subnet_ids = sorted({subnet for task in tasks if (subnet := attachment(task).get("subnetId"))})
    subnets = _subnets(cloud, subnet_ids, vpc_id)
    vpc_ids = sorted({subnet["VpcId"] for subnet in subnets})
    balancers = [one for one in _load_balancers(cloud) if one.get("VpcId") in vpc_ids]
    return Survey(
        vpcs=cloud.client("ec2").describe_vpcs(VpcIds=vpc_ids)["Vpcs"] if vpc_ids else [],
        subnets=subnets,
        load_balancers=balancers,
        targets=[target for one in balancers for target in _targets(cloud, one["LoadBalancerArn"])],
        services=_services(cloud, cluster),
        tasks=tasks,
    )


def attachment(task: Described) -> dict[str, str]:
    """The details of a task's network interface: subnetId, networkInterfaceId, privateIPv4Address, …"""
    for one in task.get("attachments", ()):
        if one.get("type") == "ElasticNetworkInterface":
            return {detail["name"]: detail["value"] for detail in one["details"]}
    return {}


def service_of(task: Described) -> str:
    """The name of the service a task belongs to; a task of run_task has its family."""
    group = task.get("group", "")
    if group.startswith("service:"):
        return str(group.removeprefix("service:"))
    return str(task["taskDefinitionArn"].rsplit("/", 1)[-1].split(":")[0])


def _tasks(cloud: Cloud, cluster: str) -> list[Described]:
    ecs = cloud.client("ecs")
    try:
        pages = list(ecs.get_paginator("list_tasks").paginate(cluster=cluster))
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return []
        raise
    arns = [arn for page in pages for arn in page["taskArns"]]
    found: list[Described] = []
    for start in range(0, len(arns), 100):
        found += ecs.describe_tasks(cluster=cluster, tasks=arns[start : start + 100])["tasks"]
    return found


def _services(cloud: Cloud, cluster: str) -> list[Described]:
    ecs = cloud.client("ecs")
    try:
        arns = [
            arn for page in ecs.get_paginator("list_services").paginate(cluster=cluster) for arn in page["serviceArns"]
        ]
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return []
        raise
    found: list[Described] = []
    for start in range(0, len(arns), 10):
        found += ecs.describe_services(cluster=cluster, services=arns[start : start + 10])["services"]
    return found


def _subnets(cloud: Cloud, subnet_ids: list[str], vpc_id: str | None) -> list[Described]:
    ec2 = cloud.client("ec2")
    if vpc_id is None:
        if not subnet_ids:
            return []
        vpc_ids = sorted({one["VpcId"] for one in ec2.describe_subnets(SubnetIds=subnet_ids)["Subnets"]})
    else:
        vpc_ids = [vpc_id]
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": vpc_ids}])["Subnets"]
    return list(found)


def _load_balancers(cloud: Cloud) -> list[Described]:
    return list(cloud.client("elbv2").describe_load_balancers()["LoadBalancers"])


def _targets(cloud: Cloud, arn: str) -> list[Described]:
    elb = cloud.client("elbv2")
    groups = elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
    return [
        {"LoadBalancerArn": arn, **one["Target"], "State": one["TargetHealth"]["State"]}
        for group in groups
        for one in elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    ]
