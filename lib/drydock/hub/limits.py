"""Memory and processes that a room may use together, by control groups.

Both versions of them are spoken. Sources: Linux, Documentation/admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst and
pids.rst.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PARENT = "drydock-hub"
_GONE_WITHIN = 10.0


class NoLimits(RuntimeError):
    """This machine lets nobody limit memory or processes; the text says what is missing."""


def _version_2() -> bool:
    return (_ROOT / "cgroup.controllers").exists()


def _places(name: str) -> dict[str, Path]:
    """The folder of a group by controller; "all" where one folder has all of them."""
    if _version_2():
        return {"all": _ROOT / _PARENT / name}
    return {controller: _ROOT / controller / _PARENT / name for controller in ("memory", "pids", "cpu")}


def _settings(memory: int, tasks: int) -> dict[str, dict[str, str]]:
    if _version_2():
        return {"all": {"memory.max": str(memory), "pids.max": str(tasks)}}
    return {"memory": {"memory.limit_in_bytes": str(memory)}, "pids": {"pids.max": str(tasks)}}


def prepare() -> None:
    """Make ready what all groups share. NoLimits."""
    try:
        for place in _places(".").values():
            place.mkdir(parents=True, exist_ok=True)
        if _version_2():
            for above in (_ROOT, _ROOT / _PARENT):
                (above / "cgroup.subtree_control").write_text("+memory +pids +cpu")
        for controller, values in _settings(1, 1).items():
            missing = [name for name in values if not _probe(controller, name)]
            if missing:
                raise NoLimits(f"control groups have no {', '.join(missing)} here")
    except OSError as error:
        raise NoLimits(
            f"control groups with memory and pids are needed to limit what a learner uses, and {error.filename} "
            f"cannot be set up: {error.strerror}. In a container they are often read only: run the hub outside of it."
        ) from error


def _probe(controller: str, name: str) -> bool:
    place = _places(f"probe-{os.getpid()}")[controller]  # others may ask at the same time
    place.mkdir(exist_ok=True)
    found = (place / name).exists()
    place.rmdir()
    return found


@dataclass(frozen=True)
class Limits:
    """A control group of this name: everything that starts in it, and what that starts, counts together."""

    name: str

    def make(self, memory: int, tasks: int) -> None:
        """`memory` in bytes, `tasks`: processes and threads. What an earlier hub left in it is killed."""
        self.remove()
        for controller, place in _places(self.name).items():
            place.mkdir(parents=True, exist_ok=True)
            for file, value in _settings(memory, tasks).get(controller, {}).items():
                (place / file).write_text(value)

    def enter(self) -> None:
        """Put the calling process in; for between fork and exec."""
        for place in _places(self.name).values():
            (place / "cgroup.procs").write_text("0")

    def processes(self) -> set[int]:
        """Ids of all in it."""
        found: set[int] = set()
        for place in _places(self.name).values():
            with contextlib.suppress(FileNotFoundError):
                found |= {int(line) for line in (place / "cgroup.procs").read_text().split()}
        return found

    def remove(self) -> None:
        """Kill what is in it, and take it away."""
        deadline = time.monotonic() + _GONE_WITHIN
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for place in _places(self.name).values():
            with contextlib.suppress(FileNotFoundError):
                place.rmdir()
