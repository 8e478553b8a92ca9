"""Where a container's secret comes from: the ``valueFrom`` of a task definition.

Source: Amazon ECS Developer Guide, "Pass sensitive data to an Amazon ECS container"
(AmazonECS/latest/developerguide/specifying-sensitive-data.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SecretsManagerSecret:
    """A Secrets Manager secret: the whole of it, or one ``json_key``; empty strings mean the default.

    ``abridged``: there are parts after the ARN, and not all their colons. ECS registers that, and cannot read it.
    Source: github.com/aws/amazon-ecs-agent, pull request 2358.
    """

    arn: str
    json_key: str = ""
    version_stage: str = ""
    version_id: str = ""
    abridged: bool = False

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


@dataclass(frozen=True)
class Parameter:
    """An SSM parameter: ``name`` as GetParameter takes it; ``region`` is empty for the task's own."""

    name: str
    region: str = ""


Source = SecretsManagerSecret | Parameter

_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_./-]+(:[A-Za-z0-9_.-]+)?")


def parse(value_from: str) -> Source:
    """Read ``valueFrom``.

    ``arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:json-key:version-stage:version-id]``, where a part may
    be empty if its colon stays; ``arn:aws:ssm:REGION:ACCOUNT:parameter/NAME``; or the name of a parameter in
    the task's Region, with an optional ``:version`` or ``:label``. Source: documented.

    Raises ValueError saying what cannot be read.
    """
    if not value_from.startswith("arn:"):
        if not _PARAMETER_NAME.fullmatch(value_from):
            raise ValueError(f"'{value_from}' is neither an ARN nor the name of a parameter")
        return Parameter(value_from)
    parts = value_from.split(":")
    service = parts[2] if len(parts) > 2 else ""
    if service == "ssm" and len(parts) in (6, 7) and parts[5].startswith("parameter/") and parts[5] != "parameter/":
        path = parts[5].removeprefix("parameter/")
        name = f"/{path}" if "/" in path else path
        return Parameter(":".join([name, *parts[6:]]), parts[3])
    if service == "secretsmanager" and 7 <= len(parts) <= 10 and parts[5] == "secret" and parts[6]:
        json_key, version_stage, version_id = (*parts[7:], "", "", "")[:3]
        abridged = len(parts) in (8, 9)
        return SecretsManagerSecret(":".join(parts[:7]), json_key, version_stage, version_id, abridged)
    raise ValueError(
        f"'{value_from}' is neither arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:json-key:version-stage:"
        "version-id] nor arn:aws:ssm:REGION:ACCOUNT:parameter/NAME"
    )
