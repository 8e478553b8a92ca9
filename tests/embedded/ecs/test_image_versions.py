"""All tasks of a deployment run the image that its tag meant to the first of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.lab import Lab
from tests.support.stepped import World

from drydock.embedded.workload.pulls import Puller


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


def move_tag(lab: Lab, repository: str = "app", tag: str = "v1") -> None:
    """Let the tag mean another image."""
    ecr = lab.client("ecr")
    given = {"repositoryName": repository, "imageIds": [{"imageTag": tag}]}
    manifest = ecr.batch_get_image(**given)["images"][0]["imageManifest"]
    ecr.put_image(repositoryName=repository, imageManifest=manifest.rstrip() + "\n", imageTag=tag)


def digests(tasks: list[dict[str, Any]]) -> set[str]:
    return {task["containers"][0]["imageDigest"] for task in tasks}


def images_of_revision(lab: Lab) -> list[dict[str, Any]]:
    arn = lab.service()["currentServiceRevisions"][0]["arn"]
    revisions = lab.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
    return list(revisions[0]["containerImages"])


def test_a_tag_that_moves_reaches_the_next_deployment_and_no_task_before(lab: Lab) -> None:
    lab.create(lab.register(), 2)
    assert images_of_revision(lab) == [{"containerName": "app", "image": lab.image}]
    lab.until_steady(2)
    [before] = digests(lab.tasks())
    assert images_of_revision(lab) == [{"containerName": "app", "image": lab.image, "imageDigest": before}]
    move_tag(lab)
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=3)
    lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])
    lab.until_steady(3)
    assert digests(lab.tasks()) == {before}
    changed = {"awsvpcConfiguration": {"subnets": lab.subnets[:2]}}
    lab.ecs.update_service(cluster="lab", service="app", networkConfiguration=changed)
    lab.until_steady(3)
    assert digests(lab.tasks()) == {before}  # a new deployment, but of the same images
    lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
    lab.until_steady(3)
    [after] = digests(lab.tasks())
    assert after != before
    assert [image["imageDigest"] for image in images_of_revision(lab)] == [after]


def test_tasks_that_pull_at_once_run_what_the_first_of_them_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = Puller.pull

    def pulls(puller: Puller, image: str, region: str) -> Any:
        found = pull(puller, image, region)
        if "@" not in image:
            move_tag(lab)
        return found

    monkeypatch.setattr(Puller, "pull", pulls)
    lab.create(lab.register(), 3)
    lab.until_steady(3)
    assert len(digests(lab.tasks())) == 1


def test_without_version_consistency_and_without_a_service_each_task_resolves_its_tag(lab: Lab) -> None:
    lab.create(lab.register(versionConsistency="disabled"), 1)
    lab.until_steady(1)
    alone = lab.register("alone")
    first = lab.run(alone)["taskArn"]
    lab.until(lambda: lab.task(first)["lastStatus"] == "RUNNING")
    assert images_of_revision(lab) == [{"containerName": "app", "image": lab.image}]
    move_tag(lab)
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=2)
    lab.until_steady(2)
    second = lab.run(alone)["taskArn"]
    lab.until(lambda: lab.task(second)["lastStatus"] == "RUNNING")
    assert len(digests(lab.tasks())) == 2
    assert len(digests([lab.task(first), lab.task(second)])) == 2


def test_a_roll_back_brings_the_image_that_ran_and_so_does_a_crash(world: World, lab: Lab) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    lab.create(lab.register(), 1, deploymentConfiguration=breaker)
    lab.until_steady(1)
    before = digests(lab.tasks())
    move_tag(lab)
    with_crash = lab.register(environment={"EXIT": "1"})
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=with_crash)
    lab.until(lambda: any("rolling back" in event["message"] for event in lab.service()["events"]))
    lab.until_steady(1)
    assert digests(lab.tasks()) == before
    lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])
    lab.until_steady(1)
    assert digests(lab.tasks()) == before
    with world.crashed() as again:
        ecs = again.client("ecs")

        def runs() -> Any:
            arns = ecs.list_tasks(cluster="lab", serviceName="app", desiredStatus="RUNNING")["taskArns"]
            tasks = ecs.describe_tasks(cluster="lab", tasks=arns)["tasks"] if arns else []
            return tasks and all(task["lastStatus"] == "RUNNING" for task in tasks) and tasks

        assert digests(again.until(runs)) == before
