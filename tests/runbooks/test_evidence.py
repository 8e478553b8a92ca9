"""The folder of a run when something is wrong with it, or with whoever works on it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drydock.cloud import Call as Sent
from drydock.runbooks import evidence, runbook, runner
from drydock.runbooks.evidence import AtWork, Evidence

from .test_model import PLAN

NOWHERE = replace(PLAN, cloud={**PLAN.cloud, "name": "http://127.0.0.1:1", "instance": ""})


@pytest.fixture
def folder(tmp_path: Path) -> Evidence:
    kept = Evidence(tmp_path)
    kept.write_plan(NOWHERE)
    return kept


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(folder: Evidence) -> None:
    folder.note("begin", "scale")
    with (folder.folder / "journal.jsonl").open("a") as file:
        file.write('{"at": "2026-11')
    folder.note("undone", "scale")
    folder.note("rolled back")
    assert [line["event"] for line in folder.journal()] == ["begin", "undone", "rolled back"]


@pytest.mark.parametrize("text", ['{"hash": "plan-', "[]", '{"hash": "x"}', ""])
def test_a_plan_that_is_not_whole_is_named(folder: Evidence, text: str) -> None:
    (folder.folder / "plan.json").write_text(text)
    with pytest.raises(ValueError, match=r"plan\.json: This is not a whole plan"):
        runner.roll_back_run(folder.folder)


def test_a_result_that_is_not_whole_is_named(folder: Evidence) -> None:
    (folder.folder / "result.json").write_text('{"outcome')
    with pytest.raises(ValueError, match=r"result\.json is not as the run wrote it"):
        folder.read("result.json")


def test_a_full_disk_is_told_with_the_file_that_did_not_fit(folder: Evidence) -> None:
    (folder.folder / "calls.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as told:
        folder.called(Sent("ecs", "DescribeServices", {}), {}, 200)
    assert str(told.value.filename).endswith("calls.jsonl")


def test_two_do_not_work_on_one_run(folder: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "PATIENCE", 0.0)
    other = Evidence(folder.folder)
    with folder.at_work(), pytest.raises(AtWork, match="let it end, or end it by a signal"), other.at_work():
        pass
    with other.at_work():
        pass


def test_what_cannot_be_undone_for_want_of_a_cloud_is_said_with_what_to_do(folder: Evidence) -> None:
    folder.note("begin", "scale")
    said = runner.settle(folder, "the run was cut short")
    assert "the run was cut short; not rolled back: Nothing answers as STS at http://127.0.0.1:1" in said
    assert f"drydock runbook roll-back {folder.folder}" in said
    assert folder.read("result.json")["outcome"] == "failed"


def test_a_run_that_ends_before_it_changes_anything_says_so(folder: Evidence) -> None:
    assert runner.settle(folder, "the run was cut short") == "the run was cut short; nothing was changed"


def test_what_to_type_is_safe_to_type() -> None:
    given: dict[str, Any] = {"cloud": "http://127.0.0.1/;touch$IFS/x", "service": "a", "dry_run": False, "approve": "b"}
    words = shlex.split(runbook.apply_command("scale-service", given, PLAN.hash))
    assert words == ["drydock", "runbook", "apply", "scale-service", "-p", f"cloud={given['cloud']}", "-p", "service=a",
                     "--approve", PLAN.hash]  # fmt: skip


def test_a_user_without_a_name_can_approve(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(runbook.getpass, "getuser", nobody)
    assert runbook.user().startswith("uid ")


def test_a_place_where_nothing_can_be_written_is_named_with_how_to_name_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DRYDOCK_RUNS", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"runs are kept there; \$DRYDOCK_RUNS or --runs names another") as raised:
        Evidence.start("scale-service")
    assert str(raised.value.filename).startswith(str(tmp_path / "file"))
