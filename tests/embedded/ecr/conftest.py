"""A repository, a registry session, and small images made of real tar layers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer_of(files: Mapping[str, str | bytes]) -> bytes:
    """A gzipped tar, the same for the same files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


@dataclass(frozen=True)
class Made:
    """An image that was made here: its manifest's bytes, and its blobs by digest."""

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    def into(self, directory: Path, tag: str) -> str:
        """Write an OCI layout; returns the name that skopeo has for it."""
        blobs = directory / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for digest, data in {**self.blobs, self.digest: self.manifest}.items():
            (blobs / digest.removeprefix("sha256:")).write_bytes(data)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        entry = {
            "mediaType": OCI_MANIFEST,
            "digest": self.digest,
            "size": len(self.manifest),
            "annotations": {"org.opencontainers.image.ref.name": tag},
        }
        (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        return f"oci:{directory}:{tag}"


def image_of(*layers: Mapping[str, str | bytes], **config: Any) -> Made:
    """An OCI image with these layers."""
    packed = [layer_of(files) for files in layers]
    diff_ids = [sha256(gzip.decompress(layer)) for layer in packed]
    text = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": sha256(text), "size": len(text)},
        "layers": [{"mediaType": OCI_LAYER, "digest": sha256(layer), "size": len(layer)} for layer in packed],
    }
    return Made(json.dumps(manifest).encode(), {sha256(text): text, **{sha256(layer): layer for layer in packed}})


def password_of(ecr: Any) -> str:
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().removeprefix("AWS:")


class Session(requests.Session):
    """Requests to the registry, signed with a token of the API."""

    def __init__(self, endpoint: str, ecr: Any) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.ecr = ecr
        self.trust_env = False
        self.log_in()

    def log_in(self) -> None:
        """Take a new token: one is good for twelve hours."""
        self.auth = ("AWS", password_of(self.ecr))

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        url = path if path.startswith("http") else self.endpoint + path
        return super().request(method, url, timeout=20, **more)

    def push_blob(self, repository: str, data: bytes) -> str:
        digest = sha256(data)
        where = self.post(f"/v2/{repository}/blobs/uploads/").headers["Location"]
        answer = self.put(f"{where}?digest={digest}", data=data)
        assert answer.status_code == 201, answer.text
        return digest

    def push(self, repository: str, image: Made, reference: str) -> requests.Response:
        for data in image.blobs.values():
            self.push_blob(repository, data)
        return self.put(
            f"/v2/{repository}/manifests/{reference}",
            data=image.manifest,
            headers={"Content-Type": OCI_MANIFEST},
        )


@pytest.fixture
def ecr(client: Any) -> Any:
    return client("ecr")


@pytest.fixture
def password(ecr: Any) -> str:
    return password_of(ecr)


@pytest.fixture
def session(host: Any, ecr: Any) -> Session:
    return Session(host.endpoint, ecr)


@pytest.fixture
def make() -> Callable[..., Made]:
    return image_of


@pytest.fixture
def digest_of() -> Callable[[bytes], str]:
    return sha256


@pytest.fixture
def push(ecr: Any, session: Session) -> Callable[..., Made]:
    """Create the repository if need be, and push an image that holds `content`, under `tags`."""

    def push(repository: str, content: str, *tags: str) -> Made:
        if not any(r["repositoryName"] == repository for r in ecr.describe_repositories()["repositories"]):
            ecr.create_repository(repositoryName=repository)
        image = image_of({"content": content})
        for reference in tags or (image.digest,):
            answer = session.push(repository, image, reference)
            assert answer.status_code == 201, answer.text
        return image

    return push
