"""A runbook's parameters: declared once, in its parameters cell, and strict wherever they are given.

    dry_run: bool = True  # show the plan, change nothing
    desired_count: DesiredCount = 3  # tasks that are wanted

The annotation is the type, with its bounds (drydock.runbooks.types); the comment is its help. papermill alone is
not strict: it makes text of `-p dry_run false`, a number of `-p account 012345678901`, and only warns of a name
that the notebook does not have.
"""

from __future__ import annotations

import ast
import builtins
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from drydock.notebooks import parameters
from drydock.notebooks.parameters import BadParameter
from drydock.runbooks import types


@dataclass(frozen=True)
class Declared:
    """The parameters of one runbook: their defaults and help by name, and the model that checks them."""

    defaults: Mapping[str, Any]
    helps: Mapping[str, str]
    model: type[BaseModel]

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, those not given by their defaults.

        Raises BadParameter, naming every one that is unknown, of another type, or out of range.
        """
        try:
            return self.model.model_validate({**self.defaults, **given}).model_dump()
        except ValidationError as error:
            raise BadParameter("\n".join(_told(one, self) for one in error.errors())) from None

    def read(self, given: Mapping[str, str]) -> dict[str, Any]:
        """As `checked`, of values that are text, as on a command line."""
        return self.checked(parameters.typed(given, self.defaults))


def declared(notebook: Path) -> Declared:
    """What the notebook's parameters cell declares.

    Raises ValueError where a line of the cell is neither an import nor `name: Type = default  # help`.
    """
    source = parameters.cell(notebook)
    lines = source.splitlines()
    defaults: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    helps: dict[str, str] = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.ImportFrom(module="drydock.runbooks.types"):
                continue
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind), value=ast.expr() as value):
                defaults[name] = ast.literal_eval(value)
                fields[name] = (getattr(types, kind, None) or getattr(builtins, kind), ...)
                helps[name] = lines[statement.lineno - 1].partition("  # ")[2]
            case _:
                raise ValueError(
                    f"{notebook.name}: {ast.unparse(statement)} does not declare a parameter: "
                    f"write `name: Type = default  # help`."
                )
    model = create_model(notebook.stem, __config__=ConfigDict(strict=True, extra="forbid"), **fields)
    return Declared(defaults, helps, model)


def injected(cells: list[str]) -> dict[str, str]:
    """{name: source of its value} of the cell that papermill put in, among those that a kernel has run."""
    for source in cells:
        if re.match(r"# Parameters\n", source):
            return {
                target.id: ast.unparse(statement.value)
                for statement in ast.parse(source).body
                if isinstance(statement, ast.Assign)
                for target in statement.targets
                if isinstance(target, ast.Name)
            }
    return {}


def _told(error: Any, known: Declared) -> str:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"There is no parameter {name!r}; there are {', '.join(known.defaults)}."
    hint = ""
    if error["type"] == "string_type" and isinstance(error["input"], int):
        hint = " Give it as text: papermill takes `-r` for that, where `-p` makes a number of digits."
    if error["type"] == "bool_type":
        hint = " papermill's `-p` takes True or False."
    return f"{name}={reprlib.repr(error['input'])}: {error['msg']}.{hint} It is: {known.helps[name]}."
