"""Network interfaces: an address in a subnet that is free on this machine too."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.embedded.carriers.runtime.shim._drydock_rules import host_name
from drydock.embedded.core import seams
from drydock.embedded.core.claims import Claims
from drydock.embedded.core.host import Host
from drydock.embedded.workload.firewall import Firewall
from drydock.policy.addresses import NoFreeAddress, Subnet, loopback, next_free


class NoAddress(Exception):
    """The subnet has no address left, or this machine cannot listen on it."""


@dataclass(frozen=True)
class Interface:
    """A network interface, as EC2 knows it."""

    id: str
    address: str
    mac_address: str
    private_dns_name: str


class Interfaces:
    """Network interfaces in EC2's own state, so that describe_network_interfaces shows them.

    The host's lock is held. They are not journalled: whoever asked for them asks again after a restart.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._claims = Claims()
        self._firewall = host.helper(Firewall)
        self._resolvers: dict[str, tuple[str, int]] = {}
        self._last: dict[str, str] = {}

    def _backend(self, region: str) -> Any:
        return self._host.backend("ec2", region)

    def subnets(self, region: str, identifiers: list[str]) -> list[Subnet]:
        """These subnets, in this order; NoAddress if one of them is gone."""
        by_id = {one.id: Subnet(one.id, one.availability_zone) for one in self._backend(region).describe_subnets()}
        gone = [identifier for identifier in identifiers if identifier not in by_id]
        if gone:
            raise NoAddress(f"The subnet ID '{gone[0]}' does not exist")
        return [by_id[identifier] for identifier in identifiers]

    def known_subnets(self, region: str, wanted: list[str] | None) -> dict[str, str] | None:
        """Those of the subnets that exist, and the VPC of each; None if none is named."""
        return _vpcs(self._backend(region).describe_subnets(), wanted) if wanted else None

    def known_security_groups(self, region: str, wanted: list[str] | None) -> dict[str, str] | None:
        """Those of the security groups that exist, and the VPC of each; None if none is named."""
        return _vpcs(self._backend(region).describe_security_groups(), wanted) if wanted else None

    def attach(
        self, region: str, subnet_id: str, groups: Sequence[str], description: str, *, public: bool
    ) -> Interface:
        """A new interface in a subnet; NoAddress if there is none to give.

        A public address is where it can really be reached from outside of the VPC: its place on this machine.
        """
        backend = self._backend(region)
        self.subnets(region, [subnet_id])
        subnet = backend.describe_subnets(subnet_ids=[subnet_id])[0]
        address = self._claim(
            subnet, {eni.private_ip_address for eni in backend.enis.values() if eni.subnet.id == subnet_id}
        )
        seams.reseed(f"{self._host.seed_in(region)}:{description}")
        made = backend.create_network_interface(subnet, address, group_ids=list(groups), description=description)
        made.status, made.requester_managed = "in-use", True
        if public:
            made.public_ip = loopback(address)
        self._firewall.join(made)
        return Interface(made.id, address, made.mac_address, f"{host_name(address)}.ec2.internal")

    def detach(self, region: str, identifier: str, address: str) -> None:
        """Delete the interface, unless it is gone, and let go of the address."""
        self._backend(region).enis.pop(identifier, None)
        self._firewall.leave(address)
        self.release(address)

    def release(self, address: str) -> None:
        self._claims.release(loopback(address))

    def resolver(self, region: str, subnet_id: str) -> tuple[str, int]:
        """The DNS server of the subnet's VPC."""
        from drydock.embedded.carriers.dns import Resolver

        subnet = self._backend(region).describe_subnets(subnet_ids=[subnet_id])[0]
        if subnet.vpc_id not in self._resolvers:
            self._resolvers[subnet.vpc_id] = self._host.helper(Resolver).address(subnet.vpc_id, region)
        return self._resolvers[subnet.vpc_id]

    def _claim(self, subnet: Any, taken: set[str]) -> str:
        """The next address of the subnet that neither EC2 nor another cloud on this machine uses."""
        refused = set(taken)
        while True:
            try:
                address = next_free(subnet.cidr_block, refused, after=self._last.get(subnet.id))
            except NoFreeAddress as error:
                raise NoAddress(str(error)) from None
            if self._hold(loopback(address)):
                self._last[subnet.id] = address
                return address
            refused.add(address)

    def _hold(self, address: str) -> bool:
        probe = socket.socket()
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise NoAddress(
                f"this machine cannot listen on {address} ({error}): only Linux has all of 127.0.0.0/8 as loopback"
            ) from None
        finally:
            probe.close()
        return self._claims.hold(address)


def _vpcs(existing: Iterable[Any], wanted: list[str]) -> dict[str, str]:
    return {one.id: one.vpc_id for one in existing if one.id in wanted}
