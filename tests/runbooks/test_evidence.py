"""The folder of a run when something is wrong with it, or with whoever works on it."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from drydock.cloud import Call as Sent
from drydock.commands.runbook import app
from drydock.notebooks import parameters as notebook_parameters
from drydock.notebooks.environment import environment
from drydock.rehearsals.common import signed_by_nobody
from drydock.runbooks import (
    approvals,
    catalogue,
    evidence,
    executor,
    history,
    parameters,
    runbook,
    runner,
    targets,
)
from drydock.runbooks.approvals import BadApproval
from drydock.runbooks.evidence import AtWork, Evidence
from drydock.runbooks.told import typed

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


def test_a_run_that_another_process_works_on_is_not_ended_by_whoever_waited_for_it(
    folder: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "PATIENCE", 0.0)
    monkeypatch.setattr(runner, "_cloud_of", lambda _: SimpleNamespace(listeners=[], speed=1.0))
    monkeypatch.setattr(targets, "hold", lambda *_: targets.Held([]))
    monkeypatch.setattr(executor, "observe", lambda *_, **__: PLAN.state)
    folder.note("begin", "scale")
    with Evidence(folder.folder).at_work():
        said = runner.settle(folder, "the kernel died")
    assert said.startswith(f"the kernel died; not rolled back: {folder.folder} is the folder of a run that is at work")
    assert said.endswith(f"Then: drydock runbook roll-back {folder.folder}")
    assert [line["event"] for line in folder.journal()] == ["begin"]


def test_what_to_type_is_safe_to_type(folder: Evidence) -> None:
    given: dict[str, Any] = {"cloud": "http://127.0.0.1/;touch$IFS/x", "service": "a", "dry_run": False, "approve": "b"}
    words = shlex.split(*runbook.next_commands("scale-service", given, PLAN, folder.folder))
    assert words == ["drydock", "runbook", "apply", "scale-service", "-p", f"cloud={given['cloud']}", "-p", "service=a",
                     "--approve", PLAN.hash, "--runs", str(folder.folder.parent)]  # fmt: skip


DECLARED = {name: parameters.declared(catalogue.notebook(name)) for name in catalogue.names()}
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" '\"\\$`:;#~"), max_size=12)
OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    str: PRINTABLE,
    int: st.integers(0, 10**9),
    bool: st.booleans(),
    float: st.floats(0, 1e6),
}


@given(name=st.sampled_from(sorted(DECLARED)), drawn=st.data())
@settings(max_examples=60)
def test_a_command_that_is_printed_gives_the_very_parameters_of_the_plan(name: str, drawn: st.DataObject) -> None:
    defaults = DECLARED[name].defaults
    values = {each: drawn.draw(st.just(value) | OF_TYPE[type(value)], each) for each, value in defaults.items()}
    (command,) = runbook.next_commands(name, values, PLAN, evidence.root() / "run")
    words = shlex.split(command)
    given = dict(pair.split("=", 1) for option, pair in itertools.pairwise(words) if option == "-p")
    typed = defaults | notebook_parameters.typed(given, defaults)
    how = {"dry_run": None, "approve": None}
    assert typed | how == values | how
    assert words[-2:] == ["--approve", PLAN.hash]


def test_a_shell_reads_control_characters_as_they_were() -> None:
    words = ["without=\x1b[2J'\\\n", "b\t\u00e9", "", "plain"]
    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {typed(words)}"], capture_output=True, check=True, timeout=30)
    assert read.stdout.decode().split("\0")[:-1] == words
    assert typed(words).isprintable()


def test_an_empty_value_is_in_the_command_where_the_default_is_another(folder: Evidence) -> None:
    (command,) = runbook.next_commands("rotate-secret", {"without": "", "account": ""}, PLAN, folder.folder)
    assert "-p without= " in command and "account" not in command


def test_where_signatures_are_needed_the_next_command_is_to_sign(tmp_path: Path) -> None:
    kept = Evidence(tmp_path / "runs" / "1-scale-service-a")
    kept.folder.mkdir(parents=True)
    kept.write_plan(PLAN)
    runbook.end(kept, "planned")
    (evidence.root() / "approvers.json").write_text("{}")
    sign, apply = history.read(kept.folder).next.split(", and then ")
    assert sign == f"drydock runbook approve {kept.folder} --by NAME"
    assert apply.endswith(f"--approval {PLAN.hash}.NAME.approval")


def test_what_is_printed_is_what_was_meant(tmp_path: Path) -> None:
    kept = Evidence(tmp_path / "1-scale-service-a")
    kept.folder.mkdir()
    kept.write_plan(replace(PLAN, parameters={"service": "a:key:b[red]"}))
    runbook.end(kept, "planned")
    shown = CliRunner().invoke(app, ["show", str(kept.folder)]).output
    assert "-p 'service=a:key:b[red]' --approve" in shown


def test_another_folder_for_the_run_lifts_no_rule_of_who_approves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []
    monkeypatch.setattr(runner, "execute", lambda *_, **__: told.append(os.environ.get(approvals.APPROVERS)))
    usual, other = evidence.root(), tmp_path / "other"
    usual.mkdir()
    (usual / "approvers.json").write_text("{}")
    runner.run("scale-service", {}, root=other)
    assert told == [str(usual / "approvers.json")]
    with environment(signed_by_nobody(other)):
        runner.run("scale-service", {}, root=other)
    assert told[1] == ""
    (other / "approvers.json").write_text("{}")
    with pytest.raises(BadApproval, match=r"say who may approve: name the one that counts by \$DRYDOCK_APPROVERS"):
        runner.run("scale-service", {}, root=other)


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
