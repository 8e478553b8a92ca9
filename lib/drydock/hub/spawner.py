"""A room for each learner: his server, with a user, network, process ids, files and limits of its own.

The one way in is a listening socket that is opened outside and handed in; the one way out the API of the hub, a socket
too. `walls` says what is in it.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner
from traitlets import Integer, Unicode

from drydock import disk
from drydock.hub import room
from drydock.hub.learners import Learners, hub_of
from drydock.hub.limits import Limits
from drydock.hub.walls import Walls
from drydock.labs import catalogue
from drydock.user import ACCESS_KEY

_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
ALONE = ("-I", "-m")
"""How the first process of a room is started: it imports nothing from the folder that it starts in, the learner's. It
holds sockets of the machine's network, so no code of the learner's may ever run in it."""
_END_WITHIN = 45.0


class Room(Spawner):  # type: ignore[misc]
    """JupyterHub's spawner of rooms. Its limits are `mem_limit` and `task_limit`."""

    folder = Unicode(help="The class's folder.").tag(config=True)
    sockets = Unicode(help="The folder of the socket that leads to the hub's API.").tag(config=True)
    task_limit = Integer(600, min=50, help="Processes and threads in a room.").tag(config=True)

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._process: subprocess.Popen[bytes] | None = None
        self._until = -1

    @property
    def limits(self) -> Limits:
        return Limits(f"{Path(self.sockets).name}-{self.user.name}")

    @property
    def _kept(self) -> Path:
        return hub_of(Path(self.folder)) / "rooms" / str(self.user.name)

    async def start(self) -> tuple[str, int]:
        """Open the room, and return where its server can be reached by the hub and the proxy."""
        learners, name = Learners(hub_of(Path(self.folder))), self.user.name
        folder = Path(self.folder)
        work, hub = folder / "learners" / learners.identifier(name), Path(self.sockets) / "hub.sock"
        walls = Walls(learners.uid(name), name, self._kept, work, hub, hidden=folder)
        self._furnish(walls)
        self.limits.make(self.mem_limit, self.task_limit)
        self.ip, self.port = room.SERVER
        theirs, self._until = os.pipe()
        with socket.create_server(("127.0.0.1", 0)) as door, (self._kept / "server.log").open("ab") as log:
            first = [sys.executable, *ALONE, "drydock.hub.room", f"--listen={door.fileno()}", f"--until={theirs}", "--"]
            try:
                self._process = subprocess.Popen(
                    [*walls.command(), *first, sys.executable, "-P", "-m", "drydock.hub.served", *self.get_args()],
                    env=self.get_env(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    pass_fds=(door.fileno(), theirs),
                    preexec_fn=self.limits.enter,
                    start_new_session=True,  # Ctrl-C is for the hub, which ends rooms in good order
                )
            finally:
                os.close(theirs)
            host, port = door.getsockname()
        return host, port

    def _furnish(self, walls: Walls) -> None:
        """Make his folders, all his own; temporary files of the last time are deleted. Nothing of his runs now."""
        uid, work, kept = walls.uid, walls.work, walls.kept
        disk.remove(kept / "tmp")
        for place in (kept / "home", kept / "tmp", work):
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o700)
            os.chown(place, uid, uid)
        for _, folders, files, inside in os.fwalk(work, follow_symlinks=False):
            for each in (*folders, *files):
                os.chown(each, uid, uid, dir_fd=inside, follow_symlinks=False)
        users = f"root:x:0:0::/:/usr/sbin/nologin\n{walls.name}:x:{uid}:{uid}::{walls.home}:/bin/bash\n"
        disk.write(kept / "passwd", users.encode(), mode=0o644)
        disk.write(kept / "group", f"root:x:0:\n{walls.name}:x:{uid}:\n".encode(), mode=0o644)

    def get_env(self) -> dict[str, str]:
        """What the learner's programs have. Clouds that they start answer to a key that is made anew each time."""
        key, secret = "DRYDOCK" + base64.b32encode(secrets.token_bytes(10)).decode()[:13], secrets.token_urlsafe(30)
        return {
            **super().get_env(),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), *_PATH)),
            "HOME": f"/home/{self.user.name}",
            "USER": self.user.name,
            "SHELL": "/bin/bash",
            "TMPDIR": "/tmp",
            "PYTHONNOUSERSITE": "1",
            "DRYDOCK_LABS": str(catalogue.directory()),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            ACCESS_KEY: f"{key}:{secret}",
        }

    async def poll(self) -> int | None:
        return 0 if self._process is None else self._process.poll()

    async def stop(self, now: bool = False) -> None:
        """Close the room. Its server and its clouds have time to end in good order; what is left then is killed."""
        if self._until >= 0:
            os.close(self._until)
            self._until = -1
        if self._process is not None:
            await self._ended(1.0 if now else _END_WITHIN)
        await asyncio.to_thread(self.limits.remove)
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def _ended(self, within: float) -> None:
        deadline = asyncio.get_running_loop().time() + within
        while self._process is not None and self._process.poll() is None:
            if asyncio.get_running_loop().time() > deadline:
                self.log.warning("%s's room did not end within %g s and is killed", self.user.name, within)
                return
            await asyncio.sleep(0.05)
