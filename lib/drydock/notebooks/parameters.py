"""A notebook's parameters: read from its `parameters` cell, and strict about names and types."""

from __future__ import annotations

import ast
import json
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drydock.policy.secrets import hidden

_NUMBER = {int: r"[+-]?[0-9]{1,20}", float: r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?"}
"""What Python reads as a number and people do not is none: 1_000, digits of other scripts, inf."""


class BadParameter(ValueError):
    """A parameter that the notebook does not have, or a value of another type than its default's."""


def cell(notebook: Path) -> str:
    """The source of the cell tagged `parameters`; empty where there is none.

    A notebook of format 4 is read as the JSON that it is: nbformat, which validates it, takes longer to import than the
    rest of a runbook's kernel.
    """
    for each in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if each["cell_type"] == "code" and "parameters" in each["metadata"].get("tags", ()):
            return "".join(each["source"])
    return ""


def defaults(notebook: Path) -> dict[str, Any]:
    """{name: default} of the cell tagged `parameters`."""
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(cell(notebook)).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def typed(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, each value as the type of its default in `known`; text is read as that type.

    Raises BadParameter for an unknown name and for a value that is not of the type.
    """
    return {name: _as_type_of(name, value, known) for name, value in given.items()}


def _as_type_of(name: str, value: Any, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise BadParameter(f"There is no parameter {name!r}; there are {', '.join(known)}.")
    wanted = type(known[name])
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, wanted):
        return value
    if isinstance(value, str) and wanted is bool and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and re.fullmatch(_NUMBER.get(wanted, r"(?!)"), value, re.IGNORECASE):
        return wanted(value)
    given = reprlib.repr(hidden(value) if isinstance(value, str) else value)
    raise BadParameter(f"{name}={given} is not of type {wanted.__name__}, as its default {known[name]!r} is.")
