"""Checks of fields that several requests share: names, enumerations, ranges, tags, placement.

Source: Amazon ECS API Reference, *Tag*, *PlacementConstraint*, *PlacementStrategy*, and the requests that have them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drydock.policy.requests import cluster_query
from drydock.policy.requests.errors import Invalid, parameter
from drydock.policy.requests.world import Capacity

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


def enumeration(code: str, field: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse a value outside an enumeration; absent is fine. Raises Invalid(code)."""
    if value is not None and value not in allowed:
        raise Invalid(
            code,
            f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(allowed)}]",
        )


def within(code: str, field: str, value: Any, low: float, high: float) -> None:
    """Refuse a number outside ``low`` … ``high``; absent is fine. Raises Invalid(code)."""
    if value is not None and not low <= value <= high:
        bound = f"at least {low:g}" if value < low else f"at most {high:g}"
        raise Invalid(code, f"{field} must be {bound}")


def tags(given: Sequence[Mapping[str, Any]] | None) -> None:
    """Refuse tags beyond the documented limits: 50, keys of 1–128 and values of 0–256 characters, no ``aws:``.

    Raises Invalid (InvalidParameterException).
    """
    given = given or ()
    if len(given) > 50:
        raise parameter(f"tags can have at most 50 items, got {len(given)}.")
    seen: set[str] = set()
    for tag in given:
        key, value = tag.get("key") or "", tag.get("value") or ""
        if not 1 <= len(key) <= 128:
            raise parameter(f"Tag key '{key}' must have between 1 and 128 characters.")
        if len(value) > 256:
            raise parameter(f"The value of tag '{key}' can have at most 256 characters.")
        if key.lower().startswith("aws:"):
            raise parameter("aws: prefixed tag key names are not allowed for external use.")
        if key in seen:
            raise parameter(f"Duplicate tag key '{key}': each tag key must be unique.")
        seen.add(key)


def placement(request: Mapping[str, Any], where: Capacity) -> None:
    """Refuse ``placementConstraints``, ``placementStrategy`` and ``platformVersion`` that do not go with where tasks
    are to run, or are malformed.

    At most 10 constraints and 5 strategies (documented); the wording was observed. Raises Invalid
    (InvalidParameterException).
    """
    if where.fargate:
        if request.get("placementConstraints"):
            raise parameter("Placement constraints are not supported with FARGATE launch type.")
        if request.get("placementStrategy"):
            raise parameter("Placement strategies are not supported with FARGATE launch type.")
    elif request.get("platformVersion"):
        raise parameter("The platform version must be null when specifying an EC2 launch type.")
    constraints = request.get("placementConstraints") or ()
    strategies = request.get("placementStrategy") or ()
    if len(constraints) > 10:
        raise parameter("Maximum number of constraints is 10.")
    if len(strategies) > 5:
        raise parameter("Maximum number of strategies is 5.")
    code = "InvalidParameterException"
    for constraint in constraints:
        kind, expression = constraint.get("type"), constraint.get("expression")
        enumeration(code, "placementConstraints.type", kind, ("distinctInstance", "memberOf"))
        if kind == "distinctInstance" and expression:
            raise parameter("distinctInstance expression should not be specified.")
        if kind == "memberOf":
            cluster_query.parse(expression or "")
    for strategy in strategies:
        kind, field = strategy.get("type"), strategy.get("field")
        enumeration(code, "placementStrategy.type", kind, ("random", "spread", "binpack"))
        if kind == "binpack" and str(field).lower() not in ("cpu", "memory"):
            raise parameter(f"binpack field '{field}' is invalid.")
        if kind == "random" and field:
            raise parameter("random field should not be specified.")
        if kind == "spread" and not (field in ("instanceId", "host") or str(field).startswith("attribute:")):
            raise parameter(f"spread field '{field}' is invalid.")
