"""Cloud Map: what moto's service discovery lacks or has wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Put our operations and our state in place of moto's."""
    from moto.servicediscovery.models import servicediscovery_backends
    from moto.servicediscovery.responses import ServiceDiscoveryResponse

    from .models import CloudMap
    from .responses import OPERATIONS, operation

    CloudMap.clock = host.clock
    servicediscovery_backends.backend = CloudMap
    for function in OPERATIONS:
        setattr(ServiceDiscoveryResponse, function.__name__, operation(function))
