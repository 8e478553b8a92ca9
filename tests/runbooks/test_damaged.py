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
from drydock.runbooks import Refused, evidence, executor, runbook, runner, targets
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged

from .test_kept_apart import plan

SHOWN = ("cost.json", "before.json", "after.json", "findings.json", "result.json")
NEEDED = ("plan.json", "journal.jsonl", "secrets.json")
FILES = (*NEEDED, *SHOWN, "approval.json", "calls.jsonl", "manifest.jsonl", "report.html")
COMMANDS = (
    ["list", "--runs", "--at", "{runs}"],
    *([name, "{run}"] for name in ("show", "verify", "resume", "roll-back")),
)


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


def another(picked: int, value: Any) -> Callable[[Path], object]:
    """With another value there; of lines of JSON, in the line of that number."""

    def change(path: Path) -> None:
        lines = [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines()
        number = picked % len(lines)
        found = json.loads(lines[number])
        places = list(_places(found))
        holder, key = places[picked % len(places)]
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
    st.builds(another, st.integers(0, 1000), VALUES),
)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cloud: what comes as far as that is not stopped by the damage, and the state is the one that was left."""

    def state(cloud: Any, looks: Any, known: Any = None) -> dict[str, Any]:
        return plan().state_afterwards

    monkeypatch.setattr(runner, "_cloud_of", lambda plan: type("Cloud", (), {"listeners": [], "speed": 1e9})())
    monkeypatch.setattr(runner, "execute", lambda *_, **__: "there is no kernel here")
    monkeypatch.setattr(targets, "hold", lambda *_: targets.Held([]))
    monkeypatch.setattr(executor, "observe", state)
    monkeypatch.setattr(executor, "FLOOR", 0.0)
    monkeypatch.setattr(runbook, "undo", lambda *_, **__: None)
    monkeypatch.setattr(evidence, "PATIENCE", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def said(command: list[str], runs: Path, run: Path) -> str:
    """What the command says; it ends as a command does, and not with a traceback."""
    done = CliRunner().invoke(cli.app, ["runbook", *(each.format(runs=runs, run=run) for each in command)])
    assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
    return done.output


@pytest.mark.usefixtures("nowhere")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), damage=DAMAGES, ended=st.booleans())
def test_no_command_breaks_on_a_file_that_was_edited(
    whole: Path, tmp_path: Path, name: str, damage: Callable[[Path], object], ended: bool
) -> None:
    for command in COMMANDS:
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
        output = said(command, runs, run)
        if command[0] == "list":
            assert "2 runs in" in output
