"""Workers that wait on one queue, and what a restart makes of what they received."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS


def left(sqs: Any, url: str) -> tuple[int, int]:
    """Messages that can be received, and messages that somebody has."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def test_two_workers_that_wait_each_delete_their_own_message(
    host: AWS, client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    parked: list[object] = []
    wait = host.lot.wait
    monkeypatch.setattr(host.lot, "wait", lambda *given: (parked.append(given), wait(*given)))
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    got: list[Any] = []

    def work() -> None:
        answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=20)
        got.extend(answer["Messages"])

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    eventually(lambda: len(parked) == 2, "both wait")
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    for worker in workers:
        worker.join(timeout=20)
    assert {message["Body"] for message in got} == {"one", "two"}
    assert got[0]["ReceiptHandle"] != got[1]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
    assert left(sqs, url) == (0, 1)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got[1]["ReceiptHandle"])
    assert left(sqs, url) == (0, 0)


def test_a_message_that_was_waited_for_and_deleted_is_gone_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = AWS(tmp_path / "aws", seed="7")
    host.listen()
    sqs = host.client("sqs", "us-east-1")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert message["Body"] == "late"
    sqs.send_message(QueueUrl=url, MessageBody="stays")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    host.close()
    again = AWS(tmp_path / "aws")
    again.listen()
    try:
        waits: list[object] = []
        monkeypatch.setattr(again.lot, "wait", lambda *given: waits.append(given))
        again.restore()
        assert waits == []
        monkeypatch.undo()
        sqs = again.client("sqs", "us-east-1")
        assert left(sqs, url) == (1, 0)
        assert [m["Body"] for m in sqs.receive_message(QueueUrl=url)["Messages"]] == ["stays"]
    finally:
        again.close()
