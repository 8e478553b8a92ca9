"""Layers unpacked, each by itself, and laid over one another in a directory."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from drydock import disk

from .config import ImageConfig
from .errors import ImageError, UnsafeLayer
from .layer import OPAQUE, WHITEOUT, Entry, add_entry, entry_of, plain_layer

_MOST_LINKS = 40
LARGEST = 10 << 30  # bytes of all files of an image
MOST_ENTRIES = 1_000_000
DEEPEST = 128  # directories in one another
_LONGEST_NAME = 1 << 20  # bytes of a header that holds a name
_FILES, _NOTES = "files", "notes.json"
_NO_LINK = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class UnpackedLayer:
    """A layer in a folder of its own: `files` is what it adds, with whiteouts as the empty files that OCI calls them.

    Files belong to the caller, set-id bits are dropped, devices are left out, and a symlink that points to an absolute
    path or above the root is written so that it leads to the same place below `files`. What the layer says of these is
    in notes beside it, and in `entries`.
    """

    digest: str
    path: Path

    @property
    def files(self) -> Path:
        return self.path / _FILES

    def entries(self) -> Iterator[Entry]:
        """What the layer names, as it names it: directories before what they hold."""
        notes = _Notes.read(self.path)
        yield from self._entries("", notes)
        for path, target in notes.hardlinks.items():
            yield Entry(path, "hardlink", 0o644, link=target)
        for path in sorted(notes.devices):
            yield Entry(path, "device", 0o600)

    def _entries(self, path: str, notes: _Notes) -> Iterator[Entry]:
        here = self.files / path
        if path not in notes.implied:
            yield notes.of(Entry(path, "directory", stat.S_IMODE(here.stat().st_mode)))
        with os.scandir(here) as found:
            children = sorted(found, key=lambda child: child.name)
        for child in children:
            below = f"{path}/{child.name}" if path else child.name
            status = child.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield from self._entries(below, notes)
            elif stat.S_ISLNK(status.st_mode):
                link = notes.links.get(below) or str(Path(child.path).readlink())
                yield notes.of(Entry(below, "symlink", 0o777, link=link))
            else:
                file = Path(child.path)
                mode, size = stat.S_IMODE(status.st_mode), status.st_size
                yield notes.of(
                    Entry(below, "file", mode, size=size, open=cast(Callable[[], BinaryIO], partial(file.open, "rb")))
                )


@dataclass
class _Notes:
    """What the folder of a layer cannot hold, by path; of most entries nothing."""

    size: int = 0
    """Bytes of its files, those included that it replaces itself."""
    count: int = 0
    """Its entries, likewise."""
    owners: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Those that are not 0:0's."""
    modes: dict[str, int] = field(default_factory=dict)
    """Where the one on disk is another."""
    links: dict[str, str] = field(default_factory=dict)
    """Where a symlink points that was rewritten."""
    hardlinks: dict[str, str] = field(default_factory=dict)
    """Links to files of a layer below."""
    implied: set[str] = field(default_factory=lambda: {""})
    """Directories that it does not name, only what is in them."""
    devices: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path) -> _Notes:
        kept = json.loads((folder / _NOTES).read_text())
        return cls(**{**kept, "implied": set(kept["implied"]), "devices": set(kept["devices"])})

    def write(self, folder: Path) -> None:
        (folder / _NOTES).write_text(
            json.dumps({**asdict(self), "implied": sorted(self.implied), "devices": sorted(self.devices)})
        )

    def of(self, entry: Entry) -> Entry:
        """An entry as the layer had it."""
        uid, gid = self.owners.get(entry.path, (0, 0))
        return replace(entry, mode=self.modes.get(entry.path, entry.mode), uid=uid, gid=gid)

    def take(self, entry: Entry, path: str) -> None:
        """An entry is at `path` now."""
        for noted in self._all():
            noted.pop(path, None)
        self.implied.discard(path)
        self.devices.discard(path)
        if entry.kind == "device":
            self.devices.add(path)
        if (entry.uid, entry.gid) != (0, 0):
            self.owners[path] = (entry.uid, entry.gid)
        if entry.kind in ("file", "directory") and entry.mode != _mode_on_disk(entry):
            self.modes[path] = entry.mode

    def forget_below(self, path: str) -> None:
        """The directory at `path` was removed."""
        for noted in self._all():
            for known in [known for known in noted if known.startswith(f"{path}/")]:
                del noted[known]
        for named in (self.implied, self.devices):
            named -= {known for known in named if known.startswith(f"{path}/")}

    def _all(self) -> tuple[dict[str, Any], ...]:
        return self.owners, self.modes, self.links, self.hardlinks


