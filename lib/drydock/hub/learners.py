"""The learners of a hub: by which name they log in, which user they are on this machine, and scrypt hashes of their
passwords.

They are kept in `learners.json` of the hub's folder. A password is made here, shown once and never kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pwd
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from drydock import disk

FIRST_UID, LAST_UID = 60706, 61183
"""A range that no distribution gives out (documented: https://systemd.io/UIDS-GIDS/)."""
_COST = {"n": 1 << 14, "r": 8, "p": 1}
_SALT = 16


class NoUserLeft(RuntimeError):
    """Every user id that a hub may give is given."""


def hub_of(the_class: Path) -> Path:
    """The hub's folder in that of a class."""
    return the_class / "hub"


class Learners:
    """Those of the hub in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "learners.json"
        self._known: dict[str, dict[str, Any]] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def uid(self, name: str) -> int:
        """The user id, and group id, of everything that is this learner's. KeyError."""
        return int(self._known[name]["uid"])

    def identifier(self, name: str) -> str:
        """What the learner is called in the class. KeyError."""
        return str(self._known[name]["id"])

    def new_passwords(self, identifiers: Iterable[str], *, again: bool = False) -> dict[str, str]:
        """The passwords that are made, by name: for those of a class who have none, and `again`, for the others, too.

        A name is the id in small letters, which JupyterHub compares. NoUserLeft.
        """
        made = {}
        for identifier in identifiers:
            name = identifier.lower()
            if name not in self._known:
                self._known |= {name: {"id": identifier, "uid": self._free_uid()}}
            elif not again:
                continue
            made[name] = self._new_password(name)
        disk.write(self._path, json.dumps(self._known, indent=1).encode())
        return made

    def are(self, name: str, password: str) -> bool:
        """Whether it is this learner's password. An unknown name takes as long as a known one."""
        found = self._known.get(name, {"salt": "00" * _SALT, "hash": ""})
        told = hashlib.scrypt(password.encode(), salt=bytes.fromhex(found["salt"]), **_COST).hex()
        return hmac.compare_digest(told, found["hash"])

    def _new_password(self, name: str) -> str:
        text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
        password = "-".join(text[at : at + 4] for at in range(0, len(text), 4))
        salt = secrets.token_bytes(_SALT)
        self._known[name] |= {"salt": salt.hex(), "hash": hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()}
        return password

    def _free_uid(self) -> int:
        taken = {int(one["uid"]) for one in self._known.values() if "uid" in one} | {
            one.pw_uid for one in pwd.getpwall()
        }
        for uid in range(FIRST_UID, LAST_UID + 1):
            if uid not in taken:
                return uid
        raise NoUserLeft(f"no user id is left between {FIRST_UID} and {LAST_UID}: that is the largest class of a hub")
