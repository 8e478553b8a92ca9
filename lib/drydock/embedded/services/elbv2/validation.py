"""The checks of what a call is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from moto.elbv2.exceptions import TooManyTagsError, ValidationError

from drydock.embedded.services.elbv2.errors import Refused

MAX_TAGS = 50
_NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$")
_CHECK_RANGES = {  # HealthCheck… of the API reference, CreateTargetGroup
    "health_check_interval_seconds": ("healthCheckIntervalSeconds", 5, 300),
    "health_check_timeout_seconds": ("healthCheckTimeoutSeconds", 2, 120),
    "healthy_threshold_count": ("healthyThresholdCount", 2, 10),
    "unhealthy_threshold_count": ("unhealthyThresholdCount", 2, 10),
}
_ATTRIBUTES = {  # least, most, and a word that will do too: LoadBalancerAttribute and TargetGroupAttribute of it
    "client_keep_alive.seconds": (60, 604800, None),
    "deregistration_delay.timeout_seconds": (0, 3600, None),
    "idle_timeout.timeout_seconds": (1, 4000, None),
    "slow_start.duration_seconds": (30, 900, "0"),
    "stickiness.app_cookie.duration_seconds": (1, 604800, None),
    "stickiness.lb_cookie.duration_seconds": (1, 604800, None),
    "target_group_health.dns_failover.minimum_healthy_targets.count": (1, 1000, "off"),
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": (1, 100, "off"),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": (1, 1000, "off"),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": (1, 100, "off"),
}
_PIECES = re.compile(  # of an expression; `foreign`: what Python's have and RE2's, which Envoy uses, do not
    r"""\\[^1-9NUuZ] | \[\^?\]?(?:\\.|[^]\\])*\]
    | (?P<foreign> \\. | \(\?(?:[=!>(\#]|<[=!]|P[=>]|[a-zA-Z]*[aLux]) | (?:[*+?]|\{[0-9,]+\})\+
        | \{(?:[0-9]+,)?(?!1000\b)[0-9]{4,} )
    | .""",
    re.DOTALL | re.VERBOSE,
)


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
    port = given.get("health_check_port")
    if port not in (None, "traffic-port") and not _within(port, 1, 65535):
        raise ValidationError(f"Health check port '{port}' must be 'traffic-port' or between '1-65535' inclusive")


def check_attributes(given: Mapping[str, Any]) -> None:
    """The numbers among the attributes of a load balancer or a target group."""
    for key, value in given.items():
        if key not in _ATTRIBUTES:
            continue
        least, most, word = _ATTRIBUTES[key]
        if str(value) != word and not _within(value, least, most):
            otherwise = f"'{word}' or " if word else ""
            raise ValidationError(f"'{key}' value '{value}' must be {otherwise}between '{least}-{most}' inclusive")


def _within(value: Any, least: int, most: int) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", str(value)) is not None and least <= int(value) <= most


def check_cidr(value: str) -> None:
    try:
        ip_network(value, strict=False)
        prefixed = re.fullmatch(r"[^/]+/[0-9]+", value)
    except ValueError:
        prefixed = None
    if prefixed is None:
        raise ValidationError(f"The 'source-ip' value '{value}' is not a valid CIDR block")


_HOST = re.compile(r"[A-Za-z0-9*?.:_-]+")
_SAME = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}


def check_condition(condition: Mapping[str, Any]) -> None:
    """What a condition of a rule has to have, before its values are looked at."""
    if condition.get("Field") == "http-header" and not (condition.get("HttpHeaderConfig") or {}).get("HttpHeaderName"):
        raise ValidationError("The 'HttpHeaderName' must be specified for an 'http-header' condition")
    if condition.get("Field") == "host-header":
        for value in [*condition.get("Values", ()), *(condition.get("HostHeaderConfig") or {}).get("Values", ())]:
            if not _HOST.fullmatch(value):
                raise ValidationError(f"The host-header value '{value}' contains invalid characters")


def check_redirect(given: Mapping[str, Any]) -> None:
    """A redirect has to lead somewhere else (RedirectActionConfig)."""
    if all(given.get(part, same) == same for part, same in _SAME.items()):
        raise Refused(
            "InvalidLoadBalancerAction",
            "The redirect action must modify at least one of the following: protocol, port, host, or path",
        )


def compiles(expression: str) -> bool:
    """Whether Envoy takes this regular expression."""
    try:
        re.compile(expression)
    except re.error:
        return False
    return not any(piece["foreign"] for piece in _PIECES.finditer(expression))


def frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(item)) for key, item in value.items() if item is not None))
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else str(value)
