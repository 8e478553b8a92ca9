"""A cloud whose time is moved by hand, and in it programs that do what the shop's backend does."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from tests.runbooks.stepped import cloud_of
from tests.support.runtime import Program
from tests.support.stepped import SICK, World

from drydock.cloud import Cloud
from drydock.drills import customers
from drydock.embedded.carriers.black_hole import BlackHole
from drydock.embedded.services.elbv2.health import FAILED, PASSED, TIMED_OUT, Outcome, Probe

from .crowd import Crowd


def backend(argv: Sequence[str], environment: Mapping[str, str]) -> Program:
    """What labs/services/backend does with its settings."""
    try:
        float(environment.get("LATENCY_MS") or 0)
    except ValueError:
        return Program([("stderr", '{"message": "bad setting", "reason": "LATENCY_MS must be a number"}')], exits=2)
    says = re.search(r"print\('(.*?)'", " ".join(argv))
    return Program([("stdout", says[1] if says else "listening")], handles={int(signal.SIGTERM): 0})


class Asked:
    """Health checks of load balancers: /health answers 200 once the program listens, everything else 404."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._since: dict[int, float] = {}
        self._nowhere = world.host.helper(BlackHole).place

    def send(self, request: Probe, done: Callable[[Outcome], None]) -> None:
        if (request.address, request.port) == self._nowhere:
            done(TIMED_OUT)
        elif not self._listens(request.address):
            done(FAILED)
        else:
            done(PASSED if request.path == "/health" or request.matcher != "200" else SICK)

    def _listens(self, address: str) -> bool:
        """Whether what runs there has slept for as long as its command says."""
        now = self._world.clock.time()
        for one in self._world.runtime.containers:
            if one.spec.address == address:
                sleeps = re.search(r"time\.sleep\(([\d.]+)\)", " ".join(one.spec.command or ()))
                return now - self._since.setdefault(one.pid, now) >= (float(sleeps[1]) if sleeps else 0)
        return False

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    world.runtime.programs = backend
    world.plane.prober = Asked(world)  # type: ignore[assignment]
    world.turned.append(Crowd(world))
    yield world
    world.close()


@pytest.fixture(scope="module")
def cloud(world: World) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(world.host.directory / "home"))
        patch.delenv("DRYDOCK_PROGRESS", raising=False)
        patch.setattr(customers, "now", world.clock.utcnow)
        yield cloud_of(world)
