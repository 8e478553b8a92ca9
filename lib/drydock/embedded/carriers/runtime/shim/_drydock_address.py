"""Start-up shim of a Python task: its sockets use the task's own address. Standard library only.

A container has a network of its own; a process of this machine has not. So, for sockets made by Python's `socket`
module (asyncio, http.server, urllib3 and so on stand on it):

- listening on the wildcard (0.0.0.0, ::, "") is listening on the task's address, $DRYDOCK_ADDRESS;
- listening on localhost is listening on a second loopback address that only this task's containers try;
- connecting to localhost reaches what this task's containers listen on, at either address; the machine's own
  127.0.0.1 is reached only at ports where the platform answers (its URLs are in the environment);
- connecting to a loopback address comes from the task's address, so a peer sees who called;
- what security groups drop, by what is posted in $DRYDOCK_FIREWALL, goes where nobody answers;
- the VPC's resolver is at port 53 of its address, as in a VPC, even where this machine has it at another port;
- a name with a dot is asked of the VPC's resolver, $DRYDOCK_RESOLVER, first. An authoritative "no such name" is
  final; anything else goes on to the system's resolver. Nothing is cached;
- names in $DRYDOCK_HOSTS have the addresses that it gives, before anybody is asked, as in a container's /etc/hosts;
- gethostname() is $HOSTNAME, and a loopback address has a name without asking (http.server asks when it starts).

Not covered: sockets made in C (gRPC, libpq, curl, uvloop), programs in other languages, IPv6 other than ::
and ::1, datagrams sent with sendmsg. Listening on the IPv6 wildcard beside the IPv4 one succeeds, on a port of ::1
that nobody calls. Ports below 1024 need the rights that they need on this machine.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import re
import socket
import struct

import _drydock_rules as rules

TYPE_CHECKING = False  # typing itself would cost every start of an interpreter
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

NO_PORT_YET = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, when the peer is known
CANONNAME = socket.AI_CANONNAME
INET = (socket.AF_INET, socket.AF_INET6)


def install() -> None:
    """Patch the socket module, in a process that has $DRYDOCK_ADDRESS."""
    address = os.environ.get(rules.ADDRESS_VARIABLE)
    if not address:
        return
    server, _, port = os.environ.get(rules.RESOLVER_VARIABLE, "").rpartition(":")
    firewall = os.environ.get(rules.FIREWALL_VARIABLE, "")
    task = Task(address, (server, int(port)) if server else None, platform_ports(os.environ), firewall)
    task.hosts = dict(each.split("=") for each in os.environ.get(rules.HOSTS_VARIABLE, "").split())

    system_getaddrinfo, system_gethostbyaddr = socket.getaddrinfo, socket.gethostbyaddr
    system_getnameinfo = socket.getnameinfo
    plain = socket.socket
    real = {name: getattr(plain, name) for name in ("bind", "connect", "connect_ex", "sendto")}

    def bind(self: socket.socket, where: Any, /) -> None:
        if self.family in INET and isinstance(where, tuple):
            where = task.listening_place(self, where)
        real["bind"](self, where)

    def reach(self: socket.socket, where: Any) -> Any:
        if self.family in INET and isinstance(where, tuple):
            where = task.through(self, task.destination(self, where, getaddrinfo))
            if self.family == socket.AF_INET and str(where[0]).startswith("127."):
                task.come_from(self, real["bind"])
        return where

    def connect(self: socket.socket, where: Any, /) -> None:
        real["connect"](self, reach(self, where))

    def connect_ex(self: socket.socket, where: Any, /) -> int:
        code: int = real["connect_ex"](self, reach(self, where))
        return code

    def sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        sent: int = real["sendto"](self, data, *rest[:-1], reach(self, rest[-1]))
        return sent

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
        name = host.decode() if isinstance(host, bytes | bytearray) else host
        if family != socket.AF_INET6:
            if name == "localhost":
                return system_getaddrinfo(rules.MACHINE, port, socket.AF_INET, type, proto, flags)
            if name and name == os.environ.get("HOSTNAME"):
                return system_getaddrinfo(address, port, socket.AF_INET, type, proto, flags)
        if name in task.hosts and not flags & socket.AI_NUMERICHOST:
            if family == socket.AF_INET6:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return system_getaddrinfo(task.hosts[name], port, socket.AF_INET, type, proto, flags & ~CANONNAME)
        if task.resolver and name and is_name(name) and not flags & socket.AI_NUMERICHOST:
            found = look_up(name, task.resolver)
            if found is not None:
                if not found or family == socket.AF_INET6:
                    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
                answers = []
                for literal in found:
                    answers += system_getaddrinfo(literal, port, socket.AF_INET, type, proto, flags & ~CANONNAME)
                return answers
        return system_getaddrinfo(host, port, family, type, proto, flags)

    def gethostbyname(name: str) -> str:
        return gethostbyname_ex(name)[2][0]

    def gethostbyname_ex(name: str) -> tuple[str, list[str], list[str]]:
        if name in rules.WILDCARDS:
            return (name, [], ["0.0.0.0"])
        found = [answer[4][0] for answer in getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)]
        return (name, [], found)

    def gethostbyaddr(where: str) -> tuple[str, list[str], list[str]]:
        literal = where if is_loopback(where) else gethostbyname(where)
        return (own_name(literal), [], [literal]) if is_loopback(literal) else system_gethostbyaddr(literal)

    def getnameinfo(where: Any, flags: int) -> tuple[str, str]:
        if not is_loopback(where[0]):
            return system_getnameinfo(where, flags)
        name = where[0] if flags & socket.NI_NUMERICHOST else own_name(where[0])
        return name, system_getnameinfo(where, flags | socket.NI_NUMERICHOST)[1]

    for method in (bind, connect, connect_ex, sendto):
        setattr(plain, method.__name__, method)
    for function in (getaddrinfo, gethostbyaddr, gethostbyname, gethostbyname_ex, getnameinfo):
        setattr(socket, function.__name__, function)
    if name := os.environ.get("HOSTNAME"):
        socket.gethostname = lambda: name


class Task:
    """Where this task's sockets are."""

    def __init__(self, address: str, resolver: tuple[str, int] | None, platform: set[int], firewall: str) -> None:
        self.address, self.resolver, self.platform, self.firewall = address, resolver, platform, firewall
        self.inner = rules.inner_address(address)
        self.hosts: dict[str, str] = {}
        self.guard: Any = None

    def listening_place(self, sock: socket.socket, where: Any) -> Any:
        """Where to listen instead."""
        host, port, *rest = where
        if host in rules.WILDCARDS:
            host = self.address
        elif host in rules.LOCALHOST:
            host = self.inner
        else:
            return where
        if sock.family == socket.AF_INET:
            return (host, port)
        if sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            return ("::1", 0, *rest)
        return (f"::ffff:{host}", port, *rest)

    def destination(self, sock: socket.socket, where: Any, getaddrinfo: Callable[..., list[Any]]) -> Any:
        """Where to connect instead."""
        host, port, *rest = where
        if self.resolver and (host, port) == (self.resolver[0], rules.DNS_PORT):
            port = self.resolver[1]
        elif host in rules.WILDCARDS or host in rules.LOCALHOST:
            host = self.local(port, sock.type)
        elif is_name(host) or host in self.hosts:
            return getaddrinfo(host, port, sock.family, sock.type)[0][4]
        else:
            return where
        if sock.family == socket.AF_INET:
            return (host, port)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return (f"::ffff:{host}", port, *rest)

    def through(self, sock: socket.socket, where: Any) -> Any:
        """Where a call goes that is on its way to another address: nowhere, if security groups drop it."""
        host, port, *rest = where
        mapped, literal = ("::ffff:", host[7:]) if str(host).startswith("::ffff:") else ("", host)
        own = (self.address, self.inner, rules.MACHINE, *(self.resolver or ())[:1])
        if not self.firewall or literal in own or not is_loopback(literal):
            return where
        if self.guard is None:
            from _drydock_guard import Guard

            self.guard = Guard(self.firewall, self.address, is_taken)
        there, port = self.guard.instead(literal, port, sock.type)
        return (mapped + there, port, *rest)

    def local(self, port: int, kind: int) -> str:
        """Which loopback address localhost:`port` is for this task."""
        for address in (self.inner, self.address):
            if is_taken(address, port, kind):
                return address
        return str(rules.MACHINE if port in self.platform else self.inner)

    def come_from(self, sock: socket.socket, bind: Callable[..., None]) -> None:
        """Give a socket that has no address of its own yet the task's."""
        with contextlib.suppress(OSError):
            if sock.getsockname() == ("0.0.0.0", 0):
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_IP, NO_PORT_YET, 1)
                bind(sock, (self.address, 0))


