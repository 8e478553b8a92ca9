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
from tests.support.inline import run_here
from tests.support.nbval import compare

from drydock import concepts
from drydock.figures.figure import MIME
from drydock.notebooks import parameters

HEADINGS = [
    "Question", "Predict first", "What the guides say", "The rule", "Try it", "What it costs", "When it fails",
    "Remember", "Sources",
]  # fmt: skip
WIDGET = "application/vnd.jupyter.widget-view+json"
NAMES = concepts.names()
GIVEN = Path(__file__).parent / "given"


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


def test_the_readme_leads_to_each() -> None:
    readme = (concepts.notebook(NAMES[0]).parents[1] / "README.md").read_text()
    assert [name for name in NAMES if f"(notebooks/{name}.ipynb)" not in readme] == []


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
    explorers = [cell.source for cell in cells(path) if cell.source.startswith("explore(")]
    assert explorers
    for source in explorers:
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


@pytest.mark.timeout(900)
def test_the_committed_outputs_are_what_the_concepts_give(tmp_path: Path) -> None:
    notebooks = [concepts.notebook(name) for name in NAMES]
    compare(*notebooks, scratch=tmp_path, root=notebooks[0].parent)


def given(kind: str) -> list[Any]:
    """Parameters of each notebook and what it says then: [{parameters}, text] under "other" or "wrong" of its file."""
    return [
        pytest.param(name, values, says, id=f"{name}-{n}")
        for name in NAMES
        for n, (values, says) in enumerate(json.loads((GIVEN / f"{name}.json").read_text())[kind])
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_concept_is_run_at_three_other_sets_of_parameters_and_at_a_wrong_one(name: str) -> None:
    sets = json.loads((GIVEN / f"{name}.json").read_text())
    assert len(sets["other"]) >= 3
    assert sets["wrong"]


@pytest.mark.parametrize(("name", "values", "says"), given("other"))
def test_it_runs_headless_with_other_parameters(name: str, values: dict[str, Any], says: str, tmp_path: Path) -> None:
    executed = tmp_path / "out.ipynb"
    assert run_here(concepts.notebook(name), executed, {"solve": True, **values}) is None
    assert says in said(executed)
    assert WIDGET not in said(executed)


@pytest.mark.parametrize(("name", "values", "says"), given("wrong"))
def test_values_that_cannot_be_fail_the_run_and_say_why(
    name: str, values: dict[str, Any], says: str, tmp_path: Path
) -> None:
    assert says in (run_here(concepts.notebook(name), tmp_path / "out.ipynb", values) or "it runs")


@pytest.mark.parametrize("values", [{"base": 1}, {"spot_discount": 70.0}])
def test_a_run_in_this_process_gives_what_a_kernel_gives(values: dict[str, Any], tmp_path: Path) -> None:
    here = run_here(concepts.notebook("capacity-mix"), tmp_path / "here.ipynb", {"solve": True, **values})
    report = concepts.run("capacity-mix", out=tmp_path, given=values)
    assert (here is None) is report.ok
    assert (here or "") in (report.error or "")
    if report.ok:
        assert said(tmp_path / "here.ipynb").count("<table") == said(report.notebook).count("<table")


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
    assert "n is a whole number from 0 to 100000, not 'ten'." in run.stderr


def test_what_is_asked_first_is_not_an_example_of_the_guides() -> None:
    shown = said(concepts.notebook("capacity-mix"))
    assert "put 10 tasks" in shown
    assert "A service wants 15 tasks" in shown
