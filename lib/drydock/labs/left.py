"""What labs have left in a cloud: whose it is, what a real account would be charged for it, and what ends it."""

from __future__ import annotations

from collections import Counter

from drydock.cloud import Cloud
from drydock.ledger import by_lab
from drydock.pricing import Item, application_load_balancers, estimate, fargate_tasks, public_addresses
from drydock.resources import KINDS


def others_left(cloud: Cloud) -> str:
    """A few lines; empty where nothing is left."""
    kinds = {kind.name: kind for kind in KINDS}
    left = [(lab, one) for one, lab in by_lab(cloud).items() if kinds[one[0]].exists(cloud, one[1])]
    if not left:
        return ""
    lines = []
    for lab in sorted({lab for lab, _ in left}):
        counted = Counter(kind for owner, (kind, _) in left if owner == lab)
        said = ", ".join(f"{kind}: {number}" for kind, number in sorted(counted.items()))
        lines.append(f"Lab {lab} has left {said}. `drydock sweep --lab {lab}` deletes it.")
    cost = estimate([item for _, one in left for item in _charged(cloud, *one)], 1, region=cloud.region)
    by_the_month = "\nKeys, secrets, logs and what is stored are charged by the month." if _by_the_month(left) else ""
    hourly = str(cost).rstrip(".")
    return "\n".join([*lines, f"On AWS, by the hour: {hourly}.{by_the_month}\n`drydock sweep` ends it all."])


def _by_the_month(left: list[tuple[str, tuple[str, str]]]) -> bool:
    return any(kind in ("KMS key", "secret", "log group", "repository", "Cloud Map namespace") for _, (kind, _) in left)


def _charged(cloud: Cloud, kind: str, identifier: str) -> list[Item]:
    """What of this is charged by the hour."""
    if kind == "ECS task":
        return _tasks(cloud, identifier.split("/")[-2], [identifier])
    if kind == "ECS service":
        cluster, name = identifier.split("/")
        arns = cloud.client("ecs").list_tasks(cluster=cluster, serviceName=name)["taskArns"]
        return _tasks(cloud, cluster, arns) if arns else []
    if kind == "load balancer":
        elbv2 = cloud.client("elbv2")
        one = elbv2.describe_load_balancers(LoadBalancerArns=[identifier])["LoadBalancers"][0]
        return [application_load_balancers(), public_addresses(len(one["AvailabilityZones"]))]
    return []


def _tasks(cloud: Cloud, cluster: str, arns: list[str]) -> list[Item]:
    """Tasks of one size are one item; their public addresses another."""
    tasks = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    sizes = Counter((int(task["cpu"]), int(task["memory"])) for task in tasks)
    items = [fargate_tasks(count, cpu=cpu, memory=memory) for (cpu, memory), count in sizes.items()]
    details = [detail for task in tasks for each in task.get("attachments", ()) for detail in each["details"]]
    ids = [detail["value"] for detail in details if detail["name"] == "networkInterfaceId"]
    wanted = [{"Name": "network-interface-id", "Values": ids}]
    found = cloud.client("ec2").describe_network_interfaces(Filters=wanted)["NetworkInterfaces"] if ids else []
    public = [one for one in found if one.get("Association", {}).get("PublicIp")]
    return [*items, public_addresses(len(public))] if public else items
