"""What security groups let through. Stateful: an answer always comes back.

Documented: Amazon VPC user guide, "Security group rules". What no rule lets through is dropped, so that who calls waits
until the time-out; nothing refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

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
    groups: frozenset[str] = frozenset()

    def lets(self, protocol: str, port: int, other: Other) -> bool:
        if self.protocol not in (ALL, protocol):
            return False
        if self.protocol != ALL and not (self.first or 0) <= port <= (65535 if self.last is None else self.last):
            return False
        return bool(self.groups & other.groups) or any(
            ip_address(other.address) in ip_network(cidr, strict=False) for cidr in self.cidrs
        )


@dataclass(frozen=True)
class Other:
    """The other end: its address, and the groups of its interface."""

    address: str
    groups: frozenset[str] = frozenset()


def lets(rules: Iterable[Rule], protocol: str, port: int, other: Other) -> bool:
    """Whether any of the rules does.

    >>> web = Rule("tcp", 80, 80, cidrs=("10.0.0.0/16",))
    >>> lets([web], "tcp", 80, Other("10.0.3.4")), lets([web], "tcp", 81, Other("10.0.3.4"))
    (True, False)
    """
    return any(rule.lets(protocol, port, other) for rule in rules)
