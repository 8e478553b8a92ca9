"""What a clean-up of images may delete."""

from __future__ import annotations

import pytest

from drydock.policy.ecr.expiry import DAY, Image, evaluate, parse
from drydock.policy.ecr.unused import deletable, lifecycle_policy, named_in, unused

NAME = "shop/web"
URI = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{NAME}"
NOW = 100 * DAY
RULES = parse(lifecycle_policy(newest=2, untagged_days=7))


@pytest.mark.parametrize(
    ("image", "names"),
    [
        (f"{URI}:v1", "v1"),
        (URI, "latest"),
        (f"{URI}@sha256:aa", "sha256:aa"),
        (f"{URI}:v1@sha256:aa", "sha256:aa"),
        (f"{URI}2:v1", None),
        (f"{URI}/part:v1", None),
        ("nginx:v1", None),
        ("127.0.0.1:4566/shop/web:v1", "v1"),
        ("127.0.0.1:4566/shop/web", "latest"),
        ("000000000000.dkr-ecr.us-east-1.on.aws/shop/web:v1", "v1"),
        ("shop/web:v1", "v1"),
    ],
)
def test_an_image_is_named_by_tag_or_digest(image: str, names: str | None) -> None:
    assert named_in(image, NAME) == names


def images() -> list[Image]:
    """Five with a tag, one pushed each day, and two without one."""
    tagged = [Image(f"sha256:{n}", (90 + n) * DAY, (f"v{n}",)) for n in range(5)]
    return [*tagged, Image("sha256:old", 80 * DAY), Image("sha256:young", 99 * DAY)]


def left(used: set[str], *changed: Image, days: int = 0, lists: frozenset[str] = frozenset()) -> list[str]:
    """The digests of what is deleted; `changed` are images in place of those of the same digest, or besides."""
    others = [one for one in images() if one.digest not in {each.digest for each in changed}]
    found = deletable(RULES, [*others, *changed], used, not_pulled_days=days, now=NOW, lists=lists)
    return [one.digest for one in found]


def test_the_rules_select_and_what_is_used_stays() -> None:
    assert left(set()) == ["sha256:old", "sha256:0", "sha256:1", "sha256:2"]
    assert left({"v1", "sha256:old", "latest"}) == ["sha256:0", "sha256:2"]


def test_what_was_pulled_lately_stays() -> None:
    pulled = Image("sha256:0", 90 * DAY, ("v0",), pulled_at=98 * DAY)
    assert left(set(), pulled, days=3) == ["sha256:old", "sha256:1", "sha256:2"]
    assert "sha256:0" in left(set(), pulled, days=1)


def test_an_image_with_two_tags_stays_for_one() -> None:
    assert "sha256:1" not in left({"stable"}, Image("sha256:1", 91 * DAY, ("v1", "stable")))


def test_what_a_list_that_stays_may_name_stays() -> None:
    several = Image("sha256:list", 90 * DAY, ("v9",))
    of_list = frozenset({"sha256:list"})
    assert left({"v9"}, several, lists=of_list) == ["sha256:0", "sha256:1", "sha256:2"]
    assert {"sha256:list", "sha256:old"} <= set(left(set(), several, lists=of_list))


def test_a_signature_goes_with_its_image_and_stays_with_it() -> None:
    signature = Image("sha256:sig", 90 * DAY, ("sha256-0.sig",), subject="sha256:0")
    assert left(set(), signature)[:3] == ["sha256:old", "sha256:0", "sha256:sig"]
    assert {"sha256:0", "sha256:sig"} & set(left({"v0"}, signature)) == set()


def test_nothing_is_deleted_that_the_lifecycle_policy_would_keep() -> None:
    selected = {one.digest for one in evaluate(RULES, images(), NOW)}
    assert set(left({"v1"})) < selected


def test_what_nobody_uses_costs_with_a_tag_or_without() -> None:
    signature = Image("sha256:sig", 70 * DAY, subject="sha256:0")
    several = Image("sha256:list", 80 * DAY, ("v9",))

    def found(used: set[str], *more: Image) -> set[str]:
        lists = {one.digest for one in more if not one.subject}
        return {one.digest for one in unused([*images(), *more], used, since=93 * DAY, lists=lists)}

    assert found(set()) == {"sha256:old", "sha256:0", "sha256:1", "sha256:2"}
    assert found({"v0"}, signature) == {"sha256:old", "sha256:1", "sha256:2"}
    assert "sha256:sig" in found({"v1"}, signature)
    assert found({"v9"}, several) == {"sha256:0", "sha256:1", "sha256:2"}
    assert {"sha256:list", "sha256:old"} <= found(set(), several)
