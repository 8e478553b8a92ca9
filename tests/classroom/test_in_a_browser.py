"""The report in a real browser: sorted by keyboard, in light and dark, open to everybody, and asking for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from drydock.classroom import reading, report
from drydock.classroom.folder import Class
from tests.classroom.conftest import EVIL
from tests.support.jupyterlab import browsing

COLUMN = "(name, at) => [...document.querySelectorAll(`table.${name} tbody tr`)].map(row => row.cells[at].innerText)"


@pytest.fixture(scope="module")
def page(thirty: Class, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    place = tmp_path_factory.mktemp("browser")
    file = place / "report.html"
    report.write(reading.read(thirty), file)
    with browsing(place) as page:
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: page.said.append(dialog.message))
        page.goto(file.as_uri())
        yield page


def column(page: Any, table: str, at: int) -> list[str]:
    return [str(text) for text in page.evaluate(f"([name, at]) => ({COLUMN})(name, at)", [table, at])]


def test_tables_are_sorted_by_keyboard_up_and_down(page: Any) -> None:
    heads = [text.split("\n")[0] for text in page.locator("table.people thead th").all_inner_texts()]
    checks = heads.index("Checks")
    button = page.locator("table.people thead th").nth(checks).get_by_role("button")
    button.focus()
    for direction in ("ascending", "descending"):
        page.keyboard.press("Enter")
        found = [int(text) for text in column(page, "people", checks)]
        assert found == sorted(found, reverse=direction == "descending")
        assert len(found) == 30
        assert page.locator("table.people thead th").nth(checks).get_attribute("aria-sort") == direction
    page.locator("table.people thead th").first.get_by_role("button").click()
    names = [text.split("\n")[0] for text in column(page, "people", 0)]
    assert names[1:] == [f"Learner {number:02} l{number:02}" for number in range(29)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_on_it_keeps_anybody_out(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]


def test_it_asks_for_nothing_and_runs_nothing_of_a_learners(page: Any) -> None:
    assert page.get_by_text(EVIL).first.is_visible()
    assert [Path(url).name for url in page.asked] == ["report.html"]
    assert page.said == []
