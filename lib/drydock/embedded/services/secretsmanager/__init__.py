"""Secrets Manager: moto's, with the dates of versions as they were made and not as they are asked for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, Versions, items, whole

UNLABELLED = 100
"""Versions of a secret without a staging label that are kept, the newest. (Documented: more than 100 are removed.)"""


class SecretsManager(Service):
    name = "secretsmanager"
    making = frozenset({"GetRandomPassword"})
    lifespan = Lifespan(
        begins="CreateSecret",
        ends="DeleteSecret",
        ends_with=(("ForceDeleteWithoutRecovery", True),),
        within=frozenset({"PutSecretValue", "UpdateSecret", "RestoreSecret", "UpdateSecretVersionStage"}),
        named_in=("Name", "SecretId"),
        name=r"arn:.*:secret:(.+)-\w{6}|(.+)",
        settings={
            "PutResourcePolicy": Setting(whole("policy")),
            "TagResource": Setting(items("tag", "Tags", "Key")),
            "UntagResource": Setting(items("tag", "TagKeys"), clears=True),
        },
        versions=Versions(
            "PutSecretValue",
            UNLABELLED + 2,  # those that are current and previous have labels
            frozenset({"SecretId", "SecretString", "SecretBinary", "ClientRequestToken"}),
            token="ClientRequestToken",
        ),
    )

    def install(self) -> None:
        """Date each version once, to the millisecond, also when the journal is replayed.

        A label that is moved is moved from the version that has it, and AWSCURRENT is what is read without a version.
        """
        from moto.core import utils
        from moto.core.exceptions import JsonRESTError
        from moto.secretsmanager import models
        from moto.secretsmanager.exceptions import (
            InvalidParameterException,
            InvalidRequestException,
            SecretNotFoundException,
        )

        seams.replace(models, time=SimpleNamespace(time=lambda: utils.unix_time()))
        backend = models.SecretsManagerBackend
        add, create = seams.original(backend, "_add_secret"), seams.original(backend, "create_secret")
        delete, rotate = seams.original(backend, "delete_secret"), seams.original(backend, "rotate_secret")
        move = seams.original(backend, "update_secret_version_stage")

        def _add_secret(self: Any, *given: Any, **named: Any) -> tuple[Any, bool]:
            secret, new_version = add(self, *given, **named)
            for version in reversed(secret.versions.values()):  # new ones are the last
                if "made" in version:
                    break
                version["createdate"] = version["made"] = round(utils.unix_time(), 3)
            unlabelled = [key for key, version in secret.versions.items() if not version["version_stages"]]
            for key in unlabelled[:-UNLABELLED]:
                del secret.versions[key]
            return secret, new_version

        def list_secret_version_ids(self: Any, secret_id: str) -> str:
            if not self._is_valid_identifier(secret_id):
                raise SecretNotFoundException()
            secret = self.secrets[secret_id]
            versions = [
                {
                    "VersionId": identifier,
                    "VersionStages": version["version_stages"],
                    "CreatedDate": version["createdate"],
                }
                for identifier, version in secret.versions.items()
            ]
            return json.dumps({"ARN": secret.arn, "Name": secret.name, "Versions": versions})

        def create_secret(manager: Any, name: str, *given: Any, **named: Any) -> Any:
            if self.host.lately.has(("deleted secret", manager.region_name, name)):
                raise InvalidRequestException(
                    "You can't create this secret because a secret with this name is already scheduled for deletion."
                )
            return create(manager, name, *given, **named)

        def delete_secret(manager: Any, *given: Any, **named: Any) -> Any:
            arn, name, date = delete(manager, *given, **named)
            if named["force_delete_without_recovery"]:
                self.host.lately.note(("deleted secret", manager.region_name, name), self.host.profile.secret_name)
            return arn, name, date

        def rotate_secret(manager: Any, secret_id: str, **about: Any) -> Any:
            if about.get("rotation_lambda_arn") and not seams.replaying():
                refusal = JsonRESTError(
                    "NotImplemented",
                    "The embedded AWS does not have rotation by a function. Leave RotationLambdaARN out, or call "
                    "PutSecretValue.",
                )
                refusal.code = 501
                raise refusal
            return rotate(manager, secret_id, **about)

        def update_secret_version_stage(
            manager: Any,
            secret_id: str,
            version_stage: str,
            remove_from_version_id: str | None,
            move_to_version_id: str | None,
        ) -> tuple[str, str]:
            if secret_id not in manager.secrets:
                raise SecretNotFoundException()
            secret = manager.secrets[secret_id]
            having = [key for key, one in secret.versions.items() if version_stage in one["version_stages"]]
            if having and having[0] == move_to_version_id and not remove_from_version_id:
                return secret.arn, secret.name
            if not seams.replaying():
                if having and move_to_version_id and not remove_from_version_id:
                    raise InvalidParameterException(
                        f"The parameter RemoveFromVersionId can't be empty. Staging label {version_stage} is currently "
                        f"attached to version {having[0]}, so you must explicitly reference that version in "
                        f"RemoveFromVersionId."
                    )
                if version_stage == "AWSCURRENT" and having and not move_to_version_id:
                    raise InvalidParameterException(
                        "You can only move staging label AWSCURRENT to a different secret version. It can't be "
                        "completely removed."
                    )
                if move_to_version_id and move_to_version_id not in secret.versions:
                    raise InvalidParameterException(f"Not a valid version: {move_to_version_id}")
            answer: tuple[str, str] = move(
                manager, secret_id, version_stage, remove_from_version_id, move_to_version_id
            )
            if version_stage == "AWSCURRENT" and move_to_version_id:
                secret.set_default_version_id(move_to_version_id)
            return answer

        seams.replace(
            backend,
            update_secret_version_stage=update_secret_version_stage,
            rotate_secret=rotate_secret,
            create_secret=create_secret,
            delete_secret=delete_secret,
            _add_secret=_add_secret,
            list_secret_version_ids=list_secret_version_ids,
        )
