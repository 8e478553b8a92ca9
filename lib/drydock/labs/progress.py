"""What a learner has done, in a file of the learner's: steps passed, attempts, hints taken, seconds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.notebooks.document import Document
from drydock.user import home


def path() -> Path:
    """$DRYDOCK_PROGRESS, else progress.json in Drydock's folder of the user's state."""
    return Path(os.environ.get("DRYDOCK_PROGRESS") or home() / "progress.json")


def read() -> dict[str, dict[str, Any]]:
    """{lab: {step: {"passed": bool, "attempts": int, "hints": int, "solution_shown": bool, "seconds": …}}}.

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


@contextmanager
def changing(lab: str, step: str) -> Iterator[dict[str, Any]]:
    """Change one step's record; written, whole, when the block ends."""
    with Document(path()).alone():
        everything = read()
        record = everything.setdefault(lab, {}).setdefault(
            step, {"passed": False, "attempts": 0, "hints": 0, "solution_shown": False, "seconds": 0.0}
        )
        yield record
        Document(path()).write(everything)


def forget(lab: str | None = None) -> None:
    """Forget one lab, or all."""
    with Document(path()).alone():
        everything = read()
        Document(path()).write({name: steps for name, steps in everything.items() if lab is not None and name != lab})
