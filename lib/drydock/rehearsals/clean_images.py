"""clean-images: old images are deleted and put back, and not deleted where one of them is used in that moment."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.rehearsals.common import planned_applied_undone
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence

REPOSITORY = "drydock-hello"
OLD = 20
"""Images that nothing uses, besides the newest one: enough that somebody else is in time before all are deleted."""


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    ecr, ecs = cloud.client("ecr"), cloud.client("ecs")
    for number in range(OLD + 1):
        _push_another(ecr, number)
    given = {"repository": REPOSITORY, "newest": "1", "not_pulled_for": "0"}
    planned_applied_undone(rehearsal, runs, given)
    planned = runner.run(rehearsal.runbook, given, root=runs)
    assert planned.plan is not None, f"no plan: {planned.error}"
    approved = given | {"dry_run": "false", "approve": planned.plan.hash}
    first = next(step.do.call.params for step in planned.plan.steps if step.name == "delete_1")
    with _used_once_it_is_deleted(ecr, ecs, first["imageIds"][0]["imageTag"]):
        failed = runner.run(rehearsal.runbook, approved, root=runs)
    kept = Evidence(failed.folder)
    assert failed.outcome == "rolled back" and kept.read("after.json") == kept.read("before.json"), failed.error
    rehearsal.done.append("images put back by itself once one was used")


def _push_another(ecr: Any, number: int) -> None:
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
def _used_once_it_is_deleted(ecr: Any, ecs: Any, tag: str) -> Iterator[None]:
    """While the block runs: once the image is gone, a task definition that names it is registered."""
    uri = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0]["repositoryUri"]

    ended = threading.Event()

    def there() -> bool:
        return any(one.get("imageTag") == tag for one in ecr.list_images(repositoryName=REPOSITORY)["imageIds"])

    def use() -> None:
        while there():
            if ended.wait(0.01):
                return
        container = {"name": "web", "image": f"{uri}:{tag}", "memory": 128}
        ecs.register_task_definition(family="drydock-late", containerDefinitions=[container])

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
