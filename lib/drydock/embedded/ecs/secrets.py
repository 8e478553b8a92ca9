"""`secrets` of a container definition, read under the execution role when a task starts. Never logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drydock.policy import secrets as secret_rules

if TYPE_CHECKING:
    from drydock.embedded.host import Host


class CannotRead(Exception):
    """A secret that cannot be had; worded as ECS words ResourceInitializationError."""


def read(host: Host, value_from: str, region: str, execution_role: str | None) -> str:
    """The value that `valueFrom` names: a Secrets Manager ARN (json-key, stage, version) or an SSM parameter."""
    reference = secret_rules.parse(value_from)
    if not execution_role:
        raise CannotRead(f"ResourceInitializationError: unable to pull secrets or registry auth: the task definition has no execution role to read {reference.name} with")  # fmt: skip  # noqa: E501
    where = reference.region or region
    try:
        if reference.service == "ssm":
            ssm = host.client("ssm", where)
            return str(ssm.get_parameter(Name=reference.name, WithDecryption=True)["Parameter"]["Value"])
        versions = {}
        if reference.version_stage:
            versions["VersionStage"] = reference.version_stage
        if reference.version_id:
            versions["VersionId"] = reference.version_id
        answer = host.client("secretsmanager", where).get_secret_value(SecretId=reference.name, **versions)
    except ClientError as error:
        detail = error.response["Error"]
        raise CannotRead(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            f"failed: unable to retrieve secret from {'ssm' if reference.service == 'ssm' else 'asm'}: "
            f"{detail['Code']}: {detail['Message']}"
        ) from None
    text = answer.get("SecretString") or ""
    if not reference.json_key:
        return text
    try:
        return str(json.loads(text)[reference.json_key])
    except (ValueError, KeyError, TypeError):
        raise CannotRead(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            f"failed: unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json "
            f"key {reference.json_key}"
        ) from None
