"""A mock interview in JupyterLab in a real browser: by keyboard, over a reload, and what an exam's page holds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.support.jupyterlab import TOKEN, browsing, run_all, serving
from tests.support.waiting import eventually

from drydock.prep import questions
from drydock.prep.interview_record import Interview, Interviews

BY_ID = {one.id: one for one in questions.load()}
PANEL = ".drydock-panel"
AN_HOUR_FAST = "{ const real = Date.now.bind(Date); Date.now = () => real() + 3600e3; }"
ALONE = """async path => {
    const { commands, shell } = window.jupyterapp;
    for (const one of [...shell.widgets('main')]) one.dispose();
    const opened = await commands.execute('docmanager:open', { path, factory: 'Notebook' });
    await opened.context.ready;
    await opened.sessionContext.ready;
}"""
SAVED_WITH_WIDGETS = """async () => {
    const { commands, shell } = window.jupyterapp;
    await commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState');
    await commands.execute('docmanager:save');
}"""


@dataclass
class Lab:
    """JupyterLab in a browser whose clock is an hour fast, over a copy of notebooks/prep.

    frames  what has come to the page by web sockets.
    """

    page: Any
    notebooks: Path
    file: Path
    frames: list[str]

    def open(self, name: str) -> Any:
        """The notebook alone, with its kernel, and nothing kept of another test; the page."""
        self.file.unlink(missing_ok=True)
        self.page.evaluate(ALONE, f"notebooks/prep/{name}")
        self.frames.clear()
        return self.page

    def kept(self) -> Interview:
        return Interviews(self.file).all()[-1]

    def drafted(self, text: str) -> None:
        """Wait until what is typed is in the file."""
        eventually(lambda: text in self.kept().draft, f"{text!r} is kept")

    def nearly_over(self, seconds: float) -> None:
        """As if the interview, which has no pause, had begun so long ago that this much of it is left."""
        with Interviews(self.file).changing() as all_:
            all_[-1].begun = datetime.now(UTC) + timedelta(seconds=seconds) - timedelta(minutes=all_[-1].minutes)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    root, frames = folder / "root", []
    shutil.copytree(questions.directory(), root / "notebooks" / "prep")
    for path in {path for one in BY_ID.values() for path in one.shown_in}:  # what the links of a report lead to
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(questions.directory() / "quiz.ipynb", root / path)

    def note(data: str | bytes) -> None:
        frames.append(data if isinstance(data, str) else data.decode("utf-8", "replace"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_NOTEBOOKS", str(root / "notebooks"))
        patch.setenv("DRYDOCK_PREP", str(folder / "cards.json"))
        patch.delenv("DRYDOCK_STRICT", raising=False)
        with serving(root, folder) as url, browsing(folder) as page:
            page.add_init_script(AN_HOUR_FAST)
            page.on("websocket", lambda socket: socket.on("framereceived", note))
            page.goto(f"{url}/lab?token={TOKEN}")
            page.wait_for_function("window.jupyterapp")
            page.evaluate("async () => { await window.jupyterapp.restored }")
            yield Lab(page, root / "notebooks" / "prep", folder / "interviews.json", frames)


def until(page: Any, text: str) -> None:
    """Wait until the panel shows this."""
    page.wait_for_function(
        "([panel, text]) => document.querySelector(panel)?.innerText.includes(text)", arg=[PANEL, text.replace("`", "")]
    )


def focused(page: Any, what: str) -> None:
    page.wait_for_selector(f"{PANEL} {what}:focus")


def seconds_left(page: Any) -> int:
    minutes, seconds = re.findall(r"\d+", page.locator(f"{PANEL} [role=timer]").inner_text())
    return int(minutes) * 60 + int(seconds)


def serious(page: Any) -> list[str]:
    """What axe finds in the panel that is serious or worse."""
    found = Axe().run(page, context=PANEL).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.timeout(180)
def test_an_interview_by_keyboard_with_a_reload_in_the_middle(lab: Lab) -> None:
    page = lab.open("interview.ipynb")
    run_all(page)
    focused(page, "button")
    page.keyboard.press("Enter")
    focused(page, "textarea")
    card = BY_ID[lab.kept().asked[0].id]
    until(page, card.question)
    assert serious(page) == []
    page.keyboard.type("First b, then dd.\nA second line")
    page.wait_for_function("ends => document.querySelector('[role=timer]').innerText !== ends", arg="45:00 left")
    assert 2690 < seconds_left(page) < 2700, "by the kernel's clock, not by the browser's"

    lab.drafted("A second line")
    page.evaluate("async () => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    until(page, card.question)
    assert page.locator(f"{PANEL} textarea").input_value() == "First b, then dd.\nA second line"
    page.wait_for_function("document.querySelector('[role=timer]').innerText.startsWith('44:')")
    page.locator(f"{PANEL} textarea").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(".")
    page.keyboard.press("Control+Enter")
    focused(page, "input[type=checkbox]")
    until(page, card.key_points[-1])
    assert lab.kept().asked[0].answer == "First b, then dd.\nA second line."
    assert serious(page) == []
    for key in "12a":
        page.keyboard.press(key)
    page.keyboard.press("1")  # taken back
    page.keyboard.press("Enter")
    focused(page, "textarea")
    assert lab.kept().asked[0].made == [card.key_points[1]]
    assert lab.kept().asked[0].said == [card.wrong_answers[0].answer]
    assert lab.kept().asked[1].follows == card.id

    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(page, "End the interview?")
    page.keyboard.press("e")
    until(page, "Where to study")
    assert serious(page) == []
    until(page, f"1 of {len(card.key_points)} key points")
    page.locator(f"{PANEL} a").first.click()
    page.wait_for_function(
        "path => (window.jupyterapp.shell.currentWidget.context || {}).path === path",
        arg=page.locator(f"{PANEL} a").first.inner_text(),
    )


@pytest.mark.timeout(180)
def test_nothing_of_an_exam_is_in_the_page_or_on_its_way_there_before_the_answer(lab: Lab) -> None:
    notebook = lab.notebooks / "exam.ipynb"
    text = (lab.notebooks / "interview.ipynb").read_text()
    notebook.write_text(text.replace("exam = False", "exam = True").replace("minutes = 45", "minutes = 5"))
    page = lab.open("exam.ipynb")
    run_all(page)
    focused(page, "button")
    page.keyboard.press("Enter")
    focused(page, "textarea")
    page.keyboard.type("What I know.")
    lab.drafted("What I know.")
    page.evaluate(SAVED_WITH_WIDGETS)
    card = BY_ID[lab.kept().asked[0].id]
    wrong = [text for one in card.wrong_answers for text in (one.answer, one.why)]
    hidden = [text for text in (*card.key_points, *wrong, card.follow_up) if text]
    saved, everything = notebook.read_text(), "".join(lab.frames)
    assert "application/vnd.jupyter.widget-state+json" in saved
    for there in (saved, everything):
        assert json.dumps(card.question)[1:-1] in there, "it would show what was asked, so it would show the rest"
    for place in (saved, everything, page.content(), lab.file.read_text()):
        assert [text for text in hidden if text in place or json.dumps(text)[1:-1] in place] == []
    assert page.get_by_role("button", name="Pause").count() == 0

    page.keyboard.press("Control+Enter")
    until(page, card.key_points[0])
    assert json.dumps(card.key_points[0])[1:-1] in "".join(lab.frames)
    page.keyboard.press("Enter")
    focused(page, "textarea")
    page.keyboard.type("Till the end")
    lab.drafted("Till the end")
    lab.nearly_over(seconds=4)
    page.get_by_role("button", name="End the interview").press("Enter")
    until(page, "End the interview?")
    page.keyboard.press("Enter")
    focused(page, "textarea")
    page.keyboard.press("Control+End")
    page.keyboard.type(", and no longer")
    until(page, "The interview is over.")
    assert lab.kept().closed is not None
    assert lab.kept().asked[-1].answer == "Till the end, and no longer"
