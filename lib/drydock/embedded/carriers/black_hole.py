"""A place on loopback that never answers: whoever connects to it waits, as for what a security group drops."""

from __future__ import annotations

import socket

from drydock.embedded.core.host import Host


class BlackHole:
    """A listener whose queue is full: the kernel drops whatever else asks for a connection (Linux, tcp(7))."""

    def __init__(self, host: Host) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.place: tuple[str, int] = self._listener.getsockname()
        self._only = socket.create_connection(self.place)
        host.on_close(self.close)

    def close(self) -> None:
        self._only.close()
        self._listener.close()
