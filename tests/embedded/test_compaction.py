"""The journal of a cloud that runs follows what exists, and loses nothing on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from drydock import embedded
from drydock.embedded.assembly import AWS
from drydock.embedded.core import compaction
from drydock.embedded.instance import free_port
from tests.support.waiting import eventually

from .test_lifespans import SERVICES, Visitor, account

pytestmark = pytest.mark.process

SMALL = 10_000


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], AWS]]:
    """Opens the same files again and again."""
    hosts: list[AWS] = []

    def start() -> AWS:
        for host in hosts:
            host.close()
        host = AWS(tmp_path / "cloud", seed="compaction")
        host.listen(hosts[0].port if hosts else 0)
        hosts.append(host)
        host.restore()
        host.run(loop=False)
        return host

    yield start
    for host in hosts:
        host.close()


@pytest.fixture
def host(opened: Callable[[], AWS]) -> AWS:
    return opened()


def queues(host: AWS) -> set[str]:
    urls = host.client("sqs", "us-east-1").list_queues().get("QueueUrls", [])
    return {url.rsplit("/", 1)[-1] for url in urls}


def come_and_go(host: AWS, times: int) -> None:
    sqs = host.client("sqs", "us-east-1")
    for number in range(times):
        sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName=f"passing-{number}")["QueueUrl"])


def operations(host: AWS) -> list[str]:
    return [entry.operation for entry in host.journal.entries()]


def test_what_comes_and_goes_for_ever_takes_no_more_room(
    opened: Callable[[], AWS], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "FLOOR", SMALL)
    host = opened()
    visitor = Visitor(host, 3)
    largest = begun = 0
    begin = compaction.Compaction.begin

    def counted(self: compaction.Compaction) -> None:
        nonlocal begun
        begun += 1
        begin(self)

    monkeypatch.setattr(compaction.Compaction, "begin", counted)
    written = 0
    for _ in range(6):
        for _ in range(40):
            before = host.journal.size
            visitor.call(visitor.some("sqs", "logs", "ecr", "iam", "ssm", "cloudwatch"))
            come_and_go(host, 1)
            written += host.journal.size - before
        count = begun
        host.compaction.turn()
        if begun > count:
            host.compaction.finish()
        largest = max(largest, host.journal.size)
    assert begun > 2
    assert largest < written / 3
    live = account(host)
    assert account(opened()) == live


def test_the_account_is_the_same_however_often_the_journal_was_put_in_order(
    opened: Callable[[], AWS],
) -> None:
    host = opened()
    visitor, chance = Visitor(host, 5), random.Random(5)
    for _ in range(4):
        for _ in range(40):
            visitor.call(visitor.some(*SERVICES))
        host.compaction.begin()
        for _ in range(chance.randrange(20)):
            visitor.call(visitor.some(*SERVICES))
        host.compaction.finish()
    live = account(host)
    assert account(opened()) == live


def test_what_is_asked_for_meanwhile_is_kept(opened: Callable[[], AWS], host: AWS) -> None:
    come_and_go(host, 5)
    sqs = host.client("sqs", "us-east-1")
    sqs.create_queue(QueueName="before")
    host.compaction.begin()
    sqs.create_queue(QueueName="meanwhile")
    with pytest.raises(ClientError):
        host.client("iam", "us-east-1").delete_role(RoleName="none")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="before")["QueueUrl"])
    host.compaction.finish()
    sqs.create_queue(QueueName="after")
    assert operations(host) == ["CreateQueue", "CreateQueue", "DeleteQueue", "CreateQueue"]
    assert queues(opened()) == {"meanwhile", "after"}


def test_what_is_under_way_when_it_begins_or_ends_may_still_fail(opened: Callable[[], AWS], host: AWS) -> None:
    sqs = host.client("sqs", "us-east-1")
    come_and_go(host, 2)
    sqs.create_queue(QueueName="kept")
    host.compaction.begin()
    with host.lock:
        place = host.journal.append(next(host.journal.entries()))
        host.journal.withdraw(place)
    host.compaction.finish()
    with host.lock:
        place = host.journal.append(next(host.journal.entries()))
        host.journal.withdraw(place)
    assert operations(host) == ["CreateQueue"]
    assert queues(opened()) == {"kept"}


def failing_rename(self: Path, target: Path) -> Path:
    raise OSError(28, "No space left on device", str(self))


def test_where_it_cannot_be_done_the_journal_stays_and_that_is_said_once(
    opened: Callable[[], AWS], host: AWS, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    come_and_go(host, 3)
    before = operations(host)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing_rename)
        for _ in range(2):
            host.compaction.begin()
            host.compaction.finish()
    said = [record.getMessage() for record in caplog.records if "the journal keeps" in record.getMessage()]
    assert len(said) == 1
    assert "free some space" in said[0]
    assert operations(host) == before
    assert not (host.directory / "journal.new").exists()
    host.client("sqs", "us-east-1").create_queue(QueueName="after")
    host.compaction.begin()
    host.compaction.finish()
    assert operations(host) == ["CreateQueue"]
    assert queues(opened()) == {"after"}


def test_where_the_process_cannot_start_or_fails_the_journal_stays(
    opened: Callable[[], AWS], host: AWS, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    come_and_go(host, 3)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        host.compaction.begin()
    with (host.directory / "journal.jsonl").open("ab") as file:
        file.write(b"{}\n")
    host.compaction.begin()
    host.compaction.finish()
    assert "cannot be read" in caplog.text and "/nowhere/python" in caplog.text
    assert len(operations(host)) == 6
    host.client("sqs", "us-east-1").create_queue(QueueName="after")
    assert queues(opened()) == {"after"}


def test_an_end_in_the_middle_leaves_nothing_behind(opened: Callable[[], AWS], host: AWS) -> None:
    come_and_go(host, 3)
    host.client("sqs", "us-east-1").create_queue(QueueName="kept")
    host.compaction.begin()
    host.close()
    assert not (host.directory / "journal.new").exists()
    (host.directory / "journal.new").write_text("half of it")
    assert queues(opened()) == {"kept"}
    assert not (host.directory / "journal.new").exists()


def test_killed_while_it_puts_the_journal_in_order_it_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    instance = embedded.start("crash", port=free_port())
    try:
        session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
        config = Config(retries={"total_max_attempts": 1})
        ssm: Any = session.client("ssm", endpoint_url=instance.endpoint, config=config)
        sqs: Any = session.client("sqs", endpoint_url=instance.endpoint, config=config)
        journal, new = instance.directory / "journal.jsonl", instance.directory / "journal.new"
        number = 0

        def begun() -> bool:
            nonlocal number
            number += 1
            ssm.put_parameter(Name="/large", Value="x" * 4000, Type="String", Overwrite=True)
            sqs.create_queue(QueueName=f"q-{number}")
            return new.exists()

        eventually(begun)
        os.kill(instance.pid, signal.SIGKILL)
        instance = embedded.start("crash")
        assert {url.rsplit("/", 1)[-1] for url in sqs.list_queues(MaxResults=1000)["QueueUrls"]} == {
            f"q-{n}" for n in range(1, number + 1)
        }
        assert ssm.get_parameter(Name="/large")["Parameter"]["Version"] == number
        assert all(json.loads(line) for line in journal.read_text().splitlines())
        assert not new.exists()
        assert "ERROR" not in instance.log.read_text()
    finally:
        embedded.stop("crash")
