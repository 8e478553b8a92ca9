"""What security groups let through. Stateful: an answer always comes back.

Documented: Amazon VPC user guide, "Security group rules". What no rule lets through is dropped, so that who calls waits
until the time-out; nothing refuses.

Tasks read this file, too, by itself: it imports the standard library only, and runs on any Python 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from ipaddress import ip_address, ip_network
from typing import Any

ALL = "-1"


@dataclass(frozen=True)
class Rule:
    """Who may be talked to: of `protocol` ("tcp", "udp", or "-1" for all), at the ports `first` to `last`.

    The others are those in `cidrs`, whose host bits do not count, and those that are in a group of `groups`.
    """

    protocol: str
    first: int | None = None
    last: int | None = None
    cidrs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def lets(self, protocol: str, port: int, other: End) -> bool:
        if self.protocol not in (ALL, protocol):
            return False
        if self.protocol != ALL and not (self.first or 0) <= port <= (65535 if self.last is None else self.last):
            return False
        return not set(self.groups).isdisjoint(other.groups or ()) or any(
            ip_address(other.address) in ip_network(cidr, strict=False) for cidr in self.cidrs
        )


@dataclass(frozen=True)
class Rules:
    """Those of a group: for calls of its own, and for calls to its own."""

    egress: tuple[Rule, ...] = ()
    ingress: tuple[Rule, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, given: Mapping[str, Iterable[Mapping[str, Any]]]) -> Rules:
        return cls(**{way: tuple(Rule(**rule) for rule in rules) for way, rules in given.items()})


@dataclass(frozen=True)
class End:
    """One end of a call: its address, and groups and subnet of its interface; None outside of every VPC."""

    address: str
    groups: tuple[str, ...] | None = None
    subnet: str | None = None


def lets(rules: Iterable[Rule], protocol: str, port: int, other: End) -> bool:
    """Whether any of the rules does.

    >>> web = Rule("tcp", 80, 80, cidrs=("10.0.0.0/16",))
    >>> lets([web], "tcp", 80, End("10.0.3.4")), lets([web], "tcp", 81, End("10.0.3.4"))
    (True, False)
    """
    return any(rule.lets(protocol, port, other) for rule in rules)


def passes(groups: Mapping[str, Rules], source: End, destination: End, port: int, protocol: str = "tcp") -> bool:
    """Whether a call comes through: the groups of its source let it out, and those of its destination in.

    >>> groups = {"sg-web": Rules(egress=(Rule("-1", cidrs=("0.0.0.0/0",)),)),
    ...           "sg-db": Rules(ingress=(Rule("tcp", 5432, 5432, groups=("sg-web",)),))}
    >>> web, database = End("10.0.1.4", ("sg-web",)), End("10.0.2.4", ("sg-db",))
    >>> passes(groups, web, database, 5432), passes(groups, database, web, 80), passes(groups, web, End("1.1.1.1"), 443)
    (True, False, True)
    """
    out = (rule for group in source.groups or () if group in groups for rule in groups[group].egress)
    into = (rule for group in destination.groups or () if group in groups for rule in groups[group].ingress)
    may_go = source.groups is None or lets(out, protocol, port, destination)
    return may_go and (destination.groups is None or lets(into, protocol, port, source))
