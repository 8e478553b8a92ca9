"""Loopback addresses that this process uses, so that two clouds on one machine do not give out the same one."""

from __future__ import annotations

import socket
import sys


class Claims:
    """A socket with an abstract name per address: no file, and the system lets go of it when the process ends,
    however it ends. It is seen wherever the address is: such names belong to a network namespace, as addresses do.
    """

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def hold(self, address: str) -> bool:
        """Claim a loopback address; False if a cloud on this machine has it."""
        if address in self._held:
            return False
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if sys.platform == "linux":  # elsewhere there are no such names, and no addresses to share
                claim.bind(f"\0drydock/{address}")
        except OSError:
            claim.close()
            return False
        self._held[address] = claim
        return True

    def release(self, address: str) -> None:
        """Let go of an address; nothing happens if it is not held."""
        if (claim := self._held.pop(address, None)) is not None:
            claim.close()

    def release_all(self) -> None:
        for address in list(self._held):
            self.release(address)
