"""Runs that were cut short and go on, or do not: what is said, what is refused, and who is kept out meanwhile."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from drydock.notebooks.signals import Interrupted
from drydock.runbooks import Refused, approvals, catalogue, executor, runner, targets
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.model import Act, Call, Plan, Step

from .conftest import HELLO, described
from .stepped import Case
from .test_model import PLAN

SENT = ("answered", "scale", "before")
"""The call of scale-service was made, and its answer was lost."""
WAITED = ("done", "scale", "before")
VERIFIED = ("verified", "", "before")


@pytest.fixture
def name() -> str:
    return "scale-service"


def count(case: Case) -> int:
    return int(described(case.cloud.client("ecs"))["desiredCount"])


def wants(case: Case, number: int) -> None:
    case.others.client("ecs").update_service(**HELLO, desiredCount=number)


def outcome(folder: Path) -> str:
    return str((Evidence(folder).read("result.json") or {}).get("outcome", ""))


def test_what_is_done_and_where_it_was_cut_is_told_and_it_goes_on_to_the_end(case: Case) -> None:
    folder = case.applied(case.planned(), SENT)
    assert runner.how_far(folder) == ["scale: cut short; its call may have left"]
    report = runner.resume(folder)
    assert (report.outcome, report.error, count(case)) == ("applied", None, 4)
    assert runner.how_far(folder) == ["scale: done"]
    with pytest.raises(Refused, match="this run has ended: applied"):
        runner.resume(folder)
    assert runner.roll_back_run(folder).endswith("rolled back")
    assert count(case) == 2


@pytest.mark.parametrize("cut", [SENT, WAITED, VERIFIED])
def test_it_does_not_go_on_from_what_somebody_else_has_made_of_it_and_can_be_undone(
    case: Case, cut: tuple[str, str, str]
) -> None:
    folder = case.applied(case.planned(), cut)
    wants(case, 7)
    with pytest.raises(Refused, match=r"service.desiredCount is 7 and should be [24]\..*drydock runbook roll-back"):
        runner.resume(folder)
    assert (count(case), outcome(folder)) == (7, "")
    wants(case, 4)
    assert runner.roll_back_run(folder).endswith("rolled back")
    assert count(case) == 2


def test_a_run_that_has_changed_nothing_is_applied_anew(case: Case) -> None:
    planned = case.planned()
    folder = next(case.runs.iterdir())
    with pytest.raises(Refused, match="has changed nothing, so there is nothing to go on with"):
        runner.resume(folder)
    assert planned.changes


def test_a_run_that_cannot_go_on_is_undone(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = case.applied(case.planned(), WAITED)
    notebook = nbformat.read(catalogue.notebook("scale-service"), as_version=4)
    notebook.cells.insert(5, nbformat.v4.new_code_cell("raise LookupError('gone')"))
    (tmp_path / "books").mkdir()
    nbformat.write(notebook, tmp_path / "books" / "scale-service.ipynb")
    monkeypatch.setenv("DRYDOCK_RUNBOOKS", str(tmp_path / "books"))
    report = runner.resume(folder)
    assert (report.outcome, count(case)) == ("rolled back", 2)
    assert "LookupError: gone" in str(report.error)


def test_a_step_that_had_failed_when_the_run_was_cut_is_undone(case: Case) -> None:
    folder = case.applied(case.planned(), WAITED)
    Evidence(folder).note("failed", "scale", why="not within 10 minutes")
    report = runner.resume(folder)
    assert (report.outcome, count(case)) == ("rolled back", 2)


def test_another_run_of_the_service_waits_until_one_that_was_killed_is_ended(case: Case) -> None:
    plan = case.planned()
    folder = case.applied(plan, ("begin", "scale", "after"))
    report = case.apply(plan.hash)
    assert (report.outcome, count(case)) == ("refused", 2)
    said = str(report.error)
    assert f"The run {folder} (scale-service) on drydock-hello/drydock-hello of " in said
    assert f"drydock runbook resume {folder} or drydock runbook roll-back {folder}" in said
    assert runner.roll_back_run(folder).endswith("rolled back")
    assert case.apply(plan.hash).outcome == "applied"


def test_what_a_killed_run_has_made_so_is_not_called_so_already(case: Case) -> None:
    folder = case.applied(case.planned(), WAITED)
    assert count(case) == 4
    report = case.apply("")
    assert report.outcome == "refused"
    assert f"The run {folder} (scale-service) on drydock-hello/drydock-hello of " in str(report.error)


def test_a_run_that_was_verified_and_not_closed_is_in_nobodys_way(case: Case) -> None:
    plan = case.planned()
    folder = case.applied(plan, ("ended", "", "before"))
    wants(case, 2)
    case.given = {**case.given, "desired_count": "3"}
    assert case.apply(case.planned().hash).outcome == "applied"
    with pytest.raises(Refused, match="desiredCount is 3 and should be 4"):
        runner.resume(folder)


def test_a_signal_leaves_a_run_as_it_is_where_that_was_asked_for(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = case.planned()

    def interrupted(*given: Any, **named: Any) -> None:
        raise Interrupted(143)

    with monkeypatch.context() as patch:
        patch.setattr(executor, "wait", interrupted)
        with pytest.raises(runner.CutShort) as cut:
            case.apply(plan.hash, keep=True)
    report = cut.value.report
    assert (report.outcome, count(case)) == ("cut short", 4)
    assert f"what was begun stays. Then: drydock runbook resume {report.folder}" in str(report.error)
    assert runner.resume(report.folder).outcome == "applied"


class Signed:
    """alice and bob, both of whom have to approve."""

    def __init__(self, case: Case, tmp_path: Path) -> None:
        self.folder = tmp_path
        keys = {who: approvals.make_key(who, tmp_path / who)[1] for who in ("alice", "bob")}
        (case.runs / "approvers.json").write_text(json.dumps({"quorum": 2, "approvers": keys}))

    def by(self, who: str, plan: Plan, ago: timedelta = timedelta(0)) -> str:
        path = self.folder / f"{who}.approval"
        path.write_text(approvals.sign(plan, who, self.folder / who, hours=1, now=datetime.now(UTC) - ago).as_json())
        return str(path)


def test_where_people_have_to_sign_the_hash_is_not_enough(case: Case, tmp_path: Path) -> None:
    signed = Signed(case, tmp_path)
    plan = case.planned()
    report = case.apply(plan.hash)
    assert (report.outcome, count(case)) == ("refused", 2)
    assert "The hash alone approves nothing here" in str(report.error)
    alice = signed.by("alice", plan)
    report = case.apply(alice)
    assert "2 have to approve this plan, and alice did" in str(report.error)
    report = case.apply(os.pathsep.join([alice, signed.by("bob", plan)]))
    assert (report.outcome, count(case)) == ("applied", 4)
    kept = Evidence(report.folder).read("approval.json")
    assert (kept["by"], kept["how"]) == ("alice, bob", "signed")
    assert [one["by"] for one in kept["signatures"]] == ["alice", "bob"]
    assert "alice, bob" in (report.folder / "report.html").read_text()


def test_a_signature_of_a_plan_of_another_state_says_what_is_another(case: Case, tmp_path: Path) -> None:
    signed = Signed(case, tmp_path)
    plan = case.planned()
    approve = os.pathsep.join([signed.by("alice", plan), signed.by("bob", plan)])
    wants(case, 3)
    report = case.apply(approve)
    assert report.outcome == "refused"
    assert "Since then: service.desiredCount was 2 and is 3" in str(report.error)


def test_an_approval_that_ended_meanwhile_holds_for_the_run_that_it_began(case: Case, tmp_path: Path) -> None:
    signed = Signed(case, tmp_path)
    plan = case.planned()
    approve = os.pathsep.join([signed.by("alice", plan), signed.by("bob", plan)])
    folder = killed(case, approve)
    kept = Evidence(folder).read("approval.json")
    again = [approvals.read([Path(signed.by(who, plan, timedelta(hours=2)))]) for who in ("alice", "bob")]
    kept["signatures"] = [vars(one) for found in again for one in found.values()]
    Evidence(folder).write("approval.json", kept)
    assert runner.resume(folder).outcome == "applied"


def test_an_approval_that_is_not_genuine_any_more_takes_the_run_back(case: Case, tmp_path: Path) -> None:
    signed = Signed(case, tmp_path)
    plan = case.planned()
    folder = killed(case, os.pathsep.join([signed.by("alice", plan), signed.by("bob", plan)]))
    kept = Evidence(folder).read("approval.json")
    kept["signatures"][0]["until"] = "2099-01-01T00:00:00+00:00"
    Evidence(folder).write("approval.json", kept)
    report = runner.resume(folder)
    assert (report.outcome, count(case)) == ("rolled back", 2)
    assert "is not signed with the key of alice, or was edited since" in str(report.error)


def killed(case: Case, approve: str) -> Path:
    before = set(case.runs.iterdir())
    assert case.killed(WAITED, lambda: case.apply(approve)) is None
    return next(iter(set(case.runs.iterdir()) - before))


def test_a_signature_without_anybody_who_may_sign_is_refused(case: Case, tmp_path: Path) -> None:
    plan = case.planned()
    approvals.make_key("alice", tmp_path / "alice")
    path = tmp_path / "a.approval"
    path.write_text(approvals.sign(plan, "alice", tmp_path / "alice", hours=1).as_json())
    report = case.apply(str(path))
    assert (report.outcome, count(case)) == ("refused", 2)
    assert "Nothing says whose signatures count" in str(report.error)


def test_where_only_reads_are_let_through_an_approved_change_is_refused(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = case.planned()
    report = case.apply(plan.hash, only_reads=True)
    assert (report.outcome, count(case)) == ("refused", 2)
    assert "Only plans that read are let through here" in str(report.error)
    monkeypatch.setenv("DRYDOCK_AUTO_APPROVE", "all")
    assert "$DRYDOCK_AUTO_APPROVE is 'all', and can be reads only" in str(case.apply(plan.hash).error)


def plan_of(**calls: Any) -> Plan:
    steps = [
        Step(name, name, Act(Call("ecs", "UpdateService", params)), sets={"a": 1}) for name, params in calls.items()
    ]
    return replace(PLAN, parameters={}, steps=tuple(steps))


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ({"cluster": "a", "service": "x"}, {"cluster": "a", "service": "x"}, False),
        ({"cluster": "a", "service": "x"}, {"cluster": "a", "service": "y"}, True),
        ({"cluster": "a", "service": "x"}, {"cluster": "b", "service": "x"}, True),
        ({"cluster": "a", "service": "x"}, {"cluster": "a"}, False),
        ({"cluster": "a"}, {"cluster": "a", "service": "x"}, False),
        ({"cluster": "a"}, {"cluster": "b"}, True),
        ({"cluster": "a", "service": "x"}, {"SecretId": "s"}, False),
        ({"cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/a", "service": "x"}, {"cluster": "a"}, False),
        ({"ResourceId": "service/a/x"}, {"cluster": "a", "service": "x"}, False),
        ({"ResourceId": "service/a/x"}, {"cluster": "a", "service": "y"}, True),
    ],
)
def test_two_plans_are_apart_where_nothing_is_of_both(
    first: dict[str, str], second: dict[str, str], apart: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    cloud: Any = SimpleNamespace(endpoint="http://127.0.0.1:1", account="000000000000", region="us-east-1")
    held = targets.hold(plan_of(step=first), cloud, tmp_path / "first")
    try:
        if apart:
            targets.hold(plan_of(step=second), cloud, tmp_path / "second").let_go()
        else:
            with pytest.raises(targets.Busy, match=f"in the hands of another run, .*first .*process {os.getpid()}"):
                targets.hold(plan_of(step=second), cloud, tmp_path / "second")
    finally:
        held.let_go()
    targets.hold(plan_of(step=second), cloud, tmp_path / "second").let_go()


def test_a_secret_is_of_no_one_cluster_that_a_plan_may_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    cloud: Any = SimpleNamespace(endpoint="http://127.0.0.1:1", account="000000000000", region="us-east-1")
    put = Step("put", "put", Act(Call("secretsmanager", "PutSecretValue", {"SecretId": "s"})), sets={"a": 1})
    of_a, of_b = (replace(PLAN, parameters={"secret_id": "s", "cluster": each}, steps=(put,)) for each in "ab")
    held = targets.hold(of_a, cloud, tmp_path / "first")
    with pytest.raises(targets.Busy):
        targets.hold(of_b, cloud, tmp_path / "second")
    held.let_go()
