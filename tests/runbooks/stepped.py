"""Runbooks on a cloud whose time passes only while they wait, their cells in this process, killed where a test says.

A kill is an exception that nothing catches, after which nothing is written any more: the journal is synced line by
line, so a real one leaves the same.
"""

from __future__ import annotations

import importlib
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.stepped import World

from drydock import cloud as clouds
from drydock import ssm
from drydock.cloud import LOCAL_ACCOUNT, Cloud
from drydock.embedded.carriers.usage import Usage
from drydock.labs import Lab
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import steady
from drydock.runbooks import Runbook, executor, runbook, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.model import Plan
from drydock.runbooks.runner import Report

from .conftest import run_cell, sources

Boundary = tuple[str, str, str]
"""A line of the journal, by its event and step, and whether the run is killed "before" or "after" it is written."""


class Killed(BaseException):
    """As by SIGKILL."""


class Death:
    """Ends everything at a boundary: from there on nothing is written and no answer of a call arrives."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._at: Boundary | None = None
        self.dead = False
        self.meanwhile: dict[tuple[str, str], Callable[[], object]] = {}
        """By a line's event and step: what happens once it is written, the first time."""
        note = Evidence.note

        def noted(kept: Evidence, event: str, step: str = "", **more: Any) -> None:
            self._dies((event, step, "before"))
            note(kept, event, step, **more)
            self._dies((event, step, "after"))
            self.meanwhile.pop((event, step), lambda: None)()

        patch.setattr(Evidence, "note", noted)
        for name in ("write", "called"):
            patch.setattr(Evidence, name, self._only_alive(getattr(Evidence, name)))

    def comes(self, at: Boundary | None) -> None:
        """At that boundary, the next time that it is reached."""
        self._at, self.dead = at, False

    def _dies(self, here: Boundary) -> None:
        if self.dead or here == self._at:
            self.dead = True
            raise Killed

    def _only_alive(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def only_alive(*given: Any, **named: Any) -> Any:
            if self.dead:
                raise Killed
            return method(*given, **named)

        return only_alive


@dataclass
class Case:
    """A runbook in the state that its rehearsal prepares, with its parameters.

    cloud   the run's; once it has begun nothing else may change anything by it
    others  the same for everybody else
    """

    world: World
    name: str
    given: Mapping[str, str]
    cloud: Cloud
    others: Cloud
    death: Death
    runs: Path
    prepare: Callable[[], Mapping[str, str]]

    def state(self, plan: Plan) -> dict[str, Any]:
        return executor.observe(self.cloud, plan.looks)

    def planned(self) -> Plan:
        report = runner.run(self.name, {**self.given, "dry_run": "true"}, root=self.runs)
        assert report.ok and report.plan is not None, report.error
        return report.plan

    def apply(self, approve: str, **more: Any) -> Report:
        values = {**self.given, "dry_run": "false", "approve": approve}
        return runner.run(self.name, values, root=self.runs, **more)

    def applied(self, plan: Plan, killed: Boundary | None = None) -> Path:
        """The folder of a run that was applied, or killed there."""
        before = set(self.runs.iterdir())
        report = self.killed(killed, lambda: self.apply(plan.hash))
        assert report is None or report.outcome == "applied", report.error
        return next(iter(set(self.runs.iterdir()) - before))

    def when(self, event: str, step: str, happens: Callable[[], object]) -> None:
        """That happens once the journal has that line, the first time."""
        self.death.meanwhile[event, step] = happens

    def killed(self, at: Boundary | None, act: Callable[[], Any]) -> Any:
        """What it returns; None where it was killed."""
        self.death.comes(at)
        try:
            return act()
        except Killed:
            return None
        finally:
            self.death.comes(None)


def make_base(directory: Path, patch: pytest.MonkeyPatch) -> None:
    """The files of a cloud with lab 00's service."""
    patch.setenv("DRYDOCK_HOME", str(directory.with_name("home")))
    world = World(directory)
    cloud = cloud_of(world)
    done = threading.Event()

    def pass_time() -> None:
        while not done.is_set():
            world.pass_time(5)

    passing = threading.Thread(target=pass_time)
    passing.start()
    try:
        Lab.open("00-start-here", cloud=cloud).set_up(before="kill-a-task")
        steady(cloud, wait_until)
    finally:
        done.set()
        passing.join()
        world.close()


@contextmanager
def opened(base: Path, directory: Path) -> Iterator[World]:
    """A copy of that cloud."""
    shutil.copytree(base, directory)
    world = World(directory)
    try:
        world.host.restore()
        yield world
    finally:
        world.close()


def prepared(world: World, name: str, tmp_path: Path, patch: pytest.MonkeyPatch) -> Case:
    """The runbook on that cloud: its waits let the time pass, its cells run here. Skips where there is no case."""
    patch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    rehearsal = importlib.import_module(f"drydock.rehearsals.{name.replace('-', '_')}")
    if not hasattr(rehearsal, "given"):
        pytest.skip(f"the rehearsal of {name} does not say how its case is prepared: see drydock.rehearsals")
    cloud = cloud_of(world)
    clock = SimpleNamespace(
        monotonic=world.clock.elapsed, sleep=lambda seconds: pass_time(world, seconds * world.clock.speed)
    )
    for module in (executor, runbook, runner):
        patch.setattr(module, "time", clock)
    for module in (runbook, runner):
        patch.setattr(module, "connect", lambda *_, **__: cloud)
    patch.setattr(runner, "execute", in_process)
    patch.setattr(ssm, "run", lambda *_, **__: "")  # no command runs on that cloud

    def until(condition: Callable[[], Any], _: str) -> Any:
        return world.until(condition)

    world.engine.meter.read = lambda _pid: Usage(world.clock.elapsed() / 10, 64 << 20)
    steady(cloud, until)

    def prepare() -> Mapping[str, str]:
        cloud.listeners.clear()
        return dict(rehearsal.given(cloud, until))

    given = prepare()
    runs = tmp_path / "runs"
    runs.mkdir()
    return Case(world, name, given, cloud, cloud_of(world), Death(patch), runs, prepare)


def pass_time(world: World, aws_seconds: float) -> None:
    world.clock.advance(aws_seconds)
    world.settle()


def cloud_of(world: World) -> Cloud:
    """As `connect` makes them of an embedded AWS."""
    endpoint = f"http://127.0.0.1:{world.host.port}"
    cloud = clouds._local("embedded", endpoint, "us-east-1", instance="stepped", speed=world.clock.speed)
    cloud.account = LOCAL_ACCOUNT
    return cloud


def in_process(source: Path, executed: Path, values: Mapping[str, Any], **_: Any) -> str | None:
    """`drydock.notebooks.execution.execute` without a kernel; what it held falls as with one."""
    names: dict[str, Any] = {}
    try:
        declared, *rest = sources(source)
        run_cell(declared, names)
        names |= values
        for cell in rest:
            run_cell(cell, names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        for each in [each for each in names.values() if isinstance(each, Runbook)]:
            each._let_go(fall=True)
    return None
