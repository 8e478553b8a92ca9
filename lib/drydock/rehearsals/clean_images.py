"""clean-images: old images are deleted and put back, and so they are by the run where one is used in that moment."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal

REPOSITORY = "drydock-hello"
OLD = 20
"""Images that nothing uses, besides the newest one: enough that somebody else is in time before all are deleted."""


def given(cloud: Cloud, until: Any, old: int = 1) -> dict[str, str]:
    for number in range(old + 1):
        push_another(cloud.client("ecr"), number)
    return {"repository": REPOSITORY, "newest": "1", "not_pulled_for": "0"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    parameters = given(cloud, wait_until, old=OLD)
    planned_applied_undone(rehearsal, runs, parameters, again={})
    with _used_once_it_is_deleted(cloud):
        rolled_back_by_itself(rehearsal, runs, parameters, "an image that is used once it is deleted")


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


@contextmanager
def _used_once_it_is_deleted(cloud: Cloud) -> Iterator[None]:
    """While the block runs: once an image is gone, a task definition that names it is registered."""
    ecr, ecs, ended = cloud.client("ecr"), cloud.client("ecs"), threading.Event()
    uri = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0]["repositoryUri"]

    def tags() -> set[str]:
        return {one.get("imageTag", "") for one in ecr.list_images(repositoryName=REPOSITORY)["imageIds"]}

    before = tags()

    def use() -> None:
        while not (gone := before - tags()):
            if ended.wait(0.01):
                return
        container = {"name": "web", "image": f"{uri}:{gone.pop()}", "memory": 128}
        ecs.register_task_definition(family="drydock-late", containerDefinitions=[container])

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
