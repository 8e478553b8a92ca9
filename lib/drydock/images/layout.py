"""A directory of images in the OCI image layout: blobs by digest, names in index.json."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from drydock import user

from .errors import ImageError
from .reference import Reference

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"

Descriptor = dict[str, Any]


def digest_of(data: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def home() -> Path:
    """Where this user's images are: `$DRYDOCK_HOME/images`, or the platform's state directory."""
    return user.home() / "images"


class Layout:
    """An OCI image layout that other tools read too: `skopeo copy oci:DIRECTORY:NAME …`.

    Source: github.com/opencontainers/image-spec, image-layout.md.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else home()
        self._blobs = self.path / "blobs" / "sha256"

    def __repr__(self) -> str:
        return f"Layout({str(self.path)!r})"

    def blob_path(self, digest: str) -> Path:
        """The file of a blob, there or not."""
        algorithm, _, encoded = digest.partition(":")
        if algorithm != "sha256" or len(encoded) != 64 or set(encoded) - set("0123456789abcdef"):
            raise ImageError(f"{digest!r} is not a sha256 digest")
        return self._blobs / encoded

    def __contains__(self, digest: str) -> bool:
        return self.blob_path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading. Raises ImageError if it is not here."""
        try:
            return self.blob_path(digest).open("rb")
        except FileNotFoundError:
            raise ImageError(f"{self.path}: no blob {digest}; pull or build its image again") from None

    def read(self, digest: str) -> bytes:
        with self.open(digest) as blob:
            return blob.read()

    @contextmanager
    def new_blob(self) -> Iterator[NewBlob]:
        """Write a blob in parts. It is in the layout under its digest once the block ends."""
        self._create()
        handle, name = tempfile.mkstemp(prefix=".new-", dir=self._blobs)
        try:
            with os.fdopen(handle, "wb") as file:
                blob = NewBlob(file)
                yield blob
            Path(name).chmod(0o644)
            Path(name).replace(self.blob_path(blob.digest))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def write(self, data: bytes, media_type: str) -> Descriptor:
        """Store bytes as a blob and describe them."""
        with self.new_blob() as blob:
            blob.write(data)
        return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}

    def tag(self, name: str, digest: str) -> None:
        """Give the image with this manifest a name; an image that had it loses it."""
        name = Reference.parse(name).tagged().familiar
        manifest = self.read(digest)
        entry = {"mediaType": _media_type(manifest), "digest": digest, "size": len(manifest)}
        with self._changing() as entries:
            entries[:] = [
                e
                for e in entries
                if e.get("annotations", {}).get(REF_NAME) != name and (e["digest"] != digest or not _bare(e))
            ]
            entries.append({**entry, "annotations": {REF_NAME: name}})

    def keep(self, digest: str) -> None:
        """List an image that has no name, so that it can be found by its digest."""
        manifest = self.read(digest)
        with self._changing() as entries:
            if not any(e["digest"] == digest for e in entries):
                entries.append({"mediaType": _media_type(manifest), "digest": digest, "size": len(manifest)})

    def names(self) -> dict[str, str]:
        """Names and the manifest digests they stand for."""
        return {e["annotations"][REF_NAME]: e["digest"] for e in self._entries() if not _bare(e)}

    def digests(self) -> list[str]:
        """Manifest digests of all images listed here."""
        return list(dict.fromkeys(e["digest"] for e in self._entries()))

    def find(self, name: str) -> str | None:
        """The manifest digest that a name, a digest or the start of one stands for."""
        hexadecimal = name.removeprefix("sha256:")
        for digest in self.digests():
            if len(hexadecimal) >= 12 and digest.startswith(f"sha256:{hexadecimal}"):
                return digest
        reference = Reference.parse(name).tagged()
        if reference.digest:
            return reference.digest if reference.digest in self.digests() else None
        return self.names().get(reference.familiar)

    def written(self, digest: str) -> datetime:
        """When the image was last built or pulled."""
        return datetime.fromtimestamp(self.blob_path(digest).stat().st_mtime, UTC)

    def _entries(self) -> list[Descriptor]:
        try:
            return list(json.loads((self.path / "index.json").read_bytes())["manifests"])
        except FileNotFoundError:
            return []

    def _create(self) -> None:
        user.folder(self.path)
        self._blobs.mkdir(parents=True, exist_ok=True)
        marker = self.path / "oci-layout"
        if not marker.exists():
            marker.write_text('{"imageLayoutVersion":"1.0.0"}')

    @contextmanager
    def _changing(self) -> Iterator[list[Descriptor]]:
        self._create()
        with (self.path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = self._entries()
            yield entries
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
            new = self.path / ".index.json"
            new.write_text(json.dumps(index))
            new.replace(self.path / "index.json")


class NewBlob:
    """A blob being written: counts and hashes what passes through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _bare(entry: Descriptor) -> bool:
    return REF_NAME not in entry.get("annotations", {})


def _media_type(manifest: bytes) -> str:
    return str(json.loads(manifest).get("mediaType", MANIFEST))
