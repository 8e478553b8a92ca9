"""However many clients wait, send slowly or do not read: the others are answered, and what is too much is refused."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS
from drydock.embedded.core import door
from tests.support.clients import client_of
from tests.support.waiting import eventually

SQS = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"


def request(host: AWS, operation: str, **parameters: Any) -> bytes:
    body = json.dumps(parameters).encode()
    lines = [
        "POST / HTTP/1.1",
        f"Host: 127.0.0.1:{host.port}",
        f"Authorization: {SQS}",
        f"X-Amz-Target: AmazonSQS.{operation}",
        "Content-Type: application/x-amz-json-1.0",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def many(host: AWS) -> Iterator[Callable[[int], list[socket.socket]]]:
    with contextlib.ExitStack() as opened:
        yield lambda count: [
            opened.enter_context(socket.create_connection(("127.0.0.1", host.port), timeout=30)) for _ in range(count)
        ]


def answered(connections: list[socket.socket]) -> list[socket.socket]:
    """Those that have got something."""
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(each, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(0)]  # type: ignore[misc]


def waiting(host: AWS, url: str) -> int:
    arn = client_of(host, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return len(host.lot._waiting.get(arn["QueueArn"], ()))


def test_a_thousand_long_polls_hold_up_nobody_and_each_message_reaches_one_of_them(
    host: AWS, many: Callable[[int], list[socket.socket]]
) -> None:
    sqs = client_of(host, "sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    polls = many(1000)
    for each in polls:
        each.sendall(request(host, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20))
    eventually(lambda: waiting(host, url) == 1000 or answered(polls), "all of them wait")
    for _ in range(50):
        sqs.get_queue_url(QueueName="jobs")
    assert answered(polls) == []
    polls[0].close()  # a client that has gone gets no message
    del polls[0]
    sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(number), "MessageBody": f"job {number}"} for number in range(5)]
    )
    eventually(lambda: len(answered(polls)) == 5, "five have a message")
    said = [each.recv(65536).decode() for each in answered(polls)]
    assert sorted(text.split('"Body":')[1].split('"')[1] for text in said) == [f"job {n}" for n in range(5)]
    sqs.delete_queue(QueueUrl=url)


def test_a_message_that_becomes_visible_or_is_sent_late_ends_the_wait(host: AWS) -> None:
    sqs = client_of(host, "sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    (first,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, VisibilityTimeout=1)["Messages"]
    (again,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert (first["Body"], again["MessageId"]) == ("late", first["MessageId"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)


def test_the_next_of_a_fifo_group_comes_when_the_one_before_is_deleted(
    host: AWS, many: Callable[[int], list[socket.socket]]
) -> None:
    sqs = client_of(host, "sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="q.fifo", Attributes=attributes)["QueueUrl"]
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    (one,) = sqs.receive_message(QueueUrl=url)["Messages"]
    (poll,) = many(1)
    poll.sendall(request(host, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20))
    eventually(lambda: waiting(host, url) == 1, "it waits")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    assert b"two" in poll.recv(65536)


def test_clients_that_send_half_of_a_request_or_read_no_answer_hold_up_nobody(
    host: AWS, many: Callable[[int], list[socket.socket]]
) -> None:
    sqs = client_of(host, "sqs")
    urls = [sqs.create_queue(QueueName=f"{'a-long-name-' * 6}{number}")["QueueUrl"] for number in range(60)]
    whole = request(host, "ListQueues", MaxResults=1000)
    for number, each in enumerate(many(300)):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.sendall(whole[: 20 + number] if number % 3 else whole * 200)
    assert len(sqs.list_queues()["QueueUrls"]) == len(urls)


def test_an_answer_that_is_larger_than_what_its_client_takes_at_once_arrives_whole(host: AWS) -> None:
    logs = client_of(host, "logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(host.clock.utcnow().timestamp() * 1000)
    for _ in range(16):
        events = [{"timestamp": now, "message": "x" * 200_000} for _ in range(5)]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", host.port))
        sign = SQS.replace("/sqs/", "/logs/")
        body = json.dumps({"logGroupName": "g", "logStreamName": "s", "startFromHead": True}).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {sign}\r\nX-Amz-Target: Logs_20140328.GetLogEvents"
        )
        slow.sendall(head.encode() + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        logs.describe_log_groups()
        with slow.makefile("rb") as answer:
            got = answer.read()
    head_end = got.index(b"\r\n\r\n")
    length = int(got[:head_end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert length > 900_000
    assert len(json.loads(got[head_end:])["events"]) == length // 200_000


def said(host: AWS, sent: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
    return int(answer.split(b" ", 2)[1]), answer


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 413, b"RequestEntityTooLargeException"),
        (HEAD + b"Content-Length: 68000000\r\n\r\n", 413, b"RequestEntityTooLargeException"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, b"MalformedHttpRequest"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400, b"MalformedHttpRequest"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400, b"MalformedHttpRequest"),
        (b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 431, b"Header"),
        (b"GET /" + b"a" * 100_000, 431, b"Header"),
        (b"nonsense\r\n\r\n", 400, b"MalformedHttpRequest"),
    ],
)
def test_what_is_no_request_or_too_large_is_refused_in_words(
    host: AWS, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: int, code: bytes
) -> None:
    found, answer = said(host, sent)
    assert (found, code in answer) == (status, True), answer


def test_bodies_and_connections_are_bounded_in_all(
    host: AWS, many: Callable[[int], list[socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODIES", 300_000)
    half = HEAD + b"Content-Length: 200000\r\n\r\n" + b"x" * 199_999
    first, second = many(2)
    first.sendall(half)
    eventually(lambda: host._server._held >= 199_999, "it is held")
    second.sendall(half)
    assert second.recv(20).startswith(b"HTTP/1.1 503")
    first.close()
    eventually(lambda: host._server._held == 0, "it is given back")
    monkeypatch.setattr(host._server, "_most", 20)
    monkeypatch.setattr(door, "SURELY_IDLE", 0.0)
    idle = many(20)
    assert client_of(host, "sts").get_caller_identity()["Account"] == host.account  # in the place of the oldest
    assert idle[0].recv(1) == b""
    monkeypatch.setattr(door, "SURELY_IDLE", 60.0)
    last = many(20)[-1]
    last.sendall(b"POST")
    assert last.recv(20).startswith(b"HTTP/1.1 503")


def test_a_failure_of_our_own_is_an_answer(host: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.app, "call", lambda environ: 1 / 0)
    with pytest.raises(ClientError) as told:
        client_of(host, "sqs").list_queues()
    assert told.value.response["Error"]["Code"] == "InternalFailure"
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
