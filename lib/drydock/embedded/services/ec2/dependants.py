"""What stands on what in EC2: a resource that another needs is not deleted, nor taken from under it.

Documented: the EC2 API reference names DependencyViolation and the InUse codes; messages are as users report them where
they quote one, else ours in the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError

from drydock.embedded.core import seams

_GONE = ("deleted", "deleting", "rejected", "failed", "expired", "terminated", "shutting-down")


def install(backend: type[Any]) -> None:
    """Let a backend's deletions refuse. It is moto's EC2Backend."""
    deletions: dict[str, Callable[..., None]] = {
        "delete_security_group": _security_group,
        "delete_route_table": _route_table,
        "delete_network_acl": _network_acl,
        "detach_internet_gateway": _mapped_addresses,
        "release_address": _address,
        "delete_vpn_gateway": _vpn_gateway,
        "delete_customer_gateway": _customer_gateway,
        "delete_transit_gateway": _transit_gateway,
        "delete_managed_prefix_list": _prefix_list,
        "delete_snapshot": _snapshot,
    }
    seams.replace(
        backend, **{name: _guarded(seams.original(backend, name), refuse) for name, refuse in deletions.items()}
    )
    delete = seams.original(backend, "delete_vpc")

    def delete_vpc(self: Any, vpc_id: str) -> Any:
        _vpc(self, vpc_id)
        for group in self.groups.get(vpc_id, {}).values():
            group.is_default = False  # it goes with its VPC, and so does the main route table
        for table in self.route_tables.values():
            if table.vpc_id == vpc_id:
                table.main_association_id = None
        gone = delete(self, vpc_id)
        for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]:  # moto lets its own one stay
            del self.network_acls[acl.id]
        return gone

    delete_nat = seams.original(backend, "delete_nat_gateway")

    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        gone = delete_nat(self, nat_gateway_id)
        for eip in self.addresses:
            if eip.eni is gone._eni:
                self.disassociate_address(association_id=eip.association_id)
        self.enis.pop(gone._eni.id, None)
        return gone

    delete_subnet = seams.original(backend, "delete_subnet")

    def delete_subnet_with_associations(self: Any, subnet_id: str) -> Any:
        _subnet(self, subnet_id)
        gone = delete_subnet(self, subnet_id)
        for acl in self.network_acls.values():
            for key in [key for key, one in acl._associations.items() if one.subnet_id == subnet_id]:
                del acl._associations[key]
        for table in self.route_tables.values():
            for key in [key for key, one in table._associations.items() if one == subnet_id]:
                del table._associations[key]
        return gone

    describe_tags = seams.original(backend, "describe_tags")

    def describe_tags_of_what_is_there(self: Any, filters: Any = None) -> list[dict[str, str]]:
        """moto keeps the tags of what has been deleted."""
        return [tag for tag in describe_tags(self, filters) if _is_there(self, tag["resource_id"])]

    delete_group = backend.delete_security_group

    def delete_group_by_its_id(self: Any, name: str | None = None, group_id: str | None = None) -> Any:
        """moto looks for one that is given by its name outside of all VPCs."""
        found = None if group_id else self.get_security_group_from_name(name)
        return delete_group(self, group_id=found.id) if found is not None else delete_group(self, name, group_id)

    create_nat, create_endpoint = (
        seams.original(backend, f"create_{kind}") for kind in ("nat_gateway", "vpc_endpoint")
    )

    def create_nat_gateway(self: Any, *args: Any, **given: Any) -> Any:
        made = create_nat(self, *args, **given)
        _manage(made._eni, f"Interface for NAT Gateway {made.id}")
        return made

    def create_vpc_endpoint(self: Any, *args: Any, **given: Any) -> Any:
        made = create_endpoint(self, *args, **given)
        for identifier in made.network_interface_ids or ():
            _manage(self.enis[identifier], f"VPC Endpoint Interface {made.id}")
        return made

    seams.replace(
        backend,
        delete_vpc=delete_vpc,
        delete_nat_gateway=delete_nat_gateway,
        delete_subnet=delete_subnet_with_associations,
        create_nat_gateway=create_nat_gateway,
        create_vpc_endpoint=create_vpc_endpoint,
        describe_tags=describe_tags_of_what_is_there,
        delete_security_group=delete_group_by_its_id,
    )


def _is_there(backend: Any, identifier: str) -> bool:
    """Whether what has this id has not been deleted; True where nobody can tell."""
    groups = [group for found in backend.groups.values() for group in found.values()]
    known: dict[str, Callable[[], Iterable[str]]] = {
        "vpc": lambda: backend.vpcs,
        "subnet": lambda: (one.id for one in backend.describe_subnets()),
        "sg": lambda: (group.id for group in groups),
        "sgr": lambda: (rule.id for group in groups for rule in (*group.ingress_rules, *group.egress_rules)),
        "igw": lambda: backend.internet_gateways,
        "rtb": lambda: backend.route_tables,
    }
    kind = identifier.partition("-")[0]
    return kind not in known or identifier in known[kind]()


def _manage(eni: Any, description: str) -> None:
    """An interface of a service's, which its users do not delete."""
    eni.requester_managed, eni.status, eni.description = True, "in-use", description


