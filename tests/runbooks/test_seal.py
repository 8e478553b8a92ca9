"""A run's folder held against its seal: whatever was done to it since shows, file by file and line by line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.cloud import Call as Sent
from drydock.commands.runbook import app
from drydock.runbooks import chain, runbook, seal
from drydock.runbooks.evidence import Evidence

from .test_model import PLAN


def ran(at: Path) -> Evidence:
    """The folder of a run that has changed something."""
    at.mkdir(parents=True, exist_ok=True)
    kept = Evidence(at)
    kept.write_plan(PLAN)
    kept.write("approval.json", {"plan": PLAN.hash, "by": "ada"})
    for operation in ("DescribeServices", "UpdateService", "DescribeServices"):
        kept.called(Sent("ecs", operation, {}), {"ResponseMetadata": {"RequestId": "r"}}, 200)
    for event in ("begin", "done", "applied", "verified"):
        kept.note(event, "scale" if event in ("begin", "done") else "")
    kept.write("after.json", PLAN.state_afterwards)
    runbook.end(kept, "applied")
    kept.report()
    return kept


@pytest.fixture
def kept(tmp_path: Path) -> Evidence:
    made = ran(tmp_path / "run")
    made.seal()
    return Evidence(made.folder)


def told(folder: Path) -> list[str]:
    return sorted(str(fault) for fault in seal.verify(folder).faults)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def test_a_folder_that_nobody_has_touched_is_as_it_was_sealed(kept: Evidence) -> None:
    verdict = seal.verify(kept.folder)
    assert (verdict.faults, verdict.notes) == ([], [])
    assert verdict.seal == seal.last(kept.folder) == kept.seal()


def edit(text: str, other: str, number: int = 0) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        if not number:
            path.write_text(path.read_text().replace(text, other))
        else:
            found = lines(path)
            found[number - 1] = found[number - 1].replace(text, other)
            path.write_text("".join(found))

    return change


def without(*numbers: int) -> Callable[[Path], None]:
    return lambda path: _write(path, [line for n, line in enumerate(lines(path), 1) if n not in numbers])


def with_line(line: str, at: int) -> Callable[[Path], None]:
    return lambda path: _write(path, [*lines(path)[:at], line, *lines(path)[at:]])


def _write(path: Path, found: list[str]) -> None:
    path.write_text("".join(found))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("plan.json", edit('"desiredCount": 5', '"desiredCount": 6'), "plan.json: was edited"),
        ("before.json", edit("3", "4"), "before.json: was edited"),
        ("report.html", edit("scale", "scale "), "report.html: was edited"),
        ("report.html", Path.unlink, "report.html: was removed"),
        ("note.txt", lambda path: path.write_text("x"), "note.txt: was added"),
        ("deep/note.txt", lambda path: (path.parent.mkdir(), path.write_text("x")), "deep/note.txt: was added"),
        ("result.json", edit("applied", "planned"), "result.json: was edited"),
        ("calls.jsonl", edit("UpdateService", "ListServices", 2), "calls.jsonl, line 3: does not follow"),
        ("calls.jsonl", edit("DescribeServices", "ListServices", 3), "calls.jsonl, line 3: is another line"),
        ("calls.jsonl", without(2), "calls.jsonl, line 2: does not follow"),
        ("calls.jsonl", without(1), "calls.jsonl, line 1: does not follow"),
        ("calls.jsonl", without(3), "calls.jsonl: 1 of the 3 lines that were sealed are not there"),
        ("calls.jsonl", without(1, 2, 3), "calls.jsonl: 3 of the 3 lines"),
        ("calls.jsonl", Path.unlink, "calls.jsonl: 3 of the 3 lines"),
        ("calls.jsonl", with_line("\n", 1), "calls.jsonl: is of another length"),
        ("journal.jsonl", with_line('{"event": "begin", "step": "x"}\n', 1), "journal.jsonl, line 2: has no hash"),
        ("journal.jsonl", with_line("gone\n", 1), "journal.jsonl, line 2: is no whole line"),
        ("journal.jsonl", edit('"event"', '"even', 2), "journal.jsonl, line 2: is no whole line"),
        ("manifest.jsonl", edit("files", "file"), "plan.json: was added"),
        ("manifest.jsonl", Path.unlink, "manifest.jsonl: is not there, and the journal says that the run has ended"),
    ],
)
def test_what_was_done_to_a_folder_shows(
    kept: Evidence, name: str, change: Callable[[Path], object], says: str
) -> None:
    change(kept.folder / name)
    assert any(line.startswith(says) for line in told(kept.folder)), told(kept.folder)
    assert CliRunner().invoke(app, ["verify", str(kept.folder)]).exit_code == 1


def test_a_line_that_continues_the_chain_after_the_seal_shows(kept: Evidence) -> None:
    Evidence(kept.folder).note("begin", "another")
    assert told(kept.folder)[0].startswith("journal.jsonl, line 6: 1 lines were added since it was sealed")


def test_what_a_run_writes_after_its_end_is_sealed_again_and_the_first_seal_still_proves_it(tmp_path: Path) -> None:
    kept = ran(tmp_path / "run")
    first = kept.seal()
    kept.note("undoing", "scale")
    kept.write("after.json", PLAN.state)
    assert told(kept.folder) == []
    assert seal.last(kept.folder) != first
    assert seal.verify(kept.folder, first).faults == []


def test_a_folder_that_was_written_anew_shows_only_against_a_seal_that_was_kept(kept: Evidence, tmp_path: Path) -> None:
    theirs = seal.last(kept.folder)
    forged = ran(tmp_path / "forged")
    forged.seal()
    assert told(forged.folder) == []
    done = CliRunner().invoke(app, ["verify", str(forged.folder), "--seal", theirs])
    assert done.exit_code == 1
    assert f"has no seal {theirs}: the folder was written anew since" in done.output
    assert CliRunner().invoke(app, ["verify", str(kept.folder), "--seal", theirs]).exit_code == 0


@pytest.mark.parametrize(
    ("mistyped", "says"),
    [
        (lambda seal: seal[:-1], "a seal is 64 digits of 0-9 and a-f, and this has 63"),
        (lambda seal: f"Seal: {seal}", "a seal is 64 digits"),
        (lambda seal: seal[:-1] + ("0" if seal[-1] != "0" else "1"), "which is nearly the same"),
        (lambda seal: f" {seal.upper()}", "as it was sealed"),
    ],
)
def test_a_seal_that_is_mistyped_is_told_from_a_folder_that_was_written_anew(
    kept: Evidence, mistyped: Callable[[str], str], says: str
) -> None:
    typed = mistyped(seal.last(kept.folder))
    output = CliRunner().invoke(app, ["verify", str(kept.folder), "--seal", typed], terminal_width=400).output
    assert says in " ".join(output.replace("│", " ").split())


def test_an_approval_of_another_plan_shows_even_where_all_was_sealed_anew(kept: Evidence) -> None:
    (kept.folder / "approval.json").write_text(json.dumps({"plan": "plan-" + "0" * 32}))
    kept.seal()
    assert told(kept.folder)[0].startswith("approval.json: is of the plan plan-000")


def test_a_line_that_a_crash_cut_short_is_told_from_an_edit(tmp_path: Path) -> None:
    kept = ran(tmp_path / "run")
    with (kept.folder / "journal.jsonl").open("a") as file:
        file.write('{"at": "2026-11')
    unsealed = seal.verify(kept.folder)
    assert [note for note in unsealed.notes if "cut short" in note] == [
        "journal.jsonl, line 6: cut short, as by a crash; no line after it says so."
    ]
    kept.note("rolled back")
    kept.seal()
    verdict = seal.verify(kept.folder)
    assert verdict.faults == []
    assert verdict.notes == ["journal.jsonl, line 6: cut short, as by a crash, and the line after it says so."]
    edit("2026", "2025", 6)(kept.folder / "journal.jsonl")
    assert told(kept.folder)[0].startswith("journal.jsonl, line 6: is no whole line, and the line after it knows of")


def test_a_run_that_was_killed_is_not_sealed_and_its_lines_hold_together(tmp_path: Path) -> None:
    kept = Evidence(tmp_path)
    kept.write_plan(PLAN)
    kept.note("begin", "scale")
    done = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert done.exit_code == 3
    assert "The run is not sealed: it is at work, or it was killed." in done.output


def test_lines_from_many_threads_are_one_chain(tmp_path: Path) -> None:
    kept = Evidence(tmp_path)
    threads = [
        threading.Thread(target=lambda: [Evidence(tmp_path).called(Sent("ecs", "X", {}), {}, 200) for _ in range(20)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = chain.lines(tmp_path / "calls.jsonl")
    assert len(found) == len(kept.calls()) == 160
    assert list(chain.faults(found)) == []


def test_a_line_longer_than_is_read_at_once_is_followed(tmp_path: Path) -> None:
    with (tmp_path / "x").open("ab+") as file:
        for letter in "abc":
            chain.append(file, {"text": letter * 200_000}, synced=False)
    found = chain.lines(tmp_path / "x")
    assert [len(line.raw) > 200_000 for line in found] == [True] * 3
    assert list(chain.faults(found)) == []


@pytest.mark.parametrize("key", ["at", "files", "chains", "lines", "head", "bytes", "journal.jsonl", "prev"])
@pytest.mark.parametrize("with_what", ["other", 7, None])
def test_whatever_a_seal_says_otherwise_shows(kept: Evidence, key: str, with_what: object) -> None:
    path = kept.folder / seal.MANIFEST
    read = json.loads(path.read_text())
    for place in (read, read["chains"], read["chains"]["journal.jsonl"]):
        if key in place:
            value = place.pop(key)
            place |= {"other": value} if with_what == "other" else {key: with_what}
    path.write_text(json.dumps(read) + "\n")
    assert any(fault.startswith(("manifest.jsonl", "journal.jsonl", "plan.json")) for fault in told(kept.folder))


@pytest.mark.parametrize("text", ['{"plan": [', "[]", "\u00ff"])
def test_an_approval_that_is_none_is_told(kept: Evidence, text: str) -> None:
    (kept.folder / "approval.json").write_bytes(text.encode("latin-1"))
    assert any(one.startswith("approval.json: ") and "edited" not in one for one in told(kept.folder))
