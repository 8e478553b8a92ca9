"""Lab 13: what each check says of nothing, of something wrong and of something right. The tests build on each other."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.drills import GameDay, NotNow, Site
from drydock.labs import Lab
from drydock.ledger import sweep

from .conftest import solve, state, until

NAME = "13-game-day"


def day(lab: Lab) -> GameDay:
    found: Any = lab.names_at(lab.step("first"))["day"]
    assert isinstance(found, GameDay)
    return found


def test_an_empty_cloud_is_not_started_and_told_in_our_words(lab: Lab) -> None:
    found = {step.name: step.check(lab.cloud, lab) for step in lab.steps}
    assert {check.state for check in found.values()} == {"not started"}
    assert not [check.message for check in found.values() if "AWS answers" in check.message]


def test_the_seed_of_the_day_is_the_clusters(lab: Lab) -> None:
    Site(lab.cloud, "").ground()
    assert state(lab, "ready") == ("wrong", "The cluster `drydock-production` has no tag game-day.")
    with pytest.raises(NotNow, match="no tag game-day"):
        GameDay({}, lab.cloud)
    solve(lab, "ready")
    assert len({one.name for one in day(lab).drawn}) == 3


def test_a_round_is_mended_when_its_service_does_what_it_did(lab: Lab) -> None:
    assert state(lab, "first") == ("not started", "Round 1 was not begun.")
    lab.break_it("first")
    assert state(lab, "first")[0] == "wrong"
    mine = day(lab)
    assert "Choose from" in repr(mine.named(""))
    assert "that is not it" in repr(mine.named("oscillation"))
    assert "that is it" in repr(GameDay(mine.drills, lab.cloud, solve=True).named(""))
    lab.cloud.client("ecs").update_service(cluster="drydock-production", service=mine.drawn[0].name, desiredCount=0)
    assert state(lab, "first") == ("wrong", "Not so: 2 tasks or more are wanted.")
    lab.cloud.client("ecs").update_service(cluster="drydock-production", service=mine.drawn[0].name, desiredCount=2)
    solve(lab, "first")
    assert (state(lab, "second")[0], state(lab, "third")[0]) == ("not started", "not started")
    assert "mended" in repr(mine.over())
    [run] = mine.runs()
    assert (run.answers, bool(run.found), bool(run.mended)) == (["oscillation", mine.drawn[0].fault], True, True)


def test_the_report_has_the_calls_and_a_page_to_be_written(lab: Lab) -> None:
    mine = day(lab)
    assert mine.drawn[0].fault in repr(mine.report())
    said = [what for _, what in mine.timeline()]
    assert said[0].endswith("the fault shows") and said[-1].endswith("the round is over")
    page = mine.postmortem()
    assert f"## {mine.drawn[0].name}\n\n### Summary" in page.read_text()
    page.write_text("mine")
    assert mine.postmortem().read_text() == "mine"


def test_a_service_that_was_deleted_is_not_mended(lab: Lab) -> None:
    lab.cloud.client("ecs").delete_service(cluster="drydock-production", service=day(lab).drawn[0].name, force=True)
    assert state(lab, "first")[0] == "wrong"
    swept = sweep(lab.cloud, NAME)
    assert not swept.survivors
    until(lab, "first", "not started")
