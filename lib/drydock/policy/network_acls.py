"""What network ACLs let through between subnets. Stateless: what answers a call has to be let through as well.

Documented: Amazon VPC user guide, "Control subnet traffic with network access control lists": entries are looked at in
the order of their numbers, the first that matches decides, what none matches is denied; traffic within a subnet is not
looked at, nor is the VPC's resolver; "Ephemeral ports" names those that answers come to. Derived: a call of which only
some answers would come back is one that does not come through, so that it is the same each time.

Tasks read this file, too, by itself: it imports the standard library only, and runs on any Python 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydock.policy.security_groups import End

ALL = "-1"
NUMBERS = {"tcp": "6", "udp": "17"}
OF_LINUX = (32768, 60999)
"""Ports that a task calls from."""
OF_LOAD_BALANCERS = (1024, 65535)
"""Ports that a node of a load balancer calls from."""


@dataclass(frozen=True)
class Entry:
    """What is done with packets of `protocol` (its number, or "-1" for all) between the subnet and `cidr`.

    `first` and `last` are the ports that they go to; None for all.
    """

    number: int
    allows: bool
    protocol: str
    cidr: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Acl:
    """Entries for what leaves its subnets, and for what comes in."""

    egress: tuple[Entry, ...] = ()
    ingress: tuple[Entry, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, given: Mapping[str, Iterable[Mapping[str, Any]]]) -> Acl:
        return cls(**{way: tuple(Entry(**entry) for entry in entries) for way, entries in given.items()})


def lets(entries: Iterable[Entry], protocol: str, other: str, first: int, last: int | None = None) -> bool:
    """Whether packets to all ports from `first` to `last` (or to `first` alone) come through. `other`: the other end.

    >>> web = [Entry(100, True, "6", "0.0.0.0/0", 80, 80), Entry(90, False, "-1", "10.0.3.0/24")]
    >>> [lets(web, "tcp", other, 80) for other in ("10.0.1.4", "10.0.3.4")]
    [True, False]
    """
    open_ports = [(first, first if last is None else last)]
    for entry in sorted(entries, key=lambda entry: entry.number):
        if entry.protocol not in (ALL, NUMBERS[protocol]):
            continue
        if ip_address(other) not in ip_network(entry.cidr, strict=False):
            continue
        ports = entry.protocol != ALL and entry.first is not None
        low, high = (entry.first or 0, 65535 if entry.last is None else entry.last) if ports else (0, 65535)
        rest = []
        for begin, end in open_ports:
            if end < low or high < begin:
                rest.append((begin, end))
                continue
            if not entry.allows:
                return False
            rest += [part for part in ((begin, low - 1), (high + 1, end)) if part[0] <= part[1]]
        open_ports = rest
        if not open_ports:
            return True
    return False


def lets_everything(entries: Iterable[Entry]) -> bool:
    """Whether the first of the entries lets all packets through, as that of a default ACL does."""
    first = min(entries, key=lambda entry: entry.number, default=None)
    return first is not None and first.allows and first.protocol == ALL and ip_network(first.cidr).prefixlen == 0


def passes(
    acls: Mapping[str, Acl],
    source: End,
    destination: End,
    port: int,
    protocol: str = "tcp",
    answers_to: tuple[int, int] = OF_LINUX,
) -> bool:
    """Whether a call comes through, and what answers it. `acls`: by subnet; one that has none is open.

    `answers_to` are the ports that it may come from. A datagram has to be let through, and no answer to it.

    >>> from drydock.policy.security_groups import End
    >>> everything, nothing = Entry(100, True, "-1", "0.0.0.0/0"), Acl()
    >>> acls = {"a": Acl((everything,), (everything,)), "b": nothing}
    >>> here, there, beside = [End(f"10.0.{net}.4", subnet=name) for net, name in ((1, "a"), (2, "b"), (2, "b"))]
    >>> passes(acls, here, there, 80), passes(acls, here, End("1.1.1.1"), 443), passes(acls, there, beside, 80)
    (False, True, True)
    """
    if source.subnet is not None and source.subnet == destination.subnet:
        return True
    out, back = acls.get(source.subnet or ""), acls.get(destination.subnet or "")
    asks = (out is None or lets(out.egress, protocol, destination.address, port)) and (
        back is None or lets(back.ingress, protocol, source.address, port)
    )
    if not asks or protocol != "tcp":
        return asks
    return (back is None or lets(back.egress, protocol, source.address, *answers_to)) and (
        out is None or lets(out.ingress, protocol, destination.address, *answers_to)
    )
