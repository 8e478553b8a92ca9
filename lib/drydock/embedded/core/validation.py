"""A request held against the service's model, once, before anything is done: types, required, enum, range, length.

What the wire says is read per protocol into values by the names of the model (`_from_json`, `_from_query`,
`_from_rest`); `_violations` holds these against it. A member that the model does not know is ignored, as AWS does,
and a JSON null is no value. Patterns are held of few services: the identifiers that moto makes up do not all fit AWS's.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.utils import is_json_value_header, parse_timestamp

from drydock.embedded.core import seams
from drydock.policy import wording

_INTEGERS = {"integer": 31, "long": 63}
_FLOATS = ("float", "double")
_NUMBER_WORDS = ("NaN", "Infinity", "-Infinity")
_SHOWN = 10


class Refused(Exception):
    """A request that AWS would not take."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Unreadable(Exception):
    """A value of another type than the model's; says what AWS says."""


def hold(service: str, operation: str, environ: dict[str, Any], body: bytes) -> tuple[str, bytes]:
    """Raise Refused for a request that its model does not allow.

    Returns the operation, which a path may say as well, and the body to go on with, without nulls. A GET of REST only
    reads, and stays without an operation.
    """
    if service in wording.UNCONSTRAINED:
        return operation, body
    speaks_json = "HTTP_X_AMZ_TARGET" in environ
    try:
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = _inflated(body)
            del environ["HTTP_CONTENT_ENCODING"]
        if speaks_json:
            body, parsed = _parsed(body)
        shape = _input_shape(service, operation) if operation else None
        if speaks_json:
            values = _from_json(shape, parsed, "") if shape is not None else None
        elif operation:
            is_ec2 = seams.protocol(service) == "ec2"
            values = _from_query(shape, environ, body, ec2=is_ec2) if shape is not None else None
        else:
            named, shape, values = _from_rest(service, environ, body)
            operation = named if environ["REQUEST_METHOD"] not in ("GET", "HEAD") else ""
    except _Unreadable as wrong:
        raise Refused(wording.unreadable(service, speaks_json), str(wrong)) from None
    if shape is None or values is None:
        return operation, body
    enums, patterns = service not in wording.OWN_VALUES, service in wording.HOLDS_PATTERNS
    found = list(_violations(shape, values, "", enums=enums, patterns=patterns))
    if found:
        raise _refused(service, operation, found)
    return operation, body


def code_of(service: str, operation: str = "") -> str:
    """The code with which a service refuses an input for its form."""
    model = seams.model_of(service)
    shapes = () if model is None else model.shape_names
    return wording.wrong_form(service, operation, seams.protocol(service), shapes)


# -- the model -------------------------------------------------------------------------------------


@cache
def _input_shape(service: str, operation: str) -> Any:
    model = seams.model_of(service)
    if model is None or operation not in model.operation_names:
        return None
    return model.operation_model(operation).input_shape


# -- reading ---------------------------------------------------------------------------------------


