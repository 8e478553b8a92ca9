"""The seed of an instance, which the ids of all that no request asked for follow from."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from drydock import disk
from drydock.embedded.core.journal import first_seed

log = logging.getLogger(__name__)


_FIRST = "us-east-1"


def in_region(seed: str, region: str) -> str:
    """What ids of a region follow from; in the one that everybody begins with it is the seed alone."""
    return seed if region in ("", _FIRST) else f"{seed}:{region}"


def settled(directory: Path, given: str | None) -> str:
    """The seed of the instance in `directory`: the one it has, else `given`, else a new one. Unusable.

    The journal, each line of which has it, is believed before its file.
    """
    path = directory / "seed"
    kept, known = _kept(path), first_seed(directory / "journal.jsonl")
    seed = known or kept or given or secrets.token_hex(8)
    if kept != seed:
        if path.exists():
            log.error("%s was damaged, and is put right%s", path, " from the journal" if known else "")
        disk.write(path, seed.encode())
    return seed


def _kept(path: Path) -> str | None:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise disk.unusable(error, path) from error
    return text if text and text.isprintable() else None
