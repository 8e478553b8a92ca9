"""What a query finds in events."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import Any

from drydock.policy.infix import Binary, Call, Unary, chain
from drydock.policy.insights import language as words
from drydock.policy.insights.functions import AGGREGATES, FUNCTIONS, Value, number, text

MOST_FIELDS = 200
"""Of a JSON event, that are discovered (documented)."""
_SHOWN = ("@timestamp", "@message")
_TIMES = ("@timestamp", "@ingestionTime")


@dataclass(frozen=True)
class Event:
    """A log event; times in milliseconds since the epoch."""

    at: int
    message: str
    ingested: int
    stream: str
    log: str
    pointer: str


@dataclass(frozen=True)
class Answer:
    """Rows of names and values, and how many events matched."""

    rows: Sequence[Sequence[tuple[str, str]]]
    matched: int


@dataclass
class Row:
    """An event, or what stats made of several: fields by name. JSON is looked into when a field is not there."""

    values: dict[str, Value]
    event: Event | None = None
    _found: Mapping[str, Value] | None = field(default=None, repr=False)

    def get(self, name: str) -> Value:
        if name in self.values:
            return self.values[name]
        if self.event is None:
            return None
        if self._found is None:
            self._found = discovered(self.event.message)
        return self._found.get(name)


def run(query: words.Query, events: Iterable[Event], limit: int = words.MOST_ROWS) -> Answer:
    """`events` in order of time. The newest come first unless the query sorts, `limit` of them unless it says so."""
    rows = [
        Row({
            "@timestamp": float(event.at),
            "@message": event.message,
            "@ingestionTime": float(event.ingested),
            "@logStream": event.stream,
            "@log": event.log,
            "@ptr": event.pointer,
        }, event)
        for event in events
    ]  # fmt: skip
    shown: list[str] = []
    times = set(_TIMES)
    ordered = grouped = False
    most = limit
    matched = len(rows)
    for command in query.commands:
        if isinstance(command, words.Filter):
            rows = [row for row in rows if _truth(_value(command.condition, row))]
            matched = len(rows) if not grouped else matched
        elif isinstance(command, words.Fields):
            for column in command.columns:
                times |= {column.name} if _is_time(column.expression, times) else set()
            _compute(rows, command.columns)
            shown += [column.name for column in command.columns if column.name not in shown]
        elif isinstance(command, words.Display):
            shown = list(command.names)
        elif isinstance(command, words.Parse):
            _find(rows, command)
        elif isinstance(command, words.Stats):
            for column in (*command.by, *command.columns):
                times |= {column.name} if _is_time(column.expression, times) else set()
            rows, grouped, ordered = _grouped(rows, command), True, False
            shown = [column.name for column in (*command.by, *command.columns)]
        elif isinstance(command, words.Sort):
            rows, ordered = _sorted(rows, command), True
        elif isinstance(command, words.Dedup):
            if not (grouped or ordered):
                rows, ordered = rows[::-1], True
            rows = _first_of_each(rows, command.names)
        elif isinstance(command, words.Limit):
            if not (grouped or ordered):
                rows, ordered = rows[::-1], True
            rows, most = rows[: command.count], command.count
    if not (grouped or ordered):
        rows = rows[::-1]
    names = shown or list(_SHOWN)
    return Answer([_told(row, names, times, with_pointer=not grouped) for row in rows[:most]], matched)


def _told(row: Row, names: Sequence[str], times: set[str], *, with_pointer: bool) -> list[tuple[str, str]]:
    told = [(name, row.get(name)) for name in (*names, *(("@ptr",) if with_pointer else ()))]
    return [(name, _moment(value) if name in times else text(value)) for name, value in told if value is not None]


def _moment(value: Value) -> str:
    milliseconds = number(value)
    if milliseconds is None:
        return text(value)
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{int(milliseconds) % 1000:03}"


def _is_time(tree: Any, times: set[str]) -> bool:
    """Whether an expression gives a moment."""
    if isinstance(tree, words.Field):
        return tree.name in times
    if isinstance(tree, Call):
        if tree.name in ("bin", "datefloor", "frommillis"):
            return True
        keeps = ("min", "max", "earliest", "latest")
        return tree.name in keeps and any(_is_time(each, times) for each in tree.arguments)
    return False


def discovered(message: str) -> Mapping[str, Value]:
    """The fields of a JSON event by their paths."""
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Value] = {}
    todo: list[tuple[str, Any]] = [("", document)] if isinstance(document, dict) else []
    while todo and len(found) < MOST_FIELDS:
        path, value = todo.pop(0)
        if isinstance(value, dict | list):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            todo += [(f"{path}.{name}" if path else str(name), item) for name, item in inner]
        elif isinstance(value, bool):
            found[path] = float(value)
        elif isinstance(value, int | float):
            found[path] = float(value) if math.isfinite(value) and abs(value) < 2**53 else str(value)
        elif value is not None:
            found[path] = str(value)
    return found


# -- commands -----------------------------------------------------------------------------------


def _compute(rows: Iterable[Row], columns: Sequence[words.Named]) -> None:
    new = [
        each for each in columns if not (isinstance(each.expression, words.Field) and each.expression.name == each.name)
    ]
    for row in rows:
        for column in new:
            row.values[column.name] = _value(column.expression, row)


def _find(rows: Iterable[Row], command: words.Parse) -> None:
    for row in rows:
        value = _value(command.field, row)
        found = words.search(command.pattern, text(value)) if value is not None else None
        if found is not None:
            row.values.update(zip(command.names, found.groups(), strict=True))


def _grouped(rows: Sequence[Row], command: words.Stats) -> list[Row]:
    groups: dict[tuple[str, ...], tuple[list[Value], list[Row]]] = {}
    for row in rows:
        key = [_value(column.expression, row) for column in command.by]
        groups.setdefault(tuple(map(text, key)), (key, []))[1].append(row)
    if not groups and not command.by:
        groups[()] = ([], [])
    told = []
    for key, members in groups.values():
        values: dict[str, Value] = {column.name: part for column, part in zip(command.by, key, strict=True)}
        values |= {column.name: _value(column.expression, Row(dict(values)), members) for column in command.columns}
        told.append(Row(values))
    if command.by and isinstance(command.by[0].expression, Call) and command.by[0].expression.name == "bin":
        told.sort(key=lambda row: number(row.get(command.by[0].name)) or 0.0, reverse=True)
    return told


def _sorted(rows: Sequence[Row], command: words.Sort) -> list[Row]:
    for expression, downward in reversed(command.keys):
        key = cmp_to_key(_compared)
        rows = sorted(rows, key=lambda row, of=expression: key(_value(of, row)), reverse=downward)  # type: ignore[misc]
    return list(rows)


def _compared(one: Value, other: Value) -> int:
    """What is not there comes first; numbers before texts."""
    if one is None or other is None:
        return (one is not None) - (other is not None)
    left, right = number(one), number(other)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    if left is not None or right is not None:
        return -1 if left is not None else 1
    return (text(one) > text(other)) - (text(one) < text(other))


def _first_of_each(rows: Iterable[Row], names: Sequence[str]) -> list[Row]:
    seen: set[tuple[str, ...]] = set()
    found = []
    for row in rows:
        values = [row.get(name) for name in names]
        key = tuple(map(text, values))
        if None in values or key not in seen:
            found.append(row)
            seen.add(key)
    return found


# -- expressions --------------------------------------------------------------------------------


def _value(tree: Any, row: Row, group: Sequence[Row] | None = None) -> Value:
    if isinstance(tree, words.Field):
        return row.get(tree.name)
    if isinstance(tree, words.Literal):
        return tree.value
    if isinstance(tree, Unary):
        value = _value(tree.operand, row, group)
        if tree.sign == "not":
            return float(not _truth(value))
        negated = number(value)
        return None if negated is None else -negated
    if isinstance(tree, Binary):
        first, rest = chain(tree)
        found = _value(first, row, group)
        for sign, right in rest:
            found = _of_two(sign, found, right, lambda each: _value(each, row, group))
        return found
    if isinstance(tree, Call):
        return _call(tree, row, group)
    return None


def _call(call: Call, row: Row, group: Sequence[Row] | None) -> Value:
    arguments = call.arguments
    if call.name in AGGREGATES and group is not None:
        if not arguments or (isinstance(arguments[0], words.Literal) and arguments[0].value == "*"):
            return float(len(group))
        values = [_value(arguments[0], each) for each in group]
        return AGGREGATES[call.name][2](values, *(_value(each, row) for each in arguments[1:]))
    if call.name == "ispresent":
        return float(_value(arguments[0], row, group) is not None)
    if call.name in ("bin", "datefloor"):
        span = arguments[-1].milliseconds
        moment = number(row.get("@timestamp") if call.name == "bin" else _value(arguments[0], row, group))
        return None if moment is None else moment // span * span
    if call.name not in FUNCTIONS:
        return None
    return FUNCTIONS[call.name][2](*(_value(each, row, group) for each in arguments))


def _truth(value: Value) -> bool:
    return value not in (None, 0.0, "", "false")


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: one / other,
    "%": math.fmod,
    "^": math.pow,
}
_COMPARISONS: Mapping[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def _of_two(sign: str, left: Value, right: Any, value: Callable[[Any], Value]) -> Value:
    if sign == "and":
        return float(_truth(left) and _truth(value(right)))
    if sign == "or":
        return float(_truth(left) or _truth(value(right)))
    if sign in ("like", "=~", "not like"):
        found = left is not None and _is_like(text(left), right, value)
        return float(found if sign != "not like" else not found)
    if sign in ("in", "not in"):
        items = right.items if isinstance(right, words.Listed) else [right]
        inside = left is not None and any(_equal(left, value(each)) for each in items)
        return float(inside if sign == "in" else not inside)
    other = value(right)
    if sign in _ARITHMETIC:
        numbers = number(left), number(other)
        if numbers[0] is None or numbers[1] is None:
            return None
        try:
            return float(_ARITHMETIC[sign](numbers[0], numbers[1]))
        except (ZeroDivisionError, ValueError, OverflowError):
            return None
    if sign == "!=":
        return float(not _equal(left, other))
    if left is None or other is None:
        return 0.0
    return float(_equal(left, other) if sign == "=" else _COMPARISONS[sign](_compared(left, other)))


def _equal(one: Value, other: Value) -> bool:
    if one is None or other is None:
        return False
    left, right = number(one), number(other)
    return left == right if left is not None and right is not None else text(one) == text(other)


def _is_like(subject: str, pattern: Any, value: Callable[[Any], Value]) -> bool:
    if isinstance(pattern, words.Regex):
        return words.search(pattern.pattern, subject) is not None
    return text(value(pattern)) in subject
