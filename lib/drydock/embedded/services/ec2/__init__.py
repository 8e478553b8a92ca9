"""EC2: moto's, but what is needed stays, security groups are held to their rules, and key pairs can be made again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service


class EC2(Service):
    name = "ec2"

    def install(self) -> None:
        """Keep what is in use, see to security groups, and make key pairs of moto's chance."""
        from moto.ec2 import utils
        from moto.ec2.exceptions import EC2ClientError
        from moto.ec2.models import EC2Backend

        from drydock.embedded.services.ec2 import dependants, groups

        delete = seams.original(EC2Backend, "delete_network_interface")

        def delete_network_interface(self: Any, eni_id: str) -> None:
            known = self.enis.get(eni_id)
            if known is not None and known.requester_managed:
                raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
            delete(self, eni_id)

        def ed25519() -> Any:
            from . import keys

            return keys.ed25519(seams.chance())

        def rsa(public_exponent: int, key_size: int, backend: Any) -> Any:
            from . import keys

            return keys.rsa(seams.chance(), key_size)

        seams.replace(
            utils,
            rsa=SimpleNamespace(**{**vars(utils.rsa), "generate_private_key": rsa}),
            Ed25519PrivateKey=SimpleNamespace(generate=ed25519),
        )
        seams.replace(EC2Backend, delete_network_interface=delete_network_interface)
        groups.install()
        dependants.install(EC2Backend)
