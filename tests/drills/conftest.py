"""A cloud whose time is moved by hand, and in it programs that do what the shop's backend does."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from tests.support.runtime import Program
from tests.support.stepped import SICK, World

from drydock.cloud import Cloud, connect
from drydock.embedded.services.elbv2.health import PASSED, Outcome, Probe


def backend(_argv: Sequence[str], environment: Mapping[str, str]) -> Program:
    """What labs/services/backend does with its settings."""
    try:
        float(environment.get("LATENCY_MS") or 0)
    except ValueError:
        return Program([("stderr", '{"message": "bad setting", "reason": "LATENCY_MS must be a number"}')], exits=2)
    return Program([("stdout", "listening")], handles={int(signal.SIGTERM): 0})


class Asked:
    """Health checks of load balancers: /health answers 200, everything else 404."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, request: Probe, done: Callable[[Outcome], None]) -> None:
        found = request.path == "/health" and not self._world.is_sick(request.address)
        done(PASSED if found else SICK)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    world.runtime.programs = backend
    world.plane.prober = Asked(world)  # type: ignore[assignment]
    yield world
    world.close()


@pytest.fixture(scope="module")
def cloud(world: World) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(world.host.directory / "home"))
        patch.delenv("DRYDOCK_PROGRESS", raising=False)
        yield connect(world.host.endpoint)
