"""What the identifiers of ECS name: a name, an id, or an ARN that has to fit the request.

Wording: observed (reports of users), but for another kind, region or account, which is ours in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.requests.errors import Invalid, parameter

_IN_A_CLUSTER = ("service", "task", "container-instance")
TASK_ID_LENGTHS = (32, 36)


@dataclass(frozen=True)
class Place:
    """Where a request is answered, and the cluster that it names."""

    region: str
    account: str
    cluster: str = ""


def _invalid(problem: str) -> Invalid:
    return parameter(f"Invalid identifier: {problem}")


def name_of(kind: str, identifier: str, place: Place) -> str:
    """The name or id of a `cluster`, `service`, `task` or `container-instance` that an identifier gives.

    Raises Invalid (InvalidParameterException) where it is of another kind, account, region or cluster, or malformed.
    """
    if "\n" in identifier or identifier.count(":") not in (0, 5):
        raise _invalid("Unexpected number of separators")
    parts = identifier.split("/")
    if ":" in identifier:
        parts = _within_arn(kind, identifier, place)
    elif len(parts) > (2 if kind in _IN_A_CLUSTER else 1):
        raise _invalid("Unexpected number of separators")
    *owner, name = parts
    if owner and place.cluster and owner[0] != place.cluster:
        raise _invalid(f"Identifier is for cluster {owner[0]}. Your cluster is {place.cluster}")
    if kind == "task":
        _check_task_id(name)
    return name


def _within_arn(kind: str, arn: str, place: Place) -> list[str]:
    prefix, _, service, region, account, resource = arn.split(":")
    found, *parts = resource.split("/")
    if prefix != "arn" or service != "ecs":
        raise _invalid("it is not an ARN of ECS")
    if found != kind:
        raise _invalid(f"Identifier is for a {found}. A {kind} is expected")
    if not 1 <= len(parts) <= (2 if kind in _IN_A_CLUSTER else 1):
        raise _invalid("Unexpected number of separators")
    for what, given, own in (("region", region, place.region), ("account", account, place.account)):
        if given != own:
            raise _invalid(f"Identifier is for {what} {given}. Your {what} is {own}")
    return parts


def _check_task_id(identifier: str) -> None:
    if len(identifier) > max(TASK_ID_LENGTHS):
        raise parameter(f"taskId longer than {max(TASK_ID_LENGTHS)}.")
    if len(identifier) not in TASK_ID_LENGTHS:
        raise parameter(f"taskId length should be one of [{','.join(map(str, TASK_ID_LENGTHS))}]")


def cluster_of(request: Mapping[str, Any], place: Place) -> str:
    """The name of the cluster of a request, `default` if it gives none."""
    return name_of("cluster", str(request.get("cluster") or "default"), place)
