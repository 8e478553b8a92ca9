"""The kernel that labs run in headless: this interpreter, whatever kernel specs are installed elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager


class OwnKernel(AsyncKernelManager):
    """ipykernel in this interpreter, spoken to by sockets in the file system.

    `started` holds every one this process has, so that they can be ended.
    """

    started: ClassVar[list[OwnKernel]] = []

    def __init__(self, **given: object) -> None:
        super().__init__(transport="ipc", **given)
        OwnKernel.started.append(self)

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python (Drydock)",
            language="python",
        )


def end_all() -> None:
    """Kill every kernel that this process still has; whoever waits for one is told that it died."""
    while OwnKernel.started:
        pid = getattr(OwnKernel.started.pop().provisioner, "pid", None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
