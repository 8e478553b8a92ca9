"""clean-images on lab 00's repository and its task definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.runbooks import Refused, RunFailed

from .conftest import Cells, opened, registered

GIVEN: dict[str, Any] = {"repository": "drydock-hello", "newest": 1, "not_pulled_for": 0, "revisions": 1}


@pytest.fixture
def ecr(cloud: Cloud) -> Any:
    """Besides v1, which runs, there are four images: named, old, twice (and also-twice), newest."""
    client = cloud.client("ecr")
    found = client.batch_get_image(repositoryName="drydock-hello", imageIds=[{"imageTag": "v1"}])["images"][0]
    kind = {"imageManifestMediaType": found["imageManifestMediaType"], "repositoryName": "drydock-hello"}
    if others := [{"imageTag": tag} for tag in tags(client) - {"v1"}]:
        client.batch_delete_image(repositoryName="drydock-hello", imageIds=others)
    for tag in ("named", "old", "twice", "also-twice", "newest"):
        manifest = json.loads(found["imageManifest"]) | {"annotations": {"of": tag.removeprefix("also-")}}
        client.put_image(imageManifest=json.dumps(manifest), imageTag=tag, **kind)
    return client


def tags(client: Any) -> set[str]:
    return {one.get("imageTag", "") for one in client.list_images(repositoryName="drydock-hello")["imageIds"]}


def with_image(cloud: Cloud, tag: str) -> str:
    """ARN of a revision whose container has the image with this tag."""
    ecs = cloud.client("ecs")
    uri = cloud.client("ecr").describe_repositories()["repositories"][0]["repositoryUri"]
    found = ecs.describe_task_definition(taskDefinition=registered(ecs))["taskDefinition"]["containerDefinitions"]
    return registered(ecs, containerDefinitions=[{**found[0], "image": f"{uri}:{tag}"}])


def active(cloud: Cloud) -> list[str]:
    return list(cloud.client("ecs").list_task_definitions(familyPrefix="drydock-hello")["taskDefinitionArns"])


def test_what_is_used_stays_and_the_rest_goes_once(cloud: Cloud, ecr: Any) -> None:
    runs = active(cloud)[0]
    only_named = with_image(cloud, "old")
    kept = with_image(cloud, "named")
    cells = opened("clean-images", **GIVEN)
    assert cells("run.apply(").tone == "passed"
    assert cells("run.verify(").tone == "passed"
    cells("run.roll_back_if_failed("), cells("run.close(")
    assert tags(ecr) == {"v1", "named", "newest"}
    assert only_named not in active(cloud) and {runs, kept} <= set(active(cloud))
    again = Cells("clean-images", **GIVEN)
    assert "It changes nothing" in again.to("run.plan(").plain


def test_a_failed_run_puts_the_images_back_and_says_what_stays_deregistered(cloud: Cloud, ecr: Any) -> None:
    old = with_image(cloud, "old")
    with_image(cloud, "named")
    before = tags(ecr)
    cells = opened("clean-images", **GIVEN)
    cells("run.apply(")
    assert tags(ecr) == {"v1", "named", "newest"}
    cells.names["run"].verify({"all is well": lambda: 1 / 0}, minutes=1)
    said = cells("run.roll_back_if_failed(")
    assert said.heading == "The roll-back failed" and "this cannot be undone" in said.plain
    assert tags(ecr) == before
    assert old not in active(cloud)
    with pytest.raises(RunFailed, match="failed"):
        cells("run.close(")


def test_nothing_is_deleted_where_ecr_would_not_expire_it(cloud: Cloud, ecr: Any) -> None:
    fewer = ("lifecyclePolicyText=policy", "lifecyclePolicyText=lifecycle_policy(newest=3, untagged_days=7)")
    before = tags(ecr)
    dry = Cells("clean-images", **GIVEN)
    dry.to("agreed = ")
    dry("agreed = ", *fewer), dry("delete = ["), dry("run.plan(")
    approve = dry.names["run"].evidence.plan.hash
    cells = Cells("clean-images", **GIVEN, dry_run=False, approve=approve)
    cells.to("agreed = ")
    cells("agreed = ", *fewer), cells("run.plan("), cells("run.approve(")
    assert "the preview of the lifecycle policy has these images" in cells("run.apply(").plain
    assert tags(ecr) == before
    cells("run.verify(")
    assert cells("run.roll_back_if_failed(").heading == "Rolled back"


@pytest.mark.parametrize(
    ("given", "says"),
    [({"repository": "no/where"}, "repository could not be read: .*RepositoryNotFoundException")],
)
def test_what_is_not_there_is_said(cloud: Cloud, given: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Cells("clean-images", **GIVEN | given).to("run.plan(")
