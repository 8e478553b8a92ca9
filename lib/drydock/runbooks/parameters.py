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
from drydock.policy.secrets import hidden, says_secret
from drydock.runbooks import types

_KINDS = {"integer": "whole number", "number": "number", "boolean": "True or False"}
_WHERE_IT_IS = (
    "takes where a secret is, env:NAME or file:/path, and not the secret: parameters are kept in clear, with the "
    "evidence and by papermill in its output notebook. If papermill was given it, it is there now: remove that."
)
_SECRET = f"{{}} has what looks like a key, a token or a password in it. A parameter {_WHERE_IT_IS}"


@dataclass(frozen=True)
class Declared:
    """The parameters of one runbook: their defaults and help by name, and the model that checks them."""

    defaults: Mapping[str, Any]
    helps: Mapping[str, str]
    model: type[BaseModel]

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, those not given by their defaults.

        Raises BadParameter, naming every one that is unknown, of another type, out of range, or a secret.
        """
        try:
            values = self.model.model_validate({**self.defaults, **given}).model_dump()
        except ValidationError as error:
            raise BadParameter("\n".join(_told(one, self) for one in error.errors())) from None
        if secret := [name for name, value in values.items() if isinstance(value, str) and hidden(value) != value]:
            raise BadParameter("\n".join(_SECRET.format(name) for name in secret))
        return values

    def read(self, given: Mapping[str, str]) -> dict[str, Any]:
        """As `checked`, of values that are text, as on a command line."""
        return self.checked(parameters.typed(given, self.defaults))

    def bounds(self, name: str) -> str:
        """What a value has to be, in words: "whole number, 0 to 5000"."""
        known = self.schema(name)
        kind = _KINDS.get(known.get("type", ""), "text")
        low, high = (known.get(key, known.get(f"exclusive{key.capitalize()}")) for key in ("minimum", "maximum"))
        if low is not None and high is not None:
            return f"{kind}, {low:g} to {high:g}"
        if low is not None or high is not None:
            return f"{kind}, {low:g} or more" if low is not None else f"{kind}, {high:g} or less"
        if "enum" in known:
            return f"one of {', '.join(map(str, known['enum']))}"
        return f"{kind}, {known['pattern']}" if "pattern" in known else kind

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of one parameter: `type`, and `minimum`, `maximum`, `pattern`, `enum` where it has them."""
        return dict(self.model.model_json_schema()["properties"][name])

    def why_not(self, name: str, value: str) -> str:
        """What is wrong with this text as a value; empty where it can be used."""
        try:
            self.read({name: value})
        except BadParameter as error:
            return str(error)
        return ""


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
                if kind == "str" and says_secret(name):
                    raise ValueError(f"{notebook.name}: {name} is a secret by its name: declare it `{name}: Secret`.")
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
    if error["type"] == "string_pattern_mismatch" and known.schema(name).get("pattern") == types.WHERE_A_SECRET_IS:
        return f"{name} {_WHERE_IT_IS} It is: {known.helps[name]}."
    given = hidden(error["input"]) if isinstance(error["input"], str) else error["input"]
    return f"{name}={reprlib.repr(given)}: {error['msg']}.{hint} It is: {known.helps[name]}."
