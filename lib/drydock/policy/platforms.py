"""Which platforms of an image a task definition can run.

Source: Amazon ECS API Reference, *RuntimePlatform* (X86_64 and LINUX where nothing is said); OCI image specification,
image index and image configuration, for the names of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}


def wanted(runtime: Mapping[str, Any] | None) -> str:
    """What an image has to be for, as images name it: "linux/amd64". `runtime`: a task definition's runtimePlatform."""
    runtime = runtime or {}
    family = runtime.get("operatingSystemFamily") or "LINUX"
    system = "windows" if family.startswith("WINDOWS") else "linux"
    architecture = runtime.get("cpuArchitecture") or "X86_64"
    return f"{system}/{_ARCHITECTURES.get(architecture, architecture.lower())}"


def fits(platforms: Iterable[str], runtime: Mapping[str, Any] | None) -> bool:
    """Whether one of an image's platforms, "linux/arm64/v8", is what the task definition runs on."""
    return any("/".join(platform.split("/")[:2]) == wanted(runtime) for platform in platforms)
