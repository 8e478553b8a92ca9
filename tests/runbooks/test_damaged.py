"""A run's folder whose files somebody has edited, cut or taken away: each command says which file, and what to do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from drydock import cli
from drydock.cloud import Call as Sent
from drydock.runbooks import Refused, evidence, executor, history, runbook, runner, targets
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged

from .test_kept_apart import plan

SHOWN = ("cost.json", "before.json", "after.json", "findings.json", "result.json")
NEEDED = ("plan.json", "journal.jsonl", "secrets.json")
FILES = (*NEEDED, *SHOWN, "approval.json", "calls.jsonl", "manifest.jsonl", "report.html")
READING = ["list", "show", "verify"]


def ran(folder: Path, *, ended: bool) -> Evidence:
    """A run that has applied its plan, or was cut short in its step."""
    folder.mkdir(parents=True)
    kept, made = Evidence(folder), plan()
    kept.write_plan(made)
    kept.write("approval.json", {"plan": made.hash, "at": "2026-11-27T10:00:00Z", "by": "ada", "how": "parameter"})
    kept.write("cost.json", {"text": "USD 1 a day more", "assumed": "all the time"})
    kept.write("findings.json", [{"Finding": "old", "What": "remove it"}])
    kept.note("begin", "register")
    kept.called(Sent("ecs", "RegisterTaskDefinition", {}), {"ResponseMetadata": {"RequestId": "r"}}, 200)
    if ended:
        for event in ("answered", "done"):
            kept.note(event, "register", **({"results": {"register.arn": "a"}} if event == "answered" else {}))
        kept.note("applied")
        kept.note("verified")
        kept.write("after.json", made.state_afterwards)
        runbook.end(kept, "applied")
        kept.report()
        kept.seal()
    return kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of runs, to be copied."""
    made = tmp_path_factory.mktemp("whole")
    for name, ended in (
        ("20261127T100000Z-scale-service-aaaaaa", True),
        ("20261127T110000Z-scale-service-bbbbbb", False),
    ):
        ran(made / name, ended=ended)
    return made


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def cut(share: float) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def without(picked: int) -> Callable[[Path], object]:
    """Without the key of that number, wherever it is; of lines of JSON, without that line."""

    def change(path: Path) -> None:
        try:
            found = json.loads(path.read_text())
        except ValueError:
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(line for number, line in enumerate(lines) if number != picked % len(lines)))
            return
        places = list(_places(found))
        holder, key = places[picked % len(places)]
        del holder[key]
        path.write_text(json.dumps(found))

    return change


