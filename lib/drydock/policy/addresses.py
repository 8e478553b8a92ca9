"""Addresses of a VPC: which ones AWS keeps, which one comes next, and where each is found on this machine."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
from urllib.parse import unquote, urlsplit

LOOPBACK = IPv4Network("127.0.0.0/8")
_S3_NAME = r"s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?"
_S3 = re.compile(_S3_NAME)
_BUCKET = re.compile(rf"(?P<bucket>[a-z0-9][a-z0-9.-]*?)\.(?:{_S3_NAME}|(?:s3\.)?localhost(?:\.localstack\.cloud)?)")

# "IP address targets must come from the VPC, RFC 1918 or RFC 6598; publicly routable ones are refused"
# (ELB user guide, target type ip).
PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))


@dataclass(frozen=True)
class Subnet:
    """A part of a VPC, which lies in one zone."""

    id: str
    zone: str


class NoFreeAddress(Exception):
    """Every usable address of the subnet is taken."""

    def __init__(self, cidr: str) -> None:
        super().__init__(f"subnet {cidr} has no free address left: release one or create a larger subnet")
        self.cidr = cidr


def loopback(address: str) -> str:
    """The loopback address that stands for a VPC address: itself in 127.0.0.0/8, else with 127 first.

    >>> loopback("172.31.16.5"), loopback("127.10.0.9")
    ('127.31.16.5', '127.10.0.9')
    """
    host = int(IPv4Address(address)) & int(LOOPBACK.hostmask)
    return str(IPv4Address(int(LOOPBACK.network_address) | host))


def reserved(cidr: str) -> tuple[str, ...]:
    """The five addresses AWS keeps in every subnet: the first four and the last (VPC guide, subnet sizing).

    >>> reserved("10.0.0.0/24")
    ('10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.255')
    """
    network = IPv4Network(cidr)
    return tuple(str(network[i]) for i in (0, 1, 2, 3, -1))


def resolver(vpc_cidr: str) -> str:
    """The address of the VPC's DNS resolver: the base of the VPC's range plus two.

    >>> resolver("127.10.0.0/16")
    '127.10.0.2'
    """
    return str(IPv4Network(vpc_cidr)[2])


def next_free(cidr: str, taken: Collection[str], after: str | None = None) -> str:
    """The lowest usable address of the subnet above ``after`` that is not taken, starting over at the end.

    Passing the address given out last as ``after`` keeps one that was just released out of use for as long as
    possible. Raises NoFreeAddress.

    >>> next_free("10.0.0.0/24", {"10.0.0.4"})
    '10.0.0.5'
    """
    network = IPv4Network(cidr)
    first, last = int(network[0]) + 4, int(network[-1]) - 1
    start = first if after is None else min(max(int(IPv4Address(after)) + 1, first), last + 1)
    for number in itertools.chain(range(start, last + 1), range(first, min(start, last + 1))):
        if (address := str(IPv4Address(number))) not in taken:
            return address
    raise NoFreeAddress(cidr)


def can_be_target(address: str, vpc_cidrs: Iterable[str]) -> bool:
    """Whether a target group of type ip takes this address: inside the VPC, RFC 1918 or RFC 6598."""
    try:
        candidate = IPv4Address(address)
    except ValueError:
        return False
    return any(candidate in network for network in (*PRIVATE, *map(IPv4Network, vpc_cidrs)))


def object_at(url: str) -> tuple[str, str] | None:
    """(bucket, key) of an S3 object by its URL; None where it names none.

    The bucket is the path's first part at S3's own names and at this machine's, else what comes before these in the
    host name (documented: S3 User Guide, "Virtual hosting of buckets").

    >>> object_at("http://127.0.0.1:4566/templates/a/web.json")
    ('templates', 'a/web.json')
    >>> object_at("https://my.templates.s3.eu-west-1.amazonaws.com/web.json")
    ('my.templates', 'web.json')
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    path = unquote(parts.path.removeprefix("/"))
    if _is_local(host) or _S3.fullmatch(host):
        bucket, _, key = path.partition("/")
    else:
        named = _BUCKET.fullmatch(host)
        bucket, key = (named["bucket"] if named else ""), path
    return (bucket, key) if parts.scheme in ("http", "https") and bucket and key else None


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "localhost.localstack.cloud", "s3.localhost.localstack.cloud")
