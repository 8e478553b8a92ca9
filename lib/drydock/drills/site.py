"""What every drill stands on: a network, a cluster, and a service behind a load balancer that is in good health."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from drydock.images import build, push
from drydock.images.credentials import login
from drydock.labs import catalogue
from drydock.labs.shop import PLATFORM
from drydock.prep.practicals.bench import EXECUTION, ZONES, Deployed, Described, named
from drydock.resources import not_found
from drydock.resources.kind import every, there
from drydock.runbooks.ecs import serving

PRODUCTION = "drydock-production"
"""The cluster, and the name of the network. What drills make is called so that the labs' permissions fit, and that no
production of somebody's own is met."""
CONTAINER = "app"
PORT = 8080
ROLE = f"{PRODUCTION}-execution"


@dataclass
class Site(Deployed):
    """A cloud, and the service in its cluster that a drill is about: `name` is also its load balancer's,
    its target group's and its task definition's."""

    @property
    def cluster(self) -> str:
        return PRODUCTION

    @property
    def service_name(self) -> str:
        return self.name

    @property
    def log_group(self) -> str:
        return f"/drydock/{self.name}"

    # -- to lay it out --------------------------------------------------------------------------

    def ground(self) -> None:
        """The cluster, and the network over three zones with a way out; made where they are not there yet."""
        there = self.ecs.describe_clusters(clusters=[PRODUCTION])["clusters"]
        if not any(one["status"] == "ACTIVE" for one in there):
            self.ecs.create_cluster(clusterName=PRODUCTION, capacityProviders=["FARGATE", "FARGATE_SPOT"])
        if self.vpcs(PRODUCTION):
            return
        ec2 = self.cloud.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=str(self._block), TagSpecifications=named("vpc", PRODUCTION))["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for number, zone in enumerate(ZONES):
            self.subnet(f"{PRODUCTION}-{zone}", zone, number * 16, 20)
        self._security_groups(vpc)

    def subnet(self, name: str, zone: str, third: int, size: int) -> str:
        """A new subnet of that name and size in a zone, on the routes of the others; its id.

        third   the third number of its block's first address
        """
        ec2 = self.cloud.client("ec2")
        first = self._block.network_address + third * 256
        made = ec2.create_subnet(
            VpcId=self.vpc,
            CidrBlock=f"{first}/{size}",
            AvailabilityZone=f"{self.cloud.region}{zone}",
            TagSpecifications=named("subnet", name),
        )["Subnet"]["SubnetId"]
        tables = ec2.describe_route_tables(Filters=[self._inside])["RouteTables"]
        way_out = next(one for one in tables if any(route.get("GatewayId", "")[:3] == "igw" for route in one["Routes"]))
        ec2.associate_route_table(RouteTableId=way_out["RouteTableId"], SubnetId=made)
        return str(made)

    def _security_groups(self, vpc: str) -> None:
        ec2 = self.cloud.client("ec2")
        made = {
            name: ec2.create_security_group(GroupName=f"{PRODUCTION}-{name}", Description=name, VpcId=vpc)["GroupId"]
            for name in ("alb", "tasks")
        }
        web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": self.cloud.visitors}]}
        app = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "UserIdGroupPairs": [{"GroupId": made["alb"]}]}
        ec2.authorize_security_group_ingress(GroupId=made["alb"], IpPermissions=[web])
        ec2.authorize_security_group_ingress(GroupId=made["tasks"], IpPermissions=[app])

    def role(self) -> str:
        """ARN of the execution role, which may pull images, write logs and read secrets below `drydock/`."""
        iam = self.cloud.client("iam")
        try:
            return str(iam.get_role(RoleName=ROLE)["Role"]["Arn"])
        except ClientError as error:
            if not not_found(error):
                raise
        arn = self.new_role(ROLE, "ecs-tasks", EXECUTION)
        secrets = f"arn:aws:secretsmanager:{self.cloud.region}:{self.cloud.account}:secret:drydock/*"
        read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [read]})
        iam.put_role_policy(RoleName=ROLE, PolicyName="secrets", PolicyDocument=policy)
        return arn

    def image(self, tag: str = "v1") -> str:
        """The name of the shop's backend in the repository of the service's name, pushed where it is not
        there yet."""
        ecr = self.cloud.client("ecr")
        name = f"{PRODUCTION}/{self.name}"
        try:
            uri = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]
        except ClientError as error:
            if not not_found(error):
                raise
            uri = ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
        if not ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"]:
            built = build(
                catalogue.directory() / "services" / "backend",
                build_args={"VERSION": tag},
                platform=PLATFORM,
                base_images="registry" if self.cloud.real else "stand-in",
                output=lambda line: None,
            )
            push(built, f"{uri}:{tag}", auth=login(ecr))
        return f"{uri}:{tag}"

    def register(self, environment: Mapping[str, str] | None = None, *, tag: str = "v1", **container: Any) -> str:
        """ARN of a new revision of the service's family, with these variables and fields of its container."""
        logs = {
            "awslogs-region": self.cloud.region,
            "awslogs-group": self.log_group,
            "awslogs-stream-prefix": self.name,
        }
        definition = {
            "name": CONTAINER,
            "image": self.image(tag),
            "portMappings": [{"containerPort": PORT}],
            "logConfiguration": {"logDriver": "awslogs", "options": logs},
            **container,
        }
        return self.define(self.name, definition, environment, self.role())

    def serve(self, count: int, *, definition: str = "", subnets: Sequence[str] = (), **more: Any) -> None:
        """Create the service behind a load balancer of its own, and wait until its targets are healthy.

        definition   by default `register()`; subnets: by default one in each zone. Without a strategy: on FARGATE.
        """
        self.cloud.client("logs").create_log_group(logGroupName=self.log_group)
        behind = {"targetGroupArn": self._balance(), "containerName": CONTAINER, "containerPort": PORT}
        network = {
            "subnets": list(subnets or self.zones()),
            "securityGroups": [self.group("tasks")],
            "assignPublicIp": "ENABLED",
        }
        self.ecs.create_service(
            cluster=PRODUCTION,
            serviceName=self.name,
            taskDefinition=definition or self.register(),
            desiredCount=count,
            networkConfiguration={"awsvpcConfiguration": network},
            loadBalancers=[behind],
            **({} if "capacityProviderStrategy" in more else {"launchType": "FARGATE"}),
            **more,
        )
        self.until(lambda: self.steady() and self.healthy() == count, f"{self.name} is steady")

    def _balance(self) -> str:
        elbv2 = self.cloud.client("elbv2")
        balancer = elbv2.create_load_balancer(
            Name=self.name, Type="application", Subnets=list(self.zones()), SecurityGroups=[self.group("alb")]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        group = elbv2.create_target_group(
            Name=self.name,
            Protocol="HTTP",
            Port=PORT,
            VpcId=self.vpc,
            TargetType="ip",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        elbv2.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
        )
        forward = {"Type": "forward", "TargetGroupArn": group}
        elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[forward])
        elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer])
        return str(group)

    def update(self, **change: Any) -> None:
        """UpdateService."""
        self.ecs.update_service(cluster=PRODUCTION, service=self.name, **change)

    # -- to look at it --------------------------------------------------------------------------

    @property
    def vpc(self) -> str:
        return str(self.vpcs(PRODUCTION)[0]["VpcId"])

    def zones(self) -> dict[str, str]:
        """{subnet: zone} of the network: one subnet in each zone, whatever else there is."""
        wanted = [self._inside, {"Name": "tag:Name", "Values": [f"{PRODUCTION}-{zone}" for zone in ZONES]}]
        found = self.cloud.client("ec2").describe_subnets(Filters=wanted)["Subnets"]
        return {one["SubnetId"]: one["AvailabilityZone"] for one in sorted(found, key=lambda one: one["CidrBlock"])}

    def group(self, name: str) -> str:
        """Id of the security group `alb` or `tasks`."""
        wanted = [self._inside, {"Name": "group-name", "Values": [f"{PRODUCTION}-{name}"]}]
        return str(self.cloud.client("ec2").describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"])

    def target_group(self) -> Described:
        """The one of its name, or the other one that ECS shifts its requests to: where its tasks are."""
        elbv2, service = self.cloud.client("elbv2"), self.service()
        if service is not None and any("advancedConfiguration" in one for one in service["loadBalancers"]):
            its: dict[str, Any] = {"TargetGroupArns": sorted(serving(self.ecs, self.cluster, self.name))}
        else:
            its = {"Names": [self.name]}
        return dict(elbv2.describe_target_groups(**its)["TargetGroups"][0])

    def forwarded(self) -> bool:
        """Whether its target group is there, and a load balancer forwards to it."""
        return there(lambda: self.target_group()["LoadBalancerArns"])

    def targets(self) -> list[Described]:
        """The targets that are not on their way out, as describe_target_health has them."""
        arn = self.target_group()["TargetGroupArn"]
        found = self.cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return [one for one in found if one["TargetHealth"]["State"] != "draining"]

    def healthy(self) -> int:
        """How many targets are healthy."""
        return sum(one["TargetHealth"]["State"] == "healthy" for one in self.targets())

    def container(self) -> Described:
        """The container of the task definition that the service has now; empty where there is no service."""
        service = self.service()
        if service is None:
            return {}
        return dict(self.definition(service["taskDefinition"])["containerDefinitions"][0])

    def ended(self) -> list[Described]:
        """The tasks of this service that have stopped within the last hour: of one that was deleted before, none."""
        service = self.service()
        return [one for one in self.tasks(stopped=True) if service and one["createdAt"] >= service["createdAt"]]

    def failed(self) -> list[Described]:
        """Those that nobody wanted to stop, newest first."""
        ended = [one for one in self.ended() if one.get("stopCode") != "UserInitiated" and not _was_meant(one)]
        return sorted(ended, key=lambda one: one.get("stoppedAt") or one["createdAt"], reverse=True)

    def reasons(self) -> Iterable[str]:
        """Why they stopped: of each its stoppedReason, then what its containers say."""
        for task in self.failed():
            yield task.get("stoppedReason", "")
            yield from (one["reason"] for one in task["containers"] if "reason" in one)

    def events(self) -> list[str]:
        """The messages of the service's events, newest first."""
        service = self.service()
        return [one["message"] for one in service["events"]] if service else []

    def lines(self) -> dict[str, list[str]]:
        """What its tasks have written, oldest first, by the id of the task; those that wrote last come last."""
        logs, said = self.cloud.client("logs"), dict[str, list[str]]()
        found = every(logs, "filter_log_events", "events", logGroupName=self.log_group)
        for one in sorted(found, key=lambda one: one["timestamp"]):
            task = one["logStreamName"].rsplit("/", 1)[-1]
            said[task] = [*said.pop(task, ()), one["message"]]
        return said

    # -- its parts ------------------------------------------------------------------------------

    @cached_property
    def _block(self) -> ipaddress.IPv4Network:
        """Beside the labs' own block, so that both may be there."""
        first = ipaddress.IPv4Network(self.cloud.vpc_cidr).network_address + 3 * 2**16
        return ipaddress.IPv4Network(f"{first}/16")

    @property
    def _inside(self) -> dict[str, Any]:
        return {"Name": "vpc-id", "Values": [self.vpc]}


def _was_meant(task: Mapping[str, Any]) -> bool:
    """Whether a deployment or a scale-in has stopped it."""
    return task.get("stopCode") == "ServiceSchedulerInitiated" and "health checks" not in task.get("stoppedReason", "")
