"""The class in files for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from drydock.classroom.reading import ClassReading

PROGRESS_COLUMNS = (
    "learner_id", "learner_name", "lab", "step", "passed", "attempts", "hints", "solution_shown", "seconds", "first_tried",
    "passed_at", "last_seen", "graded", "graded_said", "unreadable",
)  # fmt: skip


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
