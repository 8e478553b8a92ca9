"""Layers: what one changes, written as a tar whose bytes depend on nothing but its entries."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, BinaryIO, Literal, cast

from .errors import ImageError, UnsafeLayer
from .layout import LAYER, Descriptor, Layout

Kind = Literal["file", "directory", "symlink", "hardlink", "device"]

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_TAR_TYPES = {
    "file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One path of a layer or of a file system, as `usr/bin/env`: no slash at either end.

    `mode` holds the permission bits; `size` is in bytes; `link` is where a symlink (or a hard link:
    from the root) points. `open` gives a file's content.
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    link: str = ""
    open: Callable[[], BinaryIO] | None = field(default=None, repr=False, compare=False)

    def read(self) -> bytes:
        """A file's content; nothing for anything else."""
        if self.open is None:
            return b""
        with self.open() as content:
            return content.read()


@dataclass(frozen=True)
class WrittenLayer:
    """A layer in a layout: its descriptor, and `diff_id`, the digest of the tar before compression."""

    descriptor: Descriptor
    diff_id: str


def normal(path: str) -> str:
    """A tar's name for a path as ours. Raises UnsafeLayer if it climbs with `..`."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise UnsafeLayer(f"a layer holds {path!r}, which would leave the root; don't use this image")
    return "/".join(parts)


def write_layer(entries: Iterable[Entry], layout: Layout) -> WrittenLayer:
    """Store entries as a gzipped tar: sorted, dated 1970, without user names.

    The tar (and so `diff_id` and the image's config) is the same everywhere. The compressed blob is
    the same wherever zlib is; a distribution that replaced zlib by another deflate may differ there.
    """
    with tempfile.TemporaryFile() as plain:
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for entry in sorted(entries, key=lambda e: e.path.split("/")):
                add_entry(tar, entry)
        plain.seek(0)
        return compress_layer(plain, layout)


def compress_layer(tar: IO[bytes], layout: Layout) -> WrittenLayer:
    """Store a tar as it is, gzipped without name or date."""
    diff = hashlib.sha256()
    with layout.new_blob() as blob, gzip.GzipFile("", "wb", 6, cast(BinaryIO, blob), mtime=0) as compressed:
        while data := tar.read(1 << 20):
            diff.update(data)
            compressed.write(data)
    return WrittenLayer({"mediaType": LAYER, "digest": blob.digest, "size": blob.size}, f"sha256:{diff.hexdigest()}")


@contextmanager
def plain_layer(blob: BinaryIO) -> Iterator[BinaryIO]:
    """A layer blob without its compression. Raises ImageError for one that can't be read here."""
    magic = blob.read(4)
    blob.seek(0)
    if magic == b"\x28\xb5\x2f\xfd":
        raise ImageError("a layer is compressed with zstd, only gzip is read here; push the image with gzip layers")
    try:
        yield gzip.GzipFile(fileobj=blob) if magic[:2] == b"\x1f\x8b" else blob  # type: ignore[misc]
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ImageError(f"a layer is not a readable tar ({error}); build or pull its image again") from error


def read_layer(layout: Layout, digest: str) -> list[Entry]:
    """A layer's entries in its own order, whiteouts included, as they are in the tar."""
    with layout.open(digest) as blob, plain_layer(blob) as plain, tempfile.TemporaryFile() as tar_file:
        shutil.copyfileobj(plain, tar_file)
        tar_file.seek(0)
        kept = _Kept(tar_file)
        with tarfile.open(fileobj=tar_file, mode="r:") as tar:
            return [entry_of(member, _slice(kept, member)) for member in tar]


def entry_of(member: tarfile.TarInfo, opener: Callable[[], BinaryIO] | None = None) -> Entry:
    """A tar member as an entry."""
    kind: Kind = (
        "directory"
        if member.isdir()
        else "symlink"
        if member.issym()
        else "hardlink"
        if member.islnk()
        else "file"
        if member.isfile()
        else "device"
    )
    link = normal(member.linkname) if kind == "hardlink" else member.linkname
    return Entry(
        normal(member.name),
        kind,
        member.mode & 0o7777,
        member.uid,
        member.gid,
        member.size if kind == "file" else 0,
        link,
        opener if kind == "file" else None,
    )


class _Kept:
    """A file that stays open as long as an entry reads from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.number = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.number)


def _slice(file: _Kept, member: tarfile.TarInfo) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(os.pread(file.number, member.size, member.offset_data))


def add_entry(tar: tarfile.TarFile, entry: Entry) -> None:
    """Put an entry into a tar, dated 1970 and without user names."""
    info = tarfile.TarInfo((entry.path or ".") + ("/" if entry.kind == "directory" else ""))
    info.type = _TAR_TYPES[entry.kind]
    info.mode, info.uid, info.gid, info.size, info.linkname = entry.mode, entry.uid, entry.gid, entry.size, entry.link
    if entry.open is None:
        tar.addfile(info)
        return
    with entry.open() as content:
        tar.addfile(info, content)
