"""What the security groups of a VPC let through between its interfaces, read from EC2's state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drydock.embedded.core.host import Host
from drydock.policy.security_groups import Other, Rule, lets


class Firewall:
    """The groups of one region as they are now. The host's lock is held while it is used."""

    def __init__(self, host: Host, region: str) -> None:
        self._backend = host.backend("ec2", region)
        self._interfaces = {eni.private_ip_address: eni for eni in self._backend.enis.values()}

    def lets(self, source: str, destination: str, port: int, protocol: str = "tcp") -> bool:
        """Whether who has the address `source` may call `destination`.

        An address that no interface has is outside of every VPC: no group guards it.
        """
        here, there = self._interfaces.get(source), self._interfaces.get(destination)
        source_end, destination_end = Other(source, _groups(here)), Other(destination, _groups(there))
        may_go = here is None or lets(self._rules(source_end.groups, "egress_rules"), protocol, port, destination_end)
        return may_go and (
            there is None or lets(self._rules(destination_end.groups, "ingress_rules"), protocol, port, source_end)
        )

    def _rules(self, groups: Iterable[str], kind: str) -> list[Rule]:
        found = (self._backend.get_security_group_from_id(group) for group in groups)
        return [self._rule(one) for group in found if group is not None for one in getattr(group, kind)]

    def _rule(self, rule: Any) -> Rule:
        cidrs = [rule.cidr_ipv4] if rule.cidr_ipv4 else []
        if rule.prefix_list_id:
            prefixes = self._backend.managed_prefix_lists.get(rule.prefix_list_id)
            entries = prefixes.entries.get(prefixes.version, []) if prefixes else []
            cidrs += [entry["Cidr"] for entry in entries]
        group = rule.source_group.get("GroupId")
        return Rule(rule.ip_protocol, rule.from_port, rule.to_port, tuple(cidrs), frozenset([group] if group else []))


def _groups(interface: Any) -> frozenset[str]:
    return frozenset() if interface is None else frozenset(group.id for group in interface.group_set)
