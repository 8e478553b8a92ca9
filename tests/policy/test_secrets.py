from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.requests.secrets import Parameter, SecretsManagerSecret, parse

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"
SSM = "arn:aws:ssm:us-east-1:000000000000:parameter/"


@pytest.mark.parametrize(
    ("value_from", "expected"),
    [
        (ARN, SecretsManagerSecret(ARN)),
        (f"{ARN}:username1::", SecretsManagerSecret(ARN, "username1")),
        (f"{ARN}:username1", SecretsManagerSecret(ARN, "username1", abridged=True)),
        (f"{ARN}:username1:", SecretsManagerSecret(ARN, "username1", abridged=True)),
        (f"{ARN}::AWSPREVIOUS:", SecretsManagerSecret(ARN, "", "AWSPREVIOUS")),
        (f"{ARN}:::9d4cb84b-ad69", SecretsManagerSecret(ARN, "", "", "9d4cb84b-ad69")),
        (f"{ARN}:k:s:v", SecretsManagerSecret(ARN, "k", "s", "v")),
        (f"{SSM}token", Parameter("token", "us-east-1")),
        (f"{SSM}prod/db/token", Parameter("/prod/db/token", "us-east-1")),
        (f"{SSM}token:3", Parameter("token:3", "us-east-1")),
        ("token", Parameter("token")),
        ("/prod/db/token", Parameter("/prod/db/token")),
        ("/prod/token:3", Parameter("/prod/token:3")),
    ],
)
def test_sources(value_from: str, expected: object) -> None:
    assert parse(value_from) == expected


def test_the_region_is_in_the_arn() -> None:
    source = parse(ARN)
    assert isinstance(source, SecretsManagerSecret)
    assert source.region == "us-east-1"


@pytest.mark.parametrize(
    "value_from",
    ["", "a b", "arn:aws:secretsmanager:r:a:secret:", "arn:aws:secretsmanager:r:a:other:x", f"{ARN}:a:b:c:d",
     "arn:aws:ssm:r:a:parameter/", "arn:aws:ssm:r:a:document/x", "arn:aws:s3:::bucket", "arn:"],
)  # fmt: skip
def test_what_cannot_be_read_is_named(value_from: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        parse(value_from)


PART = st.text(st.characters(exclude_characters=":", exclude_categories=["C"]), max_size=8)


@given(PART, PART, PART)
def test_parts_survive(json_key: str, stage: str, version: str) -> None:
    expected = SecretsManagerSecret(ARN, json_key, stage, version)
    assert parse(f"{ARN}:{json_key}:{stage}:{version}") == expected


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        parse(text)
