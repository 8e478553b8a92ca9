"""Each version of a secret keeps the date on which it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def test_versions_keep_their_dates(client: Callable[..., Any]) -> None:
    manager = client("secretsmanager")
    arn = manager.create_secret(Name="one", SecretString="a")["ARN"]
    first = manager.get_secret_value(SecretId="one")["CreatedDate"]
    manager.put_secret_value(SecretId="one", SecretString="b")
    second = manager.get_secret_value(SecretId="one")["CreatedDate"]
    listed = manager.list_secret_version_ids(SecretId="one")
    dates = {version["VersionStages"][0]: version["CreatedDate"] for version in listed["Versions"]}
    assert listed["ARN"] == arn
    assert dates == {"AWSPREVIOUS": first, "AWSCURRENT": second}
    assert first < second


def test_versions_of_no_secret(client: Callable[..., Any]) -> None:
    manager = client("secretsmanager")
    with pytest.raises(manager.exceptions.ResourceNotFoundException):
        manager.list_secret_version_ids(SecretId="none")
