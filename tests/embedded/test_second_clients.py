"""Clients that are not ours at a running embedded AWS: the AWS CLI, skopeo, dig, localstack-client."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.dns import Resolver
from drydock.images import Layout, build
from tests.support.lab import Lab, address_of, ask, make_lab
from tests.support.tools import tool
from tests.support.waiting import eventually

Command = Callable[..., subprocess.CompletedProcess[str]]
REGION = "us-east-1"


@pytest.fixture
def lab(client: Callable[..., Any]) -> Lab:
    return make_lab(client)


@pytest.fixture
def aws(host: AWS, tmp_path: Path) -> Command:
    """Runs `aws …` as a user would who has no configuration at all."""
    cli = tool("aws")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [cli, *words, "--endpoint-url", host.endpoint],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


@pytest.fixture
def answered(aws: Command) -> Callable[..., Any]:
    """The JSON that `aws …` prints."""

    def run(*words: str) -> Any:
        done = aws(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_the_aws_cli_starts_a_task_and_reads_its_log(answered: Callable[..., Any], lab: Lab) -> None:
    assert answered("sts", "get-caller-identity")["Account"] == "000000000000"
    images = answered("ecr", "list-images", "--repository-name", "app")["imageIds"]
    assert [image["imageTag"] for image in images] == ["v1"]

    answered("logs", "create-log-group", "--log-group-name", "/app")
    container = {
        "name": "app",
        "image": lab.image,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/app", "awslogs-region": REGION, "awslogs-stream-prefix": "cli"},
        },
    }
    definition = answered(
        "ecs", "register-task-definition", "--family", "cli", "--network-mode", "awsvpc", "--cpu", "256",
        "--memory", "512", "--requires-compatibilities", "FARGATE",
        "--execution-role-arn", "arn:aws:iam::000000000000:role/execution",
        "--container-definitions", json.dumps([container]),
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    (started,) = answered(
        "ecs", "run-task", "--cluster", "lab", "--launch-type", "FARGATE", "--task-definition", definition,
        "--network-configuration", f"awsvpcConfiguration={{subnets=[{lab.subnets[0]}]}}",
    )["tasks"]  # fmt: skip
    arn = started["taskArn"]
    answered("ecs", "wait", "tasks-running", "--cluster", "lab", "--tasks", arn)
    (task,) = answered("ecs", "describe-tasks", "--cluster", "lab", "--tasks", arn)["tasks"]
    assert ask(address_of(task))["address"] == address_of(task)

    stream = f"cli/app/{arn.rsplit('/', 1)[-1]}"
    words = ("logs", "get-log-events", "--log-group-name", "/app", "--log-stream-name", stream)
    assert eventually(lambda: [event["message"] for event in answered(*words)["events"]]) == ["listening"]


def test_the_aws_cli_waits_for_a_service_to_be_stable_and_to_be_gone(answered: Callable[..., Any], lab: Lab) -> None:
    which = ("--cluster", "lab", "--services", "app")
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    answered("ecs", "wait", "services-stable", *which)
    answered("ecs", "delete-service", "--cluster", "lab", "--service", "app", "--force")
    eventually(lambda: lab.service()["status"] == "INACTIVE")
    answered("ecs", "wait", "services-inactive", *which)


def test_the_aws_cli_makes_a_load_balancer_and_a_namespace(answered: Callable[..., Any], lab: Lab) -> None:
    made = answered("elbv2", "create-load-balancer", "--name", "cli", "--subnets", *lab.subnets)["LoadBalancers"]
    arn = made[0]["LoadBalancerArn"]
    group = answered(
        "elbv2", "create-target-group", "--name", "cli", "--protocol", "HTTP", "--port", "8080",
        "--vpc-id", lab.vpc, "--target-type", "ip", "--query", "TargetGroups[0].TargetGroupArn",
    )  # fmt: skip
    rule = "Type=fixed-response,FixedResponseConfig={StatusCode=418,ContentType=text/plain,MessageBody=tea}"
    answered(
        "elbv2", "create-listener", "--load-balancer-arn", arn, "--protocol", "HTTP", "--port", "80",
        "--default-actions", rule,
    )  # fmt: skip
    answered("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", arn)
    (balancer,) = answered("elbv2", "describe-load-balancers", "--names", "cli")["LoadBalancers"]
    assert (balancer["State"]["Code"], balancer["VpcId"]) == ("active", lab.vpc)
    assert group.startswith(f"arn:aws:elasticloadbalancing:{REGION}:000000000000:targetgroup/cli/")
    curl = [tool("curl"), "--silent", "--noproxy", "*", f"http://{balancer['DNSName']}/"]
    eventually(lambda: subprocess.run(curl, capture_output=True, text=True, timeout=10).stdout == "tea")

    answered(
        "servicediscovery", "create-private-dns-namespace", "--name", "cli.internal", "--vpc", lab.vpc
    )  # fmt: skip
    (namespace,) = answered("servicediscovery", "list-namespaces")["Namespaces"]
    service = answered(
        "servicediscovery", "create-service", "--name", "web", "--namespace-id", namespace["Id"],
        "--dns-config", "DnsRecords=[{Type=A,TTL=10}]",
    )["Service"]["Id"]  # fmt: skip
    answered(
        "servicediscovery", "register-instance", "--service-id", service, "--instance-id", "one",
        "--attributes", "AWS_INSTANCE_IPV4=127.0.0.9",
    )  # fmt: skip
    found = eventually(
        lambda: answered(
            "servicediscovery", "discover-instances", "--namespace-name", "cli.internal", "--service-name", "web"
        )["Instances"]
    )
    assert [each["Attributes"]["AWS_INSTANCE_IPV4"] for each in found] == ["127.0.0.9"]


@pytest.mark.parametrize(
    "words, code",
    [
        (("ecs", "describe-services", "--cluster", "nobody", "--services", "web"), "ClusterNotFoundException"),
        (("ecr", "describe-images", "--repository-name", "nobody"), "RepositoryNotFoundException"),
        (("elbv2", "describe-load-balancers", "--names", "nobody"), "LoadBalancerNotFound"),
        (("servicediscovery", "get-namespace", "--id", "ns-nobody"), "NamespaceNotFound"),
        (("logs", "describe-log-streams", "--log-group-name", "nobody"), "ResourceNotFoundException"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_aws_cli_reads_an_errors_code(aws: Command, words: tuple[str, ...], code: str) -> None:
    refused = aws(*words)
    assert refused.returncode != 0
    assert f"({code})" in refused.stderr


def test_what_skopeo_pushed_runs_and_comes_back(host: AWS, lab: Lab, tmp_path: Path) -> None:
    skopeo = tool("skopeo")
    token = lab.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    credentials = base64.b64decode(token).decode()

    def copy(*words: str) -> None:
        done = subprocess.run(
            [skopeo, "--insecure-policy", "copy", "--quiet", *words],
            env={"PATH": os.defpath, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    (tmp_path / "app").mkdir()
    (tmp_path / "app/app.py").write_text((Path(__file__).parent / "ecs/app/app.py").read_text())
    (tmp_path / "app/Dockerfile").write_text(
        'FROM python:3.12-slim\nENV BY=skopeo\nCOPY app.py .\nCMD ["python", "app.py"]\n'
    )
    image = build(tmp_path / "app", tags=["pushed:v1"], layout=Layout(tmp_path / "layout"))
    uri = lab.client("ecr").create_repository(repositoryName="pushed")["repository"]["repositoryUri"]
    copy("--dest-tls-verify=false", "--dest-creds", credentials, f"oci:{image.path}:pushed:v1", f"docker://{uri}:v1")

    (detail,) = lab.client("ecr").describe_images(repositoryName="pushed")["imageDetails"]
    assert (detail["imageDigest"], detail["imageTags"]) == (image.digest, ["v1"])

    arn = lab.run(lab.register("pushed", image=f"{uri}:v1"))["taskArn"]
    eventually(lambda: lab.task(arn)["lastStatus"] == "RUNNING")
    task = lab.task(arn)
    assert task["containers"][0]["imageDigest"] == image.digest
    assert ask(address_of(task))["BY"] == "skopeo"

    copy(
        "--src-tls-verify=false", "--src-creds", credentials, f"docker://{uri}@{image.digest}", f"oci:{tmp_path}/out:v1"
    )
    pulled = {path.name for path in (tmp_path / "out/blobs/sha256").iterdir()}
    wanted = {image.digest, *(layer.digest for layer in image.layers)}
    assert {digest.removeprefix("sha256:") for digest in wanted} <= pulled


def test_dig_follows_a_services_tasks(host: AWS, lab: Lab) -> None:
    dig = tool("dig")
    lab.client("ec2").modify_vpc_attribute(VpcId=lab.vpc, EnableDnsHostnames={"Value": True})
    cloud_map = lab.client("servicediscovery")
    operation = cloud_map.create_private_dns_namespace(Name="lab.internal", Vpc=lab.vpc)["OperationId"]
    namespace = eventually(
        lambda: cloud_map.get_operation(OperationId=operation)["Operation"].get("Targets", {}).get("NAMESPACE")
    )
    registry = cloud_map.create_service(
        Name="app",
        NamespaceId=namespace,
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}], "RoutingPolicy": "MULTIVALUE"},
        HealthCheckCustomConfig={},
    )["Service"]["Arn"]
    address, port = host.helper(Resolver).address(lab.vpc, REGION)

    def resolved() -> set[str]:
        command = [dig, f"@{address}", "-p", str(port), "+short", "+time=5", "+tries=1", "app.lab.internal"]
        return set(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split())

    def running() -> set[str]:
        return {address_of(task) for task in lab.tasks() if task["lastStatus"] == "RUNNING"}

    lab.create(lab.register(), 2, serviceRegistries=[{"registryArn": registry}])
    lab.until_steady(2)
    before = running()
    assert len(before) == 2
    assert eventually(lambda: resolved() == before)

    lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])
    after = eventually(lambda: len(found := running()) == 2 and found != before and found)
    assert eventually(lambda: resolved() == after)


def test_localstacks_own_client_finds_it_by_its_port(host: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    from localstack_client.session import Session

    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    session = Session(localstack_host=f"127.0.0.1:{host.port}", region_name=REGION)
    assert session.client("sts").get_caller_identity()["Account"] == "000000000000"
    session.client("ecs").create_cluster(clusterName="by-localstack-client")
    assert host.client("ecs", REGION).list_clusters()["clusterArns"] == [
        f"arn:aws:ecs:{REGION}:000000000000:cluster/by-localstack-client"
    ]
