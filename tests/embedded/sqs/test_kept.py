"""Messages on disk: what survives a crash, what is gone, and in which order the rest comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import moto.sqs.models
import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.services.sqs import state

NAMES = state.COUNTS


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AWS]:
    host = AWS(tmp_path / "aws", seed="test")
    yield host
    host.close()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for queues."""
    passed = 0.0
    now = state._now

    def wait(seconds: float) -> None:
        nonlocal passed
        passed += seconds * 1000

    monkeypatch.setattr(state, "_now", lambda: int(now() + passed))
    return wait


def sqs_of(host: AWS) -> Any:
    return host.client("sqs", "us-east-1")


def made(host: AWS, name: str = "q", **attributes: str) -> str:
    return str(sqs_of(host).create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def send(host: AWS, url: str, *bodies: str, **more: Any) -> list[str]:
    return [sqs_of(host).send_message(QueueUrl=url, MessageBody=body, **more)["MessageId"] for body in bodies]


def receive(host: AWS, url: str, count: int = 10, **more: Any) -> list[dict[str, Any]]:
    asked = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"], **more}
    return list(sqs_of(host).receive_message(QueueUrl=url, MaxNumberOfMessages=count, **asked).get("Messages", []))


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]


def counts(host: AWS, url: str) -> list[int]:
    """To be received, out, delayed."""
    attributes = sqs_of(host).get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return [int(attributes[name]) for name in NAMES]


