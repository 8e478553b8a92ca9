"""A VPC of the test's own on loopback, and small HTTP servers on addresses in it."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock.embedded.assembly import AWS
from tests.support.lab import Lab

PROGRAM = Path(__file__).resolve().parents[1] / "embedded" / "elbv2" / "answerer.py"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Network:
    """A VPC with two subnets, and a load balancer `web` in them."""

    host: AWS
    elb: Any
    ec2: Any
    vpc: str
    base: str
    subnets: list[str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def address(self, number: int) -> str:
        return f"{self.base}.1.{number}"

    def serve(self, number: int, port: int = 8080) -> subprocess.Popen[bytes]:
        """A server on address `number` that answers what it was asked, and obeys /status/n and /slow/s."""
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), self.address(number), str(port)], stdout=subprocess.PIPE
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    def load_balancer(self, name: str = "web", **more: Any) -> dict[str, Any]:
        return self.elb.create_load_balancer(Name=name, Subnets=self.subnets, **more)["LoadBalancers"][0]

    def target_group(self, name: str, *numbers: int, port: int = 8080, **more: Any) -> str:
        settings = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 10} | more
        arn = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=port, VpcId=self.vpc, TargetType="ip", **settings
        )["TargetGroups"][0]["TargetGroupArn"]
        if numbers:
            self.register(arn, *numbers)
        return arn

    def register(self, arn: str, *numbers: int) -> None:
        self.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": self.address(number)} for number in numbers])

    def listener(self, load_balancer: dict[str, Any], *actions: dict[str, Any], port: int = 80) -> str:
        return self.elb.create_listener(
            LoadBalancerArn=load_balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=port,
            DefaultActions=list(actions),
        )["Listeners"][0]["ListenerArn"]

    def health(self, arn: str) -> dict[str, dict[str, str]]:
        """Address → TargetHealth."""
        found = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {f"{item['Target']['Id']}:{item['Target']['Port']}": item["TargetHealth"] for item in found}

    def states(self, arn: str) -> Counter[str]:
        return Counter(health["State"] for health in self.health(arn).values())

    def all_healthy(self, arn: str) -> bool:
        return set(self.states(arn)) == {"healthy"}


def make_network(host: AWS, client: Callable[[str], Any]) -> Network:
    """A VPC and its subnets in this cloud."""
    ec2, elb = client("ec2"), client("elbv2")
    base = f"127.{100 + os.getpid() % 100}"
    vpc = ec2.create_vpc(CidrBlock=f"{base}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{base}.{16 * i}.0/20", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    return Network(host, elb, ec2, vpc, base, subnets)


def get(url_host: str, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
    connection = http.client.HTTPConnection(url_host, timeout=20)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read().decode())
    finally:
        connection.close()


def get_many(url_host: str, count: int) -> list[Answer]:
    """As `get`, on one connection."""
    connection = http.client.HTTPConnection(url_host, timeout=20)
    answers = []
    for _ in range(count):
        connection.request("GET", "/")
        response = connection.getresponse()
        answers.append(Answer(response.status, {}, response.read().decode()))
    connection.close()
    return answers


def https(load_balancer: dict[str, Any]) -> str | None:
    """What a listener on port 443 answers, None while it does not; no certificate is checked."""
    address, _, shifted = load_balancer["DNSName"].partition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, 8443 if shifted else 443, context=context, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return None
    finally:
        connection.close()


def certificate() -> tuple[str, str]:
    """A certificate signed by itself, and its key, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2100, 1, 1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def forward(*weighted: tuple[str, int], **more: Any) -> dict[str, Any]:
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weighted]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **more}}


def fixed(status: int, body: str = "", **more: str) -> dict[str, Any]:
    config = {"StatusCode": str(status), **({"MessageBody": body} if body else {}), **more}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def balanced(lab: Lab, *, delay: int) -> tuple[str, list[dict[str, Any]]]:
    """A load balancer whose targets drain for `delay` AWS seconds: its name, and what CreateService takes of it."""
    elb = lab.client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]
    group = elb.create_target_group(
        Name="web", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip", HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=4, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
    )
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[forward((group, 1))]
    )
    behind = {"targetGroupArn": group, "containerName": "app", "containerPort": 8080}
    return str(balancer["DNSName"]), [behind]
