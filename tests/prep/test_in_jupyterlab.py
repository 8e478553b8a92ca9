"""Cards and quiz in JupyterLab in a real browser, by keyboard alone, over a restart of the kernel."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.support.jupyterlab import browsing, opened, run_all, serving
from tests.support.prep import wrong_answer

from drydock.prep import Deck, Quiz, questions
from drydock.prep.items import Kind

CARDS = questions.load()
PANEL = ".drydock-panel"
EVERY_WAY = 2686
"""A seed whose ten questions have every way of answering, and a mistake in each kind of file."""


@dataclass
class Lab:
    """JupyterLab at `url` over the folder `root`, which has copies of notebooks/prep and of the fixtures."""

    url: str
    root: Path
    kept: Path

    def changed(self, name: str, **parameters: object) -> str:
        """A copy of a notebook with other parameters; its path from the root."""
        text = (self.root / "notebooks" / "prep" / f"{name}.ipynb").read_text()
        for parameter, value in parameters.items():
            text, found = re.subn(rf'"{parameter} = [^ #]+ ', f'"{parameter} = {value} ', text)
            assert found == 1, parameter
        copy = f"notebooks/prep/{name}-{'-'.join(map(str, parameters.values()))}.ipynb"
        (self.root / copy).write_text(text)
        return copy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    scratch = tmp_path_factory.mktemp("lab")
    root = scratch / "root"
    for folder in ("prep", "fixtures"):
        shutil.copytree(questions.directory().parent / folder, root / "notebooks" / folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_NOTEBOOKS", str(root / "notebooks"))
        patch.setenv("DRYDOCK_PREP", str(scratch / "cards.json"))
        patch.delenv("DRYDOCK_STRICT", raising=False)
        with serving(root, scratch) as url:
            yield Lab(url, root, scratch / "cards.json")


@pytest.fixture
def lab(server: Lab) -> Lab:
    """The one JupyterLab of this file, and nothing rated yet."""
    server.kept.unlink(missing_ok=True)
    return server


def run(page: Any) -> Any:
    """Run all cells; the panel, which has the focus without a click."""
    run_all(page)
    page.wait_for_selector(f"{PANEL}:focus-within")
    return page.locator(PANEL)


def dark(page: Any) -> None:
    """From now on in JupyterLab's dark theme."""
    theme = "JupyterLab Dark"
    page.evaluate("async theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)


def serious(page: Any) -> list[str]:
    """What axe finds on the panel that keeps people out."""
    found = Axe().run(page, context=PANEL).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


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
def test_twenty_cards_by_keyboard_are_there_after_the_kernel_was_restarted(lab: Lab, tmp_path: Path) -> None:
    with browsing(tmp_path) as page:
        opened(page, lab.url, lab.changed("cards", new=20))
        run(page)
        before = cells(page)
        for number, card in enumerate(CARDS[:20]):
            until(page, shown(card.question))
            page.keyboard.press("Space" if number % 2 else "Enter")
            until(page, shown(card.source))
            page.keyboard.press("4")
            page.wait_for_function("panel => !document.querySelector(panel).innerText.includes('And then?')", arg=PANEL)
            assert card.id in json.loads(lab.kept.read_text()), "it is kept before the next card is shown"
        until(page, "Nothing waits now")
        assert len(json.loads(lab.kept.read_text())) == 20

        page.keyboard.press("U")  # as with Caps Lock
        until(page, "Taken back: Easy")
        assert len(json.loads(lab.kept.read_text())) == 19
        page.keyboard.press("3")
        until(page, "Saved: Good, due again in 10 minutes")
        page.keyboard.press("b")
        page.keyboard.press("d")
        page.keyboard.press("d")
        assert cells(page) == before, "no shortcut of JupyterLab's was meant"

        page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        page.keyboard.press("Enter")
        until(page, "No answer from the kernel")
        panel = run(page)
        until(page, shown(CARDS[20].question))
        assert shown(CARDS[0].question) not in panel.inner_text()
        assert len(json.loads(lab.kept.read_text())) == 20
        drawn = page.locator(".jp-OutputArea .js-plotly-plot")
        assert drawn.count() == 3, "where you stand, what waits, how well it is known"


@pytest.mark.timeout(300)
def test_topics_and_levels_are_chosen_by_keyboard(lab: Lab, tmp_path: Path) -> None:
    chosen = [card for card in CARDS if card.topic == "Capacity" and card.level == "hard"]
    with browsing(tmp_path) as page:
        opened(page, lab.url, "notebooks/prep/cards.ipynb")
        run(page)
        until(page, shown(CARDS[0].question))
        assert serious(page) == []
        page.keyboard.press("c")
        until(page, "Which cards?")
        assert page.evaluate("document.activeElement.value") == "topic Capacity", "the first box has the focus"
        assert serious(page) == []
        page.keyboard.press("Space")
        page.get_by_role("checkbox", name="hard").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        until(page, f"A new sitting, of {len(chosen)} cards.")
        until(page, shown(chosen[0].question))
        page.keyboard.press("Space")
        until(page, shown(chosen[0].source))
        assert serious(page) == []
        page.keyboard.press("4")
        until(page, "Saved: Easy")
        assert list(json.loads(lab.kept.read_text())) == [chosen[0].id]
        dark(page)
        assert serious(page) == []
        page.keyboard.press("c")
        until(page, "Which cards?")
        assert serious(page) == []
        assert page.get_by_role("checkbox", name="Capacity").is_checked()
        page.keyboard.press("Escape")
        until(page, shown(chosen[1].question))


@pytest.mark.timeout(300)
def test_every_way_of_answering_by_keyboard_first_wrong_and_told_why_then_right(lab: Lab, tmp_path: Path) -> None:
    quiz = Quiz(EVERY_WAY)
    assert {item.kind for item in quiz.items} == set(Kind)
    assert len([item for item in quiz.items if item.kind is Kind.LINE]) == 4
    with browsing(tmp_path) as page:
        opened(page, lab.url, lab.changed("quiz", seed=EVERY_WAY))
        for right in (False, True):
            if right:
                dark(page)
            run(page)
            before = cells(page)
            looked_at: set[Kind] = set()
            for number, item in enumerate(quiz.items, start=1):
                until(page, f"Question {number} of 10 · {item.topic}")
                if right and item.kind not in looked_at:
                    assert serious(page) == []
                if not right and number == 1:
                    page.keyboard.type("§")
                    page.keyboard.press("Enter")
                    until(page, "this question takes")
                    page.keyboard.press("Control+a")
                typed = item.right if right else wrong_answer(item)
                page.keyboard.type(typed)
                if item.kind is not Kind.CHOICE:
                    page.keyboard.press("Enter")
                marked = item.mark(typed)
                assert marked.right == right
                until(page, shown(marked.verdict))
                until(page, shown(item.working))
                until(page, shown("" if right else marked.trap))
                if not right and item.kind not in looked_at:
                    assert serious(page) == []
                looked_at.add(item.kind)
                page.keyboard.press("Enter")
            until(page, f"Quiz {EVERY_WAY}: {10 if right else 0} of 10")
            assert cells(page) == before


@pytest.mark.timeout(300)
def test_a_link_opens_what_it_names_beside_the_cards_wherever_the_file_browser_is(lab: Lab, tmp_path: Path) -> None:
    named = CARDS[0].shown_in[0]
    (lab.root / named).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(lab.root / "notebooks" / "prep" / "quiz.ipynb", lab.root / named)
    with browsing(tmp_path) as page:
        opened(page, lab.url, "notebooks/prep/cards.ipynb")
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
def test_the_panel_is_named_and_its_buttons_can_be_reached_and_pressed(lab: Lab, tmp_path: Path) -> None:
    Deck(CARDS, lab.kept)
    with browsing(tmp_path) as page:
        opened(page, lab.url, "notebooks/prep/cards.ipynb")
        run(page)
        assert page.get_by_role("region", name="Interview cards").count() == 1
        assert page.locator(f"{PANEL} [aria-live=polite]").count() == 1
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Show the answer (Space)"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is seen"
        page.keyboard.press("Enter")
        until(page, shown(CARDS[0].source))
        page.get_by_role("button", name="3 Good").click()
        until(page, "Saved: Good")
        page.keyboard.press("Space")
        until(page, shown(CARDS[1].source))
        assert list(json.loads(lab.kept.read_text())) == [CARDS[0].id]
