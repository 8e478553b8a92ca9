"""Whom a role trusts."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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


STATEMENTS = st.builds(
    statement,
    st.sampled_from(["*", {"Service": TASKS}, {"Service": ["ec2.amazonaws.com"]}, {"AWS": "*"}]),
    st.sampled_from(["sts:AssumeRole", ["sts:TagSession"], "sts:*", "sts:Assume*"]),
    st.sampled_from(["Allow", "Deny"]),
)


@settings(max_examples=50)
@given(st.lists(STATEMENTS, max_size=4), STATEMENTS, st.randoms(use_true_random=False))
def test_an_order_says_nothing_a_denial_lets_nobody_in_and_a_permission_shuts_nobody_out(
    statements: list[dict[str, Any]], more: dict[str, Any], random: Random
) -> None:
    def allowed(*these: dict[str, Any]) -> bool:
        found = decide(json.dumps({"Statement": these}), "Service", TASKS, ["sts:AssumeRole"], {}).allowed
        assert trusts(json.dumps({"Statement": these}), TASKS) is found
        return found

    before = allowed(*statements)
    assert allowed(*random.sample(statements, len(statements))) is before
    after = allowed(*statements, more)
    assert (before or not after) if more["Effect"] == "Deny" else (after or not before)


@pytest.mark.parametrize(
    ("action", "expected"),
    [("sts:Assume*", True), ("STS:assumerol?", True), ("*", True), ("sts:Tag*", False), ("sts:AssumeRole?", False)],
)
def test_wildcards_of_an_action_count(action: str, expected: bool) -> None:
    """IAM user guide, "IAM JSON policy elements: Action": `*` and `?`, in any case of letters."""
    document = json.dumps({"Statement": statement({"Service": TASKS}, action)})
    assert trusts(document, TASKS) is expected


@pytest.mark.parametrize(
    "denied",
    [
        {"NotPrincipal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:*"},
        {"Principal": "*", "NotAction": ["sts:TagSession"]},
    ],
)
def test_a_denial_is_of_whom_and_what_it_does_not_leave_out(denied: dict[str, Any]) -> None:
    """IAM user guide, "IAM JSON policy elements: NotPrincipal" and "… NotAction"."""
    document = json.dumps({"Statement": [statement("*", "sts:*"), {"Effect": "Deny", **denied}]})
    assert not trusts(document, TASKS)
    assert not decide(document, "Service", TASKS, ["sts:AssumeRole"], {}).allowed
    assert decide(document, "Service", "ec2.amazonaws.com", ["sts:TagSession"], {}).allowed


@settings(max_examples=50)
@given(st.text("ab*?", max_size=6), st.text("ab", max_size=6))
@example("a?", "abb")
def test_a_pattern_matches_as_one_of_a_shell(pattern: str, value: str) -> None:
    def passes(operator: str) -> bool:
        condition = {**statement({"Service": TASKS}), "Condition": {operator: {"k": pattern}}}
        return decide(json.dumps({"Statement": condition}), "Service", TASKS, ["sts:AssumeRole"], {"K": value}).allowed

    assert passes("StringLike") is fnmatchcase(value, pattern)
    assert passes("StringEquals") is (value == pattern)
    for operator in ("StringLike", "StringEquals", "StringEqualsIgnoreCase"):
        assert passes(operator) is not passes(operator.replace("String", "StringNot"))
