"""What learners hand in: folders and zip archives, matched by learner.json, and taken without following a path out."""

from __future__ import annotations

import itertools
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from drydock import disk
from drydock.classroom.folder import Class
from drydock.classroom.roster import EARLIER
from drydock.labs import handout

FILES, BYTES = 5_000, 200 * 1024 * 1024
"""The most that one learner hands in."""
_OF_ARCHIVE = 20
"""How many times that an archive holds: a platform puts a whole class into one."""
_DEPTH = 3
_LEVELS = 40
_LEFT_OUT = {".ipynb_checkpoints", "__pycache__", ".git", ".venv", "node_modules"}
_CHUNK = 1024 * 1024
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY


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
            for origin, found in _hand_ins(source, Path(incoming), collected.refused, _Taken(_OF_ARCHIVE)):
                try:
                    _take_one(the_class, origin, found, Path(incoming), collected)
                except Exception as error:  # whatever one learner hands in, the others' is taken
                    collected.refused.append(f"{origin}: {error}")
    collected.missing = [one.id for one in the_class.members if not the_class.handed_in(one).is_dir()]
    return collected


@dataclass
class _Taken:
    """What was taken so far: at most so many `times` what one learner hands in. Raises Refused for more."""

    times: int
    files: int = 0
    size: int = 0

    def add(self, *, files: int = 0, size: int = 0) -> None:
        self.files, self.size = self.files + files, self.size + size
        if self.files > FILES * self.times:
            raise Refused(f"there are more than {FILES * self.times} files")
        if self.size > BYTES * self.times:
            raise Refused(f"there are more than {BYTES * self.times // 1024**2} MiB")


def take(source: Path, target: Path) -> None:
    """Copy a learner's folder: its files and folders, and nothing that they only point at, also while the learner
    changes it. Raises Refused, OSError."""
    _take(os.open(source, _FOLDER), target, PurePosixPath(), _Taken(1))


def _take(folder: int, target: Path, below: PurePosixPath, taken: _Taken) -> None:
    """`folder` is open, and closed here."""
    try:
        if len(below.parts) > _LEVELS:
            raise Refused(f"there are folders more than {_LEVELS} levels deep")
        for name in sorted(os.listdir(folder)):
            if name in _LEFT_OUT:
                continue
            path, mode = below / name, os.lstat(name, dir_fd=folder).st_mode
            taken.add(files=1)
            if stat.S_ISDIR(mode):
                (target / path).mkdir(exist_ok=True)
                _take(os.open(name, _FOLDER, dir_fd=folder), target, path, taken)
            elif stat.S_ISREG(mode):
                taken.add(size=os.lstat(name, dir_fd=folder).st_size)
                opened = os.open(name, _FILE, dir_fd=folder)
                with os.fdopen(opened, "rb") as content, (target / path).open("wb") as copy:
                    while chunk := content.read(min(_CHUNK, BYTES - copy.tell())):  # it may grow while it is read
                        copy.write(chunk)
            else:
                what = "a link" if stat.S_ISLNK(mode) else "no ordinary file"
                raise Refused(f"{path} is {what}: only files and folders are taken")
    finally:
        os.close(folder)


def _hand_ins(
    source: Path, incoming: Path, refused: list[str], unpacked: _Taken, within: tuple[str, ...] = ()
) -> Iterator[tuple[str, Path]]:
    """(where it is from, its folder) of each hand-in in a folder or an archive, also in those inside."""
    origin, place = "/".join([*within, source.name]), Path(tempfile.mkdtemp(dir=incoming))
    try:
        if source.is_symlink():
            raise Refused("a link is not followed")
        found = source if source.is_dir() else _unpacked(source, place, unpacked)
        yield from _hand_ins_of(found, incoming, refused, unpacked, (*within, source.name))
    except Exception as error:  # what is damaged in an archive zipfile, zlib and lzma say in ten ways
        refused.append(f"{origin}: {error}")
    finally:
        disk.remove(place)


def _hand_ins_of(
    found: Path, incoming: Path, refused: list[str], unpacked: _Taken, within: tuple[str, ...]
) -> Iterator[tuple[str, Path]]:
    origin = "/".join(within)
    if (found / handout.FILE).is_file():
        yield origin, found
        return
    inside = [one for one in sorted(found.iterdir()) if one.is_dir() or one.suffix.lower() == ".zip"]
    if len(within) > _DEPTH or not inside:
        refused.append(f"{origin}: there is no {handout.FILE} in it: it is no folder that was handed out")
        return
    for one in inside:
        if one.name not in ("__MACOSX", *_LEFT_OUT):
            own = unpacked if len(within) > 1 else _Taken(_OF_ARCHIVE)  # one learner's leaves the next as much
            yield from _hand_ins(one, incoming, refused, own, within)


def _unpacked(archive: Path, target: Path, unpacked: _Taken) -> Path:
    """The files of an archive in a folder. Raises Refused where a name leads elsewhere, before any file is written.

    `unpacked` counts what is in archives inside of it, too.
    """
    if not archive.is_file() or not zipfile.is_zipfile(archive):
        raise Refused("it is neither a folder nor a zip archive")
    with zipfile.ZipFile(archive) as content:
        entries = [(_inside(entry), entry) for entry in content.infolist()]
        unpacked.add(files=len(entries))
        _Taken(_OF_ARCHIVE, 0, unpacked.size).add(size=sum(entry.file_size for _, entry in entries))
        for path, entry in entries:
            to = target / path
            if entry.is_dir():
                to.mkdir(parents=True, exist_ok=True)
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            with content.open(entry) as source, to.open("xb") as copy:
                while chunk := source.read(_CHUNK):
                    unpacked.add(size=len(chunk))  # what the entry says of its size need not be true
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
        earlier = target.parent / EARLIER
        earlier.mkdir(exist_ok=True)
        names = (earlier / f"{mine.id}-{number}" for number in itertools.count(1))
        target.rename(next(name for name in names if not name.exists()))
        collected.replaced.append(mine.id)
    staged.rename(target)
    collected.taken[mine.id] = origin
