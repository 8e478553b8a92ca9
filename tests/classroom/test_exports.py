"""Grades for other programs, read back by these programs where there are some."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from drydock.classroom import exports, folder, reading, report
from drydock.classroom.folder import Class
from drydock.classroom.reading import ClassReading
from drydock.classroom.records import Graded, GradedStep
from drydock.classroom.roster import Learner
from drydock.cli import app
from drydock.cloud import Cloud
from tests.classroom.conftest import QUEUES

WHEN = "2026-11-27T18:30:00+00:00"
STEPS = ("create-queue", "keep-longer", "blind", "unsure")


def grade(made: Class, learner: str, *outcomes: str, why: str = "") -> None:
    out = made.graded(made.member(learner))
    out.mkdir(parents=True, exist_ok=True)
    steps = {step: GradedStep.model_validate({"outcome": one}) for step, one in zip(STEPS, outcomes, strict=True)}
    Graded(lab=QUEUES, of="x", when=WHEN, seconds=1.0, why=why, steps=steps).write(out)


@pytest.fixture
def made(cloud: Cloud, tmp_path: Path) -> Class:
    learners = [
        Learner("anna", "Anna Maria Berg", "anna@example.org", "5323497"),
        Learner("bob", "=Bob", "", "9f-7"),
        Learner("cem", "Cem Çelik"),
        Learner("dora", "Dora", "", "d"),
    ]
    made = folder.new(tmp_path / "Autumn", [QUEUES, "01-topics"], learners).the_class
    grade(made, "anna", "passed", "passed", "passed", "passed")
    grade(made, "bob", "passed", "not passed", "not graded", "not graded", why="Over time.")
    grade(made, "cem", "not passed", "passed", "not passed", "passed")
    return made


@pytest.fixture
def read(made: Class) -> ClassReading:
    return reading.read(made)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as content:
        return list(csv.DictReader(content))


@pytest.mark.process
@pytest.mark.filterwarnings("ignore")  # of what nbgrader imports
def test_the_gradebook_is_one_for_nbgrader_which_exports_the_same_table(
    read: ClassReading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETUPTOOLS_USE_DISTUTILS", "stdlib")  # which other tests may have imported
    api = pytest.importorskip("nbgrader.api")
    from nbgrader.plugins.export import CsvExportPlugin

    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # as where the environment is not activated
    for _ in range(2):  # again: brought up to date
        exports.nbgrader_gradebook(read, tmp_path / "gradebook.db")
    with api.Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        submission = book.find_submission(QUEUES, "bob")
        assert (submission.score, submission.max_score, submission.needs_manual_grade) == (1.0, 4.0, True)
        assert not book.find_submission(QUEUES, "anna").needs_manual_grade
        assert (book.find_student("anna").first_name, book.find_student("anna").last_name) == ("Anna Maria", "Berg")
        CsvExportPlugin(to=str(tmp_path / "theirs.csv")).export(book)
    exports.nbgrader_csv(read, tmp_path / "ours.csv")

    def graded(file: Path) -> list[dict[str, str]]:
        """Each line; a formula as what it says."""
        found = [{name: value.removeprefix("'") for name, value in row.items()} for row in rows(file)]
        return sorted(found, key=lambda row: (row["assignment"], row["student_id"]))

    ours, theirs = graded(tmp_path / "ours.csv"), graded(tmp_path / "theirs.csv")
    assert ours == theirs
    assert [row["score"] for row in ours if row["assignment"] == QUEUES] == ["4.0", "1.0", "2.0", "0.0"]


def test_a_name_is_no_formula(read: ClassReading, tmp_path: Path) -> None:
    exports.nbgrader_csv(read, tmp_path / "grades.csv")
    assert {row["last_name"] for row in rows(tmp_path / "grades.csv")} == {"Berg", "'=Bob", "Çelik", "Dora"}


def test_scores_are_as_the_specification_of_lti_has_them(read: ClassReading, tmp_path: Path) -> None:
    assert exports.lti_scores(read, tmp_path / "lti.json") == ["cem"]
    queues, topics = json.loads((tmp_path / "lti.json").read_text())
    assert queues["lineItem"] == {"scoreMaximum": 4, "label": QUEUES, "resourceId": QUEUES, "tag": "grade"}
    assert queues["scores"] == [
        {
            "userId": "5323497",
            "timestamp": "2026-11-27T18:30:00.000+00:00",
            "scoreGiven": 4,
            "scoreMaximum": 4,
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
        },
        {
            "userId": "9f-7",
            "timestamp": "2026-11-27T18:30:00.000+00:00",
            "scoreGiven": 1,
            "scoreMaximum": 4,
            "activityProgress": "Submitted",
            "gradingProgress": "PendingManual",
            "comment": "Over time.",
        },
    ]
    assert topics["scores"] == []


def test_who_has_handed_in_nothing_where_others_have_is_named_with_the_grades(made: Class, tmp_path: Path) -> None:
    words = "nothing was handed in, or it was refused"
    assert words not in report.page(reading.read(made), datetime(2026, 11, 27, tzinfo=UTC))
    made.handed_in(made.member("anna")).mkdir(parents=True)
    read = reading.read(made)
    assert report.page(read, datetime(2026, 11, 27, tzinfo=UTC)).count(words) == 2  # Bob and Cem; Dora has no grade
    exports.lti_scores(read, tmp_path / "lti.json")
    anna, bob = json.loads((tmp_path / "lti.json").read_text())[0]["scores"]
    assert "comment" not in anna
    assert bob["comment"] == f"{words}: the folder in learners/ was graded; Over time."


def test_what_there_is_not_is_not_exported(read: ClassReading, made: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = CliRunner()
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    said = cli.invoke(app, ["class", "export", str(made.folder), "nbgrader-db"])
    assert "pip install 'drydock-labs[nbgrader]'" in said.output
    assert not (made.folder / "gradebook.db").exists()
    said = cli.invoke(app, ["class", "export", str(made.folder), "lti"])
    assert said.stdout.splitlines() == [
        "Left out, as the list has no lti_user_id: cem",
        str(made.folder / "lti-scores.json"),
    ]
    nobody: Any = SimpleNamespace(standings=[one for one in read.standings if one.member.id == "dora"], the_class=made)
    with pytest.raises(exports.NothingToExport, match="Nothing of Autumn is graded yet"):
        exports.nbgrader_csv(nobody, made.folder / "x.csv")
