"""Where the shop of the labs is in the cloud: what the checks and solutions of several labs ask by name, and make."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import urllib3

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.policy.ecs.rollout import is_stuck
from drydock.resources.kind import every, pairs

CLUSTER = "drydock"
SERVICES = ("frontend", "backend", "worker")
PLATFORM = "linux/amd64"
"""Of the images: what the labs' task definitions name, X86_64."""
DEFINITION = (
    "family", "networkMode", "cpu", "memory", "executionRoleArn", "taskRoleArn", "runtimePlatform",
    "requiresCompatibilities", "containerDefinitions",
)  # fmt: skip
"""What a task definition is registered with again."""


def vpc_id(cloud: Cloud) -> str:
    """The VPC that is named drydock; IndexError where there is none."""
    named = [{"Name": "tag:Name", "Values": ["drydock"]}]
    return str(cloud.client("ec2").describe_vpcs(Filters=named)["Vpcs"][0]["VpcId"])


def subnets(cloud: Cloud) -> list[str]:
    """Ids of the subnets of that VPC."""
    inside = [{"Name": "vpc-id", "Values": [vpc_id(cloud)]}]
    return sorted(one["SubnetId"] for one in cloud.client("ec2").describe_subnets(Filters=inside)["Subnets"])


def security_group(cloud: Cloud, name: str) -> str:
    """Id of the security group of that name in that VPC; IndexError where there is none."""
    wanted = [{"Name": "vpc-id", "Values": [vpc_id(cloud)]}, {"Name": "group-name", "Values": [name]}]
    return str(cloud.client("ec2").describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"])


def network(cloud: Cloud) -> dict[str, Any]:
    """The networkConfiguration of the shop's tasks."""
    return {
        "awsvpcConfiguration": {
            "subnets": subnets(cloud),
            "securityGroups": [security_group(cloud, "drydock-tasks")],
            "assignPublicIp": "ENABLED",
        }
    }


def service(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """The ECS service as describe_services has it, or None."""
    found = cloud.client("ecs").describe_services(cluster=CLUSTER, services=[name])["services"]
    return next((one for one in found if one["status"] == "ACTIVE"), None)


def tasks(cloud: Cloud, name: str, desired: str = "RUNNING") -> list[dict[str, Any]]:
    """The tasks of an ECS service, as describe_tasks has them."""
    ecs = cloud.client("ecs")
    arns = ecs.list_tasks(cluster=CLUSTER, serviceName=name, desiredStatus=desired)["taskArns"]
    return ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []


def load_balancer(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """The load balancer of that name as describe_load_balancers has it, or None."""
    there = every(cloud.client("elbv2"), "describe_load_balancers", "LoadBalancers")
    return next((one for one in there if one["LoadBalancerName"] == name), None)


def target_groups(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Name → target group, of all that there are, as describe_target_groups has them."""
    there = every(cloud.client("elbv2"), "describe_target_groups", "TargetGroups")
    return {one["TargetGroupName"]: one for one in there}


def environment(cloud: Cloud, definition: str) -> dict[str, str]:
    """The environment of the first container of a task definition."""
    found = cloud.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return {item["name"]: item["value"] for item in found["containerDefinitions"][0].get("environment", ())}


def register_backend(
    cloud: Cloud, family: str, version: str = "", container: Mapping[str, Any] | None = None, **more: str
) -> str:
    """Register a revision of `family`: the backend's image with this VERSION and these variables; returns its ARN.

    It logs to /drydock/backend, under the family's name without `drydock-`. `version`: by default the image's own;
    `container`: fields of the container besides.
    """
    variables = {**({"VERSION": version} if version else {}), **more}
    repository = cloud.client("ecr").describe_repositories(repositoryNames=["drydock/backend"])["repositories"][0]
    asked = {
        "name": "backend",
        "image": f"{repository['repositoryUri']}:v1",
        "portMappings": [{"containerPort": 8080}],
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-region": cloud.region,
                "awslogs-group": "/drydock/backend",
                "awslogs-stream-prefix": family.removeprefix("drydock-"),
                "mode": "non-blocking",
            },
        },
        **(container or {}),
    }
    made = cloud.client("ecs").register_task_definition(
        family=family,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=cloud.client("iam").get_role(RoleName="drydock-execution")["Role"]["Arn"],
        containerDefinitions=[asked],
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def ask_frontend(cloud: Cloud, calls: int = 30) -> dict[str, Any]:
    """What the frontend says of so many calls of the backend, by way of the load balancer; {} if it is not there.

    It makes ten at a time and waits two seconds for each, so what says that nobody answered thirty comes after six.
    """
    balancer = cloud.client("elbv2").describe_load_balancers(Names=["drydock"])["LoadBalancers"][0]
    url = f"http://{balancer['DNSName']}/api?calls={calls}"
    try:
        return dict(urllib3.request("GET", url, timeout=15, retries=False).json())
    except (urllib3.exceptions.HTTPError, ValueError):
        return {}


def dimensions(*, group: str, balancer: str) -> dict[str, str]:
    """Under what CloudWatch has the requests of the target group of that ARN behind the load balancer of that ARN."""
    return {"TargetGroup": group.rpartition(":")[2], "LoadBalancer": balancer.partition("loadbalancer/")[2]}


def counts_errors(alarm: Mapping[str, Any], *, group: str, balancer: str) -> bool:
    """Whether an alarm counts the errors of the target group of that ARN behind the load balancer of that ARN.

    CloudWatch has them under two dimensions: with one of them alone, or a third, there are no data.
    """
    what = (alarm.get("Namespace"), alarm.get("MetricName"), alarm.get("Statistic"))
    if what != ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum"):
        return False
    return pairs(alarm.get("Dimensions"), "Name") == dimensions(group=group, balancer=balancer)


def is_steady(one: dict[str, Any]) -> bool:
    """One deployment, completed, with all the tasks that are desired."""
    deployments = one["deployments"]
    done = len(deployments) == 1 and deployments[0].get("rolloutState") == "COMPLETED"
    return done and one["runningCount"] == one["desiredCount"] and one["pendingCount"] == 0


def coming(one: dict[str, Any]) -> str:
    """What a service that is not steady can be waited for; empty where it will not come by itself."""
    newest, bounds = one["deployments"][0], one["deploymentConfiguration"]
    if newest.get("rolloutState") == "FAILED":
        return ""
    if len(one["deployments"]) > 1 and is_stuck(
        one["desiredCount"], bounds["minimumHealthyPercent"], bounds["maximumPercent"]
    ):
        return ""
    missing = one["desiredCount"] - one["runningCount"]
    if missing > 0:
        return f"{missing} of {one['desiredCount']} tasks of `{one['serviceName']}` to be RUNNING"
    return f"the deployment of `{one['serviceName']}` to be COMPLETED"


def to_be_healthy(group: dict[str, Any], missing: int, wanted: int) -> str:
    """What targets can be waited for; empty where they are asked for a path that they do not have."""
    return f"{missing} of {wanted} targets to be healthy" if group["HealthCheckPath"] == "/health" else ""


def stopped_by_hand(task: dict[str, Any], since: datetime) -> bool:
    """Whether somebody has stopped this task by hand, and no earlier than `since`."""
    ended = task.get("stoppingAt") or task.get("stoppedAt")
    return task.get("stopCode") == "UserInitiated" and (ended is None or ended >= since)


def until_steady(cloud: Cloud, *names: str) -> None:
    """Wait until these services have what they want."""

    def steady(name: str) -> bool:
        one = service(cloud, name)
        return one is not None and is_steady(one)

    for name in names:
        wait_until(partial(steady, name), f"the service {name} is steady")
