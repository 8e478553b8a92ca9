"""What stays behind: services, tasks, images, queues and log lines come and go for a while.

    python benchmarks/soak.py [--minutes 15]

An instance of its own is churned without a pause. What the daemon, its helper and Envoy hold of memory, descriptors and
threads, and what lies in its folder, is said for the time after the first stopped tasks have been forgotten (ten
minutes), for the middle and for the end; the exit status is 1 where something has grown, or where most of the journal
is about what has gone.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from drydock import embedded
from drydock.embedded.core.compaction import FLOOR, GROWTH
from drydock.embedded.instance import free_port
from drydock.images import build, push

NAME = "soak"
HELPERS = ("drydock-spawner", "envoy")
EVERY = 2.0  # seconds between two looks
FORGOTTEN = 660.0  # seconds after which the first stopped tasks are shown no more
PROGRAM = """
import http.server, itertools, threading, time
def talk():
    for number in itertools.count():
        print("line", number, "x" * 200, flush=True)
        time.sleep(0.05)
threading.Thread(target=talk, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@dataclass(frozen=True)
class Look:
    """What is held at one moment: MiB, and counts."""

    memory: float
    helpers: float  # memory of the spawner's helper and of Envoy
    descriptors: float
    threads: float
    disk: float
    files: float
    journal: float

    MAY_GROW = {"memory": (0.05, 8.0), "helpers": (0.05, 8.0), "descriptors": (0.0, 8.0), "threads": (0.0, 4.0),
                "disk": (0.1, 4.0), "files": (0.05, 30.0), "journal": (float("inf"), 0.0)}  # fmt: skip
    """By what share, and how much besides, the end may be above the start."""

    @classmethod
    def at(cls, instance: embedded.Instance) -> Look:
        daemon = psutil.Process(instance.pid)
        family = [daemon, *(process for process in daemon.children(recursive=True) if name_of(process) in HELPERS)]
        sizes: dict[int, tuple[str, int]] = {}  # by inode: layers and the roots laid of them share files
        for folder, _, names in os.walk(instance.directory):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    found = Path(folder, name).lstat()
                    sizes[found.st_ino] = name, found.st_blocks * 512
        journal = sum(size for name, size in sizes.values() if name.startswith(("journal.", "daemon.log")))
        return cls(
            memory=daemon.memory_info().rss / (1 << 20),
            helpers=sum(process.memory_info().rss for process in family[1:]) / (1 << 20),
            descriptors=sum(process.num_fds() for process in family),
            threads=sum(process.num_threads() for process in family),
            disk=(sum(size for _, size in sizes.values()) - journal) / (1 << 20),
            files=len(sizes),
            journal=journal / (1 << 20),
        )


def name_of(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def median(looks: list[Look]) -> Look:
    return Look(**{f.name: statistics.median(getattr(look, f.name) for look in looks) for f in fields(Look)})


class Churn:
    """Makes and deletes, in threads, until told to end."""

    def __init__(self, instance: embedded.Instance) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        config = Config(inject_host_prefix=False, max_pool_connections=20)
        self.client: Callable[[str], Any] = lambda name: self._made.setdefault(
            name, session.client(name, endpoint_url=instance.endpoint, config=config)
        )
        self._made: dict[str, Any] = {}
        self.rounds = 0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._numbers = itertools.count()
        vpc = self.client("ec2").create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]["VpcId"]
        self._vpc = vpc
        self._subnets = [
            self.client("ec2").create_subnet(VpcId=vpc, CidrBlock=f"127.44.{n}.0/24", AvailabilityZone=f"us-east-1{z}")
            for n, z in enumerate("ab")
        ]
        self.client("ecs").create_cluster(clusterName="soak")
        self.client("ecr").create_repository(repositoryName="soak")
        self._image("base")

    @property
    def _network(self) -> dict[str, Any]:
        return {"awsvpcConfiguration": {"subnets": [made["Subnet"]["SubnetId"] for made in self._subnets]}}

    def run(self, seconds: float) -> None:
        threads = [threading.Thread(target=self._again, args=(act,)) for act in (self._service, self._task, self._rest)]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()

    def _again(self, act: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                act()
                self.rounds += 1
            except (ClientError, BotoCoreError) as error:
                self.failures.append(str(error))
                if len(self.failures) > 20:
                    self._over.set()

    def _image(self, tag: str) -> str:
        token = self.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, password = base64.b64decode(token).decode().split(":", 1)
        uri = self.client("ecr").describe_repositories()["repositories"][0]["repositoryUri"]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "main.py").write_text(f"# {tag}\n{PROGRAM}")
            (Path(folder) / "Dockerfile").write_text(
                'FROM python:3.12-slim\nCOPY main.py .\nCMD ["python", "main.py"]\n'
            )
            push(build(Path(folder), output=lambda _: None), f"{uri}:{tag}", (user, password))
        return f"{uri}:{tag}"

    def _definition(self, image: str) -> str:
        options = {"awslogs-group": f"/soak/{image[-1]}", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "s",
                   "awslogs-create-group": "true"}  # fmt: skip
        container = {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}],
                     "logConfiguration": {"logDriver": "awslogs", "options": options}}  # fmt: skip
        made = self.client("ecs").register_task_definition(
            family="soak", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn="arn:aws:iam::000000000000:role/execution", containerDefinitions=[container],
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def _wait(self, condition: Callable[[], Any]) -> None:
        while not condition() and not self._over.is_set():
            time.sleep(0.1)

    def _service(self) -> None:
        """A service behind a load balancer, replaced once, and deleted with all it had."""
        ecs, elb, uri = self.client("ecs"), self.client("elbv2"), self._uri("base")
        number = next(self._numbers)
        subnets = self._network["awsvpcConfiguration"]["subnets"]
        balancer = elb.create_load_balancer(Name=f"lb{number}", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        group = elb.create_target_group(
            Name=f"tg{number}",
            Protocol="HTTP",
            Port=8080,
            VpcId=self._vpc,
            TargetType="ip",
            HealthCheckIntervalSeconds=5,
        )["TargetGroups"][0]["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=8090, DefaultActions=forward)
        name, first = f"s{number}", self._definition(uri)
        ecs.create_service(
            cluster="soak", serviceName=name, taskDefinition=first, desiredCount=2, launchType="FARGATE",
            networkConfiguration=self._network,
            loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
        )  # fmt: skip
        steady = lambda: self._steady(name)  # noqa: E731
        self._wait(steady)
        ecs.update_service(cluster="soak", service=name, taskDefinition=self._definition(uri))
        self._wait(steady)
        ecs.delete_service(cluster="soak", service=name, force=True)
        self._wait(
            lambda: ecs.describe_services(cluster="soak", services=[name])["services"][0]["status"] == "INACTIVE"
        )
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        elb.delete_target_group(TargetGroupArn=group)

    def _steady(self, name: str) -> bool:
        (service,) = self.client("ecs").describe_services(cluster="soak", services=[name])["services"]
        return len(service["deployments"]) == 1 and service["deployments"][0]["rolloutState"] == "COMPLETED"

    def _uri(self, tag: str) -> str:
        return f"{self.client('ecr').describe_repositories()['repositories'][0]['repositoryUri']}:{tag}"

    def _task(self) -> None:
        """An image of its own, a task of it, and neither afterwards."""
        ecs, tag = self.client("ecs"), f"t{next(self._numbers)}"
        definition = self._definition(self._image(tag))
        (task,) = ecs.run_task(
            cluster="soak", taskDefinition=definition, launchType="FARGATE", networkConfiguration=self._network
        )["tasks"]
        status = lambda: ecs.describe_tasks(cluster="soak", tasks=[task["taskArn"]])["tasks"][0]["lastStatus"]  # noqa: E731
        self._wait(lambda: status() == "RUNNING")
        ecs.stop_task(cluster="soak", task=task["taskArn"])
        self._wait(lambda: status() == "STOPPED")
        ecs.deregister_task_definition(taskDefinition=definition)
        ecs.delete_task_definitions(taskDefinitions=[definition])
        self.client("ecr").batch_delete_image(repositoryName="soak", imageIds=[{"imageTag": tag}])

    def _rest(self) -> None:
        """Queues with messages, log groups with lines, parameters, rules; and the groups that tasks have filled."""
        sqs, logs, name = self.client("sqs"), self.client("logs"), f"r{next(self._numbers)}"
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        for _ in range(20):
            sqs.send_message(QueueUrl=url, MessageBody="x" * 1000)
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        sqs.delete_queue(QueueUrl=url)
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        events = [{"timestamp": int(time.time() * 1000), "message": "x" * 500} for _ in range(200)]
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
        for group in logs.describe_log_groups()["logGroups"]:
            for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"][5:]:
                logs.delete_log_stream(logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"])
        logs.delete_log_group(logGroupName=name)
        self.client("ssm").put_parameter(Name="/soak", Value=name, Type="String", Overwrite=True)
        self._over.wait(0.5)


def journal_of(instance: embedded.Instance) -> tuple[int, int]:
    """Its size, and what of it would be left if it were put in order now."""
    with (instance.directory / "journal.jsonl").open("rb") as lines, tempfile.TemporaryFile() as left:
        size = os.fstat(lines.fileno()).st_size
        command = [sys.executable, "-m", "drydock.embedded.compaction", str(size)]
        subprocess.run(command, stdin=lines, stdout=left, check=True)
        return size, os.fstat(left.fileno()).st_size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0)
    seconds = parser.parse_args().minutes * 60
    with tempfile.TemporaryDirectory() as home:
        os.environ["DRYDOCK_HOME"] = home
        instance = embedded.start(NAME, port=free_port())
        try:
            return soak(instance, seconds)
        finally:
            embedded.stop(NAME)


def soak(instance: embedded.Instance, seconds: float) -> int:
    churn = Churn(instance)
    worker = threading.Thread(target=churn.run, args=(seconds,))
    began = time.monotonic()
    worker.start()
    looks: list[tuple[float, Look]] = []
    while worker.is_alive():
        worker.join(EVERY)
        if time.monotonic() - began < seconds:
            looks.append((time.monotonic() - began, Look.at(instance)))
    warm = max(0.4 * seconds, min(FORGOTTEN, 0.7 * seconds))
    third = (seconds - warm) / 3
    parts = [median([look for at, look in looks if warm + n * third <= at < warm + (n + 1) * third]) for n in range(3)]
    print(f"{churn.rounds} rounds in {seconds / 60:g} minutes; from minute {warm / 60:.1f} on:")
    print(f"{'':12}{'start':>10}{'middle':>10}{'end':>10}")
    grown = []
    for name, (share, besides) in Look.MAY_GROW.items():
        start, middle, end = (getattr(part, name) for part in parts)
        print(f"{name:12}{start:10.1f}{middle:10.1f}{end:10.1f}")
        if end > start * (1 + share) + besides:
            grown.append(name)
    size, needed = journal_of(instance)
    print(f"journal: {size >> 10} KiB, of which {needed >> 10} are needed")
    if size > FLOOR + GROWTH * needed:
        grown.append("journal")
    errors = [line for line in instance.log.read_text().splitlines() if " ERROR " in line]
    for line in [*churn.failures, *errors[:20]]:
        print("failed:", line)
    print(f"grown: {', '.join(grown)}" if grown else "nothing has grown")
    return 1 if grown or churn.failures or errors else 0


if __name__ == "__main__":
    sys.exit(main())