def _guarded(original: Callable[..., Any], refuse: Callable[..., None]) -> Callable[..., Any]:
    def deletes(self: Any, *args: Any, **given: Any) -> Any:
        refuse(self, *args, **given)
        return original(self, *args, **given)

    return deletes


def _needed(kind: str, identifier: str) -> DependencyViolationError:
    return DependencyViolationError(f"The {kind} '{identifier}' has dependencies and cannot be deleted.")


def _there(things: Iterable[Any]) -> Iterator[Any]:
    """Those that have not ended."""
    return (thing for thing in things if str(getattr(thing, "state", "")) not in _GONE)


def _interfaces(backend: Any) -> Iterator[Any]:
    """moto keeps those of instances that have been terminated."""
    return (eni for eni in backend.enis.values() if eni.instance is None or eni.instance.state not in _GONE)


def _instances(backend: Any) -> Iterator[Any]:
    return _there(one for reservation in backend.reservations.values() for one in reservation.instances)


def _vpc(backend: Any, vpc_id: str) -> None:
    peerings = (one for one in backend.vpc_pcxs.values() if one._status.code in ("active", "pending-acceptance"))
    if (
        any(subnet.vpc_id == vpc_id for subnet in backend.describe_subnets())
        or any(table.vpc_id == vpc_id and not table.main_association_id for table in backend.route_tables.values())
        or any(
            attached.vpc_id == vpc_id and attached.state == "attached"
            for gateway in backend.vpn_gateways.values()
            for attached in gateway.attachments.values()
        )
        or any(not group.is_default for group in backend.groups.get(vpc_id, {}).values())
        or any(acl.vpc_id == vpc_id and not acl.default for acl in backend.network_acls.values())
        or any(one.vpc is not None and one.vpc.id == vpc_id for one in backend.internet_gateways.values())
        or any(one.vpc_id == vpc_id for one in _there(backend.vpc_end_points.values()))
        or any(vpc_id in (one.vpc.id, one.peer_vpc.id) for one in peerings)
    ):
        raise _needed("vpc", vpc_id)


def _subnet(backend: Any, subnet_id: str) -> None:
    if (
        any(eni.subnet.id == subnet_id for eni in _interfaces(backend))
        or any(one.subnet_id == subnet_id for one in _instances(backend))
        or any(one.subnet_id == subnet_id for one in _there(backend.nat_gateways.values()))
        or any(subnet_id in (one.subnet_ids or ()) for one in _there(backend.vpc_end_points.values()))
        or any(
            subnet_id in getattr(one, "subnet_ids", ()) for one in _there(backend.transit_gateway_attachments.values())
        )
    ):
        raise _needed("subnet", subnet_id)


