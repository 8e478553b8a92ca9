"""Keys and their aliases."""

from __future__ import annotations

from collections.abc import Iterator

from drydock.cloud import Cloud
from drydock.resources.kind import (
    calls,
    every,
    kind,
    listed,
    pairs,
)


def _keys(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    kms = cloud.client("kms")
    for key in every(kms, "list_keys", "Keys"):
        if _key_exists(cloud, key["KeyId"]):
            tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
            yield key["KeyId"], pairs(tags, "TagKey", "TagValue")


def _key_exists(cloud: Cloud, identifier: str) -> bool:
    key = cloud.client("kms").describe_key(KeyId=identifier)["KeyMetadata"]
    return bool(key["KeyManager"] == "CUSTOMER" and key["KeyState"] != "PendingDeletion")


def _alias_exists(cloud: Cloud, name: str) -> bool:
    return any(alias["AliasName"] == name for alias in every(cloud.client("kms"), "list_aliases", "Aliases"))


KINDS = (
    kind(
        "key alias",
        "kms",
        "CreateAlias",
        lambda params, answer: params["AliasName"],
        _alias_exists,
        calls("kms", "delete_alias", "AliasName"),
        named=True,
    ),
    kind(
        "KMS key",
        "kms",
        "CreateKey",
        lambda params, answer: answer["KeyMetadata"]["KeyId"],
        _key_exists,
        calls("kms", "schedule_key_deletion", "KeyId", PendingWindowInDays=7),
        tag=listed("Tags", "TagKey", "TagValue"),
        tagged=_keys,
    ),
)
