"""From the name of an image to its unpacked layers."""

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
from drydock.embedded.carriers.runtime import runtime_of
from drydock.embedded.core.faults import Faults
from drydock.embedded.core.host import Host

if TYPE_CHECKING:
    from drydock.images import ImageConfig, UnpackedLayer

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


_RECORD = ".json"
_LOOK_EVERY = 300.0  # AWS seconds between two looks for images that are no more
_JUST_PULLED = 15.0  # seconds in which nobody but who pulled it knows that an image is in use


@dataclass(frozen=True)
class Pulled:
    digest: str
    config: ImageConfig
    layers: tuple[UnpackedLayer, ...]


class Puller:
    """Pulls from this cloud's own ECR; every layer is unpacked once and shared by all images that have it.

    `images/<digest>.json` says which layers an image has and which repositories it was pulled from; it goes when the
    image is in none of them any more and none of those that `in_use` says. A layer, in `layers/<digest>`, goes with the
    last image that has it.
    """

    def __init__(self, host: Host, in_use: Callable[[], set[str]]) -> None:
        self._host = host
        self._in_use = in_use
        self._images = host.directory / "images"
        self._layers = host.directory / "layers"
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._faults = Faults("removing what was unpacked")
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
        return self._unpacked(digest, manifest, [where, match["name"]])

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

    def _unpacked(self, digest: str, manifest: bytes, source: list[str]) -> Pulled:
        from drydock.images import Budget, ImageError, read_config, unpack_layer

        record = self._images / f"{_hex(digest)}{_RECORD}"
        layers = [layer["digest"] for layer in json.loads(manifest)["layers"]]
        found = []
        try:
            with self._lock(record.name):
                self._note(record, layers, source)
            self._layers.mkdir(exist_ok=True)
            budget = Budget(self._layers)
            for layer in layers:
                with self._lock(_hex(layer)):
                    found.append(unpack_layer(layer, self._open_blob, self._layers / _hex(layer), budget))
                    os.utime(found[-1].path)
            config = read_config(manifest, self._open_blob)
        except (ImageError, OSError) as error:
            raise CannotPull(digest, Why.BROKEN, str(error)) from error
        return Pulled(digest, config, tuple(found))

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())

    @staticmethod
    def _note(record: Path, layers: list[str], source: list[str]) -> None:
        known = _Record.read(record)
        sources = known.sources if known is not None else []
        if known is None or source not in sources:
            record.parent.mkdir(exist_ok=True)
            disk.write(record, json.dumps({"layers": layers, "sources": [*sources, source]}).encode())
        os.utime(record)

    # -- what is left ---------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._host.clock.time() >= self._look_at and self._images.is_dir():
            self._look_at = self._host.clock.time() + _LOOK_EVERY
            with self._host.lock:
                in_use = self._in_use()
            self._host.pool.submit(self._sweep, {_hex(digest) for digest in in_use})

    def _sweep(self, in_use: set[str]) -> None:
        for path in self._images.iterdir():
            with self._faults(path.name), self._lock(path.name.removesuffix(".new")):  # one that is being written
                record = _Record.read(path) if path.suffix == _RECORD else None
                if not _is_old(path):
                    continue
                if record is None:
                    disk.remove(path)
                elif path.stem not in in_use and not self._is_known(path.stem, record.sources):
                    self._forget(record, [other for other in self._images.glob(f"*{_RECORD}") if other != path])
                    path.unlink()
        if self._layers.is_dir():
            self._sweep_layers()

    def _forget(self, record: _Record, others: list[Path]) -> None:
        """The image goes, and what a runtime has made of its layers, unless another consists of the same."""
        if all(other is None or other.layers != record.layers for other in map(_Record.read, others)):
            from drydock.images import UnpackedLayer

            layers = tuple(UnpackedLayer(digest, self._layers / _hex(digest)) for digest in record.layers)
            self._host.helper(runtime_of).forget(layers)

    def _sweep_layers(self) -> None:
        records = [_Record.read(path) for path in self._images.glob(f"*{_RECORD}")]
        named = {_hex(digest) for record in records if record is not None for digest in record.layers}
        for folder in self._layers.iterdir():
            with self._faults(folder.name), self._lock(folder.stem):
                if folder.name not in named and _is_old(folder):
                    disk.remove(folder)

    def _is_known(self, digest: str, sources: list[list[str]]) -> bool:
        """Whether the image is still in a repository that it was pulled from."""
        for region, repository in sources:
            with contextlib.suppress(ClientError):
                identifier = {"imageDigest": f"sha256:{digest}"}
                self._host.client("ecr", region).describe_images(repositoryName=repository, imageIds=[identifier])
                return True
        return False

    def _open_blob(self, digest: str) -> Any:
        return (self._host.directory / "blobs" / "sha256" / _hex(digest)).open("rb")


@dataclass(frozen=True)
class _Record:
    """An image that was pulled: the digests of its layers, and (region, repository) of each place that it came from."""

    layers: list[str]
    sources: list[list[str]]

    @classmethod
    def read(cls, path: Path) -> _Record | None:
        """None where there is none, or what is there is none."""
        try:
            found = json.loads(path.read_bytes())
            return cls(found["layers"], found["sources"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _is_old(path: Path) -> bool:
    """Whether it was not just pulled, by somebody of whom nobody knows yet."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime < time.time() - _JUST_PULLED
    return True


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
