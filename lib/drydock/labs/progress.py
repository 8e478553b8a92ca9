"""What a learner has done, in a file of the learner's: steps passed, attempts, hints taken, seconds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.notebooks.document import Document
from drydock.user import home


def path() -> Path:
    """$DRYDOCK_PROGRESS, else progress.json in Drydock's folder of the user's state."""
    return Path(os.environ.get("DRYDOCK_PROGRESS") or home() / "progress.json")


def read() -> dict[str, dict[str, Any]]:
    """{lab: {step: {"passed": bool, "stands": bool, "broken": bool, "attempts": int, "hints": int, …}}}.

    passed   the step has been passed once; stands: since the lab was last cleaned up; broken: by
    break_it, and not passed since.

    A file that is not JSON is put aside, not overwritten, with a warning.
    """
    document = Document(path())
    try:
        return document.read()
    except ValueError:
        warnings.warn(f"{document.put_aside()}, and your progress begins anew.", stacklevel=2)
        return {}


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
        Document(path()).write(everything)


@contextmanager
def changing(lab: str, step: str) -> Iterator[dict[str, Any]]:
    """Change one step's record; written, whole, when the block ends."""
    with Document(path()).alone():
        everything = read()
        steps = everything.setdefault(lab, {})
        record = steps[step] = {**_UNTOUCHED, **steps.get(step, {})}
        yield record
        Document(path()).write(everything)


def forget(lab: str | None = None) -> None:
    """Forget one lab, or all."""
    with Document(path()).alone():
        everything = read()
        Document(path()).write({name: steps for name, steps in everything.items() if lab is not None and name != lab})
