"""The runs that are kept: listed, those still open first, and one of them shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from drydock.commands.runbook import app
from drydock.runbooks import catalogue, executor, form, forms, history, parameters, runbook
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.runner import Report

from .test_model import PLAN

APPLY = "drydock runbook apply scale-service -p service=a -p desired_count=5"


def run(root: Path, name: str, outcome: runbook.Outcome | None, *events: str) -> Evidence:
    (root / name).mkdir(parents=True)
    kept = Evidence(root / name)
    kept.write_plan(PLAN)
    kept.write("approval.json", {"plan": PLAN.hash, "by": "ada"})
    for event in events:
        kept.note(event, "scale")
    if outcome:
        runbook.end(kept, outcome, "" if outcome == "applied" else "the targets were not healthy")
    kept.seal()
    return kept


@pytest.fixture
def root(tmp_path: Path) -> Path:
    run(tmp_path, "1-scale-service-a", "applied", "begin", "done")
    run(tmp_path, "2-scale-service-b", None, "begin")
    run(tmp_path, "3-scale-service-c", "rolled back", "begin", "failed", "undone")
    run(tmp_path, "4-scale-service-d", "failed", "begin", "failed")
    run(tmp_path, "5-scale-service-e", "planned")
    (tmp_path / "not-a-run").mkdir()
    return tmp_path


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_runs_that_are_open_come_first_then_the_newest(root: Path) -> None:
    found = [(one.folder.name[0], one.outcome) for one in history.runs(root)]
    assert found == [("4", "failed"), ("2", "cut short"), ("5", "planned"), ("3", "rolled back"), ("1", "applied")]


def test_a_run_that_a_process_works_on_is_at_work(root: Path) -> None:
    with Evidence(root / "2-scale-service-b").at_work():
        assert history.read(root / "2-scale-service-b").outcome == "at work"


def test_the_list_says_what_each_was_about_and_who_approved_it(root: Path) -> None:
    text = said("list", "--runs", "--at", str(root))
    assert "5 runs in" in text
    assert text.count("ada") == 5
    run(root / "6-scale-service-targets-f", "7-scale-service-g", "applied", "begin")
    assert "6-scale-service-targets-f/7-scale-service-g" in said("list", "--runs", "--at", str(root))
    assert " scale-service  a " in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("1-scale-service-a", "Next: drydock runbook roll-back "),
        ("2-scale-service-b", "Next: drydock runbook resume "),
        ("5-scale-service-e", f"Next: {APPLY} --approve {PLAN.hash}"),
    ],
)
def test_a_run_that_is_shown_says_what_to_type_next(root: Path, name: str, says: str) -> None:
    assert says in said("show", str(root / name))


def test_a_run_is_shown_by_its_name_with_plan_steps_and_how_it_ended(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_RUNS", str(root))
    text = said("show", "3-scale-service-c")
    for words in (
        "rolled back",
        "the targets were not healthy",
        PLAN.hash,
        "service.desiredCount",
        "by: ada",
        "undone",
    ):
        assert words in text
    assert "Next:" not in text


def test_what_is_no_run_is_told(root: Path) -> None:
    done = CliRunner().invoke(app, ["show", str(root / "not-a-run")])
    assert "holds no plan.json" in str(done.exception)


def test_a_run_whose_plan_is_not_whole_is_still_listed_and_shown(root: Path) -> None:
    (root / "1-scale-service-a" / "plan.json").write_text("{")
    assert len(history.runs(root)) == 5
    assert "It has no whole plan" in said("show", str(root / "1-scale-service-a"))


def test_help_says_what_each_parameter_takes() -> None:
    text = " ".join(said("help", "scale-service").split())
    assert "When to use" in text
    assert "desired_count tasks that are wanted whole number, 0 to 5000 3" in text
    assert "dry_run make the plan and show it; change nothing True or False True" in text
    assert "text, ^[a-z]{2,}" in text


def test_a_form_that_nobody_is_there_to_fill_in_says_what_parameters_take() -> None:
    assert "desired_count  tasks that are wanted" in repr(form("scale-service"))
    assert "whole number, 0 to 5000" in form("scale-service")._repr_html_()


def test_the_form_says_how_it_ended_above_a_plan_that_may_be_long(root: Path) -> None:
    made = forms.Form("scale-service", parameters.declared(catalogue.notebook("scale-service")))
    failed = root / "4-scale-service-d"
    made._tell(Report("scale-service", failed, PLAN, "failed", "the targets were not healthy", 1.0, "5ea1"))
    shown = made.shown.value
    assert 0 < shown.index("scale-service: failed") < shown.index("the targets were not") < shown.index(PLAN.hash)


def test_a_run_that_failed_says_in_its_first_line_why_and_what_undoes_it_and_one_seal_after_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Evidence(root / "2-scale-service-b")
    made = runbook.Runbook("scale-service", {"dry_run": False}, {}, SimpleNamespace(listeners=[]), kept)
    made._plan, made._step_failures = PLAN, ["Step scale: not reached."]
    monkeypatch.setattr(executor, "observe", lambda *_, **__: PLAN.state)
    with pytest.raises(runbook.RunFailed) as failed:
        made.close()
    first, second = str(failed.value).splitlines()
    undo = f"drydock runbook roll-back {kept.folder}"
    assert first == f"failed: Step scale: not reached. To undo what it has changed: {undo}"
    assert second.count("seal") == 1


def test_what_others_have_said_does_not_command_the_terminal(tmp_path: Path) -> None:
    kept = run(tmp_path, "1-scale-service-a", None, "begin")
    runbook.end(kept, "failed", "the container said \x1b[2Jscale-service: applied")
    output = said("show", str(kept.folder))
    assert "\x1b" not in output
    assert r"the container said \x1b[2Jscale-service: applied" in output


@pytest.mark.parametrize("line", ["{}", '{"event": "begin"}', '{"event": 7, "step": [], "at": {}}'])
@pytest.mark.parametrize("name", ["journal.jsonl", "calls.jsonl"])
def test_a_line_that_is_none_of_the_runs_is_passed_over(root: Path, name: str, line: str) -> None:
    with (root / "1-scale-service-a" / name).open("a") as file:
        file.write(line + "\n")
    assert "5 runs" in said("list", "--runs", "--at", str(root))
    assert "applied" in said("show", str(root / "1-scale-service-a"))
