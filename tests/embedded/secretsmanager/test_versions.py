"""Versions of a secret: the date on which each was made, and the labels that are moved between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


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


def test_what_is_read_without_a_version_is_what_the_label_was_moved_to(client: Callable[..., Any]) -> None:
    secrets = client("secretsmanager")
    old = secrets.create_secret(Name="moved", SecretString="old")["VersionId"]
    new = secrets.put_secret_value(SecretId="moved", SecretString="new", VersionStages=["AWSPENDING"])["VersionId"]
    for there, here, value in ((new, old, "new"), (old, new, "old")):
        secrets.update_secret_version_stage(
            SecretId="moved", VersionStage="AWSCURRENT", MoveToVersionId=there, RemoveFromVersionId=here
        )
        assert secrets.get_secret_value(SecretId="moved")["SecretString"] == value
        assert secrets.get_secret_value(SecretId="moved", VersionStage="AWSPREVIOUS")["VersionId"] == here
        assert secrets.describe_secret(SecretId="moved")["VersionIdsToStages"][there][-1] == "AWSCURRENT"


@pytest.mark.parametrize(
    ("label", "named", "says"),
    [
        ("BLUE", {"MoveToVersionId": "new"}, "Staging label BLUE is currently attached to version"),
        ("AWSCURRENT", {"MoveToVersionId": "new"}, "RemoveFromVersionId can't be empty"),
        ("AWSCURRENT", {"RemoveFromVersionId": "old"}, "It can't be completely removed"),
        ("AWSCURRENT", {"MoveToVersionId": "none", "RemoveFromVersionId": "old"}, "Not a valid version"),
        ("BLUE", {"MoveToVersionId": "old", "RemoveFromVersionId": "new"}, "not found in version"),
    ],
)
def test_a_label_is_moved_from_the_version_that_has_it(
    client: Callable[..., Any], label: str, named: dict[str, str], says: str
) -> None:
    secrets, name = client("secretsmanager"), "-".join(["labels", label, *named, *named.values()])
    ids = {"none": "0" * 36, "old": secrets.create_secret(Name=name, SecretString="old")["VersionId"]}
    secrets.update_secret_version_stage(SecretId=name, VersionStage="BLUE", MoveToVersionId=ids["old"])
    secrets.update_secret_version_stage(SecretId=name, VersionStage="BLUE", MoveToVersionId=ids["old"])
    ids["new"] = secrets.put_secret_value(SecretId=name, SecretString="new", VersionStages=["GREEN"])["VersionId"]
    before = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    with pytest.raises(ClientError, match=says):
        secrets.update_secret_version_stage(
            SecretId=name, VersionStage=label, **{key: ids[value] for key, value in named.items()}
        )
    assert secrets.describe_secret(SecretId=name)["VersionIdsToStages"] == before
    assert before[ids["old"]] == ["AWSCURRENT", "BLUE"]
