"""Filter expressions of X-Ray: read, and held against a trace.

Source (documented): the X-Ray developer guide, "Use filter expressions", whose examples are the tests. Not there, and
refused: `rootcause`, `group`, and the keywords that only they have (`first`, `last`, `remote`, `index`, `coverage`,
`message`, `json`). Ours: keywords are read in any case, and conditions side by side are joined by AND.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.policy.requests.errors import Invalid
from drydock.policy.traces.graph import (
    Call,
    Service,
    Trace,
    annotated,
    lasted,
    service_of,
    told,
    users,
    verdict,
    zones,
)
from drydock.policy.traces.segments import Document

BOOLEANS = ("ok", "error", "throttle", "fault", "partial", "inferred", "root")
NUMBERS = ("responsetime", "duration", "http.status")
STRINGS = ("http.url", "http.method", "http.useragent", "http.clientip", "user", "name", "type", "availabilityzone",
           "instance.id", "resource.arn")  # fmt: skip
NOT_THERE = ("rootcause", "group", "first", "last", "remote", "index", "coverage", "message", "json")
LONGEST = 2000

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))"""
    r"""|(?P<word>[A-Za-z_][\w.-]*)|(?P<sign>!=|<=|>=|[=<>!(){},:\[\]]))"""
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_OF_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda value, part: part in value,
    "BEGINSWITH": str.startswith,
    "ENDSWITH": str.endswith,
}


@dataclass(frozen=True)
class Subject:
    """What a condition is held against: a trace, or within braces a segment of it, or a call."""

    trace: Trace
    segment: Document | None = None

    def values(self, keyword: str) -> list[Any]:
        """What a keyword stands for; none where it is not there."""
        segment = self.trace.root if self.segment is None else self.segment
        found = verdict(segment)
        request = segment.get("http", {}).get("request", {})
        is_whole = self.segment is None
        match keyword:
            case "ok" | "error" | "throttle" | "fault":
                return [getattr(found, keyword)]
            case "partial":
                return [self.trace.is_partial if is_whole else bool(segment.get("in_progress"))]
            case "inferred":
                return [
                    any(s.get("inferred") for s in self.trace.served) if is_whole else bool(segment.get("inferred"))
                ]
            case "root":
                return [segment["id"] == self.trace.root["id"]]
            case "responsetime":
                return [] if segment.get("in_progress") else [lasted(segment)]
            case "duration":
                return [self.trace.duration if is_whole else lasted(segment)]
            case "http.status":
                status = segment.get("http", {}).get("response", {}).get("status")
                return [] if status is None else [status]
            case "user":
                return list(users(self.trace)) if is_whole else _texts(segment.get("user"))
            case "name":
                return [each.name for each in self.trace.services] if is_whole else [segment["name"]]
            case "type":
                return [
                    each.type for each in (self.trace.services if is_whole else (service_of(segment),)) if each.type
                ]
            case "availabilityzone":
                return zones(self.trace)
            case "instance.id":
                return told(self.trace, "aws", "ec2", "instance_id")
            case "resource.arn":
                return told(self.trace, "resource_arn")
        part = keyword.removeprefix("http.")
        return _texts(request.get({"useragent": "user_agent", "clientip": "client_ip"}.get(part, part)))


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else []


Condition = Callable[[Subject], bool]


def parsed(expression: str) -> Callable[[Trace], bool]:
    """What tells whether a trace fits. Raises Invalid, as X-Ray names it, for what cannot be read or is not there."""
    if len(expression) > LONGEST:
        raise _invalid(f"it is longer than {LONGEST} characters")
    reader = _Reader(_tokens(expression))
    condition = reader.either(within=False)
    reader.end()
    return lambda trace: condition(Subject(trace))


def _invalid(why: str) -> Invalid:
    return Invalid("InvalidRequestException", f"The filter expression is not valid: {why}.")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def value(self) -> Any:
        if self.kind == "number":
            return float(self.text)
        return re.sub(r"\\(.)", r"\1", self.text[1:-1]) if self.kind == "text" else self.text


def _tokens(expression: str) -> list[_Token]:
    found, place, text = [], 0, expression.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _invalid(f"it cannot be read from {text[place : place + 20]!r} on")
        assert match.lastgroup is not None
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        place = match.end()
    if not found:
        raise _invalid("it is empty")
    return found


