"""The resolver of each VPC: a DNS server that answers Cloud Map's names, over UDP and TCP.

It answers names of the private namespaces of its VPC and of public namespaces. Other names below .internal,
a top level that no public server has, do not exist. Every other name it refuses, so that a client asks its
next resolver. Route 53 needs both DNS attributes of a VPC to be on for
private zones; without them it refuses, and an extended error (RFC 8914) says why.

As AWS's it caches: an answer, also that there is none, is repeated for its TTL, which counts down. TTLs are AWS
seconds here; a client counts them in its own.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import random
import selectors
import socket
import struct
import threading
from collections.abc import Iterable
from typing import Any

from dnslib import (
    AAAA,
    CLASS,
    CNAME,
    EDNS0,
    NS,
    OPCODE,
    QTYPE,
    RCODE,
    RR,
    SOA,
    SRV,
    A,
    DNSHeader,
    DNSRecord,
    EDNSOption,
)

from drydock.embedded.carriers.remembered import Remembered
from drydock.embedded.carriers.runtime.shim._drydock_rules import DNS_PORT
from drydock.embedded.carriers.zones import RecordSet, Srv, Zone, Zones
from drydock.embedded.core.host import Host
from drydock.policy.addresses import loopback

log = logging.getLogger(__name__)

PORTS = (DNS_PORT, 8053)
UDP_SIZE = 1232
PLAIN_UDP_SIZE = 512
TCP_PATIENCE = 5.0
NAME_SERVERS = (
    "ns-1536.awsdns-00.co.uk",
    "ns-0.awsdns-00.com",
    "ns-1024.awsdns-00.org",
    "ns-512.awsdns-00.net",
)
NS_TTL = 172800
SOA_TIMES = (1, 7200, 900, 1209600, 86400)
MAX_CHAIN = 8
PRIVATE_TOP_LEVEL = ".internal"
_EXTENDED_ERROR = 15
_PROHIBITED = 18
_BADVERS = 1
_LOOK_EVERY = 1.0  # our seconds between two looks for VPCs that are no more


class Resolver:
    """A DNS server per VPC, started when its address is first asked for, and ended when the VPC is deleted.

    `address(vpc_id, region)` is where it listens: the VPC's base + 2, on port 53 if this user may, else on
    8053, and on any free one where those are taken.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._zones = host.helper(Zones)
        self._rng = random.Random(f"{host.seed}:dns")
        self._lock = threading.Lock()
        self._addresses: dict[tuple[str, str], tuple[str, int]] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._sockets: dict[tuple[str, str], tuple[socket.socket, socket.socket]] = {}
        self._remembered: dict[tuple[str, str], Remembered] = {}
        self._look_at = 0.0
        self._closing = False
        self._thread: threading.Thread | None = None
        host.on_close(self.close)
        host.every_tick("dns", self._end_those_of_no_vpc, patient=True)

    def address(self, vpc_id: str, region: str) -> tuple[str, int]:
        """(address, port) of the VPC's resolver; raises LookupError if there is no such VPC."""
        with self._lock:
            if (vpc_id, region) not in self._addresses:
                self._addresses[vpc_id, region] = self._start(vpc_id, region)
            return self._addresses[vpc_id, region]

    def close(self) -> None:
        self._closing = True
        self._wake.send(b"x")
        if self._thread is not None:
            self._thread.join(timeout=5)
        for each in (*(each for pair in self._sockets.values() for each in pair), self._wake, self._woken):
            each.close()
        self._selector.close()

    def _end_those_of_no_vpc(self) -> None:
        if self._host.clock.elapsed() < self._look_at:
            return
        self._look_at = self._host.clock.elapsed() + _LOOK_EVERY
        with self._lock:
            for key in [key for key in self._addresses if self._vpc(*key) is None]:
                del self._addresses[key]
                self._remembered.pop(key, None)
                for each in self._sockets.pop(key):
                    self._selector.unregister(each)
                    each.close()

    def _start(self, vpc_id: str, region: str) -> tuple[str, int]:
        vpc = self._vpc(vpc_id, region)
        if vpc is None:
            raise LookupError(f"no VPC {vpc_id} in {region}; create it before its resolver is asked for")
        base = ipaddress.ip_network(vpc.cidr_block).network_address + 2
        udp, tcp = _bound(loopback(str(base)))
        self._sockets[vpc_id, region] = udp, tcp
        for each in (udp, tcp):
            self._selector.register(each, selectors.EVENT_READ, (vpc_id, region))
        self._wake.send(b"x")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="drydock-dns", daemon=True)
            self._thread.start()
        address = udp.getsockname()
        log.info("DNS of %s on %s:%s", vpc_id, *address)
        return address[0], address[1]

    def _vpc(self, vpc_id: str, region: str) -> Any:
        return self._host.backend("ec2", region).vpcs.get(vpc_id)

    def _serve(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._woken.recv(4096)
                elif key.fileobj.type == socket.SOCK_DGRAM:  # type: ignore[union-attr]
                    self._answer_datagram(key.fileobj, *key.data)  # type: ignore[arg-type]
                else:
                    self._accept(key.fileobj, *key.data)  # type: ignore[arg-type]

    def _answer_datagram(self, udp: socket.socket, vpc_id: str, region: str) -> None:
        with contextlib.suppress(OSError):
            query, client = udp.recvfrom(65535)
            reply = self.answer(query, vpc_id, region, udp=True)
            if reply is not None:
                udp.sendto(reply, client)

    def _accept(self, tcp: socket.socket, vpc_id: str, region: str) -> None:
        with contextlib.suppress(OSError):
            connection, _ = tcp.accept()
            connection.setblocking(True)
            threading.Thread(
                target=self._converse, args=(connection, vpc_id, region), name="drydock-dns-tcp", daemon=True
            ).start()

    def _converse(self, connection: socket.socket, vpc_id: str, region: str) -> None:
        connection.settimeout(TCP_PATIENCE)
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while (size := stream.read(2)) and len(size) == 2:
                query = stream.read(int.from_bytes(size))
                reply = self.answer(query, vpc_id, region, udp=False)
                if reply is None:
                    return
                connection.sendall(len(reply).to_bytes(2) + reply)

    def answer(self, query: bytes, vpc_id: str, region: str, *, udp: bool) -> bytes | None:
        """The answer to a query of that VPC, as wire bytes; None for what is no query at all."""
        try:
            zones, refused = self._visible(vpc_id, region)
            remembered = self._remembered.setdefault((vpc_id, region), Remembered())
            return answer(query, zones, refused, self._host.clock.time(), self._rng, remembered, udp=udp)
        except Exception:
            log.exception("a DNS query to %s could not be answered", vpc_id)
            return _failure(query, RCODE.SERVFAIL)

    def _visible(self, vpc_id: str, region: str) -> tuple[list[Zone], str | None]:
        """The zones that the VPC sees, and why it may see no private one."""
        vpc = self._vpc(vpc_id, region)
        off = [] if vpc is None else [
            shown
            for shown, attribute in (
                ("enableDnsSupport", vpc.enable_dns_support),
                ("enableDnsHostnames", vpc.enable_dns_hostnames),
            )
            if str(attribute).lower() != "true"
        ]  # fmt: skip
        visible = [
            zone
            for (zone_region, _), zone in list(self._zones.now().items())
            if zone.vpc is None or (zone.vpc == vpc_id and zone_region == region)
        ]
        return visible, f"private zones need {' and '.join(off)} of {vpc_id} to be on" if off else None


def _bound(address: str) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a listening TCP socket on the same port of `address`."""
    for port in (*PORTS, *[0] * 20):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((address, port))
            udp.bind((address, tcp.getsockname()[1]))
            tcp.listen(64)
        except OSError as error:
            tcp.close()
            udp.close()
            failed = error
            continue
        tcp.setblocking(False)
        udp.setblocking(False)
        return udp, tcp
    raise OSError(failed.errno, f"no port for a DNS server on {address}: {failed.strerror}")


def answer(
    query: bytes,
    zones: Iterable[Zone],
    refused: str | None,
    now: float,
    rng: random.Random,
    remembered: Remembered,
    *,
    udp: bool,
) -> bytes | None:
    """The wire answer to a wire query over `zones`, or what is `remembered` of it.

    `refused`: why private zones can't be asked, or None. `now`, in AWS seconds, decides on health and age.
    """
    if len(query) < 12 or query[2] & 0x80:
        return None
    try:
        request = DNSRecord.parse(query)
    except Exception:
        return _failure(query, RCODE.FORMERR)
    options = next((rr for rr in request.ar if rr.rtype == QTYPE.OPT), None)
    asked = request.header
    reply = DNSRecord(DNSHeader(id=asked.id, qr=1, opcode=asked.opcode, rd=asked.rd, ra=1))
    reply.questions = list(request.questions[:1])
    extended: list[EDNSOption] = []
    version_bad = options is not None and (options.ttl >> 16) & 0xFF != 0
    if request.header.opcode != OPCODE.QUERY:
        reply.header.rcode = RCODE.NOTIMP
    elif len(request.questions) != 1:
        reply.header.rcode = RCODE.FORMERR
    elif not version_bad and (refused or not remembered.fill(reply, now)):
        why = _resolve(reply, list(zones), refused, now, rng)
        if why:
            extended = [EDNSOption(_EXTENDED_ERROR, struct.pack("!H", _PROHIBITED) + why.encode())]
        remembered.keep(reply, now)
    size = 65535
    if options is not None:
        reply.add_ar(EDNS0(udp_len=UDP_SIZE, ext_rcode=_BADVERS if version_bad else 0, opts=extended))
    if udp:
        size = min(max(options.rclass, PLAIN_UDP_SIZE), 4096) if options is not None else PLAIN_UDP_SIZE
    packed = reply.pack()
    return packed if len(packed) <= size else _truncated(reply)


def _truncated(reply: DNSRecord) -> bytes:
    reply.header.tc = 1
    reply.rr, reply.auth = [], []
    reply.ar = [rr for rr in reply.ar if rr.rtype == QTYPE.OPT]
    return bytes(reply.pack())


def _failure(query: bytes, rcode: int) -> bytes | None:
    if len(query) < 12 or query[2] & 0x80:
        return None
    flags = 0x80 | (query[2] & 0x79), 0x80 | rcode
    return query[:2] + bytes(flags) + bytes(8)


def _resolve(reply: DNSRecord, zones: list[Zone], refused: str | None, now: float, rng: random.Random) -> str | None:
    question = reply.q
    asked = question.qname
    name = ".".join(_text(asked))
    zone = _zone_of(name, zones)
    if question.qclass not in (CLASS.IN, 255) or zone is None:
        nowhere = name.endswith(PRIVATE_TOP_LEVEL)
        reply.header.aa = int(nowhere)
        reply.header.rcode = RCODE.NXDOMAIN if nowhere else RCODE.REFUSED
        return None
    if zone.vpc is not None and refused:
        reply.header.rcode = RCODE.REFUSED
        return refused
    reply.header.aa = 1
    owner: object = asked
    for _ in range(MAX_CHAIN):
        sets: dict[str, Any] = (
            {**_apex(zone), **zone.names.get(name, {})} if name == zone.name else zone.names.get(name, {})
        )
        if "CNAME" in sets and question.qtype not in (QTYPE.CNAME, QTYPE.ANY):
            target = str(sets["CNAME"].chosen(now, rng)[0]).rstrip(".")
            reply.add_answer(RR(owner, QTYPE.CNAME, rdata=CNAME(target), ttl=sets["CNAME"].ttl))
            name, owner = target.lower(), target
            following = _zone_of(name, zones)
            if following is None:
                return None
            zone = following
            continue
        wanted = sets.values() if question.qtype == QTYPE.ANY else [sets.get(_type_name(question.qtype))]
        for found in wanted:
            if isinstance(found, list):
                reply.add_answer(*[RR(owner, rr.rtype, rdata=rr.rdata, ttl=rr.ttl) for rr in found])
            elif found is not None:
                _add(reply, owner, found, zone, now, rng)
        if not any(rr.rtype == question.qtype or question.qtype == QTYPE.ANY for rr in reply.rr):
            reply.header.rcode = RCODE.NOERROR if zone.exists(name) else RCODE.NXDOMAIN
            reply.add_auth(_soa(zone, min(zone.soa_ttl, SOA_TIMES[-1])))
        return None
    reply.header.rcode = RCODE.SERVFAIL
    return None


def _text(name: object) -> list[str]:
    labels = name.label  # type: ignore[attr-defined]
    return [label.decode("latin-1").lower().replace(".", "\\046") for label in labels]


def _type_name(number: int) -> str:
    return str(QTYPE.forward.get(number, ""))


def _zone_of(name: str, zones: list[Zone]) -> Zone | None:
    return max((zone for zone in zones if zone.holds(name)), key=lambda zone: len(zone.name), default=None)


def _apex(zone: Zone) -> dict[str, list[RR]]:
    servers = [RR(zone.name, QTYPE.NS, rdata=NS(server), ttl=NS_TTL) for server in NAME_SERVERS]
    return {"SOA": [_soa(zone, zone.soa_ttl)], "NS": servers}


def _soa(zone: Zone, ttl: int) -> RR:
    rdata = SOA(NAME_SERVERS[0], "awsdns-hostmaster.amazon.com", SOA_TIMES)
    return RR(zone.name, QTYPE.SOA, rdata=rdata, ttl=ttl)


def _add(reply: DNSRecord, owner: object, found: RecordSet, zone: Zone, now: float, rng: random.Random) -> None:
    for data in found.chosen(now, rng):
        reply.add_answer(_rr(owner, found, data))
        if isinstance(data, tuple):
            for host in zone.names.get(data[3].lower(), {}).values():
                for address in host.chosen(now, rng):
                    reply.add_ar(_rr(data[3], host, address))


def _rr(owner: object, found: RecordSet, data: str | Srv) -> RR:
    if isinstance(data, tuple):
        rdata: object = SRV(*data)
    else:
        rdata = {"A": A, "AAAA": AAAA, "CNAME": CNAME}[found.type](data)
    return RR(owner, getattr(QTYPE, found.type), rdata=rdata, ttl=found.ttl)
