"""An embedded AWS whose time a test moves by hand: no thread turns its engine, no process runs in it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.black_hole import BlackHole
from drydock.embedded.carriers.envoy import Envoy, Proxies, Resources
from drydock.embedded.core.clock import ManualClock
from drydock.embedded.services.ecs import ECS
from drydock.embedded.services.elbv2 import ELBv2
from drydock.embedded.services.elbv2.health import PASSED, TIMED_OUT, Outcome, Probe
from tests.support.lab import Lab, make_lab
from tests.support.runtime import FakeContainer, FakeRuntime, Program

if TYPE_CHECKING:
    from drydock.embedded.services.ecs.engine import Engine
    from drydock.embedded.services.ecs.records import Service, Task
    from drydock.embedded.services.elbv2.controller import Plane

LONG = 20_000  # AWS seconds in which everything comes about
SETTLED = 4  # turns in which everything happens that takes no time
SICK = Outcome("Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]")


class AtOnce(Executor):
    """Work that others do in the background is done when it is handed over."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


class FakeProber:
    """Health checks that find what the test says of an address, and nobody where nothing answers."""

    def __init__(self, finds: Callable[[str], Outcome], nowhere: tuple[str, int]) -> None:
        self.finds, self.nowhere = finds, nowhere

    def send(self, request: Probe, done: Callable[[Outcome], None]) -> None:
        place = request.address, request.port
        done(TIMED_OUT if place == self.nowhere else self.finds(request.address))

    def close(self) -> None:
        pass


class FakeEnvoy:
    """Takes every configuration at once, and keeps it to be looked at. `counted`: its statistics."""

    def __init__(self) -> None:
        self.applied: dict[str, Resources] = {}
        self.counted: dict[str, float] = {}
        self._version = 0

    def apply(self, owner: str, resources: Resources) -> int:
        self.applied[owner] = resources
        self._version += 1
        return self._version

    def wait(self, version: int, timeout: float = 5.0) -> None:
        pass

    def failing(self) -> str:
        return ""

    def listener_errors(self) -> Mapping[str, str]:
        return {}

    def retry_listeners(self) -> None:
        pass

    def stats(self, pattern: str) -> Mapping[str, float]:
        return self.counted

    def times(self) -> Mapping[str, tuple[float, float]]:
        return {}


class FakeProxies:
    """A FakeEnvoy for each name that asks for one."""

    def __init__(self) -> None:
        self.made: dict[str, FakeEnvoy] = {}

    def of(self, name: str, level: str = "warning") -> FakeEnvoy:
        return self.made.setdefault(name, FakeEnvoy())

    def end(self, name: str) -> None:
        self.made.pop(name, None)


