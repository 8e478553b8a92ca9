"""The profile of an instance: how slow, how late and how strict it is."""

from __future__ import annotations

import logging
from pathlib import Path

from drydock import disk
from drydock.policy.profiles import PROFILES, QUICK, Profile, named

log = logging.getLogger(__name__)


def settled(directory: Path, given: str | None) -> Profile:
    """The profile of the instance in `directory`: `given`, else the one it has, else quick. Unusable; NoSuchProfile."""
    path = directory / "profile"
    kept = _kept(path)
    profile = named(given) if given else PROFILES.get(kept, QUICK)
    if kept != profile.name:
        if kept and not given:
            log.error("%s names no profile, and is put right: %s", path, profile.name)
        disk.write(path, profile.name.encode())
    return profile


def _kept(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise disk.unusable(error, path) from error
