"""`kill -9` of the background process while a function runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest
from tests.support.waiting import eventually

from drydock import embedded
from drydock.embedded.instance import free_port

from .conftest import TRUST, Functions

WAITS = """
import os, time

def handler(event, context):
    if event != "wait":
        return event
    print(os.getpid())
    time.sleep(800)
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[embedded.Instance]:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    yield embedded.start("functions", port=free_port())
    embedded.stop("functions")


def test_no_function_outlives_the_cloud_and_each_is_there_after_it(instance: embedded.Instance, tmp_path: Path) -> None:
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    iam, client, logs = (session.client(name, endpoint_url=instance.endpoint) for name in ("iam", "lambda", "logs"))
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    functions = Functions(client, logs, role)
    functions.create(WAITS, Timeout=900)
    functions.call("wait", InvocationType="Event")
    [pid] = eventually(lambda: [line for line in functions.printed() if line.isdigit()])
    running = psutil.Process(int(pid))

    os.kill(instance.pid, signal.SIGKILL)
    psutil.wait_procs([running], timeout=10)
    assert not running.is_running()

    embedded.start("functions")
    assert functions.call("there")[1] == "there"
    calls = tmp_path / "instances" / "functions" / "functions" / "calls"
    eventually(lambda: not list(calls.iterdir()))
