"""JupyterLab served for a test, and a browser in front of it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.embedded.instance import free_port
from tests.support.tools import found, tool
from tests.support.waiting import eventually

TOKEN = "lab"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
OUTPUTS = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    const cells = [...Array(model.cells.length).keys()].map(i => model.cells.get(i));
    return cells.filter(cell => cell.type === "code").map(cell => JSON.stringify(cell.outputs.toJSON()));
}"""


@contextmanager
def serving(root: Path, scratch: Path) -> Iterator[str]:
    """JupyterLab over the folder `root`, its settings and its log in `scratch`; yields its address."""
    port = free_port()
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
    }
    arguments = [
        "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with (scratch / "jupyter.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments], env=environment, stdout=log, stderr=log, cwd=root
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(f"{url}/api?token={TOKEN}") or server.poll() is not None, "JupyterLab answers")
        assert server.poll() is None, (scratch / "jupyter.log").read_text()[-3000:]
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def browsing() -> Iterator[Any]:
    """A page of a real browser; skips the test where there is none."""
    browser = tool("chromium") if found("chromium") else tool("google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        yield chromium.new_page(viewport={"width": 1300, "height": 900})
        chromium.close()


def opened(page: Any, url: str, notebook: str) -> None:
    """Open `notebook` of the server at `url` and wait for its kernel."""
    page.goto(f"{url}/lab/tree/{notebook}?token={TOKEN}")
    page.wait_for_function("document.body.innerText.includes('| Idle')", timeout=90_000)


def run_all(page: Any) -> list[str]:
    """Run every cell of the open notebook; the outputs of each code cell, as JSON."""
    page.evaluate("async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    found: list[str] = page.evaluate(OUTPUTS)
    return found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False