def own_name(address: str) -> str:
    """The name that a VPC gives an address, as in $HOSTNAME; no question that has to wait for a time-out."""
    return "localhost" if address == rules.MACHINE else str(rules.host_name(address))


def is_loopback(address: object) -> bool:
    return isinstance(address, str) and address.startswith("127.") and not is_name(address)


def platform_ports(environment: Mapping[str, str]) -> set[int]:
    """Ports of the machine's 127.0.0.1 at which the platform answers this task."""
    urls = [value for name, value in environment.items() if re.match(rules.PLATFORM, name)]
    return {int(port) for url in urls for port in re.findall(r"^https?://(?:127\.0\.0\.1|localhost):(\d+)", url)}


def is_taken(address: str, port: int, kind: int) -> bool:
    """Whether somebody listens there. Binding tells without being noticed; connecting would not."""
    probe = _socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
    except PermissionError:
        return answers(address, port)
    except OSError:
        return True
    finally:
        probe.close()
    return False


def answers(address: str, port: int) -> bool:
    """The same for a port that this user may not bind."""
    probe = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        return probe.connect_ex((address, port)) == 0
    finally:
        probe.close()


def is_name(host: object) -> bool:
    """Whether a host is a name with a dot, and not an address."""
    if not isinstance(host, str) or "." not in host.rstrip(".") or ":" in host:
        return False
    try:
        _socket.inet_aton(host)
    except OSError:
        return True
    return False


