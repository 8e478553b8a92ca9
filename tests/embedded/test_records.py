"""Records that cannot be read are set aside with a clear line, and the rest of the account is there."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from tests.support.clients import client_of
from tests.support.lab import make_lab


def started(directory: Path) -> AWS:
    host = AWS(directory, seed="records")
    host.listen()
    host.restore()
    host.run()
    return host


GOOD = {"service": "sqs", "operation": "X", "method": "POST", "path": "/", "query": "", "headers": {}, "body": "",
        "seed": "a:b:0", "at": 0.0}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", "{}", '"text"', json.dumps({**GOOD, "more": 1}), json.dumps({**GOOD, "seed": "none"}),
     json.dumps({**GOOD, "at": None}), json.dumps({**GOOD, "at": 1e300}), json.dumps({**GOOD, "body": "\u20ac"}),
     json.dumps({**GOOD, "headers": None}), "\udcff", "[" * 100_000],
)  # fmt: skip
def test_a_line_of_the_journal_that_cannot_be_read(tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / "aws"
    host = started(directory)
    client_of(host, "sqs").create_queue(QueueName="before")
    client_of(host, "sqs").create_queue(QueueName="after")
    host.close()
    journal = directory / "journal.jsonl"
    first, second = journal.read_bytes().splitlines(keepends=True)
    broken = line.encode(errors="surrogateescape") + b"\n"
    journal.write_bytes(first + broken + second)
    for said in (["1 unreadable lines of the journal were set aside, in " + str(directory / "journal.unreadable")], []):
        caplog.clear()
        host = started(directory)
        queues = client_of(host, "sqs").list_queues()["QueueUrls"]
        host.close()
        assert sorted(url.rsplit("/")[-1] for url in queues) == ["after", "before"]
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == said
    assert (directory / "journal.unreadable").read_bytes() == broken
    assert journal.read_bytes() == first + second
    assert journal.stat().st_mode & 0o077 == 0


Records = dict[tuple[str, str], Any]
"""What is kept of ECS in us-east-1, by kind and key."""


def _first_task(records: Records) -> tuple[str, str]:
    return next(key for key in records if key[0] == "task")


def _without_containers(records: Records) -> None:
    del records[_first_task(records)]["document"]["containers"]


def _with_an_unknown_field(records: Records) -> None:
    records[_first_task(records)]["flavour"] = "sweet"


def _of_another_kind(records: Records) -> None:
    records[_first_task(records)] = ["a", "list"]


def _a_service_without_settings(records: Records) -> None:
    records["service", "lab:app"] |= {"deployments": [{"id": "x"}]}


def _changed(directory: Path, change: Callable[[Records], None]) -> None:
    with contextlib.closing(sqlite3.connect(directory / "data.sqlite")) as data, data:
        rows = data.execute("SELECT kind, key, record FROM ecs WHERE region = 'us-east-1'").fetchall()
        records = {(kind, key): json.loads(record) for kind, key, record in rows}
        change(records)
        changed = [(json.dumps(record), *key) for key, record in records.items()]
        data.executemany("UPDATE ecs SET record = ? WHERE kind = ? AND key = ?", changed)


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (_without_containers, "task arn:aws:ecs:us-east-1:000000000000:task/lab/"),
        (_with_an_unknown_field, "task arn:aws:ecs:us-east-1:000000000000:task/lab/"),
        (_of_another_kind, "task arn:aws:ecs:us-east-1:000000000000:task/lab/"),
        (_a_service_without_settings, "service lab:app"),
    ],
)
def test_a_record_of_the_engine_that_cannot_be_read(
    tmp_path: Path, damage: Callable[[Records], None], names: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "aws"
    host = started(directory)
    lab = make_lab(lambda name: client_of(host, name))
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    host.close()
    _changed(directory, damage)
    caplog.clear()
    host = started(directory)
    lab.client = lambda name: client_of(host, name)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert names in said and str(directory / "ecs.unreadable.json") in said
    lab.until_steady(2)
    assert (directory / "ecs.unreadable.json").exists()
    host.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"regions": [1]}', "\x00\x01", '{"regions": {}, "order": "x"}'])
def test_no_record_of_the_engine_can_be_read(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / "aws"
    host = started(directory)
    client_of(host, "ecs").create_cluster(clusterName="kept")
    host.close()
    (directory / "ecs.json").write_text(text)
    caplog.clear()
    host = started(directory)
    assert len(client_of(host, "ecs").list_clusters()["clusterArns"]) == 1
    (said,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "ecs.json cannot be read" in said
    host.close()


def test_what_an_earlier_version_kept_of_the_engine_is_taken_over(tmp_path: Path) -> None:
    directory = tmp_path / "aws"
    host = started(directory)
    lab = make_lab(lambda name: client_of(host, name))
    lab.create(lab.register(), 1)
    events = lab.until_steady(1)["events"]
    host.close()
    with contextlib.closing(sqlite3.connect(directory / "data.sqlite")) as data, data:
        rows = data.execute("SELECT kind, key, record FROM ecs").fetchall()
        data.execute("DELETE FROM ecs")
    numbers = {key: int(record) for kind, key, record in rows if kind == "number"}
    services = {key: json.loads(record) for kind, key, record in rows if kind == "service"}
    tasks = [json.loads(record) for kind, _, record in rows if kind == "task"]
    old = {**numbers, "regions": {"us-east-1": {"services": services, "tasks": tasks}}}
    (directory / "ecs.json").write_text(json.dumps(old))
    host = started(directory)
    lab.client = lambda name: client_of(host, name)
    assert [event["id"] for event in lab.service()["events"]][-len(events) :] == [event["id"] for event in events]
    assert len(lab.tasks(desired="STOPPED")) == 1
    assert not (directory / "ecs.json").exists()
    host.close()
