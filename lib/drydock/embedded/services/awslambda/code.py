"""The code of functions: deployment packages, unpacked once for all versions that have the same."""

from __future__ import annotations

import io
import logging
import shutil
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from drydock import disk
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.function import PARAMETER, UNZIPPED

log = logging.getLogger(__name__)

_UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
_MOST_ENTRIES = 100_000
_PIECE = 1 << 20
_LONGEST_NAME = 255
"""Bytes of a part of a path."""


class Packages:
    """Folders below one, each called by the SHA-256 of the package that is in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def unpacked(self, digest: str, package: bytes) -> Path:
        """The folder of a package, which nobody writes to. Invalid; OSError."""
        folder = self._directory / digest
        with self._lock:
            if not folder.exists():
                part = self._directory / f"{digest}.part"
                disk.remove(part)
                part.mkdir(parents=True)
                try:
                    _unpack(package, part)
                except BaseException:
                    disk.remove(part)
                    raise
                part.rename(folder)
        return folder

    def keep(self, used: Callable[[], set[str]]) -> None:
        """Remove the folders of packages that nobody uses."""
        with self._lock:
            digests = used()
            for folder in self._directory.iterdir() if self._directory.exists() else ():
                if folder.name not in digests:
                    try:
                        disk.remove(folder)
                    except OSError as error:
                        log.warning("%s stays: %s", folder, error)


def check(package: bytes) -> None:
    """Refuse a package that could not be unpacked, by what it says of itself. Invalid."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            _files(archive)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Invalid(PARAMETER, _UNREADABLE) from None


def _files(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The entries of an archive, and where they go below its folder. Invalid."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > UNZIPPED or len(entries) > _MOST_ENTRIES:
        raise Invalid(PARAMETER, f"Unzipped size must be smaller than {UNZIPPED} bytes")
    found = []
    folders: set[PurePosixPath] = set()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
            raise Invalid(PARAMETER, f"The deployment package has an entry outside of its folder: {entry.filename!r}.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Invalid(PARAMETER, f"The embedded AWS does not unpack links of deployment packages: {path} is one.")
        if entry.flag_bits & 1:
            raise Invalid(PARAMETER, _UNREADABLE)
        if any(len(part.encode()) > _LONGEST_NAME for part in path.parts):
            raise Invalid(PARAMETER, _UNREADABLE)
        folders.update(path.parents, [path] if entry.is_dir() else [])
        found.append((entry, path))
    if any(path in folders for entry, path in found if not entry.is_dir()):
        raise Invalid(PARAMETER, _UNREADABLE)
    return found


def _unpack(package: bytes, folder: Path) -> None:
    left = UNZIPPED
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            for entry, path in _files(archive):
                place = folder / path
                if entry.is_dir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, place.open("wb") as target:
                    for piece in _pieces(source):
                        left -= len(piece)
                        if left < 0:
                            raise Invalid(PARAMETER, f"Unzipped size must be smaller than {UNZIPPED} bytes")
                        target.write(piece)
                place.chmod(0o444 | (entry.external_attr >> 16 & 0o111))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, FileExistsError, NotADirectoryError) as error:
        raise Invalid(PARAMETER, f"{_UNREADABLE} ({error})") from None
    for directory in [folder, *(each for each in folder.rglob("*") if each.is_dir())]:
        directory.chmod(0o555)


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece


def site(directory: Path) -> Path:
    """A folder with what AWS's Python runtimes have beside the standard library: boto3 and what that needs.

    Links to this environment's own; what is not in it is not there either.
    """
    from importlib.util import find_spec

    folder = directory / "site"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _RUNTIME_HAS:
        spec = find_spec(name)
        if spec is not None and spec.origin:
            origin = Path(spec.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (folder / source.name).symlink_to(source)
    return folder


_RUNTIME_HAS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
