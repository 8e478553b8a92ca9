"""Programs of others, confined by bubblewrap: they see the system and Drydock, and write into folders of their own.

A *hall* is for our own process that judges: everything is there but the network, of which it has only a loopback of its
own. In it there are *cells*: one for the AWS, whose tasks and functions are the learner's programs, one for the kernel.
They share the hall's loopback, and see neither our checks with their solutions, nor this user's files, nor processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import drydock

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_OF_ETC = ("alternatives", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf",
           "passwd", "protocols", "services", "ssl")  # fmt: skip
_OF_PROC = ("acpi", "bus", "dynamic_debug", "fs", "irq", "mtrr", "scsi", "sys", "sysrq-trigger")
"""Where root, without any of its capabilities, could still write: container engines cover about the same. bubblewrap
0.8 covers `sys` only where its folder itself can be written to, which is never."""
_FILE = 256 * 1024 * 1024
_SHARED = 64 * 1024 * 1024
"""Bytes of shared memory: no process holds them, so nobody would see them taken. What else is a file system in memory
is read only."""
_BEYOND = 3 * 1024 * 1024 * 1024
"""Bytes of addresses, beyond its memory, that a process may have: a kernel that does nothing has two thirds of that."""


class CannotConfine(RuntimeError):
    """Programs of others cannot be confined on this machine, so none is run; the text says why and what to do."""


@cache
def _bwrap() -> str:
    found = shutil.which("bwrap")
    if not sys.platform.startswith("linux"):
        raise CannotConfine("Notebooks of others are run in the confinement of Linux, and this is another system.")
    if found is None:
        raise CannotConfine("Notebooks of others are run confined by bubblewrap: install it (apt install bubblewrap).")
    return found


def check() -> None:
    """Raises CannotConfine where a confined program would not start."""
    tried = subprocess.run([*hall(), *cell({}), "true"], capture_output=True, text=True, timeout=60, check=False)
    if tried.returncode:
        said = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        raise CannotConfine(
            f"bubblewrap cannot confine a program here: {said}. User namespaces have to be permitted: see "
            "kernel.unprivileged_userns_clone, user.max_user_namespaces and, on Ubuntu, "
            "kernel.apparmor_restrict_unprivileged_userns of sysctl. A container has to be let make namespaces."
        )


def hall() -> list[str]:
    """What stands before the command of our own process. `/proc` stays as it is: with another before it, the kernel
    lets no cell have its own."""
    return [_bwrap(), "--die-with-parent", "--unshare-net", "--dev-bind", "/", "/", "--"]


def cell(
    environment: Mapping[str, str],
    *,
    writes: Mapping[Path, Path] = {},
    reads: Mapping[Path, Path] = {},
    labs: Path | None = None,
    cwd: Path = Path("/"),
    memory: int = 0,
) -> list[str]:
    """What stands before the command of somebody else's program.

    environment  all of it: nothing of ours is handed on.
    writes       folders that it may write into: where it sees them, and which they are. Its temporary files are in the
                 first.
    reads        what it only sees, files too, in the same way.
    labs         the labs, of which it sees the services' sources alone.
    memory       bytes that are expected; each process has an address space of some more. 0: no limit.
    """
    given = [_bwrap(), "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
             "--cap-drop", "ALL", "--clearenv", "--ro-bind", "/usr", "/usr", "--proc", "/proc",
             "--dev", "/dev", "--size", str(_SHARED), "--tmpfs", "/dev/shm"]  # fmt: skip
    for name in _SYSTEM:
        given += (
            ["--symlink", str(Path(name).readlink()), name]
            if Path(name).is_symlink()
            else ["--ro-bind-try", name, name]
        )
    for name in _OF_ETC:
        given += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in _OF_PROC:
        given += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    ours = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent, _library()}
    for path in sorted(one for one in ours if not one.is_relative_to("/usr")):
        given += ["--ro-bind", str(path), str(path)]
    if labs is not None:
        given += ["--tmpfs", str(labs), "--ro-bind-try", str(labs / "services"), str(labs / "services")]
        given += ["--remount-ro", str(labs)]
    for path, real in writes.items():
        given += ["--bind", str(real), str(path)]
    for path, real in reads.items():
        given += ["--ro-bind", str(real), str(path)]
    settings = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    settings |= {name: str(path) for path in [*writes][:1] for name in ("HOME", "TMPDIR")}
    for name, value in {**settings, **environment}.items():
        given += ["--setenv", name, value]
    limits = [f"--fsize={_FILE}", "--core=0", *([f"--as={memory + _BEYOND}"] if memory else [])]
    return [*given, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(cwd), "--", "prlimit", *limits, "--"]


def _library() -> Path:
    return Path(next(iter(drydock.__path__))).resolve().parent
