"""What security groups and network ACLs of all VPCs let through between their interfaces, read from EC2's state.

Nothing on loopback drops packets, so whoever makes a connection for a container asks first: the load balancer asks
here, and a container reads what is posted in a folder: `rules`, with all groups and the ACL of each subnet; a file for
each interface, under its place on this machine, with its address, subnet and groups; and `groups.py` and `acls.py`,
which are `policy/security_groups.py` and `policy/network_acls.py`. A connection that stands goes on, whatever changes.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from drydock import disk
from drydock.embedded.carriers.black_hole import BlackHole
from drydock.embedded.core.host import Host
from drydock.policy import network_acls, security_groups
from drydock.policy.addresses import loopback
from drydock.policy.network_acls import Acl, Entry
from drydock.policy.security_groups import End, Rule, Rules

_FOLDER = "firewall"
_HTTPS = 443
_OUTSIDE = "127.0.0.1"  # where calls from outside of a VPC come from


class Firewall:
    """All groups and interfaces of a host, as they are after the last change. The host's lock is held."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._nowhere = host.helper(BlackHole).place
        self._rules: dict[str, Rules] = {}
        self._acls: dict[str, Acl] = {}  # by their subnets
        self._ends: dict[str, End] = {}  # by their place on this machine
        self._seen = -1
        self._posted_rules = ""
        self.folder = host.directory / _FOLDER
        disk.remove(self.folder)
        self.folder.mkdir()
        self.folder.chmod(0o755)
        shutil.copyfile(security_groups.__file__, self.folder / "groups.py")
        shutil.copyfile(network_acls.__file__, self.folder / "acls.py")
        host.every_tick("firewall", self._turn, patient=True)

    def lets(
        self,
        source: str,
        destination: str,
        port: int,
        *,
        guarded: bool,
        answers_to: tuple[int, int] = network_acls.OF_LINUX,
    ) -> bool:
        """Whether who has the address `source` may call `destination`; `guarded` by groups, or by ACLs alone.

        An address that no interface has is outside of every VPC: neither group nor ACL guards it.
        """
        self._look()
        ends = self._end(source), self._end(destination)
        if guarded and not security_groups.passes(self._rules, *ends, port):
            return False
        return network_acls.passes(self._acls, *ends, port, answers_to=answers_to)

    def hears(self, node: str, ports: Iterable[int]) -> bool:
        """Whether ACLs let anybody beyond its subnet call the node of a load balancer at one of these ports."""
        self._look()
        end = self._end(node)
        if end.subnet not in self._acls:
            return True
        others = self._beyond(end)
        return any(network_acls.passes(self._acls, other, end, port) for port in ports for other in others)

    def reaches_out(self, address: str) -> bool:
        """Whether ACLs let an interface make calls by HTTPS to anybody beyond its subnet."""
        self._look()
        end = self._end(address)
        if end.subnet not in self._acls:
            return True
        return any(network_acls.passes(self._acls, end, other, _HTTPS) for other in self._beyond(end))

    def _beyond(self, end: End) -> list[End]:
        """Whoever is not in its subnet: one for all who are outside of the VPC, and the interfaces of others."""
        return [End(_OUTSIDE), *(other for other in self._ends.values() if other.subnet != end.subnet)]

    def _end(self, address: str) -> End:
        return self._ends.get(loopback(address)) or End(address)

    def join(self, interface: Any) -> None:
        """An interface has been made, and not by a request."""
        self._look()
        self._put(loopback(interface.private_ip_address), _end(interface))

    def leave(self, address: str) -> None:
        """The interface at an address has been deleted, and not by a request."""
        self._drop(loopback(address))

    def _turn(self) -> None:
        if self._seen != self._host.changes:
            with self._host.lock:
                self._look()

    def _look(self) -> None:
        if self._seen == self._host.changes:
            return
        self._seen = self._host.changes
        backends = self._host.backends_so_far("ec2")
        self._rules = {group.id: _rules(backend, group) for backend in backends for group in _groups(backend)}
        self._acls = dict(each for backend in backends for each in _acls(backend))
        posted = json.dumps(
            {
                "nowhere": self._nowhere,
                "vpcs": [_on_loopback(vpc.cidr_block) for backend in backends for vpc in backend.vpcs.values()],
                "groups": {name: rules.as_json() for name, rules in self._rules.items()},
                "acls": {subnet: acl.as_json() for subnet, acl in self._acls.items()},
            }
        )
        if posted != self._posted_rules:
            self._post("rules", posted)
            self._posted_rules = posted
        ends = {loopback(eni.private_ip_address): _end(eni) for backend in backends for eni in backend.enis.values()}
        for place in self._ends.keys() - ends.keys():
            self._drop(place)
        for place, end in ends.items():
            if self._ends.get(place) != end:
                self._put(place, end)

    def _put(self, place: str, end: End) -> None:
        self._ends[place] = end
        self._post(place, " ".join((end.address, end.subnet or "", *(end.groups or ()))))

    def _post(self, name: str, text: str) -> None:
        """For whoever may enter the folder."""
        disk.write(self.folder / name, text.encode(), mode=0o644, lasting=False)

    def _drop(self, place: str) -> None:
        if self._ends.pop(place, None) is not None:
            (self.folder / place).unlink(missing_ok=True)


def _end(interface: Any) -> End:
    groups = tuple(group.id for group in interface.group_set)
    return End(interface.private_ip_address, groups, interface.subnet.id)


def _groups(backend: Any) -> Iterator[Any]:
    for groups in backend.groups.values():
        yield from groups.values()


def _rules(backend: Any, group: Any) -> Rules:
    return Rules(
        tuple(_rule(backend, rule) for rule in group.egress_rules),
        tuple(_rule(backend, rule) for rule in group.ingress_rules),
    )


def _rule(backend: Any, rule: Any) -> Rule:
    cidrs = [rule.cidr_ipv4] if rule.cidr_ipv4 else []
    if rule.prefix_list_id:
        prefixes = backend.managed_prefix_lists.get(rule.prefix_list_id)
        entries = prefixes.entries.get(prefixes.version, []) if prefixes else []
        cidrs += [entry["Cidr"] for entry in entries]
    group = rule.source_group.get("GroupId")
    return Rule(rule.ip_protocol, rule.from_port, rule.to_port, tuple(cidrs), (group,) if group else ())


def _acls(backend: Any) -> Iterator[tuple[str, Acl]]:
    """Subnets and their ACLs, but for those that let everything through."""
    for acl in backend.network_acls.values():
        entries = [entry for entry in acl.network_acl_entries if entry.cidr_block]
        out, into = (tuple(_entry(entry) for entry in entries if bool(entry.egress) is way) for way in (True, False))
        if not (network_acls.lets_everything(out) and network_acls.lets_everything(into)):
            for association in acl.associations:
                yield association.subnet_id, Acl(out, into)


def _entry(entry: Any) -> Entry:
    return Entry(
        entry.rule_number,
        entry.rule_action == "allow",
        entry.protocol,
        entry.cidr_block,
        entry.port_range_from,
        entry.port_range_to,
    )


def _on_loopback(cidr: str) -> str:
    network = ipaddress.ip_network(cidr)
    return f"{loopback(str(network.network_address))}/{max(network.prefixlen, 8)}"
