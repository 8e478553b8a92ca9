"""Folders of a run that last as long as its process: whoever is there next removes those of one that was killed."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from drydock import disk

_OWNER = ".owner"
_LONGEST = 70  # characters of a folder in which sockets still have names that the system takes (104 on macOS)


class Scratch:
    """A folder of this process's in the system's one for such things."""

    def __init__(self, what: str) -> None:
        here = tempfile.gettempdir()
        self.path = Path(tempfile.mkdtemp(prefix=f"drydock-{what}-", dir=here if len(here) <= _LONGEST else "/tmp"))
        self._owner: IO[str] = (self.path / _OWNER).open("w")
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        self._owner.write(str(os.getpid()))
        self._owner.flush()

    def remove(self) -> None:
        """Remove it and all that is in it. Safe to ask again."""
        with suppress(OSError):
            disk.remove(self.path)
        self._owner.close()


@contextmanager
def scratch(what: str) -> Iterator[Path]:
    """A folder for the length of the block."""
    made = Scratch(what)
    try:
        yield made.path
    finally:
        made.remove()


def clear() -> None:
    """Remove what runs that were killed have left: their folders, and what still runs out of them."""
    for place in {tempfile.gettempdir(), "/tmp"}:
        for owner in Path(place).glob(f"drydock-*/{_OWNER}"):
            with suppress(OSError):
                _clear(owner)


def _clear(owner: Path) -> None:
    with owner.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if owner.stat().st_uid == os.getuid() and file.read():  # empty: somebody is about to own it
            _stop_instances(owner.parent)
            disk.remove(owner.parent)


def _stop_instances(home: Path) -> None:
    for one in (home / "instances").glob("*"):
        from drydock import embedded
        from drydock.notebooks.environment import environment

        with environment({"DRYDOCK_HOME": str(home)}), suppress(embedded.NotStarted):
            embedded.stop(one.name)
