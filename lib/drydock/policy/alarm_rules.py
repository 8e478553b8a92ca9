"""AlarmRule of composite alarms, and when another alarm holds their actions back.

Source: CloudWatch user guide, "Create a composite alarm", "Suppressing composite alarm actions" (documented). NOT binds
more strongly than AND, AND more than OR (derived from its examples).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drydock.policy import infix
from drydock.policy.infix import Binary, Malformed, Reader, Unary, Word, chain, words

MOST_CHILDREN, MOST_ELEMENTS = 100, 500
_WORDS = re.compile(
    r"(?P<space>\s+)|(?P<bracket>[()])|(?P<quoted>\"(?:[^\"\\]|\\.)*\")|(?P<name>[^\s()\"]+)",
)
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")


@dataclass(frozen=True)
class Child:
    """Whether the alarm of a name is in a state."""

    state: str
    name: str


@dataclass(frozen=True)
class Constant:
    value: bool


def parse(text: str) -> Any:
    """The tree of a rule. Malformed for what is none."""
    found = words(text, _WORDS)
    reader = Reader(found, binary={"OR": 1, "AND": 2}, unary={"NOT": 3}, operand=_operand, sign=_sign)
    rule = reader.whole()
    constants = sum(_sign(word) in ("TRUE", "FALSE") for word in found)
    elements = constants + sum(word.text == "(" for word in found)  # each alarm has a pair of its own
    if len(children(rule)) > MOST_CHILDREN or elements > MOST_ELEMENTS:
        raise Malformed(f"more than {MOST_CHILDREN} alarms or {MOST_ELEMENTS} elements", 0)
    return rule


def _sign(word: Word) -> str:
    return word.text.upper() if word.kind == "name" else ""


def _operand(reader: Reader) -> Any:
    if reader.takes("("):
        inner = reader.expression()
        reader.expect(")")
        return inner
    text = reader.next.text.upper()
    if reader.next.kind != "name" or text not in (*_STATES, "TRUE", "FALSE"):
        raise reader.unexpected(f"one of {', '.join(_STATES)}, TRUE, FALSE")
    reader.take()
    if text not in _STATES:
        return Constant(text == "TRUE")
    reader.expect("(")
    return Child(text, _name(reader))


def _name(reader: Reader) -> str:
    if reader.next.kind == "quoted":
        name = re.sub(r"\\(.)", r"\1", reader.take().text[1:-1])
        reader.expect(")")
        return _without_arn(name)
    parts = []
    while not reader.takes(")"):
        if reader.next.kind != "name":
            raise reader.unexpected("a name of an alarm")
        parts.append(reader.take().text)
    if not parts:
        raise reader.unexpected("a name of an alarm")
    return _without_arn(" ".join(parts))


def _without_arn(name: str) -> str:
    return name.split(":alarm:", 1)[1] if name.startswith("arn:") and ":alarm:" in name else name


def children(rule: Any) -> set[str]:
    """The names of the alarms that a rule looks at."""
    if isinstance(rule, Child):
        return {rule.name}
    if isinstance(rule, Unary):
        return children(rule.operand)
    if isinstance(rule, Binary):
        first, rest = chain(rule)
        return children(first).union(*(children(right) for _, right in rest))
    return set()


def holds(rule: Any, state: Callable[[str], str]) -> bool:
    """Whether a rule is true, given the state of each alarm that it looks at."""
    return infix.holds(rule, lambda leaf: state(leaf.name) == leaf.state if isinstance(leaf, Child) else leaf.value)


# -- suppression --------------------------------------------------------------------------------

WAIT, EXTENSION, BY_ALARM = "WaitPeriod", "ExtensionPeriod", "Alarm"


@dataclass(frozen=True)
class Suppressor:
    """The alarm that holds actions back: since when it is in its state, and how long is waited for it, in seconds."""

    is_alarm: bool
    since: float
    was_alarm: bool
    """Whether it was in ALARM before."""
    wait: float
    extension: float


def suppressed_by(changed_at: float, suppressor: Suppressor, now: float) -> str | None:
    """What holds back the actions of a change at `changed_at`; None where they are due.

    While the suppressor is in ALARM they are held back; for `wait` after the change it may still go there; for
    `extension` after it has left ALARM they stay so.
    """
    if suppressor.is_alarm:
        return BY_ALARM
    if suppressor.was_alarm and now < suppressor.since + suppressor.extension:
        return EXTENSION
    return WAIT if now < changed_at + suppressor.wait else None
