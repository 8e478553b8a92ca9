"""Answers in JSON that are plain already: dicts in the API's own names, which need no search for what may be meant.

moto writes answers from objects of any kind, and looks for each member of the model under some ten names, which takes
longer than the call itself.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any


class Odd(Exception):
    """An answer that is not plain."""


def written(usual: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """How moto's serializer of JSON writes a result: plainly where it can be, else as `usual`."""

    def write(self: Any, response: Any, result: Any) -> Any:
        shape = self.operation_model.output_shape
        if shape is not None and not any(_concerns(path, shape) for path in self._value_picker.response_transformers):
            try:
                return self._serialized_result_to_response(response, result, shape, _writer(shape)(result))
            except Odd:
                pass
        return usual(self, response, result)

    return write


def _concerns(path: str, shape: Any) -> bool:
    """Whether what moto changes at a path, which may be the end of a longer one, may be in an answer of `shape`."""
    first = path.partition(".")[0]
    return first == shape.name or not first.endswith(("Response", "Result", "Output"))


@cache
def _writer(shape: Any) -> Callable[[Any], Any]:
    """What turns a plain value of a shape into JSON's own types. Raises Odd for one that is not plain."""
    kind = shape.type_name
    if kind == "structure":
        return (lambda value: value) if shape.is_document_type else _structure(shape)
    if kind == "list":
        return lambda value: [*map(_writer(shape.member), _plain(value, list, tuple))]
    if kind == "map":
        return lambda value: {_plain(key, str): _writer(shape.value)(item) for key, item in _plain(value, dict).items()}
    if kind == "timestamp" and "timestampFormat" not in shape.serialization:
        return _timestamp
    return _scalar(_PLAIN[kind]) if kind in _PLAIN else _odd


_PLAIN: dict[str, type] = {
    "string": str, "boolean": bool, "integer": int, "long": int, "float": float, "double": float,
}  # fmt: skip


def _structure(shape: Any) -> Callable[[Any], Any]:
    members = shape.members
    known: dict[str, tuple[str, Callable[[Any], Any]]] = {}

    def known_now(name: str) -> tuple[str, Callable[[Any], Any]]:
        if name not in members:
            raise Odd
        member = members[name]
        known[name] = member.serialization.get("name", name), _writer(member)
        return known[name]

    def write(value: Any) -> dict[str, Any]:
        found = {}
        for name, item in _plain(value, dict).items():
            wire, writer = known.get(name) or known_now(name)
            if item is not None:
                found[wire] = writer(item)
        return found

    return write


def _scalar(kind: type) -> Callable[[Any], Any]:
    def write(value: Any) -> Any:
        if type(value) is not kind:
            raise Odd
        return value

    return write


def _plain(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise Odd
    return value


def _timestamp(value: Any) -> int | float:
    """Seconds since the epoch, cut off at the millisecond, as moto writes it."""
    if type(value) is not datetime or value.tzinfo is None:
        raise Odd
    seconds = calendar.timegm(value.utctimetuple())
    return seconds + (value.microsecond // 1000) / 1000 if value.microsecond else seconds


def _odd(value: Any) -> Any:
    raise Odd
