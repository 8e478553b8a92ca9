"""STS: moto's; what it makes up is another thing each time."""

from __future__ import annotations

from drydock.embedded.core.services import Service


class STS(Service):
    name = "sts"
    making = frozenset({"GetSessionToken", "GetFederationToken"})

    def secret_of(self, key: str, token: str) -> str | None:
        """Of a session of AssumeRole. Those of the other operations are in no list of moto's, and sign nothing."""
        found = (one.get_assumed_role_from_access_key(key) for one in self.host.backends_so_far("sts"))
        sessions = (one.secret_access_key for one in found if one is not None and one.session_token == token)
        return next(sessions, None)
