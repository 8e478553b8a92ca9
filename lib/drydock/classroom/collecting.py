"""What learners hand in: folders and zip archives, matched by learner.json, and taken without following a path out."""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from drydock.classroom.folder import Class
from drydock.labs import handout

FILES, BYTES = 5_000, 200 * 1024 * 1024
"""The most that one learner hands in."""
_OF_ARCHIVE = 20
"""How many times that an archive holds: a platform puts a whole class into one."""
_DEPTH = 3
_LEFT_OUT = {".ipynb_checkpoints", "__pycache__", ".git", ".venv", "node_modules"}
_CHUNK = 1024 * 1024


class Refused(ValueError):
    """Something is not taken; the text says which and why."""


@dataclass
class Collected:
    """What `collect` did: ids that were taken, each with where from; what was refused and why; ids of which an earlier
    hand-in was put aside; ids of which there is nothing yet."""

    taken: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def collect(the_class: Class, sources: Sequence[Path]) -> Collected:
    """Take what these folders and archives hold, or, where none is named, the learners' folders as they are now.

    One that is refused stops no other. Raises FileNotFoundError for a source that is not there.
    """
    for source in sources:
        if not source.exists():
            raise FileNotFoundError(f"{source} is not there.")
    collected = Collected()
    place = the_class.folder / "handed-in"
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=place) as incoming:
        for source in sources or [the_class.folder / "learners"]:
            for origin, found in _hand_ins(source, Path(incoming), collected.refused):
                try:
                    _take_one(the_class, origin, found, Path(incoming), collected)
                except (Refused, handout.BadHandout, OSError) as error:
                    collected.refused.append(f"{origin}: {error}")
    collected.missing = [one.id for one in the_class.members if not the_class.handed_in(one).is_dir()]
    return collected


def take(source: Path, target: Path) -> None:
    """Copy a learner's folder: its files and folders, and nothing that they only point at. Raises Refused, OSError."""
    files = size = 0
    for path in _walk(source):
        mode = path.lstat().st_mode
        to = target / path.relative_to(source)
        if stat.S_ISDIR(mode):
            to.mkdir(parents=True, exist_ok=True)
            continue
        if not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "no ordinary file"
            raise Refused(f"{path.relative_to(source)} is {what}: only files and folders are taken")
        files, size = files + 1, size + path.lstat().st_size
        _within(files, size, 1)
        to.parent.mkdir(parents=True, exist_ok=True)
        with (
            os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as content,
            to.open("wb") as copy,
        ):
            shutil.copyfileobj(content, copy)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name not in _LEFT_OUT:
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from _walk(path)


def _within(files: int, size: int, times: int) -> None:
    if files > FILES * times:
        raise Refused(f"there are more than {FILES * times} files")
    if size > BYTES * times:
        raise Refused(f"there are more than {BYTES * times // 1024**2} MiB")


def _hand_ins(
    source: Path, incoming: Path, refused: list[str], within: tuple[str, ...] = ()
) -> Iterator[tuple[str, Path]]:
    """(where it is from, its folder) of each hand-in in a folder or an archive, also in those inside."""
    origin = "/".join([*within, source.name])
    try:
        if source.is_symlink():
            raise Refused("a link is not followed")
        found = source if source.is_dir() else _unpacked(source, Path(tempfile.mkdtemp(dir=incoming)))
    except (Refused, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        refused.append(f"{origin}: {error}")
        return
    if (found / handout.FILE).is_file():
        yield origin, found
        return
    inside = [one for one in sorted(found.iterdir()) if one.is_dir() or one.suffix.lower() == ".zip"]
    if len(within) == _DEPTH or not inside:
        refused.append(f"{origin}: there is no {handout.FILE} in it: it is no folder that was handed out")
        return
    for one in inside:
        if one.name not in ("__MACOSX", *_LEFT_OUT):
            yield from _hand_ins(one, incoming, refused, (*within, source.name))


def _unpacked(archive: Path, target: Path) -> Path:
    """The files of an archive in a folder. Raises Refused where a name leads elsewhere, before any file is written."""
    if not zipfile.is_zipfile(archive):
        raise Refused("it is neither a folder nor a zip archive")
    with zipfile.ZipFile(archive) as content:
        entries = [(_inside(entry), entry) for entry in content.infolist()]
        _within(len(entries), sum(entry.file_size for _, entry in entries), _OF_ARCHIVE)
        size = 0
        for path, entry in entries:
            to = target / path
            if entry.is_dir():
                to.mkdir(parents=True, exist_ok=True)
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            with content.open(entry) as source, to.open("xb") as copy:
                while chunk := source.read(_CHUNK):
                    size += len(chunk)
                    _within(0, size, _OF_ARCHIVE)  # what the entry says of its size need not be true
                    copy.write(chunk)
    return target


def _inside(entry: zipfile.ZipInfo) -> PurePosixPath:
    """The path of an entry, which is to be below the folder that it is unpacked in."""
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name.partition("/")[0] or not path.parts:
        raise Refused(f"it has an entry {entry.filename!r}, which leads out of it; nothing of it is taken")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused(f"its entry {entry.filename!r} is a link; nothing of it is taken")
    if entry.flag_bits & 1:
        raise Refused("it is encrypted")
    return path


def _take_one(the_class: Class, origin: str, found: Path, incoming: Path, collected: Collected) -> None:
    staged = Path(tempfile.mkdtemp(dir=incoming)) / "work"
    staged.mkdir()
    take(found, staged)
    mine = handout.read(staged)
    member = next((one for one in the_class.members if one.id == mine.id), None)
    if member is None:
        raise Refused(f"its {handout.FILE} names {mine.id!r}, who is not in {the_class.name}")
    if mine.token != member.token:
        raise Refused(
            f"its {handout.FILE} names {mine.id!r}, and is not the one that this class handed out to {mine.id}"
        )
    if mine.id in collected.taken:
        raise Refused(f"{mine.id} is there twice: {collected.taken[mine.id]} was taken; give this one alone to take it")
    target = the_class.handed_in(member)
    if target.exists():
        earlier = target.parent / "earlier"
        earlier.mkdir(exist_ok=True)
        names = (earlier / f"{mine.id}-{number}" for number in itertools.count(1))
        target.rename(next(name for name in names if not name.exists()))
        collected.replaced.append(mine.id)
    staged.rename(target)
    collected.taken[mine.id] = origin
