"""Composite alarms: their rule, and what holds their actions back."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.alarm_rules import Child, Constant, Suppressor, children, holds, parse, suppressed_by
from drydock.policy.infix import Binary, Malformed, Unary

STATES = {"cpu": "ALARM", "disk": "OK", "new": "INSUFFICIENT_DATA", "with space": "ALARM"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALARM(cpu) AND ALARM(disk)", False),
        ("ALARM(cpu) AND NOT ALARM(disk)", True),
        ("(ALARM(cpu) OR ALARM(disk)) AND OK(disk)", True),
        ('ALARM("cpu")', True),
        ('ALARM("with space")', True),
        ("ALARM(with space)", True),
        ("INSUFFICIENT_DATA(new)", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:cpu)", True),
        ("TRUE", True),
        ("NOT TRUE OR FALSE", False),
        ("ALARM(cpu) OR ALARM(disk) AND FALSE", True),
        ("(((NOT (FALSE))))", True),
    ],
)
def test_rules(text: str, expected: bool) -> None:
    assert holds(parse(text), STATES.__getitem__) is expected


def test_a_rule_of_very_many_elements() -> None:
    assert holds(parse(" AND ".join(["TRUE"] * 500)), STATES.__getitem__)


def test_its_children_are_named() -> None:
    assert children(parse('NOT (ALARM(a) OR OK("b c")) AND TRUE')) == {"a", "b c"}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 0),
        ("ALARM", 5),
        ("ALARM()", 7),
        ("ALARM(a", 7),
        ("ALARM(a) ALARM(b)", 9),
        ("ALARM(a) AND", 12),
        ("AND ALARM(a)", 0),
        ("RED(a)", 0),
        ('ALARM("a)', 6),
        ("(" * 200 + "TRUE" + ")" * 200, 100),
    ],
)
def test_what_is_no_rule_is_told_with_its_place(text: str, at: int) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.at == at


def test_more_than_a_hundred_children_are_no_rule() -> None:
    parse(" OR ".join(f"ALARM(a{number})" for number in range(100)))
    with pytest.raises(Malformed, match="more than 100 alarms"):
        parse(" OR ".join(f"ALARM(a{number})" for number in range(101)))


@pytest.mark.parametrize(
    ("is_alarm", "since", "was_alarm", "now", "by"),
    [
        (True, 0, False, 100, "Alarm"),
        (False, 0, False, 100, "WaitPeriod"),
        (False, 0, False, 119, "WaitPeriod"),
        (False, 0, False, 120, None),
        (False, 110, True, 130, "ExtensionPeriod"),
        (False, 110, True, 139, "ExtensionPeriod"),
        (False, 110, True, 140, None),
    ],
)
def test_what_holds_actions_back(is_alarm: bool, since: float, was_alarm: bool, now: float, by: str | None) -> None:
    """A change at 100, 20 s to wait, 30 s of extension."""
    assert suppressed_by(100, Suppressor(is_alarm, since, was_alarm, 20, 30), now) == by


NAMES = st.text('ab "\\()é', min_size=1, max_size=8)
LEAVES = st.builds(Child, st.sampled_from(["ALARM", "OK", "INSUFFICIENT_DATA"]), NAMES) | st.builds(
    Constant, st.booleans()
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(Unary, st.just("NOT"), inner) | st.builds(Binary, st.sampled_from(["AND", "OR"]), inner, inner)
    ),
    max_leaves=8,
)


def written(tree: Any) -> str:
    if isinstance(tree, Constant):
        return str(tree.value).upper()
    if isinstance(tree, Child):
        quoted = tree.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'{tree.state}("{quoted}")'
    if isinstance(tree, Unary):
        return f"NOT ({written(tree.operand)})"
    return f"({written(tree.left)}) {tree.sign} ({written(tree.right)})"


@settings(max_examples=50)
@given(TREES, st.randoms(use_true_random=False))
def test_a_rule_is_read_as_it_is_written_and_its_opposite_is_its_opposite(tree: Any, random: Random) -> None:
    assert parse(written(tree)) == tree
    states = {name: random.choice(["ALARM", "OK", "INSUFFICIENT_DATA"]) for name in sorted(children(tree))}
    assert holds(Unary("NOT", tree), states.__getitem__) is not holds(tree, states.__getitem__)


@given(st.lists(st.tuples(st.sampled_from(["and", "or"]), st.booleans(), st.booleans()), min_size=1, max_size=8))
@settings(max_examples=50)
def test_without_brackets_a_rule_is_read_as_python_reads_it(terms: list[tuple[str, bool, bool]]) -> None:
    text = " ".join(f"{sign} {'not ' if negated else ''}{value}" for sign, negated, value in terms).split(" ", 1)[1]
    assert holds(parse(text.upper()), str) is eval(text)


SECONDS = st.integers(0, 300)


@settings(max_examples=50)
@given(SECONDS, SECONDS, st.booleans(), SECONDS, SECONDS, SECONDS, SECONDS)
def test_actions_that_are_due_stay_so_and_longer_waits_hold_back_no_less(
    changed_at: int, since: int, was_alarm: bool, wait: int, extension: int, now: int, more: int
) -> None:
    suppressor = Suppressor(False, since, was_alarm, wait, extension)
    if suppressed_by(changed_at, suppressor, now) is None:
        assert suppressed_by(changed_at, suppressor, now + more) is None
    else:
        longer = replace(suppressor, wait=wait + more, extension=extension + more)
        assert suppressed_by(changed_at, longer, now) is not None
        assert suppressed_by(changed_at, suppressor, max(changed_at, since) + wait + extension) is None
    assert suppressed_by(changed_at, replace(suppressor, is_alarm=True), now) == "Alarm"