def read_config(manifest: bytes, open_blob: Callable[[str], BinaryIO]) -> ImageConfig:
    """What an image says of itself. ImageError if it is not what its digest says."""
    digest = json.loads(manifest)["config"]["digest"]
    with open_blob(digest) as raw:
        blob = _Checked(raw)
        config = blob.read()
        blob.finish(digest)
    return ImageConfig.read(json.loads(config))


class Budget:
    """What the layers of an image may take: `LARGEST` bytes, and half of what the disk has free below `root`."""

    def __init__(self, root: Path) -> None:
        self._size = self._left = LARGEST
        self._room = shutil.disk_usage(root).free // 2
        self._entries = 0

    def spend(self, size: int, count: int = 1, *, there: bool = False) -> None:
        """Raises UnsafeLayer. `there`: it is on the disk already."""
        self._left -= size
        self._room -= 0 if there else size
        self._entries += count
        if self._left < 0 or self._room < 0:
            limit = self._size if self._left < 0 else self._size - self._left + self._room
            raise UnsafeLayer(f"the image holds more than {limit / (1 << 30):.1f} GiB of files")
        if self._entries > MOST_ENTRIES:
            raise UnsafeLayer(f"the image holds more than {MOST_ENTRIES} files")


def unpack_layer(digest: str, open_blob: Callable[[str], BinaryIO], folder: Path, budget: Budget) -> UnpackedLayer:
    """Unpack a layer into `folder`, whole or not at all; what is there already is what it was.

    `open_blob` takes a digest (`sha256:…`) and opens that blob for reading; it is checked against its digest. Nothing
    is written outside `folder`: a name with `..` is refused, and a link in a path is followed as if it were the root.
    Raises ImageError, UnsafeLayer. Source: github.com/opencontainers/image-spec, layer.md.
    """
    layer = UnpackedLayer(digest, folder)
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):  # it is not there, or damaged
        notes = _Notes.read(folder)
        budget.spend(notes.size, notes.count, there=True)
        return layer
    partial = folder.with_name(f"{folder.name}.partial")
    disk.remove(partial)
    disk.remove(folder)
    (partial / _FILES).mkdir(parents=True)
    try:
        _unpack(digest, open_blob, partial, budget)
        partial.rename(folder)
    except BaseException:
        disk.remove(partial)
        raise
    return layer


def _unpack(digest: str, open_blob: Callable[[str], BinaryIO], folder: Path, budget: Budget) -> None:
    changes = _Apart(folder / _FILES)
    with open_blob(digest) as raw:
        blob = _Checked(raw)
        with (
            plain_layer(cast(BinaryIO, blob)) as plain,
            tarfile.open(fileobj=plain, mode="r|", tarinfo=_Member) as tar,
        ):
            for member in tar:
                entry = entry_of(member, cast(Callable[[], BinaryIO], partial(tar.extractfile, member)))
                if entry.path.count("/") >= DEEPEST:
                    raise UnsafeLayer(f"a layer holds {entry.path[:80]}…, which is deeper than {DEEPEST} directories")
                budget.spend(entry.size)
                changes.notes.size += entry.size
                changes.notes.count += 1
                changes.apply(entry)
        blob.finish(digest)
    changes.finish()
    changes.notes.write(folder)


def lay(layers: Sequence[UnpackedLayer], into: Path) -> None:
    """Lay layers over one another, the first below, in a directory that is empty or made.

    A file is the layer's own by a hard link where the file system has them, so it costs no content; whoever changes
    what is in it changes the layer. Links lead to the same place below `into`, and never out of it.
    Raises ImageError, UnsafeLayer.
    """
    into.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        changes = _Over(into, layer)
        for entry in sorted(layer.entries(), key=_turn):
            changes.apply(entry)
        changes.finish()


def write_tar(layer: UnpackedLayer, file: Path) -> None:
    """A layer as a tar again, with the owners, modes and links that it names."""
    known: dict[tuple[int, int], str] = {}
    with tarfile.open(file, "w") as tar:
        for entry in layer.entries():
            if entry.kind == "file":
                status = (layer.files / entry.path).stat()
                first = known.setdefault((status.st_dev, status.st_ino), entry.path)
                if first != entry.path:
                    entry = replace(entry, kind="hardlink", link=first, size=0, open=None)
            elif entry.kind == "device":
                parent, _, name = entry.path.rpartition("/")
                hidden = f"{parent}/{WHITEOUT}{name}".removeprefix("/")
                entry = Entry(hidden, "file", 0o644)
            add_entry(tar, entry)


