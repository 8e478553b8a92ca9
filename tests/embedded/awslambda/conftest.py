"""Functions that run."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})  # fmt: skip


def package(source: str = "", **files: str) -> bytes:
    """A deployment package whose `f.py` is `source`."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("f.py", source)
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@dataclass
class Functions:
    """A client of Lambda, and functions called `f`, of what a test says."""

    client: Any
    logs: Any
    role: str

    def create(self, source: str, **request: Any) -> Any:
        request = {"FunctionName": "f", "Runtime": "python3.12", "Handler": "f.handler", "Role": self.role, **request}
        return self.client.create_function(**{"Code": {"ZipFile": package(source)}, **request})

    def call(self, event: Any = None, **request: Any) -> tuple[dict[str, Any], Any]:
        """The answer of a call of `f`, and what is in it."""
        answer = self.client.invoke(**{"FunctionName": "f", "Payload": json.dumps(event).encode(), **request})
        return answer, json.loads(answer["Payload"].read() or b"null")

    def printed(self, name: str = "f") -> list[str]:
        """What is in the log of a function, the newest call last."""
        group = f"/aws/lambda/{name}"
        if not self.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        streams = self.logs.describe_log_streams(logGroupName=group)["logStreams"]
        events = [
            event
            for stream in streams
            for event in self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]
        return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]


@pytest.fixture
def functions(client: Callable[..., Any]) -> Functions:
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    return Functions(client("lambda"), client("logs"), role)
