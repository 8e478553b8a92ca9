"""A runbook on a copy of a service: from one embedded AWS, whose service was changed in some ways, to another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.rehearsals import copied
from drydock.rehearsals.copied import source, standin
from drydock.rehearsals.copied.build import Copy

from .conftest import HELLO, described

SECRET = "correct-horse-battery-9"


@pytest.fixture(scope="module")
def changed(cloud: Cloud) -> Iterator[Cloud]:
    """Lab 00's service with a second revision: a secret, a password, a volume, a sidecar; scaled from 1 to 5."""
    ecs = cloud.client("ecs")
    secret = cloud.client("secretsmanager").create_secret(Name="app", SecretString=json.dumps({"key": SECRET}))["ARN"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    found = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    asked = {name: value for name, value in found.items() if name in members}
    web = asked["containerDefinitions"][0]
    web["environment"] = [{"name": "VERSION", "value": "v2"}, {"name": "DB_PASSWORD", "value": SECRET}]
    web["secrets"] = [{"name": "APP_SECRET", "valueFrom": f"{secret}:key::"}]
    web["dependsOn"] = [{"containerName": "migrate", "condition": "SUCCESS"}]
    migrate = {"name": "migrate", "image": web["image"], "essential": False, "command": ["-c", "pass"]}
    asked["containerDefinitions"] = [web, migrate]
    asked["volumes"] = [{"name": "scratch"}]
    ecs.register_task_definition(**asked)
    _completed(ecs)
    ecs.update_service(**HELLO, taskDefinition="drydock-hello", healthCheckGracePeriodSeconds=60)
    _completed(ecs)
    eventually(lambda: "has reached a steady state" in described(ecs)["events"][0]["message"])
    cloud.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/drydock-hello/drydock-hello",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=5,
    )
    yield cloud


def _completed(ecs: Any) -> None:
    eventually(lambda: [one["rolloutState"] for one in described(ecs)["deployments"]] == ["COMPLETED"])


def state(cloud: Cloud) -> dict[str, str]:
    """A hash of each part of what the source has."""
    ecs, elbv2, ec2 = cloud.client("ecs"), cloud.client("elbv2"), cloud.client("ec2")
    parts = {
        "service": described(ecs),
        "task definitions": [
            ecs.list_task_definitions(status=one)["taskDefinitionArns"] for one in ("ACTIVE", "INACTIVE")
        ],
        "tasks": sorted(ecs.list_tasks(cluster="drydock-hello")["taskArns"]),
        "load balancers": elbv2.describe_load_balancers()["LoadBalancers"],
        "target groups": elbv2.describe_target_groups()["TargetGroups"],
        "network": [ec2.describe_vpcs()["Vpcs"], ec2.describe_security_groups()["SecurityGroups"]],
        "secrets": cloud.client("secretsmanager").list_secrets()["SecretList"],
    }
    return {
        name: hashlib.sha256(json.dumps(part, default=str, sort_keys=True).encode()).hexdigest()
        for name, part in parts.items()
    }


@pytest.mark.parametrize(("name", "given"), [("scale-service", {"desired_count": "3"}), ("rollback-service", {})])
def test_what_the_plan_said_happens_on_a_copy_and_the_source_is_as_it_was(
    changed: Cloud, tmp_path: Path, name: str, given: dict[str, str]
) -> None:
    before = state(changed)
    compared = copied.rehearse(name, {**HELLO, **given}, "embedded", tmp_path)
    assert (compared.outcome, compared.why) == ("applied", "")
    assert [(step.differs, step.happened.split()[0]) for step in compared.steps] == [("", "done")]
    assert compared.undone.endswith("rolled back")
    assert state(changed) == before
    left = "\n".join(compared.left)
    for words in ("the kit's sample app", "DB_PASSWORD", "the secret app: a stand-in", "the volume scratch", "IAM"):
        assert words in left
    for path in (tmp_path / compared.folder.name / "copy").rglob("*.json*"):
        assert SECRET not in path.read_text()
    operations = {json.loads(line)["operation"] for line in (compared.folder / "read" / "calls.jsonl").open()}
    assert "DescribeServices" in operations and "GetSecretValue" not in operations


