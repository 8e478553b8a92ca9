"""An embedded AWS that was started with an access key checks who signs, and refuses as each service of AWS does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from drydock import embedded
from drydock.cloud import CloudRefused, connect
from drydock.embedded.assembly import AWS
from drydock.embedded.core import signature
from drydock.embedded.core.wsgi import environ_of
from drydock.policy.wording import Unsigned, unsigned
from drydock.user import ACCESS_KEY, access_key

KEY, SECRET = "DRYDOCKTESTKEY000001", "a-secret-of-the-tests-0123456789"
STRANGER = ("DRYDOCKTESTKEY000002", "another-secret-of-the-tests-0123")
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    host = AWS(tmp_path_factory.mktemp("signed") / "aws", seed="test", access_key=(KEY, SECRET))
    host.listen()
    host.run()
    yield host
    host.close()


def caller(host: AWS, service: str, key: str = KEY, secret: str = SECRET, token: str | None = None) -> Any:
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=host.endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(proxies={}, retries={"max_attempts": 0}),
    )


def refusal(call: Any, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], caught.value.response["Error"]["Code"]


def test_whoever_has_the_key_is_let_in_by_every_protocol(signed: AWS) -> None:
    caller(signed, "ecs").create_cluster(clusterName="mine")
    assert caller(signed, "ec2").describe_vpcs()["Vpcs"]
    assert caller(signed, "sts").get_caller_identity()["Account"] == signed.account
    assert "QueueUrl" in caller(signed, "sqs").create_queue(QueueName="a")
    assert caller(signed, "lambda").list_functions()["Functions"] == []
    caller(signed, "s3").create_bucket(Bucket="mine")
    caller(signed, "s3").put_object(Bucket="mine", Key="a key/with ünicode+", Body=b"text")
    tags = caller(signed, "lambda").list_tags
    assert refusal(tags, Resource="arn:aws:lambda:us-east-1:000000000000:function:f")[1] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("service", "operation", "stranger", "wrong"),
    [
        ("ecs", "list_clusters", (400, "UnrecognizedClientException"), (400, "InvalidSignatureException")),
        ("sts", "get_caller_identity", (403, "InvalidClientTokenId"), (403, "SignatureDoesNotMatch")),
        ("ec2", "describe_vpcs", (401, "AuthFailure"), (401, "AuthFailure")),
        ("s3", "list_buckets", (403, "InvalidAccessKeyId"), (403, "SignatureDoesNotMatch")),
    ],
)
def test_another_is_refused_with_the_services_own_code(
    signed: AWS, service: str, operation: str, stranger: tuple[int, str], wrong: tuple[int, str]
) -> None:
    assert refusal(getattr(caller(signed, service, *STRANGER), operation)) == stranger
    assert refusal(getattr(caller(signed, service, KEY, STRANGER[1]), operation)) == wrong
    assert refusal(getattr(caller(signed, service, "test", "test"), operation)) == stranger


def test_what_a_refused_call_asks_for_is_not_done(signed: AWS) -> None:
    refusal(caller(signed, "ecs", *STRANGER).create_cluster, clusterName="theirs")
    assert not [arn for arn in caller(signed, "ecs").list_clusters()["clusterArns"] if "theirs" in arn]


def test_an_unsigned_call_and_one_that_is_half_signed(signed: AWS) -> None:
    target = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
              "Content-Type": "application/x-amz-json-1.1"}  # fmt: skip

    def ask(headers: dict[str, str]) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", signed.port, timeout=20)) as connection:
            connection.request("POST", "/", "{}", {**target, **headers})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["__type"]

    assert ask({}) == (400, "MissingAuthenticationTokenException")
    half = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host"
    assert ask({"Authorization": half}) == (400, "IncompleteSignatureException")
    unsigned_host = f"{half.replace('host', 'x-amz-date')}, Signature={'0' * 64}"
    assert ask({"Authorization": unsigned_host, "X-Amz-Date": "20260101T000000Z"})[1] == "IncompleteSignatureException"


def test_sessions_and_keys_that_the_account_gives_out_are_let_in_too(signed: AWS) -> None:
    iam = caller(signed, "iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    made = caller(signed, "sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = (made["AccessKeyId"], made["SecretAccessKey"])
    caller(signed, "ecs", *session, made["SessionToken"]).list_clusters()
    assert refusal(caller(signed, "ecs", *session).list_clusters)[1] == "UnrecognizedClientException"
    assert refusal(caller(signed, "ecs", *session, "another").list_clusters)[1] == "UnrecognizedClientException"
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    caller(signed, "ecs", key["AccessKeyId"], key["SecretAccessKey"]).list_clusters()
    iam.update_access_key(UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused = refusal(caller(signed, "ecs", key["AccessKeyId"], key["SecretAccessKey"]).list_clusters)
    assert refused == (400, "UnrecognizedClientException")


def request(when: datetime, body: bytes = b"{}", query: str = "") -> dict[str, Any]:
    """The WSGI environ of a request that botocore has signed at a time."""
    asked = AWSRequest("POST", f"http://127.0.0.1:4566/a%20b{query}", headers={"X-Amz-Target": "T"}, data=body)
    signer = SigV4Auth(Credentials(KEY, SECRET), "ecs", "us-east-1")
    asked.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
    asked.headers["X-Amz-Date"] = asked.context["timestamp"]
    asked.headers["Host"] = "127.0.0.1:4566"
    text = signer.string_to_sign(asked, signer.canonical_request(asked))
    names = signer.signed_headers(signer.headers_to_sign(asked))
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.headers.items()}
    headers["HTTP_AUTHORIZATION"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(asked)}, SignedHeaders={names}, "
        f"Signature={signer.signature(text, asked)}"
    )
    return environ_of("POST", "/a%20b", query.removeprefix("?"), body, headers)


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"body": b'{"other": 1}'}, Unsigned.MISMATCH),
        ({"REQUEST_METHOD": "GET"}, Unsigned.MISMATCH),
        ({"RAW_URI": "/other?b=2&a=1"}, Unsigned.MISMATCH),
        ({"RAW_URI": "/a%20b?b=3&a=1"}, Unsigned.MISMATCH),
        ({"HTTP_X_AMZ_TARGET": "Delete"}, Unsigned.MISMATCH),
        ({"HTTP_HOST": "127.0.0.1:4567"}, Unsigned.MISMATCH),
        ({"HTTP_X_AMZ_CONTENT_SHA256": "UNSIGNED-PAYLOAD"}, Unsigned.MISMATCH),
        ({"HTTP_X_NOT_SIGNED": "of a proxy"}, None),
        ({"HTTP_X_AMZ_DATE": "20260302T120000Z"}, Unsigned.MISMATCH),
        ({"HTTP_X_AMZ_DATE": "yesterday"}, Unsigned.INCOMPLETE),
    ],
)
def test_whatever_is_changed_on_the_way_breaks_the_signature(change: dict[str, Any], expected: Unsigned | None) -> None:
    environ = {**request(NOW, query="?b=2&a=1"), **{k: v for k, v in change.items() if k != "body"}}
    assert signature.wrong(environ, change.get("body", b"{}"), lambda *_: SECRET, NOW) == expected


def test_a_signature_is_good_for_a_quarter_of_an_hour() -> None:
    environ, minute = request(NOW), timedelta(minutes=1)
    judged = [signature.wrong(environ, b"{}", lambda *_: SECRET, NOW + at * minute) for at in (-16, -15, 15, 16)]
    assert judged == [Unsigned.EXPIRED, None, None, Unsigned.EXPIRED]
    assert unsigned(Unsigned.EXPIRED, "ec2") == (400, "RequestExpired")


def test_a_notebook_connects_with_the_key_that_its_environment_has(
    signed: AWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instance = embedded.Instance(
        "default", signed.endpoint, signed.port, 1, signed.account, 30.0, tmp_path, signed=True
    )
    monkeypatch.setattr(embedded, "find", lambda name: instance)
    with pytest.raises(CloudRefused, match="InvalidClientTokenId"):
        connect("embedded")
    monkeypatch.setenv(ACCESS_KEY, f"{KEY}:{SECRET}")
    assert connect("embedded").client("ecs").list_clusters()["clusterArns"]
    monkeypatch.setattr(embedded, "find", lambda name: replace(instance, signed=False))
    with pytest.raises(CloudRefused, match="checks no signatures"):
        connect("embedded")


@pytest.mark.parametrize(
    "given", ["", "secret", "short:a-secret-of-the-tests-0123", f"{KEY}:short", f"{KEY}:{SECRET} "]
)
def test_what_is_no_key_is_said(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ACCESS_KEY, given)
    if not given:
        assert access_key() is None
        return
    with pytest.raises(ValueError, match="write id:secret") as caught:
        access_key()
    assert "a-secret" not in str(caught.value)
