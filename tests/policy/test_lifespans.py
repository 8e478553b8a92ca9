"""What need not be done again: only what was about one resource alone, from its making to its end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drydock.policy.lifespans import Done, Lifespan, Setting, items, members, needless, whole

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
        done("Subscribe", service="news", endpoint="arn:boxes:here:a"),
        done("CreateStack", service="stacks", template="Resources: {Box: {Ref: a}}"),
        done("Repack"),
        Done("boxes", "here", "Paint", "<box>a</box>"),
        Done("news", "here", "", "", "/topics/arn%3Aboxes%3Ahere%3Aa?x=y"),
        Done("news", "here", "Subscribe", "Endpoint=arn%3Aboxes%3Ahere%3Aa"),
        Done("news", "here", "Subscribe", '{"endpoint": "\\u0061"}'),
        done("Link", box="a", other="c"),
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


def test_what_only_hung_together_goes_together() -> None:
    link = done("Link", box="a", other="b")
    makes = [done("Make", box="a"), done("Make", box="b"), link]
    assert left(*makes, done("Unmake", box="a")) == [0, 1, 2, 3]
    assert left(*makes, done("Unmake", box="a"), done("Paint", box="b"), done("Unmake", box="b")) == []
    assert left(*makes, done("Unmake", box="a"), done("Make", box="a"), done("Unmake", box="b")) == [4]


def test_what_is_made_again_while_it_is_there_is_the_same() -> None:
    subscribe = done("Subscribe", service="news", endpoint="arn:boxes:here:a")
    assert left(done("Make", box="a"), subscribe, done("Make", box="a"), done("Unmake", box="a")) == [0, 1, 2, 3]
    history = [done("Paint", box="a"), done("Make", box="a"), done("Unmake", box="a")]
    assert left(*history) == [0, 1, 2]
    assert left(*history, done("Make", box="a"), done("Unmake", box="a")) == [0, 1, 2]


LAMP = Lifespan(
    begins="Make", ends="Unmake", within=frozenset({"Look"}), named_in=("lamp", "lamps"), again=True,
    ends_with=(("force", True),),
    settings={
        "Dim": Setting(whole("light")), "Off": Setting(whole("light"), clears=True),
        "Tag": Setting(items("tag", "tags", "key")), "Untag": Setting(items("tag", "keys"), clears=True),
        "Set": Setting(members("house", {"lamp", "house"}, {"rewire"})),
    },
    adds=frozenset({"Buy"}), apart=frozenset({"room"}),
)  # fmt: skip


def lit(*history: tuple[str, dict[str, Any]]) -> list[int]:
    said = [Done("lamps", "here", operation, json.dumps({"lamp": "a", **request})) for operation, request in history]
    gone = needless(said, {"lamps": LAMP})
    return [place for place in range(len(said)) if place not in gone]


def test_what_was_given_again_is_needless() -> None:
    dim: tuple[str, dict[str, Any]] = ("Dim", {})
    assert lit(*[dim] * 10) == [0, 9]
    assert lit(*[dim] * 5, ("Off", {}), dim, dim, dim) == [5, 6, 8]
    assert lit(*[dim, ("Off", {})] * 100) == [199]
    assert lit(dim, dim, dim, ("Look", {}), dim, dim, dim) == [0, 2, 3, 4, 6]
    assert lit(dim, dim, dim, ("Count", {}), dim) == [0, 2, 3, 4]
    assert lit(dim, dim, dim, ("Dim", {"lamp": "b"}), dim) == [0, 3, 4]


def test_only_what_was_given_again_is_needless() -> None:
    def tag(*keys: str) -> tuple[str, dict[str, Any]]:
        return "Tag", {"tags": [{"key": key, "value": "v"} for key in keys]}

    assert lit(tag("a"), tag("b"), tag("a"), tag("b"), tag("a")) == [0, 1, 3, 4]
    assert lit(tag("a", "b"), tag("a", "b"), tag("a")) == [0, 1, 2]
    assert lit(tag("a", "b"), ("Untag", {"keys": ["a"]}), ("Untag", {"keys": ["b"]})) == [1, 2]
    assert lit(("Tag", {}), tag("a"), tag("a"), tag("a")) == [0, 1, 3]
    assert lit(*[("Set", {"count": 1})] * 3, ("Set", {"size": {"x": 1}}), *[("Set", {"size": {"y": 1}})] * 3) == [
        0, 2, 3, 4, 6,
    ]  # fmt: skip
    assert lit(*[("Set", {"count": n, "house": house}) for n in range(3) for house in ("x", "y")]) == [0, 1, 4, 5]
    assert lit(*[("Set", {"count": 1, "rewire": True})] * 3) == [0, 1, 2]


def test_what_only_adds_something_else_is_in_nobodys_way() -> None:
    dim: tuple[str, dict[str, Any]] = ("Dim", {})
    assert lit(dim, dim, ("Buy", {"lamp": "a"}), dim, ("Buy", {"lamp": "b"}), dim) == [0, 2, 4, 5]
    assert lit(("Make", {}), ("Buy", {"lamp": "a"}), ("Unmake", {"force": True})) == [1]
    box = done("Make", box="b")
    history = [box, Done("lamps", "here", "Buy", '{"of": "b"}'), done("Unmake", box="b")]
    assert needless(history, {"boxes": BOX, "lamps": LAMP}) == set()


def test_an_end_that_is_none_ends_nothing() -> None:
    assert lit(("Make", {}), ("Unmake", {}), ("Look", {})) == [0, 1, 2]
    assert lit(("Make", {}), ("Unmake", {"force": True}), ("Make", {})) == [2]
    several = {"lamp": "a", "lamps": ["a", "b"], "force": True}
    assert lit(("Make", {}), ("Make", {"lamp": "b"}), ("Unmake", several)) == []
    assert lit(("Make", {}), ("Unmake", several)) == [0, 1]


def test_one_of_the_same_name_elsewhere_is_not_told_by_the_name() -> None:
    end: tuple[str, dict[str, Any]] = ("Unmake", {"force": True})
    there: tuple[str, dict[str, Any]] = ("Unmake", {"force": True, "room": "x"})
    assert lit(("Make", {"room": "x"}), end) == [0, 1]
    assert lit(("Make", {}), there, ("Make", {}), end) == [0, 1, 2, 3]
    assert lit(("Make", {}), ("Look", {"room": "x"}), end, ("Make", {}), end) == [0, 1, 2]
    assert lit(("Dim", {}), ("Dim", {"room": "x"}), ("Dim", {"room": "x"}), ("Dim", {})) == [0, 1, 2, 3]


def test_where_stacks_make_things_what_is_made_again_may_be_theirs() -> None:
    stack = Done("cloudformation", "here", "CreateStack", "TemplateBody=x")
    make = [Done("lamps", region, what, '{"lamp": "a", "force": true}') for region in ("here", "there")
            for what in ("Make", "Unmake")]  # fmt: skip
    assert sorted(needless([stack, *make], {"lamps": LAMP})) == [3, 4]
