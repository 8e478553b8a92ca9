"""Who may call: processes of the user that this process runs as, and of root, which may do anything anyway.

The kernel knows whose socket is at the far end of a connection over loopback, and is asked once a connection. Its
word counts only for a socket that is open in some process and connected to ours: the uid of a closed one is 0, and
its address may have become another program's.

Sources: sock_diag(7), proc(5); linux/include/uapi/linux/inet_diag.h and net/tcp_states.h.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SOCK_DIAG_BY_FAMILY = 20
_NETLINK_SOCK_DIAG = 4
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_QUERY = struct.Struct("=BBBBI")  # inet_diag_req_v2 up to its inet_diag_sockid
_ENDS = struct.Struct("!HH16s16s")  # inet_diag_sockid up to the interface
_ANY_INTERFACE_AND_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_FOUND = struct.Struct(f"=BBBB{_ENDS.size}s12sIIIII")  # inet_diag_msg
_CONNECTED = (1, 4, 5)  # ESTABLISHED, and FIN_WAIT1 and 2: it has said all, and waits for the answer
_V4_IN_V6 = bytes(10) + b"\xff\xff"


class CannotTell(RuntimeError):
    """The system does not say who connects."""


@dataclass(frozen=True)
class _Socket:
    state: int
    uid: int
    inode: int


Ends = tuple[tuple[str, int], tuple[str, int]]
Look = Callable[[Ends], _Socket | None]


def stranger(connection: socket.socket) -> str:
    """Why whoever is at the far end of an accepted connection may not call; empty if they may."""
    look = _way()
    if look is None:
        return ""
    uid, owner = _uid(connection, look), os.geteuid()
    if uid in (owner, 0):
        return ""
    whose = "whose this connection is the system does not say" if uid is None else f"this connection is of uid {uid}"
    return f"Only processes of uid {owner}, whose AWS this is, and of root may call it; {whose}."


def can_tell() -> bool:
    """Whether the system says who connects. Where it does not, `stranger` has nothing against anybody."""
    return _way() is not None


def guard() -> None:
    """Raise CannotTell on a Linux that does not say who connects. On other systems every user may call."""
    if sys.platform == "linux" and not can_tell():
        raise CannotTell(
            "this machine does not tell whose process connects to a port, neither by netlink (sock_diag) nor by "
            "/proc/net/tcp, so that any user could call"
        )


@cache
def _way() -> Look | None:
    """The first way to find a socket that finds our own."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            return next((look for look in (_asked, _listed) if _uid(accepted, look) == os.geteuid()), None)


def _uid(connection: socket.socket, look: Look) -> int | None:
    """Whose process is at the far end of a TCP connection over loopback; None if there is none any more."""
    try:
        found = look((connection.getpeername()[:2], connection.getsockname()[:2]))
        connection.getpeername()  # an error if it was reset meanwhile, when its far end's address may be anybody's
    except OSError:
        return None
    if found is None or found.inode == 0 or found.state not in _CONNECTED:
        return None
    return found.uid


def _asked(ends: Ends) -> _Socket | None:
    """The socket with these two ends, by netlink."""
    (source, source_port), (target, target_port) = ends
    packed = [socket.inet_aton(address) for address in (source, target)]
    query = (
        _QUERY.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
        + _ENDS.pack(source_port, target_port, *packed)
        + _ANY_INTERFACE_AND_COOKIE
    )
    header = _HEADER.pack(_HEADER.size + len(query), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
            netlink.send(header + query)
            answer = netlink.recv(4096, socket.MSG_DONTWAIT)  # the kernel answers within send
    except (OSError, AttributeError):
        return None
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None
    family, state, _, _, found, _, _, _, _, uid, inode = _FOUND.unpack_from(answer, _HEADER.size)
    prefix = _V4_IN_V6 if family == socket.AF_INET6 else b""
    same = found == _ENDS.pack(source_port, target_port, *(prefix + address for address in packed))
    return _Socket(state, uid, inode) if same else None  # else: one that listens there


def _listed(ends: Ends) -> _Socket | None:
    """The socket with these two ends, by the tables in /proc: for where netlink is forbidden."""
    for table, wrap in (("/proc/net/tcp", b""), ("/proc/net/tcp6", _V4_IN_V6)):
        wanted = [f"{_hexadecimal(wrap + socket.inet_aton(address))}:{port:04X}" for address, port in ends]
        try:
            lines = Path(table).read_text().splitlines()
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[1:3] == wanted:
                return _Socket(state=int(fields[3], 16), uid=int(fields[7]), inode=int(fields[9]))
    return None


def _hexadecimal(address: bytes) -> str:
    """An address as /proc shows it: words in the byte order of this machine."""
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(address) // 4}I", address))
