"""What a learner has done, in a file of the learner's: steps passed, attempts, hints taken, seconds.

No answer is in it, and nothing that a cell has printed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.labs import handout
from drydock.notebooks.document import Document
from drydock.user import home

VERSION = 2
"""Of the file: {"version": 2, "labs": {lab: {step: record}}}. The first had the labs alone, and no times."""
FILE = "progress.json"

Labs = dict[str, dict[str, dict[str, Any]]]


class NewerProgress(RuntimeError):
    """The file is of a later version of Drydock. It is left as it is."""


def path() -> Path:
    """$DRYDOCK_PROGRESS, else progress.json in the folder that a teacher has handed out and this process works in, else
    in Drydock's folder of the user's state."""
    return Path(os.environ.get("DRYDOCK_PROGRESS") or (handout.here() or home()) / FILE)


def read() -> Labs:
    """{lab: {step: {"passed": bool, "stands": bool, "broken": bool, "attempts": int, "hints": int, …}}}.

    passed       the step has been passed once; stands: since the lab was last cleaned up; broken: by
                 break_it, and not passed since.
    attempts     checks until it passed, with the one that did; hints: so many of them taken until then;
                 solution_shown: looked at before it passed.
    first_tried, passed_at   when it was first checked, and passed; last_seen: also a hint or the solution asked for.
                 ISO 8601 in UTC; empty for never, or before times were kept.
    seconds      of a person's, from one check to the next.

    A file that is not JSON is put aside, not overwritten, with a warning. Raises NewerProgress.
    """
    document = Document(path())
    try:
        return of_version(document.read(), document.file)
    except ValueError:
        warnings.warn(f"{document.put_aside()}, and your progress begins anew.", stacklevel=2)
        return {}


def of_version(value: dict[str, Any], file: Path) -> Labs:
    """The labs in a file of this version or an earlier one. Raises NewerProgress, ValueError."""
    version = value.get("version", 1)
    if isinstance(version, int) and version > VERSION:
        raise NewerProgress(f"{file} is of version {version}, and this Drydock knows {VERSION}: update it.")
    labs: Labs = value if "version" not in value else value.get("labs")  # type: ignore[assignment]
    if not isinstance(labs, dict):
        raise ValueError(f"{file} holds no labs")
    return labs


def now() -> str:
    """As times are written."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def of(lab: str) -> dict[str, Any]:
    """One lab's steps."""
    return read().get(lab, {})


_UNTOUCHED = {
    "passed": False,
    "stands": False,
    "broken": False,
    "attempts": 0,
    "hints": 0,
    "solution_shown": False,
    "seconds": 0.0,
    "first_tried": "",
    "last_seen": "",
    "passed_at": "",
}


def word(record: Mapping[str, Any] | None) -> str:
    """How far a step is: "passed", "tried", or nothing."""
    if record is None:
        return ""
    return "passed" if record["passed"] else "tried" if record["attempts"] else ""


def stands(lab: str, step: str) -> bool:
    """Whether the step has been passed since the lab was last cleaned up."""
    return bool(of(lab).get(step, {}).get("stands"))


def met(lab: str, drill: str) -> bool:
    """Whether the drill has been broken, or passed, since the lab was last cleaned up."""
    record = of(lab).get(drill, {})
    return bool(record.get("broken") or record.get("stands"))


def stand(lab: str, done: Sequence[str] = ()) -> None:
    """These steps of the lab stand as done, and no others: none after it was cleaned up."""
    with Document(path()).alone():
        everything = read()
        steps = everything.setdefault(lab, {})
        for step in {*steps, *done}:
            steps[step] = {**_UNTOUCHED, **steps.get(step, {}), "stands": step in done, "broken": False}
        _write(everything)


@contextmanager
def changing(lab: str, step: str) -> Iterator[dict[str, Any]]:
    """Change one step's record; written, whole, when the block ends."""
    with Document(path()).alone():
        everything = read()
        steps = everything.setdefault(lab, {})
        record = steps[step] = {**_UNTOUCHED, **steps.get(step, {})}
        yield record
        _write(everything)


def forget(lab: str | None = None) -> None:
    """Forget one lab, or all."""
    with Document(path()).alone():
        everything = read()
        _write({name: steps for name, steps in everything.items() if lab is not None and name != lab})


def _write(labs: Labs) -> None:
    Document(path()).write({"version": VERSION, "labs": labs})
