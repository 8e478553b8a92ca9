"""Lifecycle policies at work, storage classes, swept blobs, and what a restart keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS
from drydock.embedded.core.clock import ManualClock
from drydock.embedded.services.ecr import blobs, controller, state

DAY = 86400.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def host(tmp_path: Path, clock: ManualClock) -> Iterator[AWS]:
    """One whose engine turns only when a test calls step()."""
    host = AWS(tmp_path / "aws", clock=clock, seed="test")
    host.listen()
    host.run(loop=False)
    yield host
    host.close()


def policy(**selection: Any) -> str:
    action = selection.pop("action", {"type": "expire"})
    rule = {"rulePriority": 1, "description": "what a test needs", "selection": selection, "action": action}
    return json.dumps({"rules": [rule]})


KEEP_TWO = policy(tagStatus="any", countType="imageCountMoreThan", countNumber=2)
ARCHIVE_UNUSED = policy(
    tagStatus="any",
    countType="sinceImagePulled",
    countUnit="days",
    countNumber=30,
    action={"type": "transition", "targetStorageClass": "archive"},
)


def tags(ecr: Any, **filter: str) -> list[str]:
    found = ecr.describe_images(repositoryName="web", filter=filter or {"tagStatus": "ANY"})["imageDetails"]
    return [tag for detail in found for tag in detail.get("imageTags", [])]


def test_a_preview_says_what_expires_and_then_it_expires(ecr: Any, host: AWS, clock: ManualClock, push: Any) -> None:
    images = [push("web", f"content {n}", f"v{n}") for n in range(4)]
    started = ecr.start_lifecycle_policy_preview(repositoryName="web", lifecyclePolicyText=KEEP_TWO)
    assert started["status"] == "IN_PROGRESS"
    preview = ecr.get_lifecycle_policy_preview(repositoryName="web")
    assert preview["status"] == "COMPLETE"
    assert preview["summary"] == {"expiringImageTotalCount": 2}
    assert [r["imageDigest"] for r in preview["previewResults"]] == [images[0].digest, images[1].digest]
    first = preview["previewResults"][0]
    assert (first["action"], first["appliedRulePriority"], first["imageTags"]) == ({"type": "EXPIRE"}, 1, ["v0"])
    assert tags(ecr) == ["v0", "v1", "v2", "v3"]

    ecr.put_lifecycle_policy(repositoryName="web", lifecyclePolicyText=KEEP_TWO)
    assert "lastEvaluatedAt" not in ecr.get_lifecycle_policy(repositoryName="web")
    host.step()
    assert tags(ecr) == ["v0", "v1", "v2", "v3"]
    clock.advance(state.EVALUATION_SECONDS)
    host.step()
    assert tags(ecr) == ["v2", "v3"]
    assert "lastEvaluatedAt" in ecr.get_lifecycle_policy(repositoryName="web")
    push("web", "content 4", "v4")
    clock.advance(DAY)
    host.step()
    assert tags(ecr) == ["v3", "v4"]


def test_an_age_is_of_aws_time(ecr: Any, host: AWS, clock: ManualClock, push: Any) -> None:
    push("web", "old", "v1")
    ecr.put_lifecycle_policy(
        repositoryName="web",
        lifecyclePolicyText=policy(
            tagStatus="tagged", tagPatternList=["v*"], countType="sinceImagePushed", countUnit="days", countNumber=14
        ),
    )
    clock.advance(13.9 * DAY)
    push("web", "new", "v2")
    host.step()
    assert tags(ecr) == ["v1", "v2"]
    clock.advance(0.2 * DAY)
    host.step()
    assert tags(ecr) == ["v2"]


def test_preview_filters(ecr: Any, push: Any) -> None:
    for n in range(4):
        push("web", f"content {n}", *([f"v{n}"] if n else []))
    ecr.start_lifecycle_policy_preview(repositoryName="web", lifecyclePolicyText=KEEP_TWO)
    get = ecr.get_lifecycle_policy_preview
    assert len(get(repositoryName="web", filter={"tagStatus": "UNTAGGED"})["previewResults"]) == 1
    assert len(get(repositoryName="web", imageIds=[{"imageTag": "v1"}])["previewResults"]) == 1
    page = get(repositoryName="web", maxResults=1)
    rest = get(repositoryName="web", maxResults=1, nextToken=page["nextToken"])
    assert len(page["previewResults"]) == len(rest["previewResults"]) == 1
    assert page["previewResults"] != rest["previewResults"]


def test_policies_that_are_not_there_or_not_right(ecr: Any) -> None:
    ecr.create_repository(repositoryName="web")
    codes = ecr.exceptions
    with pytest.raises(codes.LifecyclePolicyNotFoundException):
        ecr.get_lifecycle_policy(repositoryName="web")
    with pytest.raises(codes.LifecyclePolicyNotFoundException):
        ecr.start_lifecycle_policy_preview(repositoryName="web")
    with pytest.raises(codes.LifecyclePolicyPreviewNotFoundException):
        ecr.get_lifecycle_policy_preview(repositoryName="web")
    wrong = policy(tagStatus="tagged", countType="imageCountMoreThan", countNumber=2)
    for call in (ecr.put_lifecycle_policy, ecr.start_lifecycle_policy_preview):
        with pytest.raises(codes.InvalidParameterException) as error:
            call(repositoryName="web", lifecyclePolicyText=wrong)
        assert str(error.value).endswith(
            "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation "
            "failure: rules[0].selection with tagStatus tagged needs tagPatternList or tagPrefixList, one of the two'"
        )
    ecr.put_lifecycle_policy(repositoryName="web", lifecyclePolicyText=KEEP_TWO)
    assert ecr.delete_lifecycle_policy(repositoryName="web")["lifecyclePolicyText"] == KEEP_TWO


def test_an_archived_image_cannot_be_pulled_until_it_is_back(
    ecr: Any, host: AWS, clock: ManualClock, session: Any, push: Any
) -> None:
    image = push("web", "seldom used", "v1")
    push("web", "in use", "v2")
    ecr.put_lifecycle_policy(repositoryName="web", lifecyclePolicyText=ARCHIVE_UNUSED)
    clock.advance(29 * DAY)
    session.log_in()
    assert session.get("/v2/web/manifests/v2").status_code == 200
    clock.advance(2 * DAY)
    ecr.start_lifecycle_policy_preview(repositoryName="web")
    preview = ecr.get_lifecycle_policy_preview(repositoryName="web")
    assert preview["summary"]["transitioningImageTotalCounts"] == [
        {"targetStorageClass": "ARCHIVE", "imageTotalCount": 1}
    ]
    host.step()
    assert (tags(ecr), tags(ecr, imageStatus="ARCHIVED")) == (["v2"], ["v1"])
    assert session.get("/v2/web/manifests/v1").status_code == 404
    assert session.get("/v2/web/tags/list").json()["tags"] == ["v2"]
    failed = ecr.batch_get_image(repositoryName="web", imageIds=[{"imageTag": "v1"}])
    assert failed["failures"][0]["failureCode"] == "ImageInaccessible"

    named = {"repositoryName": "web", "imageId": {"imageDigest": image.digest}}
    back = ecr.update_image_storage_class(**named, targetStorageClass="STANDARD")
    assert back["imageStatus"] == "ACTIVATING"
    with pytest.raises(ClientError, match="ImageStorageClassUpdateNotSupportedException"):
        ecr.update_image_storage_class(**named, targetStorageClass="STANDARD")
    clock.advance(state.ACTIVATION_SECONDS)
    assert session.get("/v2/web/manifests/v1").content == image.manifest
    ecr.update_image_storage_class(**named, targetStorageClass="ARCHIVE")
    assert session.push("web", image, "v1").status_code == 201
    assert tags(ecr) == ["v1", "v2"]


def stored(host: AWS) -> set[str]:
    return set(blobs.BlobStore(host.directory).digests())


def test_blobs_go_when_nothing_is_made_of_them(ecr: Any, host: AWS, session: Any, push: Any, make: Any) -> None:
    kept, gone = make({"base": "x"}, {"a": "1"}), make({"base": "x"}, {"b": "2"})
    ecr.create_repository(repositoryName="web")
    session.push("web", kept, "kept")
    session.push("web", gone, "gone")
    session.push_blob("web", b"of a push that never ended")
    ecr.batch_delete_image(repositoryName="web", imageIds=[{"imageTag": "gone"}])
    store = blobs.BlobStore(host.directory)
    only_gone = next(iter(set(gone.blobs) - set(kept.blobs)))
    with host.lock:
        assert controller.sweep(store, controller.FRESH_SECONDS) == 0
    assert session.head(f"/v2/web/blobs/{only_gone}").status_code == 200
    with host.lock:
        assert controller.sweep(store, 0.0) == len(set(gone.blobs) - set(kept.blobs)) + 1
    assert stored(host) == set(kept.blobs)
    assert session.get("/v2/web/manifests/kept").status_code == 200
    assert session.head(f"/v2/web/blobs/{only_gone}").status_code == 404


def test_what_was_pushed_is_there_after_a_restart(tmp_path: Path, host: AWS, ecr: Any, session: Any, push: Any) -> None:
    image = push("web", "kept", "v1", "v2")
    lost = push("web", "deleted", "v3")
    ecr.batch_delete_image(repositoryName="web", imageIds=[{"imageTag": "v3"}, {"imageTag": "v1"}])
    ecr.put_lifecycle_policy(repositoryName="web", lifecyclePolicyText=KEEP_TWO)
    (before,) = ecr.describe_images(repositoryName="web")["imageDetails"]
    host.close()

    again = AWS(tmp_path / "aws", seed="test")
    try:
        again.restore()
        ecr = again.client("ecr", "us-east-1")
        (after,) = ecr.describe_images(repositoryName="web")["imageDetails"]
        moved = after.pop("imagePushedAt") - before.pop("imagePushedAt")
        assert after == before
        assert abs(moved.total_seconds()) < 1
        assert ecr.get_lifecycle_policy(repositoryName="web")["lifecyclePolicyText"] == KEEP_TWO
        assert stored(again) == set(image.blobs)
        assert not set(lost.blobs) & stored(again)
        again.listen()
        again.run(loop=False)
        session.endpoint = again.endpoint
        assert session.get("/v2/web/manifests/v2").content == image.manifest
        for digest, data in image.blobs.items():
            assert session.get(f"/v2/web/blobs/{digest}").content == data
    finally:
        again.close()


def test_an_age_goes_on_over_a_restart(host: AWS, ecr: Any, push: Any, tmp_path: Path) -> None:
    push("web", "old", "v1")
    host.close()
    clock = ManualClock(speed=1e9)
    again = AWS(tmp_path / "aws", clock=clock, seed="test")
    try:
        clock.advance(50_000)
        again.restore()
        (image,) = next(b for b in state.backends() if b.repositories).repositories["web"].images
        assert clock.time() - image.pushed.at > 10_000
    finally:
        again.close()
