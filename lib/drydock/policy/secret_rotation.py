"""Which containers are given a secret's current version as they start, and how one is given a certain version.

Source: Amazon ECS Developer Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables" and
"Pass secrets through log configuration": a secret is read once, when its container starts; a `valueFrom` without a
stage or version is the version AWSCURRENT. Status: documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drydock.policy.requests.secrets import SecretsManagerSecret, parse

CURRENT = "AWSCURRENT"
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


def follows(value_from: str, arn: str) -> bool:
    """Whether a `valueFrom` is the current version of that secret, whichever this is when a task starts."""
    source = _source(value_from, arn)
    return source is not None and not source.version_id and source.version_stage in ("", CURRENT)


def keys_read(containers: Sequence[Mapping[str, Any]], arn: str) -> list[str]:
    """The JSON keys of the secret's current version that these container definitions read; "" is all of it."""
    return [
        source.json_key
        for one in _secrets(containers)
        if follows(one["valueFrom"], arn) and (source := _source(one["valueFrom"], arn))
    ]


def fixed(containers: Sequence[Mapping[str, Any]], arn: str) -> list[str]:
    """What reads a certain version or stage of the secret, and goes on with that: the names of the variables."""
    return [
        str(one["name"])
        for one in _secrets(containers)
        if _source(one["valueFrom"], arn) is not None and not follows(one["valueFrom"], arn)
    ]


def reading(containers: Sequence[Mapping[str, Any]], arn: str, version: str) -> list[dict[str, Any]]:
    """The container definitions, reading that version wherever they read the secret's current one."""
    return [
        {name: _with_version(name, value, arn, version) for name, value in container.items()}
        for container in containers
    ]


def _with_version(name: str, value: Any, arn: str, version: str) -> Any:
    if name == "secrets":
        return [_at(one, arn, version) for one in value]
    if name == "logConfiguration" and value.get("secretOptions"):
        return {**value, "secretOptions": [_at(one, arn, version) for one in value["secretOptions"]]}
    return value


def _at(secret: Mapping[str, Any], arn: str, version: str) -> dict[str, Any]:
    source = _source(secret["valueFrom"], arn)
    if source is None or not follows(secret["valueFrom"], arn):
        return dict(secret)
    return {**secret, "valueFrom": f"{source.arn}:{source.json_key}::{version}"}


def _secrets(containers: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for container in containers:
        yield from container.get("secrets") or ()
        yield from (container.get("logConfiguration") or {}).get("secretOptions") or ()


def _source(value_from: str, arn: str) -> SecretsManagerSecret | None:
    """What `valueFrom` is of this secret, whose ARN it may have without the six characters at its end; or None."""
    try:
        source = parse(value_from)
    except ValueError:
        return None
    if not isinstance(source, SecretsManagerSecret) or source.arn not in (arn, _SUFFIX.sub("", arn)):
        return None
    return source


def versions_behind(now: float, started: float, every: float) -> int:
    """How many rotations a task has missed: one is at 0 and each `every` on; it has what was current at its start.

    Any unit of time. Derived, from a secret being read once, when its container starts.
    """
    return int(now // every) - int(started // every)


def still_works(behind: int, *, alternating: bool) -> bool:
    """Whether a database takes a password that is so many rotations old.

    Rotation of a single user changes its password: the last one is refused at once. With alternating users the last is
    that of the other user, which is changed by the next rotation. Source: AWS Secrets Manager User Guide, "Lambda
    function rotation strategies" (documented).
    """
    return behind <= (1 if alternating else 0)
