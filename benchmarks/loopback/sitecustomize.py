"""On the path of every Python that `compat.py` starts: names of other machines are not looked up.

A peer may answer with AWS's own host names, and what a lab sends is meant for this machine only.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

_getaddrinfo = socket.getaddrinfo


def _is_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _loopback_only(host: Any, *arguments: Any, **options: Any) -> Any:
    if not _is_here(host):
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not on this machine")
    return _getaddrinfo(host, *arguments, **options)


socket.getaddrinfo = _loopback_only
