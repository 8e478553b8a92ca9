"""The files below notebooks/fixtures that concepts show and compute with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drydock.concepts.catalogue import directory


def path(name: str) -> Path:
    """Where `folder/file` of the fixtures is. Raises FileNotFoundError."""
    found = directory() / "fixtures" / name
    if not found.is_file():
        raise FileNotFoundError(f"There is no fixture {name!r} in {directory() / 'fixtures'}.")
    return found


def document(name: str) -> Any:
    """What is in it, of JSON."""
    return json.loads(path(name).read_text("utf-8"))
