"""Registry tokens: they carry the region and their end, and are signed with a key of the instance."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
from pathlib import Path

from drydock import disk

log = logging.getLogger(__name__)

HOURS = 12
_KEY = "registry.key"
_KEY_BYTES = 32


class Refused(ValueError):
    """A token that is not ours, or that has ended."""


def issue(directory: Path, region: str, until: float) -> str:
    """A token for the registry of `region` that is good until the moment `until` (seconds since the epoch)."""
    payload = base64.urlsafe_b64encode(json.dumps({"region": region, "until": until}).encode()).decode()
    return f"{payload}.{_signature(directory, payload)}"


def region_of(directory: Path, token: str, now: float) -> str:
    """The region of a token; raises Refused."""
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(_signature(directory, payload).encode(), signature.encode()):
        raise Refused("Not Authorized")
    claims = json.loads(base64.urlsafe_b64decode(payload))
    if now > claims["until"]:
        raise Refused("Your authorization token has expired. Reauthenticate and try again.")
    return str(claims["region"])


def _signature(directory: Path, payload: str) -> str:
    return hmac.new(_key(directory), payload.encode(), hashlib.sha256).hexdigest()


def _key(directory: Path) -> bytes:
    """The key; a new one where there is none, or no whole one, and then earlier tokens are no more. Unusable."""
    file = directory / _KEY
    try:
        kept = file.read_bytes() if file.exists() else None
        if kept is not None and len(kept) == _KEY_BYTES:
            return kept
        if kept is not None:
            log.error("%s was damaged and is made anew: log in to the registry again", file)
        disk.write(file, secrets.token_bytes(_KEY_BYTES))
        return file.read_bytes()
    except OSError as error:
        raise disk.unusable(error, file) from error
