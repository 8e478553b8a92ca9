"""What was done before a lab's last clean-up does not count, whatever of it can still be seen in the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.labs import Lab
from drydock.labs.step import Kind
from drydock.ledger import sweep

from .conftest import solve


@pytest.fixture(scope="module")
def at_work(running: embedded.Instance) -> Iterator[Cloud]:
    yield connect("embedded", name=running.name)


@pytest.fixture(autouse=True)
def _a_learner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRYDOCK_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("DRYDOCK_STRICT", "DRYDOCK_SOLVE"):
        monkeypatch.delenv(name, raising=False)


def done(lab: Lab, *steps: str) -> Lab:
    """The lab with these steps done, or all, each as its check wants it."""
    lab.set_up()
    for step in lab.steps:
        if not steps or step.name in steps:
            if step.kind is Kind.DRILL:
                lab.break_it(step.name)
            solve(lab, step.name)
            assert lab.check(step.name, within=60).passed
    return lab


def passing(lab: Lab, *steps: str) -> list[str]:
    """The steps whose checks pass, of these or of all."""
    return [
        step.name for step in lab.steps if step.name in (steps or lab.outline.steps) and lab.check(step.name).passed
    ]


TRACES = {
    "04-task-definitions": ("run-one-task", "rotate-secret"),
    "05-services": ("exec", "kill-a-task", "bad-job"),
}
"""Steps of a lab that look at what stays in the cloud after what was done."""


@pytest.mark.timeout(240)
def test_so_it_is_where_another_lab_still_holds_what_they_look_at(at_work: Cloud) -> None:
    Lab.open("06-discovery", cloud=at_work).set_up()
    for name, steps in TRACES.items():
        lab = done(Lab.open(name, cloud=at_work), *steps)
        lab.clean_up(sure=True)
        lab.set_up()
        assert passing(lab, *steps) == []
    sweep(at_work)


@pytest.mark.timeout(120)
def test_a_sweep_from_the_command_line_begins_a_round_too(at_work: Cloud) -> None:
    lab = done(Lab.open("02-images", cloud=at_work), "build-images")
    sweep(at_work)
    assert passing(lab, "build-images") == []
    lab.step("build-images").solve(lab.cloud, lab)
    assert lab.check("build-images").passed


def test_a_step_done_again_in_the_new_round_counts(at_work: Cloud) -> None:
    lab = done(Lab.open("00-start-here", cloud=at_work))
    lab.clean_up(sure=True)
    assert done(lab).check("kill-a-task").passed
    lab.clean_up(sure=True)
