"""What processes use of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Seconds of a CPU since the start, and bytes of memory now."""

    cpu: float
    memory: int


def usage_of(pid: int) -> Usage | None:
    """Of a process and all that it has started; None where it has ended."""
    if pid <= 0:
        return None
    return _from_proc(pid) if sys.platform == "linux" else _from_psutil(pid)


def _from_proc(pid: int) -> Usage | None:
    """Read from /proc directly: hundreds of processes are looked at every other second."""
    cpu, memory, todo = 0.0, 0, [pid]
    found = False
    while todo:
        each = todo.pop()
        with suppress(OSError):
            values = _content(f"/proc/{each}/stat").rpartition(b")")[2].split()
            found = found or each == pid
            cpu += sum(map(int, values[11:15])) / _TICKS  # its own, and of its children that have ended
            memory += int(values[21]) * _PAGE
            todo += _children(each, threads=int(values[17]))
    return Usage(cpu, memory) if found else None


def _children(pid: int, *, threads: int) -> Iterator[int]:
    for thread in [str(pid)] if threads == 1 else os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
        with suppress(OSError):
            yield from map(int, _content(f"/proc/{pid}/task/{thread}/children").split())


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


def _from_psutil(pid: int) -> Usage | None:
    import psutil

    try:
        process = psutil.Process(pid)
        all_of_it = [process, *process.children(recursive=True)]
        times = [each.cpu_times() for each in all_of_it]
        memory = sum(each.memory_info().rss for each in all_of_it)
    except psutil.NoSuchProcess:
        return None
    return Usage(sum(each.user + each.system for each in times), memory)
