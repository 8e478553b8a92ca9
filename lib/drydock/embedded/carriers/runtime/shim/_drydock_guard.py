"""What security groups and network ACLs drop of what a task sends, by what is posted of them. Standard library only.

It is imported at a task's first call to another address.
"""

from __future__ import annotations

import json
import socket
import sys
import types
from ipaddress import ip_address, ip_network
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

    Posted = tuple[dict[str, Any], dict[str, Any], list[IPv4Network | IPv6Network], tuple[str, int]]

UDP = int(socket.SOCK_DGRAM)


class Guard:
    """The firewall of the task that has `address`, by what is in `folder`; `is_taken` says whether anybody listens."""

    def __init__(self, folder: str, address: str, is_taken: Callable[[str, int, int], bool]) -> None:
        self.folder, self.address, self.is_taken = Path(folder), address, is_taken
        self.groups, self.acls = self.posted("groups"), self.posted("acls")
        self.known: tuple[tuple[int, int], Posted] = ((0, 0), ({}, {}, [], ("", 0)))

    def posted(self, name: str) -> Any:
        """The module that is posted under a name."""
        module = types.ModuleType(f"_drydock_{name}")
        sys.modules[module.__name__] = module  # where dataclasses look for it
        path = self.folder / f"{name}.py"
        exec(compile(path.read_text(), str(path), "exec"), vars(module))
        return module

    def look(self) -> Posted:
        """What is posted: its groups, the ACLs by subnet, the networks of the VPCs, and where nobody answers.

        It is read again when it has changed. A task's threads call at once: what one has read, the others see whole.
        """
        path = self.folder / "rules"
        now = path.stat()
        seen, posted = self.known
        if seen != (now.st_ino, now.st_mtime_ns):
            read = json.loads(path.read_text())
            groups = {name: self.groups.Rules.of_json(rules) for name, rules in read["groups"].items()}
            acls = {subnet: self.acls.Acl.of_json(acl) for subnet, acl in read["acls"].items()}
            posted = groups, acls, [ip_network(cidr, strict=False) for cidr in read["vpcs"]], tuple(read["nowhere"])
            self.known = (now.st_ino, now.st_mtime_ns), posted
        return posted

    def end(self, address: str) -> Any:
        """Who is at an address; None if no interface has it."""
        try:
            own, subnet, *groups = (self.folder / address).read_text().split(" ")
        except FileNotFoundError:
            return None
        return self.groups.End(own, tuple(groups), subnet)

    def instead(self, address: str, port: int, kind: int) -> tuple[str, int]:
        """Where a call to another address goes: on to it, or to where nobody ever answers.

        An address of a VPC that nothing has swallows what is sent to it, too.
        """
        source, destination = self.end(self.address), self.end(address)
        groups, acls, vpcs, nowhere = self.look()
        if destination is None:
            inside = any(ip_address(address) in vpc for vpc in vpcs)
            return nowhere if inside and not self.is_taken(address, port, kind) else (address, port)
        protocol = "udp" if kind == UDP else "tcp"
        if source is None:
            return address, port
        call = source, destination, port, protocol
        passes = self.groups.passes(groups, *call) and self.acls.passes(acls, *call)
        return (address, port) if passes else nowhere
