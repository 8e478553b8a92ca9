"""What was acknowledged, on disk: one line for every request that changed something.

After a crash the requests are replayed in order, each with the seed and at the time of its first run,
so that the account has the same resources with the same ids. Where an answer named what its request made, a second line
says so; the first is written before there is an answer, and without the second it is as if it had named nothing.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from drydock import disk

UNREADABLE = "journal.unreadable"
_BEGINS = b'{"service":'
_MADE = b'{"made":'
_LINES = 1000
_PIECE = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One request: `headers` are those that moto routes by; `body` is latin-1 text of its bytes.

    `made`: what its answer named. One of no service stands for those that were left out: the number in its seed is the
    highest that any of them had.
    """

    service: str
    operation: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    seed: str
    at: float
    made: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Of the request, among those that were the same."""
        return int(self.seed.rpartition(":")[2])


def left_out(entries: Collection[Entry]) -> Entry:
    """What stands for entries that are left out: no request that is to come has a number of theirs."""
    last = max(entries, key=lambda entry: entry.number)
    seed = f"{last.seed.rsplit(':', 2)[0]}::{last.number}"
    return Entry("", "", "", "", "", {}, "", seed, last.at)


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
            _write(self._file, _line(entry))
        except OSError:
            self.withdraw(place)
            raise
        return place

    def add(self, made: Sequence[str]) -> None:
        """Write what the answer to the last entry named. Where that cannot be written, it has named nothing."""
        place = self._file.seek(0, os.SEEK_END)
        try:
            _write(self._file, json.dumps({"made": made}, separators=(",", ":")).encode() + b"\n")
        except OSError:
            self.withdraw(place)

    def withdraw(self, place: int) -> None:
        """Take back the last entry, which is at `place`."""
        self._file.truncate(place)

    def entries(self) -> Iterator[Entry]:
        """Every request that can be read; a last line cut short by a crash was never acknowledged, and is dropped."""
        for _, entry in self._lines():
            if entry is not None and entry.service:
                yield entry

    def _lines(self) -> Iterator[tuple[bytes, Entry | None]]:
        with self.path.open("rb") as lines:
            for text in together(line for line in lines if line.endswith(b"\n")):
                yield text, read(text)

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
                if not any(rest.startswith(begins) or begins.startswith(rest) for begins in (_BEGINS, _MADE)):
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

    def leave_out(self, places: Collection[int], instead: Entry | None = None) -> None:
        """Take what is at these places out of the file, and begin it with another. OSError: nothing has changed."""
        new, upto = self.anew(), self.size
        try:
            with self.path.open("rb") as lines:
                write_without(places, together(lines), new, instead)
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


def together(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Each line of an entry, with the one that says what its answer named."""
    text = b""
    for line in lines:
        if text.startswith(_BEGINS) and line.startswith(_MADE) and text.count(b"\n") == 1:
            text += line
            continue
        if text:
            yield text
        text = line
    if text:
        yield text


def write_without(places: Collection[int], texts: Iterable[bytes], new: BinaryIO, instead: Entry | None = None) -> None:
    """Write what stands for those at these places, and all others, so that they stay whatever happens."""
    if instead is not None:
        _write(new, _line(instead))
    kept = (text for place, text in enumerate(texts) if place not in places)
    while piece := b"".join(itertools.islice(kept, _LINES)):
        _write(new, piece)
    os.fsync(new.fileno())


def _line(entry: Entry) -> bytes:
    given = {name: value for name, value in vars(entry).items() if name != "made"}
    return json.dumps(given, separators=(",", ":")).encode() + b"\n"


def _write(file: BinaryIO, data: bytes) -> None:
    """All of it, to a file that has no buffer."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _opened(path: Path) -> BinaryIO:
    """To append to, without a buffer; for its owner only."""
    return cast(BinaryIO, open(path, "ab", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)))


def read(text: bytes) -> Entry | None:
    """The entry that its one or two lines hold, None where they hold none."""
    first, _, second = text.partition(b"\n")
    try:
        entry = Entry(**json.loads(first))
        _, _, number = entry.seed.rsplit(":", 2)
        int(number)
        entry.body.encode("latin-1")
        datetime.fromtimestamp(entry.at, UTC)
        if second:
            entry = replace(entry, made=tuple(map(str, json.loads(second)["made"])))
    except (ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError, KeyError):
        return None
    texts = (entry.service, entry.operation, entry.method, entry.path, entry.query)
    right = all(isinstance(text, str) for text in texts) and isinstance(entry.headers, dict)
    return entry if right else None
