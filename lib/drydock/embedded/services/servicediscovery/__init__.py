"""Cloud Map: what moto's service discovery lacks or has wrong."""

from __future__ import annotations

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.embedded.services.servicediscovery.dealings import DEALINGS


class ServiceDiscovery(Service):
    name = "servicediscovery"
    dealings = DEALINGS

    def install(self) -> None:
        """Put our operations and our state in place of moto's, and give its names to the resolvers."""
        from moto.servicediscovery.models import servicediscovery_backends
        from moto.servicediscovery.responses import ServiceDiscoveryResponse

        from drydock.embedded.carriers.zones import Zones

        from .controller import Controller
        from .operations import OPERATIONS, operation
        from .state import CloudMap
        from .zones import zones

        known = self.host.helper(Zones)
        known.come_from(lambda: zones(self.host.account))
        seams.stand_in(servicediscovery_backends, CloudMap, host=self.host, zones=known)
        for function in OPERATIONS:
            setattr(ServiceDiscoveryResponse, function.__name__, operation(function))
        self.host.every_tick(self.name, Controller(self.host).tick, patient=True)
