"""Metric math: the examples of the CloudWatch user guide, "Using metric math", and what is told of the rest."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drydock.policy.metric_math import (
    _FUNCTIONS,
    MathError,
    Scope,
    Series,
    Source,
    compute,
    evaluate,
    functions,
    names,
    parse,
)

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC).timestamp()  # a Thursday
Drawn = list[float | None]


def series(drawn: Drawn, period: int = 60, label: str = "") -> Series:
    points = {NOON + place * period: float(value) for place, value in enumerate(drawn) if value is not None}
    return Series(points, period, label)


def scope(count: int = 4, **drawn: Drawn) -> Scope:
    found = {name: series(values, label=name) for name, values in drawn.items()}
    return Scope(found, list(found), NOON, NOON + 60 * count, 60)


def several(expression: str, count: int = 4, **drawn: Drawn) -> list[Drawn]:
    where = scope(count, **drawn)
    grid = where.grid(60)
    return [[each.points.get(at) for at in grid] for each in evaluate(parse(expression), where)]


def one(expression: str, count: int = 4, **drawn: Drawn) -> Drawn:
    (found,) = several(expression, count, **drawn)
    return found


M1: Drawn = [30, 20, 0, 0]
M2: Drawn = [20, None, 20, None]
DOCUMENTED = [
    ("m1 < m2", [0, 0, 1, 0]),
    ("m1 >= 30", [1, 0, 0, 0]),
    ("m1 > 15 AND m2 > 15", [1, 0, 0, 0]),
    ("m1 > 15 && m2 > 15", [1, 0, 0, 0]),
    ("m1 > 15 || m2 > 15", [1, 1, 1, 0]),
]


@pytest.mark.parametrize(("expression", "expected"), DOCUMENTED)
def test_comparisons_as_documented(expression: str, expected: Drawn) -> None:
    assert one(expression, m1=M1, m2=M2) == expected


def test_if_as_documented() -> None:
    given: dict[str, Drawn] = {
        "m1": [1, 1, 0, 0, None], "m2": [30, None, 0, 0, 30], "m3": [0, 0, 20, None, 20],
    }  # fmt: skip
    assert one("IF(m1, m2, m3)", 5, **given) == [30, 0, 20, None, None]
    assert one("IF(m1, 5, m3)", 5, **given) == [5, 5, 20, None, None]
    assert one("IF(m1, m2, 5)", 5, **given) == [30, 0, 5, 5, None]
    assert one("IF(m1, m2)", 5, **given) == [30, 0, None, None, None]
    assert one("IF(0, m2, m3)", 5, **given) == given["m3"]
    assert one("IF(0, m2)", 5, **given) == [None] * 5


ARITHMETIC = [
    ("m1 + m2", [50, 20, 20, 0]),  # missing values are 0
    ("m1 / m2", [1.5, None, 0, None]),  # a division by zero is dropped
    ("m2 / m1 * 100", [pytest.approx(66.666667), 0, None, None]),
    ("2 ^ 3 ^ 2 * m1 / m1", [512, 512, None, None]),
    ("-m1 + 5 * 2", [-20, -10, 10, 10]),
    ("(m1 + 2) * 2", [64, 44, 4, 4]),
    ("10 - 4 - m1", [-24, -14, 6, 6]),
    ("m1 - AVG(m1)", [17.5, 7.5, -12.5, -12.5]),
    ("m1 * SUM(m2) / DATAPOINT_COUNT(m2)", [600, 400, 0, 0]),
    ("m1 - MIN(m1) + MAX(m1)", [60, 50, 30, 30]),
    ("m2 * 0 + STDDEV(m2)", [0, None, 0, None]),
    ("m1 / PERIOD(m1)", [0.5, pytest.approx(1 / 3), 0, 0]),
    ("SUM([m1, m2])", [50, 20, 20, 0]),
    ("AVG([m1, m2])", [25, 10, 10, 0]),
    ("MIN([m1, m2])", [20, 20, 0, 0]),
    ("MAX(METRICS())", [30, 20, 20, 0]),
    ('SUM(METRICS("2"))', [20, None, 20, None]),
    ("DATAPOINT_COUNT(METRICS())", [2, 1, 2, 1]),
    ("m1 / METRIC_COUNT(METRICS())", [15, 10, 0, 0]),
    ("SUM(-[m1, m2])", [-50, -20, -20, 0]),
    ("SUM(100 / [m1, m2])", [pytest.approx(8.333333), 5, 5, None]),
    ("DIFF(m1)", [None, -10, -20, 0]),
    ("DIFF(m2)", [None, None, 0, None]),
    ("DIFF_TIME(m2)", [None, None, 120, None]),
    ("RATE(m1)", [None, pytest.approx(-1 / 6), pytest.approx(-1 / 3), 0]),
    ("RUNNING_SUM(m1)", [30, 50, 50, 50]),
    ("FILL(m2, 7)", [20, 7, 20, 7]),
    ("FILL(m2, REPEAT)", [20, 20, 20, 20]),
    ("FILL(m2 * m1, m1)", [600, 0, 0, 0]),
    ("FILL(m3, LINEAR)", [1, 2, 3, None]),
    ("FILL(m3, m1)", [1, 20, 3, 0]),
    ("ABS(-m1)", [30, 20, 0, 0]),
    ("CEIL(m1 / 7)", [5, 3, 0, 0]),
    ("FLOOR(m1 / 7)", [4, 2, 0, 0]),
    ("LOG10(m1 * 0 + 100)", [2, 2, 2, 2]),
    ("LOG(m1)", [pytest.approx(3.401197), pytest.approx(2.995732), None, None]),
    ("TIME_SERIES(5 * 2)", [10, 10, 10, 10]),
    ("MINUTE(m2)", [0, 1, 2, 3]),
    ("HOUR(m1)", [12] * 4),
    ("DAY(m1)", [4] * 4),
    ("DATE(m1) + MONTH(m1) + YEAR(m1)", [26 + 11 + 2026] * 4),
    ("EPOCH(m1)", [NOON + 60 * minute for minute in range(4)]),
    ("FIRST(SORT(METRICS(), AVG, DESC))", M2),
    ("LAST(SORT([m1, m2], SUM, ASC))", M1),
    ("1e1 * m3 + .5", [10.5, None, 30.5, None]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), ARITHMETIC)
def test_functions(expression: str, expected: Drawn) -> None:
    drawn: dict[str, Drawn] = {"m1": M1, "m2": M2}
    if "m3" in expression:
        drawn["m3"] = [1, None, 3, None]
    assert one(expression, **drawn) == expected


def test_arrays() -> None:
    given: dict[str, Drawn] = {"a": [1, 1], "b": [3, 3], "c": [None, None], "d": [2, 2]}
    assert several("METRICS() * 2", 2, **given) == [[2, 2], [6, 6], [None, None], [4, 4]]
    assert several("REMOVE_EMPTY(METRICS())", 2, **given) == [[1, 1], [3, 3], [2, 2]]
    assert several("SORT(METRICS(), AVG, DESC, 2)", 2, **given) == [[3, 3], [2, 2]]
    assert several("SLICE(SORT(METRICS(), AVG, ASC), 1, 3)", 2, **given) == [[2, 2], [3, 3]]
    assert several("SLICE(METRICS(), 3)", 2, **given) == [[2, 2]]
    assert several("FILL(METRICS(), 0)", 2, **given)[2] == [0, 0]
    assert [each.label for each in evaluate(parse("METRICS()"), scope(2, **given))] == ["a", "b", "c", "d"]


def test_what_has_no_data_gives_none() -> None:
    nothing: Drawn = [None] * 4
    for expression in ("m1 + AVG(m1)", "MAX(m1) * m2", "TIME_SERIES(MIN(m1))", "m2 > MAX(m1)", "SUM([m1])"):
        assert one(expression, m1=nothing, m2=M1) == nothing, expression


REFUSED = [
    ("", "unexpected the end at position 0"),
    ("m1 +", "unexpected the end at position 4"),
    ("m1 ** 2", "unexpected '\\*' at position 4"),
    ("m1; m2", "unexpected symbol ';' at position 2"),
    ("(m1", "unexpected the end, expected \\) at position 3"),
    ("SUM(m1 m2)", "at position 7"),
    ("m9 * 2", r"undefined variable \[m9\]"),
    ("sum(m1)", r"unsupported function \[sum\] at position 0"),
    ("MEDIAN(m1)", r"unsupported function \[MEDIAN\]"),
    ("5", "must be a time series .* not a scalar"),
    ("AVG(m1)", "must be a time series .* not a scalar"),
    ("'text'", "unexpected text 'text'"),
    ("RATE(m1, m2)", "RATE takes 1 argument, not 2"),
    ("IF(m1)", "IF takes 2 to 3 arguments, not 1"),
    ("PERIOD(m1 * 2) * m1", "PERIOD takes the id of a metric"),
    ("SUM([m1, 5])", "not scalars"),
    ("METRICS() + METRICS()", "two arrays of time series"),
    ("SORT(METRICS(), MEDIAN, DESC)", "SORT takes AVG, MIN, MAX or SUM"),
    ("FILL(m1, NEXT)", r"undefined variable \[NEXT\]"),
    ("ANOMALY_DETECTION_BAND(m1)", "does not have anomaly detection"),
    ('INSIGHT_RULE_METRIC("r", "Sum")', "does not have Contributor Insights"),
    ('LAMBDA("f")', "does not have metric data sources of Lambda"),
    ("DB_PERF_INSIGHTS('RDS', 'db', 'x')", "does not have Performance Insights"),
    ("SEARCH('{AWS/ECS} x', 'Sum', 60)", "SEARCH is not supported in an alarm"),
    ("m1" + " + m1" * 5000 + " +", "unexpected the end"),
    ("(" * 200 + "m1" + ")" * 200, "nested too deeply"),
    ("-" * 5000 + "m1", "nested too deeply"),
]


@pytest.mark.parametrize(("expression", "why"), REFUSED)
def test_what_cannot_be_computed_is_an_error(expression: str, why: str) -> None:
    with pytest.raises(MathError, match=why):
        one(expression, m1=M1, m2=M2)


def test_metrics_of_different_periods_are_not_mixed() -> None:
    given = {"m1": series([1, 2]), "m2": series([1], period=300)}
    with pytest.raises(MathError, match="different periods"):
        evaluate(parse("m1 + m2"), Scope(given, ["m1", "m2"], NOON, NOON + 300, 60))


def test_what_an_expression_is_of() -> None:
    tree = parse("IF(m1 > 5, FILL(e2, REPEAT), -[m3]) * SUM(METRICS())")
    assert names(tree) == {"m1", "e2", "m3"}
    assert functions(tree) == {"IF", "FILL", "SUM", "METRICS"}


def test_a_long_expression_is_computed() -> None:
    assert one(" + ".join(["m1"] * 5000), m1=M1) == [150_000, 100_000, 0, 0]
    assert names(parse(" + ".join(["m1"] * 5000))) == {"m1"}


def test_a_number_that_is_too_large_is_refused() -> None:
    with pytest.raises(MathError, match="1e400 is too large a number"):
        one("m1 * 1e400", m1=M1)


WHOLE = st.integers(-50, 50).map(float)
TERMS = st.lists(st.tuples(st.sampled_from(["+", "-", "*"]), st.integers(-9, 9)), min_size=1, max_size=6)


def joined(terms: list[tuple[str, object]]) -> str:
    return " ".join(f"{sign} {term}" for sign, term in terms).split(" ", 1)[1]


@settings(max_examples=50)
@given(TERMS, st.lists(st.tuples(st.sampled_from(["+", "-", "*"]), TERMS), max_size=3), st.integers(1, 3))
def test_arithmetic_binds_as_python_has_it(
    terms: list[tuple[str, int]], inner: list[tuple[str, list[tuple[str, int]]]], power: int
) -> None:
    brackets = [(sign, f"({joined([*each])}) ^ {power}") for sign, each in inner]
    text = joined([*terms, *brackets])
    (found,) = one(f"TIME_SERIES({text})", 1)
    assert found == pytest.approx(float(eval(text.replace("^", "**"))))


@settings(max_examples=50)
@given(st.lists(st.none() | WHOLE, min_size=1, max_size=8), st.lists(WHOLE, min_size=8, max_size=8))
def test_what_is_summed_filled_and_parted_again_is_conserved(m1: Drawn, m2: Drawn) -> None:
    count = len(m1)
    m2 = m2[:count]
    there = [value for value in m1 if value is not None]
    assert sum(value or 0 for value in one("m1 + m2", count, m1=m1, m2=m2)) == sum(there) + sum(m2)  # type: ignore[arg-type]
    assert one("m1 + m2", count, m1=m1, m2=m2) == one("SUM([m1, m2])", count, m1=m1, m2=m2)
    assert one("FILL(m1, 7)", count, m1=m1) == [7 if value is None else value for value in m1]
    running = [value for value in one("RUNNING_SUM(m1)", count, m1=m1) if value is not None]
    assert running[-1:] == [sum(there)][: len(there)]
    assert [value for value in one("DIFF(RUNNING_SUM(m1))", count, m1=m1) if value is not None] == there[1:]
    low, mean, high = (one(f"{name}([m1, m2, m2])", count, m1=m2, m2=m2[::-1]) for name in ("MIN", "AVG", "MAX"))
    assert all(a <= b + 1e-9 and b <= c + 1e-9 for a, b, c in zip(low, mean, high, strict=True))  # type: ignore[operator]


OPERATORS = ["+", "-", "*", "/", "^", "<", "==", "AND", "OR"]
ANY = st.recursive(
    st.sampled_from(["m1", "m2", "e9", "0", "2", "1e300", "'a'", "ASC", "REPEAT", "METRICS()", "[m1, m2]"]),
    lambda inner: st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join)
    | inner.map(lambda text: f"-({text})")
    | st.tuples(st.sampled_from(sorted(_FUNCTIONS)), st.lists(inner, max_size=3)).map(
        lambda call: f"{call[0]}({', '.join(call[1])})"
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=50)
@given(ANY, st.booleans())
@example("SEARCH('a', 'Sum', -60)", False)
@example("SEARCH('a', 'Sum', m1)", False)
@example("m1 * 1e300 * 1e300", True)
def test_an_expression_gives_finite_numbers_or_says_why_it_cannot(text: str, measured: bool) -> None:
    asked: list[dict[str, Any]] = [{"Id": name, "MetricStat": {}} for name in ("m1", "m2") if measured]
    source = Source(lambda _: series([1, 0, None]), lambda period: (NOON, NOON + 3 * period), lambda *_: [series([1])])
    try:
        found = compute([*asked, {"Id": "e1", "Expression": text}], source)["e1"]
    except MathError as error:
        assert "e1" in str(error)
        return
    assert all(math.isfinite(value) for each in found for value in each.points.values())
