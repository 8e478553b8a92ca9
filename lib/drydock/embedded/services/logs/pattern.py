"""CloudWatch Logs filter patterns: what they say and which messages they match.

Grammar: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live
Tail" of the CloudWatch Logs user guide. Where the guide is silent: a term matches inside a word (as in
the API reference of TestMetricFilter), a comparison with what is not there or is no string or number
never holds, and the last field of a space-delimited pattern takes the rest of the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 1024
MOST_REGEXES = 2
MOST_WILDCARDS = 3

Values = dict[str, str]


class InvalidPattern(ValueError):
    """The pattern is not one; the message says where."""


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern."""

    text: str
    _match: Callable[[str], Values | None] = field(repr=False)

    def match(self, message: str) -> Values | None:
        """The values extracted from a message that matches (maybe none), or None.

        Values are named `$.selector` in JSON and `$field` or `$3` in space-delimited messages.
        """
        return self._match(message)

    def matches(self, message: str) -> bool:
        return self._match(message) is not None


def parse(text: str) -> Pattern:
    """A pattern of any kind; the empty one matches everything. Raises InvalidPattern."""
    stripped = text.strip()
    if len(text) > LONGEST:
        raise InvalidPattern(f"a pattern has at most {LONGEST} characters, not {len(text)}")
    if not stripped:
        return Pattern(text, lambda _: {})
    if stripped.startswith("{"):
        return Pattern(text, _json_pattern(stripped))
    if stripped.startswith("["):
        return Pattern(text, _space_pattern(stripped))
    if stripped.startswith("%"):
        if not stripped.endswith("%") or len(stripped) < 3:
            raise InvalidPattern(f"a regular expression is written between two percent signs: {stripped}")
        regex = _regex(stripped[1:-1])
        return Pattern(text, lambda message: {} if regex.search(message) else None)
    return Pattern(text, _term_pattern(stripped))


# -- terms --------------------------------------------------------------------------------------

_TERM = re.compile(r'(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))(?=\s|$)\s*')


def _term_pattern(text: str) -> Callable[[str], Values | None]:
    wanted: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise InvalidPattern(f"a quotation mark is not closed or stands inside a term: {text[position:]}")
        word = found["word"]
        if word is not None and not re.fullmatch(r"\w+", word):
            raise InvalidPattern(f"Invalid character(s) in term '{word}'; put it in double quotation marks")
        term = word if word is not None else re.sub(r"\\(.)", r"\1", found["phrase"])
        wanted[found["sign"]].append(term if term.strip() else "")
        position = found.end()
    included, optional, excluded = wanted[""], wanted["?"], wanted["-"]
    if included or excluded:
        optional = []

    def match(message: str) -> Values | None:
        fits = (
            all(term in message for term in included)
            and not any(term in message for term in excluded)
            and (not optional or any(term in message for term in optional))
        )
        return {} if fits else None

    return match


# -- values, shared by JSON and space-delimited patterns ----------------------------------------

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def _comparison(operator: str, value: str, *, quoted: bool) -> Callable[[str], bool]:
    """Whether a text (of a string, of a number, of a field) stands in `operator` to `value`."""
    if operator in _ORDER:
        if quoted or not _NUMBER.fullmatch(value):
            raise InvalidPattern(f"{operator} compares with a number, not with {value}")
        limit, order = float(value), _ORDER[operator]
        return lambda text: bool(_NUMBER.fullmatch(text)) and order(float(text), limit)
    equal = _equality(value, quoted=quoted)
    return equal if operator == "=" else lambda text: not equal(text)


def _equality(value: str, *, quoted: bool) -> Callable[[str], bool]:
    if not quoted and value.startswith("%"):
        if len(value) < 3 or not value.endswith("%"):
            raise InvalidPattern(f"a regular expression is written between two percent signs: {value}")
        regex = _regex(value[1:-1])
        return lambda text: regex.search(text) is not None
    if "*" in value:
        wildcard = re.compile(".*".join(map(re.escape, value.split("*"))), re.DOTALL)
        return lambda text: wildcard.fullmatch(text) is not None
    if not quoted and _NUMBER.fullmatch(value):
        number = float(value)
        return lambda text: text == value or (bool(_NUMBER.fullmatch(text)) and float(text) == number)
    return lambda text: text == value


