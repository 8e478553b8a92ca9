"""`drydock drill`, as far as it needs no cloud: what it lists, what it refuses, and how it tells a score."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.cli import app
from drydock.drills import DRILLS, record


@pytest.fixture(autouse=True)
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRYDOCK_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    return tmp_path


def said(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["drill", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_the_list_has_symptoms_and_no_cause() -> None:
    listed = said("list")
    for one in DRILLS.values():
        assert one.short in listed and one.title in listed
        assert one.fault not in listed
    assert said("list", "--causes").split() == sorted(one.fault for one in DRILLS.values())


def test_what_is_no_drill_is_refused_before_a_cloud_is_asked_for() -> None:
    assert "There is no drill 'gremlins'. Choose from: accounts" in said("start", "gremlins", code=2)


def test_the_score_has_times_of_ours_and_of_aws_and_the_cause_once_it_is_known() -> None:
    times = [f"2026-11-27T10:00:{second:02}.000+00:00" for second in (0, 5, 20)]
    with record.changing() as runs:
        runs.append(
            record.Run("drydock-checkout", "here", 30.0, times[0], times[1], times[2], "", ["x", "crash-loop"], 3)
        )
        runs.append(record.Run("drydock-prices", "here", 30.0, times[0]))
        runs.append(record.Run("drydock-stock", "here", 30.0))
    lines = said("score").splitlines()
    told = [" ".join(line.split()) for line in lines[1:]]
    assert told[0] == "2026-11-27 10:00 checkout crash-loop 5.0 s (150 AWS s) 20.0 s (600 AWS s) 1 3"
    assert told[1] == "2026-11-27 10:00 prices 0 0"
    assert len(lines) == 3, "what never showed is not scored"


def test_a_file_that_cannot_be_read_is_left_as_it_is(learner: Path) -> None:
    (learner / record.FILE).write_text('{"version": 9}')
    assert "is of version 9, and this Drydock knows 1" in said("score", code=2)
    (learner / record.FILE).write_text("nonsense")
    assert "cannot be read" in said("score", code=2)
    assert (learner / record.FILE).read_text() == "nonsense"
