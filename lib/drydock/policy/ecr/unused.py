"""Which images a clean-up may delete: what lifecycle rules select, but for what is used or was pulled lately.

ECR's own lifecycle policies know nothing of what uses an image: Amazon ECR User Guide, "Lifecycle policies".
What is used here is derived: an image that a container names by tag or digest, and that a task runs by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set

from drydock.policy.ecr.expiry import DAY, Action, Image, Rule, evaluate

LATEST = "latest"


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
    known = {image.digest: image for image in images}
    staying = {image.digest for image in images if {image.digest, *image.tags} & used}
    staying |= {image.digest for image in images if _pulled_since(image, now - not_pulled_days * DAY)}
    expired = [one.digest for one in evaluate(rules, images, now) if one.action is Action.EXPIRE]
    gone: list[Image] = []
    for digest in expired:
        image = known[digest]
        subject_stays = image.subject in known and image.subject not in {one.digest for one in gone}
        if digest not in staying and not subject_stays:
            gone.append(image)
    list_stays = bool(lists - {one.digest for one in gone})
    return [one for one in gone if one.tags or not list_stays]


def _pulled_since(image: Image, moment: float) -> bool:
    return image.pulled_at is not None and image.pulled_at > moment
