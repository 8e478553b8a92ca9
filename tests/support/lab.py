"""A cluster, a network and an image, made as a user makes them."""

from __future__ import annotations

import atexit
import itertools
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from drydock.images import Image, Layout, build, push
from drydock.images.credentials import login
from tests.support.waiting import eventually

APP = Path(__file__).resolve().parents[1] / "embedded" / "ecs" / "app"
_networks = itertools.cycle(range(40, 240))


@dataclass
class Lab:
    """Clients of a running cloud, and what its services need."""

    client: Callable[..., Any]
    image: str
    vpc: str
    subnets: list[str]
    until: Callable[[Callable[[], Any]], Any] = eventually

    @property
    def ecs(self) -> Any:
        return self.client("ecs")

    @property
    def network(self) -> dict[str, Any]:
        return {"awsvpcConfiguration": {"subnets": self.subnets}}

    def register(self, family: str = "app", *, environment: dict[str, str] | None = None, **container: Any) -> str:
        """A Fargate task definition of one container; returns its ARN."""
        extra = {key: container.pop(key) for key in ("taskRoleArn",) if key in container}
        definition = {
            "name": "app",
            "image": self.image,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": k, "value": v} for k, v in (environment or {}).items()],
            **container,
        }
        return self.register_containers(family, [definition], **extra)

    def register_containers(self, family: str, containers: list[dict[str, Any]], **extra: Any) -> str:
        answer = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::000000000000:role/execution",
            containerDefinitions=[{"image": self.image, **container} for container in containers],
            **extra,
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def run(self, definition: str, **request: Any) -> dict[str, Any]:
        answer = self.ecs.run_task(
            cluster="lab",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=self.network,
            **request,
        )
        assert answer["failures"] == []
        return dict(answer["tasks"][0])

    def create(self, definition: str, count: int, name: str = "app", **request: Any) -> dict[str, Any]:
        return dict(
            self.ecs.create_service(
                cluster="lab",
                serviceName=name,
                taskDefinition=definition,
                desiredCount=count,
                networkConfiguration=self.network,
                **({} if "capacityProviderStrategy" in request else {"launchType": "FARGATE"}),
                **request,
            )["service"]
        )

    def service(self, name: str = "app") -> dict[str, Any]:
        return dict(self.ecs.describe_services(cluster="lab", services=[name])["services"][0])

    def tasks(self, name: str = "app", desired: str = "RUNNING") -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster="lab", serviceName=name, desiredStatus=desired)["taskArns"]
        return list(self.ecs.describe_tasks(cluster="lab", tasks=arns)["tasks"]) if arns else []

    def task(self, arn: str) -> dict[str, Any]:
        return dict(self.ecs.describe_tasks(cluster="lab", tasks=[arn])["tasks"][0])

    def until_stopped(self, arn: str) -> dict[str, Any]:
        return self.until(lambda: (t := self.task(arn))["lastStatus"] == "STOPPED" and t)

    def until_steady(self, count: int, name: str = "app") -> dict[str, Any]:
        def steady() -> Any:
            service = self.service(name)
            done = service["runningCount"] == count and service["deployments"][0]["rolloutState"] == "COMPLETED"
            return done and len(service["deployments"]) == 1 and service

        return dict(self.until(steady))


def address_of(task: dict[str, Any]) -> str:
    return str(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"])


def ask(address: str, path: str = "/") -> Any:
    """What the program at `address` answers. Its task is RUNNING before the program listens: that is waited for."""

    def answer() -> Any:
        try:
            with urllib.request.urlopen(f"http://{address}:8080{path}", timeout=5) as response:
                return json.load(response)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            return None

    return eventually(answer)


@cache
def _images() -> Layout:
    folder = tempfile.TemporaryDirectory(prefix="drydock-images-")
    atexit.register(folder.cleanup)
    return Layout(folder.name)


@cache
def _built(context: Path) -> Image:
    return build(context, layout=_images(), output=lambda _: None)


def push_image(client: Callable[..., Any], context: Path, repository: str) -> str:
    """Build a folder and push it as v1 of a new repository; the image's name."""
    ecr = client("ecr")
    uri = ecr.create_repository(repositoryName=repository)["repository"]["repositoryUri"]
    push(_built(context), f"{uri}:v1", login(ecr))
    return f"{uri}:v1"


def make_lab(client: Callable[..., Any], until: Callable[[Callable[[], Any]], Any] = eventually) -> Lab:
    """Push the image, make the network and the cluster `lab`. `until` waits for a condition."""
    image = push_image(client, APP, "app")
    ec2 = client("ec2")
    number = next(_networks)
    vpc = ec2.create_vpc(CidrBlock=f"127.{number}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"127.{number}.{index}.0/24", AvailabilityZone=f"us-east-1{zone}")[
            "Subnet"
        ]["SubnetId"]
        for index, zone in enumerate("abc")
    ]
    client("ecs").create_cluster(clusterName="lab", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    clients: dict[str, Any] = {}
    return Lab(lambda name: clients.setdefault(name, client(name)), image, vpc, subnets, until)
