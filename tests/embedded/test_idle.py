"""An embedded AWS that nobody asked to keep ends by itself, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from drydock import embedded
from tests.support.waiting import eventually


def test_it_ends_when_nobody_calls_and_comes_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    instance = embedded.start("idle", idle_exit=5)
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    session.client("sqs", endpoint_url=instance.endpoint).create_queue(QueueName="kept")
    eventually(lambda: embedded.find("idle") is None)
    again = embedded.start("idle")
    try:
        urls = session.client("sqs", endpoint_url=again.endpoint).list_queues()["QueueUrls"]
        assert [url.rsplit("/", 1)[-1] for url in urls] == ["kept"]
    finally:
        embedded.stop("idle")
