"""The DNS server of a VPC answers as soon as there is a private namespace in it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from drydock.embedded.carriers.zones import Zone, Zones
from drydock.embedded.core.host import Host


class Controller:
    """Looks, each time the zones have changed, whether all their VPCs have a DNS server."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._zones = host.helper(Zones)
        self._served: Mapping[tuple[str, str], Zone] = {}

    def tick(self) -> None:
        zones = self._zones.now()
        if zones is self._served:
            return
        for (region, _), zone in zones.items():
            if zone.vpc is not None:
                from drydock.embedded.carriers.dns import Resolver

                with contextlib.suppress(LookupError):  # the VPC has gone
                    self._host.helper(Resolver).address(zone.vpc, region)
        self._served = zones
