"""Platforms: `linux/amd64`, `linux/arm64/v8`."""

from __future__ import annotations

import platform as machine
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ImageError

_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm/v7", "i386": "386"}


@dataclass(frozen=True)
class Platform:
    """What an image runs on, in Go's names. `variant` is empty where it goes without saying."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """From `os/architecture[/variant]`. Raises ImageError."""
        parts = text.lower().split("/")
        if not 2 <= len(parts) <= 3 or not all(re.fullmatch(r"[a-z0-9._-]+", part) for part in parts):
            raise ImageError(f"{text!r} is not a platform; write linux/amd64 or linux/arm64")
        architecture, _, variant = _ALIASES.get(parts[1], parts[1]).partition("/")
        variant = parts[2] if len(parts) == 3 else variant
        return cls(parts[0], architecture, "" if (architecture, variant) == ("arm64", "v8") else variant)

    @classmethod
    def here(cls) -> Platform:
        """What containers run on here: Linux on this machine's processor."""
        return cls.parse(f"linux/{machine.machine()}")

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Platform:
        """From an image's config or from an entry of an index."""
        parts = (described.get("os", ""), described.get("architecture", ""), described.get("variant", ""))
        variant = "" if parts[1:] == ("arm64", "v8") else parts[2]
        return cls(parts[0], parts[1], variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
