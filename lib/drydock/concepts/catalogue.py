"""Which concept notebooks there are, and where."""

from __future__ import annotations

from pathlib import Path

from drydock.notebooks import places

FIRST = "capacity-mix"
"""The notebook by which our folder is told from any other that is called notebooks/."""


class NoSuchConcept(LookupError):
    """No concept notebook of that name; the text lists those there are."""


def directory() -> Path:
    """The concepts: $DRYDOCK_NOTEBOOKS, else `notebooks/` in this folder or one above it, else in the checkout.

    Raises NoSuchConcept where none of these is there.
    """
    try:
        return places.folder("notebooks", variable="DRYDOCK_NOTEBOOKS", holds=f"{FIRST}.ipynb")
    except places.NotFound as error:
        raise NoSuchConcept(str(error)) from None


def names() -> list[str]:
    """The concepts in order of the alphabet: "capacity-mix", "fargate-or-ec2", …"""
    return sorted(path.stem for path in directory().glob("*.ipynb"))


def notebook(name: str) -> Path:
    """The notebook of concept `name`. Raises NoSuchConcept."""
    known = names()
    if name not in known:
        raise NoSuchConcept(f"No concept {name!r} in {directory()}. There are: {', '.join(known)}.")
    return directory() / f"{name}.ipynb"


def fixture(name: str) -> str:
    """The text of a manifest or of configuration that notebooks show, of `fixtures/` beside them.

    Raises LookupError, listing those there are.
    """
    path = directory() / "fixtures" / name
    if not path.is_file():
        there = ", ".join(sorted(one.name for one in path.parent.glob("*")))
        raise LookupError(f"No fixture {name!r} in {path.parent}. There are: {there}.")
    return path.read_text()
