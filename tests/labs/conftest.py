"""An embedded AWS for the tests of the labs, and a learner's folder for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import embedded
from drydock.cloud import Cloud, connect


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
