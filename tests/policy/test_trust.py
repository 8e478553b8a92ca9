"""Whom a role trusts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drydock.policy.trust import trusts

TASKS = "ecs-tasks.amazonaws.com"


def statement(principal: Any, action: Any = "sts:AssumeRole", effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (statement({"Service": TASKS}), True),
        ([statement({"Service": ["ec2.amazonaws.com", TASKS]}, ["sts:TagSession", "sts:AssumeRole"])], True),
        ([statement("*", "sts:*")], True),
        ([statement({"Service": "ecs.amazonaws.com"})], False),
        ([statement({"AWS": "*"})], False),
        ([statement({"Service": TASKS}, "sts:TagSession")], False),
        ([statement({"Service": TASKS}), statement({"Service": TASKS}, effect="Deny")], False),
        ([], False),
        (None, False),
        ({"Principal": {"Service": TASKS}, "Action": "sts:AssumeRole"}, False),
    ],
)
def test_a_service_is_trusted_if_a_statement_allows_it_and_none_denies_it(statements: Any, expected: bool) -> None:
    assert trusts(json.dumps({"Version": "2012-10-17", "Statement": statements}), TASKS) is expected
