"""A lab opened in JupyterLab in a real browser, and run there as a learner does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support import jupyterlab

from drydock import embedded
from drydock.labs import catalogue


@pytest.mark.timeout(300)
def test_the_first_lab_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "labs"
    shutil.copytree(catalogue.directory(), root)
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    try:
        with (
            jupyterlab.server(root, tmp_path, {"DRYDOCK_LABS": str(root)}) as url,
            jupyterlab.browser() as chromium,
        ):
            cells = jupyterlab.run_all(jupyterlab.opened(chromium, url, "00-start-here/lab.ipynb"))
    finally:
        embedded.stop()
    text = "\n".join(cells)
    assert "Traceback" not in text
    assert text.count("passed") >= 6
    assert "not started" not in text
