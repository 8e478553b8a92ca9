"""EC2: moto's, but an interface that a service manages is not the user's to delete."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service


class EC2(Service):
    name = "ec2"

    def install(self) -> None:
        """Keep the interfaces of tasks from being deleted under them."""
        from moto.ec2.exceptions import EC2ClientError
        from moto.ec2.models import EC2Backend

        delete = seams.original(EC2Backend, "delete_network_interface")

        def delete_network_interface(self: Any, eni_id: str) -> None:
            known = self.enis.get(eni_id)
            if known is not None and known.requester_managed:
                raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
            delete(self, eni_id)

        seams.replace(EC2Backend, delete_network_interface=delete_network_interface)