_ESCAPE = re.compile(r"\\(?:[dDsSwW]|x[0-9A-Fa-f]{2}|[:_#=@/;,\-^$?\[\]{}|\\*+.])")
_TIMES = re.compile(r"\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}")
_PLAIN = re.compile(r"[A-Za-z0-9:_#=@/;,\-^?|*+. ]")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def _regex(text: str) -> re.Pattern[str]:
    """The documented subset: no groups, only certain symbols, no characters beyond ASCII."""
    out, position = [], 0
    while position < len(text):
        if found := _ESCAPE.match(text, position) or _PLAIN.match(text, position):
            out.append(found[0])
        elif found := _CLASS.match(text, position):
            out.append(_class(text, found[0]))
        elif found := _TIMES.match(text, position):
            out.append("{" + "".join(found.groups()) + "}")
        elif text[position] == "$":
            out.append(r"\Z")
            position += 1
            continue
        else:
            raise _unsupported(text, text[position])
        position = found.end()
    try:
        return re.compile("".join(out), re.ASCII)
    except re.error as error:
        raise InvalidPattern(f"the regular expression %{text}% is not one: {error}") from None


def _class(text: str, written: str) -> str:
    inside = re.sub(r"\\.", "", written[1:-1])
    for character in inside:
        if not _PLAIN.match(character) and character not in "[]{}$":
            raise _unsupported(text, character)
    return re.sub(r"(?<!^)(\\.|\[)", lambda found: found[0] if found[0] != "[" else r"\[", written)


def _unsupported(text: str, character: str) -> InvalidPattern:
    return InvalidPattern(f"the regular expression %{text}% can't have {character!r} there; write it as \\xhh")


# -- JSON ---------------------------------------------------------------------------------------

