"""Whatever is called, the account can be started again and then is as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS

from .fuzzing import Fuzzer

ADAPTED = ("ecs", "ecr", "elbv2", "servicediscovery", "logs", "sqs", "secretsmanager", "cloudwatch", "cloudformation",
           "events", "application-autoscaling", "autoscaling")  # fmt: skip
# What says how it is now, or something new each time.
_CHANGING = (
    "GetAuthorizationToken",
    "GetRandomPassword",
    "DescribeTargetHealth",
    "ListQueues",
    "ListOperations",
)


def reads(host: AWS, service: str) -> dict[str, Any]:
    """What every operation answers that reads and needs no arguments."""
    client = Fuzzer(host, 0).client(service)
    answers: dict[str, Any] = {}
    for name in client.meta.service_model.operation_names:
        shape = client.meta.service_model.operation_model(name).input_shape
        if not name.startswith(("List", "Describe", "Get")) or name in _CHANGING or (shape and shape.required_members):
            continue
        try:
            answers[name] = client._make_api_call(name, {})
        except Exception as error:
            answers[name] = str(error)
    for answer in answers.values():
        if isinstance(answer, dict):
            answer.pop("ResponseMetadata")
    return answers


@pytest.fixture
def again(tmp_path: Path) -> Iterator[Any]:
    """A function that starts the account, anew each time."""
    hosts: list[AWS] = []

    def start() -> AWS:
        if hosts:
            hosts[-1].close()
        host = AWS(tmp_path / "aws", seed="doors")
        host.listen(int((tmp_path / "port").read_text()) if hosts else 0)
        (tmp_path / "port").write_text(str(host.port))
        hosts.append(host)
        host.restore()
        host.run(loop=False)
        return host

    yield start
    hosts[-1].close()


@pytest.mark.parametrize("service", ADAPTED)
def test_after_any_calls_the_account_starts_again_and_is_as_it_was(
    again: Any, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = again()
    faults = [str(fault) for fault in Fuzzer(host, seed=7).run(service, calls=2)]
    assert faults == []
    host.step()
    before = reads(host, service)
    caplog.clear()
    host = again()
    host.step()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert reads(host, service) == before
