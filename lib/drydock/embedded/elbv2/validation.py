"""Errors by AWS's codes, and the checks of what a call is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from moto.elbv2.exceptions import ELBClientError, TooManyTagsError, ValidationError

MAX_TAGS = 50
_NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$")
_CHECK_RANGES = {  # HealthCheck… of the API reference, CreateTargetGroup
    "health_check_interval_seconds": ("healthCheckIntervalSeconds", 5, 300),
    "health_check_timeout_seconds": ("healthCheckTimeoutSeconds", 2, 120),
    "healthy_threshold_count": ("healthyThresholdCount", 2, 10),
    "unhealthy_threshold_count": ("unhealthyThresholdCount", 2, 10),
}


class OperationNotPermitted(ELBClientError):
    code = "OperationNotPermitted"


class InvalidTarget(ELBClientError):
    code = "InvalidTarget"


class Refused(ELBClientError):
    """An error by code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def check_name(kind: str, name: str) -> None:
    if not _NAME.match(name or ""):
        raise ValidationError(
            f"The {kind} name '{name}' must have at most 32 characters, all letters, digits or hyphens, and "
            "cannot begin or end with a hyphen"
        )


def check_tags(tags: Sequence[Mapping[str, str]] | None) -> None:
    keys = [tag["Key"] for tag in tags or ()]
    if len(keys) > MAX_TAGS:
        raise TooManyTagsError
    for key in keys:
        if keys.count(key) > 1:
            raise Refused("DuplicateTagKeys", f"Tag key '{key}' was specified more than once")


def check_priority(priority: Any) -> None:
    if not 1 <= int(priority) <= 50000:
        raise ValidationError(f"The priority '{priority}' must be between 1 and 50000 inclusive")


def check_ranges(given: Mapping[str, Any]) -> None:
    for name, (shown, least, most) in _CHECK_RANGES.items():
        value = given.get(name)
        if value is None or least <= int(value) <= most:
            continue
        bound = f"greater than or equal to {least}" if int(value) < least else f"less than or equal to {most}"
        raise ValidationError(
            f"1 validation error detected: Value '{value}' at '{shown}' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )


def compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True


def frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(item)) for key, item in value.items() if item is not None))
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else str(value)
