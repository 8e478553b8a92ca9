"""The functions of Logs Insights: how many arguments each takes, at least and at most, and what it gives."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MANY = 100
Value = str | float | None
Function = tuple[int, int, Callable[..., Value]]


def number(value: Any) -> float | None:
    """A value as a number, if it is one."""
    if isinstance(value, float):
        return value
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def text(value: Value) -> str:
    """A value, as it is shown."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else value


def _numeric(change: Callable[..., float]) -> Callable[..., Value]:
    def function(*given: Value) -> Value:
        values = [number(each) for each in given]
        if any(each is None for each in values):
            return None
        try:
            return float(change(*values))
        except (ValueError, OverflowError, ZeroDivisionError):
            return None

    return function


def _textual(change: Callable[..., Any]) -> Callable[..., Value]:
    def function(*given: Value) -> Value:
        if given[0] is None:
            return None
        found = change(*map(text, given))
        return found if isinstance(found, str) else float(found)

    return function


def _substr(value: str, start: str, length: str = "") -> str:
    first = int(number(start) or 0)
    return value[first : first + int(number(length) or 0)] if length else value[first:]


FUNCTIONS: Mapping[str, Function] = {
    "abs": (1, 1, _numeric(abs)),
    "ceil": (1, 1, _numeric(math.ceil)),
    "floor": (1, 1, _numeric(math.floor)),
    "greatest": (1, MANY, _numeric(max)),
    "least": (1, MANY, _numeric(min)),
    "log": (1, 1, _numeric(math.log)),
    "sqrt": (1, 1, _numeric(math.sqrt)),
    "strlen": (1, 1, _textual(len)),
    "tolower": (1, 1, _textual(str.lower)),
    "toupper": (1, 1, _textual(str.upper)),
    "trim": (1, 1, _textual(str.strip)),
    "ltrim": (1, 1, _textual(str.lstrip)),
    "rtrim": (1, 1, _textual(str.rstrip)),
    "strcontains": (2, 2, _textual(lambda value, part: part in value)),
    "replace": (3, 3, _textual(lambda value, old, new: value.replace(old, new))),
    "substr": (2, 3, _textual(_substr)),
    "concat": (1, MANY, lambda *given: "".join(map(text, given))),
    "coalesce": (1, MANY, lambda *given: next((each for each in given if each is not None), None)),
    "isempty": (1, 1, lambda value: float(value in (None, ""))),
    "isblank": (1, 1, lambda value: float(value is None or not text(value).strip())),
    "tomillis": (1, 1, _numeric(float)),
    "frommillis": (1, 1, _numeric(float)),
}


def _percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many percent do not exceed (nearest rank; AWS approximates)."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def _numbers(gather: Callable[[list[float]], float]) -> Callable[..., Value]:
    def function(values: Sequence[Value], *_: Value) -> Value:
        found = [each for each in map(number, values) if each is not None]
        return float(gather(found)) if found else None

    return function


def _least(values: Sequence[Value], place: int) -> Value:
    """The first or the last, of numbers by their size, else as texts."""
    there = [each for each in values if each is not None]
    numbers = [each for each in map(number, there) if each is not None]
    if there and len(numbers) == len(there):
        return sorted(numbers)[place]
    return sorted(map(text, there))[place] if there else None


AGGREGATES: Mapping[str, Function] = {
    "count": (0, 1, lambda values, *_: float(sum(each is not None for each in values))),
    "count_distinct": (1, 2, lambda values, *_: float(len({text(each) for each in values if each is not None}))),
    "sum": (1, 1, _numbers(math.fsum)),
    "avg": (1, 1, _numbers(lambda found: math.fsum(found) / len(found))),
    "min": (1, 1, lambda values, *_: _least(values, 0)),
    "max": (1, 1, lambda values, *_: _least(values, -1)),
    "stddev": (1, 1, _numbers(statistics.pstdev)),
    "pct": (
        2,
        2,
        lambda values, percent: _percentile(
            [each for each in map(number, values) if each is not None], number(percent) or 0.0
        ),
    ),
    "earliest": (1, 1, lambda values, *_: next((each for each in values if each is not None), None)),
    "latest": (1, 1, lambda values, *_: next((each for each in reversed(values) if each is not None), None)),
    "sortsFirst": (1, 1, lambda values, *_: min((text(each) for each in values if each is not None), default=None)),
    "sortsLast": (1, 1, lambda values, *_: max((text(each) for each in values if each is not None), default=None)),
}
"""Of the values of a group of events, in order of time, and of the further arguments."""
