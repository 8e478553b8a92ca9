"""Images on disk: their layers, and their files in one folder."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from drydock.images import Budget, ImageConfig, UnpackedLayer, lay, read_config, unpack_layer


def unpacked(manifest: bytes, open_blob: Callable[[str], BinaryIO], folder: Path) -> tuple[UnpackedLayer, ...]:
    """Each layer in a folder of its own below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    digests, budget = [layer["digest"] for layer in json.loads(manifest)["layers"]], Budget(folder)
    return tuple(unpack_layer(digest, open_blob, folder / digest.removeprefix("sha256:"), budget) for digest in digests)


def unpack(manifest: bytes, open_blob: Callable[[str], BinaryIO], into: Path) -> ImageConfig:
    """Write an image's files to `into`, each layer over those below it; what the image says of itself."""
    with tempfile.TemporaryDirectory() as folder:
        lay(unpacked(manifest, open_blob, Path(folder)), into)
    return read_config(manifest, open_blob)


def layer_of(root: Path, folder: Path) -> UnpackedLayer:
    """What is in `root` now, of user 0, as a layer unpacked below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / "tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(root, ".", filter=_of_user_0)
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    return unpack_layer(f"sha256:{digest}", lambda _: packed.open("rb"), folder / digest, Budget(folder))


def _of_user_0(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
