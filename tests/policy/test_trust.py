"""Whom a role trusts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drydock.policy.trust import decide, trusts

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


def trust(condition: dict[str, Any], effect: str = "Allow") -> dict[str, Any]:
    return {**statement({"Federated": "arn:p"}, "sts:AssumeRoleWithWebIdentity", effect), "Condition": condition}


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"p:sub": "a"}}, {"p:sub": "a"}, True),
        ({"StringEquals": {"P:Sub": "a"}}, {"p:sub": "a"}, True),
        ({"StringEquals": {"p:sub": "a"}}, {"P:SUB": "a"}, True),
        ({"StringEquals": {"p:sub": ["b", "a"]}}, {"p:sub": "a"}, True),
        ({"StringEquals": {"p:sub": "A"}}, {"p:sub": "a"}, False),
        ({"StringEqualsIgnoreCase": {"p:sub": "A"}}, {"p:sub": "a"}, True),
        ({"StringEquals": {"p:sub": "*"}}, {"p:sub": "a"}, False),
        ({"StringLike": {"p:sub": "sa:*:cart"}}, {"p:sub": "sa:dev:cart"}, True),
        ({"StringLike": {"p:sub": "sa:?:cart"}}, {"p:sub": "sa:dev:cart"}, False),
        ({"StringLike": {"p:sub": "[a]"}}, {"p:sub": "a"}, False),
        ({"StringEquals": {"p:sub": "a", "p:aud": "x"}}, {"p:sub": "a", "p:aud": "y"}, False),
        ({"StringEquals": {"p:sub": "a"}, "StringLike": {"p:aud": "x*"}}, {"p:sub": "a", "p:aud": "y"}, False),
        ({"StringEquals": {"p:sub": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"p:sub": "a"}}, {}, True),
        ({"StringNotEquals": {"p:sub": "a"}}, {}, True),
        ({"StringNotEquals": {"p:sub": ["a", "b"]}}, {"p:sub": "b"}, False),
        ({"StringNotLike": {"p:sub": "b*"}}, {"p:sub": "a"}, True),
        ({}, {}, True),
    ],
)
def test_conditions_are_all_to_hold_and_one_value_of_each(
    condition: dict[str, Any], context: dict[str, str], expected: bool
) -> None:
    document = json.dumps({"Statement": trust(condition)})
    assert decide(document, "Federated", "arn:p", ["sts:AssumeRoleWithWebIdentity"], context).allowed is expected


def test_a_denial_whose_condition_holds_wins_and_one_whose_does_not_is_none() -> None:
    document = json.dumps({"Statement": [trust({}), trust({"StringEquals": {"p:sub": "a"}}, "Deny")]})
    given = {
        who: decide(document, "Federated", "arn:p", ["sts:AssumeRoleWithWebIdentity"], {"p:sub": who}) for who in "ab"
    }
    assert {who: one.allowed for who, one in given.items()} == {"a": False, "b": True}
    assert given["b"].reasons == ("statement 1: Allow", "statement 2: p:sub is 'b', StringEquals wants 'a'")


def test_every_action_is_to_be_allowed() -> None:
    pods = "pods.eks.amazonaws.com"
    both = ["sts:AssumeRole", "sts:TagSession"]
    one = json.dumps({"Statement": statement({"Service": pods})})
    two = json.dumps({"Statement": statement({"Service": pods}, both)})
    assert not decide(one, "Service", pods, both, {}).allowed
    assert decide(one, "Service", pods, both, {}).reasons == ("statement 1: Allow", "nothing allows sts:TagSession")
    assert decide(two, "Service", pods, both, {}).allowed


def test_an_operator_that_is_not_known_decides_nothing() -> None:
    document = json.dumps({"Statement": trust({"ForAnyValue:StringLike": {"p:sub": "*"}})})
    with pytest.raises(ValueError, match=r"'ForAnyValue:StringLike' is not known here\. There are: StringEquals"):
        decide(document, "Federated", "arn:p", ["sts:AssumeRoleWithWebIdentity"], {})
