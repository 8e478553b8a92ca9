"""The one port: concurrency, errors, ids that repeat, the journal."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.host import Host


def test_a_long_poll_holds_nobody_up_and_ends_with_the_message(client: Callable[..., Any]) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    got: list[Any] = []
    poll = threading.Thread(target=lambda: got.append(client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    poll.start()
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        client("sts").get_caller_identity()
    assert poll.is_alive()
    sqs.send_message(QueueUrl=url, MessageBody="now")
    poll.join(timeout=10)
    assert [message["Body"] for message in got[0]["Messages"]] == ["now"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("ecs", "list_daemons", {}),
        ("eks", "describe_addon_versions", {}),
        ("elbv2", "get_trust_store_ca_certificates_bundle", {"TrustStoreArn": "arn:x"}),
    ],
)
def test_an_operation_that_is_not_there_says_so_in_the_services_own_protocol(
    client: Callable[..., Any], service: str, operation: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(service), operation)(**arguments)
    error = caught.value.response
    assert error["Error"]["Code"] == "NotImplemented"
    assert operation.replace("_", "") in error["Error"]["Message"].lower()
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_unsigned_request_is_answered_with_an_error_not_with_html(host: Host) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(host.endpoint, data=b"hello"))
    assert b"<html" not in caught.value.read().lower()


def test_the_same_seed_gives_the_same_ids(tmp_path: Path) -> None:
    def ids(directory: Path, seed: str) -> list[str]:
        host = Host(directory, seed=seed)
        host.listen()
        try:
            ec2 = host.client("ec2", "us-east-1")
            made = [ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
            return [*made, host.client("sqs", "us-east-1").create_queue(QueueName="q")["QueueUrl"].split("/")[-1]]
        finally:
            host.close()

    first = ids(tmp_path / "a", "7")
    assert first[0] != first[1]
    assert ids(tmp_path / "b", "7") == first
    assert ids(tmp_path / "c", "8") != first


def test_a_line_cut_short_by_a_crash_is_dropped(tmp_path: Path) -> None:
    host = Host(tmp_path / "aws")
    host.listen()
    host.client("sqs", "us-east-1").create_queue(QueueName="kept")
    host.close()
    journal = tmp_path / "aws" / "journal.jsonl"
    with journal.open("a") as file:
        file.write(json.dumps({"service": "sqs"})[:-3])
    again = Host(tmp_path / "aws")
    again.listen()
    try:
        assert again.restore() == 1
        sqs = again.client("sqs", "us-east-1")
        sqs.create_queue(QueueName="new")
        assert len(sqs.list_queues()["QueueUrls"]) == 2
    finally:
        again.close()
    assert len(journal.read_text().splitlines()) == 2


def test_no_signature_reaches_the_disk(host: Host, client: Callable[..., Any]) -> None:
    client("sqs").create_queue(QueueName="q")
    text = (host.directory / "journal.jsonl").read_text()
    assert "CreateQueue" in text
    assert "Signature=0" not in text and not any(f"Signature={c}" in text for c in "123456789abcdef")
    assert (host.directory / "journal.jsonl").stat().st_mode & 0o077 == 0
