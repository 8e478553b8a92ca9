"""Composite alarms: their rule, and what holds their actions back."""

from __future__ import annotations

import pytest

from drydock.policy.alarm_rules import Suppressor, children, holds, parse, suppressed_by
from drydock.policy.infix import Malformed

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
