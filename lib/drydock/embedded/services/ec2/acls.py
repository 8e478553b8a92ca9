"""Network ACLs: what moto accepts and EC2 does not, and the entries that each has from the start.

Documented: EC2 API reference, CreateNetworkAclEntry and its neighbours, and "Error codes"; messages are ours in their
form.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.network_acls import NetworkAcl, NetworkAclEntry

from drydock.embedded.core import seams

LAST = 32767
"""The number of the entry that denies what no other has matched; it can be neither changed nor deleted."""


def install() -> None:
    create = seams.original(EC2Backend, "create_network_acl")
    create_entry = seams.original(EC2Backend, "create_network_acl_entry")
    replace_association = seams.original(EC2Backend, "replace_network_acl_association")

    def create_network_acl(self: Any, vpc_id: str, tags: Any = None, default: bool = False) -> Any:
        made = create(self, vpc_id, tags, default)
        if not default:
            made.network_acl_entries += [_last(self, made, egress) for egress in (True, False)]
        return made

    def create_network_acl_entry(self: Any, network_acl_id: str, rule_number: int, *args: Any, **given: Any) -> Any:
        _hold(self.get_network_acl(network_acl_id), rule_number, given)
        return create_entry(self, network_acl_id, rule_number, *args, **given)

    def delete_network_acl_entry(self: Any, network_acl_id: str, rule_number: int, egress: bool) -> Any:
        acl = self.get_network_acl(network_acl_id)
        if rule_number == LAST:
            raise _invalid(f"The entry {LAST} of a network ACL cannot be deleted.")
        entry = _found(acl, rule_number, egress)
        acl.network_acl_entries.remove(entry)
        return entry

    def replace_network_acl_entry(
        self: Any, network_acl_id: str, rule_number: int, *args: Any, egress: bool, **given: Any
    ) -> Any:
        acl = self.get_network_acl(network_acl_id)
        _found(acl, rule_number, egress)
        _hold(acl, rule_number, given)
        delete_network_acl_entry(self, network_acl_id, rule_number, egress)
        return create_entry(self, network_acl_id, rule_number, *args, egress=egress, **given)

    def replace_network_acl_association(self: Any, association_id: str, network_acl_id: str) -> Any:
        target = self.get_network_acl(network_acl_id)
        for acl in self.network_acls.values():
            if association_id in acl._associations:
                if acl.vpc_id != target.vpc_id:
                    raise _invalid(f"{network_acl_id} and the subnet of {association_id} belong to different networks.")
                return replace_association(self, association_id, network_acl_id)
        raise EC2ClientError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")

    seams.replace(
        EC2Backend,
        create_network_acl=create_network_acl,
        create_network_acl_entry=create_network_acl_entry,
        delete_network_acl_entry=delete_network_acl_entry,
        replace_network_acl_entry=replace_network_acl_entry,
        replace_network_acl_association=replace_network_acl_association,
    )


def _last(backend: Any, acl: NetworkAcl, egress: bool) -> NetworkAclEntry:
    return NetworkAclEntry(backend, acl.id, LAST, "-1", "deny", egress, "0.0.0.0/0", None, None, None, None, None)


def _found(acl: NetworkAcl, number: int, egress: bool) -> NetworkAclEntry:
    for entry in acl.network_acl_entries:
        if entry.rule_number == number and entry.egress == egress:
            return entry
    way = "egress" if egress else "ingress"
    raise EC2ClientError(
        "InvalidNetworkAclEntry.NotFound",
        f"The network acl entry identified by {number} ({way}) does not exist in {acl.id}.",
    )


def _hold(acl: NetworkAcl, number: int, given: dict[str, Any]) -> None:
    """Refuse an entry that EC2 would. The last one of a default ACL is moto's own, made once."""
    if not 1 <= int(number) < LAST and not (acl.default and number == LAST):
        raise _invalid(f"Invalid value '{number}' for ruleNumber: it is from 1 to {LAST - 1}.")
    protocol, first, last = str(given["protocol"]), given["port_range_from"], given["port_range_to"]
    if not re.fullmatch("-1|[0-9]{1,3}", protocol) or int(protocol) > 255:
        raise _invalid(f"Invalid value '{protocol}' for protocol: it is a number, or -1 for all.")
    if not (given["cidr_block"] or given["ipv6_cidr_block"]):
        raise EC2ClientError("MissingParameter", "The request must contain the parameter cidrBlock or ipv6CidrBlock")
    for block in filter(None, (given["cidr_block"], given["ipv6_cidr_block"])):
        try:
            ip_network(block, strict=False)
        except ValueError:
            raise _invalid(f"Value ({block}) for parameter cidrBlock is invalid: it is no CIDR block.") from None
    if protocol in ("6", "17") and (first is None or last is None or not 0 <= int(first) <= int(last) <= 65535):
        raise _invalid(f"Invalid value '{first}-{last}' for portRange: TCP and UDP need ports from 0 to 65535.")
    if protocol == "1" and given["icmp_type"] is None:
        raise EC2ClientError("MissingParameter", "The request must contain the parameter icmpTypeCode")


def _invalid(message: str) -> EC2ClientError:
    return EC2ClientError("InvalidParameterValue", message)
