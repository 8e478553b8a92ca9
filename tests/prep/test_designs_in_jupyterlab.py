"""A design exercise in JupyterLab in a real browser: a bad design and a good one by typing, on light and on dark."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock.prep import questions

PARAMETERS = ".jp-Notebook .jp-CodeCell .cm-content"
DARK = "async () => { await window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'}) }"


def name(page: Any, design: str, before: str) -> None:
    """Type the name of a design between the quotes of the second line of the parameters."""
    page.locator(PARAMETERS).first.click()
    for key in ("Control+Home", "ArrowDown", "Home", *["ArrowRight"] * len('design = "'), *["Delete"] * len(before)):
        page.keyboard.press(key)
    page.keyboard.type(design)


@pytest.mark.timeout(200)
def test_a_bad_and_a_good_design_are_run_and_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    shutil.copytree(questions.directory(), root / "notebooks" / "prep")
    monkeypatch.setenv("DRYDOCK_NOTEBOOKS", str(root / "notebooks"))
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/designs.ipynb")
        name(page, "all-spot", "")
        bad = " ".join(run_all(page))
        assert "26 of 100, not passed: Spot has no capacity" in bad
        page.evaluate(DARK)
        name(page, "reference", "all-spot")
        assert "100 of 100, passed" in " ".join(run_all(page))
        found = Axe().run(page, context=".jp-OutputArea-output").response["violations"]
        grave = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert grave == []
