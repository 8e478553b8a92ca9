"""Metric math: expressions over series of CloudWatch metrics.

Source: CloudWatch user guide, "Using metric math" (documented), with its examples. STDDEV is of the population, and a
statistic of a series without data gives no data (ours). Where AWS would not compute, MathError is raised, never less
told than asked.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from drydock.policy.infix import Binary, Call, Malformed, Reader, Unary, Word, chain, words

_WORDS = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>()\[\],])",
    re.ASCII,
)
_BINARY = {"OR": 1, "AND": 2} | dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), 3)
_BINARY |= {"+": 4, "-": 4, "*": 5, "/": 5, "^": 7}
ID = re.compile(r"[a-z]\w*", re.ASCII)
"""What the id of a query may be."""
_SAME = {"&&": "AND", "||": "OR"}
_ABSENT = {
    "ANOMALY_DETECTION_BAND": "anomaly detection",
    "INSIGHT_RULE_METRIC": "Contributor Insights",
    "DB_PERF_INSIGHTS": "Performance Insights",
    "LAMBDA": "metric data sources of Lambda",
    "SERVICE_QUOTA": "usage metrics",
}


class MathError(ValueError):
    """An expression that cannot be computed, and why."""


@dataclass(frozen=True)
class Series:
    """Values by the beginnings of their periods, in seconds; in order of time."""

    points: Mapping[float, float]
    period: int
    label: str = ""

    def of(self, points: Iterable[tuple[float, float]]) -> Series:
        """The same with other values; those that are no numbers are dropped."""
        return Series({at: value for at, value in points if math.isfinite(value)}, self.period, self.label)


Value = float | Series | list[Series]


@dataclass(frozen=True)
class Scope:
    """What an expression may look at.

    series  the results of the other queries, by id; `metrics` names those that are metrics
    first   the beginning of the first period that is asked for, `end` the end of the last
    search  the series that a SEARCH finds: its expression, statistic and period
    """

    series: Mapping[str, Value]
    metrics: Sequence[str]
    first: float
    end: float
    period: int
    search: Callable[[str, str, int], list[Series]] | None = None

    def grid(self, period: int) -> list[float]:
        count = max(0, math.ceil((self.end - self.first) / period))
        return [self.first + number * period for number in range(count)]


@dataclass(frozen=True)
class Name:
    text: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Array:
    items: Sequence[Any]


# -- reading ------------------------------------------------------------------------------------


def parse(expression: str) -> Any:
    """The tree of an expression. MathError for what is none, or has a function that is not here."""
    try:
        found = words(expression, _WORDS)
        reader = Reader(found, binary=_BINARY, unary={"-": 6}, operand=_operand, sign=_sign, rightly=frozenset("^"))
        return reader.whole()
    except Malformed as error:
        raise MathError(f"{error} at position {error.at}") from None


def _sign(word: Word) -> str:
    text = _SAME.get(word.text, word.text)
    return text if word.kind == "sign" or (word.kind == "name" and text in ("AND", "OR")) else ""


def _operand(reader: Reader) -> Any:
    word = reader.next
    if reader.takes("("):
        inner = reader.expression()
        reader.expect(")")
        return inner
    if reader.takes("["):
        return Array(_list(reader, "]"))
    if word.kind == "number":
        if math.isinf(number := float(word.text)):
            raise Malformed(f"{word.text} is too large a number", word.at)
        reader.take()
        return number
    if word.kind == "text":
        return Text(reader.take().text[1:-1])
    if word.kind != "name":
        raise reader.unexpected()
    reader.take()
    if not reader.takes("("):
        return Name(word.text)
    if word.text in _ABSENT:
        raise MathError(f"The embedded AWS does not have {_ABSENT[word.text]}, which {word.text} is for")
    if word.text not in _FUNCTIONS:
        raise Malformed(f"unsupported function [{word.text}]", word.at)
    return Call(word.text, _list(reader, ")"))


def _list(reader: Reader, end: str) -> list[Any]:
    items: list[Any] = []
    while not reader.takes(end):
        if items:
            reader.expect(",", end) if reader.next.text != end else None
        items.append(reader.expression())
    return items


def names(tree: Any) -> set[str]:
    """The ids that an expression refers to; METRICS() refers to none by name."""
    return {part.text for part in _parts(tree) if isinstance(part, Name) and part.text[:1].islower()}


def functions(tree: Any) -> set[str]:
    """The functions that an expression calls."""
    return {part.name for part in _parts(tree) if isinstance(part, Call)}


def _parts(tree: Any) -> Iterator[Any]:
    todo = [tree]
    while todo:
        part = todo.pop()
        yield part
        if isinstance(part, Unary):
            todo.append(part.operand)
        elif isinstance(part, Binary):
            todo += [part.left, part.right]
        elif isinstance(part, Call):
            todo += part.arguments
        elif isinstance(part, Array):
            todo += part.items


# -- computing ----------------------------------------------------------------------------------


Query = Mapping[str, Any]
"""A MetricDataQuery of the API."""


@dataclass(frozen=True)
class Source:
    """Where queries get series from that no expression makes.

    metric   of a MetricStat
    window   the beginning of the first period and the end of the last, by the period
    search   of a SEARCH: its expression, statistic and period
    select   of a query in the language of Metrics Insights, and its period
    """

    metric: Callable[[Query], Series]
    window: Callable[[int], tuple[float, float]]
    search: Callable[[str, str, int], list[Series]] | None = None
    select: Callable[[str, int], list[Series]] | None = None


def compute(queries: Sequence[Query], source: Source) -> dict[str, list[Series]]:
    """The results of all queries of a request, by their id. MathError, which names the expression."""
    metrics = [query["Id"] for query in queries if "MetricStat" in query]
    found: dict[str, Value] = {
        query["Id"]: source.metric(query["MetricStat"]) for query in queries if "MetricStat" in query
    }
    todo = {query["Id"]: query for query in queries if "MetricStat" not in query}
    for name in _in_order({name: _read(query) for name, query in todo.items()}):
        query = todo[name]
        try:
            found[name] = _result(query, found, metrics, source)
        except MathError as error:
            raise MathError(f"Error in expression '{name}': {error}") from None
    return {name: [value] if isinstance(value, Series) else _series_of(value, name) for name, value in found.items()}


def _read(query: Query) -> Any:
    if is_select(query["Expression"]):
        return None
    try:
        return parse(query["Expression"])
    except MathError as error:
        raise MathError(f"Error in expression '{query['Id']}': {error}") from None


def is_select(expression: str) -> bool:
    """Whether an expression is a query of Metrics Insights."""
    return expression.lstrip()[:6].upper() == "SELECT"


def _in_order(trees: Mapping[str, Any]) -> list[str]:
    """Expressions, each after those that it refers to."""
    needs = {name: names(tree) & trees.keys() if tree is not None else set() for name, tree in trees.items()}
    ordered: list[str] = []
    while len(ordered) < len(needs):
        ready = [name for name, needed in needs.items() if name not in ordered and needed <= set(ordered)]
        if not ready:
            name = next(name for name in needs if name not in ordered)
            raise MathError(f"Error in expression '{name}': it refers to itself by way of others")
        ordered += ready
    return ordered


def _result(query: Query, found: Mapping[str, Value], metrics: Sequence[str], source: Source) -> Series | list[Series]:
    text = query["Expression"]
    known = [series.period for value in found.values() for series in ([value] if isinstance(value, Series) else value)]  # type: ignore[union-attr]
    period = query.get("Period") or max(known, default=None) or _period_of_search(text)
    if period is None:
        raise MathError("the parameter Period is required where no metric has one")
    first, end = source.window(period)
    if is_select(text):
        if source.select is None:
            raise MathError("queries of Metrics Insights are not supported in an alarm here")
        return source.select(text, period)
    value = _value(parse(text), Scope(found, metrics, first, end, period, source.search))
    if isinstance(value, float):
        raise MathError(_NO_SCALAR)
    return value


def _period_of_search(text: str) -> int | None:
    for part in _parts(parse(text)):
        if isinstance(part, Call) and part.name == "SEARCH" and len(part.arguments) == 3:
            return _index(_value(part.arguments[2], Scope({}, (), 0.0, 0.0, 1)), "SEARCH")
    return None


_NO_SCALAR = "the result of an expression must be a time series or an array of time series, not a scalar"


def evaluate(tree: Any, scope: Scope) -> list[Series]:
    """What an expression gives: one series, or several. MathError for a number, which is no result."""
    found = _value(tree, scope)
    if isinstance(found, float):
        raise MathError(_NO_SCALAR)
    return [found] if isinstance(found, Series) else found


def _value(tree: Any, scope: Scope) -> Value:
    if isinstance(tree, float):
        return tree
    if isinstance(tree, Name):
        if tree.text not in scope.series:
            raise MathError(f"undefined variable [{tree.text}]")
        return scope.series[tree.text]
    if isinstance(tree, Array):
        return [series for item in tree.items for series in _series_of(_value(item, scope), "an array")]
    if isinstance(tree, Unary):
        return _mapped(_value(tree.operand, scope), lambda value: -value)
    if isinstance(tree, Binary):
        left, rest = chain(tree)
        found = _value(left, scope)
        for sign, right in rest:
            found = _combined(sign, found, _value(right, scope))
        return found
    if isinstance(tree, Call):
        return _FUNCTIONS[tree.name](scope, tree.arguments)
    raise MathError(f"unexpected text '{tree.text}'")


def _series_of(value: Value, what: str) -> list[Series]:
    if isinstance(value, float):
        raise MathError(f"{what} must be of time series, not scalars")
    return [value] if isinstance(value, Series) else value


def _mapped(value: Value, change: Callable[[float], float]) -> Value:
    if isinstance(value, list):
        return [_each(series, change) for series in value]
    return _each(value, change) if isinstance(value, Series) else _tried(change, value)


def _each(series: Series, change: Callable[[float], float]) -> Series:
    return series.of((at, _tried(change, value)) for at, value in series.points.items())


def _tried(change: Callable[..., Any], *values: float) -> float:
    """What a function gives; NaN, which no series keeps, where it gives nothing."""
    try:
        found = change(*values)
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan
    return float(found) if not isinstance(found, complex) else math.nan


def _compared(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda one, other: math.nan if math.isnan(one) or math.isnan(other) else float(compare(one, other))


_DOES: Mapping[str, Callable[[float, float], Any]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: one / other,
    "^": lambda one, other: one**other,
    "==": _compared(lambda one, other: one == other),
    "!=": _compared(lambda one, other: one != other),
    "<": _compared(lambda one, other: one < other),
    "<=": _compared(lambda one, other: one <= other),
    ">": _compared(lambda one, other: one > other),
    ">=": _compared(lambda one, other: one >= other),
    "AND": _compared(lambda one, other: bool(one) and bool(other)),
    "OR": _compared(lambda one, other: bool(one) or bool(other)),
}


def _combined(sign: str, left: Value, right: Value) -> Value:
    does = _DOES[sign]
    if isinstance(left, list) and isinstance(right, list):
        raise MathError(f"unsupported operand types for [{sign}]: two arrays of time series")
    if isinstance(left, list):
        return [_of_two(does, series, right) for series in left]  # type: ignore[arg-type, misc]
    if isinstance(right, list):
        return [_of_two(does, left, series) for series in right]  # type: ignore[misc]
    return _of_two(does, left, right)


def _of_two(does: Callable[[float, float], Any], left: float | Series, right: float | Series) -> float | Series:
    """A value missing in one of two series is 0 (documented)."""
    if isinstance(left, Series) and isinstance(right, Series):
        _same_period([left, right])
        one, other = left.points, right.points
        return left.of((at, _tried(does, one.get(at, 0.0), other.get(at, 0.0))) for at in sorted({*one, *other}))
    if isinstance(left, Series):
        number = float(right)  # type: ignore[arg-type]
        return left.of((at, _tried(does, value, number)) for at, value in left.points.items())
    if isinstance(right, Series):
        return right.of((at, _tried(does, left, value)) for at, value in right.points.items())
    return _tried(does, left, right)


def _same_period(series: Sequence[Series]) -> None:
    if len({each.period for each in series}) > 1:
        raise MathError("metrics of different periods cannot be combined; give them the same Period")


# -- functions ----------------------------------------------------------------------------------

Function = Callable[[Scope, Sequence[Any]], Value]


def _count(name: str, arguments: Sequence[Any], least: int, most: int | None = None) -> None:
    most = least if most is None else most
    if not least <= len(arguments) <= most:
        expected = str(least) if least == most else f"{least} to {most}"
        raise MathError(f"{name} takes {expected} argument{'' if expected == '1' else 's'}, not {len(arguments)}")


def _of_each(name: str, change: Callable[[Series], Series]) -> Function:
    """A function of a series, or of each of several."""

    def function(scope: Scope, arguments: Sequence[Any]) -> Value:
        _count(name, arguments, 1)
        value = _value(arguments[0], scope)
        return change(value) if isinstance(value, Series) else [change(each) for each in _series_of(value, name)]

    return function


def _of_values(name: str, change: Callable[[float], float]) -> Function:
    def function(scope: Scope, arguments: Sequence[Any]) -> Value:
        _count(name, arguments, 1)
        return _mapped(_value(arguments[0], scope), change)

    return function


def _gathered(name: str, gather: Callable[[Sequence[float], int], float]) -> Function:
    """Of one series a number, of several a series; `gather` gets what values there are, and of how many series."""

    def function(scope: Scope, arguments: Sequence[Any]) -> Value:
        _count(name, arguments, 1)
        value = _value(arguments[0], scope)
        if isinstance(value, Series):
            values = list(value.points.values())
            return _tried(lambda: gather(values, len(values)))
        series = _series_of(value, name)
        if not series:
            return Series({}, scope.period)
        _same_period(series)
        moments = sorted({at for each in series for at in each.points})
        there = ((at, [each.points[at] for each in series if at in each.points]) for at in moments)
        whole = Series({}, series[0].period)
        return whole.of((at, _tried(lambda values=values: gather(values, len(series)))) for at, values in there)

    return function


def _average(values: Sequence[float], count: int) -> float:
    return math.fsum(values) / count


_STATISTICS: Mapping[str, Callable[[Sequence[float], int], float]] = {
    "AVG": _average,
    "MIN": lambda values, _: min(values),
    "MAX": lambda values, _: max(values),
    "SUM": lambda values, _: math.fsum(values) if values else math.nan,
    "STDDEV": lambda values, _: statistics.pstdev(values) if values else math.nan,
}


def _steps(change: Callable[[float, float, float], float]) -> Callable[[Series], Series]:
    """A function of each value, the one before, and the seconds between them."""

    def changed(series: Series) -> Series:
        points = list(series.points.items())
        pairs = pairwise(points)
        return series.of((at, change(value, before, at - then)) for (then, before), (at, value) in pairs)

    return changed


def _running_sum(series: Series) -> Series:
    total, found = 0.0, []
    for at, value in series.points.items():
        total += value
        found.append((at, total))
    return series.of(found)


def _fill(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("FILL", arguments, 2)
    value, how = _value(arguments[0], scope), arguments[1]
    filler: Any = how.text if isinstance(how, Name) and how.text in ("REPEAT", "LINEAR") else _value(how, scope)
    if isinstance(filler, list):
        raise MathError("FILL takes a scalar, a time series, REPEAT or LINEAR")
    filled = [_filled(series, filler, scope.grid(series.period)) for series in _series_of(value, "FILL")]
    return filled[0] if isinstance(value, Series) else filled


def _filled(series: Series, filler: float | str | Series, grid: Sequence[float]) -> Series:
    points = series.points
    moments = sorted({*grid, *points})

    def missing(at: float) -> float:
        if isinstance(filler, Series):
            return filler.points.get(at, math.nan)
        if isinstance(filler, float):
            return filler
        before = max((other for other in points if other < at), default=None)
        after = min((other for other in points if other > at), default=None)
        if before is None or (filler == "LINEAR" and after is None):
            return math.nan
        if filler == "REPEAT" or after is None:
            return points[before]
        return points[before] + (points[after] - points[before]) * (at - before) / (after - before)

    return series.of((at, points[at] if at in points else missing(at)) for at in moments)


def _if(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("IF", arguments, 2, 3)
    condition, *chosen = (_value(each, scope) for each in arguments)
    if any(isinstance(each, list) for each in (condition, *chosen)):
        raise MathError("IF takes time series and scalars, not arrays of time series")
    if isinstance(condition, float):
        if math.isnan(condition):
            return Series({}, scope.period)
        return chosen[0] if condition else (chosen[1] if len(chosen) > 1 else Series({}, scope.period))
    assert isinstance(condition, Series)
    _same_period([condition, *(each for each in chosen if isinstance(each, Series))])

    def at_a_moment(at: float, holds: float) -> float:
        if not holds and len(chosen) == 1:
            return math.nan
        value = chosen[0] if holds else chosen[1]
        return value.points.get(at, 0.0 if holds else math.nan) if isinstance(value, Series) else value  # type: ignore[return-value]

    return condition.of((at, at_a_moment(at, holds)) for at, holds in condition.points.items())


def _metrics(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("METRICS", arguments, 0, 1)
    if arguments and not isinstance(arguments[0], Text):
        raise MathError("METRICS takes a text")
    part = arguments[0].text if arguments else ""
    return [series for name in scope.metrics if part in name for series in _series_of(scope.series[name], "METRICS")]


def _end_of(name: str, place: int) -> Function:
    def function(scope: Scope, arguments: Sequence[Any]) -> Value:
        _count(name, arguments, 1)
        found = _series_of(_value(arguments[0], scope), name)
        return found[place] if found else Series({}, scope.period)

    return function


def _slice(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("SLICE", arguments, 2, 3)
    series = _series_of(_value(arguments[0], scope), "SLICE")
    return series[
        slice(*(_index(_value(each, scope), "SLICE") for each in arguments[1:]), *[None] * (3 - len(arguments)))
    ]


def _index(value: Value, name: str) -> int:
    if not isinstance(value, float) or not value.is_integer() or value < 0:
        raise MathError(f"{name} takes whole numbers for its places")
    return int(value)


def _sort(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("SORT", arguments, 3, 4)
    series = _series_of(_value(arguments[0], scope), "SORT")
    by, order = (each.text if isinstance(each, Name) else "" for each in arguments[1:3])
    if by not in ("AVG", "MIN", "MAX", "SUM") or order not in ("ASC", "DESC"):
        raise MathError("SORT takes AVG, MIN, MAX or SUM, and ASC or DESC")
    gather = _STATISTICS[by]

    def place(each: Series) -> tuple[bool, float]:
        values = list(each.points.values())
        found = _tried(lambda: gather(values, len(values)))
        return math.isnan(found), 0.0 if math.isnan(found) else (found if order == "ASC" else -found)

    ordered = sorted(series, key=place)
    return ordered[: _index(_value(arguments[3], scope), "SORT")] if len(arguments) == 4 else ordered


def _period(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("PERIOD", arguments, 1)
    name = arguments[0].text if isinstance(arguments[0], Name) else ""
    series = scope.series.get(name)
    if name not in scope.metrics or not isinstance(series, Series):
        raise MathError("PERIOD takes the id of a metric")
    return float(series.period)


def _metric_count(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("METRIC_COUNT", arguments, 1)
    return float(len(_series_of(_value(arguments[0], scope), "METRIC_COUNT")))


def _time_series(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("TIME_SERIES", arguments, 1)
    value = _value(arguments[0], scope)
    if not isinstance(value, float):
        raise MathError("TIME_SERIES takes a scalar")
    return Series({}, scope.period).of((at, value) for at in scope.grid(scope.period))


def _of_time(name: str, tell: Callable[[datetime], float]) -> Function:
    def function(scope: Scope, arguments: Sequence[Any]) -> Value:
        _count(name, arguments, 1)
        value = _value(arguments[0], scope)
        if not isinstance(value, Series):
            raise MathError(f"{name} takes a time series")
        return value.of((at, tell(datetime.fromtimestamp(at, UTC))) for at in scope.grid(value.period))

    return function


def _search(scope: Scope, arguments: Sequence[Any]) -> Value:
    _count("SEARCH", arguments, 2, 3)
    if not all(isinstance(each, Text) for each in arguments[:2]):
        raise MathError("SEARCH takes an expression and a statistic, both as text")
    if scope.search is None:
        raise MathError("SEARCH is not supported in an alarm")
    period = _index(_value(arguments[2], scope), "SEARCH") if len(arguments) == 3 else scope.period
    return scope.search(arguments[0].text, arguments[1].text, period)


_FUNCTIONS: Mapping[str, Function] = {
    "ABS": _of_values("ABS", abs),
    "CEIL": _of_values("CEIL", math.ceil),
    "FLOOR": _of_values("FLOOR", math.floor),
    "LOG": _of_values("LOG", math.log),
    "LOG10": _of_values("LOG10", math.log10),
    "DATAPOINT_COUNT": _gathered("DATAPOINT_COUNT", lambda values, _: float(len(values))),
    "DIFF": _of_each("DIFF", _steps(lambda value, before, _: value - before)),
    "DIFF_TIME": _of_each("DIFF_TIME", _steps(lambda _value, _before, seconds: seconds)),
    "RATE": _of_each("RATE", _steps(lambda value, before, seconds: (value - before) / seconds)),
    "RUNNING_SUM": _of_each("RUNNING_SUM", _running_sum),
    "FILL": _fill,
    "FIRST": _end_of("FIRST", 0),
    "LAST": _end_of("LAST", -1),
    "IF": _if,
    "METRICS": _metrics,
    "METRIC_COUNT": _metric_count,
    "MINUTE": _of_time("MINUTE", lambda moment: moment.minute),
    "HOUR": _of_time("HOUR", lambda moment: moment.hour),
    "DAY": _of_time("DAY", lambda moment: moment.isoweekday()),
    "DATE": _of_time("DATE", lambda moment: moment.day),
    "MONTH": _of_time("MONTH", lambda moment: moment.month),
    "YEAR": _of_time("YEAR", lambda moment: moment.year),
    "EPOCH": _of_time("EPOCH", lambda moment: moment.timestamp()),
    "PERIOD": _period,
    "REMOVE_EMPTY": lambda scope, arguments: [
        series
        for series in _series_of(_value(_only("REMOVE_EMPTY", arguments), scope), "REMOVE_EMPTY")
        if series.points
    ],
    "SEARCH": _search,
    "SLICE": _slice,
    "SORT": _sort,
    "TIME_SERIES": _time_series,
    **{name: _gathered(name, gather) for name, gather in _STATISTICS.items()},
}


def _only(name: str, arguments: Sequence[Any]) -> Any:
    _count(name, arguments, 1)
    return arguments[0]
