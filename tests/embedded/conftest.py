"""A running embedded AWS in the test's own process, and one whose time the test moves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.envoy import Envoy
from tests.support.clients import client_of
from tests.support.stepped import FakeEnvoy, World


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AWS]:
    host = AWS(tmp_path / "aws", seed="test")
    host.listen()
    host.run()
    yield host
    host.close()


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Callable[[AWS], AWS]]:
    """What starts on the files that a host leaves when it ends without a word."""
    made: list[AWS] = []

    def again(host: AWS) -> AWS:
        directory = tmp_path / f"again-{len(made)}"
        shutil.copytree(host.directory, directory)
        host.close()
        made.append(AWS(directory))
        made[-1].restore()
        return made[-1]

    yield again
    for host in made:
        host.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str, str], AWS]]:
    """Opens a copy of the files in another folder, one after the other."""
    hosts: list[AWS] = []

    def start(source: str, target: str) -> AWS:
        for host in hosts:
            host.close()
        if source:
            shutil.copytree(tmp_path / source, tmp_path / target)
        host = AWS(tmp_path / target, seed="opened")
        host.listen(port := int((tmp_path / "port").read_text()) if source else 0)
        (tmp_path / "port").write_text(str(port or host.port))
        host.make_instead(Envoy, lambda _: FakeEnvoy())
        hosts.append(host)
        host.restore()
        host.run(loop=False)
        return host

    yield start
    for host in hosts:
        host.close()


@pytest.fixture
def client(host: AWS) -> Any:
    return lambda service, region="us-east-1": client_of(host, service, region)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws")
    yield world
    world.close()
