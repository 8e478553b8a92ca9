"""From the name of an image to an unpacked root file system."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock import disk
from drydock.embedded.core.faults import Faults
from drydock.embedded.core.host import Host

if TYPE_CHECKING:
    from drydock.images import ImageConfig

_ECR = re.compile(r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com$")
_REFERENCE = re.compile(
    r"^(?:(?P<host>[^/]*[.:][^/]*|localhost)/)?(?P<name>[^@:]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>.+))?$"
)
_MANIFEST_TYPES = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
]


class Why(StrEnum):
    """Why an image cannot be had."""

    INVALID = "the name is none of an image"
    DENIED = "not authorized"
    UNRESOLVED = "the registry refused"
    NOT_FOUND = "not found"
    BROKEN = "it cannot be unpacked"


class CannotPull(Exception):
    """An image that cannot be had."""

    def __init__(self, image: str, why: Why, detail: str = "") -> None:
        super().__init__(f"{image}: {why}: {detail}")
        self.image = image
        self.why = why
        self.detail = detail


ROOT, SOURCES = "root", "sources.json"
_LOOK_EVERY = 300.0  # AWS seconds between two looks for images that are no more
_JUST_PULLED = 15.0  # seconds in which nobody but who pulled it knows that an image is in use


@dataclass(frozen=True)
class Pulled:
    digest: str
    config: ImageConfig
    rootfs: Path


class Puller:
    """Pulls from this cloud's own ECR; every image is unpacked once and shared by all that run it.

    It is in `images/<digest>`, with the repositories that it was pulled from, and goes when it is in none of them any
    more and none of those that `in_use` says.
    """

    def __init__(self, host: Host, in_use: Callable[[], set[str]]) -> None:
        self._host = host
        self._in_use = in_use
        self._root = host.directory / "images"
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._faults = Faults("removing the unpacked image")
        self._look_at = 0.0
        host.every_tick("images", self._tick, patient=True)

    def pull(self, image: str, region: str) -> Pulled:
        """Resolve `image` and unpack it. CannotPull if it is not there."""
        match = _REFERENCE.match(image)
        if match is None:
            raise CannotPull(image, Why.INVALID)
        registry = match["host"] or ""
        ecr = _ECR.match(registry)
        if not ecr and registry.rsplit(":", 1)[0] not in ("127.0.0.1", "localhost"):
            raise CannotPull(
                image,
                Why.UNRESOLVED,
                "the embedded AWS pulls from its own registry only; push the image to "
                f"127.0.0.1:{self._host.port}/<repository> first",
            )
        if ecr and ecr["account"] != self._host.account:
            raise CannotPull(image, Why.DENIED, f"account {ecr['account']} is another account")
        identifier = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
        where = ecr["region"] if ecr else region
        digest, manifest = self._manifest(image, where, match["name"], identifier)
        return self._unpacked(digest, manifest, (where, match["name"]))

    def _manifest(self, image: str, region: str, repository: str, identifier: dict[str, str]) -> tuple[str, bytes]:
        ecr = self._host.client("ecr", region)
        try:
            answer = ecr.batch_get_image(
                repositoryName=repository, imageIds=[identifier], acceptedMediaTypes=_MANIFEST_TYPES
            )
        except ClientError as error:
            raise CannotPull(image, Why.UNRESOLVED, error.response["Error"]["Message"]) from None
        if not answer["images"]:
            raise CannotPull(image, Why.NOT_FOUND)
        found = answer["images"][0]
        manifest = found["imageManifest"].encode()
        document: dict[str, Any] = json.loads(manifest)
        if "manifests" in document:
            chosen = (
                next((m for m in document["manifests"] if m.get("platform", {}).get("os") == "linux"), None)
                or document["manifests"][0]
            )
            return self._manifest(image, region, repository, {"imageDigest": chosen["digest"]})
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}", manifest

    def _unpacked(self, digest: str, manifest: bytes, source: tuple[str, str]) -> Pulled:
        from drydock.images import ImageConfig, ImageError

        folder = self._root / digest.removeprefix("sha256:")
        with self._lock(folder.name):
            try:
                if not (folder / SOURCES).exists():
                    self._unpack(manifest, folder)
                self._note(folder, source)
                with self._open_blob(json.loads(manifest)["config"]["digest"]) as blob:
                    config = ImageConfig.read(json.load(blob))
            except (ImageError, OSError) as error:
                raise CannotPull(digest, Why.BROKEN, str(error)) from error
        return Pulled(digest, config, folder / ROOT)

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())

    def _unpack(self, manifest: bytes, folder: Path) -> None:
        from drydock.images import unpack

        partial = folder.with_suffix(".partial")
        disk.remove(partial)
        disk.remove(folder)
        try:
            partial.mkdir(parents=True)
            unpack(manifest, self._open_blob, partial / ROOT)
            (partial / SOURCES).write_text("[]")
            partial.rename(folder)
        except BaseException:
            disk.remove(partial)
            raise

    @staticmethod
    def _note(folder: Path, source: tuple[str, str]) -> None:
        known = json.loads((folder / SOURCES).read_text())
        if list(source) not in known:
            (folder / SOURCES).write_text(json.dumps([*known, source]))
        os.utime(folder / SOURCES)

    # -- what is left ---------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._host.clock.time() >= self._look_at and self._root.is_dir():
            self._look_at = self._host.clock.time() + _LOOK_EVERY
            with self._host.lock:
                in_use = self._in_use()
            self._host.pool.submit(self._sweep, {digest.removeprefix("sha256:") for digest in in_use})

    def _sweep(self, in_use: set[str]) -> None:
        for folder in self._root.iterdir():
            with self._faults(folder.name), self._lock(folder.stem):
                if folder.name not in in_use and self._is_old(folder) and not self._is_known(folder):
                    disk.remove(folder)

    @staticmethod
    def _is_old(folder: Path) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (folder / SOURCES).stat().st_mtime < time.time() - _JUST_PULLED
        return True

    def _is_known(self, folder: Path) -> bool:
        """Whether the image is still in a repository that it was pulled from."""
        try:
            sources = json.loads((folder / SOURCES).read_text())
        except (FileNotFoundError, ValueError):
            return False
        for region, repository in sources:
            with contextlib.suppress(ClientError):
                identifier = {"imageDigest": f"sha256:{folder.name}"}
                self._host.client("ecr", region).describe_images(repositoryName=repository, imageIds=[identifier])
                return True
        return False

    def _open_blob(self, digest: str) -> Any:
        return (self._host.directory / "blobs" / "sha256" / digest.removeprefix("sha256:")).open("rb")
