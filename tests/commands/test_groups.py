"""`drydock runbook`, `drydock concept` and `drydock prep`, as a shell sees them."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from drydock import embedded, rehearsals
from drydock.runbooks import catalogue


def drydock(*arguments: str, code: int = 0, **environment: str) -> str:
    """Run it; all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("group", "says"),
    [("runbook", "scale-service +Scale a service"), ("concept", "capacity-mix"), ("prep", "quiz +Quiz")],
)
def test_what_there_is_is_listed(group: str, says: str) -> None:
    assert re.search(says, drydock(group, "list"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("runbook", "plan", "nope"), f"There are: {', '.join(catalogue.names())}"),
        (("runbook", "plan", "scale-service", "-p", "desired_count=-1"), "greater than or equal to 0"),
        (("runbook", "plan", "scale-service", "-p", "desired_cuont=1"), "There is no parameter 'desired_cuont'"),
        (("runbook", "plan", "scale-service", "-p", "desired_count"), "name=value"),
        (("runbook", "apply", "scale-service", "--approve", "yes"), "should match pattern"),
        (("runbook", "roll-back", "nowhere"), "holds no plan.json"),
        (("runbook", "resume", "nowhere"), "holds no plan.json"),
        (("runbook", "approve", "nowhere", "--by", "alice"), "nowhere: No such file or directory"),
        (("runbook", "key", "a/b"), "'a/b' is no name"),
        (("runbook", "apply", "scale-service", "--approve", "a", "--approval", "b"), "give one of the two"),
        (("runbook", "apply", "scale-service", "--auto-approve", "all"), "is not one of 'reads'"),
        (("concept", "run", "nope"), "There are: add-ons, app-mesh-after-its-end"),
        (("concept", "run", "capacity-mix", "-p", "taks=1"), "There is no parameter 'taks'"),
        (("prep", "run", "nope"), "there are cards, "),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    said = " ".join(
        drydock(*arguments, code=2, DRYDOCK_HOME=str(tmp_path), DRYDOCK_RUNS=str(tmp_path / "runs")).split()
    )
    assert says in said
    assert not (tmp_path / "runs").exists()


def test_cards_answered_headless_leave_the_learners_own_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    out = str(tmp_path / "out")
    said = drydock("prep", "run", "cards", "--out", out, "-p", "answers=3 1 4", DRYDOCK_PREP=str(mine))
    assert "passed" in said
    assert not mine.exists()
    assert (tmp_path / "out" / "cards.html").exists()


def test_a_notebook_that_fails_fails_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cells = [
        nbformat.v4.new_markdown_cell("# Broken"),
        nbformat.v4.new_code_cell("solve = False", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("assert 1 + 1 == 3, 'arithmetic'"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "capacity-mix.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=cells[:2]), folder / "sound.ipynb")
    out = str(tmp_path / "out")
    said = drydock("concept", "run", "--out", out, "--jobs", "2", code=1, DRYDOCK_NOTEBOOKS=str(folder))
    assert "1 of 2 passed" in said
    assert "AssertionError: arithmetic" in said


def test_every_runbook_has_a_rehearsal() -> None:
    names = [module.name for module in pkgutil.iter_modules(rehearsals.__path__) if not module.ispkg]
    acting = [name for name in names if hasattr(importlib.import_module(f"drydock.rehearsals.{name}"), "rehearse")]
    assert {name.replace("_", "-") for name in acting} == set(catalogue.names())


def test_a_rehearsal_plans_applies_and_undoes_and_leaves_nothing_running(tmp_path: Path) -> None:
    home = tmp_path / "home"
    runs = tmp_path / "runs"
    said = drydock("runbook", "rehearse", "scale-service", "--runs", str(runs), DRYDOCK_HOME=str(home))
    for done in ("dry run", "stale approval refused", "applied and verified", "rolled back to the state before"):
        assert done in said
    assert len(list((runs / "scale-service").glob("*/report.html"))) == 2
    assert [one.name for one in embedded.instances() if one.name.startswith("labs-")] == []


def test_a_plan_is_printed_with_its_difference_and_how_to_apply_it(tmp_path: Path) -> None:
    settings = {"DRYDOCK_HOME": str(tmp_path), "DRYDOCK_INSTANCE": "groups", "DRYDOCK_RUNS": str(tmp_path / "runs")}
    try:
        drydock("up", "--name", "groups", **settings)
        said = drydock("runbook", "plan", "scale-service", code=1, **settings)
        assert "ClusterNotFoundException" in said
        assert re.search(r"Evidence: \S+runs/\d{8}T\d{6}Z-scale-service-[0-9a-f]{6}", said)
    finally:
        drydock("down", "--name", "groups", **settings)
