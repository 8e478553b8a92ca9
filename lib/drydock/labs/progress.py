"""What a learner has done, in a file of the learner's: steps passed, attempts, hints taken, seconds."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.user import home


def path() -> Path:
    """$DRYDOCK_PROGRESS, else progress.json in Drydock's folder of the user's state."""
    return Path(os.environ.get("DRYDOCK_PROGRESS") or home() / "progress.json")


def read() -> dict[str, dict[str, Any]]:
    """{lab: {step: {"passed": bool, "attempts": int, "hints": int, "solution_shown": bool, "seconds": …}}}.

    A file that is not JSON is put aside as progress.json.unreadable rather than overwritten.
    """
    try:
        return dict(json.loads(path().read_text()))
    except FileNotFoundError:
        return {}
    except (json.JSONDecodeError, TypeError, ValueError):
        path().rename(path().with_suffix(".json.unreadable"))
        return {}


def of(lab: str) -> dict[str, Any]:
    """One lab's steps."""
    return read().get(lab, {})


@contextmanager
def changing(lab: str, step: str) -> Iterator[dict[str, Any]]:
    """Change one step's record; written, whole, when the block ends."""
    with _alone():
        everything = read()
        record = everything.setdefault(lab, {}).setdefault(
            step, {"passed": False, "attempts": 0, "hints": 0, "solution_shown": False, "seconds": 0.0}
        )
        yield record
        _write(everything)


def forget(lab: str | None = None) -> None:
    """Forget one lab, or all."""
    with _alone():
        everything = read()
        _write({name: steps for name, steps in everything.items() if lab is not None and name != lab})


@contextmanager
def _alone() -> Iterator[None]:
    path().parent.mkdir(parents=True, exist_ok=True)
    with path().with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(everything: dict[str, Any]) -> None:
    fresh = path().with_suffix(".new")
    fresh.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")
    fresh.replace(path())
