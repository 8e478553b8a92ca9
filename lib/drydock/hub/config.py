"""JupyterHub's configuration of a hub for a classroom: `jupyterhub -f` this file, as `drydock class hub` does."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = "DRYDOCK_HUB"
IDLE = "DRYDOCK_HUB_IDLE"


def configure(c: Any, folder: Path, *, idle: int) -> None:
    """Fill in JupyterHub's configuration `c` for the hub in `folder`; servers end after `idle` seconds unused."""
    from drydock.embedded.instance import free_port
    from drydock.hub.authenticator import LearnersAuthenticator
    from drydock.hub.proxy import EnvoyProxy
    from drydock.hub.spawner import Room

    sockets = tempfile.mkdtemp(prefix="drydock-hub-", dir="/run")
    c.JupyterHub.authenticator_class = LearnersAuthenticator
    c.JupyterHub.spawner_class = Room
    c.JupyterHub.proxy_class = EnvoyProxy
    c.JupyterHub.db_url = "sqlite:///:memory:"
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{free_port()}"
    c.JupyterHub.cleanup_servers = True
    c.JupyterHub.cookie_secret = secrets.token_bytes(32)
    c.LearnersAuthenticator.folder = str(folder)
    c.LearnersAuthenticator.allow_all = True
    c.Room.folder, c.Room.sockets = str(folder), sockets
    c.EnvoyProxy.sockets = sockets
    c.Room.hub_connect_url = "http+unix://%2Frun%2Fhub.sock"
    c.Room.default_url = "/lab"
    c.Room.environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": str(max(1, min(300, idle // 4)))}
    c.Room.start_timeout = c.Room.http_timeout = 120

    c.JupyterHub.services = [
        {
            "name": "idle",
            "command": ["setpriv", "--pdeathsig=TERM", sys.executable, "-P", "-m", "jupyterhub_idle_culler",
                        f"--timeout={idle}", f"--cull-every={max(1, min(60, idle // 2))}"],
        }
    ]  # fmt: skip
    c.JupyterHub.load_roles = [
        {
            "name": "idle",
            "services": ["idle"],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        }
    ]


if "get_config" in globals():  # JupyterHub reads this file as its configuration
    configure(globals()["get_config"](), Path(os.environ[FOLDER]), idle=int(os.environ[IDLE]))
