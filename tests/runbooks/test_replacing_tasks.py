"""deploy-service, recycle-tasks and replace-capacity on one service: what each refuses, and that no request is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.notebooks.parameters import BadParameter
from drydock.rehearsals.common import address_of_a_task
from drydock.runbooks import Refused, RunFailed

from .conftest import HELLO, Cells, deploy, described, opened, registered

QUIET: dict[str, Any] = {"rps": 0.0}


@pytest.fixture(scope="module", autouse=True)
def _providers(cloud: Cloud) -> None:
    cloud.client("ecs").put_cluster_capacity_providers(
        cluster="drydock-hello", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )


def planned(name: str, **given: Any) -> Any:
    """The plan of a dry run."""
    cells = Cells(name, **QUIET | given)
    cells.to("run.plan(")
    return cells.names["run"].evidence.plan


def refused(name: str, **given: Any) -> str:
    """What a dry run is refused with."""
    with pytest.raises(Refused) as why:
        Cells(name, **QUIET | given).to("run.plan(")
    return str(why.value)


def applied(name: str, **given: Any) -> Cells:
    """The cells of a run to its end."""
    cells = opened(name, **given)
    for cell in ("run.apply(", "run.verify(", "run.roll_back_if_failed("):
        cells(cell)
    return cells


def tasks(client: Any) -> list[dict[str, Any]]:
    arns = client.list_tasks(cluster="drydock-hello", serviceName="drydock-hello")["taskArns"]
    return list(client.describe_tasks(cluster="drydock-hello", tasks=arns)["tasks"])


# -- under load --------------------------------------------------------------------------------------


@pytest.fixture
def slow(ecs: Any, cloud: Cloud) -> Iterator[Any]:
    """Each request takes a while, and a target that is taken out has a second of ours for those that it has begun."""
    elbv2 = cloud.client("elbv2")
    group = elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]

    def drain(seconds: str) -> None:
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": seconds}
        elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])

    drain("30")
    deploy(ecs, registered(ecs, environment={"LATENCY_MS": "200"}), 2)
    yield ecs
    drain("5")


@pytest.mark.parametrize(
    ("name", "given", "again"),
    [
        ("deploy-service", {"image": "v1"}, {}),
        ("recycle-tasks", {"older_than": 0.0, "batch": 1}, {"older_than": 720.0}),
        ("replace-capacity", {"fargate_base": 1, "fargate_weight": 0, "spot_weight": 1}, {}),
    ],
)
def test_every_task_is_replaced_and_no_request_is_lost(
    slow: Any, name: str, given: dict[str, Any], again: dict[str, Any]
) -> None:
    before = {one["taskArn"] for one in tasks(slow)}
    cells = applied(name, rps=60.0, **given)
    assert cells("run.close(").heading == f"{name}: applied"
    report = cells.names["traffic"].report
    assert report.failed == 0 and report.sent > 60, report
    assert not before & {one["taskArn"] for one in tasks(slow)}
    assert planned(name, **given | again).steps == []


def test_requests_that_are_lost_bring_back_what_was_there(ecs: Any, cloud: Cloud) -> None:
    before = described(ecs)["taskDefinition"]
    cells = applied("deploy-service", image="v1", rps=60.0, url=address_of_a_task(cloud))
    with pytest.raises(RunFailed, match=r"rolled back: requests were answered meanwhile: .* of .* requests failed"):
        cells("run.close(")
    assert described(ecs)["taskDefinition"] == before


def test_as_many_requests_may_be_lost_as_are_said(ecs: Any, cloud: Cloud) -> None:
    cells = applied("deploy-service", image="v1", rps=60.0, url=address_of_a_task(cloud), lost=100.0)
    cells("run.close(")
    assert cells.names["traffic"].report.failed > 0


# -- deploy-service ----------------------------------------------------------------------------------


def test_a_tag_is_deployed_by_its_digest_with_all_else_as_it_is(ecs: Any, cloud: Cloud) -> None:
    image = cloud.client("ecr").describe_images(repositoryName="drydock-hello", imageIds=[{"imageTag": "v1"}])
    digest = image["imageDetails"][0]["imageDigest"]
    plan = planned("deploy-service", image="v1")
    rows = plan.difference()
    changed = [path for path, before, after in rows if path.startswith("running.")]
    assert changed == ["running.containerDefinitions.web.image"]
    asked = plan.steps[0].do.call.params["containerDefinitions"][0]["image"]
    assert asked.endswith(f"/drydock-hello@{digest}")
    assert planned("deploy-service", image=asked).hash != plan.hash
    assert [step.name for step in planned("deploy-service", image=digest).steps] == ["register", "deploy"]


def test_a_revision_that_is_named_is_deployed_as_it_is(ecs: Any) -> None:
    arn = registered(ecs, environment={"VERSION": "two"})
    name = arn.rpartition("/")[2]
    assert [step.name for step in planned("deploy-service", task_definition=name).steps] == ["deploy"]
    now = described(ecs)["taskDefinition"].rpartition("/")[2]
    assert planned("deploy-service", task_definition=now).steps == []


def test_a_deployment_that_ecs_rolls_back_by_itself_is_undone_with_its_reason(ecs: Any) -> None:
    before, own = described(ecs)["taskDefinition"], described(ecs)["deploymentConfiguration"]
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    ecs.update_service(**HELLO, deploymentConfiguration=breaker)
    crashing = registered(ecs, environment={"CRASH_AT_START": "true"}).rpartition("/")[2]
    try:
        cells = applied("deploy-service", **QUIET, task_definition=crashing)
        with pytest.raises(RunFailed, match=r"rolled back: .*AWS says ECS deployment .* failed: tasks failed to start"):
            cells("run.close(")
        assert [one["taskDefinition"] for one in described(ecs)["deployments"]] == [before]
    finally:
        ecs.update_service(**HELLO, deploymentConfiguration=own)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "Name either an image or a task_definition"),
        ({"image": "v1", "task_definition": "drydock-hello:1"}, "Name either an image or a task_definition"),
        ({"image": "v9"}, "image could not be read: An error occurred (ImageNotFoundException)"),
        ({"image": "python:3.12"}, "RepositoryNotFoundException"),
        ({"image": "v1", "container": "worker"}, "Name the container that the image is for, one of: web"),
        ({"image": "000000000000.dkr.ecr.eu-west-1.amazonaws.com/a:v1"}, "is in eu-west-1: replicate it to us-east-1"),
        ({"image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/drydock-hello:v1"}, "is not in ECR, which has "),
        ({"task_definition": "drydock-hello:999"}, "target could not be read"),
        ({"image": "v1", "service": "nobody"}, "There is no active service nobody"),
        ({"image": "v1", "rps": 5.0, "url": "http://127.0.0.1:9/"}, "it does not answer"),
    ],
)
def test_what_cannot_be_deployed_is_refused(ecs: Any, given: dict[str, Any], says: str) -> None:
    assert says in refused("deploy-service", **given)


def test_an_image_for_another_platform_is_refused(ecs: Any) -> None:
    arm = registered(ecs, runtimePlatform={"cpuArchitecture": "ARM64"})
    first = described(ecs)["taskDefinition"]

    def for_arm(parsed: dict[str, Any]) -> None:
        found = parsed.get("taskDefinition", {})
        if found.get("taskDefinitionArn") == first:
            found["runtimePlatform"] = {"cpuArchitecture": "ARM64"}

    cells = Cells("deploy-service", **QUIET, image="v1")
    cells.to("Runbook.open(")
    cells.as_if("ecs", "DescribeTaskDefinition", for_arm)
    with pytest.raises(Refused, match="is for linux/amd64, and the task definition for linux/arm64"):
        cells.to("run.plan(")
    ecs.deregister_task_definition(taskDefinition=arm)


# -- recycle-tasks -----------------------------------------------------------------------------------


def test_tasks_are_left_alone_where_none_is_old(ecs: Any) -> None:
    assert planned("recycle-tasks", older_than=720.0).steps == []


def test_0_replaces_them_in_any_case_though_this_machine_s_clock_is_behind(ecs: Any) -> None:
    def ahead(parsed: dict[str, Any]) -> None:
        for task in parsed["tasks"]:
            task["startedAt"] = datetime.now(UTC) + timedelta(minutes=5)

    cells = Cells("recycle-tasks", **QUIET, older_than=0.0)
    cells.to("Runbook.open(")
    cells.as_if("ecs", "DescribeTasks", ahead)
    cells.to("run.plan(")
    assert cells.names["run"].evidence.plan.steps


def test_a_batch_narrows_the_bounds_and_gives_them_back(ecs: Any) -> None:
    before = described(ecs)["deploymentConfiguration"]
    plan = planned("recycle-tasks", older_than=0.0, batch=1)
    narrow = plan.steps[0].do.call.params["deploymentConfiguration"]
    assert (narrow["minimumHealthyPercent"], narrow["maximumPercent"]) == (100, 150)
    assert narrow["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert plan.steps[2].do.call.params["deploymentConfiguration"] == before
    assert plan.difference() == []


def test_a_tag_that_was_moved_is_not_recycled_into_another_image(ecs: Any) -> None:
    def another(parsed: dict[str, Any]) -> None:
        parsed["images"][0]["imageId"]["imageDigest"] = "sha256:" + "0" * 64

    cells = Cells("recycle-tasks", **QUIET, older_than=0.0)
    cells.to("Runbook.open(")
    cells.as_if("ecr", "BatchGetImage", another)
    with pytest.raises(Refused, match=r"v1 is sha256:0{64} now, and web runs .*: the new tasks would run that"):
        cells.to("run.plan(")


def test_tasks_that_are_protected_are_waited_for_first(ecs: Any) -> None:
    arn = tasks(ecs)[0]["taskArn"]
    ecs.update_task_protection(cluster="drydock-hello", tasks=[arn], protectionEnabled=True, expiresInMinutes=60)
    try:
        assert "1 of 2 tasks are protected from scale-in" in refused("recycle-tasks", older_than=0.0)
    finally:
        ecs.update_task_protection(cluster="drydock-hello", tasks=[arn], protectionEnabled=False)


# -- replace-capacity --------------------------------------------------------------------------------


def test_what_is_on_fargate_is_not_replaced_to_be_on_fargate(ecs: Any) -> None:
    ecs.update_service(**HELLO, capacityProviderStrategy=[], forceNewDeployment=True)
    deploy(ecs, described(ecs)["taskDefinition"], 2)
    assert described(ecs)["launchType"] == "FARGATE"
    assert planned("replace-capacity", spot_weight=0).steps == []
    assert [step.name for step in planned("replace-capacity").steps] == ["move"]


@pytest.mark.parametrize(
    ("operation", "answer", "says"),
    [
        ("DescribeClusters", {"clusters": [{"capacityProviders": ["FARGATE", "ours"]}]},
         "has no FARGATE_SPOT: associate FARGATE ours FARGATE_SPOT with it"),
        ("DescribeServices", {"launchType": "EC2"}, "drydock-hello is on EC2, and not on Fargate"),
        ("DescribeServices", {"platformVersion": "1.2.0"}, "it needs the platform version 1.3.0"),
    ],
)  # fmt: skip
def test_capacity_that_cannot_be_is_refused(ecs: Any, operation: str, answer: dict[str, Any], says: str) -> None:
    def otherwise(parsed: dict[str, Any]) -> None:
        for found in parsed.get("services", ()):
            found |= {"capacityProviderStrategy": []} | answer
        parsed |= answer if operation == "DescribeClusters" else {}

    cells = Cells("replace-capacity", **QUIET)
    cells.to("Runbook.open(")
    cells.as_if("ecs", operation, otherwise)
    with pytest.raises(Refused, match=says):
        cells.to("run.plan(")


def test_capacity_of_no_weight_is_refused(ecs: Any) -> None:
    assert "Give one of the two weights" in refused("replace-capacity", fargate_weight=0, spot_weight=0)


# -- each of them ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image", "Team/App:v1"),
        ("image", "user:password@host/app:v1"),
        ("image", "sha256:12"),
        ("url", "http://user:password@host/"),
        ("lost", 101.0),
        ("task_definition", "web"),
        ("rps", -1.0),
    ],
)
def test_parameters_out_of_bounds_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(BadParameter, match=name):
        Cells("deploy-service", **{name: value}).to("Runbook.open(")


@pytest.mark.parametrize("name", ["deploy-service", "recycle-tasks", "replace-capacity"])
def test_a_service_with_another_strategy_is_refused(ecs: Any, name: str) -> None:
    def canary(parsed: dict[str, Any]) -> None:
        for found in parsed["services"]:
            found["deploymentConfiguration"]["strategy"] = "CANARY"

    cells = Cells(name, **QUIET | ({"image": "v1"} if name == "deploy-service" else {}))
    cells.to("Runbook.open(")
    cells.as_if("ecs", "DescribeServices", canary)
    with pytest.raises(Refused, match="has the strategy CANARY: canary-release deploys such a service"):
        cells.to("run.plan(")
