"""Security groups: what moto accepts and EC2 does not, and the default group of a VPC as AWS makes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupRule

from drydock.embedded.core import seams

_NAMES = {"tcp": "TCP", "6": "TCP", "udp": "UDP", "17": "UDP"}


def install() -> None:
    create_group = seams.original(EC2Backend, "create_security_group")
    create_interface = seams.original(EC2Backend, "create_network_interface")
    modify_interface = seams.original(EC2Backend, "modify_network_interface_attribute")
    modify_rules = seams.original(EC2Backend, "modify_security_group_rules")
    make_rule = seams.original(SecurityGroupRule, "__init__")

    def create_security_group(self: Any, *args: Any, **given: Any) -> Any:
        """Source: Amazon VPC user guide, "Default security groups for your VPCs"."""
        group = create_group(self, *args, **given)
        if group.is_default:
            with seams.by_the_way():
                own = {"GroupId": group.id, "UserId": group.owner_id}
                rule = SecurityGroupRule(self, "-1", group.id, None, None, None, own, is_egress=False)
            group.ingress_rules.append(rule)
        return group

    def get_security_group_from_id(self: Any, group_id: str) -> Any | None:
        """Without a look at all of them, of which moto takes one for each that is made."""
        return next((groups[group_id] for groups in self.groups.values() if group_id in groups), None)

    def create_network_interface(
        self: Any, subnet: Any, address: Any, addresses: Any = None, group_ids: Any = None, *args: Any, **given: Any
    ) -> Any:
        known = subnet if hasattr(subnet, "vpc_id") else self.get_subnet(subnet)
        _hold(self, group_ids or (), known)
        return create_interface(self, subnet, address, addresses, group_ids, *args, **given)

    def modify_network_interface_attribute(self: Any, eni_id: str, group_ids: Any, *args: Any, **given: Any) -> None:
        _hold(self, group_ids or (), self.get_network_interface(eni_id).subnet)
        modify_interface(self, eni_id, group_ids, *args, **given)

    def rule(
        self: Any,
        ec2_backend: Any,
        ip_protocol: Any,
        group_id: Any,
        from_port: Any,
        to_port: Any,
        *rest: Any,
        **given: Any,
    ) -> None:
        _hold_ports(ip_protocol, from_port, to_port)
        make_rule(self, ec2_backend, ip_protocol, group_id, from_port, to_port, *rest, **given)

    def modify_security_group_rules(self: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
        for one in rules.values():
            _hold_ports(one.get("IpProtocol"), one.get("FromPort"), one.get("ToPort"))
        modify_rules(self, group_id, rules)

    seams.replace(
        EC2Backend,
        create_security_group=create_security_group,
        get_security_group_from_id=get_security_group_from_id,
        create_network_interface=create_network_interface,
        modify_network_interface_attribute=modify_network_interface_attribute,
        modify_security_group_rules=modify_security_group_rules,
    )
    seams.replace(SecurityGroupRule, __init__=rule)


def _hold(backend: Any, groups: Iterable[str], subnet: Any) -> None:
    """Refuse groups that do not exist or are of another VPC than the subnet."""
    for identifier in groups:
        group = backend.get_security_group_from_id(identifier)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(identifier)
        if group.vpc_id != subnet.vpc_id:
            raise EC2ClientError(
                "InvalidParameter",
                f"Security group {identifier} and subnet {subnet.id} belong to different networks.",
            )


def _hold_ports(protocol: Any, first: Any, last: Any) -> None:
    """Refuse what is no range of ports. Source: EC2 API reference, "IpPermission"."""
    name = _NAMES.get(str(protocol).lower())
    if name is None:
        return
    if first is None or last is None or -1 in (int(first), int(last)):
        raise EC2ClientError(
            "InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
        )
    if not 0 <= int(first) <= int(last) <= 65535:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Invalid value '{first}-{last}' for portRange: {name} ports go from 0 to 65535, and FromPort is not above "
            "ToPort.",
        )