_WILDCARD = object()
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<selector>\$(?:\.?\[\s*(?:\d+|\*|'[^']*'|"[^"]*")\s*\]|\.(?:\*|[\w-]+))+)
    | (?P<logic>&&|\|\||[()])
    | (?P<operator>!=|>=|<=|=|<|>)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<regex>%(?:[^%\\]|\\.)+%)
    | (?P<word>[^\s()&|"%=<>!{}]+)
    )\s*""",
    re.VERBOSE,
)
_STEP = re.compile(
    r"\[\s*(?:(?P<index>\d+)|(?P<all>\*)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\s*\]|\.(?P<name>\*|[\w-]+)"
)

Test = Callable[[Any, Values], bool]
Token = tuple[str, str]


def _json_pattern(text: str) -> Callable[[str], Values | None]:
    if not text.endswith("}"):
        raise InvalidPattern(f"a JSON pattern ends with a closing brace: {text}")
    reader = _JsonReader(_json_tokens(text[1:-1]), text)
    try:
        test = reader.alternatives()
    except RecursionError:
        raise InvalidPattern("the parentheses are nested too deeply") from None
    reader.finish()

    def match(message: str) -> Values | None:
        try:
            document = json.loads(message, parse_float=_Number, parse_int=_Number)
        except (ValueError, RecursionError):
            return None
        values: Values = {}
        return values if isinstance(document, dict) and test(document, values) else None

    return match


class _Number(str):
    """A number of a message, kept as it was written."""


def _json_tokens(text: str) -> list[Token]:
    tokens, position = [], 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            if not text[position:].strip():
                break
            raise InvalidPattern(f"not understood: {text[position:].strip()}")
        kind = str(found.lastgroup)
        tokens.append((kind, found[kind]))
        position = found.end()
    return tokens


class _JsonReader:
    """Recursive descent over tokens: parentheses before && before ||."""

    def __init__(self, tokens: list[Token], text: str) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._at = 0
        self._text = text
        self._wildcards = 0
        self._regexes = 0

    def finish(self) -> None:
        self._take("end")
        if self._wildcards > MOST_WILDCARDS:
            raise InvalidPattern(f"a pattern has at most {MOST_WILDCARDS} wildcard selectors: {self._text}")
        if self._regexes > MOST_REGEXES:
            raise InvalidPattern(f"a pattern has at most {MOST_REGEXES} regular expressions: {self._text}")

    def alternatives(self) -> Test:
        tests = [self._conjunction()]
        while self._skip("logic", "||"):
            tests.append(self._conjunction())
        return tests[0] if len(tests) == 1 else lambda node, values: any(test(node, values) for test in tests)

    def _conjunction(self) -> Test:
        tests = [self._condition()]
        while self._skip("logic", "&&"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda node, values: all(test(node, values) for test in tests)

    def _condition(self) -> Test:
        if self._skip("logic", "("):
            test = self.alternatives()
            if not self._skip("logic", ")"):
                raise InvalidPattern(f"a parenthesis is not closed: {self._text}")
            return test
        name = self._take("selector")
        steps = _steps(name)
        self._wildcards += steps.count(_WILDCARD)
        if steps.count(_WILDCARD) > 1:
            raise InvalidPattern(f"a selector has at most one wildcard: {name}")
        if self._skip("word", "NOT"):
            if not self._skip("word", "EXISTS"):
                raise InvalidPattern(f"NOT is followed by EXISTS: {self._text}")
            return lambda node, _: not any(True for _ in _selected(node, steps))
        if self._skip("word", "IS"):
            return self._identity(name, steps)
        operator = self._take("operator")
        return self._compared(name, steps, operator)

    def _identity(self, name: str, steps: list[Any]) -> Test:
        constant = self._take("word")
        if constant not in ("NULL", "TRUE", "FALSE"):
            raise InvalidPattern(f"IS is followed by NULL, TRUE or FALSE, not by {constant}: {self._text}")
        expected = {"NULL": None, "TRUE": True, "FALSE": False}[constant]

        def test(node: Any, values: Values) -> bool:
            found = any(each is expected for each in _selected(node, steps))
            if found:
                values[name] = constant.lower()
            return found

        return test

    def _compared(self, name: str, steps: list[Any], operator: str) -> Test:
        kind, value = self._tokens[self._at]
        if kind not in ("string", "regex", "word"):
            raise InvalidPattern(f"{name} {operator} is followed by a string, a number or a %regex%: {self._text}")
        self._at += 1
        self._regexes += kind == "regex"
        if kind == "string":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        holds = _comparison(operator, value, quoted=kind == "string")
        number_only = operator in _ORDER

        def test(node: Any, values: Values) -> bool:
            for each in _selected(node, steps):
                if isinstance(each, _Number if number_only else str):
                    values[name] = str(each)
                    if holds(each):
                        return True
            return False

        return test

    def _skip(self, kind: str, value: str) -> bool:
        if self._tokens[self._at] != (kind, value):
            return False
        self._at += 1
        return True

    def _take(self, kind: str) -> str:
        found, value = self._tokens[self._at]
        if found != kind:
            wanted = {"selector": "a selector such as $.name", "operator": "an operator", "end": "&& or ||"}
            raise InvalidPattern(f"{wanted.get(kind, kind)} should stand where {value or 'the end'} does: {self._text}")
        self._at += 1
        return value


def _steps(selector: str) -> list[Any]:
    steps: list[Any] = []
    for found in _STEP.finditer(selector, 1):
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["all"] or found["name"] == "*":
            steps.append(_WILDCARD)
        else:
            steps.append(next(part for part in (found["name"], found["single"], found["double"]) if part is not None))
    return steps


def _selected(node: Any, steps: list[Any]) -> Iterator[Any]:
    if not steps:
        yield node
        return
    step, rest = steps[0], steps[1:]
    if step is _WILDCARD:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        for child in children:
            yield from _selected(child, rest)
    elif isinstance(step, int):
        if isinstance(node, list) and step < len(node):
            yield from _selected(node[step], rest)
    elif isinstance(node, dict) and step in node:
        yield from _selected(node[step], rest)


# -- space-delimited ----------------------------------------------------------------------------

_FIELD = re.compile(r'\[(?P<bracketed>[^\]]*)\](?=\s|$)|"(?P<quoted>[^"]*)"(?=\s|$)|(?P<plain>\S+)')
_CONDITION = re.compile(
    r"""\s*(?P<name>[\w-]*)\s*(?P<operator>!=|>=|<=|=|<|>)\s*
    (?:"(?P<string>(?:[^"\\]|\\.)*)"|(?P<regex>%(?:[^%\\]|\\.)+%)|(?P<word>[^&|,"%]*?))\s*(?=&&|\|\||$)""",
    re.VERBOSE,
)
_ELLIPSIS = "..."


@dataclass(frozen=True)
class _Field:
    name: str
    holds: Callable[[str], bool]


def _space_pattern(text: str) -> Callable[[str], Values | None]:
    if not text.endswith("]"):
        raise InvalidPattern(f"a space-delimited pattern ends with a closing bracket: {text}")
    parts = [part.strip() for part in _split(text[1:-1], ",")]
    if parts.count(_ELLIPSIS) > 1:
        raise InvalidPattern(f"a pattern has at most one ellipsis: {text}")
    if len(re.findall(r"=\s*%", text)) > MOST_REGEXES:
        raise InvalidPattern(f"a pattern has at most {MOST_REGEXES} regular expressions: {text}")
    before = parts[: parts.index(_ELLIPSIS)] if _ELLIPSIS in parts else parts
    after = parts[len(before) + 1 :]
    head, tail = [_field_of(part) for part in before], [_field_of(part) for part in after]
    open_ended = _ELLIPSIS in parts

    def match(message: str) -> Values | None:
        spans = list(_FIELD.finditer(message))
        if len(spans) < len(head) + len(tail) or (not open_ended and not head):
            return None
        words = [next(part for part in span.groups() if part is not None) for span in spans]
        if not open_ended and len(words) > len(head):
            last = spans[len(head) - 1]
            words = [*words[: len(head) - 1], message[last.start() :].rstrip()]
        between = [None] * (len(words) - len(head) - len(tail))
        values: Values = {}
        for position, (word, field_) in enumerate(zip(words, [*head, *between, *tail], strict=True), 1):
            if field_ is not None and not field_.holds(word):
                return None
            values[f"${field_.name}" if field_ is not None and field_.name else f"${position}"] = word
        return values

    return match


def _field_of(text: str) -> _Field:
    if re.fullmatch(r"[\w-]*", text):
        return _Field(text, lambda _: True)
    names: set[str] = set()
    tests = [[_field_condition(each, names) for each in _split(part, "&&")] for part in _split(text, "||")]
    if len(names) > 1:
        raise InvalidPattern(f"the conditions of one field name one field: {text}")
    return _Field(names.pop(), lambda word: any(all(test(word) for test in group) for group in tests))


def _field_condition(text: str, names: set[str]) -> Callable[[str], bool]:
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise InvalidPattern(f"a field is a name, or a name, an operator and a value: {text.strip()}")
    names.add(found["name"])
    if found["string"] is not None:
        return _comparison(found["operator"], re.sub(r"\\(.)", r"\1", found["string"]), quoted=True)
    return _comparison(found["operator"], found["regex"] or found["word"], quoted=False)


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand outside quotation marks and %regex%."""
    parts, start, position = [], 0, 0
    within: str | None = None
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
            continue
        if within:
            within = None if character == within else within
        elif character == '"' or (character == "%" and "%" in text[position + 1 :]):
            within = character
        elif text.startswith(separator, position):
            parts.append(text[start:position])
            position += len(separator)
            start = position
            continue
        position += 1
    return [*parts, text[start:]]
