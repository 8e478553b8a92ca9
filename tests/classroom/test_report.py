"""The report of a class: who is where, which check stops most; a file that is damaged stops nobody else's."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drydock.classroom import exports, folder, reading, report
from drydock.classroom.folder import Class
from tests.classroom.conftest import EVIL, QUEUES

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def another(thirty: Class, tmp_path: Path) -> Class:
    """The same class, to be changed."""
    shutil.copytree(thirty.folder, tmp_path / "Autumn")
    return folder.open_class(tmp_path / "Autumn")


def test_who_is_where(thirty: Class) -> None:
    read = reading.read(thirty)
    places = [read.place(one) for one in read.standings[:6]]
    assert [(place.where, place.step, place.attempts) for place in places] == [
        ("done", "", 0),
        ("stuck", "keep-longer", 4),
        ("working", "blind", 0),
        ("working", "blind", 1),
        ("working", "keep-longer", 0),
        ("not begun", "create-queue", 0),
    ]
    solved = read.standings[2].of(QUEUES, "keep-longer")
    assert (solved.passed, solved.attempts, solved.hints, solved.solution_shown) == (True, 2, 1, True)
    assert solved.first_tried is not None
    assert solved.passed_at is not None
    assert solved.first_tried <= solved.passed_at


def test_which_check_stops_most(thirty: Class) -> None:
    read = reading.read(thirty)
    stopping = [(one.step.name, len(one.stopped), one.attempts) for one in read.stopping()]
    assert stopping == [("keep-longer", 5, 1.5), ("blind", 5, 1.5)]
    first, keep, *_ = read.figures()
    assert (first.begun, first.passed, first.at_once) == (25, 25, 20)
    assert (keep.hints, keep.solutions) == (10, 5)


def test_nothing_of_an_answer_is_in_a_learners_file(thirty: Class) -> None:
    for member in thirty.members[:6]:
        file = thirty.handed_out(member) / "progress.json"
        if file.exists():
            data = json.loads(file.read_text())
            assert data["version"] == 2
            assert not re.search("86400|Retention|jobs", file.read_text())


def test_the_page_is_whole_and_shows_text_as_text(thirty: Class) -> None:
    page = report.page(reading.read(thirty), NOW)
    assert EVIL not in page
    assert "&lt;img src=x onerror" in page
    assert page.count("<script") == 1
    assert re.findall(r'(?:src|href|action)="[^"]+"|url\(|@import', page) == []
    for name in ("Learner 07", "l07"):
        assert re.search(f">{name} ?<", page)
    assert "default-src &#x27;none&#x27;" in page


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{half", "cannot be read"),
        ("[]", "holds a list, not an object"),
        ('{"version": 2, "labs": []}', "holds no labs"),
        ('{"version": 3, "labs": {}}', "is of version 3, and this Drydock knows 2"),
        ('{"version": 2, "labs": {"00-queues": {"blind": {"attempts": -1}}}}', "00-queues · blind · attempts"),
        ('{"version": 2, "labs": {"00-queues": {"blind": {"seconds": NaN}}}}', "blind · seconds"),
        ('{"version": 2, "labs": {"00-queues": {"blind": {"passed_at": "soon"}}}}', "blind · passed_at"),
        ('{"version": 2, "labs": {"00-queues": {"blind": {"passed_at": "2026-11-27"}}}}', "offset from UTC"),
        (
            '{"version": 2, "labs": {"00-queues": {"blind": {"last_seen": "9999-12-31T23:59:59-12:00"}}}}',
            "blind · last_seen",
        ),
        ('{"version": 2, "labs": {"<b>": 7}}', "damaged at <b>"),
        ('{"a":' * 100_000, "cannot be read"),
        (" " * 5_000_000, "5000000 bytes"),
    ],
)
def test_a_damaged_file_is_named_and_the_others_are_shown(another: Class, content: str, says: str) -> None:
    (another.handed_out(another.member("l00")) / "progress.json").write_text(content)
    read = reading.read(another)
    assert says in read.standings[0].unreadable
    assert "l00" in read.standings[0].unreadable
    assert [read.place(one).where for one in read.standings[:2]] == ["unreadable", "stuck"]
    page = report.page(read, NOW)
    assert "Files that could not be read" in page
    assert "damaged at <b>" not in page


def test_a_pipe_holds_nobody_up(another: Class) -> None:
    os.mkfifo(another.handed_out(another.member("l05")) / "progress.json")
    assert "is no ordinary file" in reading.read(another).standings[5].unreadable


def test_a_link_is_not_followed(another: Class, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"version": 2, "labs": {}}')
    file = another.handed_out(another.member("l05")) / "progress.json"
    file.symlink_to(tmp_path / "secret.json")
    assert "is a link" in reading.read(another).standings[5].unreadable


def test_a_file_of_the_first_version_is_read(another: Class) -> None:
    old = {QUEUES: {"create-queue": {"passed": True, "stands": True, "attempts": 2, "hints": 1, "seconds": 3.5}}}
    (another.handed_out(another.member("l05")) / "progress.json").write_text(json.dumps(old))
    read = reading.read(another)
    record = read.standings[5].of(QUEUES, "create-queue")
    assert (record.passed, record.attempts, record.passed_at) == (True, 2, None)
    assert read.place(read.standings[5]).step == "keep-longer"


def test_the_table_has_a_line_for_each_learner_and_step(thirty: Class, tmp_path: Path) -> None:
    exports.progress_csv(reading.read(thirty), tmp_path / "progress.csv")
    with (tmp_path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 * 4
    stuck = next(row for row in rows if (row["learner_id"], row["step"]) == ("l01", "keep-longer"))
    assert (stuck["passed"], stuck["attempts"], stuck["hints"]) == ("0", "4", "1")
