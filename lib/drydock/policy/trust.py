"""Whom a role trusts.

Source: "IAM JSON policy elements: Principal" and "How to use trust policies", IAM user guide. Conditions are not looked
at.
"""

from __future__ import annotations

import json
from typing import Any


def trusts(document: str, service: str) -> bool:
    """Whether a trust policy lets a service assume its role.

    >>> trusts('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}', "ecs.amazonaws.com")
    True
    """
    statements = [each for each in _listed(json.loads(document).get("Statement")) if _is_about(each, service)]
    effects = {each.get("Effect") for each in statements}
    return effects == {"Allow"}


def _is_about(statement: dict[str, Any], service: str) -> bool:
    principal, actions = statement.get("Principal"), _listed(statement.get("Action"))
    services = _listed(principal.get("Service")) if isinstance(principal, dict) else _listed(principal)
    named = service in services or "*" in services
    return named and any(str(action).lower() in ("sts:assumerole", "sts:*", "*") for action in actions)


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [] if given is None else [given]
