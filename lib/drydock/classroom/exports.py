"""The class in files for other programs: tables, nbgrader's gradebook, scores as LTI has them.

A step is a point, and only our checks give it. A gradebook is written by nbgrader itself. Its table and LTI's scores
are a dozen names each, and written here: PyLTI1p3 has had no release since 2022, and for this has a class with those
names and no more, as it calls no platform without a log-in of its own.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from drydock.classroom.reading import ClassReading, Standing
from drydock.classroom.records import Graded
from drydock.notebooks.environment import environment

PROGRESS_COLUMNS = (
    "learner_id", "learner_name", "lab", "step", "passed", "attempts", "hints", "solution_shown", "seconds",
    "first_tried", "passed_at", "last_seen", "graded", "graded_said", "unreadable",
)  # fmt: skip


NBGRADER_COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip
"""As nbgrader 0.9 exports them: nbgrader/plugins/export.py, CsvExportPlugin."""


class NothingToExport(ValueError):
    """There is no grade yet, or nobody whom the other program would know."""


class NeedsNbgrader(RuntimeError):
    """nbgrader is not installed."""


def progress_csv(reading: ClassReading, file: Path) -> None:
    """A line for each learner and step; `graded` is empty where it was not."""
    rows: list[Sequence[object]] = []
    for one in reading.standings:
        for lab, steps in reading.steps.items():
            graded = one.graded.get(lab)
            for step in steps:
                record, found = one.of(lab, step.name), graded.steps.get(step.name) if graded else None
                rows.append(
                    (
                        one.member.id, one.member.learner.name, lab, step.name, int(record.passed), record.attempts,
                        record.hints, int(record.solution_shown), f"{record.seconds:.3f}", _time(record.first_tried),
                        _time(record.passed_at), _time(record.last_seen), found.outcome if found else "",
                        found.said if found else "", one.unreadable,
                    )
                )  # fmt: skip
    _write(file, PROGRESS_COLUMNS, rows)


def nbgrader_csv(reading: ClassReading, file: Path) -> None:
    """A line for each lab and learner, in nbgrader's columns: no due date, no penalty, as of when it was graded.

    Raises NothingToExport.
    """
    _check_graded(reading)
    rows: list[Sequence[object]] = []
    for lab, steps in reading.steps.items():
        for one in reading.standings:
            first, last = _names(one)
            graded = one.graded.get(lab)
            when = datetime.fromisoformat(graded.when).replace(tzinfo=None) if graded else ""
            points = float(graded.points) if graded else 0.0
            head = (lab, "", when, one.member.id, last, first, one.member.learner.email)
            rows.append((*head, points, 0.0, points, float(len(steps))))
    _write(file, NBGRADER_COLUMNS, rows)


def nbgrader_gradebook(reading: ClassReading, file: Path) -> None:
    """Put the grades into nbgrader's database in `file`, which is made if it is not there: an assignment and a notebook
    for each lab, a grade cell for each step. What could not be graded is marked for a grade by hand.

    Raises NothingToExport, NeedsNbgrader.
    """
    _check_graded(reading)
    try:
        from nbgrader.api import Gradebook
    except ImportError:
        raise NeedsNbgrader(
            "A gradebook is written by nbgrader: pip install 'drydock-labs[nbgrader]'. nbgrader-csv needs none."
        ) from None
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with environment({"PATH": programs}), Gradebook(f"sqlite:///{file}") as book:  # it calls alembic by its name
        for lab, steps in reading.steps.items():
            book.update_or_create_assignment(lab)
            book.update_or_create_notebook(lab, lab)
            for step in steps:
                book.update_or_create_grade_cell(step.name, lab, lab, max_score=1.0, cell_type="code")
        for one in reading.standings:
            first, last = _names(one)
            email = one.member.learner.email or None
            book.update_or_create_student(one.member.id, first_name=first, last_name=last, email=email)
            for lab, graded in one.graded.items():
                book.update_or_create_submission(lab, one.member.id, timestamp=graded.when)
                for name, result in graded.steps.items():
                    grade = book.find_grade(name, lab, lab, one.member.id)
                    grade.auto_score = float(result.outcome == "passed")
                    grade.needs_manual_grade = result.outcome == "not graded"
        book.db.commit()


def lti_scores(reading: ClassReading, file: Path) -> list[str]:
    """Line items and scores of LTI Advantage's Assignment and Grade Services 2.0, to be handed to a platform.

    A list with an entry for each lab: {"lineItem": …, "scores": […]}, the bodies of the requests that create a line
    item (application/vnd.ims.lis.v2.lineitem+json) and publish a score (application/vnd.ims.lis.v1.score+json).

    Returns the ids of learners who are left out, as the list has no lti_user_id for them. Raises NothingToExport.
    Source: https://www.imsglobal.org/spec/lti-ags/v2p0, sections 3.2 and 3.4.
    """
    _check_graded(reading)
    known = [one for one in reading.standings if one.member.learner.lti_user_id]
    if not known:
        raise NothingToExport("LTI knows learners by its own ids: put them into the list as a column lti_user_id.")
    entries = [
        {
            "lineItem": {"scoreMaximum": len(steps), "label": lab, "resourceId": lab, "tag": "grade"},
            "scores": [_score(one, one.graded[lab], reading.without_work(one)) for one in known if lab in one.graded],
        }
        for lab, steps in reading.steps.items()
    ]
    file.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [one.member.id for one in reading.standings if one not in known]


def _score(one: Standing, graded: Graded, said: str) -> dict[str, Any]:
    left = [step for step, result in graded.steps.items() if result.outcome == "not graded"]
    why = graded.why or (f"Not graded: {', '.join(left)}" if left else "")
    comment = "; ".join(filter(None, [said, why]))
    return {
        "userId": one.member.learner.lti_user_id,
        "timestamp": datetime.fromisoformat(graded.when).isoformat(timespec="milliseconds"),
        "scoreGiven": graded.points,
        "scoreMaximum": len(graded.steps),
        "activityProgress": "Submitted" if left else "Completed",
        "gradingProgress": "PendingManual" if left else "FullyGraded",
        **({"comment": comment} if comment else {}),
    }


def _check_graded(reading: ClassReading) -> None:
    if not any(one.graded for one in reading.standings):
        raise NothingToExport(f"Nothing of {reading.the_class.name} is graded yet: `drydock class grade` does that.")


def _names(one: Standing) -> tuple[str, str]:
    """First name and last name: nbgrader wants two, and the list has one."""
    first, _, last = one.member.learner.name.rpartition(" ")
    return first, last


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows([_inert(value) for value in row] for row in rows)


def _inert(value: object) -> object:
    """A text that a spreadsheet would take for a formula, made one that it shows."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _time(when: datetime | None) -> str:
    return when.isoformat() if when else ""
