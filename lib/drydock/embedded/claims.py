"""Loopback addresses that this process uses, so that two clouds on one machine do not give out the same one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO


class Claims:
    """A lock on a file per address; the system lets go of it when the process ends, however it ends."""

    def __init__(self) -> None:
        self._held: dict[str, IO[str]] = {}
        common = Path("/tmp")  # not TMPDIR: every cloud of this user has to look in the same place
        self._folder = (common if common.is_dir() else Path(tempfile.gettempdir())) / f"drydock-addresses-{os.getuid()}"

    def hold(self, address: str) -> bool:
        """Claim a loopback address; False if another cloud on this machine has it."""
        if address in self._held:
            return False
        claim = self._opened(address)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            return False
        if not _still_there(claim):
            claim.close()
            return False
        self._held[address] = claim
        return True

    def _opened(self, address: str) -> IO[str]:
        while True:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # whoever let go of the last address took the folder away
                return (self._folder / address).open("w")

    def release(self, address: str) -> None:
        """Let go of an address; nothing happens if it is not held."""
        if (claim := self._held.pop(address, None)) is not None:
            Path(claim.name).unlink(missing_ok=True)
            claim.close()
            with contextlib.suppress(OSError):  # another cloud's addresses are in it
                self._folder.rmdir()

    def release_all(self) -> None:
        for address in list(self._held):
            self.release(address)


def _still_there(claim: IO[str]) -> bool:
    """False if whoever held the address removed the file between our opening and locking it."""
    try:
        return Path(claim.name).stat().st_ino == os.fstat(claim.fileno()).st_ino
    except FileNotFoundError:
        return False
