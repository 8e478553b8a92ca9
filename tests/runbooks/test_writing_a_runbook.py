"""The runbook in docs/writing-a-runbook.md: its cells are planned, applied and undone as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.support.stepped import World

from drydock.runbooks import catalogue, parameters, runbook, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.runner import Report

from .stepped import cloud_of, in_process
from .test_parameters import HEADINGS

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-runbook.md"


def notebook() -> Any:
    """The cells between the page's two marks."""
    example = PAGE.read_text().partition("<!-- runbook: retain-logs -->")[2].partition("<!-- end of runbook -->")[0]
    cells = []
    for kind, source in re.findall(r"```(\S+(?: parameters)?)\n(.*?)\n```", example, re.DOTALL):
        if kind == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(source))
        else:
            tags = {"tags": ["parameters"]} if kind.endswith("parameters") else {}
            cells.append(nbformat.v4.new_code_cell(source, metadata=tags))
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """CloudWatch Logs with two groups; the example is the one runbook there is."""
    folder = tmp_path / "runbooks"
    folder.mkdir()
    nbformat.write(notebook(), folder / "retain-logs.ipynb")
    monkeypatch.setenv("DRYDOCK_RUNBOOKS", str(folder))
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    world = World(tmp_path / "world")
    cloud = cloud_of(world)
    for module in (runbook, runner):
        monkeypatch.setattr(module, "connect", lambda *_, **__: cloud)
    monkeypatch.setattr(runner, "execute", in_process)
    client = world.client("logs")
    for name in ("/ecs/backend", "/ecs/backend-of-others"):
        client.create_log_group(logGroupName=name)
    yield client
    world.close()


def retained(client: Any) -> dict[str, Any]:
    found = client.describe_log_groups()["logGroups"]
    return {one["logGroupName"]: one.get("retentionInDays") for one in found}


def run(**given: Any) -> Report:
    return runner.run("retain-logs", {name: str(value) for name, value in given.items()})


def applied(**given: Any) -> Report:
    planned = run(**given)
    assert planned.plan is not None and planned.outcome == "planned", planned.error
    return run(**given, dry_run=False, approve=planned.plan.hash)


@pytest.mark.parametrize("before", [None, 7])
def test_the_example_is_planned_applied_and_undone(logs: Any, before: int | None) -> None:
    if before:
        logs.put_retention_policy(logGroupName="/ecs/backend", retentionInDays=before)
    start = retained(logs)
    report = applied(days=30)
    assert report.outcome == "applied", report.error
    assert retained(logs) == {"/ecs/backend": 30, "/ecs/backend-of-others": None}
    assert run(days=30).outcome == "nothing to change"
    assert runner.roll_back_run(report.folder).endswith("rolled back")
    kept = Evidence(report.folder)
    assert kept.read("after.json") == kept.read("before.json")
    assert retained(logs) == start


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"days": 31}, "CloudWatch Logs has no retention of 31 days"),
        ({"log_group": "/ecs/back"}, "There is no log group /ecs/back in us-east-1"),
    ],
)
def test_the_example_refuses_what_cannot_be(logs: Any, given: dict[str, Any], says: str) -> None:
    report = run(**given)
    assert report.outcome == "refused" and says in str(report.error)


def test_what_does_not_come_back_is_in_the_title(logs: Any) -> None:
    for before, days, lost in ((None, 30, True), (7, 30, False), (90, 30, True)):
        if before:
            logs.put_retention_policy(logGroupName="/ecs/backend", retentionInDays=before)
        plan = run(days=days).plan
        assert plan is not None and ("does not come back" in plan.steps[0].title) is lost


def test_the_example_has_the_headings_and_the_parameters_of_all_runbooks(logs: Any) -> None:
    lines = [line for cell in notebook().cells for line in cell.source.splitlines() if cell.cell_type == "markdown"]
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == HEADINGS
    declared = parameters.declared(catalogue.notebook("retain-logs"))
    assert next(iter(declared.defaults.items())) == ("dry_run", True)
    assert all(declared.helps.values())
