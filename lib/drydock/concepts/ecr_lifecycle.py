"""What ecr-lifecycle draws, asks and shows: a repository that is pushed to each day, under a lifecycle policy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.ecr import expiry
from drydock.policy.ecr.expiry import DAY, Image

FILES = {"prefix only": "prefix-only.json", "whole": "whole.json"}
NONE = "none"
POLICIES = (*FILES, NONE)
RELEASES, BUILDS, UNTAGGED = "releases (v…)", "builds (sha-…)", "without a tag"
KINDS = (RELEASES, BUILDS, UNTAGGED)


def text(policy: str, keep: int, build_days: int) -> str:
    """The policy of that name as ECR takes it, with these counts. Raises ValueError; empty: there is none."""
    checks.whole("keep", keep, 1, 1000)
    checks.whole("build_days", build_days, 1, 365)
    if policy == NONE:
        return ""
    if policy not in FILES:
        raise ValueError(f"policy is one of {', '.join(POLICIES)}; not {policy!r}.")
    document: dict[str, Any] = json.loads(fixture(f"ecr-lifecycle/{FILES[policy]}"))
    for rule in document["rules"]:
        selection = rule["selection"]
        if selection["countType"] == "imageCountMoreThan":
            selection["countNumber"] = keep
        if selection["tagStatus"] == "any":
            selection["countNumber"] = build_days
    return json.dumps(document, indent=2)


def rules(policy: str, keep: int, build_days: int) -> tuple[expiry.Rule, ...]:
    """The rules of `text`. Raises ValueError."""
    given = text(policy, keep, build_days)
    return expiry.parse(given) if given else ()


def pushed(day: int, builds: int, release_days: int) -> list[Image]:
    """What has been pushed by the end of a day, oldest first, with the tags that it has then.

    Each day `builds` images with a tag sha-… of their own, one with the tag nightly, which the one of the day before
    loses, and on each `release_days`-th day, from the first on, one with a tag v1.….
    """
    images = []
    for on in range(day + 1):
        images += [Image(f"build-{on}-{n}", on * DAY + n, (f"sha-{on:03x}{n:02x}",)) for n in range(builds)]
        images.append(Image(f"nightly-{on}", on * DAY + 7200, ("nightly",) if on == day else ()))
        if on % release_days == 0:
            images.append(Image(f"release-{on}", on * DAY + 7300, (f"v1.{on // release_days}",)))
    return images


def left(given: Sequence[expiry.Rule], images: Sequence[Image], day: int) -> list[Image]:
    """Those that a policy has not expired by the end of a day."""
    gone = {decision.digest for decision in expiry.evaluate(given, images, (day + 1) * DAY)}
    return [image for image in images if image.digest not in gone]


def counts(given: Sequence[expiry.Rule], day: int, builds: int, release_days: int) -> dict[str, int]:
    """How many images of each kind are there at the end of a day; the one that is nightly counts as a build.

    No rule here counts builds, so all of a day go together, and one of them stands for the others.
    """
    found = dict.fromkeys(KINDS, 0)
    for image in left(given, pushed(day, 1, release_days), day):
        kind = RELEASES if image.digest.startswith("release") else BUILDS if image.tags else UNTAGGED
        found[kind] += builds if image.digest.startswith("build") else 1
    return found


def question(days: int, builds: int, release_days: int, keep: int, *, more: int = 10) -> Question:
    """How many images are left under the policy with a prefix. Raises ValueError."""
    _check(days, builds, release_days)
    days += more
    found = counts(rules("prefix only", keep, 30), days - 1, builds, release_days)
    total = sum(found.values())
    return Question(
        f"For {days} days a repository is pushed {builds} images with tags sha-… a day, one called nightly a day, "
        f"which takes the tag from the last, and each {release_days} days one called v1.…. A policy keeps {keep} "
        "images with the prefix v, and those without a tag until a day after their push. How many images are there "
        "at the end of the last day?",
        total,
        f"{found[RELEASES]} releases, {found[BUILDS]} builds and nightlies with a tag, {found[UNTAGGED]} without. No "
        "rule sees the tags sha-…, so all of these builds are there.",
    )


def growth(policy: str, days: int, builds: int, release_days: int, keep: int, build_days: int) -> Figure:
    """Images in the repository, day by day. Raises ValueError."""
    _check(days, builds, release_days)
    given = rules(policy, keep, build_days)
    shown = sorted({*range(0, days, max(1, days // 6)), days - 1})
    seen = [counts(given, day, builds, release_days) for day in shown]
    if policy != NONE:
        assert max(one[RELEASES] for one in seen) <= keep, "more releases than the policy keeps"
    last = seen[-1]
    return Figure(
        f"Policy {policy}: {sum(last.values())} images after {days} days, {last[BUILDS]} of them builds",
        ("Day", *KINDS, "All"),
        [(day + 1, *one.values(), sum(one.values())) for day, one in zip(shown, seen, strict=True)],
        [
            line(
                kind,
                [day + 1 for day in shown],
                [one[kind] for one in seen],
                colour=COLOURS[number],
                stackgroup="images",
            )
            for number, kind in enumerate(KINDS)
        ],
        {
            "xaxis": {"title": {"text": "day"}},
            "yaxis": {"title": {"text": "images"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def bill(
    days: int,
    builds: int,
    release_days: int,
    keep: int,
    build_days: int,
    image_mb: int,
    shared_mb: int,
    usd_per_gb: float,
) -> Figure:
    """What is stored at the end, by policy; layers that images share are stored once in a repository."""
    _check(days, builds, release_days)
    checks.whole("image_mb", image_mb, 0)
    checks.whole("shared_mb", shared_mb, 0)
    checks.price("usd_per_gb", usd_per_gb)
    rows = []
    for policy in POLICIES:
        images = sum(counts(rules(policy, keep, build_days), days - 1, builds, release_days).values())
        gb = (images * image_mb + shared_mb) / 1024
        rows.append((policy, images, f"{gb:,.1f}", f"{gb * usd_per_gb:,.2f}"))
    return Figure(
        f"After {days} days, {image_mb} MB of its own for each image and {shared_mb} MB that all share",
        ("Policy", "Images", "GB stored", "USD in a month"),
        rows,
    )


def evaluated() -> Figure:
    """One repository, image by image: which rule sees it, and what it does."""
    now = 100 * DAY
    images = [
        Image("a", now - 90 * DAY, ("v1.0",)),
        Image("b", now - 80 * DAY, ("v1.1", "stable")),
        Image("c", now - 70 * DAY, ("v1.2",)),
        Image("d", now - 60 * DAY, ("sha-0001",)),
        Image("e", now - 2 * DAY, ("sha-0002",)),
        Image("f", now - 5 * DAY),
        Image("g", now - 0.5 * DAY),
        Image("h", now - 40 * DAY, (), references=frozenset({"f"})),
    ]
    given = rules("whole", 2, 30)
    ended = {decision.digest: decision.priority for decision in expiry.evaluate(given, images, now)}
    assert set(ended) == {"a", "d", "h"}, f"expired: {sorted(ended)}"
    rows = []
    for image in images:
        by = next(rule.priority for rule in given if expiry.matches(rule, image))
        why = {"f": "the list h names it", "h": "a list; once it is gone, f is free"}.get(image.digest, "")
        rows.append(
            (image.digest, ", ".join(image.tags) or "none", f"{(now - image.pushed_at) / DAY:g}", by,
             f"expires by rule {ended[image.digest]}" if image.digest in ended else "stays", why)
        )  # fmt: skip
    return Figure(
        "The policy “whole”, keeping 2 releases, on eight images",
        ("Image", "Tags", "Days old", "First rule that sees it", "It", ""),
        rows,
    )


def refusals() -> Figure:
    """Policies that ECR refuses. Raises AssertionError if one of them is accepted."""
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}
    every = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5}
    tagged = {"tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 5}
    cases = (
        ("tagged, without a prefix or a pattern", [tagged]),
        ("the rule for any before another", [every, untagged]),
        ("two rules for untagged", [untagged, untagged]),
        ("a count of images in days", [{**every, "countUnit": "days"}]),
    )
    return Figure("Policies that are refused", ("Policy", "Why"), [_refused(*case) for case in cases])


def _check(days: int, builds: int, release_days: int) -> None:
    checks.whole("days", days, 1, 400)
    checks.whole("builds", builds, 0, 50)
    checks.whole("release_days", release_days, 1, 400)


def _refused(what: str, selections: Sequence[dict[str, Any]]) -> tuple[str, str]:
    listed = [
        {"rulePriority": number + 1, "selection": selection, "action": {"type": "expire"}}
        for number, selection in enumerate(selections)
    ]
    try:
        expiry.parse(json.dumps({"rules": listed}))
    except expiry.InvalidPolicy as error:
        return what, str(error)
    raise AssertionError(f"{what}: accepted, and ECR refuses it")
