"""What was acknowledged, on disk: one line for every request that changed something.

After a crash the requests are replayed in order, each with the seed and at the time of its first run,
so that the account has the same resources with the same ids.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drydock import disk

UNREADABLE = "journal.unreadable"
_BEGINS = b'{"service":'


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
            found = next((entry for line in lines if (entry := _read(line)) is not None), None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk.unusable(error, path) from error
    return found.seed.rsplit(":", 2)[0] if found is not None else None


class Journal:
    """An append-only file of entries. Unusable if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise disk.unusable(error, path) from error

    def append(self, entry: Entry) -> int:
        """Write an entry; returns the place of it. OSError if it cannot be written, and then nothing of it is."""
        place = self._file.seek(0, os.SEEK_END)
        rest = memoryview((json.dumps(vars(entry), separators=(",", ":")) + "\n").encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
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
                yield line, _read(line)

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
            entry = _read(rest)
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
        self._write_anew(line for line, entry in self._lines() if entry is not None)

    def leave_out(self, places: set[int]) -> None:
        """Take these entries out of the file, whose every line can be read. OSError, and then nothing has changed."""
        self._write_anew(line for place, (line, _) in enumerate(self._lines()) if place not in places)

    def _write_anew(self, lines: Iterable[bytes]) -> None:
        rest = self.path.with_suffix(".new")
        rest.touch(mode=0o600)
        with rest.open("wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        rest.rename(self.path)
        self._file.close()
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()


def _read(line: bytes) -> Entry | None:
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
