"""A task's network interface: an address in its subnet that is free on this machine too."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from drydock.embedded.carriers.dns import Resolver
from drydock.embedded.core.claims import Claims
from drydock.embedded.services.ecs.records import Task
from drydock.policy.addresses import NoFreeAddress, loopback, next_free
from drydock.policy.placement import Subnet

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


class NoAddress(Exception):
    """The subnet has no address left, or this machine cannot listen on it."""


class Network:
    """Network interfaces of tasks, made through EC2's own API, so that describe_network_interfaces shows them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._claims = Claims()
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

    def known_subnets(self, region: str, wanted: list[str] | None) -> frozenset[str] | None:
        """Those of the subnets that exist; None if none is named."""
        existing = {subnet.id for subnet in self._backend(region).describe_subnets()} if wanted else set()
        return frozenset(existing & set(wanted)) if wanted else None

    def known_security_groups(self, region: str, wanted: list[str] | None) -> frozenset[str] | None:
        """Those of the security groups that exist; None if none is named."""
        existing = {group.id for group in self._backend(region).describe_security_groups()} if wanted else set()
        return frozenset(existing & set(wanted)) if wanted else None

    def attach(self, task: Task) -> None:
        """Give the task an interface in its subnet; NoAddress if there is none to give."""
        attachment = task.document["attachments"][0]
        details = {item["name"]: item["value"] for item in attachment["details"]}
        subnet_id = details["subnetId"]
        backend = self._backend(task.region_name)
        self.subnets(task.region_name, [subnet_id])
        subnet = backend.describe_subnets(subnet_ids=[subnet_id])[0]
        address = self._claim(
            subnet, {eni.private_ip_address for eni in backend.enis.values() if eni.subnet.id == subnet_id}
        )
        groups = (task.network or {}).get("securityGroups") or []
        made = self._host.client("ec2", task.region_name, derived=True).create_network_interface(
            SubnetId=subnet_id,
            PrivateIpAddress=address,
            Description=attachment["id"],
            **({"Groups": groups} if groups else {}),
        )["NetworkInterface"]
        backend.enis[made["NetworkInterfaceId"]].status = "in-use"
        task.address = address
        details |= {
            "networkInterfaceId": made["NetworkInterfaceId"],
            "macAddress": made.get("MacAddress", ""),
            "privateDnsName": f"ip-{address.replace('.', '-')}.ec2.internal",
            "privateIPv4Address": address,
        }
        attachment["status"] = "ATTACHED"
        attachment["details"] = [{"name": key, "value": value} for key, value in details.items()]
        for container in task.document["containers"]:
            container["networkInterfaces"] = [{"attachmentId": attachment["id"], "privateIpv4Address": address}]

    def detach(self, task: Task) -> None:
        """Delete the interface and let go of the address."""
        attachments = task.document["attachments"]
        details = {item["name"]: item["value"] for item in attachments[0]["details"]} if attachments else {}
        identifier = details.get("networkInterfaceId")
        if identifier and identifier in self._backend(task.region_name).enis:
            self._host.client("ec2", task.region_name, derived=True).delete_network_interface(
                NetworkInterfaceId=identifier
            )
        for attachment in attachments:
            attachment["status"] = "DELETED"
        if task.address:
            self.release(task.address)

    def release(self, address: str) -> None:
        self._claims.release(loopback(address))

    def real_address(self, task: Task) -> str:
        """The loopback address on which the task's containers listen."""
        assert task.address is not None
        return loopback(task.address)

    def resolver(self, task: Task) -> tuple[str, int] | None:
        details = {item["name"]: item["value"] for item in task.document["attachments"][0]["details"]}
        subnet = self._backend(task.region_name).describe_subnets(subnet_ids=[details["subnetId"]])[0]
        if subnet.vpc_id not in self._resolvers:
            self._resolvers[subnet.vpc_id] = self._host.helper(Resolver).address(subnet.vpc_id, task.region_name)
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
