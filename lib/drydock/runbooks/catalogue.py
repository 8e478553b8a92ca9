"""Which runbooks there are, and where."""

from __future__ import annotations

from pathlib import Path

from drydock.notebooks import places


class NoSuchRunbook(LookupError):
    """No runbook of that name; the text lists those there are."""


def directory() -> Path:
    """The runbooks: $DRYDOCK_RUNBOOKS, else `runbooks/` in this folder or one above it, else in the checkout.

    Raises NoSuchRunbook where none of these has any.
    """
    try:
        return places.folder("runbooks", variable="DRYDOCK_RUNBOOKS", holds="*.ipynb")
    except places.NotFound as error:
        raise NoSuchRunbook(str(error)) from None


def names() -> list[str]:
    """The runbooks: "diagnose-service", "rollback-service", …"""
    return sorted(path.stem for path in directory().glob("*.ipynb"))


def notebook(name: str) -> Path:
    """The runbook's notebook. Raises NoSuchRunbook."""
    if name not in names():
        raise NoSuchRunbook(f"No runbook {name!r} in {directory()}. There are: {', '.join(names())}.")
    return directory() / f"{name}.ipynb"
