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
from uuid import uuid4

from drydock.embedded.instance import free_port
from tests.support.tools import found, tool
from tests.support.waiting import eventually

TOKEN = "lab"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SEEN = """() => [...document.querySelectorAll('.jp-Cell, .jp-Dialog, .Toastify__toast')].filter(one => {
    const place = one.getBoundingClientRect();
    return place.bottom > 0 && place.top < window.innerHeight;
}).map(one => one.innerText).join('\\n')"""
OUTPUTS = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    const cells = [...Array(model.cells.length).keys()].map(i => model.cells.get(i));
    return cells.filter(cell => cell.type === "code").map(cell => JSON.stringify(cell.outputs.toJSON()));
}"""


@contextmanager
def serving(root: Path, scratch: Path) -> Iterator[str]:
    """JupyterLab over the folder `root`, its settings and its log in `scratch`; yields its address."""
    command = [
        sys.executable, "-m", "jupyterlab", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={root}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with _served(command, scratch) as url:
        yield url


@contextmanager
def learning(scratch: Path) -> Iterator[str]:
    """The learner's copies as `make jupyter` opens them; else as `serving`."""
    with _served([sys.executable, "-m", "drydock.cli", "lab", "jupyter"], scratch) as url:
        yield url


@contextmanager
def _served(command: list[str], scratch: Path) -> Iterator[str]:
    port = free_port()
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
    }
    ours = [
        "--no-browser", f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    with (scratch / "jupyter.log").open("wb") as log:
        server = subprocess.Popen([*command, *ours], env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(f"{url}/api?token={TOKEN}") or server.poll() is not None, "JupyterLab answers")
        assert server.poll() is None, (scratch / "jupyter.log").read_text()[-3000:]
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def browsing(scratch: Path) -> Iterator[Any]:
    """A page of a real browser; skips the test where there is none. What fails with it says what it showed, and where
    in `scratch` that is to be seen."""
    browser = tool("chromium") if found("chromium") else tool("google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1300, "height": 900})
        try:
            yield page
        except BaseException as error:
            page.screenshot(path=str(scratch / "failed.png"))
            error.add_note(f"The page, seen in {scratch / 'failed.png'}, showed:\n{page.evaluate(SEEN)}")
            raise
        finally:
            chromium.close()


def opened(page: Any, url: str, notebook: str) -> None:
    """Open `notebook` of the server at `url`, and nothing that was open there before, and wait for its kernel."""
    page.goto(f"{url}/lab/workspaces/{uuid4().hex}/tree/{notebook}?token={TOKEN}")
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
