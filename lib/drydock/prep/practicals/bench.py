"""What every practical stands on: a network in three zones, an image, a role, and a service in a cluster of its own."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from drydock.cloud import Cloud
from drydock.images import build, push
from drydock.images.credentials import login
from drydock.notebooks.wait import wait_until

Described = dict[str, Any]

SERVICE = "web"
PORT = 8080
ROLE = "interview-execution"
REPOSITORY = "interview/web"
ZONES = "abc"
EXECUTION = "service-role/AmazonECSTaskExecutionRolePolicy"
"""AWS's own policy of an execution role: to pull images and to write logs."""


class Until(Protocol):
    """Waits until the condition is true, which `what` names; `wait_until` is one. Raises TimeoutError."""

    def __call__(self, condition: Callable[[], bool], what: str, *, timeout: float = 60.0) -> object: ...


@dataclass
class Deployed:
    """A service in a cloud, as the APIs show it."""

    cloud: Cloud
    name: str
    until: Until = wait_until

    @property
    def cluster(self) -> str:
        raise NotImplementedError

    @property
    def service_name(self) -> str:
        """The name of the service."""
        raise NotImplementedError

    @property
    def ecs(self) -> Any:
        return self.cloud.client("ecs")

    def service(self) -> Described | None:
        """As describe_services has it; None where there is none that is ACTIVE."""
        found = self.ecs.describe_services(cluster=self.cluster, services=[self.service_name])["services"]
        return next((dict(one) for one in found if one["status"] == "ACTIVE"), None)

    def steady(self) -> bool:
        """One deployment, completed, with all the tasks that are desired."""
        one = self.service()
        return one is not None and is_steady(one)

    def tasks(self, *, stopped: bool = False) -> list[Described]:
        """As describe_tasks has them: those that run or come, or those that have stopped within the last hour."""
        wanted = "STOPPED" if stopped else "RUNNING"
        its = {"cluster": self.cluster, "serviceName": self.service_name}
        arns = self.ecs.list_tasks(**its, desiredStatus=wanted)["taskArns"]
        return list(self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]) if arns else []

    def running(self) -> list[Described]:
        return [one for one in self.tasks() if one["lastStatus"] == "RUNNING"]

    def definition(self, arn: str) -> Described:
        return dict(self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"])

    def define(self, family: str, container: Described, environment: Mapping[str, str] | None, role: str) -> str:
        """ARN of a new revision, of one container with these variables, on a quarter of a vCPU and 512 MiB.

        role   ARN of its execution role
        """
        variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
        made = self.ecs.register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            runtimePlatform={"cpuArchitecture": "X86_64"},
            executionRoleArn=role,
            containerDefinitions=[{"environment": variables, "stopTimeout": 5, **container}],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def new_role(self, name: str, service: str, managed: str) -> str:
        """ARN of a new role that a service, `NAME.amazonaws.com`, may assume, with one of AWS's own policies."""
        iam = self.cloud.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{managed}")
        return str(arn)

    def vpcs(self, name: str) -> list[Described]:
        """The networks of that name."""
        named = [{"Name": "tag:Name", "Values": [name]}]
        return list(self.cloud.client("ec2").describe_vpcs(Filters=named)["Vpcs"])


@dataclass
class Bench(Deployed):
    """A cloud, and the cluster in it that a practical is about."""

    @property
    def cluster(self) -> str:
        return f"interview-{self.name}"

    @property
    def service_name(self) -> str:
        return SERVICE

    @property
    def family(self) -> str:
        return self.cluster

    # -- to lay it out --------------------------------------------------------------------------

    def create(self) -> None:
        """Create the cluster."""
        self.ecs.create_cluster(clusterName=self.cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"])

    def network(self) -> list[str]:
        """Ids of the three subnets, one in each zone; made where they are not there yet."""
        ec2 = self.cloud.client("ec2")
        if not self.vpcs("interview"):
            block = ipaddress.ip_network(self.cloud.vpc_cidr)
            vpc = ec2.create_vpc(CidrBlock=str(block), TagSpecifications=named("vpc", "interview"))["Vpc"]["VpcId"]
            for zone, part in zip(ZONES, block.subnets(new_prefix=20), strict=False):
                ec2.create_subnet(
                    VpcId=vpc,
                    CidrBlock=str(part),
                    AvailabilityZone=f"{self.cloud.region}{zone}",
                    TagSpecifications=named("subnet", f"interview-{zone}"),
                )
        return list(self.zones())

    def group(self, name: str) -> str:
        """Id of the security group of that name; made where it is not there yet, with no rule that lets anybody in."""
        ec2 = self.cloud.client("ec2")
        wanted = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "group-name", "Values": [name]}]
        found = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
        if found:
            return str(found[0]["GroupId"])
        return str(ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"])

    def image(self) -> str:
        """The name of the image, which is built and pushed where that has not been done."""
        ecr = self.cloud.client("ecr")
        try:
            repository = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0]
        except ClientError:
            repository = ecr.create_repository(repositoryName=REPOSITORY)["repository"]
            built = build(Path(__file__).with_name("app"), platform="linux/amd64", output=lambda line: None)
            push(built, f"{repository['repositoryUri']}:v1", auth=login(ecr))
        return f"{repository['repositoryUri']}:v1"

    def role(self) -> str:
        """ARN of the execution role, which may pull images and write logs."""
        iam = self.cloud.client("iam")
        try:
            return str(iam.get_role(RoleName=ROLE)["Role"]["Arn"])
        except ClientError:
            return self.new_role(ROLE, "ecs-tasks", EXECUTION)

    def register(self, environment: Mapping[str, str] | None = None) -> str:
        """ARN of a new revision of the practical's family, with these variables."""
        container = {"name": SERVICE, "image": self.image(), "portMappings": [{"containerPort": PORT}]}
        return self.define(self.family, container, environment, self.role())

    def serve(self, count: int, *, subnets: Sequence[str], definition: str = "", **more: Any) -> None:
        """Create the service, and wait until it is steady. Without a strategy: on FARGATE."""
        definition = definition or self.register()
        groups = [self.group("interview-tasks")]
        self.ecs.create_service(
            cluster=self.cluster,
            serviceName=SERVICE,
            taskDefinition=definition,
            desiredCount=count,
            networkConfiguration={"awsvpcConfiguration": {"subnets": list(subnets), "securityGroups": groups}},
            **({} if "capacityProviderStrategy" in more else {"launchType": "FARGATE"}),
            **more,
        )
        self.until(self.steady, "the service is steady")

    # -- to look at it --------------------------------------------------------------------------

    @property
    def vpc(self) -> str:
        return str(self.vpcs("interview")[0]["VpcId"])

    def zones(self) -> dict[str, str]:
        """{subnet: zone} of the network."""
        inside = [{"Name": "vpc-id", "Values": [self.vpc]}]
        found = self.cloud.client("ec2").describe_subnets(Filters=inside)["Subnets"]
        return {one["SubnetId"]: one["AvailabilityZone"] for one in sorted(found, key=lambda one: one["CidrBlock"])}

    def is_there(self) -> bool:
        """Whether the practical was begun to be laid out: its cluster is ACTIVE."""
        found = self.ecs.describe_clusters(clusters=[self.cluster])["clusters"]
        return any(one["status"] == "ACTIVE" for one in found)


def is_steady(service: Mapping[str, Any]) -> bool:
    """One deployment, completed, with all the tasks that are desired."""
    deployments = service["deployments"]
    done = len(deployments) == 1 and deployments[0].get("rolloutState") == "COMPLETED"
    return bool(done and service["runningCount"] == service["desiredCount"] and not service["pendingCount"])


def between(tasks: Sequence[Mapping[str, Any]], since: datetime) -> tuple[int, int]:
    """The fewest and the most of these tasks that were RUNNING at one time, from `since` until now.

    A task counts from its startedAt until its stoppingAt, from which on it is being stopped.
    """
    lives = [(one["startedAt"], one.get("stoppingAt") or one.get("stoppedAt")) for one in tasks if "startedAt" in one]
    moments = [since, *(moment for life in lives for moment in life if moment is not None and moment >= since)]
    counts = [sum(start <= at and (end is None or at < end) for start, end in lives) for at in moments]
    return min(counts), max(counts)


def named(kind: str, name: str) -> list[dict[str, Any]]:
    """TagSpecifications that give something of a kind its name."""
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]