def another(picked: int, value: Any, more: bool) -> Callable[[Path], object]:
    """With another value there, or one more; of lines of JSON, in the line of that number."""

    def change(path: Path) -> None:
        lines = [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines()
        number = picked % len(lines)
        found = json.loads(lines[number])
        places = list(_places(found))
        holder, key = places[picked % len(places)]
        if isinstance(holder, dict) and more:
            key = "more"
        holder[key] = value
        lines[number] = json.dumps(found)
        path.write_text("\n".join(lines) + "\n")

    return change


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}), st.just([[1]])
)
DAMAGES = st.one_of(
    st.sampled_from([put(b""), put(b" \n"), as_directory, Path.unlink]),
    st.binary(max_size=40).map(put),
    VALUES.map(lambda value: put(json.dumps(value).encode())),
    st.just(put(b'{"a":' * 100_000)),
    st.just(put(b'{"text": "\\ud800"}')),
    st.floats(0, 0.99).map(cut),
    st.integers(0, 1000).map(without),
    st.builds(another, st.integers(0, 1000), VALUES, st.booleans()),
)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cloud: what comes as far as that is not stopped by the damage, and the state is the one that was left."""

    def state(*_: Any, **__: Any) -> dict[str, Any]:
        return plan().state_afterwards

    monkeypatch.setattr(runner, "_cloud_of", lambda plan: type("Cloud", (), {"listeners": [], "speed": 1e9})())
    monkeypatch.setattr(runner, "execute", lambda *_, **__: "there is no kernel here")
    monkeypatch.setattr(targets, "hold", lambda *_: targets.Held([]))
    monkeypatch.setattr(executor, "observe", state)
    monkeypatch.setattr(executor, "FLOOR", 0.0)
    monkeypatch.setattr(runbook, "undo", lambda *_, **__: None)
    monkeypatch.setattr(evidence, "PATIENCE", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def said(command: list[str]) -> str:
    """What the command says; it ends as a command does, and not with a traceback."""
    done = CliRunner().invoke(cli.app, ["runbook", *command])
    assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
    return done.output


@pytest.mark.usefixtures("nowhere")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), damage=DAMAGES, ended=st.booleans())
def test_no_command_breaks_on_a_file_that_was_edited(
    whole: Path, tmp_path: Path, name: str, damage: Callable[[Path], object], ended: bool
) -> None:
    for commands in (READING, ["resume"], ["roll-back"]):
        runs = tmp_path / "runs"
        shutil.rmtree(runs, ignore_errors=True)
        shutil.copytree(whole, runs)
        run = sorted(runs.iterdir())[0 if ended else 1]
        if not (run / name).exists():
            return
        try:
            damage(run / name)
        except (ValueError, LookupError):  # of report.html there is no key
            return
        for command in commands:
            output = said([command, str(run)] if command != "list" else ["list", "--runs", "--at", str(runs)])
            assert command != "list" or "2 runs in" in output


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("approval.json", put(b"[]"), "approval.json is not as the run wrote it: all of it: "),
        ("approval.json", another(0, {"a": 1}, False), "approval.json is not as the run wrote it: plan: "),
        (
            "secrets.json",
            put(b'{"scrypt:a:b": {"name": "DB", "value": "x"}}'),
            "the value of DB is not the one that its",
        ),
        ("secrets.json", put(b'{"a": "b"}'), "secrets.json is not as the run wrote it: a: "),
        ("cost.json", put(b"{}"), "cost.json is not as the run wrote it: text: "),
        ("cost.json", put(b"{"), "or move it away: it is only shown."),
        ("result.json", put(b""), "result.json is not as the run wrote it: it is empty. Bring it back from a copy"),
        ("findings.json", put(b"\xff"), "findings.json is not as the run wrote it: it is no text"),
        (
            "after.json",
            as_directory,
            "after.json cannot be read: Is a directory. Make it readable, or move it away: without it the",
        ),
        ("plan.json", cut(0.5), "plan.json: This is not a whole plan"),
        ("plan.json", Path.unlink, "plan.json is not as the run wrote it: it is not there, and register began"),
        ("journal.jsonl", put(b""), "journal.jsonl is not as the run wrote it: 6 of the 6 lines that were sealed"),
        (
            "journal.jsonl",
            without(1),
            "journal.jsonl is not as the run wrote it: line 2 does not follow the line before",
        ),
        ("journal.jsonl", as_directory, "journal.jsonl cannot be read: Is a directory"),
    ],
)
def test_the_list_and_the_run_say_which_file_it_is_and_what_to_do(
    whole: Path, tmp_path: Path, name: str, damage: Callable[[Path], object], says: str
) -> None:
    runs = shutil.copytree(whole, tmp_path / "copy")
    run = min(runs.iterdir())
    damage(run / name)
    for command in (["list", "--runs", "--at", str(runs)], ["show", str(run)]):
        told = [line for line in said(command).splitlines() if says in line]
        assert len(told) == 1
        assert "Make it readable" in told[0] or told[0].endswith(
            f"What else is not as it was: drydock runbook verify {run}"
        )
    assert len(history.runs(runs)) == 2


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("name", NEEDED)
def test_nothing_is_undone_from_a_folder_that_does_not_tell_what_was_done(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(runbook, "undo", lambda *_, **__: pytest.fail("it was undone"))
    runs = shutil.copytree(whole, tmp_path / "copy")
    for run in runs.iterdir():
        (run / name).write_text("{}\n{")
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        for command in (runner.roll_back_run, runner.resume):
            with pytest.raises(Damaged, match=name):
                command(run)
        assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.usefixtures("nowhere")
def test_what_is_only_shown_is_in_no_way_back_and_the_page_says_that_it_is_damaged(whole: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(whole, tmp_path / "copy")
    run = min(runs.iterdir())
    (run / "cost.json").write_text("{")
    assert runner.roll_back_run(run) == "asked for; rolled back"
    assert "cost.json is not as the run wrote it" in (run / "report.html").read_text()


@pytest.mark.usefixtures("nowhere")
def test_a_run_does_not_go_on_without_its_approval(whole: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(whole, tmp_path / "copy")
    run = max(runs.iterdir())
    (run / "approval.json").unlink()
    with pytest.raises(Refused, match=r"holds no approval of its plan, .* To undo what it has begun: drydock runbook"):
        runner.resume(run)


def test_a_run_whose_journal_is_gone_is_not_said_to_have_changed_nothing(whole: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(whole, tmp_path / "copy")
    run = max(runs.iterdir())
    (run / "journal.jsonl").unlink()
    with pytest.raises(Damaged, match=r"it has no step that began, and calls\.jsonl has RegisterTaskDefinition"):
        runner.roll_back_run(run)


def test_a_step_that_the_plan_does_not_have_is_not_undone(whole: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(whole, tmp_path / "copy")
    run = max(runs.iterdir())
    (run / "journal.jsonl").write_text((run / "journal.jsonl").read_text().replace("register", "deregister"))
    with pytest.raises(Damaged, match="it tells of a step deregister, and the plan has none"):
        runner.roll_back_run(run)


@pytest.mark.parametrize("text", ["", "[]", '{"target": 1}', "{", '{"target": ["a"], "run": 3}'])
def test_a_lock_that_was_edited_is_in_nobodys_way(tmp_path: Path, text: str) -> None:
    held = tmp_path / "held.json"
    held.write_text(text)
    targets._make_way(held, [("a",)], tmp_path)
    assert not held.exists()


def test_a_run_that_cannot_be_read_stays_in_the_way(whole: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(whole, tmp_path / "copy")
    run = max(runs.iterdir())
    (run / "journal.jsonl").write_text("{}\n{}\n")
    held = tmp_path / "held.json"
    held.write_text(json.dumps({"target": ["a", "1", "r"], "run": str(run), "runbook": "x", "process": 1}))
    with pytest.raises(targets.Busy, match=r"may have been cut short: .*journal\.jsonl is not as the run wrote it"):
        targets._make_way(held, [("a", "1", "r")], tmp_path)
