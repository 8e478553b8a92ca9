"""What was acknowledged, on disk: one line for every request that changed something.

After a crash the requests are replayed in order, each with the seed and at the time of its first run,
so that the account has the same resources with the same ids.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from drydock import disk

UNREADABLE = "journal.unreadable"
_BEGINS = b'{"service":'
_LINES = 1000
_PIECE = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One request: `headers` are those that moto routes by; `body` is latin-1 text of its bytes."""

    service: str
    operation: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    seed: str
    at: float


def first_seed(path: Path) -> str | None:
    """The seed of the instance whose journal this is, as its entries have it."""
    try:
        with path.open("rb") as lines:
            found = next((entry for line in lines if (entry := read(line)) is not None), None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk.unusable(error, path) from error
    return found.seed.rsplit(":", 2)[0] if found is not None else None


class Journal:
    """An append-only file of entries. Unusable if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_suffix(".new")
        try:
            self._new.unlink(missing_ok=True)
            self._file = _opened(path)
        except OSError as error:
            raise disk.unusable(error, path) from error

    @property
    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def append(self, entry: Entry) -> int:
        """Write an entry; returns the place of it. OSError if it cannot be written, and then nothing of it is."""
        place = self._file.seek(0, os.SEEK_END)
        try:
            _write(self._file, (json.dumps(vars(entry), separators=(",", ":")) + "\n").encode())
        except OSError:
            self.withdraw(place)
            raise
        return place

    def withdraw(self, place: int) -> None:
        """Take back the last entry, which is at `place`."""
        self._file.truncate(place)

    def entries(self) -> Iterator[Entry]:
        """Every entry that can be read; a last line cut short by a crash was never acknowledged, and is dropped."""
        for _, entry in self._lines():
            if entry is not None:
                yield entry

    def _lines(self) -> Iterator[tuple[bytes, Entry | None]]:
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                yield line, read(line)

    def recover(self) -> tuple[list[Entry], int]:
        """Every entry that can be read, and how many lines cannot and were set aside, in `journal.unreadable`.

        A half-written last line was never acknowledged: it is cut off, so that the next entry begins a line of its own.
        """
        entries: list[Entry] = []
        damaged: list[bytes] = []
        whole = 0
        for line, entry in self._lines():
            whole += len(line)
            if entry is None:
                damaged.append(line)
            else:
                entries.append(entry)
        if whole < self.path.stat().st_size:
            with self.path.open("rb") as file:
                file.seek(whole)
                rest = file.read()
            entry = read(rest)
            if entry is not None:
                self._file.write(b"\n")
                entries.append(entry)
            else:
                self._file.truncate(whole)
                if not (rest.startswith(_BEGINS) or _BEGINS.startswith(rest)):
                    damaged.append(rest + b"\n")
        if damaged:
            self._set_aside(damaged)
        return entries, len(damaged)

    def _set_aside(self, damaged: list[bytes]) -> None:
        aside = self.path.with_name(UNREADABLE)
        aside.touch(mode=0o600)
        with aside.open("ab") as file:
            file.writelines(damaged)
        self.leave_out({place for place, (_, entry) in enumerate(self._lines()) if entry is None})

    def leave_out(self, places: Collection[int]) -> None:
        """Take these lines out of the file. OSError, and then nothing has changed."""
        new, upto = self.anew(), self.size
        try:
            with self.path.open("rb") as lines:
                write_without(places, lines, new)
            self.replace(new, upto)
        except BaseException:
            self.forget(new)
            raise

    def anew(self) -> BinaryIO:
        """An empty file, which may take the place of this one; one that was left behind is gone."""
        self._new.unlink(missing_ok=True)  # whoever still writes to it writes to nowhere
        return _opened(self._new)

    def replace(self, new: BinaryIO, upto: int) -> None:
        """Let `new`, which stands for the first `upto` bytes, take the place of this file, with all that follows them.

        Nobody may append meanwhile, or be about to withdraw. OSError, and then nothing has changed.
        """
        with self.path.open("rb") as old:
            old.seek(upto)
            while piece := old.read(_PIECE):
                _write(new, piece)
        self._new.rename(self.path)
        replaced, self._file = self._file, new
        replaced.close()

    def forget(self, new: BinaryIO) -> None:
        """What `anew` has made is not needed."""
        new.close()
        self._new.unlink(missing_ok=True)

    def close(self) -> None:
        self._file.close()


def write_without(places: Collection[int], lines: Iterable[bytes], new: BinaryIO) -> None:
    """Write all lines but those at these places, so that they stay whatever happens."""
    kept = (line for place, line in enumerate(lines) if place not in places)
    while piece := b"".join(itertools.islice(kept, _LINES)):
        _write(new, piece)
    os.fsync(new.fileno())


def _write(file: BinaryIO, data: bytes) -> None:
    """All of it, to a file that has no buffer."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _opened(path: Path) -> BinaryIO:
    """To append to, without a buffer; for its owner only."""
    return cast(BinaryIO, open(path, "ab", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)))


def read(line: bytes) -> Entry | None:
    """The entry that a line holds, None where it holds none."""
    try:
        entry = Entry(**json.loads(line))
        _, _, number = entry.seed.rsplit(":", 2)
        int(number)
        entry.body.encode("latin-1")
        datetime.fromtimestamp(entry.at, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None
    texts = (entry.service, entry.operation, entry.method, entry.path, entry.query)
    right = all(isinstance(text, str) for text in texts) and isinstance(entry.headers, dict)
    return entry if right else None
