"""What an image manifest says: which blobs and manifests it names, of what kind and size."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from drydock.embedded.services.ecr import names

DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGES = (DOCKER_IMAGE, OCI_IMAGE)
LISTS = (DOCKER_LIST, OCI_INDEX)
MAXIMUM_BYTES = 4 << 20


class InvalidManifest(ValueError):
    """A text that is not a manifest: what is wrong with it."""


@dataclass(frozen=True)
class Descriptor:
    """A reference to a blob or a manifest: its `size` is in bytes."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Manifest:
    """A parsed manifest. `digest` is that of the very bytes of `text`."""

    text: str
    media_type: str
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: str | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def blobs(self) -> frozenset[str]:
        """Digests of what has to be in the repository; layers that may not be distributed are fetched elsewhere."""
        layers = {
            d.digest for d in self.layers if "foreign" not in d.media_type and "nondistributable" not in d.media_type
        }
        return frozenset(layers | ({self.config.digest} if self.config else set()))

    @property
    def is_list(self) -> bool:
        return self.media_type in LISTS

    @property
    def artifact_media_type(self) -> str | None:
        return self.artifact_type or (self.config.media_type if self.config else None)


def parse(text: str, media_type: str | None = None) -> Manifest:
    """Read a manifest; `media_type` is the one told beside it, for those that do not name their own."""
    try:
        document = json.loads(text)
    except ValueError:
        raise InvalidManifest("Invalid JSON syntax") from None
    if not isinstance(document, dict):
        raise InvalidManifest("a manifest has to be a JSON object")
    said = document.get("mediaType")
    if said and media_type and said != media_type:
        raise InvalidManifest(f"the manifest says mediaType {said}, the request {media_type}")
    kind = said or media_type
    if not kind:
        raise InvalidManifest("image manifest mediatype not provided in manifest or parameter")
    if kind not in IMAGES + LISTS:
        raise InvalidManifest(f"unsupported manifest media type: {kind}")
    if document.get("schemaVersion") != 2:
        raise InvalidManifest(f"schemaVersion has to be 2, not {document.get('schemaVersion')!r}")
    is_image = kind in IMAGES
    if is_image and "config" not in document:
        raise InvalidManifest("a manifest of an image has to have a config")
    subject = document.get("subject")
    annotations = document.get("annotations") or {}
    return Manifest(
        text=text,
        media_type=kind,
        config=_descriptor(document["config"], "config") if is_image else None,
        layers=_descriptors(document, "layers") if is_image else (),
        manifests=() if is_image else _descriptors(document, "manifests"),
        subject=_descriptor(subject, "subject").digest if subject else None,
        artifact_type=document.get("artifactType") if isinstance(document.get("artifactType"), str) else None,
        annotations={str(k): str(v) for k, v in annotations.items()} if isinstance(annotations, dict) else {},
        digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
    )


def _descriptors(document: dict[str, Any], name: str) -> tuple[Descriptor, ...]:
    entries = document.get(name)
    if not isinstance(entries, list):
        raise InvalidManifest(f"{name} has to be a list")
    return tuple(_descriptor(entry, f"{name}[{index}]") for index, entry in enumerate(entries))


def _descriptor(entry: Any, where: str) -> Descriptor:
    if not isinstance(entry, dict):
        raise InvalidManifest(f"{where} has to be an object")
    digest, size = entry.get("digest"), entry.get("size")
    if not isinstance(digest, str) or not names.is_digest(digest):
        raise InvalidManifest(f"{where}.digest has to be a sha256 digest, not {digest!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise InvalidManifest(f"{where}.size has to be a number of bytes, not {size!r}")
    return Descriptor(digest, size, str(entry.get("mediaType", "")))
