"""The cluster query language, in which memberOf constraints and list filters choose container instances.

Source: Amazon ECS Developer Guide, "Create expressions to define container instances for Amazon ECS tasks"
(AmazonECS/latest/developerguide/cluster-query-language.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from drydock.policy.requests.errors import Invalid, parameter

Lookup = Callable[[str], Sequence[str]]
"""Gives an instance's values for a subject: none if it has not got it, several for ``task:group``."""
Test = Callable[[Lookup], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<punctuation>\(|\)|\[|\]|,|&&|\|\||==|!=|>=|<=|=~|!~|>|<|!)
    |'(?P<single>[^']*)'|"(?P<double>[^"]*)"
    |(?P<word>[^\s()\[\],!=<>&|'"~]+))""",
    re.VERBOSE,
)
_OPERATORS = {
    "==": "equals", "equals": "equals",
    "!=": "not_equals", "not_equals": "not_equals",
    ">": "greater_than", "greater_than": "greater_than",
    ">=": "greater_than_equal", "greater_than_equal": "greater_than_equal",
    "<": "less_than", "less_than": "less_than",
    "<=": "less_than_equal", "less_than_equal": "less_than_equal",
    "exists": "exists", "!exists": "not_exists", "not_exists": "not_exists",
    "in": "in", "!in": "not_in", "not_in": "not_in",
    "=~": "matches", "matches": "matches",
    "!~": "not_matches", "not_matches": "not_matches",
}  # fmt: skip
_SUBJECTS = frozenset(
    {"agentConnected", "agentVersion", "ec2InstanceId", "registeredAt", "runningTasksCount", "task:group"}
)


def parse(expression: str) -> Test:
    """Compile an expression such as ``attribute:ecs.instance-type =~ t3.* and not(task:group ==
    service:db)``.

    Subjects: agentConnected, agentVersion, attribute:NAME, ec2InstanceId, registeredAt, runningTasksCount,
    task:group. Numbers, versions and dates are compared as such, anything else as text; a pattern must
    match the whole value, as in Java. Source: documented; patterns are Python's, which agree with Java's
    for the usual ones.

    Raises Invalid (InvalidParameterException) saying where the expression cannot be read.
    """
    if len(expression) > 2000:
        raise parameter("Placement constraint expression can have at most 2000 characters.")
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens: list[tuple[str, bool]] = []
        position = 0
        text = expression.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if not found:
                raise self.error(f"cannot read {text[position:].strip()[:20]!r}")
            quoted = found["single"] if found["single"] is not None else found["double"]
            if quoted is not None:
                self.tokens.append((quoted, True))
            else:
                self.tokens.append((found["punctuation"] or found["word"], False))
            position = found.end()
        self.position = 0

    def error(self, why: str) -> Invalid:
        return parameter(f"Placement constraint expression '{self.expression}' is invalid: {why}.")

    def peek(self) -> str:
        """The next token if it is not quoted, else nothing."""
        if self.position < len(self.tokens) and not self.tokens[self.position][1]:
            return self.tokens[self.position][0]
        return ""

    def next(self, what: str) -> str:
        if self.position == len(self.tokens):
            raise self.error(f"{what} is missing at its end")
        token = self.tokens[self.position][0]
        self.position += 1
        return token

    def accept(self, *tokens: str) -> bool:
        if self.peek() in tokens:
            self.position += 1
            return True
        return False

    def whole(self) -> Test:
        test = self.either()
        if self.position < len(self.tokens):
            raise self.error(f"unexpected {self.tokens[self.position][0]!r}")
        return test

    def either(self) -> Test:
        tests = [self.both()]
        while self.accept("or", "||"):
            tests.append(self.both())
        return lambda lookup: any(test(lookup) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.accept("and", "&&"):
            tests.append(self.one())
        return lambda lookup: all(test(lookup) for test in tests)

    def one(self) -> Test:
        if self.accept("not", "!"):
            negated = self.one()
            return lambda lookup: not negated(lookup)
        if self.accept("("):
            inner = self.either()
            if not self.accept(")"):
                raise self.error("')' is missing")
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        subject = self.next("a subject")
        if not (subject in _SUBJECTS or (subject.startswith("attribute:") and len(subject) > 10)):
            raise self.error(f"unknown subject {subject!r}")
        word = self.next("an operator")
        if word == "!" and self.peek() in ("exists", "in"):
            word += self.next("an operator")
        operator = _OPERATORS.get(word)
        if not operator:
            raise self.error(f"unknown operator {word!r}")
        if operator.endswith("exists"):
            wanted = operator == "exists"
            return lambda lookup: bool(lookup(subject)) is wanted
        negative = operator.startswith("not_")
        check = self.check(operator.removeprefix("not_"))
        return lambda lookup: any(check(value) for value in lookup(subject)) is not negative

    def check(self, operator: str) -> Callable[[str], bool]:
        if operator == "in":
            values = self.values()
            return lambda value: value in values
        argument = self.next("an argument")
        if operator == "matches":
            try:
                pattern = re.compile(argument)
            except re.error as error:
                raise self.error(f"pattern {argument!r}: {error}") from None
            return lambda value: pattern.fullmatch(value) is not None
        if operator == "equals":
            return lambda value: value == argument or _order(value, argument) == 0
        if operator == "greater_than":
            return lambda value: _order(value, argument) > 0
        if operator == "greater_than_equal":
            return lambda value: _order(value, argument) >= 0
        if operator == "less_than":
            return lambda value: _order(value, argument) < 0
        return lambda value: _order(value, argument) <= 0

    def values(self) -> frozenset[str]:
        if not self.accept("["):
            raise self.error("a list in [ ] is missing after 'in'")
        values = set()
        while not self.accept("]"):
            values.add(self.next("']'"))
            self.accept(",")
        return frozenset(values)


def _order(left: str, right: str) -> int:
    for read in (_version, _date):
        a, b = read(left), read(right)
        if a is not None and b is not None:
            return (a > b) - (a < b)  # type: ignore[operator]
    return (left > right) - (left < right)


def _version(text: str) -> tuple[int, ...] | None:
    if not re.fullmatch(r"\d+(\.\d+)*", text):
        return None
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _date(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
