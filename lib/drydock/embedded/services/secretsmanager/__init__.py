"""Secrets Manager: moto's, with the dates of versions as they were made and not as they are asked for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items, whole


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
    )

    def install(self) -> None:
        """Date each version once, to the millisecond, also when the journal is replayed."""
        from moto.core import utils
        from moto.secretsmanager import models
        from moto.secretsmanager.exceptions import SecretNotFoundException

        seams.replace(models, time=SimpleNamespace(time=lambda: utils.unix_time()))
        backend = models.SecretsManagerBackend
        add = seams.original(backend, "_add_secret")

        def _add_secret(self: Any, *given: Any, **named: Any) -> tuple[Any, bool]:
            secret, new_version = add(self, *given, **named)
            for version in reversed(secret.versions.values()):  # new ones are the last
                if "made" in version:
                    break
                version["createdate"] = version["made"] = round(utils.unix_time(), 3)
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

        seams.replace(backend, _add_secret=_add_secret, list_secret_version_ids=list_secret_version_ids)
