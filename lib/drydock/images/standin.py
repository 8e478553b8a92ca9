"""The stand-in for `python:*` base images: this machine's Python in the place of an image's."""

from __future__ import annotations

import io
from typing import Any

from .image import Image
from .layer import Entry, write_layer
from .layout import Layout
from .platform import Platform
from .reference import Reference

LABEL = "dev.drydock.stand-in"
EPOCH = "1970-01-01T00:00:00Z"

_PYTHON = b"""#!/bin/sh
# Drydock's stand-in for a python base image: runs the Python of the machine it is started on.
exec "${DRYDOCK_PYTHON:-/usr/bin/python3}" "$@"
"""
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_GROUP = b"root:x:0:\nnogroup:x:65534:\n"
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def has_stand_in(reference: Reference) -> bool:
    """Whether a base image is Docker's official `python`, there or in a mirror's `library/python`."""
    if reference.is_loopback:
        return False
    repository = reference.repository
    return repository == "library/python" or repository.endswith("/library/python")


def stand_in(layout: Layout, platform: Platform) -> Image:
    """The stand-in for Python as an image: one layer, the same bytes everywhere."""
    layer = write_layer(
        [
            _directory("usr"),
            _directory("usr/local"),
            _directory("usr/local/bin"),
            _file("usr/local/bin/python3", _PYTHON, 0o755),
            Entry("usr/local/bin/python", "symlink", 0o777, link="python3"),
            _directory("etc"),
            _file("etc/passwd", _PASSWD, 0o644),
            _file("etc/group", _GROUP, 0o644),
            _directory("tmp", 0o1777),
        ],
        layout,
    )
    run = {"Env": [f"PATH={_PATH}", "LANG=C.UTF-8"], "Cmd": ["python3"], "Labels": {LABEL: "python"}}
    config: dict[str, Any] = {
        "created": EPOCH,
        "os": platform.os,
        "architecture": platform.architecture,
        **({"variant": platform.variant} if platform.variant else {}),
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": EPOCH, "created_by": "drydock: stand-in for python"}],
    }
    return Image.write(layout, config, [layer.descriptor])


def _directory(path: str, mode: int = 0o755) -> Entry:
    return Entry(path, "directory", mode)


def _file(path: str, content: bytes, mode: int) -> Entry:
    return Entry(path, "file", mode, size=len(content), open=lambda: io.BytesIO(content))
