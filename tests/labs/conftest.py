"""An embedded AWS for the tests of the labs, and a learner's folder for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.labs import Lab


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Instance]:
    """An embedded AWS of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("instance")))
        instance = embedded.start(f"labs-test-{os.getpid()}")
        patch.setenv("DRYDOCK_INSTANCE", instance.name)
        patch.delenv("DRYDOCK_CLOUD", raising=False)
        yield instance
        embedded.stop(instance.name)


@pytest.fixture
def cloud(running: embedded.Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A fresh connection; progress goes to a file of this test's."""
    monkeypatch.setenv("DRYDOCK_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("DRYDOCK_STRICT", "DRYDOCK_SOLVE"):
        monkeypatch.delenv(name, raising=False)
    return connect("embedded", name=running.name)


@pytest.fixture(scope="module")
def lab(
    running: embedded.Instance, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """The lab that the module calls NAME: one for all its tests, which build on each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_PROGRESS", str(tmp_path_factory.mktemp("learner") / "progress.json"))
        patch.delenv("DRYDOCK_STRICT", raising=False)
        patch.delenv("DRYDOCK_SOLVE", raising=False)
        yield Lab.open(request.module.NAME, cloud=connect("embedded", name=running.name))


def state(lab: Lab, step: str) -> tuple[str, str]:
    """What the check says now: its state and its message."""
    found = lab.step(step).check(lab.cloud, lab)
    return found.state, found.message


def until(lab: Lab, step: str, wanted: str, words: str = "") -> None:
    """The check comes to say `wanted`, with these words in its message."""
    eventually(
        lambda: (found := state(lab, step))[0] == wanted and words in found[1],
        f"{step} is {wanted}: {words}",
    )


def solve(lab: Lab, step: str) -> None:
    """Run the reference solution; the check comes to pass."""
    lab.step(step).solve(lab.cloud, lab)
    until(lab, step, "passed")


def update(cloud: Cloud, name: str, **changes: Any) -> None:
    """Change a service of the cluster drydock."""
    cloud.client("ecs").update_service(cluster="drydock", service=name, **changes)
