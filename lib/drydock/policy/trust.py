"""Whom a role trusts.

Source: "IAM JSON policy elements: Principal", "… Action", "… Condition", "… Condition operators" and "How to use trust
policies", IAM user guide (documented).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Context = Mapping[str, str]
"""Condition keys and their values: {"oidc.example/id/1:sub": "system:serviceaccount:shop:cart"}."""

_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (str.__eq__, True),
    "StringNotEquals": (str.__eq__, False),
    "StringEqualsIgnoreCase": (lambda wanted, found: wanted.lower() == found.lower(), True),
    "StringNotEqualsIgnoreCase": (lambda wanted, found: wanted.lower() == found.lower(), False),
    "StringLike": (lambda wanted, found: _like(wanted, found), True),
    "StringNotLike": (lambda wanted, found: _like(wanted, found), False),
}
"""How a wanted value is compared, and whether it has to match (True) or must not."""


@dataclass(frozen=True)
class Decision:
    """Whether a trust policy lets somebody in, for each statement why it counts or does not, and what none allows."""

    allowed: bool
    reasons: tuple[str, ...]


def trusts(document: str, service: str) -> bool:
    """Whether a trust policy lets a service assume its role. Conditions are not looked at.

    >>> trusts('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}', "ecs.amazonaws.com")
    True
    """
    statements = [
        each
        for each in _listed(json.loads(document).get("Statement"))
        if _names(each, "Service", service) and _acts(each, "sts:AssumeRole")
    ]
    effects = {each.get("Effect") for each in statements}
    return effects == {"Allow"}


def decide(document: str, kind: str, principal: str, actions: Sequence[str], context: Context) -> Decision:
    """Whether a trust policy allows each of `actions` to a principal, its conditions looked at.

    kind       of the principal, as the policy has it: "Federated", "Service" or "AWS".
    principal  an ARN or a service's name.
    context    the keys of the request. A key that is not there fails what it has to match, and passes what it must
               not (documented), `…IfExists` passes either way.

    Raises ValueError for an operator that is not known here: its statement is never taken for decided.
    """
    reasons: list[str] = []
    effects: dict[str, set[Any]] = {action: set() for action in actions}
    for number, statement in enumerate(_listed(json.loads(document).get("Statement")), 1):
        about = [action for action in actions if _acts(statement, action)]
        if not _names(statement, kind, principal):
            reasons.append(f"statement {number}: another principal")
        elif not about:
            reasons.append(f"statement {number}: another action")
        elif failed := _failed(statement.get("Condition") or {}, context):
            reasons.append(f"statement {number}: {failed}")
        else:
            reasons.append(f"statement {number}: {statement.get('Effect')}")
            for action in about:
                effects[action].add(statement.get("Effect"))
    if any(effects.values()):
        reasons += [f"nothing allows {action}" for action, found in effects.items() if not found]
    return Decision(all(each == {"Allow"} for each in effects.values()), tuple(reasons))


def _names(statement: Mapping[str, Any], kind: str, wanted: str) -> bool:
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    named = _listed(principal.get(kind)) if isinstance(principal, dict) else _listed(principal)
    return (wanted in named or "*" in named) is not ("NotPrincipal" in statement)


def _acts(statement: Mapping[str, Any], wanted: str) -> bool:
    patterns = _listed(statement.get("Action", statement.get("NotAction")))
    matches = any(_like(str(pattern).lower(), wanted.lower()) for pattern in patterns)
    return matches is not ("NotAction" in statement)


def _failed(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> str:
    """The first condition that does not hold, in words; empty where all hold. Keys are in any case (documented)."""
    found = {key.lower(): value for key, value in context.items()}
    for operator, keys in conditions.items():
        name = operator.removesuffix("IfExists")
        if name not in _OPERATORS:
            known = ", ".join(_OPERATORS)
            raise ValueError(f"The condition operator {operator!r} is not known here. There are: {known}.")
        matches, must = _OPERATORS[name]
        for key, wanted in keys.items():
            value = found.get(key.lower())
            if value is None:
                if must and name == operator:
                    return f"{key} is not in the request"
            elif any(matches(str(one), value) for one in _listed(wanted)) is not must:
                return f"{key} is {value!r}, {operator} wants {' or '.join(repr(one) for one in _listed(wanted))}"
    return ""


def _like(pattern: str, value: str) -> bool:
    parts = ({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [] if given is None else [given]
