"""Which metrics a SEARCH expression or a query of Metrics Insights is about.

Source: CloudWatch user guide, "CloudWatch search expression syntax", "CloudWatch Metrics Insights query components"
(documented). Of Metrics Insights one aggregate with its conditions is here; what else it has is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.infix import Binary, Malformed, Reader, Unary, Word, holds, words

_WORDS = re.compile(r"(?P<space>[\s,]+)|(?P<sign>[(){}=])|(?P<quoted>\"[^\"]*\")|(?P<name>[^\s,(){}=\"]+)")


@dataclass(frozen=True)
class Metric:
    namespace: str
    name: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class Term:
    """A word that a metric has to have; with a `key` as the very value of that, else as a part of any."""

    text: str
    key: str = ""
    exact: bool = False


@dataclass(frozen=True)
class Search:
    """A search: a namespace with the names of all dimensions, or none; and a condition, or none."""

    namespace: str | None
    dimensions: frozenset[str]
    condition: Any

    def finds(self, metric: Metric) -> bool:
        if self.namespace is not None and (
            metric.namespace != self.namespace or set(metric.dimensions) != self.dimensions
        ):
            return False
        return self.condition is None or holds(self.condition, lambda term: _found(term, metric))


def search(text: str) -> Search:
    """Malformed for what is no search."""
    found = words(text, _WORDS)
    namespace, dimensions, place = None, [], 0
    if found[0].text == "{":
        ends = [number for number, word in enumerate(found) if word.text == "}"]
        if not ends or ends[0] < 2:
            raise Malformed("unexpected schema, expected {Namespace, dimension names}", found[0].at)
        namespace, *dimensions = (_plain(word) for word in found[1 : ends[0]])
        place = ends[0] + 1
    rest = _with_and(found[place:])
    if rest[0].kind == "end":
        if namespace is None:
            raise Malformed("unexpected the end", rest[0].at)
        return Search(namespace, frozenset(dimensions), None)
    reader = Reader(rest, binary={"OR": 1, "AND": 2}, unary={"NOT": 3}, operand=_operand, sign=_sign)
    return Search(namespace, frozenset(dimensions), reader.whole())


def _plain(word: Word) -> str:
    return word.text.strip('"') if word.kind == "quoted" else word.text


def _sign(word: Word) -> str:
    return word.text if word.kind == "name" and word.text in ("AND", "OR", "NOT") else ""


def _with_and(found: list[Word]) -> list[Word]:
    """Words with the AND that may be left out between two terms."""
    told: list[Word] = []
    for before, word in zip([None, *found], found, strict=False):
        ends = before is not None and (before.text == ")" or (before.kind in ("name", "quoted") and not _sign(before)))
        begins = word.text == "(" or _sign(word) == "NOT" or (word.kind in ("name", "quoted") and not _sign(word))
        if ends and begins:
            told.append(Word("name", "AND", word.at))
        told.append(word)
    return told


def _operand(reader: Reader) -> Any:
    if reader.takes("("):
        inner = reader.expression()
        reader.expect(")")
        return inner
    if reader.next.kind not in ("name", "quoted") or _sign(reader.next):
        raise reader.unexpected("a term")
    word = reader.take()
    if not reader.takes("="):
        return Term(_plain(word), exact=word.kind == "quoted")
    if reader.takes("("):
        inner = reader.expression()
        reader.expect(")")
        return _under(_plain(word), inner)
    if reader.next.kind not in ("name", "quoted"):
        raise reader.unexpected("a value")
    value = reader.take()
    return Term(_plain(value), _plain(word), value.kind == "quoted")


def _under(key: str, tree: Any) -> Any:
    """Terms in the brackets of `key=(…)`."""
    if isinstance(tree, Unary):
        return Unary(tree.sign, _under(key, tree.operand))
    if isinstance(tree, Binary):
        return Binary(tree.sign, _under(key, tree.left), _under(key, tree.right))
    return Term(tree.text, key, tree.exact)


def _found(term: Term, metric: Metric) -> bool:
    named = {"Namespace": metric.namespace, "MetricName": metric.name, **metric.dimensions}
    if term.key:
        values = [value for name, value in named.items() if name == term.key]
    else:
        values = [*named.values(), *metric.dimensions]
    return any(_has(value, term) for value in values)


def _has(value: str, term: Term) -> bool:
    """All of a quoted value; of another one the words, whatever their case."""
    if term.exact:
        return value == term.text if term.key else term.text.lower() in value.lower()
    wanted = _tokens(term.text)
    have = _tokens(value)
    return bool(wanted) and wanted <= have


def _tokens(text: str) -> set[str]:
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)
    return {part.lower() for part in (*parts, *re.split(r"[^\w]+", text)) if part}


# -- Metrics Insights ---------------------------------------------------------------------------

_AGGREGATES = {"AVG": "Average", "SUM": "Sum", "MIN": "Minimum", "MAX": "Maximum", "COUNT": "SampleCount"}
_NAME = r"(?:\"[^\"]+\"|[\w./-]+)"
_SELECT = re.compile(
    rf"\s*SELECT\s+(?P<aggregate>\w+)\s*\(\s*(?P<metric>{_NAME})\s*\)\s+FROM\s+"
    rf"(?:SCHEMA\s*\(\s*(?P<schema>{_NAME}(?:\s*,\s*{_NAME})*)\s*\)|(?P<namespace>{_NAME}))"
    rf"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+(?P<more>GROUP\s+BY|ORDER\s+BY|LIMIT)\b.*)?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(rf"\s*(?P<key>{_NAME})\s*(?P<sign>=|!=)\s*'(?P<value>[^']*)'\s*")


@dataclass(frozen=True)
class Selection:
    """A query of Metrics Insights: a statistic of all metrics that it is about, together."""

    statistic: str
    name: str
    namespace: str
    dimensions: frozenset[str] | None
    conditions: tuple[tuple[str, bool, str], ...]

    def finds(self, metric: Metric) -> bool:
        return (
            (metric.namespace, metric.name) == (self.namespace, self.name)
            and self.dimensions in (None, frozenset(metric.dimensions))
            and all((metric.dimensions.get(key) == value) == equal for key, equal, value in self.conditions)
        )


def select(text: str) -> Selection:
    """Malformed for what is no query, or has a clause that is not here."""
    found = _SELECT.fullmatch(text)
    if found is None:
        raise Malformed("expected SELECT FUNCTION(metric) FROM namespace or SCHEMA(namespace, dimensions) [WHERE …]", 0)
    if found["more"]:
        clause = " ".join(found["more"].upper().split())
        raise Malformed(f"the embedded AWS does not have {clause} of Metrics Insights", found.start("more"))
    if found["aggregate"].upper() not in _AGGREGATES:
        raise Malformed(
            f"unexpected {found['aggregate']!r}, expected AVG, SUM, MIN, MAX or COUNT", found.start("aggregate")
        )
    schema = [_bare(name) for name in re.findall(_NAME, found["schema"])] if found["schema"] else None
    conditions = []
    for part in re.split(r"\bAND\b", found["where"] or "", flags=re.IGNORECASE) if found["where"] else ():
        condition = _CONDITION.fullmatch(part)
        if condition is None:
            raise Malformed(f"unexpected condition {part.strip()!r}, expected key = 'value' or key != 'value'", found.start("where"))  # fmt: skip  # noqa: E501
        conditions.append((_bare(condition["key"]), condition["sign"] == "=", condition["value"]))
    return Selection(
        _AGGREGATES[found["aggregate"].upper()],
        _bare(found["metric"]),
        schema[0] if schema else _bare(found["namespace"]),
        frozenset(schema[1:]) if schema else None,
        tuple(conditions),
    )


def _bare(name: str) -> str:
    return name.strip('"')
