"""A lab opened in JupyterLab in a real browser, and run there as a learner does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock import embedded
from drydock.labs import catalogue


@pytest.mark.timeout(300)
def test_the_first_lab_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "labs"
    shutil.copytree(catalogue.directory(), root)
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRYDOCK_LABS", str(root))
    try:
        with serving(root, tmp_path) as url, browsing() as page:
            opened(page, url, "00-start-here/lab.ipynb")
            text = "\n".join(run_all(page))
    finally:
        embedded.stop()
    assert "Traceback" not in text
    assert text.count("passed") >= 6
    assert "not started" not in text
