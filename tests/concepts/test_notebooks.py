"""The concept notebooks as committed, strictly compared; and run headless with other parameters."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.support.nbval import compare

from drydock import concepts
from drydock.figures.figure import MIME
from drydock.notebooks import parameters

HEADINGS = [
    "Question", "Predict first", "What the guides say", "The rule", "Try it", "What it costs", "When it fails",
    "Remember", "Sources",
]  # fmt: skip
WIDGET = "application/vnd.jupyter.widget-view+json"
NAMES = ["capacity-mix", "fargate-or-ec2", "rolling-bounds"]


def cells(path: Path) -> list[Any]:
    return list(nbformat.read(path, as_version=4).cells)


def outputs(path: Path) -> list[Any]:
    return [output for cell in cells(path) if cell.cell_type == "code" for output in cell.outputs]


def said(path: Path) -> str:
    """All text of the outputs, figures and tables too, with its blanks made single."""
    return " ".join(json.dumps(outputs(path), ensure_ascii=False).split())


def explored(path: Path) -> list[Any]:
    """The outputs of the cell with the sliders."""
    return next(cell.outputs for cell in cells(path) if cell.source.startswith("explore("))


def test_they_are_all_there() -> None:
    assert set(NAMES) <= set(concepts.names())


@pytest.mark.parametrize("name", NAMES)
def test_a_concept_has_the_headings_in_order(name: str) -> None:
    prose = [cell.source for cell in cells(concepts.notebook(name)) if cell.cell_type == "markdown"]
    lines = "\n".join(prose).splitlines()
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == HEADINGS


@pytest.mark.parametrize("name", NAMES)
def test_a_concept_is_small_and_its_parameters_are_plain(name: str) -> None:
    path = concepts.notebook(name)
    assert path.stat().st_size < 500_000
    assert {"prediction": "", "solve": False}.items() <= parameters.defaults(path).items()
    assert "error" not in {output.output_type for output in outputs(path)}
    for cell in cells(path):
        if cell.cell_type == "code":
            functions = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.FunctionDef)]
            assert all((one.end_lineno or 0) - one.lineno < 10 for one in functions)


@pytest.mark.parametrize("name", NAMES)
def test_each_control_has_a_parameter_that_replaces_it(name: str) -> None:
    path = concepts.notebook(name)
    [source] = [cell.source for cell in cells(path) if cell.source.startswith("explore(")]
    call = ast.parse(source).body[0]
    assert isinstance(call, ast.Expr) and isinstance(call.value, ast.Call)
    for control in call.value.keywords:
        assert isinstance(control.value, ast.Call) and isinstance(control.value.args[0], ast.Name)
        assert control.value.args[0].id == control.arg
        assert control.arg in parameters.defaults(path)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_outputs_have_figures_and_give_no_answer_away(name: str) -> None:
    path = concepts.notebook(name)
    assert any(MIME in output.data for output in explored(path))
    assert any("<table" in output.data.get("text/html", "") for output in explored(path))
    text = said(path)
    assert WIDGET not in text
    assert "Not answered yet" in text
    assert "The answer:" not in text


@pytest.mark.parametrize("name", NAMES)
def test_no_text_has_a_dollar_sign_which_jupyterlab_takes_for_mathematics(name: str) -> None:
    path = concepts.notebook(name)
    assert "$" not in said(path)
    assert not [cell.source for cell in cells(path) if cell.cell_type == "markdown" and "$" in cell.source]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_outputs_are_what_the_concept_gives(name: str, tmp_path: Path) -> None:
    compare(concepts.notebook(name), tmp_path, root=concepts.notebook(name).parent)


OTHER = [
    ("capacity-mix", {"n": 40, "base": 1}, "Tasks wanted: 40. On FARGATE: 9, on FARGATE_SPOT: 31"),
    ("capacity-mix", {"n": 1}, "Tasks wanted: 1. On FARGATE: 1, on FARGATE_SPOT: 0"),
    ("capacity-mix", {"base": 0, "fargate_weight": 0, "spot_discount": 0.5}, "On FARGATE: 0, on FARGATE_SPOT: 10"),
    ("rolling-bounds", {"desired_count": 10, "minimum_healthy_percent": 100, "maximum_percent": 110}, "after 20"),
    ("rolling-bounds", {"desired_count": 3, "minimum_healthy_percent": 100, "maximum_percent": 125}, "it never moves"),
    ("rolling-bounds", {"desired_count": 4, "minimum_healthy_percent": 0, "maximum_percent": 100}, "nobody serves"),
    ("fargate-or-ec2", {"tasks": 50, "memory": 4096, "instance_type": "m5.large"}, "they meet at 82 %"),
    ("fargate-or-ec2", {"instance_type": "m7g.xlarge", "tasks_percent": 80}, "16 GB, arm64): they meet at 88 %"),
    ("fargate-or-ec2", {"cpu": 256, "memory": 512, "tasks": 1, "spot_discount": 0.3}, "Fargate Spot at 30 % off"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "says"), OTHER, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(OTHER)])
def test_it_runs_headless_with_other_parameters(name: str, given: dict[str, Any], says: str, tmp_path: Path) -> None:
    report = concepts.run(name, out=tmp_path, given=given, progress_bar=False)
    assert report.error is None
    assert says in said(report.notebook)
    assert WIDGET not in said(report.notebook)


WRONG = [
    ("capacity-mix", {"fargate_weight": 0, "spot_weight": 0}, "a weight value greater than zero"),
    ("capacity-mix", {"spot_discount": 70.0}, "from 0 to 1"),
    ("rolling-bounds", {"minimum_healthy_percent": 100, "maximum_percent": 100}, "cannot be 100"),
    ("rolling-bounds", {"desired_count": -1}, "desired_count is a whole number from 0 to 5000, not -1"),
    ("fargate-or-ec2", {"memory": 512}, "With 1024 CPU units it has 2048, 3072"),
    ("fargate-or-ec2", {"instance_type": "m9.large"}, "No dated price for instance_type 'm9.large'"),
]


@pytest.mark.parametrize(("name", "given", "says"), WRONG, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(WRONG)])
def test_values_that_cannot_be_fail_the_run_and_say_why(
    name: str, given: dict[str, Any], says: str, tmp_path: Path
) -> None:
    report = concepts.run(name, out=tmp_path, given=given, progress_bar=False)
    assert not report.ok
    assert says in (report.error or "")


def test_plain_papermill_gives_a_figure_and_a_table_to_read(tmp_path: Path) -> None:
    executed = tmp_path / "out.ipynb"
    subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "-p", "n", "40",
         str(concepts.notebook("capacity-mix")), str(executed)],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert [list(output.data) for output in explored(executed)] == [[MIME, "text/plain"], ["text/html", "text/plain"]]
    assert "Not answered yet" in said(executed)


def test_plain_papermill_takes_text_for_a_number_and_the_notebook_does_not(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "-p", "n", "ten",
         str(concepts.notebook("capacity-mix")), str(tmp_path / "out.ipynb")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode
    assert "n is a whole number of 0 or more, not 'ten'." in run.stderr


def test_what_is_asked_first_is_not_an_example_of_the_guides() -> None:
    shown = said(concepts.notebook("capacity-mix"))
    assert "put 10 tasks" in shown
    assert "A service wants 15 tasks" in shown
