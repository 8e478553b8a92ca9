"""Which labs there are, and where."""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from drydock.labs.step import Outline
from drydock.notebooks import places


class NoSuchLab(LookupError):
    """No lab of that name; the text lists those there are."""


def directory() -> Path:
    """The labs: $DRYDOCK_LABS, else `labs/` in this folder or one above it, else in the checkout we run from.

    Raises NoSuchLab where none of these is there.
    """
    try:
        return places.folder("labs", variable="DRYDOCK_LABS", holds="[0-9][0-9]-*/checks.py")
    except places.NotFound as error:
        raise NoSuchLab(str(error)) from None


def names() -> list[str]:
    """The labs in order: "00-start-here", "01-repositories", …"""
    return sorted(path.parent.name for path in directory().glob("[0-9][0-9]-*/checks.py"))


def full_name(name: str) -> str:
    """`name` may be short: "01", "repositories" and "01-repositories" are the same lab. Raises NoSuchLab."""
    known = names()
    for candidate in known:
        number, _, word = candidate.partition("-")
        if name in (candidate, number, word):
            return candidate
    raise NoSuchLab(f"No lab {name!r} in {directory()}. There are: {', '.join(known)}.")


def chosen(wanted: Sequence[str]) -> list[str]:
    """These labs, each once, as they were asked for; "all" is all. Raises NoSuchLab."""
    return names() if "all" in wanted else list(dict.fromkeys(full_name(name) for name in wanted))


def in_ranges(text: str) -> list[str]:
    """The labs of a list such as "00-06,07" or "repositories,12", each once, in order; "all" is all.

    A range goes from one number to another; both are labs, and of those between the ones that there are.
    Raises NoSuchLab.
    """
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        first, to, last = part.partition("-")
        if to and first.isdigit() and last.isdigit():
            begin, end = full_name(first), full_name(last)
            if begin > end:
                raise NoSuchLab(f"The range {part!r} goes backwards: {begin} comes after {end}.")
            found += [name for name in names() if begin <= name <= end]
        else:
            found += chosen([part])
    return sorted(set(found))


def notebook(name: str) -> Path:
    """The lab's notebook."""
    lab = full_name(name)
    return directory() / lab / f"{lab}.ipynb"


def load(name: str) -> Outline:
    """The `outline` that the lab's checks.py declares."""
    return _load(directory() / full_name(name) / "checks.py")


@functools.cache
def _load(path: Path) -> Outline:
    module_name = "drydock_lab_" + re.sub(r"\W", "_", path.parent.name)
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    outline = getattr(module, "outline", None)
    if not isinstance(outline, Outline):
        raise TypeError(f"{path} must define `outline = Outline(…)`.")
    outline.name = path.parent.name
    for step in outline.steps.values():
        step.notebook = path.with_name(f"{outline.name}.ipynb")
    return outline
