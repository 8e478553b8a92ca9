"""Requests that are no SDK's, as HTTP has them; and those that are too large."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS
from drydock.embedded.core import door

from .test_front import CREATE, ask, scope

CALL = [*(f"{name}: {text}" for name, text in CREATE.items()), "Host: 127.0.0.1", "Content-Length: 2"]


def said(host: AWS, *pieces: bytes) -> list[tuple[int, bytes]]:
    """What is answered to these bytes, each piece sent by itself: the status and the body of each answer."""
    found = []
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb")
        while line := answer.readline():
            length = 0
            while (header := answer.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            found.append((int(line.split()[1]), answer.read(length)))
    return found


def head(*headers: str, path: str = "/") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", *headers, "", ""]).encode()


def test_empty_lines_before_a_request_are_passed_over(host: AWS) -> None:
    one = head(*CALL) + b"{}"
    assert [status for status, _ in said(host, b"\r\n" + one)] == [200]
    assert [status for status, _ in said(host, b"\r", b"\n\r\n", one, b"\r\n", b"\r\n" + one)] == [200, 200]
    assert [status for status, _ in said(host, one + b"\r\n\r\n" + one + b"\r\n" + one + b"\r\n")] == [200, 200, 200]
    assert said(host, b"\r\n\r\n") == []


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity", "compress"])
def test_a_transfer_coding_that_nobody_reads_is_not_implemented(host: AWS, coding: str) -> None:
    ((status, content),) = said(host, head(*CALL[:-1], f"Transfer-Encoding: {coding}"))
    assert status == 501
    assert json.loads(content)["__type"] == "NotImplemented"
    ((status, content),) = said(host, head("Host: x", f"Authorization: {scope('s3')}", f"Transfer-Encoding: {coding}"))
    assert (status, b"<Code>NotImplemented</Code>" in content) == (501, True)


@pytest.mark.parametrize("more", [["A: " + "x" * 66_000], [f"A{n}: {'x' * 200}" for n in range(400)]])
def test_headers_have_an_end(host: AWS, more: list[str]) -> None:
    whole = head(*CALL, *more) + b"{}"
    for pieces in ([whole], [whole[:40_000], whole[40_000:]]):
        ((status, content),) = said(host, *pieces)
        assert (status, json.loads(content)["__type"]) == (431, "MalformedHttpRequestException")
    ((status, content),) = said(host, head(f"Authorization: {scope('s3')}", "Host: x", *more))
    assert (status, b"<Code>RequestHeaderSectionTooLarge</Code>" in content) == (400, True)


def test_long_headers_are_read(host: AWS) -> None:
    assert [status for status, _ in said(host, head(*CALL, "X-Amz-Security-Token: " + "x" * 60_000) + b"{}")] == [200]


@pytest.mark.process  # a journal of this size is compacted by a process of its own
def test_an_object_that_is_too_large_is_refused_as_s3_does(
    client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY", 1 << 20)
    s3 = client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="fits", Body=b"x" * (1 << 20))
    with pytest.raises(ClientError, match=r"at most 1 MiB") as caught:
        s3.put_object(Bucket="bucket", Key="large", Body=b"x" * ((1 << 20) + 1))
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (400, "EntityTooLarge")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["fits"]
    with pytest.raises(ClientError) as caught:
        client("sqs").create_queue(QueueName="q", tags={"a": "x" * (1 << 20)})
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert error["Error"]["Code"] == "RequestEntityTooLargeException"


@pytest.mark.parametrize(
    ("service", "target", "code"),
    [
        ("ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", None),
        ("ecs", "AmazonEC2ContainerServiceV20141113.CreateCluster", None),
        ("ecs", "AmazonEC2ContainerServiceV20141113.CreateService", "InvalidParameterException"),
        ("dynamodb", "DynamoDB_20120810.ListTables", None),
        ("dynamodb", "DynamoDB_20120810.DescribeTable", "ValidationException"),
        ("acm", "CertificateManager.ListCertificates", None),
        ("logs", "Logs_20140328.CreateLogGroup", "InvalidParameterException"),
    ],
)
def test_no_body_is_a_structure_without_members(host: AWS, service: str, target: str, code: str | None) -> None:
    headers = {"Authorization": scope(service), "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    status, content = ask(host, headers)
    assert json.loads(content).get("__type") == code
    assert status == (400 if code else 200)
