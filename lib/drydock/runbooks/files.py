"""The JSON files of a run's folder, held against their shapes when they are read: somebody may have edited them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from drydock.runbooks import chain
from drydock.runbooks.apart import Value, is_of
from drydock.runbooks.approvals import Approval
from drydock.runbooks.model import Plan
from drydock.runbooks.told import Told, typed

SECRETS = "secrets.json"


class Damaged(Told, ValueError):
    """A file of a run's folder is not as the run wrote it, or cannot be read; the text says which, why, what to do."""


@dataclass
class _Approval:
    plan: str = ""
    plans: str = ""
    by: str = ""
    signatures: list[Approval] = field(default_factory=list)


@dataclass
class _Cost:
    text: str
    assumed: str


@dataclass
class _Result:
    outcome: str = ""
    why: str = ""
    at: str = ""


@dataclass
class _Part:
    target: str
    plan: str | None
    folder: str | None


@dataclass
class _Summary:
    hash: str
    targets: list[_Part]


_SHAPES: dict[str, Any] = {
    "approval.json": _Approval,
    "cost.json": _Cost,
    "before.json": dict[str, Any],
    "after.json": dict[str, Any],
    "findings.json": list[dict[str, str]],
    "result.json": _Result,
    "summary.json": _Summary,
    SECRETS: dict[str, Value],
}
_WITHOUT = {
    "approval.json": "without it the run can be undone, and does not go on",
    "cost.json": "it is only shown",
    "before.json": "it is only shown",
    "after.json": "without it the run can be undone",
    "findings.json": "it is only shown",
    "result.json": "without it the run can be undone",
    SECRETS: "without it what needs no secret value can be undone",
}
"""What can be done in a folder that lacks the file."""


def read(path: Path) -> Any:
    """What is in the file, or None where there is none. Raises Damaged."""
    text = _text(path)
    if text is None:
        return None
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # raises ValueError for halves of characters
        if path.name in _SHAPES:
            _shape(path.name).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is no JSON ({error})" if text.strip() else "it is empty") from None
    return found


def plan(path: Path, kept: Mapping[str, Value] | None = None) -> Plan:
    """The plan of that file, with the secret values in `kept` in their places. Raises Damaged."""
    text = _text(path)
    try:
        if text is None:
            raise ValueError("It is not there.")
        return Plan.from_json(text, kept)
    except ValueError as error:
        raise Damaged(f"{path}: {error} A run is undone only from the plan that it had. {_advice(path)}") from None


def secrets(path: Path) -> dict[str, Value]:
    """What secrets.json holds, by the stand-ins' hashes. Raises Damaged, also where a value is not of its hash."""
    found: dict[str, Value] = _shape(SECRETS).validate_python(read(path) or {})
    if other := [value.name for hashed, value in found.items() if not is_of(hashed, value.value)]:
        raise damaged(path, f"the value of {other[0]} is not the one that its hash names")
    return found


def lines(path: Path) -> list[chain.Line]:
    """The lines of that chain; none where it is not there. Raises Damaged where it cannot be read."""
    try:
        return chain.lines(path)
    except OSError as error:
        raise unreadable(path, error) from error


def damaged(path: Path, why: str) -> Damaged:
    return Damaged(f"{path} is not as the run wrote it: {why}. {_advice(path)}")


def unreadable(path: Path, error: OSError) -> Damaged:
    return Damaged(f"{path} cannot be read: {error.strerror}. Make it readable{_without(path)}.")


def _advice(path: Path) -> str:
    verify = typed(["drydock", "runbook", "verify", str(path.parent)])
    return f"Bring it back from a copy of the folder{_without(path)}. What else is not as it was: {verify}"


def _without(path: Path) -> str:
    return f", or move it away: {_WITHOUT[path.name]}" if path.name in _WITHOUT else ""


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is no text ({error.reason} at byte {error.start})") from None


@functools.cache
def _shape(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_SHAPES[name])