def _turn(entry: Entry) -> int:
    """When an entry is laid: a whiteout hides what is below its layer, and a link may lead to what it hides."""
    if entry.kind == "directory":
        return 0
    if entry.kind == "hardlink":
        return 1
    return 2 if PurePosixPath(entry.path).name.startswith(WHITEOUT) else 3


def _mode_on_disk(entry: Entry) -> int:
    """Its owner can always enter and empty a directory; nothing is set-id."""
    return (entry.mode & 0o1777) | 0o700 if entry.kind == "directory" else entry.mode & 0o777


class _Member(tarfile.TarInfo):
    """A member of a tar whose headers are not read into memory whatever their size."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type in _HEADERS and self.size > _LONGEST_NAME:
            raise UnsafeLayer(f"a layer has a name or attributes of {self.size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]


_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Changes(ABC):
    """A layer being written below a root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modes: dict[Path, int] = {}
        self._directories: dict[PurePosixPath, Path] = {}

    def apply(self, entry: Entry) -> None:
        path = PurePosixPath(entry.path)
        if not path.name.startswith(WHITEOUT):
            self._add(entry)
            return
        hidden = path.name.removeprefix(WHITEOUT)
        if hidden in ("", ".", ".."):
            raise UnsafeLayer(f"a layer holds the whiteout {path}, which names nothing")
        if path.name == OPAQUE or not hidden.startswith(WHITEOUT):
            self._whiteout(path)

    def finish(self) -> None:
        for path, mode in self._modes.items():
            path.chmod(mode)

    @abstractmethod
    def _whiteout(self, path: PurePosixPath) -> None: ...

    @abstractmethod
    def _take(self, entry: Entry, path: Path) -> None:
        """`path` becomes what the layer names so."""

    @abstractmethod
    def _imply(self, path: Path) -> None:
        """The directory `path` was made, which the layer does not name, only what is in it."""

    @abstractmethod
    def _file(self, entry: Entry, path: Path) -> None: ...

    def _add(self, entry: Entry) -> None:
        if not entry.path:
            self._take(entry, self._root)
            self._modes[self._root] = _mode_on_disk(entry)
            return
        name = PurePosixPath(entry.path)
        path = self._made_directory(name.parent) / name.name
        existing = _lstat(path)
        is_there = entry.kind == "directory" and existing is not None and stat.S_ISDIR(existing.st_mode)
        if not is_there:
            self._remove(path)
        self._take(entry, path)
        if entry.kind == "directory":
            path.mkdir(exist_ok=True)
            self._modes[path] = _mode_on_disk(entry)
        elif entry.kind == "file":
            self._file(entry, path)
        elif entry.kind == "symlink":
            if not entry.link:
                raise ImageError(f"a layer holds the link {entry.path}, which leads nowhere; build the image again")
            self._symlink(entry.link, path)
        elif entry.kind == "hardlink":
            self._hardlink(entry, path)

    def _symlink(self, link: str, path: Path) -> None:
        path.symlink_to(_inside(link, path.parent.relative_to(self._root)))

    def _hardlink(self, entry: Entry, path: Path) -> None:
        target = self._existing(entry)
        if target.is_symlink():
            self._symlink(str(PurePosixPath("/", target.parent.relative_to(self._root), self._link(target))), path)
        else:
            os.link(target, path)

    def _link(self, path: Path) -> str:
        """Where a symlink points."""
        return str(path.readlink())

    def _existing(self, entry: Entry) -> Path:
        link = PurePosixPath(entry.link)
        directory = self._directory(link.parent)
        target = (directory or self._root) / link.name
        found = _lstat(target) if directory is not None else None
        if found is None or stat.S_ISDIR(found.st_mode):
            raise ImageError(f"a layer links {entry.path} to {entry.link}, which is not a file; build the image again")
        return target

    def _made_directory(self, path: PurePosixPath) -> Path:
        directory = self._directories.get(path) or self._directory(path, make=True)
        if directory is None:
            raise ImageError(f"a layer holds {path} as a file and as a directory; build the image again")
        self._directories[path] = directory
        return directory

    def _directory(self, path: PurePosixPath, *, make: bool = False) -> Path | None:
        """The real directory that a path names below the root; None if there is none, or a file is in the way."""
        at, pending, followed = self._root, list(path.parts), 0
        while pending:
            part = pending.pop(0)
            if part in ("/", "."):
                at = self._root if part == "/" else at
                continue
            if part == "..":
                at = at.parent if at != self._root else at
                continue
            step = at / part
            found = _lstat(step)
            if found is not None and stat.S_ISLNK(found.st_mode):
                followed += 1
                if followed > _MOST_LINKS:
                    raise UnsafeLayer(f"a layer holds {path}, which goes through a loop of links")
                pending[:0] = PurePosixPath(step.readlink()).parts
                continue
            if found is None and make:
                step.mkdir()
                self._imply(step)
            elif found is None or not stat.S_ISDIR(found.st_mode):
                return None
            at = step
        return at

    def _remove(self, path: Path) -> None:
        found = _lstat(path)
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode):
            self._modes = {known: mode for known, mode in self._modes.items() if not known.is_relative_to(path)}
            disk.remove(path)
        else:
            path.unlink()
        if not stat.S_ISREG(found.st_mode):
            self._directories.clear()


