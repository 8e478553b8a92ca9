"""A concept opened in JupyterLab in a real browser: its slider is moved, and its figure and table follow."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock import concepts

SLIDERS = ".widget-hslider .noUi-handle"
FOLLOWED = "text => document.querySelector('.widget-hslider').closest('.jp-Cell').innerText.includes(text)"
SHOW = """async text => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const cells = [...Array(notebook.model.cells.length).keys()].map(i => notebook.model.cells.get(i));
    await notebook.scrollToItem(cells.findIndex(cell => cell.sharedModel.source.startsWith(text)), 'start');
}"""


@pytest.mark.timeout(300)
def test_the_figure_follows_the_arrow_keys_and_the_mouse_and_survives_a_reload(tmp_path: Path) -> None:
    root = tmp_path / "notebooks"
    root.mkdir()
    shutil.copy(concepts.notebook("capacity-mix"), root)
    with browsing(tmp_path) as page, serving(root, tmp_path) as url:
        opened(page, url, "capacity-mix.ipynb")
        run_all(page)
        tasks = _slider(page)
        page.wait_for_function(FOLLOWED, arg="Tasks wanted: 10. On FARGATE: 4, on FARGATE_SPOT: 6")
        tasks.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(FOLLOWED, arg="Tasks wanted: 11. On FARGATE: 4, on FARGATE_SPOT: 7")
        box = tasks.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 2000, box["y"], steps=10)
        page.mouse.up()
        page.wait_for_function(FOLLOWED, arg="Tasks wanted: 100. On FARGATE: 22, on FARGATE_SPOT: 78")
        page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
        opened(page, url, "capacity-mix.ipynb")
        _slider(page).focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(FOLLOWED, arg="Tasks wanted: 99. On FARGATE: 21, on FARGATE_SPOT: 78")


def _slider(page: Any) -> Any:
    """The first slider. JupyterLab draws a cell only as it comes into view."""
    page.evaluate(SHOW, "explore(")
    found = page.locator(SLIDERS).first
    found.wait_for()
    found.scroll_into_view_if_needed()
    return found
