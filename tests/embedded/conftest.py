"""A running embedded AWS in the test's own process, and one whose time the test moves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from tests.support.clients import client_of
from tests.support.stepped import World


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
def client(host: AWS) -> Any:
    return lambda service, region="us-east-1": client_of(host, service, region)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws")
    yield world
    world.close()
