"""The kernel that labs run in headless: this interpreter, whatever kernel specs are installed elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from drydock.notebooks.scratch import Scratch


class OwnKernel(AsyncKernelManager):
    """ipykernel in this interpreter, spoken to by sockets in a folder that only this user can enter.

    `started` holds every one this process has, so that they can be ended.
    """

    started: ClassVar[list[OwnKernel]] = []

    def __init__(self, **given: object) -> None:
        self._folder = Scratch("kernel")
        at = self._folder.path
        super().__init__(transport="ipc", ip=str(at / "socket"), connection_file=str(at / "kernel.json"), **given)
        OwnKernel.started.append(self)

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python (Drydock)",
            language="python",
        )

    async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]
        await super().cleanup_resources(restart)
        if not restart:
            self._folder.remove()

    def end(self) -> None:
        """Kill it; whoever waits for it is told that it died."""
        pid = getattr(self.provisioner, "pid", None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._folder.remove()


def end_all() -> None:
    """End every kernel that this process still has."""
    while OwnKernel.started:
        OwnKernel.started.pop().end()
