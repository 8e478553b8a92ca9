"""EC2: moto's, but what is needed stays, groups and ACLs are held to their rules, and key pairs can be made again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.embedded.services.ec2.dealings import DEALINGS


class EC2(Service):
    name = "ec2"
    dealings = DEALINGS

    def install(self) -> None:
        """Keep what is in use, see to security groups, and make key pairs of moto's chance."""
        from moto.ec2 import utils
        from moto.ec2.exceptions import EC2ClientError
        from moto.ec2.models import EC2Backend

        from drydock.embedded.services.ec2 import acls, dependants, groups, images

        delete = seams.original(EC2Backend, "delete_network_interface")
        create_vpc = seams.original(EC2Backend, "create_vpc")

        def create_a_vpc(backend: Any, *args: Any, **given: Any) -> Any:
            most = self.host.profile.vpcs
            if most is not None and len(backend.vpcs) >= most and not seams.replaying():
                raise EC2ClientError("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
            return create_vpc(backend, *args, **given)

        def delete_network_interface(self: Any, eni_id: str) -> None:
            known = self.enis.get(eni_id)
            if known is not None and known.requester_managed:
                raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
            delete(self, eni_id)

        def ed25519() -> Any:
            from drydock.embedded.core import keys

            return keys.ed25519(seams.chance())

        def rsa(public_exponent: int, key_size: int, backend: Any) -> Any:
            from drydock.embedded.core import keys

            return keys.rsa(seams.chance(), key_size)

        seams.replace(
            utils,
            rsa=SimpleNamespace(**{**vars(utils.rsa), "generate_private_key": rsa}),
            Ed25519PrivateKey=SimpleNamespace(generate=ed25519),
        )
        seams.replace(EC2Backend, create_vpc=create_a_vpc, delete_network_interface=delete_network_interface)
        acls.install()
        groups.install()
        images.install()
        dependants.install(EC2Backend)
