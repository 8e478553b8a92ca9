"""A running embedded AWS in the test's own process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from drydock.embedded.host import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "aws", seed="test")
    host.listen()
    host.run()
    yield host
    host.close()


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Callable[[Host], Host]]:
    """What starts on the files that a host leaves when it ends without a word."""
    made: list[Host] = []

    def again(host: Host) -> Host:
        directory = tmp_path / f"again-{len(made)}"
        shutil.copytree(host.directory, directory)
        host.close()
        made.append(Host(directory))
        made[-1].restore()
        return made[-1]

    yield again
    for host in made:
        host.close()


def client_of(host: Host, service: str, region: str = "us-east-1") -> Any:
    """A client that reaches `host` over HTTP, as a user's does."""
    return boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region).client(
        service, endpoint_url=host.endpoint, config=Config(inject_host_prefix=False)
    )


@pytest.fixture
def client(host: Host) -> Any:
    return lambda service, region="us-east-1": client_of(host, service, region)