def test_an_image_that_a_tag_or_a_digest_names_is_taken_along(changed: Cloud) -> None:
    named = changed.client("ecr").describe_images(repositoryName="drydock-hello", imageIds=[{"imageTag": "v1"}])
    digest = named["imageDetails"][0]["imageDigest"]
    for another in ("v1", digest, "nowhere"):
        found = source.read(changed, cluster="drydock-hello", services=["drydock-hello"], image=another)
        assert set(found.images.values()) == {digest}
        assert any(name.endswith(another) for name in found.images) == (another != "nowhere")


def test_what_fails_on_the_copy_is_told_beside_the_plan(changed: Cloud, tmp_path: Path) -> None:
    compared = copied.rehearse("scale-service", {**HELLO, "service": "nobody"}, "embedded", tmp_path)
    assert not compared.ok
    assert "no plan on the cloud that is meant: " in compared.why and "no active service nobody" in compared.why


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        ({"launchType": "EC2"}, "web runs on EC2"),
        ({"capacityProviderStrategy": [{"capacityProvider": "mine"}]}, "web runs on EC2"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "web is deployed by CODE_DEPLOY"),
        ({"deploymentController": {"type": "EXTERNAL"}, "launchType": "EC2"}, "web is deployed by EXTERNAL"),
        ({"schedulingStrategy": "DAEMON", "launchType": "EC2"}, "web is a DAEMON"),
        ({"loadBalancers": [{"loadBalancerName": "old", "containerPort": 80}]}, "the Classic Load Balancer old"),
    ],
)
def test_a_service_that_cannot_be_made_again_is_refused_before_anything_else_is_read(
    differs: dict[str, Any], says: str
) -> None:
    answers = {
        "describe_clusters": {"clusters": [{"clusterName": "shop", "status": "ACTIVE"}]},
        "describe_services": {"services": [{"serviceName": "web", "status": "ACTIVE", **differs}]},
    }
    ecs = SimpleNamespace(**{name: lambda answer=answer, **_: answer for name, answer in answers.items()})
    cloud: Any = SimpleNamespace(client=lambda _: ecs, account="111122223333", region="us-east-1")
    with pytest.raises(copied.NothingToCopy, match=says):
        source.read(cloud, cluster="shop", services=["web"])


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}, "runs WINDOWS_SERVER_2022_CORE"),
        (
            {"containerDefinitions": [{"name": "app", "portMappings": [{"containerPort": 80}, {"containerPort": 81}]}]},
            "forwards to port 81 of the container app, and its stand-in listens on 80 only",
        ),
    ],
)
def test_what_no_stand_in_can_be_for_is_refused_by_name(definition: dict[str, Any], says: str) -> None:
    service = {"serviceName": "web", "loadBalancers": [{"containerName": "app", "containerPort": 81}]}
    with pytest.raises(copied.NothingToCopy, match=says):
        source.refuse_definition(service, definition)


def test_a_stand_in_answers_the_path_of_each_load_balancer_that_it_is_behind() -> None:
    behind = [{"targetGroupArn": arn, "containerName": "web", "containerPort": 3000} for arn in ("a", "b", "c")]
    groups = {"a": {"HealthCheckPath": "/up?deep=1"}, "b": {"HealthCheckPath": "/ready"}, "c": {"Protocol": "TCP"}}
    services = [{"serviceName": "web", "loadBalancers": behind}]
    found = source.Source("111122223333", "us-east-1", {}, services, target_groups=groups)
    assert Copy(found, None)._paths() == {"web": "/up /ready"}  # type: ignore[arg-type]


