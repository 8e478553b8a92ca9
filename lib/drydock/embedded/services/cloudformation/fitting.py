"""From the properties of a template, PascalCase and often text, to the arguments of an operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Document = dict[str, Any]

_OTHER_NAMES = {"clustersettings": "settings", "placementstrategies": "placementstrategy"}
_WORDS = {"true": True, "false": False}


class Failure(Exception):
    """Why a resource of a stack could not be made, changed or deleted."""


def fitted(shape: Any, properties: Mapping[str, Any], skip: Collection[str] = ()) -> Document:
    """`properties` without `skip` as arguments for the input `shape`. Raises Failure for one that it does not have."""
    return _structure(shape, {key: value for key, value in properties.items() if key not in skip}, "")


def _structure(shape: Any, given: Mapping[str, Any], path: str) -> Document:
    names = {name.lower(): name for name in shape.members}
    found = {}
    for key, value in given.items():
        name = names.get(key.lower()) or names.get(_OTHER_NAMES.get(key.lower(), ""))
        if name is None:
            raise Failure(f"Encountered unsupported property {path}{key}")
        if value is not None:
            found[name] = _value(shape.members[name], value, f"{path}{key}.")
    return found


def _value(shape: Any, value: Any, path: str) -> Any:
    kind = shape.type_name
    try:
        if kind == "structure":
            return _structure(shape, value, path)
        if kind == "list":
            return [_value(shape.member, item, path) for item in (value if isinstance(value, list) else [value])]
        if kind == "map":
            return {str(key): _value(shape.value, item, path) for key, item in value.items()}
        if kind in ("integer", "long"):
            return int(value)
        if kind in ("float", "double"):
            return float(value)
        if kind == "boolean":
            return value if isinstance(value, bool) else _WORDS[str(value).lower()]
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Failure(f"Value of property {path.removesuffix('.')} must be a {kind}, not {value!r}") from None
    if isinstance(value, dict | list):
        raise Failure(f"Value of property {path.removesuffix('.')} must be of type String")
    return str(value).lower() if isinstance(value, bool) else str(value)
