"""Processes of a run killed while it works: all of them, its kernel alone, or asked to end.

`make kill-runbooks` does it to every runbook at every line of its journal; else it is scale-service, once for each way.
tests/runbooks/test_every_boundary.py has all lines of all runbooks, without processes.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from drydock.cloud import Cloud, connect
from drydock.notebooks.instances import own_instance
from drydock.notebooks.wait import wait_until
from drydock.rehearsals import set_up
from drydock.rehearsals.common import steady
from drydock.runbooks import catalogue, executor, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.model import Plan, changes_in_words

ALL = bool(os.environ.get("DRYDOCK_KILL_RUNBOOKS"))
NAMES = catalogue.names() if ALL else ["scale-service"]
SIGNALS = {"all": signal.SIGKILL, "kernel": signal.SIGKILL, "asked": signal.SIGTERM}
WAYS = [*SIGNALS] if ALL else ["all", "kernel"]  # test_runs.py has the third


def drydock(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "drydock.cli", "runbook", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill(process: subprocess.Popen[str], way: str) -> None:
    mine = psutil.Process(process.pid)
    kernels = mine.children(recursive=True)
    for one in {"all": [mine, *kernels], "kernel": kernels, "asked": [mine]}[way]:
        one.send_signal(SIGNALS[way])


def cut(name: str, given: Mapping[str, str], plan: Plan, runs: Path, way: str, lines: int) -> Evidence:
    """The folder of a run whose processes were killed once its journal had so many lines, if it ever had."""
    before = set(runs.iterdir())
    words = [word for pair in given.items() for word in ("-p", "=".join(pair))]
    process = drydock("apply", name, *words, "--approve", plan.hash, "--runs", str(runs))
    deadline = time.monotonic() + 120
    folders: set[Path] = set()
    while process.poll() is None and (not folders or len(Evidence(min(folders)).journal()) < lines):
        assert time.monotonic() < deadline
        folders = set(runs.iterdir()) - before
        time.sleep(0.01)
    with suppress(psutil.NoSuchProcess):
        kill(process, way)
    process.communicate(timeout=120)
    return Evidence(min(folders))


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Lab 00's service: of the tests' own cloud for one runbook, of a fresh one for each of all."""
    if not ALL:
        yield request.getfixturevalue("cloud")
        return
    with own_instance():
        cloud = connect()
        set_up(cloud)
        yield cloud


@pytest.mark.timeout(3600 if ALL else 180)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_a_run_whose_processes_are_killed_comes_to_one_end_or_the_other(
    place: Cloud, name: str, way: str, tmp_path: Path
) -> None:
    rehearsal = importlib.import_module(f"drydock.rehearsals.{name.replace('-', '_')}")
    if not hasattr(rehearsal, "given"):
        pytest.skip(f"the rehearsal of {name} does not say how its case is prepared: see drydock.rehearsals")
    steady(place, wait_until)
    place.listeners.clear()
    given = rehearsal.given(place, wait_until)
    runs = tmp_path / "runs"
    plan = planned(name, given, runs)
    if not plan.changes:  # it only reads: whenever it is killed, there is nothing to go on with
        for number in (0, 1):
            kept = cut(name, given, plan, runs, way, number)
            assert executor.observe(place, plan.looks) == plan.state
            assert "changed nothing" in drydock("resume", str(kept.folder)).communicate(timeout=180)[0]
        assert planned(name, given, runs).hash == plan.hash
        return
    for number in range(1, 4 * len(plan.steps) + 3) if ALL else [2]:
        there_only = any(step.undo is None for step in plan.changes)
        kept = cut(name, given, plan, runs, way, number)
        if not outcome(kept):
            assert way == "all"
            said = drydock("resume", str(kept.folder)).communicate(timeout=180)[0]
            assert outcome(kept) in ("applied", "rolled back"), said
        if there_only:
            assert outcome(kept) == "applied" or way != "all", (number, outcome(kept))
            return  # what it has used up is gone: the other lines are for test_every_boundary.py
        if outcome(kept) == "applied":
            said = drydock("roll-back", str(kept.folder)).communicate(timeout=180)[0]
        assert outcome(kept) == "rolled back", (number, outcome(kept))
        assert changes_in_words(plan.state, executor.observe(place, plan.looks)) == ""
        plan = planned(name, given, runs)


def planned(name: str, given: Mapping[str, str], runs: Path) -> Plan:
    """A plan of the state as it is now: some name what is another after every deployment."""
    report = runner.run(name, {**given, "dry_run": "true"}, root=runs)
    assert report.ok and report.plan is not None, report.error
    return report.plan


def outcome(kept: Evidence) -> Any:
    return executor.progress(kept.journal()).outcome
