"""What the security groups of a VPC let through between its interfaces, read from EC2's state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drydock.embedded.core.host import Host
from drydock.policy.security_groups import Other, Rule, lets


class Firewall:
    """The groups of one region as they are now. The host's lock is held while it is used."""

    def __init__(self, host: Host, region: str) -> None:
        self._backend = host.backend("ec2", region)
        self._interfaces = {eni.private_ip_address: eni for eni in self._backend.enis.values()}
        self._read: dict[tuple[str, str], list[Rule]] = {}

    def lets(self, source: str, destination: str, port: int, protocol: str = "tcp") -> bool:
        """Whether who has the address `source` may call `destination`.

        An address that no interface has is outside of every VPC: no group guards it.
        """
        here, there = self._interfaces.get(source), self._interfaces.get(destination)
        source_end, destination_end = Other(source, _groups(here)), Other(destination, _groups(there))
        may_go = here is None or lets(self._rules(here, "egress_rules"), protocol, port, destination_end)
        return may_go and (there is None or lets(self._rules(there, "ingress_rules"), protocol, port, source_end))

    def _rules(self, interface: Any, kind: str) -> Iterator[Rule]:
        for group in interface.group_set:
            if (group.id, kind) not in self._read:
                self._read[group.id, kind] = [self._rule(one) for one in getattr(group, kind)]
            yield from self._read[group.id, kind]

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
