"""Layers and image configurations on disk: one file per sha256, shared by every repository."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from drydock.embedded.services.ecr import names

CHUNK = 1 << 20


class WrongDigest(ValueError):
    """The bytes that came are not those of the digest that was named."""


class BlobStore:
    """The files ``blobs/sha256/<hex>`` of an instance, and the unfinished uploads beside them.

    A file appears under its name only when it is whole and its digest was checked.
    """

    def __init__(self, directory: Path) -> None:
        self._blobs = directory / "blobs" / "sha256"
        self._uploads = directory / "uploads"

    def path(self, digest: str) -> Path:
        if not names.is_digest(digest):
            raise ValueError(f"not a sha256 digest: {digest!r}")
        return self._blobs / digest.removeprefix("sha256:")

    def size(self, digest: str) -> int | None:
        """Bytes of a blob, None where there is none."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def open(self, digest: str) -> BinaryIO:
        return self.path(digest).open("rb")

    def touch(self, digest: str) -> None:
        """Note that a push relies on the blob now, so that it is not swept from under it."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.path(digest))

    def begin(self, upload_id: str) -> Upload:
        self._uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Upload(upload_id, self._uploads / upload_id)

    def keep(self, upload: Upload, digest: str) -> None:
        """Give a finished upload its name; raises WrongDigest."""
        if upload.digest != digest:
            raise WrongDigest(f"the bytes have the digest {upload.digest}, not {digest}")
        self._blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
        upload.path.replace(self.path(digest))

    def clear_uploads(self) -> None:
        if self._uploads.is_dir():
            for file in self._uploads.iterdir():
                file.unlink()

    def is_fresh(self, digest: str, seconds: float) -> bool:
        """Whether the blob was pushed or asked for in the last `seconds` (of the wall clock)."""
        try:
            return time.time() - self.path(digest).stat().st_mtime < seconds
        except FileNotFoundError:
            return False

    def digests(self) -> Iterator[str]:
        if self._blobs.is_dir():
            for file in self._blobs.iterdir():
                digest = f"sha256:{file.name}"
                if names.is_digest(digest):
                    yield digest

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)


class Upload:
    """A blob on its way in: bytes are appended in order and hashed as they come."""

    def __init__(self, upload_id: str, path: Path) -> None:
        self.id = upload_id
        self.path = path
        self.received = 0
        self.last_part: int | None = None
        self.lock = threading.Lock()
        self._hash = hashlib.sha256()
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, chunks: Iterable[bytes]) -> int:
        """Append, chunk by chunk; returns how many bytes came."""
        before = self.received
        with self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                self._hash.update(chunk)
                self.received += len(chunk)
        return self.received - before

    def cancel(self) -> None:
        self.path.unlink(missing_ok=True)
