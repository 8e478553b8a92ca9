"""A function that cannot run is not said to have run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS

pytestmark = pytest.mark.filterwarnings("ignore:SOCKS support")  # of urllib3's, when moto imports it


@pytest.fixture
def functions(client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lambda with the function `f`, where Docker does not answer."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    policy = '{"Version": "2012-10-17", "Statement": []}'
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): return event")
    found = client("lambda")
    found.create_function(
        FunctionName="f", Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": code.getvalue()}
    )
    return found


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_without_docker_a_call_of_a_function_is_refused(functions: Any, kind: str, host: AWS) -> None:
    with pytest.raises(ClientError, match=r"f was not run: .* Docker, and it does not answer") as caught:
        functions.invoke(FunctionName="f", InvocationType=kind, Payload=b"{}")
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert "Invoke" not in {entry.operation for entry in host.journal.entries()}


def test_without_docker_an_old_call_is_refused_too(functions: Any) -> None:
    with pytest.raises(ClientError, match="f was not run"):
        functions.invoke_async(FunctionName="f", InvokeArgs=b"{}")


def test_what_needs_no_docker_is_done(functions: Any) -> None:
    assert functions.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    for kind in ("RequestResponse", "DryRun"):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            functions.invoke(FunctionName="g", InvocationType=kind)
