"""Cards and quiz in JupyterLab in a real browser, by keyboard alone, over a restart of kernel and server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock.prep import Quiz, questions

CARDS = questions.load()
PANEL = ".drydock-panel"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder such as the checkout's, with a copy of notebooks/prep; ratings go to the test's own cards.json."""
    shutil.copytree(questions.directory(), tmp_path / "root" / "notebooks" / "prep")
    monkeypatch.setenv("DRYDOCK_NOTEBOOKS", str(tmp_path / "root" / "notebooks"))
    monkeypatch.setenv("DRYDOCK_PREP", str(tmp_path / "cards.json"))
    monkeypatch.delenv("DRYDOCK_STRICT", raising=False)
    return tmp_path / "root"


def run(page: Any) -> Any:
    """Run all cells; the panel, which has the focus without a click."""
    run_all(page)
    page.wait_for_selector(f"{PANEL}:focus-within")
    return page.locator(PANEL)


def until(page: Any, text: str) -> None:
    """Wait until the panel shows this."""
    page.wait_for_function(
        "([panel, text]) => document.querySelector(panel).innerText.includes(text)", arg=[PANEL, text]
    )


def shown(text: str) -> str:
    """A text as the page has it."""
    return text.replace("`", "")


def cells(page: Any) -> list[tuple[str, str]]:
    """Type and source of each cell, which JupyterLab's own shortcuts would change."""
    found: list[tuple[str, str]] = page.evaluate(
        """() => {
            const model = window.jupyterapp.shell.currentWidget.content.model;
            const cells = [...Array(model.cells.length).keys()].map(i => model.cells.get(i));
            return cells.map(cell => [cell.type, cell.sharedModel.getSource()]);
        }"""
    )
    return found


@pytest.mark.timeout(300)
def test_ten_cards_by_keyboard_are_there_after_kernel_and_server_were_restarted(root: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cards.json"
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/cards.ipynb")
        run(page)
        before = cells(page)
        for number, card in enumerate(CARDS[:10]):
            until(page, shown(card.question))
            page.keyboard.press("Space" if number % 2 else "Enter")
            until(page, shown(card.source))
            page.keyboard.press("4")
            page.wait_for_function("panel => !document.querySelector(panel).innerText.includes('And then?')", arg=PANEL)
            assert card.id in json.loads(kept.read_text()), "it is kept before the next card is shown"
        until(page, "Nothing waits now")
        assert len(json.loads(kept.read_text())) == 10

        page.keyboard.press("U")  # as with Caps Lock
        until(page, "Taken back: Easy")
        assert len(json.loads(kept.read_text())) == 9
        page.keyboard.press("3")
        until(page, "Saved: Good, due again in 10 minutes")
        page.keyboard.press("b")
        page.keyboard.press("d")
        page.keyboard.press("d")
        assert cells(page) == before, "no shortcut of JupyterLab's was meant"

        page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        page.keyboard.press("Enter")
        until(page, "No answer from the kernel")
        run(page)
        until(page, shown(CARDS[10].question))
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/cards.ipynb")
        panel = run(page)
        until(page, shown(CARDS[10].question))
        assert shown(CARDS[0].question) not in panel.inner_text()
        assert len(json.loads(kept.read_text())) == 10


@pytest.mark.timeout(300)
def test_a_quiz_by_keyboard_once_wrong_then_right(root: Path, tmp_path: Path) -> None:
    quiz = Quiz(1)
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/quiz.ipynb")
        run(page)
        before = cells(page)
        for number, item in enumerate(quiz.items, start=1):
            until(page, f"Question {number} of 10")
            if number == 1:
                page.keyboard.type("many")
                page.keyboard.press("Enter")
                until(page, "is no number")
                page.keyboard.press("Control+a")
                page.keyboard.type(str(int(item.right) + 1))
                page.keyboard.press("Enter")
                until(page, f"Not right. You said {int(item.right) + 1} tasks; it is {item.right} tasks.")
            else:
                page.keyboard.type(item.right)
                if not (item.options and len(item.right) == 1 and item.kind.value == "one letter"):
                    page.keyboard.press("Enter")
                until(page, "Right: ")
            until(page, shown(item.working))
            page.keyboard.press("Enter")
        until(page, "Quiz 1: 9 of 10")
        assert cells(page) == before


@pytest.mark.timeout(300)
def test_a_link_opens_what_it_names_beside_the_cards_wherever_the_file_browser_is(root: Path, tmp_path: Path) -> None:
    named = CARDS[0].shown_in[0]
    (root / named).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(root / "notebooks" / "prep" / "quiz.ipynb", root / named)
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/cards.ipynb")
        panel = run(page)
        page.evaluate("async () => window.jupyterapp.commands.execute('filebrowser:go-to-path', {path: '/labs'})")
        page.keyboard.press("Space")
        until(page, CARDS[0].source)
        panel.locator(f"a:has-text('{named}')").click()
        page.wait_for_function(
            "path => (window.jupyterapp.shell.currentWidget.context || {}).path === path", arg=named, timeout=60_000
        )
        assert len(page.context.pages) == 1


@pytest.mark.timeout(300)
def test_the_panel_is_named_and_its_buttons_can_be_reached_and_pressed(root: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cards.json"
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, "notebooks/prep/cards.ipynb")
        run(page)
        assert page.get_by_role("region", name="Interview cards").count() == 1
        assert page.locator(f"{PANEL} [aria-live=polite]").count() == 1
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Show the answer (Space)"
        page.keyboard.press("Enter")
        until(page, shown(CARDS[0].source))
        page.get_by_role("button", name="3 Good").click()
        until(page, "Saved: Good")
        page.keyboard.press("Space")
        until(page, shown(CARDS[1].source))
        assert list(json.loads(kept.read_text())) == [CARDS[0].id]
