"""Where containers run: as processes of this machine, or on a container engine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock import disk
from drydock.embedded.carriers.runtime.base import (
    CannotStart,
    Capabilities,
    Container,
    ContainerSpec,
    Exit,
    Mount,
    Runtime,
    Session,
)
from drydock.embedded.core.host import Host
from drydock.policy.offers import Offer

if TYPE_CHECKING:
    from drydock.embedded.carriers.runtime.spawner import Spawner

__all__ = [
    "CannotStart",
    "Capabilities",
    "Container",
    "ContainerSpec",
    "Exit",
    "Mount",
    "Offer",
    "Runtime",
    "Session",
    "runtime_of",
    "spawner_of",
    "state_of",
]


log = logging.getLogger(__name__)

_STATE = "run"


def spawner_of(host: Host) -> Spawner:
    """The helper of a host that starts all its processes, and ends them with it."""
    from drydock.embedded.carriers.runtime.spawner import Spawner

    spawner = Spawner(host.directory / "spawner.log")
    host.on_close(spawner.close, last=True)
    return spawner


def runtime_of(host: Host) -> Runtime[Any]:
    """What runs the containers of a host's tasks: processes of this machine."""
    from drydock.embedded.carriers.runtime.process import ProcessRuntime

    try:
        disk.remove(host.directory / _STATE)  # of containers that a crash has ended
    except OSError as error:
        log.warning("%s stays: %s", host.directory / _STATE, error)
    runtime = ProcessRuntime(host.helper(spawner_of), host.directory / "tasks")
    host.on_close(runtime.close)
    return runtime


def state_of(host: Host, key: str) -> Path:
    """The folder of a container for its runtime, by the container's key."""
    return host.directory / _STATE / key.replace("/", "-")
