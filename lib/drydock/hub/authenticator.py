"""Who may log in to a hub: the learners of its folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Unicode

from drydock.hub.learners import Learners, hub_of


class LearnersAuthenticator(Authenticator):  # type: ignore[misc]
    """Name and password of a learner. The list is read anew each time: who is added needs no restart."""

    folder = Unicode(help="The class's folder.").tag(config=True)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        learners, name = Learners(hub_of(Path(self.folder))), self.normalize_username(data["username"])
        known = await asyncio.to_thread(learners.are, name, data["password"].strip())
        return name if known else None
