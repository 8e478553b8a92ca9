"""Layers laid over one another in a directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from drydock import disk

from .config import ImageConfig
from .errors import ImageError, UnsafeLayer
from .layer import OPAQUE, WHITEOUT, Entry, entry_of, plain_layer

_MOST_LINKS = 40
LARGEST = 10 << 30  # bytes of all files of an image
MOST_ENTRIES = 1_000_000
DEEPEST = 128  # directories in one another
_LONGEST_NAME = 1 << 20  # bytes of a header that holds a name


def unpack(manifest: bytes, open_blob: Callable[[str], BinaryIO], into: Path) -> ImageConfig:
    """Write an image's files below `into` (made if missing) and return what the image says of itself.

    `open_blob` takes a digest (`sha256:…`) and opens that blob for reading; each is checked against
    its digest. Whiteouts are applied. Nothing is written outside `into`: a name with `..` is refused,
    a link in a path is followed as if `into` were the root, and a symlink that points to an absolute
    path or above the root is written so that it leads to the same place below `into`. Files belong to
    the caller, set-id bits are dropped, and devices are left out. An image may take `LARGEST` bytes, and half of what
    the disk has free.
    Raises ImageError, UnsafeLayer. Source: github.com/opencontainers/image-spec, layer.md.
    """
    described = json.loads(manifest)
    root = Path(into)
    root.mkdir(parents=True, exist_ok=True)
    budget = _Budget(min(LARGEST, shutil.disk_usage(root).free // 2))
    for descriptor in described["layers"]:
        with open_blob(descriptor["digest"]) as raw:
            blob = _Checked(raw)
            with (
                plain_layer(cast(BinaryIO, blob)) as plain,
                tarfile.open(fileobj=plain, mode="r|", tarinfo=_Member) as tar,
            ):
                apply_layer(tar, root, budget)
            blob.finish(descriptor["digest"])
    with open_blob(described["config"]["digest"]) as raw:
        blob = _Checked(raw)
        config = blob.read()
        blob.finish(described["config"]["digest"])
    return ImageConfig.read(json.loads(config))


class _Budget:
    """What the layers of an image may still take."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._entries = 0

    def spend(self, entry: Entry) -> None:
        self._left -= entry.size
        self._entries += 1
        if self._left < 0:
            raise UnsafeLayer(f"the image holds more than {self._size / (1 << 30):.1f} GiB of files")
        if self._entries > MOST_ENTRIES:
            raise UnsafeLayer(f"the image holds more than {MOST_ENTRIES} files")
        if entry.path.count("/") >= DEEPEST:
            raise UnsafeLayer(f"a layer holds {entry.path[:80]}…, which is deeper than {DEEPEST} directories")


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


def apply_layer(tar: tarfile.TarFile, root: Path, budget: _Budget) -> None:
    """Apply one layer to a directory that holds the ones below it."""
    changes = _Changes(root)
    for member in tar:
        entry = entry_of(member)
        budget.spend(entry)
        name = PurePosixPath(entry.path).name
        if name == OPAQUE:
            changes.clear(PurePosixPath(entry.path).parent)
        elif name.startswith(WHITEOUT):
            changes.remove(PurePosixPath(entry.path).parent, name.removeprefix(WHITEOUT))
        else:
            changes.add(entry, tar.extractfile(member) if entry.kind == "file" else None)
    changes.finish()


class _Changes:
    """One layer being applied. What it has made itself, its own whiteouts don't hide."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: set[Path] = set()
        self._modes: dict[Path, int] = {}
        self._directories: dict[PurePosixPath, Path] = {}

    def add(self, entry: Entry, content: Any) -> None:
        if not entry.path:
            self._modes[self._root] = entry.mode
            return
        name = PurePosixPath(entry.path)
        path = self._made_directory(name.parent) / name.name
        existing = _lstat(path)
        if entry.kind == "directory":
            if existing is None or not stat.S_ISDIR(existing.st_mode):
                self._remove(path)
                path.mkdir()
            self._modes[path] = entry.mode
        else:
            self._remove(path)
            self._write(entry, path, content)
        self._record(path)

    def remove(self, parent: PurePosixPath, name: str) -> None:
        if name in ("", ".", ".."):
            raise UnsafeLayer(f"a layer holds the whiteout {parent / (WHITEOUT + name)}, which names nothing")
        directory = self._directory(parent)
        if directory is not None and not name.startswith(WHITEOUT):
            self._hide(directory / name)

    def clear(self, parent: PurePosixPath) -> None:
        directory = self._directory(parent)
        for child in list(directory.iterdir()) if directory is not None else ():
            self._hide(child)

    def finish(self) -> None:
        for path, mode in self._modes.items():
            path.chmod((mode & 0o1777) | 0o700)

    def _write(self, entry: Entry, path: Path, content: Any) -> None:
        if entry.kind == "file":
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
            path.chmod(entry.mode & 0o777)
        elif entry.kind == "symlink":
            if not entry.link:
                raise ImageError(f"a layer holds the link {entry.path}, which leads nowhere; build the image again")
            path.symlink_to(_inside(entry.link, path.parent.relative_to(self._root)))
        elif entry.kind == "hardlink":
            target = self._existing(entry)
            if target.is_symlink():
                kept = PurePosixPath("/", target.parent.relative_to(self._root), target.readlink())
                path.symlink_to(_inside(str(kept), path.parent.relative_to(self._root)))
            else:
                os.link(target, path)

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
                self._record(step)
            elif found is None or not stat.S_ISDIR(found.st_mode):
                return None
            at = step
        return at

    def _record(self, path: Path) -> None:
        while path != self._root and path not in self._made:
            self._made.add(path)
            path = path.parent

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

    def _hide(self, path: Path) -> None:
        if path not in self._made:
            self._remove(path)
        elif path.is_dir() and not path.is_symlink():
            for child in list(path.iterdir()):
                self._hide(child)


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