class _Reader:
    """Reads conditions off tokens, by descent."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "its end")

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._next.kind in ("word", "sign") and self._next.text.upper() in texts

    def _skip(self, text: str) -> bool:
        if self._is(text):
            self._place += 1
            return True
        return False

    def _want(self, text: str) -> None:
        if not self._skip(text):
            raise _invalid(f"{text!r} is wanted where {self._next.text!r} is")

    def end(self) -> None:
        if self._next.kind != "end":
            raise _invalid(f"{self._next.text!r} is one too many")

    def either(self, *, within: bool) -> Condition:
        """`within`: the braces of a service or an edge."""
        found = [self._all(within)]
        while self._skip("OR"):
            found.append(self._all(within))
        return found[0] if len(found) == 1 else lambda subject: any(each(subject) for each in found)

    def _all(self, within: bool) -> Condition:
        found = [self._one(within)]
        while not self._is("OR", ")", "}") and self._next.kind != "end":
            self._skip("AND")
            found.append(self._one(within))
        return found[0] if len(found) == 1 else lambda subject: all(each(subject) for each in found)

    def _one(self, within: bool) -> Condition:
        self._depth += 1
        if self._depth > 50:
            raise _invalid("it is nested too deeply")
        try:
            if self._skip("!") or self._skip("NOT"):
                inner = self._one(within)
                return lambda subject: not inner(subject)
            if self._skip("("):
                found = self.either(within=within)
                self._want(")")
                return found
            return self._keyword(within)
        finally:
            self._depth -= 1

    def _keyword(self, within: bool) -> Condition:
        token = self._take()
        if token.kind != "word":
            raise _invalid(f"a keyword is wanted where {token.text!r} is")
        word = token.text.lower()
        if word.split(".")[0] in NOT_THERE:
            raise _invalid(f"the embedded AWS does not have the keyword {token.text}")
        if word in ("service", "edge") and not within:
            return self._service() if word == "service" else self._edge()
        if word.split(".")[0] == "annotation" and not within:
            return self._annotation(token.text)
        if word in BOOLEANS:
            return self._compared(lambda subject: subject.values(word), (bool,))
        if word in NUMBERS:
            return self._compared(lambda subject: subject.values(word), (float,))
        if word in STRINGS:
            return self._compared(lambda subject: subject.values(word), (str,))
        where = " within the braces of a service or an edge" if within else ""
        raise _invalid(f"there is no keyword {token.text}{where}")

    def _compared(self, values: Callable[[Subject], list[Any]], kinds: tuple[type, ...]) -> Condition:
        """A keyword alone, or an operator and a value of one of these kinds after it."""
        sign = self._next.text.upper()
        if self._next.kind not in ("sign", "word") or (sign not in _COMPARISONS and sign not in _OF_TEXTS):
            return lambda subject: any(value if isinstance(value, bool) else True for value in values(subject))
        self._take()
        given = self._value(kinds, sign)
        if sign == "!=":
            return lambda subject: bool(found := values(subject)) and not any(_same(value, given) for value in found)
        does = _OF_TEXTS.get(sign) or _COMPARISONS[sign]
        return lambda subject: any(does(value, given) for value in values(subject) if _comparable(value, given))

    def _value(self, kinds: tuple[type, ...], sign: str) -> Any:
        token = self._take()
        value = token.value
        if token.kind == "word" and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        elif token.kind not in ("text", "number"):
            raise _invalid(f"a value is wanted where {token.text!r} is; texts are in quotation marks")
        if type(value) not in kinds:
            wanted = {bool: "true or false", float: "a number", str: "a text in quotation marks"}
            raise _invalid(f"{token.text} is no value here; {' or '.join(wanted[kind] for kind in kinds)} is wanted")
        of_numbers = sign in ("<", "<=", ">", ">=")
        if (sign in _OF_TEXTS and not isinstance(value, str)) or (of_numbers and type(value) is not float):
            raise _invalid(f"{sign} is no comparison with {token.text}")
        return value

    def _annotation(self, word: str) -> Condition:
        key = word.partition(".")[2]
        if not key and self._skip("["):
            token = self._take()
            if token.kind not in ("word", "text"):
                raise _invalid("a key is wanted within the brackets of annotation[…]")
            key = token.value
            self._want("]")
        if not key:
            raise _invalid("an annotation is named as annotation.key or annotation[key]")
        return self._compared(
            lambda subject: [value for name, value, _ in annotated(subject.trace) if name == key], (bool, float, str)
        )

    def _service(self) -> Condition:
        self._want("(")
        fits = (lambda _: True) if self._is(")") else self._named()
        self._want(")")
        condition = self._braces()

        def found(subject: Subject) -> bool:
            trace = subject.trace
            return any(fits(service_of(each)) and condition(Subject(trace, each)) for each in trace.served)

        return found

    def _edge(self) -> Condition:
        self._want("(")
        source = self._named()
        self._want(",")
        target = self._named()
        self._want(")")
        condition = self._braces()

        def fits(call: Call, trace: Trace) -> bool:
            return source(call.source) and target(call.target) and condition(Subject(trace, call.seen))

        return lambda subject: any(fits(call, subject.trace) for call in subject.trace.links)

    def _braces(self) -> Condition:
        if not self._skip("{"):
            return lambda _: True
        condition = self.either(within=True)
        self._want("}")
        return condition

    def _named(self) -> Callable[[Service], bool]:
        """A name in quotation marks, or id(name: …, type: …)."""
        token = self._take()
        if token.kind == "text":
            name = token.value
            return lambda service: service.name == name
        if token.text.lower() != "id":
            raise _invalid(f"the name of a service in quotation marks, or id(), is wanted where {token.text!r} is")
        self._want("(")
        wanted: dict[str, str] = {}
        while not self._skip(")"):
            part = self._take().text.lower()
            self._want(":")
            value = self._take()
            if part not in ("name", "type", "account.id") or value.kind != "text":
                raise _invalid('id() is id(name: "…", type: "…")')
            if part == "account.id":
                raise _invalid("the embedded AWS has one account, and no account.id in id()")
            wanted[part] = value.value
            if not self._is(")"):
                self._want(",")
        return lambda service: (
            wanted.get("name", service.name) == service.name and wanted.get("type", service.type) == service.type
        )


def _same(value: Any, given: Any) -> bool:
    return _comparable(value, given) and bool(value == given)


def _comparable(value: Any, given: Any) -> bool:
    """A boolean is no number."""
    if isinstance(value, bool) or isinstance(given, bool):
        return isinstance(value, bool) and isinstance(given, bool)
    return isinstance(value, str) == isinstance(given, str)
