"""Errors that AWS answers for a while to a call that is right: what was done before is not known everywhere yet.

Who asks again for a while gets the right answer. Sources are those of `profiles`, which makes the same happen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Race:
    """An error of an operation, by its code and a part of its message; `limit`: AWS seconds after which it is meant."""

    service: str
    operation: str
    code: str
    says: str
    limit: float


RACES = (
    Race("ecs", "CreateCluster", "InvalidParameterException", "service linked role", 60.0),
    Race("ecs", "RunTask", "ClientException", "unable to assume the role", 60.0),
    Race("ecs", "ExecuteCommand", "InvalidParameterException", "agent isn", 60.0),
    Race("ecs", "ExecuteCommand", "TargetNotConnectedException", "", 60.0),
    *(Race("ecs", f"Describe{what}", "MISSING", "", 5.0) for what in ("Tasks", "Services", "Clusters")),
    Race("codedeploy", "CreateDeploymentGroup", "InvalidRoleException", "Cannot assume role", 60.0),
    Race("lambda", "CreateFunction", "InvalidParameterValueException", "cannot be assumed by Lambda", 60.0),
    Race("sqs", "CreateQueue", "QueueDeletedRecently", "", 75.0),
    Race("secretsmanager", "CreateSecret", "InvalidRequestException", "already scheduled for deletion", 60.0),
)


def limit(service: str, operation: str, answer: Mapping[str, Any]) -> float:
    """For how many AWS seconds a call is worth making again that got this answer; 0 where it is not."""
    failures = answer.get("failures") or ()
    error = answer.get("Error") or {}
    code = str(error.get("Code") or (failures[0].get("reason") if failures else ""))
    message = str(error.get("Message") or "")
    return max(
        (
            race.limit
            for race in RACES
            if (race.service, race.operation) == (service, operation)
            and code.rpartition(".")[2] == race.code
            and race.says in message
        ),
        default=0.0,
    )
