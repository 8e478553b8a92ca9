"""A folder that a teacher has handed out: which one a process works in, whose it is, and which labs are in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "learner.json"
"""What makes a folder one that was handed out."""
VERSION = 1


class BadHandout(ValueError):
    """Its learner.json is not as it was handed out."""


@dataclass(frozen=True)
class Handout:
    """What is in learner.json. `token` says that the folder is the one that was handed to this learner."""

    class_name: str
    id: str
    name: str
    token: str
    labs: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "class": self.class_name,
            "id": self.id,
            "name": self.name,
            "token": self.token,
            "labs": list(self.labs),
        }


def here() -> Path | None:
    """The folder that this process works in, if it, or one above it, was handed out."""
    place = Path.cwd()
    return next((one for one in (place, *place.parents) if (one / FILE).is_file()), None)


def read(folder: Path) -> Handout:
    """Raises FileNotFoundError where there is none, and BadHandout."""
    file = folder / FILE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        texts = [data["class"], data["id"], data["name"], data["token"], *data["labs"]]
        if data["version"] != VERSION or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"version {data['version']!r}, and this Drydock knows {VERSION}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadHandout(f"{FILE} is not as it was handed out: {error}") from None
    return Handout(data["class"], data["id"], data["name"], data["token"], tuple(data["labs"]))
