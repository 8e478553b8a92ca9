"""Which images a clean-up may delete: what lifecycle rules select, but for what is used or was pulled lately.

ECR's own lifecycle policies know nothing of what uses an image: Amazon ECR User Guide, "Lifecycle policies".
What is used here is derived: an image that a container names by tag or digest, and that a task runs by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from drydock.policy.ecr.expiry import DAY, Action, Image, Rule, StorageClass, evaluate

LATEST = "latest"
_LISTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


def named_in(image: str, repository: str) -> str | None:
    """The tag or digest by which a container's `image` names one of the repository of this name; else None.

    A digest decides where there is a tag too; without either it is the tag latest. The registry is not looked at: one
    has several names, and an image of another one that is called the same stays in doubt.
    """
    name, _, digest = image.partition("@")
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or set(first) & set(".:")):
        name = rest
    name, colon, tag = name.partition(":")
    if name != repository:
        return None
    return digest or (tag if colon else LATEST)


def described(details: Iterable[Mapping[str, Any]]) -> tuple[list[Image], set[str]]:
    """The images as DescribeImages has them, and the digests of those that are manifest lists."""
    found = list(details)
    images = [
        Image(
            one["imageDigest"],
            one["imagePushedAt"].timestamp(),
            tuple(one.get("imageTags", ())),
            pulled_at=_seconds(one.get("lastRecordedPullTime")),
            activated_at=_seconds(one.get("lastActivatedAt")),
            storage_class=StorageClass.STANDARD
            if one.get("imageStatus", "ACTIVE") == "ACTIVE"
            else StorageClass.ARCHIVE,
            subject=one.get("subjectManifestDigest"),
        )
        for one in found
    ]
    return images, {one["imageDigest"] for one in found if one.get("imageManifestMediaType") in _LISTS}


def lifecycle_policy(*, newest: int, untagged_days: int) -> str:
    """The text of a lifecycle policy: the newest images with a tag stay, those without one so many days."""
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days"}
    tagged = {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan"}
    selections = [{**untagged, "countNumber": untagged_days}, {**tagged, "countNumber": newest}]
    rules = [
        {"rulePriority": number, "selection": selection, "action": {"type": "expire"}}
        for number, selection in enumerate(selections, 1)
    ]
    return json.dumps({"rules": rules})


def deletable(
    rules: Iterable[Rule],
    images: Sequence[Image],
    used: Set[str],
    *,
    not_pulled_days: int,
    now: float,
    lists: Set[str] = frozenset(),
) -> list[Image]:
    """What the rules expire, oldest first, but for what stays: used (by tag or digest), or pulled since.

    A signature stays while its subject does.

    lists  digests of manifest lists. To read what one names counts as a pull of it, so this is not known: while one of
           them stays, so does every image without a tag.
    """
    staying = {image.digest for image in images if {image.digest, *image.tags} & used}
    staying |= {image.digest for image in images if _pulled_since(image, now - not_pulled_days * DAY)}
    expired = [one.digest for one in evaluate(rules, images, now) if one.action is Action.EXPIRE]
    return _but_for_what_stays(expired, images, staying, lists)


def unused(images: Sequence[Image], used: Set[str], *, since: float, lists: Set[str] = frozenset()) -> list[Image]:
    """The images, with a tag or without, that were pushed before that moment and that nothing uses, oldest first.

    used, lists  as of `deletable`
    """
    staying = {image.digest for image in images if image.pushed_at >= since or {image.digest, *image.tags} & used}
    oldest_first = sorted(images, key=lambda image: (bool(image.subject), image.pushed_at))
    return _but_for_what_stays([image.digest for image in oldest_first], images, staying, lists)


def _but_for_what_stays(
    chosen: Iterable[str], images: Iterable[Image], staying: Set[str], lists: Set[str]
) -> list[Image]:
    """The chosen ones without those that stay, be it for their subject or for a list that may name them."""
    known = {image.digest: image for image in images}
    gone: list[Image] = []
    for digest in chosen:
        image = known[digest]
        subject_stays = image.subject in known and image.subject not in {one.digest for one in gone}
        if digest not in staying and not subject_stays:
            gone.append(image)
    list_stays = bool(lists - {one.digest for one in gone})
    return [one for one in gone if one.tags or not list_stays]


def _pulled_since(image: Image, moment: float) -> bool:
    return image.pulled_at is not None and image.pulled_at > moment


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
