"""A file of the learner's, one JSON document: changed under a lock, written whole, never overwritten unread."""

from __future__ import annotations

import fcntl
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.user import folder


class Document:
    """The document in `file`, which need not be there yet."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For the length of the block no other process that asks is in one of its own."""
        folder(self.file.parent)
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> dict[str, Any]:
        """The object in it, empty where there is no file. Raises ValueError where it holds anything else."""
        try:
            value = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except RecursionError:
            raise ValueError(f"{self.file} is nested too deeply") from None
        if not isinstance(value, dict):
            raise ValueError(f"{self.file} holds a {type(value).__name__}, not an object")
        return value

    def write(self, value: Any) -> None:
        """Replace it by `value`, whole."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        fresh.replace(self.file)

    def put_aside(self) -> str:
        """Rename a file that cannot be read to a name that is free; what to say of it."""
        first = self.file.with_suffix(f"{self.file.suffix}.unreadable")
        others = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
        aside = next(name for name in itertools.chain([first], others) if not name.exists())
        self.file.rename(aside)
        return f"{self.file.name} could not be read; it is kept as {aside.name}"
