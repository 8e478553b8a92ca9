"""A group of containers as its owner sees it, whoever that is."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.runtime import FakeRuntime, Program
from tests.support.stepped import AtOnce

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.runtime import ContainerSpec
from drydock.embedded.core.clock import ManualClock
from drydock.embedded.workload.group import Group, Member, OnExit
from drydock.images import ImageConfig
from drydock.policy.dependencies import COMPLETE, HEALTHY, Container
from drydock.policy.health import Health, HealthCheck

CHECK = HealthCheck(("CMD", "check"), interval=10, retries=2)


class Later(AtOnce):
    """Work that waits to be let go."""

    def __init__(self) -> None:
        self.work: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.work.append((future, partial(work, *given, **named)))
        return future

    def go(self) -> None:
        for future, work in self.work:
            future.set_result(work())


class Pod:
    """Containers whose programs do what their name says."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock()
        self.runtime = FakeRuntime(self.clock, lambda argv, _: self.programs.get(argv[0]))
        self.programs: dict[str, Program] = {
            "runs": Program(handles={signal.SIGTERM: 0}),
            "stays": Program(),
            "ends": Program(exits=3),
            "check": Program(exits=0),
        }
        self.host = AWS(directory, clock=self.clock, runtime=self.runtime)
        self.host.pool.shutdown()
        self.host.pool = AtOnce()  # type: ignore[assignment]

    def spec(self, name: str, on_exit: OnExit) -> ContainerSpec:
        return ContainerSpec(
            key=f"pod/{name}", image=ImageConfig(), layers=(), state=self.host.directory / name,
            command=(name.split("-")[0],), environment={}, address="127.0.0.1",
            on_output=lambda _stream, _line: None, on_exit=on_exit,
        )  # fmt: skip

    def group(self, *members: Member) -> Group:
        return Group(self.host, members)

    def start(self, group: Group) -> list[str]:
        """Those that run by it."""
        names = []
        while group.start(self.spec):
            names += [name for name, refused in group.started() if refused is None]
        return names


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(tmp_path / "aws")
    yield pod
    pod.host.close()


def member(name: str, *after: tuple[str, str], check: HealthCheck | None = None, stop_timeout: float = 30) -> Member:
    return Member(Container(name, depends_on=after), check, stop_timeout)


def test_containers_start_as_what_they_wait_for_has_come_about(pod: Pod) -> None:
    group = pod.group(
        member("runs", ("ends", COMPLETE), ("runs-proxy", HEALTHY)), member("runs-proxy", check=CHECK), member("ends")
    )
    assert pod.start(group) == ["runs-proxy", "ends"]
    assert (group.complete, group.health("runs-proxy"), group.health("runs")) == (False, Health.UNKNOWN, None)
    assert [(name, exit.code) for name, exit in group.exits()] == [("ends", 3)]
    assert group.exits() == []
    assert pod.start(group) == []
    pod.clock.advance(10)
    assert group.probe() == []  # it is sent
    assert group.probe() == ["runs-proxy"]
    assert group.health("runs-proxy") is Health.HEALTHY
    assert pod.start(group) == ["runs"]
    assert group.complete and group.alive() == ["runs-proxy", "runs"]


def test_what_no_longer_can_start_is_said(pod: Pod) -> None:
    group = pod.group(member("runs", ("ends", "SUCCESS")), member("ends"))
    pod.start(group)
    group.exits()
    assert [(one.container, one.dependency) for one in group.stuck()] == [("runs", "ends")]


def test_one_that_cannot_start_says_why_and_is_not_tried_again(pod: Pod) -> None:
    group = pod.group(member("unknown"), member("runs"))
    assert group.start(pod.spec)
    (name, why), other = group.started()
    assert (name, other) == ("unknown", ("runs", None)) and "executable file not found" in str(why)
    assert (group.started(), group.start(pod.spec), group.alive(), group.complete) == ([], False, ["runs"], True)


def test_a_group_is_not_over_while_one_is_about_to_start(pod: Pod) -> None:
    pod.host.pool = waiting = Later()  # type: ignore[assignment]
    group = pod.group(member("runs"))
    assert group.start(pod.spec) and not group.start(pod.spec)
    assert (group.started(), group.alive(), group.over, group.complete) == ([], [], False, False)
    waiting.go()
    assert group.started() == [("runs", None)]
    group.stop()
    assert not group.over  # as long as nobody has asked what ended
    group.exits()
    assert group.over


def test_containers_stop_in_reverse_and_each_has_its_time(pod: Pod) -> None:
    group = pod.group(member("runs", ("stays", "START")), member("stays", stop_timeout=120))
    pod.start(group)
    group.stop()
    assert [name for name, _ in group.exits()] == ["runs"]
    for _ in range(2):
        group.stop()
    assert group.exits() == []
    pod.clock.advance(119)
    pod.runtime.turn()
    assert group.alive() == ["stays"]
    pod.clock.advance(1)
    pod.runtime.turn()
    assert [(name, exit.code) for name, exit in group.exits()] == [("stays", 137)]
    assert group.alive() == []


def test_health_changes_are_told_once(pod: Pod) -> None:
    group = pod.group(member("runs", check=CHECK))
    pod.start(group)
    told = []
    for exits in (0, 0, 1, 1, 1, 0):
        pod.programs["check"] = Program(exits=exits)
        pod.clock.advance(10)
        told.append([*group.probe(), *group.probe()] and group.health("runs"))
    assert told == [Health.HEALTHY, [], [], Health.UNHEALTHY, [], Health.HEALTHY]


def test_a_group_is_idle_until_something_comes_about(pod: Pod) -> None:
    group = pod.group(member("runs", check=CHECK))
    pod.start(group)
    assert not group.is_idle(pod.clock.time())
    group.probe()
    assert group.is_idle(pod.clock.time())
    pod.clock.advance(9)
    assert group.is_idle(pod.clock.time())
    pod.clock.advance(1)
    assert not group.is_idle(pod.clock.time())
    group.probe()
    assert not group.is_idle(pod.clock.time())  # the result has not been looked at
    assert (group.probe(), group.is_idle(pod.clock.time())) == (["runs"], True)
    [container] = pod.runtime.containers
    pod.runtime.end(container, 1)
    assert not group.is_idle(pod.clock.time())
    group.exits()
    pod.clock.advance(100)
    group.probe()
    assert group.is_idle(pod.clock.time())


def test_a_group_that_is_killed_is_gone_at_once(pod: Pod) -> None:
    group = pod.group(member("stays"), member("stays-too"))
    pod.start(group)
    group.kill()
    pod.runtime.turn()
    assert len(group.exits()) == 2 and pod.runtime.containers == []
