"""The walls of a room: how bubblewrap makes it, what is to be seen in it, and how one becomes the learner.

In it are the system's programs and this Python, read only; a home and temporary files; and no more. Nobody in it has a
capability, or gets one by a set-user-ID program.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from drydock.hub.learners import FIRST_UID
from drydock.labs import catalogue

HUB = "/run/hub.sock"
"""Where the hub's API is, in every room."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
_OF_ETC = ("alternatives", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf",
           "protocols", "services", "ssl")  # fmt: skip
_NAMESPACES = ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--as-pid-1")
_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
"""What the last step, becoming the learner, needs; it gives them up."""
_TRIED_WITHIN = 60.0


@dataclass(frozen=True)
class Walls:
    """Of a learner's room. `kept` holds its `home`, `tmp`, `passwd` and `group`; `work` is the learner's folder of the
    class, `hub` the socket that leads to the hub's API. `hidden`, the class's folder, may lie in what is shown."""

    uid: int
    name: str
    kept: Path
    work: Path
    hub: Path
    hidden: Path

    @property
    def home(self) -> str:
        return f"/home/{self.name}"

    def command(self) -> list[str]:
        """What stands before the command that is to run in the room."""
        walls = [*_bare(), "--bind", str(self.kept / "tmp"), "/tmp", *_folder("/var"), "--symlink", "/tmp", "/var/tmp"]
        for place in _programs():
            walls += _program(place)
            if self.hidden.is_relative_to(place):
                walls += ["--tmpfs", str(self.hidden)]
        walls += [*_folder("/home"), "--bind", str(self.kept / "home"), self.home]
        walls += ["--bind", str(self.work), f"{self.home}/class", "--chdir", f"{self.home}/class"]
        walls += [*_folder("/run"), *_shown(self.hub, HUB)]
        for name in ("passwd", "group"):
            walls += _shown(self.kept / name, f"/etc/{name}")
        return [*walls, *_becoming(self.uid)]


def trouble() -> str:
    """Why no room can be made on this machine, or nobody but this user can run Drydock in one; empty if all is well."""
    programs = [argument for place in _programs() for argument in _program(place)]
    command = [*_bare(), *programs, *_becoming(FIRST_UID), sys.executable, "-c", "import drydock.hub.room"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=_TRIED_WITHIN, check=False, cwd="/")
    said = tried.stderr.strip().splitlines()
    return (said[-1] if said else f"exit code {tried.returncode}") if tried.returncode else ""


def _bare() -> list[str]:
    walls = ["bwrap", *_NAMESPACES]
    for place in map(Path, _SYSTEM):
        if place.is_symlink():
            walls += ["--symlink", str(place.readlink()), str(place)]
        elif place.exists():
            walls += _shown(place, place)
    for name in _OF_ETC:
        walls += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return [*walls, "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"]


def _becoming(uid: int) -> list[str]:
    allowed = [argument for capability in _CAPABILITIES for argument in ("--cap-add", capability)]
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
    return [*allowed, "--", *become, "--bounding-set=-all", "--inh-caps=-all", "--"]


def _program(place: Path) -> list[str]:
    above = [argument for folder in reversed(place.parents[:-1]) for argument in _folder(folder)]
    return [*above, *_shown(place, place)]


def _folder(place: Path | str) -> list[str]:
    return ["--perms", "755", "--dir", str(place)]


def _shown(source: Path, place: Path | str) -> list[str]:
    return ["--ro-bind", str(source), str(place)]


def _programs() -> list[Path]:
    """Where this Python, its packages and the project's notebooks are; what is in another, or in the system, not."""
    ours = Path(__file__).resolve().parents[3]
    places = {Path(sys.prefix), Path(sys.base_prefix), ours, catalogue.directory().parent}
    outer = {*places, *map(Path, _SYSTEM)}
    return sorted(one for one in places if not any(one != other and one.is_relative_to(other) for other in outer))
