"""What need not be done again: only what was about one resource alone, from its making to its end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drydock.policy.lifespans import Done, Lifespan, needless

BOX = Lifespan(
    begins="Make", ends="Unmake", within=frozenset({"Paint", "Link"}), named_in=("box", "arn", "other"),
    name="(?:arn:.*/)?([^/]+)",
)  # fmt: skip


def done(operation: str, *, service: str = "boxes", region: str = "here", **request: Any) -> Done:
    return Done(service, region, operation, json.dumps(request))


def left(*history: Done) -> list[int]:
    gone = needless(history, {"boxes": BOX})
    return [place for place in range(len(history)) if place not in gone]


def test_all_that_was_done_to_what_has_gone_is_needless() -> None:
    assert left(
        done("Make", box="a"), done("Make", box="b"), done("Paint", arn="arn:x/a"), done("Unmake", box="a")
    ) == [1]  # fmt: skip
    assert left(done("Make", box="a"), done("Unmake", box="a"), done("Make", box="a")) == [2]
    assert left(*[done(what, box="a") for _ in range(50) for what in ("Make", "Paint", "Unmake")]) == []


@pytest.mark.parametrize(
    "between",
    [
        done("Link", box="a", other="b"),
        done("Subscribe", service="news", endpoint="arn:boxes:here:a"),
        done("CreateStack", service="stacks", template="Resources: {Box: {Ref: a}}"),
        done("Repack"),
        Done("boxes", "here", "Paint", "box=a"),
        Done("boxes", "here", "Paint", "[]"),
        done("Paint", box=3),
        done("Paint"),
    ],
)
def test_what_something_else_may_have_depended_on_is_done_again(between: Done) -> None:
    assert left(done("Make", box="a"), between, done("Unmake", box="a")) == [0, 1, 2]


@pytest.mark.parametrize(
    "between",
    [
        done("Paint", box="b"),
        done("Repack", region="there"),
        done("Subscribe", service="news", endpoint="arn:boxes:here:abc"),
    ],
)
def test_what_is_about_others_is_in_nobodys_way(between: Done) -> None:
    assert left(done("Make", box="a"), between, done("Unmake", box="a")) == [1]


def test_what_was_not_made_by_itself_stays() -> None:
    assert left(done("Paint", box="a"), done("Unmake", box="a")) == [0, 1]
    assert left(done("Make", box="a", region="there"), done("Unmake", box="a")) == [0, 1]


def test_what_lives_stays() -> None:
    assert left(done("Make", box="a"), done("Paint", box="a")) == [0, 1]
    assert left() == []
