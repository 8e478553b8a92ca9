"""Where the project's folders of notebooks are."""

from __future__ import annotations

import os
from pathlib import Path


class NotFound(LookupError):
    """There is no such folder; the text says where it was looked for and how to name it."""


def folder(name: str, *, variable: str, holds: str) -> Path:
    """The folder that the environment's `variable` names, else `name` here or above, else that of the checkout.

    holds   a glob that something in it has to match: a folder that only happens to have the name is passed over.

    Raises NotFound.
    """
    named = os.environ.get(variable)
    here = Path.cwd()
    candidates = [Path(named)] if named else [one / name for one in (here, *here.parents, _checkout())]
    for candidate in candidates:
        if any(candidate.glob(holds)):
            return candidate.resolve()
    raise NotFound(
        f"No {name} in {candidates[0]}. Run this inside the project's checkout, or set {variable} to its {name} folder."
    )


def _checkout() -> Path:
    return Path(__file__).resolve().parents[3]
