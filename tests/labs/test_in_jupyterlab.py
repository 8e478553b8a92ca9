"""A lab opened in JupyterLab in a real browser, and run there as a learner does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import embedded
from drydock.embedded.instance import free_port
from drydock.labs import catalogue

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
TOKEN = "lab"
OUTPUTS = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    const cells = [...Array(model.cells.length).keys()].map(i => model.cells.get(i));
    return cells.filter(cell => cell.type === "code").map(cell => JSON.stringify(cell.outputs.toJSON()));
}"""


@pytest.fixture
def lab_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """JupyterLab as `make jupyter` starts it, on a copy of the labs, with a state folder of its own."""
    root = tmp_path / "labs"
    shutil.copytree(catalogue.directory(), root)
    home = tmp_path / "home"
    monkeypatch.setenv("DRYDOCK_HOME", str(home))
    port = free_port()
    environment = {
        **os.environ,
        "DRYDOCK_LABS": str(root),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    arguments = [
        "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with (tmp_path / "jupyter.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments], env=environment, stdout=log, stderr=log, cwd=root
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while not _answers(f"{url}/api?token={TOKEN}"):
            assert server.poll() is None, (tmp_path / "jupyter.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "JupyterLab does not answer"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)
        embedded.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False


@pytest.mark.timeout(300)
def test_the_first_lab_runs_from_top_to_bottom(lab_server: str) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1300, "height": 900})
        page.goto(f"{lab_server}/lab/tree/00-start-here/lab.ipynb?token={TOKEN}")
        page.wait_for_function("document.body.innerText.includes('| Idle')", timeout=90_000)
        page.evaluate("async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        cells = page.evaluate(OUTPUTS)
        chromium.close()
    text = "\n".join(cells)
    assert "Traceback" not in text
    assert text.count("passed") >= 6
    assert "not started" not in text
