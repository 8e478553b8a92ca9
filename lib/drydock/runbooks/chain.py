"""Lines of JSON of which each holds the hash of the one before: what is edited, cut out or put in between shows.

The head of a chain, the SHA-256 of its last line, stands for all of it. A line that a crash has cut short stays, and
the line after it holds its hash like any other's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

PREVIOUS = "prev"
"""The key under which a line has the hash of the one before; "" in the first."""
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Line:
    """A line as it is in its file. `read` is None where it is not whole."""

    number: int
    raw: bytes
    read: dict[str, Any] | None

    @property
    def hash(self) -> str:
        return hashed(self.raw)

    @property
    def previous(self) -> str | None:
        return None if self.read is None else self.read.get(PREVIOUS)


def append(file: BinaryIO, line: dict[str, Any], *, synced: bool) -> str:
    """Add `line` to the chain in `file`, which is open for reading and appending; the new head.

    synced  it is on disk before this returns
    """
    last, cut_short = _last(file)
    raw = json.dumps({**line, PREVIOUS: hashed(last) if last else ""}).encode()
    file.write(cut_short * b"\n" + raw + b"\n")
    if synced:
        file.flush()
        os.fsync(file.fileno())
    return hashed(raw)


def lines(path: Path) -> list[Line]:
    """All lines of the file; none where there is no file. Raises OSError."""
    if not path.exists():
        return []
    raws = path.read_bytes().split(b"\n")
    return [Line(number, raw, _read(raw)) for number, raw in enumerate(raws, start=1) if raw]


def head(path: Path) -> tuple[int, str]:
    """How many lines the chain has, and the hash of the last; "" where it has none."""
    found = lines(path)
    return len(found), found[-1].hash if found else ""


def faults(found: list[Line]) -> Iterator[tuple[int, str]]:
    """(number of a line, what is wrong there) for every place where the chain does not hold."""
    for number, line in enumerate(found):
        before = found[number - 1] if number else None
        if line.read is None:
            if number + 1 < len(found) and found[number + 1].previous != line.hash:
                yield line.number, "is no whole line, and the line after it knows of none such: it was edited or put in"
            continue
        expected = before.hash if before else ""
        if line.previous is None:
            yield line.number, "has no hash of the line before it: it was put in or edited"
        elif line.previous != expected and not (before is not None and before.read is None):
            where = f"line {before.number} was edited, or" if before else "it was the first once:"
            yield line.number, f"does not follow the line before it: {where} lines between them were cut out or put in"


def hashed(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _last(file: BinaryIO) -> tuple[bytes, bool]:
    """The last line, and whether it lacks its end."""
    size = file.seek(0, os.SEEK_END)
    text = b""
    while size and text.count(b"\n", 0, -1) == 0:
        step = min(size, _BLOCK)
        size = file.seek(size - step)
        text = file.read(step) + text
    file.seek(0, os.SEEK_END)
    return text.removesuffix(b"\n").rpartition(b"\n")[2], bool(text) and not text.endswith(b"\n")
