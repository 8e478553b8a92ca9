"""A mock interview in JupyterLab in a real browser, by keyboard alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock.prep import questions

PANEL = ".drydock-panel"


def test_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    shutil.copytree(questions.directory(), root / "notebooks" / "prep")
    monkeypatch.setenv("DRYDOCK_NOTEBOOKS", str(root / "notebooks"))
    monkeypatch.setenv("DRYDOCK_PREP", str(tmp_path / "cards.json"))
    monkeypatch.delenv("DRYDOCK_STRICT", raising=False)
    kept = tmp_path / "interviews.json"
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/interview.ipynb")
        run_all(page)
        page.wait_for_selector(f"{PANEL} button:focus")
        page.screenshot(path="/tmp/mock2b/1.png")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{PANEL} textarea:focus")
        page.keyboard.type("My answer is this.\nAnd b dd x 1.")
        page.screenshot(path="/tmp/mock2b/2.png")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector(f"{PANEL} input[type=checkbox]:focus")
        page.keyboard.press("1")
        page.keyboard.press("3")
        page.keyboard.press("a")
        page.screenshot(path="/tmp/mock2b/3.png")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{PANEL} textarea:focus")
        page.screenshot(path="/tmp/mock2b/4.png")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="End the interview").press("Enter")
        page.wait_for_selector(f"{PANEL} button[value='end now']:focus")
        page.screenshot(path="/tmp/mock2b/5.png")
        page.keyboard.press("e")
        page.wait_for_function("document.querySelector('.drydock-panel').innerText.includes('Where to study')")
        page.screenshot(path="/tmp/mock2b/6.png")
        print(kept.read_text())
