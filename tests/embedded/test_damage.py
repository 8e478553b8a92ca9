"""Files cut short, overwritten or not to be opened: what was answered before is kept, or it is said why not."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from drydock import embedded
from drydock.embedded import daemon
from drydock.embedded.assembly import AWS
from drydock.embedded.core import seams
from drydock.embedded.instance import directory_of, free_port
from tests.support.clients import client_of
from tests.support.lab import Lab
from tests.support.stepped import World

Start = Callable[[], AWS]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts the account, anew each time."""
    hosts: list[AWS] = []

    def started() -> AWS:
        if hosts:
            hosts[-1].close()
        hosts.append(AWS(tmp_path / "aws"))
        hosts[-1].listen()
        hosts[-1].restore()
        hosts[-1].run(loop=False)
        return hosts[-1]

    yield started
    hosts[-1].close()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def vpcs(host: AWS) -> list[str]:
    return sorted(vpc["VpcId"] for vpc in client_of(host, "ec2").describe_vpcs()["Vpcs"])


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0" * 16, b"abc", b"two\nlines"])
def test_the_seed_comes_back_from_the_journal(start: Start, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    host = start()
    client_of(host, "ec2").create_vpc(CidrBlock="127.30.0.0/16")
    before, seed = vpcs(host), (host.directory / "seed").read_bytes()
    (host.directory / "seed").write_bytes(content)
    assert vpcs(start()) == before
    assert (host.directory / "seed").read_bytes() == seed
    assert errors(caplog) == [f"{host.directory / 'seed'} was damaged, and is put right from the journal"]


def test_what_is_touched_between_two_clouds_of_a_process_is_not_the_seconds(start: Start) -> None:
    host = start()
    before = vpcs(host)
    host.close()
    seams.hold("another", "another", host.clock.utcnow)
    seams.release()
    seams.backend("ec2", "us-east-1")
    assert vpcs(start()) == before


def test_a_last_line_of_the_journal_counts_if_it_is_whole_and_is_kept_aside_if_it_is_garbage(start: Start) -> None:
    host = start()
    for name in ("one", "two"):
        client_of(host, "sqs").create_queue(QueueName=name)
    host.close()
    journal = host.directory / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-1])
    assert len(client_of(start(), "sqs").list_queues()["QueueUrls"]) == 2
    assert journal.read_bytes() == whole
    journal.write_bytes(whole + b"\0" * 4096)
    assert len(client_of(start(), "sqs").list_queues()["QueueUrls"]) == 2
    assert journal.read_bytes() == whole
    assert (host.directory / "journal.unreadable").read_bytes() == b"\0" * 4096 + b"\n"


@pytest.mark.parametrize("content", [b"", b"port", b"0", b"99999999", b"-1", b"\xff"])
def test_a_port_that_is_none_is_chosen_again(
    start: Start, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = AWS(tmp_path / "other")
    try:
        monkeypatch.setattr(daemon, "DEFAULT_PORT", free_port())
        (host.directory / "port").write_bytes(content)
        daemon.bind(host, None)
        assert int((host.directory / "port").read_text()) == host.port
        assert str(host.directory / "port") in errors(caplog)[0]
    finally:
        host.close()
    start()


@pytest.mark.parametrize("content", [b"soon", b"-5", b"nan", b"inf", b"\xff"])
def test_a_clock_that_is_damaged_begins_again(start: Start, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    host = start()
    host.close()
    (host.directory / "clock").write_bytes(content)
    assert start().clock.origin == 0
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize("size", [0, 5, 33])
def test_a_key_of_the_registry_that_is_damaged_is_made_anew(
    start: Start, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    host = start()
    client_of(host, "ecr").get_authorization_token()
    key = host.directory / "registry.key"
    key.write_bytes(b"x" * size)
    client_of(host, "ecr").get_authorization_token()
    assert (len(key.read_bytes()), key.read_bytes() == b"x" * 32) == (32, False)
    assert len(errors(caplog)) == 1


def test_data_that_turns_out_to_be_damaged_is_set_aside_and_logs_go_on(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    host = start()
    logs = client_of(host, "logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(host.clock.utcnow().timestamp() * 1000)

    def put(message: str) -> None:
        logs.put_log_events(
            logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": message}] * 100
        )

    for _ in range(10):
        put("x" * 5000)
    host.close()
    file = host.directory / "data.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))
    host = start()
    logs = client_of(host, "logs")
    assert logs.describe_log_groups()["logGroups"][0]["logGroupName"] == "g"
    logs.get_paginator("filter_log_events").paginate(logGroupName="g").build_full_result()
    logs.create_log_stream(logGroupName="g", logStreamName="t")
    put_anew = [{"timestamp": now, "message": "again"}]
    logs.put_log_events(logGroupName="g", logStreamName="t", logEvents=put_anew)
    (event,) = logs.filter_log_events(logGroupName="g", logStreamNames=["t"])["events"]
    assert event["message"] == "again"
    assert [text.startswith(f"{file} is damaged (") for text in errors(caplog)] == [True]
    assert (host.directory / "data.damaged").exists()


@pytest.mark.process
@pytest.mark.parametrize("name", ["journal.jsonl", "data.sqlite", "seed"])
def test_a_file_that_cannot_be_opened_is_named_in_one_line_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    instance = embedded.start("damage", port=free_port())
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    client: Callable[[str], Any] = lambda service: session.client(service, endpoint_url=instance.endpoint)  # noqa: E731
    try:
        client("ecs").create_cluster(clusterName="kept")
        client("sqs").create_queue(QueueName="kept")
        embedded.stop("damage")
        file = directory_of("damage") / name
        file.rename(tmp_path / "away")
        file.mkdir()
        with pytest.raises(embedded.NotStarted) as refused:
            embedded.start("damage")
        assert str(refused.value).startswith(f"{file} can't be used (")
        assert "\n" not in str(refused.value)
        shutil.rmtree(file)
        (tmp_path / "away").rename(file)
        embedded.start("damage")
        assert len(client("ecs").list_clusters()["clusterArns"]) == 1
        assert len(client("sqs").list_queues()["QueueUrls"]) == 1
    finally:
        embedded.stop("damage")


def test_a_service_that_cannot_be_looked_after_says_so_once_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path / "aws")
    try:
        lab: Lab = world.lab()
        definition = lab.register()
        lab.create(definition, 1)
        (service,) = world.services()
        kept = service.settings
        service.settings = {}
        world.pass_time(600)
        said = [event["message"] for event in service.events if "cannot be looked after" in event["message"]]
        assert len(said) == 1 and "KeyError" in said[0]
        assert len(errors(caplog)) == 1
        service.settings = kept
        lab.until_steady(1)
    finally:
        world.close()
