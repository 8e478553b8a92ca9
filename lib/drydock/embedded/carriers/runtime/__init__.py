"""Where containers run: as processes of this machine, or on a container engine."""

from __future__ import annotations

from drydock.embedded.carriers.runtime.base import (
    CannotStart,
    Container,
    ContainerSpec,
    Exit,
    Runtime,
    Session,
    probe_command,
)

__all__ = ["CannotStart", "Container", "ContainerSpec", "Exit", "Runtime", "Session", "probe_command"]
