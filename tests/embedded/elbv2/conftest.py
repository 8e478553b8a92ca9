from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.web import Network, make_network

from drydock.embedded.assembly import AWS


@pytest.fixture
def network(host: AWS, client: Any) -> Iterator[Network]:
    network = make_network(host, client)
    yield network
    for process in network.processes:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