def _inflated(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise _Unreadable("The body says that it is gzip, and is not.") from None


def _parsed(body: bytes) -> tuple[bytes, Any]:
    """The JSON of a body, and the body without the members that are null and with 2 for 2.0, as AWS reads it.

    No body is an empty structure: services of awsJson take it so (documented: Smithy, AWS JSON 1.1 protocol).
    """
    body = body or b"{}"
    whole = False

    def number(text: str) -> float:
        nonlocal whole
        value = float(text)
        if value.is_integer() and abs(value) < 2**63:
            whole = True
            return int(value)
        return value

    try:
        parsed = json.loads(body.decode(), parse_constant=_no_constant, parse_float=number)
    except UnicodeDecodeError:
        raise _Unreadable("The body is not UTF-8.") from None
    except RecursionError:
        raise _Unreadable("The body is nested too deeply.") from None
    except ValueError as wrong:
        raise _Unreadable(f"The body is not JSON: {wrong}") from None
    if whole or b"null" in body:
        parsed = _without_nulls(parsed)
        return json.dumps(parsed, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"), parsed
    return body, parsed


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _from_json(shape: Any, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return value
        if not isinstance(value, dict):
            raise _Unreadable(_found(value, path, "a structure"))
        known, found = _members(shape), {}
        for wire, given in value.items():
            if given is not None and wire in known:
                name, member = known[wire]
                found[name] = _from_json(member, given, _below(path, name))
        return found
    if kind == "list":
        if not isinstance(value, list):
            raise _Unreadable(_found(value, path, "a list"))
        return [_from_json(shape.member, item, _item(path, number)) for number, item in enumerate(value, 1)]
    if kind == "map":
        if not isinstance(value, dict):
            raise _Unreadable(_found(value, path, "a map"))
        return {
            key: _from_json(shape.value, item, _below(path, key)) for key, item in value.items() if item is not None
        }
    return _scalar_of_json(shape, value, path)


@cache
def _members(shape: Any) -> dict[str, tuple[str, Any]]:
    """Name and shape of each member of a structure by its name on the wire."""
    return {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}


def _scalar_of_json(shape: Any, value: Any, path: str) -> Any:
    kind = shape.type_name
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _INTEGERS:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2 ** _INTEGERS[kind]:
            return value
    elif kind in _FLOATS:
        if is_number:
            return value
        if value in _NUMBER_WORDS:
            return float(value)
    elif kind == "boolean":
        if isinstance(value, bool):
            return value
    elif kind == "timestamp":
        if is_number or isinstance(value, str):
            return _timestamp(value, path)
    elif isinstance(value, str):
        return _blob(value, path) if kind == "blob" else _text(value, path)
    elif is_json_value_header(shape):
        return value
    raise _Unreadable(_found(value, path, f"a {kind}"))


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Unreadable(f"'{path}' has half of a surrogate pair.") from None
    return value


def _timestamp(value: Any, path: str) -> Any:
    try:
        if isinstance(value, str):
            return parse_timestamp(value)
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError, TypeError, AttributeError):
        raise _Unreadable(f"'{value}' at '{path}' can not be converted to a Timestamp") from None


def _blob(value: str, path: str) -> bytes:
    try:
        return base64.b64decode(value)
    except (binascii.Error, ValueError):
        raise _Unreadable(f"'{path}' is not base64 encoded") from None


def _found(value: Any, path: str, wanted: str) -> str:
    """What AWS's reader says of a value where another type is expected."""
    if value is None:
        return f"NULL_VALUE at '{path}' where {wanted} is expected"
    if isinstance(value, dict):
        return f"Start of structure or map found where not expected: at '{path}'"
    if isinstance(value, list):
        return f"Start of list found where not expected: at '{path or 'the body'}'"
    if isinstance(value, bool):
        kind = f"{str(value).upper()}_VALUE"
    else:
        kind = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    name = wanted.split()[-1].capitalize()
    return f"{kind} can not be converted to {'an' if name[0] in 'AEIOU' else 'a'} {name}: at '{path or 'the body'}'"


def _from_text(shape: Any, text: str, path: str) -> Any:
    """A scalar of a query, a header or a path."""
    kind = shape.type_name
    try:
        if kind in _INTEGERS:
            number = int(text)
            if abs(number) < 2 ** _INTEGERS[kind]:
                return number
        elif kind in _FLOATS:
            return float(text)
        elif kind == "boolean":
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
        elif kind == "timestamp":
            return _timestamp(text, path)
        elif kind == "blob":
            return _blob(text, path)
        else:
            return text
    except ValueError:
        pass
    raise _Unreadable(f"Value '{text}' at '{path}' is not a valid {kind}")


@cache
def _query_parser(ec2: bool) -> Any:
    from moto.core.parse import UNDEFINED, EC2QueryParser, QueryParser

    class Parser(EC2QueryParser if ec2 else QueryParser):  # type: ignore[misc]
        """moto's, saying which parameter a value that cannot be read belongs to, and making up no defaults."""

        def _scalar(self, shape: Any, given: Mapping[str, str], prefix: str) -> Any:
            text = given.get(prefix)
            return UNDEFINED if text is None else _from_text(shape, text, prefix)

        _parse_boolean = _parse_integer = _parse_long = _parse_float = _parse_double = _scalar
        _parse_timestamp = _parse_blob = _default_handle = _scalar

    return Parser


def _from_query(shape: Any, environ: Mapping[str, Any], body: bytes, *, ec2: bool) -> Any:
    given: dict[str, str] = {}
    try:
        texts = (environ.get("QUERY_STRING", ""), body.decode())
    except UnicodeDecodeError:
        raise _Unreadable("The body is not UTF-8.") from None
    for text in texts:
        for key, value in parse_qsl(text, keep_blank_values=True):
            given.setdefault(key, value)
    if any(seams.NOT_XML.search(value) for value in given.values()):
        raise _Unreadable("The request has characters that XML does not have.")
    parser = _query_parser(ec2)(None)
    return parser._do_parse({"values": given}, shape)


def _from_rest(service: str, environ: dict[str, Any], body: bytes) -> tuple[str, Any, Any]:
    """Operation, shape and values of a REST request; without a shape where none fits."""
    from moto.core.request import Request
    from moto.core.routing import get_service_router

    model = seams.model_of(service)
    if model is None or not str(model.protocol).startswith("rest"):
        return "", None, None
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    try:
        operation, uri = get_service_router(model.service_name).match(request)
    except Exception:  # whatever has no route, and what the router makes of a path that is none
        return "", None, None
    shape = operation.input_shape
    if shape is None:
        return operation.name, None, None
    values: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    in_body: list[str] = []
    for name, member in shape.members.items():
        place, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri":
            values[name] = _from_text(member, str(uri[wire]), _below("", name)) if wire in uri else None
        elif place == "querystring":
            values[name] = _of_querystring(member, request.args.getlist(wire), _below("", name), wire in request.args)
        elif place == "header":
            text = request.headers.get(wire)
            if text is not None and member.type_name in (*_INTEGERS, *_FLOATS, "boolean"):
                values[name] = _from_text(member, text, _below("", name))
            else:
                values[name] = text if text is None or member.type_name == "string" else _Opaque()
        elif place is None and (payload is None or name == payload):
            in_body.append(name)
        else:
            values[name] = _Opaque()
    if model.protocol == "rest-json":
        values |= _json_members(shape, payload, in_body, body)
    else:
        values |= {name: _Opaque() for name in in_body}
    return operation.name, shape, {name: value for name, value in values.items() if value is not None}


class _Opaque:
    """A value that is there and not looked into."""


def _of_querystring(member: Any, given: list[str], path: str, present: bool) -> Any:
    if not present:
        return None
    if member.type_name == "list":
        return [_from_text(member.member, text, _item(path, number)) for number, text in enumerate(given, 1)]
    return _Opaque() if member.type_name == "map" else _from_text(member, given[0], path)


def _json_members(shape: Any, payload: str | None, names: list[str], body: bytes) -> dict[str, Any]:
    if not names:
        return {}
    if payload is not None:
        member = shape.members[payload]
        if member.type_name not in ("structure", "list", "map"):
            return {payload: _Opaque()} if body else {}
        return {payload: _from_json(member, _parsed(body)[1], _below("", payload))} if body else {}
    parsed = _parsed(body)[1]
    if not isinstance(parsed, dict):
        raise _Unreadable(_found(parsed, "", "a structure"))
    found = {}
    for name in names:
        member = shape.members[name]
        given = parsed.get(member.serialization.get("name", name))
        if given is not None:
            found[name] = _from_json(member, given, _below("", name))
    return found


# -- holding ---------------------------------------------------------------------------------------

Violation = tuple[str, Any, str]
"""Where, what is there (None if nothing), and the constraint that it does not satisfy."""


def _below(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _item(path: str, number: int) -> str:
    return f"{path}.{number}.member"


def _violations(shape: Any, value: Any, path: str, *, enums: bool, patterns: bool) -> Iterator[Violation]:
    """Every constraint of the model that a value does not satisfy."""
    if isinstance(value, _Opaque) or (shape.type_name == "structure" and shape.is_document_type):
        return
    limits = shape.metadata
    size = _SIZES.get(shape.type_name)
    if size is not None and ("min" in limits or "max" in limits):
        measured, what = size(value), "value" if shape.type_name in (*_INTEGERS, *_FLOATS) else "length"
        if measured < limits.get("min", -math.inf):
            yield path, value, f"Member must have {what} greater than or equal to {limits['min']}"
        elif measured > limits.get("max", math.inf):
            yield path, value, f"Member must have {what} less than or equal to {limits['max']}"
    if shape.type_name == "structure":
        for name in limits.get("required", ()):
            if name not in value:
                yield _below(path, name), None, "Member must not be null"
        for name, member in shape.members.items():
            if name in value and _is_constrained(member):
                yield from _violations(member, value[name], _below(path, name), enums=enums, patterns=patterns)
    elif shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, _item(path, number), enums=enums, patterns=patterns)
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _violations(shape.key, key, path, enums=enums, patterns=patterns)
            yield from _violations(shape.value, item, f"{path}.{key}.member", enums=enums, patterns=patterns)
    elif enums and limits.get("enum") and value not in limits["enum"]:
        yield path, value, f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"
    elif patterns and limits.get("pattern") and not re.fullmatch(limits["pattern"], value):
        yield path, value, f"Member must satisfy regular expression pattern: {limits['pattern']}"


@cache
def _is_constrained(shape: Any) -> bool:
    """Whether a value of a shape can be one that does not satisfy it."""
    limits = shape.metadata
    if "min" in limits or "max" in limits or limits.get("enum") or shape.type_name in ("structure", "map"):
        return True
    return shape.type_name == "list" and _is_constrained(shape.member)


def _utf16(text: str) -> int:
    """Length as Java, and so AWS, counts it."""
    return len(text) + sum(character > "￿" for character in text)


_SIZES: dict[str, Callable[[Any], float]] = {
    "string": _utf16, "list": len, "map": len, "blob": len,
    "integer": float, "long": float, "float": float, "double": float,
}  # fmt: skip


# -- saying so -------------------------------------------------------------------------------------


def _refused(service: str, operation: str, found: list[Violation]) -> Refused:
    where, value, _ = found[0]
    if value is None and service in wording.NAMES_THE_MISSING:
        name = ".".join(part[:1].upper() + part[1:] for part in where.split(".") if part != "member")
        return Refused("MissingParameter", f"The request must contain the parameter {name}.")
    if service in wording.TELLS_THE_FIRST:
        path, value, constraint = found[0]
        return Refused(code_of(service), f"Invalid parameter at '{path}' failed to satisfy constraint: '{constraint}'")
    said = [
        f"Value {_quoted(value)} at '{path}' failed to satisfy constraint: {constraint}"
        for path, value, constraint in found[:_SHOWN]
    ]
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    member, _, inside = where.partition(".")
    missing = not inside and value in (None, "")
    own = wording.wrong_member(service, member, missing=missing, documented=_errors(service, operation))
    return Refused(own or code_of(service, operation), f"{count}: {'; '.join(said)}")


def _errors(service: str, operation: str) -> list[str]:
    """Those that an operation has by its model."""
    model = seams.model_of(service)
    return [] if model is None else [shape.name for shape in model.operation_model(operation).error_shapes]


def _quoted(value: Any) -> str:
    if value is None:
        return "null"
    text = str(value) if isinstance(value, int | float | str) else json.dumps(value, default=str)
    return f"'{text if len(text) <= 300 else text[:300] + '…'}'"
