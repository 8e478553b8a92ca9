"""The text of a query, as commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from drydock.policy.infix import Call, Malformed, Reader, Unary, Word, words
from drydock.policy.insights.functions import AGGREGATES, FUNCTIONS

MOST_ROWS = 10_000
_LONGEST = 1.0
"""Our seconds for a regular expression on one event."""
SPANS = {
    "ms": 1, "msec": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "hr": 3_600_000,
    "d": 86_400_000, "day": 86_400_000, "w": 604_800_000, "week": 604_800_000,
}  # fmt: skip
"""How many milliseconds a unit of time has."""
_ABSENT = (
    "pattern", "diff", "unmask", "unnest", "anomaly", "lookup", "join", "source", "filterindex", "subquery", "expand",
    "addtotals", "eventstats", "streamstats", "union",
)  # fmt: skip
_WORDS = re.compile(
    r"(?P<space>\s+|#[^\n]*)"
    r"|(?P<match>(?i:\blike|=~|\bparse(?:\s+[`@\w.]+)?)\s*/(?:[^/\\\n]|\\.)*/)"
    r"|(?P<span>\d+(?:ms|msec|sec|min|hr|day|week|[smhdw])\b)"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<field>`[^`]+`)"
    r"|(?P<name>@?[A-Za-z_][\w@]*(?:\.[\w@]+)*)"
    r"|(?P<sign>=~|!=|<=|>=|[-+*/%^=<>()\[\],|])",
    re.ASCII,
)
_BINARY = {"or": 1, "and": 2} | dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "like", "=~", "in"), 4)
_BINARY |= {"not like": 4, "not in": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "^": 8}
_SORTS = ("asc", "desc")


@dataclass(frozen=True)
class Field:
    name: str


@dataclass(frozen=True)
class Literal:
    value: str | float


@dataclass(frozen=True)
class Regex:
    pattern: Any


@dataclass(frozen=True)
class Listed:
    items: Sequence[Any]


@dataclass(frozen=True)
class Span:
    """A length of time, in milliseconds."""

    milliseconds: int


@dataclass(frozen=True)
class Named:
    """An expression, and the name of the column that it is shown in."""

    name: str
    expression: Any


@dataclass(frozen=True)
class Fields:
    columns: Sequence[Named]


@dataclass(frozen=True)
class Display:
    names: Sequence[str]


@dataclass(frozen=True)
class Filter:
    condition: Any


@dataclass(frozen=True)
class Parse:
    """What the groups of a pattern find in a field, under names."""

    field: Any
    pattern: Any
    names: Sequence[str]


@dataclass(frozen=True)
class Stats:
    columns: Sequence[Named]
    by: Sequence[Named]


@dataclass(frozen=True)
class Sort:
    """Expressions, each with whether the largest comes first."""

    keys: Sequence[tuple[Any, bool]]


@dataclass(frozen=True)
class Limit:
    count: int


@dataclass(frozen=True)
class Dedup:
    names: Sequence[str]


@dataclass(frozen=True)
class Query:
    commands: Sequence[Any]


def parse(text: str) -> Query:
    """The commands of a query. Malformed, with the place, for what is none, or has a command that is not here."""
    found = list(_apart(words(text, _WORDS)))
    reader = Reader(
        found, binary=_BINARY, unary={"not": 3, "-": 7}, operand=_operand, sign=_sign, rightly=frozenset("^")
    )
    commands = [_command(reader, text)]
    while reader.takes("|"):
        commands.append(_command(reader, text))
    if reader.next.kind != "end":
        raise reader.unexpected("a command after |")
    if sum(isinstance(each, Stats) for each in commands) > 2:
        raise Malformed("a query can have at most two stats commands", 0)
    return Query(commands)


def _apart(found: list[Word]) -> list[Word]:
    """Words in which a regular expression is a word of its own, and `not like` one."""
    told: list[Word] = []
    for word in found:
        if word.kind == "match":
            before, _, body = word.text.partition("/")
            told += [Word(each.kind, each.text, word.at + each.at) for each in words(before, _WORDS)[:-1]]
            told.append(Word("regex", body[:-1], word.at + len(before)))
        else:
            told.append(word)
        if len(told) > 1 and told[-1].kind == "name" and told[-1].text.lower() in ("like", "in"):
            last, negated = told[-1], told[-2]
            if negated.kind == "name" and negated.text.lower() == "not":
                told[-2:] = [Word("name", f"not {last.text.lower()}", negated.at)]
        elif len(told) > 2 and told[-1].kind == "regex" and told[-3].text.lower() == "not" and told[-2].text.lower() == "like":  # fmt: skip  # noqa: E501
            told[-3:-1] = [Word("name", "not like", told[-3].at)]
    return told


def _sign(word: Word) -> str:
    text = word.text.lower() if word.kind != "regex" else ""
    return text if word.kind == "sign" or (word.kind == "name" and text in (*_BINARY, "not")) else ""


# -- commands -----------------------------------------------------------------------------------


def _command(reader: Reader, text: str) -> Any:
    word = reader.next
    name = word.text.lower()
    if word.kind == "name" and name in _ABSENT:
        raise Malformed(f"the embedded AWS does not have the command {word.text} of Logs Insights", word.at)
    if word.kind != "name" or name not in _COMMANDS:
        raise reader.unexpected(f"one of {', '.join(_COMMANDS)}")
    reader.take()
    return _COMMANDS[name](reader, text)


def _listed(reader: Reader, read: Callable[[Reader], Any]) -> list[Any]:
    items = [read(reader)]
    while reader.takes(","):
        items.append(read(reader))
    return items


def _fields(reader: Reader, text: str) -> Fields:
    return Fields(_listed(reader, lambda _: _named(reader, text)))


def _named(reader: Reader, text: str) -> Named:
    start = reader.next.at
    expression = reader.expression()
    written = text[start : reader.next.at].strip().rstrip("|,").strip()
    if reader.next.text.lower() == "as" and reader.next.kind == "name":
        reader.take()
        return Named(_name(reader), expression)
    return Named(expression.name if isinstance(expression, Field) else written, expression)


def _name(reader: Reader) -> str:
    if reader.next.kind not in ("name", "field"):
        raise reader.unexpected("the name of a field")
    return reader.take().text.strip("`")


def _display(reader: Reader, _: str) -> Display:
    return Display(_listed(reader, _name))


def _dedup(reader: Reader, _: str) -> Dedup:
    return Dedup(_listed(reader, _name))


def _filter(reader: Reader, _: str) -> Filter:
    return Filter(reader.expression())


def _sort(reader: Reader, _: str) -> Sort:
    def key(reader: Reader) -> tuple[Any, bool]:
        expression = reader.expression()
        order = reader.take().text.lower() if reader.next.text.lower() in _SORTS else "asc"
        return expression, order == "desc"

    if reader.next.text.lower() == "by":
        reader.take()
    return Sort(_listed(reader, key))


def _limit(reader: Reader, _: str) -> Limit:
    word = reader.next
    if word.kind != "number" or not word.text.isdigit() or not 1 <= int(word.text) <= MOST_ROWS:
        raise Malformed(f"limit takes a whole number from 1 to {MOST_ROWS}", word.at)
    return Limit(int(reader.take().text))


def _stats(reader: Reader, text: str) -> Stats:
    columns = _listed(reader, lambda _: _named(reader, text))
    by: list[Named] = []
    if reader.next.text.lower() == "by" and reader.next.kind == "name":
        reader.take()
        by = _listed(reader, lambda _: _named(reader, text))
    return Stats(columns, by)


def _parse(reader: Reader, _: str) -> Parse:
    field: Any = Field("@message")
    if reader.next.kind in ("name", "field"):
        field = Field(_name(reader))
    word = reader.next
    if word.kind == "text":
        reader.take()
        names = _as(reader)
        parts = _unquoted(word.text).split("*")
        if len(parts) - 1 != len(names):
            raise Malformed(f"the pattern has {len(parts) - 1} wildcards, and {len(names)} names", word.at)
        wild = "(.*?)".join(map(regex.escape, parts)) + ("$" if parts[-1] == "" else "")
        return Parse(field, regex.compile(wild, regex.DOTALL), names)
    if word.kind == "regex":
        reader.take()
        pattern = compiled(word.text, word.at)
        names = _as(reader) if reader.next.text.lower() == "as" else [""] * pattern.groups
        by_place = {place: name for name, place in pattern.groupindex.items()}
        told = [
            by_place.get(place, names[place - 1] if place <= len(names) else "")
            for place in range(1, pattern.groups + 1)
        ]
        if not all(told) or not told:
            raise Malformed("each group of the pattern needs a name, by (?<name>…) or after as", word.at)
        return Parse(field, pattern, told)
    raise reader.unexpected("a text with wildcards or a regular expression")


def _as(reader: Reader) -> list[str]:
    if reader.next.text.lower() != "as":
        raise reader.unexpected("as")
    reader.take()
    return _listed(reader, _name)


_COMMANDS: dict[str, Callable[[Reader, str], Any]] = {
    "fields": _fields,
    "display": _display,
    "filter": _filter,
    "parse": _parse,
    "stats": _stats,
    "sort": _sort,
    "limit": _limit,
    "dedup": _dedup,
}

# -- expressions --------------------------------------------------------------------------------


def _operand(reader: Reader) -> Any:
    word = reader.next
    if word.kind == "regex":
        reader.take()
        return Regex(compiled(word.text, word.at))
    if reader.takes("("):
        inner = reader.expression()
        reader.expect(")")
        return inner
    if reader.takes("["):
        items: list[Any] = []
        while not reader.takes("]"):
            if items:
                reader.expect(",")
            items.append(reader.expression())
        return Listed(items)
    if reader.takes("*"):
        return Literal("*")
    reader.take()
    if word.kind == "number":
        return Literal(float(word.text))
    if word.kind == "text":
        return Literal(_unquoted(word.text))
    if word.kind == "span":
        count, unit = re.fullmatch(r"(\d+)(\w+)", word.text).groups()  # type: ignore[union-attr]
        return Span(int(count) * SPANS[unit])
    if word.kind == "field":
        return Field(word.text.strip("`"))
    if word.kind != "name":
        raise Malformed(f"unexpected {word.text!r}" if word.kind != "end" else "unexpected the end", word.at)
    if not reader.takes("("):
        return Field(word.text)
    name = {one.lower(): one for one in (*FUNCTIONS, *AGGREGATES, "bin", "datefloor", "ispresent")}.get(
        word.text.lower()
    )
    if name is None:
        raise Malformed(f"the embedded AWS does not have the function {word.text} of Logs Insights", word.at)
    arguments: list[Any] = []
    while not reader.takes(")"):
        if arguments:
            reader.expect(",")
        arguments.append(reader.expression())
    least, most = {**FUNCTIONS, **AGGREGATES}.get(name, _OTHERS.get(name))[:2]  # type: ignore[index]
    if not least <= len(arguments) <= most:
        raise Malformed(f"{name} does not take {len(arguments)} arguments", word.at)
    if name in ("bin", "datefloor") and not isinstance(arguments[-1], Span):
        raise Malformed(f"{name} takes a length of time, as 5m", word.at)
    return Call(name, arguments)


_OTHERS = {"bin": (1, 1), "datefloor": (2, 2), "ispresent": (1, 1)}


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])


def compiled(pattern: str, at: int) -> Any:
    """A pattern that can be searched with a time limit, and without stopping other threads."""
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise Malformed(f"the regular expression is not valid: {error}", at) from None


def search(pattern: Any, text: str) -> Any:
    """The first match; TimeoutError for a pattern that takes too long."""
    return pattern.search(text, timeout=_LONGEST, concurrent=True)


def aggregates(tree: Any) -> bool:
    """Whether an expression looks at more than one event."""
    if isinstance(tree, Call):
        return tree.name in AGGREGATES or any(map(aggregates, tree.arguments))
    if isinstance(tree, Unary):
        return aggregates(tree.operand)
    return any(map(aggregates, (tree.left, tree.right))) if hasattr(tree, "left") else False