class _Apart(_Changes):
    """A layer unpacked by itself: what it says of layers below it is noted for when it is laid over them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.notes = _Notes()

    def _name(self, path: Path) -> str:
        return "" if path == self._root else str(path.relative_to(self._root))

    def _whiteout(self, path: PurePosixPath) -> None:
        directory = self._directory(path.parent, make=True)
        if directory is not None:
            (directory / path.name).touch(0o644)

    def _take(self, entry: Entry, path: Path) -> None:
        self.notes.take(entry, self._name(path))

    def _imply(self, path: Path) -> None:
        self.notes.implied.add(self._name(path))

    def _file(self, entry: Entry, path: Path) -> None:
        assert entry.open is not None
        with entry.open() as content, path.open("xb") as file:
            shutil.copyfileobj(content, file)
        path.chmod(_mode_on_disk(entry))

    def _symlink(self, link: str, path: Path) -> None:
        super()._symlink(link, path)
        if str(path.readlink()) != link:
            self.notes.links[self._name(path)] = link

    def _link(self, path: Path) -> str:
        return self.notes.links.get(self._name(path)) or super()._link(path)

    def _hardlink(self, entry: Entry, path: Path) -> None:
        link = PurePosixPath(entry.link)
        directory = self._directory(link.parent)
        if directory is None or _lstat(directory / link.name) is None:
            self.notes.hardlinks[self._name(path)] = entry.link
        else:
            super()._hardlink(entry, path)

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            self.notes.forget_below(self._name(path))
        super()._remove(path)


class _Over(_Changes):
    """A layer laid over those below it. What it has made itself, its own whiteouts don't hide."""

    def __init__(self, root: Path, layer: UnpackedLayer) -> None:
        super().__init__(root)
        self._layer = layer
        self._made: set[Path] = set()

    def _whiteout(self, path: PurePosixPath) -> None:
        directory = self._directory(path.parent)
        if directory is None:
            return
        opaque = path.name == OPAQUE
        for child in list(directory.iterdir()) if opaque else [directory / path.name.removeprefix(WHITEOUT)]:
            self._hide(child)

    def _hide(self, path: Path) -> None:
        if path not in self._made:
            self._remove(path)
        elif path.is_dir() and not path.is_symlink():
            for child in list(path.iterdir()):
                self._hide(child)

    def _take(self, entry: Entry, path: Path) -> None:
        self._imply(path)

    def _imply(self, path: Path) -> None:
        while path != self._root and path not in self._made:
            self._made.add(path)
            path = path.parent

    def _file(self, entry: Entry, path: Path) -> None:
        own = self._layer.files / entry.path
        try:
            os.link(own, path)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            shutil.copyfile(own, path)
            path.chmod(_mode_on_disk(entry))


def _inside(link: str, parent: Path) -> str:
    """A symlink's target, rewritten if it is absolute or climbs past the root. `parent`: from the root."""
    parts = PurePosixPath(link).parts
    climbs = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if not link.startswith("/") and climbs <= len(parent.parts) and ".." not in parts[climbs:]:
        return link
    target: list[str] = [] if link.startswith("/") else list(parent.parts)
    for part in parts:
        if part == "..":
            target[-1:] = []
        elif not part.startswith("/"):
            target.append(part)
    return os.path.relpath("/" + "/".join(target), "/" + "/".join(parent.parts))


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


class _Checked:
    """Hashes a blob as it is read; seeks only back to the start."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def seek(self, offset: int) -> None:
        self._file.seek(offset)
        self._hash = hashlib.sha256()

    def finish(self, digest: str) -> None:
        while self.read(1 << 20):
            pass
        found = "sha256:" + self._hash.hexdigest()
        if found != digest:
            raise ImageError(f"blob {digest} holds {found}: it is damaged; push or pull its image again")