# -- DNS: an A question and its answers (RFC 1035)


def look_up(name: str, resolver: tuple[str, int]) -> list[str] | None:
    """Addresses of `name` from the VPC's resolver: [] when it says with authority that there are none, None
    when it does not know."""
    try:
        query = question(name)
    except (UnicodeError, ValueError):
        return None
    try:
        reply = over_udp(query, resolver)
        if reply[2] & 0x02:  # truncated
            reply = over_tcp(query, resolver)
        authoritative, code, found = answer(reply)
    except (OSError, struct.error, IndexError):
        return None
    if found:
        return found
    return [] if authoritative and code in (0, 3) else None


def question(name: str) -> bytes:
    labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError(name)
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return os.urandom(2) + struct.pack("!5H", 0x0100, 1, 0, 0, 0) + encoded + struct.pack("!2H", 1, 1)


def over_udp(query: bytes, resolver: tuple[str, int]) -> bytes:
    with contextlib.closing(_socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(rules.RESOLVER_TIMEOUT)
        sock.connect(resolver)
        sock.send(query)
        while True:
            reply = sock.recv(4096)
            if reply[:2] == query[:2]:
                return reply


def over_tcp(query: bytes, resolver: tuple[str, int]) -> bytes:
    with contextlib.closing(_socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
        sock.settimeout(rules.RESOLVER_TIMEOUT)
        sock.connect(resolver)
        sock.sendall(struct.pack("!H", len(query)) + query)
        reply = b""
        while len(reply) < 2 or len(reply) < 2 + struct.unpack("!H", reply[:2])[0]:
            more = sock.recv(65_537)
            if not more:
                raise OSError("the answer broke off")
            reply += more
        return reply[2:]


def answer(reply: bytes) -> tuple[bool, int, list[str]]:
    """Whether a reply is authoritative, its code and its A records."""
    _, flags, questions, records, _, _ = struct.unpack("!6H", reply[:12])
    at, found = 12, []
    for _ in range(questions):
        at = after_name(reply, at) + 4
    for _ in range(records):
        at = after_name(reply, at)
        kind, _, _, length = struct.unpack("!HHIH", reply[at : at + 10])
        at += 10
        if kind == 1 and length == 4:
            found.append(_socket.inet_ntoa(reply[at : at + 4]))
        at += length
    return bool(flags & 0x0400), flags & 0x000F, found


def after_name(reply: bytes, at: int) -> int:
    while True:
        length = reply[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if not length:
            return at