class World:
    """The cloud in `directory`. Health checks, of load balancers and of
    containers, fail at the addresses that are `sick`, or of which `is_sick` says so."""

    def __init__(self, directory: Path, profile: str | None = None) -> None:
        self.clock = ManualClock()
        self.runtime = FakeRuntime(self.clock, self._program)
        self.host = AWS(directory, seed="test", clock=self.clock, runtime=self.runtime, profile=profile)
        self.host.pool.shutdown()
        self.host.pool = AtOnce()  # type: ignore[assignment]
        self.envoy = FakeEnvoy()
        self.host.make_instead(Envoy, lambda _: self.envoy)  # type: ignore[arg-type, return-value]
        self.proxies = FakeProxies()
        self.host.make_instead(Proxies, lambda _: self.proxies)  # type: ignore[arg-type, return-value]
        self.sick: set[str] = set()
        self.is_sick: Callable[[str], bool] = lambda address: address in self.sick
        self.crashes = False
        """Whether what starts from now on exits at once, with 1."""
        self.watchers: list[Callable[[], None]] = []
        """Called after every change of a task's state."""
        self.turned: list[Callable[[], object]] = []
        """Called after every turn."""
        self.host.services.install("elbv2")
        self.plane.prober = FakeProber(self._find, self.host.helper(BlackHole).place)  # type: ignore[assignment]
        self.host.services.install("ecs")
        self._watch()
        self.host.listen()
        self.host.run(loop=False)

    @property
    def plane(self) -> Plane:
        return cast(ELBv2, self.host.services.of("elbv2")).plane

    @property
    def engine(self) -> Engine:
        return cast(ECS, self.host.services.of("ecs")).engine

    def client(self, service: str, region: str = "us-east-1") -> Any:
        return self.host.client(service, region)

    def lab(self) -> Lab:
        """A cluster, a network and an image in this cloud."""
        return make_lab(self.client, self.until)

    # -- time -----------------------------------------------------------------------------------

    def turn(self) -> None:
        """One turn of the loop, in which no time passes."""
        self.runtime.turn()
        self.host.step()
        for look in self.turned:
            look()

    def settle(self) -> None:
        """Turn until all is done that takes no time."""
        for _ in range(SETTLED):
            self.turn()

    def pass_time(self, aws_seconds: float) -> None:
        """Let time pass, a second at a time."""
        end = self.clock.time() + aws_seconds
        while self.clock.time() < end:
            self.clock.advance(min(1.0, end - self.clock.time()))
            self.settle()

    def until(self, condition: Callable[[], Any]) -> Any:
        """Let time pass until the condition is true; its value."""
        for _ in range(LONG):
            self.settle()
            if found := condition():
                return found
            self.clock.advance(1.0)
        raise AssertionError(f"not within {LONG} AWS seconds")

    # -- what is in it --------------------------------------------------------------------------

    def services(self) -> list[Service]:
        """The engine's own records."""
        return self.engine.table.services()

    def tasks(self) -> list[Task]:
        """The engine's own records of those that are not STOPPED."""
        return self.engine.table.living()

    def in_rotation(self) -> set[str]:
        """The addresses that load balancers send requests to."""
        return {
            end["endpoint"]["address"]["socket_address"]["address"]
            for group in self.envoy.applied["elbv2"].endpoints
            for place in group["endpoints"]
            for end in place["lb_endpoints"]
        }

    # -- what happens in it ---------------------------------------------------------------------

    def running(self, task: Mapping[str, Any]) -> list[FakeContainer]:
        """The containers of a task that run."""
        identifier = task["taskArn"].rsplit("/", 1)[-1]
        return [one for one in self.runtime.containers if one.spec.key.startswith(f"{identifier}/")]

    def close(self) -> None:
        self.host.close()

    @contextmanager
    def crashed(self) -> Iterator[World]:
        """What starts on the files that this one leaves when it ends without a word."""
        directory = self.host.directory.with_name("again")
        shutil.copytree(self.host.directory, directory)
        self.close()
        again = World(directory)
        try:
            again.host.restore()
            yield again
        finally:
            again.close()

    def _watch(self) -> None:
        table = self.engine.table
        for name in ("enter", "ask_to_stop"):
            setattr(table, name, self._watched(getattr(table, name)))

    def _watched(self, act: Callable[..., None]) -> Callable[..., None]:
        def acts(*given: Any, **named: Any) -> None:
            act(*given, **named)
            for watcher in self.watchers:
                watcher()

        return acts

    def _find(self, address: str) -> Outcome:
        return SICK if self.is_sick(address) else PASSED

    def _program(self, argv: Sequence[str], environment: Mapping[str, str]) -> Program:
        """What the test's image does (tests/embedded/ecs/app), as its environment asks; `check` is a health check."""
        if "check" in argv:
            return Program(exits=int(self.is_sick(environment["DRYDOCK_ADDRESS"])))
        if self.crashes:
            return Program([("stdout", "crashing")], exits=1)
        if environment.get("EXIT"):
            return Program([("stdout", "exiting")], exits=int(environment["EXIT"]))
        handles = {} if environment.get("IGNORE_SIGTERM") else {int(signal.SIGTERM): 0}
        return Program([("stdout", "listening")], handles=handles)
