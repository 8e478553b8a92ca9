"""From the `image` of a container definition to an unpacked root file system."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host
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


class CannotPull(Exception):
    """An image that cannot be had; the text is worded as ECS words a task's stoppedReason."""


@dataclass(frozen=True)
class Pulled:
    digest: str
    config: ImageConfig
    rootfs: Path


class Puller:
    """Pulls from this cloud's own ECR; every image is unpacked once and shared by the tasks that run it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._root = host.directory / "images"
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def pull(self, image: str, region: str) -> Pulled:
        """Resolve `image` and unpack it. CannotPull if it is not there."""
        match = _REFERENCE.match(image)
        if match is None:
            raise CannotPull(f"CannotPullContainerError: invalid reference format: {image}")
        registry = match["host"] or ""
        ecr = _ECR.match(registry)
        if not ecr and registry.rsplit(":", 1)[0] not in ("127.0.0.1", "localhost"):
            raise CannotPull(
                f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
                f"{image}: the embedded AWS pulls from its own registry only; push the image to "
                f"127.0.0.1:{self._host.port}/<repository> first"
            )
        if ecr and ecr["account"] != self._host.account:
            raise CannotPull(
                f"CannotPullContainerError: {image}: not authorized: account {ecr['account']} is another account"
            )
        identifier = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
        where = ecr["region"] if ecr else region
        digest, manifest = self._manifest(image, where, match["name"], identifier)
        return self._unpacked(digest, manifest)

    def _manifest(self, image: str, region: str, repository: str, identifier: dict[str, str]) -> tuple[str, bytes]:
        ecr = self._host.client("ecr", region)
        try:
            answer = ecr.batch_get_image(
                repositoryName=repository, imageIds=[identifier], acceptedMediaTypes=_MANIFEST_TYPES
            )
        except ClientError as error:
            raise CannotPull(
                f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
                f"{image}: {error.response['Error']['Message']}"
            ) from None
        if not answer["images"]:
            raise CannotPull(
                f"CannotPullContainerError: pull image manifest has been retried 5 time(s): "
                f"failed to resolve ref {image}: {image}: not found"
            )
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

    def _unpacked(self, digest: str, manifest: bytes) -> Pulled:
        from drydock.images import ImageConfig, unpack

        folder = self._root / digest.removeprefix("sha256:")
        with self._guard:
            lock = self._locks.setdefault(digest, threading.Lock())
        with lock:
            partial = folder.with_suffix(".partial")
            if not folder.exists():
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                unpack(manifest, self._open_blob, partial)
                partial.rename(folder)
            document = json.loads(manifest)
            with self._open_blob(document["config"]["digest"]) as blob:
                config = ImageConfig.read(json.load(blob))
        return Pulled(digest, config, folder)

    def _open_blob(self, digest: str) -> Any:
        return (self._host.directory / "blobs" / "sha256" / digest.removeprefix("sha256:")).open("rb")
