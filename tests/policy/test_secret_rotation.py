"""Who is given a secret's current version when a task starts."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.policy.secret_rotation import fixed, follows, keys_read, reading

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:drydock/backend-AbCdEf"
VERSION = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("value_from", "is_read"),
    [
        (ARN, True),
        (f"{ARN}:password::", True),
        (f"{ARN}:password:AWSCURRENT:", True),
        (f"{ARN}::AWSPREVIOUS:", False),
        (f"{ARN}:password::{VERSION}", False),
        (ARN.removesuffix("-AbCdEf"), True),
        (ARN.replace("AbCdEf", "AbCdEg"), False),
        (f"{ARN.removesuffix('-AbCdEf')}-2-AbCdEf", False),
        (ARN.replace("us-east-1", "eu-west-1"), False),
        ("/drydock/backend", False),
        ("not a place of secrets", False),
    ],
)
def test_what_names_no_version_reads_the_current_one(value_from: str, is_read: bool) -> None:
    assert follows(value_from, ARN) is is_read


def containers() -> list[dict[str, Any]]:
    return [
        {
            "name": "web",
            "secrets": [
                {"name": "PASSWORD", "valueFrom": f"{ARN}:password::"},
                {"name": "BEFORE", "valueFrom": f"{ARN}:password:AWSPREVIOUS:"},
                {"name": "OTHER", "valueFrom": "/drydock/other"},
            ],
            "logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "token", "valueFrom": ARN}]},
        },
        {"name": "side", "image": "side:1"},
    ]


def test_what_is_read_is_found_in_the_log_configuration_too() -> None:
    assert keys_read(containers(), ARN) == ["password", ""]
    assert fixed(containers(), ARN) == ["BEFORE"]
    assert keys_read(containers(), f"{ARN}0") == fixed(containers(), f"{ARN}0") == []


def test_the_version_is_named_wherever_the_current_one_was_read_and_nothing_else_changes() -> None:
    asked = reading(containers(), ARN, VERSION)
    assert keys_read(asked, ARN) == []
    assert fixed(asked, ARN) == ["PASSWORD", "BEFORE", "token"]
    expected = containers()
    expected[0]["secrets"][0]["valueFrom"] = f"{ARN}:password::{VERSION}"
    expected[0]["logConfiguration"]["secretOptions"][0]["valueFrom"] = f"{ARN}:::{VERSION}"
    assert asked == expected