def test_messages_are_after_a_crash_as_they_were(
    host: AWS, crashed: Callable[[AWS], AWS], later: Callable[[float], None]
) -> None:
    url = made(host)
    attributes = {
        "color": {"DataType": "String", "StringValue": "blue"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    ids = send(host, url, "deleted", "out", "waiting", MessageAttributes=attributes)
    send(host, url, "delayed", DelaySeconds=100)
    first, second = receive(host, url, 2)
    sqs_of(host).delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    for _ in range(2):
        host = crashed(host)
        assert counts(host, url) == [1, 1, 1]
        sqs_of(host).delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    (waiting,) = receive(host, url)
    assert (waiting["MessageId"], waiting["Body"]) == (ids[2], "waiting")
    assert waiting["MessageAttributes"] == attributes
    assert waiting["Attributes"]["ApproximateReceiveCount"] == "1"
    later(31)
    again = receive(host, url)
    assert {message["MessageId"]: message["Attributes"]["ApproximateReceiveCount"] for message in again} == {
        ids[1]: "2",
        ids[2]: "2",
    }
    out = next(message for message in again if message["MessageId"] == ids[1])
    assert out["ReceiptHandle"] != second["ReceiptHandle"]
    assert out["Attributes"]["SentTimestamp"] == second["Attributes"]["SentTimestamp"]
    sqs_of(host).change_message_visibility(QueueUrl=url, ReceiptHandle=out["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(receive(host, url)) == ["out"]
    later(70)
    assert "delayed" in bodies(receive(host, url))
    journal = [json.loads(line)["operation"] for line in host.journal.path.read_text().splitlines()]
    assert journal == ["CreateQueue"]


def test_a_first_call_that_fails_takes_nothing_with_it(host: AWS) -> None:
    host.data.define("CREATE TABLE IF NOT EXISTS notes (note TEXT)")
    host.data.write("INSERT INTO notes VALUES (?)", "of the engine, which has let others in meanwhile")
    with pytest.raises(botocore.exceptions.ClientError, match="NonExistentQueue"):
        sqs_of(host).get_queue_url(QueueName="none")
    assert len(host.data.read("SELECT note FROM notes")) == 1
    url = made(host)
    send(host, url, "a")
    assert counts(host, url) == [1, 0, 0]


def test_tables_that_a_call_makes_after_it_has_written_stay_when_it_fails(host: AWS) -> None:
    host.data.define("CREATE TABLE IF NOT EXISTS notes (note TEXT)")
    host.data.write("INSERT INTO notes VALUES ('one')")
    host.data.define("CREATE TABLE IF NOT EXISTS others (note TEXT)")
    host.data.rollback()
    assert host.data.read("SELECT note FROM notes") == host.data.read("SELECT note FROM others") == []


def test_purged_and_deleted_queues_begin_empty(host: AWS, crashed: Callable[[AWS], AWS]) -> None:
    url = made(host)
    send(host, url, "purged")
    sqs_of(host).purge_queue(QueueUrl=url)
    send(host, url, "old")
    sqs_of(host).delete_queue(QueueUrl=url)
    made(host)
    assert counts(host, url) == [0, 0, 0]
    send(host, url, "new")
    assert bodies(receive(crashed(host), url)) == ["new"]


def test_messages_of_a_queue_whose_deletion_alone_was_kept_do_not_come_back(
    host: AWS, crashed: Callable[[AWS], AWS], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = made(host)
    send(host, url, "old")
    monkeypatch.setattr(host.data, "commit", lambda: None)
    sqs_of(host).delete_queue(QueueUrl=url)
    again = crashed(host)
    made(again)
    assert counts(again, url) == [0, 0, 0]


def test_a_topic_that_sends_to_a_queue_does_not_send_again_in_a_replay(
    host: AWS, crashed: Callable[[AWS], AWS]
) -> None:
    url, sns = made(host), host.client("sns", "us-east-1")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")
    sns.publish(TopicArn=topic, Message="once")
    sns.publish(TopicArn=topic, Message="deleted")
    deleted = next(m for m in receive(host, url) if json.loads(m["Body"])["Message"] == "deleted")
    sqs_of(host).delete_message(QueueUrl=url, ReceiptHandle=deleted["ReceiptHandle"])
    again = crashed(crashed(host))
    assert counts(again, url) == [0, 1, 0]


def test_ids_are_those_of_the_seed_and_never_used_twice(tmp_path: Path, host: AWS) -> None:
    url = made(host)
    first = send(host, url, "same", "same")
    sqs_of(host).purge_queue(QueueUrl=url)
    second = send(host, url, "same", "same")
    assert len({*first, *second}) == 4
    host.close()
    other = AWS(tmp_path / "other", seed="test")
    assert [*send(other, made(other), "same", "same"), *send(other, url, "x", "y")] == [*first, *second]
    other.close()


def test_a_receipt_handle_is_of_its_queue(host: AWS) -> None:
    url, other = made(host), made(host, "other")
    send(host, url, "one")
    (message,) = receive(host, url)
    for wrong in ("x", message["ReceiptHandle"][:-4], message["ReceiptHandle"].lower()):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            sqs_of(host).delete_message(QueueUrl=url, ReceiptHandle=wrong)
        assert caught.value.response["Error"]["Code"] == "ReceiptHandleIsInvalid"
    with pytest.raises(botocore.exceptions.ClientError):
        sqs_of(host).delete_message(QueueUrl=other, ReceiptHandle=message["ReceiptHandle"])
    assert counts(host, url) == [0, 1, 0]


def fifo(host: AWS, name: str = "q.fifo", **attributes: str) -> str:
    return made(host, name, FifoQueue="true", **attributes)


def test_a_fifo_queue_keeps_the_order_of_each_group(host: AWS, later: Callable[[float], None]) -> None:
    url = fifo(host)
    for group, body in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        send(host, url, body, MessageGroupId=group, MessageDeduplicationId=body)
    first = receive(host, url, 1)
    assert bodies(first) == ["a1"]
    assert bodies(receive(host, url)) == ["b1"]
    later(31)
    assert bodies(receive(host, url)) == ["a1", "a2", "b1", "a3"]
    numbers = [message["Attributes"]["SequenceNumber"] for message in first]
    assert [len(number) for number in numbers] == [20]


def test_a_fifo_queue_takes_a_message_once_in_five_minutes_even_if_it_is_deleted(
    host: AWS, crashed: Callable[[AWS], AWS]
) -> None:
    url = fifo(host, ContentBasedDeduplication="true")
    (first,) = send(host, url, "same", MessageGroupId="g")
    (message,) = receive(host, url)
    sqs_of(host).delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    host = crashed(host)
    assert send(host, url, "same", MessageGroupId="g") == [first]
    assert counts(host, url) == [0, 0, 0]
    host.data.write("UPDATE messages_sent SET sent = sent - 300001")
    assert send(host, url, "same", MessageGroupId="g") != [first]
    by_group = fifo(host, "g.fifo", ContentBasedDeduplication="true", DeduplicationScope="messageGroup")
    for group in ("a", "b", "a"):
        send(host, by_group, "same", MessageGroupId=group)
    assert counts(host, by_group) == [2, 0, 0]


def test_what_is_received_too_often_goes_to_the_dead_letter_queue(
    host: AWS, crashed: Callable[[AWS], AWS], later: Callable[[float], None]
) -> None:
    dead = made(host, "dead")
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": "2"}
    url = made(host, RedrivePolicy=json.dumps(policy), VisibilityTimeout="10")
    (lost, _) = send(host, url, "lost", "fine")
    for _ in range(2):
        (fine,) = [message for message in receive(host, url) if message["Body"] == "fine"]
        later(11)
    sqs_of(host).delete_message(QueueUrl=url, ReceiptHandle=fine["ReceiptHandle"])
    assert receive(host, url) == []
    host = crashed(host)
    assert counts(host, url) == [0, 0, 0]
    assert [message["MessageId"] for message in receive(host, dead)] == [lost]


def test_messages_end_with_their_retention(host: AWS, later: Callable[[float], None]) -> None:
    url = made(host, MessageRetentionPeriod="60")
    send(host, url, "old")
    later(61)
    assert receive(host, url) == []
    assert counts(host, url) == [0, 0, 0]
    host.step()
    assert host.data.read("SELECT count(*) FROM messages") == [(0,)]


def test_sending_looks_at_no_other_message(host: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    url = made(host)
    send(host, url, *("x" for _ in range(3)))
    monkeypatch.setattr(moto.sqs.models.Message, "visible", property(lambda _: pytest.fail("looked")))
    read: list[str] = []
    monkeypatch.setattr(host.data, "read", lambda statement, *_: (read.append(statement), [])[1])
    send(host, url, "y")
    assert read == []
