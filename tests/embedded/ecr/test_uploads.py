"""Layers that come by the API, part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drydock.embedded.assembly import AWS
from drydock.embedded.services.ecr.blobs import BlobStore


def test_an_upload_has_nothing_of_one_that_was_given_up(host: AWS, client: Callable[..., Any]) -> None:
    ecr = client("ecr")
    ecr.create_repository(repositoryName="lay")

    def begin(data: bytes) -> str:
        upload = ecr.initiate_layer_upload(repositoryName="lay")["uploadId"]
        ecr.upload_layer_part(
            repositoryName="lay", uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data
        )
        return str(upload)

    given_up, wanted = b"a" * (5 << 20), b"b" * 1000
    digest = f"sha256:{hashlib.sha256(wanted).hexdigest()}"
    first, second = begin(given_up), begin(wanted)
    assert first != second
    ecr.complete_layer_upload(repositoryName="lay", uploadId=second, layerDigests=[digest])
    assert BlobStore(host.directory).path(digest).read_bytes() == wanted


def test_a_file_that_a_crash_left_is_not_appended_to(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.begin("same").write([b"left behind"])
    upload = store.begin("same")
    upload.write([b"new"])
    assert upload.path.read_bytes() == b"new"
    assert upload.path.stat().st_mode & 0o077 == 0
