"""ECS: moto's clusters and task definitions, and services and tasks that really run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Set the operations that moto lacks or has wrong, and turn the engine in the host's loop."""
    from moto.ecs.models import ecs_backends
    from moto.ecs.responses import EC2ContainerServiceResponse

    from drydock.embedded.services.ecs import actions
    from drydock.embedded.services.ecs.engine import Engine

    for name, function in actions.OPERATIONS.items():
        setattr(EC2ContainerServiceResponse, name, function)
    engine = Engine(host, ecs_backends)
    actions.attach(engine)
    host.ecs = engine
    host.every_tick("ecs", engine.tick)
    host.on_close(engine.close)


def restored(host: Host) -> None:
    """After the journal: bring back what the engine knew, and mark as stopped what no longer runs."""
    host.ecs.restore()


def counts(host: Host) -> dict[str, int]:
    """How many clusters, services and tasks are active."""
    return host.ecs.counts()
