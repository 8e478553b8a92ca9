"""STS: moto's; what it makes up is another thing each time."""

from __future__ import annotations

from drydock.embedded.core.services import Service


class STS(Service):
    name = "sts"
    making = frozenset({"GetSessionToken", "GetFederationToken"})
