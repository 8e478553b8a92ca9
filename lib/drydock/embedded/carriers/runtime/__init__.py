"""Where containers run: as processes of this machine, or on a container engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drydock.embedded.carriers.runtime.base import (
    CannotStart,
    Container,
    ContainerSpec,
    Exit,
    Runtime,
    Session,
)
from drydock.embedded.core.host import Host

if TYPE_CHECKING:
    from drydock.embedded.carriers.runtime.spawner import Spawner

__all__ = ["CannotStart", "Container", "ContainerSpec", "Exit", "Runtime", "Session", "runtime_of", "spawner_of"]


def spawner_of(host: Host) -> Spawner:
    """The helper of a host that starts all its processes, and ends them with it."""
    from drydock.embedded.carriers.runtime.spawner import Spawner

    spawner = Spawner(host.directory / "spawner.log")
    spawner.start()
    host.on_close(spawner.close, last=True)
    return spawner


def runtime_of(host: Host) -> Runtime[Any]:
    """What runs the containers of a host's tasks: processes of this machine."""
    from drydock.embedded.carriers.runtime.process import ProcessRuntime

    runtime = ProcessRuntime(host.helper(spawner_of), host.directory / "tasks")
    host.on_close(runtime.close)
    return runtime
