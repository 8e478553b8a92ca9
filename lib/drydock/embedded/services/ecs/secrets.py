"""`secrets` of a container definition, read under the execution role when a task starts. Never logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drydock.policy.requests import secrets as secret_rules

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


class CannotRead(Exception):
    """A secret that cannot be had; worded as ECS words ResourceInitializationError."""


def read(host: Host, value_from: str, region: str, execution_role: str | None) -> str:
    """The value that `valueFrom` names: a Secrets Manager ARN (json-key, stage, version) or an SSM parameter."""
    source = secret_rules.parse(value_from)
    if not execution_role:
        raise CannotRead(
            "ResourceInitializationError: unable to pull secrets or registry auth: the task definition has no "
            f"execution role to read {value_from} with"
        )
    if isinstance(source, secret_rules.SecretsManagerSecret) and source.abridged:
        raise CannotRead(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            "failed: unable to retrieve secret from asm: unexpected ARN format with parameters when trying to "
            "retrieve ASM secret"
        )
    try:
        if isinstance(source, secret_rules.Parameter):
            ssm = host.client("ssm", source.region or region)
            return str(ssm.get_parameter(Name=source.name, WithDecryption=True)["Parameter"]["Value"])
        version = {"VersionStage": source.version_stage, "VersionId": source.version_id}
        answer = host.client("secretsmanager", source.region).get_secret_value(
            SecretId=source.arn, **{key: value for key, value in version.items() if value}
        )
    except ClientError as error:
        detail = error.response["Error"]
        kind = "ssm" if isinstance(source, secret_rules.Parameter) else "asm"
        raise CannotRead(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            f"failed: unable to retrieve secret from {kind}: {detail['Code']}: {detail['Message']}"
        ) from None
    text = answer.get("SecretString") or ""
    if not source.json_key:
        return text
    try:
        return str(json.loads(text)[source.json_key])
    except (ValueError, KeyError, TypeError):
        raise CannotRead(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            f"failed: unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json "
            f"key {source.json_key}"
        ) from None