def _security_group(backend: Any, name: str | None = None, group_id: str | None = None) -> None:
    group = backend.get_security_group_by_name_or_id(group_id or name)
    if group is None:
        return
    if group.is_default:
        raise EC2ClientError(
            "CannotDelete", f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user'
        )
    others = (one for groups in backend.groups.values() for one in groups.values() if one is not group)
    if (
        any(group.id in [one.id for one in eni.group_set] for eni in _interfaces(backend))
        or any(group.id in [one.id for one in instance.security_groups] for instance in _instances(backend))
        or any(
            rule.source_group.get("GroupId") == group.id
            for other in others
            for rule in (*other.ingress_rules, *other.egress_rules)
        )
    ):
        raise DependencyViolationError(f"resource {group.id} has a dependent object")


def _route_table(backend: Any, route_table_id: str) -> None:
    table = backend.route_tables.get(route_table_id)
    if table is not None and table.main_association_id:
        raise _needed("routeTable", route_table_id)


def _network_acl(backend: Any, network_acl_id: str) -> None:
    acl = backend.network_acls.get(network_acl_id)
    if acl is not None and acl.default:
        raise EC2ClientError("InvalidParameterValue", f"cannot delete default network ACL {network_acl_id}")


def _mapped_addresses(backend: Any, internet_gateway_id: str, vpc_id: str) -> None:
    subnets = {subnet.id for subnet in backend.describe_subnets() if subnet.vpc_id == vpc_id}
    mapped = (eni for eni in backend.enis.values() if eni.subnet.id in subnets and eni.public_ip)
    elastic = (
        eip
        for eip in backend.addresses
        if (eip.eni is not None and eip.eni.subnet.id in subnets)
        or (eip.instance is not None and eip.instance.subnet_id in subnets)
    )
    if any(mapped) or any(elastic):
        raise DependencyViolationError(
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway."
        )


def _address(backend: Any, address: str | None = None, allocation_id: str | None = None) -> None:
    for eip in backend.addresses:
        if eip.association_id and (
            (address and eip.public_ip == address) or (allocation_id and eip.allocation_id == allocation_id)
        ):
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {eip.public_ip} is in use.")


def _vpn_gateway(backend: Any, vpn_gateway_id: str) -> None:
    gateway = backend.vpn_gateways.get(vpn_gateway_id)
    attached = gateway is not None and any(one.state == "attached" for one in gateway.attachments.values())
    if attached or any(one.vpn_gateway_id == vpn_gateway_id for one in _there(backend.vpn_connections.values())):
        raise _needed("vpnGateway", vpn_gateway_id)


def _customer_gateway(backend: Any, customer_gateway_id: str) -> None:
    if any(one.customer_gateway_id == customer_gateway_id for one in _there(backend.vpn_connections.values())):
        raise EC2ClientError("IncorrectState", "The customer gateway is in use.")


def _transit_gateway(backend: Any, transit_gateway_id: str) -> None:
    attached = [
        one.id
        for one in _there(backend.transit_gateway_attachments.values())
        if one.transit_gateway_id == transit_gateway_id
    ]
    if attached:
        raise EC2ClientError(
            "IncorrectState", f"{transit_gateway_id} has non-deleted Attachments: {', '.join(attached)}."
        )


def _prefix_list(backend: Any, prefix_list_id: str) -> None:
    groups = [group for found in backend.groups.values() for group in found.values()]
    if any(rule.prefix_list_id == prefix_list_id for one in groups for rule in (*one.ingress_rules, *one.egress_rules)):
        raise DependencyViolationError(f"The prefix list '{prefix_list_id}' is in use and cannot be deleted.")


def _snapshot(backend: Any, snapshot_id: str) -> None:
    for image in backend.amis.values():
        if getattr(image, "ebs_snapshot", None) is not None and image.ebs_snapshot.id == snapshot_id:
            raise EC2ClientError(
                "InvalidSnapshot.InUse", f"The snapshot {snapshot_id} is currently in use by {image.id}"
            )
