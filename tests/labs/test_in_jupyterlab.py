"""A learner's copy of a lab opened in JupyterLab in a real browser, and run there as a learner does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock import embedded
from drydock.labs import catalogue, copies

SHOWN = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    return [model.dirty, ...[...Array(model.cells.length).keys()].map(i => model.cells.get(i).toJSON())];
}"""


SET = """([place, source]) =>
    window.jupyterapp.shell.currentWidget.content.model.cells.get(place).sharedModel.setSource(source)"""
RUN = """async place => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = place;
    await window.jupyterapp.commands.execute('notebook:run-cell');
}"""


@pytest.fixture(autouse=True)
def _a_learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DRYDOCK_CLOUD", raising=False)
    copies.bring()


@pytest.mark.timeout(300)
def test_the_first_lab_runs_from_top_to_bottom(tmp_path: Path) -> None:
    try:
        with serving(copies.folder(), tmp_path) as url, browsing() as page:
            opened(page, url, "labs/00-start-here/00-start-here.ipynb")
            text = "\n".join(run_all(page))
    finally:
        embedded.stop()
    assert "Traceback" not in text
    assert text.count("passed") >= 6
    assert "not started" not in text
    assert "Nothing is deleted yet" in text


@pytest.mark.timeout(120)
def test_a_lab_that_is_opened_shows_nothing_as_done(tmp_path: Path) -> None:
    with serving(copies.folder(), tmp_path) as url, browsing() as page:
        opened(page, url, "labs/04-task-definitions/04-task-definitions.ipynb")
        dirty, *cells = page.evaluate(SHOWN)
        tab = page.inner_text(".jp-mod-current.lm-TabBar-tab")
        page.locator(".jp-Notebook").screenshot(path=str(tmp_path / "opened.png"))
    code: list[dict[str, Any]] = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 40
    assert {json.dumps(cell["outputs"]) for cell in code} == {"[]"}
    assert {cell["execution_count"] for cell in code} == {None}
    assert not dirty
    assert tab.strip() == "04-task-definitions.ipynb"


@pytest.mark.timeout(180)
def test_a_solution_is_put_into_the_cell_by_its_button(tmp_path: Path) -> None:
    notebook = copies.notebook("04")
    cells = nbformat.read(notebook, as_version=4).cells
    turn = next(place for place, cell in enumerate(cells) if cell.source == 'lab.your_turn("broken-size")')
    hints = next(place for place, cell in enumerate(cells) if cell.source.startswith('# lab.hint("broken-size")'))
    try:
        with serving(copies.folder(), tmp_path) as url, browsing() as page:
            opened(page, url, "labs/04-task-definitions/04-task-definitions.ipynb")
            page.evaluate(SET, [hints, 'lab.solution("broken-size")'])
            for place in (1, 2, hints):
                page.evaluate(RUN, place)
            page.click("text=Put it into my cell")
            page.locator(".jp-Notebook").screenshot(path=str(tmp_path / "solution.png"))
            answer = page.evaluate(SHOWN)[1 + turn + 1]
    finally:
        embedded.stop()
    assert "".join(answer["source"]) == catalogue.load("04").steps["broken-size"].source()
