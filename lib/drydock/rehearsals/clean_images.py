"""clean-images: old images are deleted and put back, and so they are by the run where one is used in that moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.execution import OnCell
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal

REPOSITORY = "drydock-hello"


def given(cloud: Cloud, until: Any) -> dict[str, str]:
    for number in range(2):
        push_another(cloud.client("ecr"), number)
    return {"repository": REPOSITORY, "newest": "1", "not_pulled_for": "0"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    parameters = given(cloud, wait_until)
    planned_applied_undone(rehearsal, runs, parameters, again={})
    late = _uses_what_is_gone(cloud)
    rolled_back_by_itself(rehearsal, runs, parameters, "an image that is used once it is deleted", before=late)


def push_another(ecr: Any, number: int) -> None:
    """An image of the same layers with another digest, and the tag old-<number>."""
    found = ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "v1"}])["images"][0]
    manifest = json.loads(found["imageManifest"]) | {"annotations": {"number": str(number)}}
    ecr.put_image(
        repositoryName=REPOSITORY,
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=found["imageManifestMediaType"],
        imageTag=f"old-{number}",
    )


def _uses_what_is_gone(cloud: Cloud) -> OnCell:
    """Once images are deleted, and before that is verified, a task definition that names one is registered."""
    ecr, ecs = cloud.client("ecr"), cloud.client("ecs")
    uri = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0]["repositoryUri"]

    def tags() -> set[str]:
        return {one.get("imageTag", "") for one in ecr.list_images(repositoryName=REPOSITORY)["imageIds"]}

    before = tags()

    def use(_cell: int, _of: int, heading: str) -> None:
        if heading == "Verify":
            image = f"{uri}:{min(before - tags())}"
            ecs.register_task_definition(
                family="drydock-late", containerDefinitions=[{"name": "web", "image": image, "memory": 128}]
            )

    return use
