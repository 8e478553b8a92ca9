"""Secrets of a task definition, looked for in all that a run leaves and says: by the command, by plain papermill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from drydock import cli
from drydock.runbooks import catalogue, runner, seal
from drydock.runbooks.evidence import Evidence

from .conftest import HELLO, deploy, described, registered

PLANTED = {
    "DB_PASSWORD": "hunter2",
    "DATABASE_URL": "postgres://shop:tr0ubador@db.internal/shop",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "SLACK_TOKEN": "q7Gx2LmZ9vTr4",
}
SECRETS = ["hunter2", "tr0ubador", "wJalrXUtnFEMI", "q7Gx2LmZ9vTr4"]
SHOWN = 'print(wanted)\nprint(wanted["containerDefinitions"][0]["environment"], flush=True)\nwanted'


@pytest.fixture(scope="module")
def indiscreet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rollback-service, with a cell that shows all that it has read."""
    folder = tmp_path_factory.mktemp("runbooks")
    notebook = nbformat.read(catalogue.notebook("rollback-service"), as_version=4)
    place = next(n for n, cell in enumerate(notebook.cells) if "wanted = run.look" in cell.source)
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(SHOWN))
    nbformat.write(notebook, folder / "rollback-service.ipynb")
    return folder


@pytest.fixture
def rolled_forward(ecs: Any) -> str:
    """The service has left a revision that holds secrets and is deregistered; its ARN."""
    old = registered(ecs, environment=PLANTED)
    deploy(ecs, old, 1)
    deploy(ecs, registered(ecs, environment={"VERSION": "new"}), 1)
    ecs.deregister_task_definition(taskDefinition=old)
    return old


def leaked(*texts: str) -> list[str]:
    return [secret for secret in SECRETS if any(secret in text for text in texts)]


def files(folder: Path, *but: str) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file() and path.name not in but]


def command(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_no_secret_is_in_what_a_run_leaves_or_says(
    ecs: Any, rolled_forward: str, indiscreet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_RUNBOOKS", str(indiscreet))
    runs = Path(os.environ["DRYDOCK_RUNS"])
    given = [word for name, value in HELLO.items() for word in ("-p", name, value)]
    out = tmp_path / "out.ipynb"
    code, said = command("papermill", str(indiscreet / "rollback-service.ipynb"), str(out), *given)
    assert code == 0, said
    assert "(not shown)" in out.read_text()
    folder = next(runs.glob("*-rollback-service-*"))
    assert leaked(said, out.read_text(), *files(folder)) == []
    assert not (folder / "secrets.json").exists(), "a dry run needs none"
    assert seal.verify(folder).faults == []

    pairs = [word for name, value in HELLO.items() for word in ("-p", f"{name}={value}")]
    plan_hash = Evidence(folder).plan.hash
    code, said = command("drydock.cli", "runbook", "apply", "rollback-service", *pairs, "--approve", plan_hash)
    assert code == 0, said
    applied = next(one for one in runs.glob("*-rollback-service-*") if one != folder)
    assert leaked(said, *files(applied, "secrets.json")) == []
    assert len(leaked(*files(applied))) == len(SECRETS)
    assert f"drydock runbook forget {applied}" in said
    now = ecs.describe_task_definition(taskDefinition=described(ecs)["taskDefinition"])["taskDefinition"]
    assert {one["name"]: one["value"] for one in now["containerDefinitions"][0]["environment"]} == PLANTED

    assert set(PLANTED) <= set(Evidence(applied).forget())
    assert leaked(*files(applied)) == []
    assert runner.roll_back_run(applied).endswith("rolled back"), "this undo needs none of them"
    assert seal.verify(applied).faults == []
    assert leaked(*files(applied)) == []


def test_a_secret_that_is_given_as_a_parameter_leaves_nothing(tmp_path: Path) -> None:
    given = ["-p", "cluster=AKIAIOSFODNN7EXAMPLE", "--runs", str(tmp_path / "runs")]
    done = CliRunner().invoke(cli.app, ["runbook", "plan", "scale-service", *given])
    assert done.exit_code == 2
    assert "cluster has what looks like a key, a token or a password in it" in " ".join(done.output.split())
    assert "AKIA" not in done.output
    assert not (tmp_path / "runs").exists()