def test_a_secret_of_another_region_has_its_stand_in_there_and_only_one_version() -> None:
    made: list[tuple[str, str | None, str]] = []

    class Client:
        def __init__(self, service: str, region: str | None) -> None:
            self.service, self.region = service, region

        def create_secret(self, **asked: str) -> dict[str, str]:
            made.append((self.service, self.region, asked["Name"]))
            return {"ARN": f"arn:aws:secretsmanager:{self.region}:000000000000:secret:{asked['Name']}-AAAAAA"}

        def put_parameter(self, **asked: str) -> None:
            made.append((self.service, self.region, asked["Name"]))

    where: Any = SimpleNamespace(account="000000000000", client=lambda service, region=None: Client(service, region))
    copy = Copy(source.Source("111122223333", "us-east-1", {}, []), where)
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-Ab12Cd"
    copy._secrets(
        [f"{arn}:key:AWSPREVIOUS:", f"{arn}:key::", "arn:aws:ssm:eu-west-1:111122223333:parameter/flag", "own"]
    )
    assert made == [
        ("ssm", "eu-west-1", "flag"),
        ("ssm", None, "own"),
        ("secretsmanager", "eu-west-1", "shop"),
    ]
    there = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:shop-AAAAAA:key::"
    assert copy.there([f"{arn}:key:AWSPREVIOUS:", f"{arn}:key::"]) == [there, there]
    assert any("AWSPREVIOUS" in one for one in copy.left) and any("shop in eu-west-1" in one for one in copy.left)


def test_names_of_the_source_are_those_of_the_copy_wherever_they_stand() -> None:
    where = SimpleNamespace(account="000000000000")
    copy = Copy(source.Source("111122223333", "us-east-1", {}, []), where)  # type: ignore[arg-type]
    web = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:1"
    copy.names = {web: "web-there", "subnet-1": "subnet-9", "registry.example/shop": "there/shop"}
    assert copy.there({"a": ["subnet-1", 3], web: {"image": "registry.example/shop:v1"}, "n": "111122223333"}) == {
        "a": ["subnet-9", 3],
        "web-there": {"image": "there/shop:v1"},
        "n": "111122223333",
    }
    others = [f"{web}2", "registry.example/shop-two:v1", "arn:aws:iam::111122223333:role/web"]
    assert copy.there(others) == [one.replace("111122223333", "0" * 12) for one in others]


WEB: dict[str, Any] = {"name": "web", "image": "shop:1", "portMappings": [{"containerPort": 3000}]}


def definition(*containers: dict[str, Any], **more: Any) -> tuple[dict[str, Any], list[str]]:
    found = {"family": "shop", "containerDefinitions": list(containers), **more}
    return standin.definition(found, paths={"web": "/up"}, image=standin.tag), standin.left_out(found)


def test_a_stand_in_listens_where_the_container_did_and_answers_the_path_of_its_health_check() -> None:
    made, _ = definition({**WEB, "command": ["serve"], "entryPoint": ["/bin/app"], "workingDirectory": "/srv"})
    container = made["containerDefinitions"][0]
    assert container["environment"] == [{"name": "PORT", "value": "3000"}, {"name": "HEALTH_PATH", "value": "/up"}]
    assert not {"command", "entryPoint", "workingDirectory"} & set(container)


def test_two_images_have_two_stand_ins() -> None:
    first, second = (definition({**WEB, "image": image})[0] for image in ("shop:1", "shop:2"))
    assert first["containerDefinitions"][0]["image"] != second["containerDefinitions"][0]["image"]


def test_a_sidecar_waits_and_one_that_others_wait_for_ends() -> None:
    web = {**WEB, "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}
    made, _ = definition(web, {"name": "init", "image": "i"}, {"name": "agent", "image": "a"})
    _, init, agent = made["containerDefinitions"]
    assert init["entryPoint"] == ["python", "-c", "pass"]
    assert "pause" in agent["entryPoint"][2]


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [("LOG_LEVEL", "debug", True), ("DB_PASSWORD", "hunter2", False), ("URL", "postgres://a:s3cret@db/x", False)],
)
def test_a_value_that_looks_secret_is_not_taken_along(name: str, value: str, kept: bool) -> None:
    made, notes = definition({**WEB, "environment": [{"name": name, "value": value}]})
    assert (value in str(made)) == kept
    assert (name in "".join(notes)) == (not kept)


def test_what_a_task_here_cannot_have_is_left_out_and_said() -> None:
    more = {"mountPoints": [{"sourceVolume": "data"}], "repositoryCredentials": {"credentialsParameter": "arn"}}
    made, notes = definition({**WEB, **more}, volumes=[{"name": "data"}])
    assert "volumes" not in made and not set(more) & set(made["containerDefinitions"][0])
    assert len(notes) == 3
