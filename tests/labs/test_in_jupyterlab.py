"""A learner's copies opened in JupyterLab in a real browser, and worked on there as a learner does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.jupyterlab import browsing, learning, opened, run_all
from tests.support.tools import tool

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.embedded.instance import free_port
from drydock.labs import Lab, catalogue
from drydock.ledger import owned

ROOT = Path(__file__).parents[2]
FIRST, DEFINITIONS, SERVICES = (f"labs/{name}/{name}.ipynb" for name in
                                ("00-start-here", "04-task-definitions", "05-services"))  # fmt: skip
SHOWN = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    return [model.dirty, ...[...Array(model.cells.length).keys()].map(i => model.cells.get(i).toJSON())];
}"""
BRING = """async ([text, below]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const cells = [...Array(notebook.model.cells.length).keys()].map(i => notebook.model.cells.get(i));
    const place = cells.findIndex(cell => cell.type === 'code' && cell.sharedModel.source.startsWith(text)) + below;
    await notebook.scrollToItem(place, 'center');
    return place;
}"""
ROOM = """ecs.update_service(
cluster="drydock", service="backend", deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200})"""
WATCH = """place => {
    window.ran = false;
    window.jupyterapp.shell.currentWidget.content.model.cells.get(place).stateChanged.connect((_, change) => {
        window.ran ||= change.name === 'executionCount' && change.newValue !== null;
    });
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One JupyterLab for all tests, on the copies of one learner's."""
    scratch = tmp_path_factory.mktemp("learner")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(scratch / "home"))
        for name in ("CLOUD", "COURSE", "INSTANCE", "PROGRESS", "SOLVE", "STRICT"):
            patch.delenv(f"DRYDOCK_{name}", raising=False)
        changed = _git_status()
        with learning(scratch) as url:
            yield url
        assert _git_status() == changed


@pytest.fixture(autouse=True)
def _its_own_cloud(url: str) -> Iterator[None]:
    yield
    embedded.stop()
    shutil.rmtree(embedded.instance.directory_of("default"), ignore_errors=True)


class Notebook:
    """The open notebook, worked on with mouse and keyboard."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def run(self, text: str, below: int = 0) -> str:
        """Press Shift and Enter in the code cell that begins with `text`, or so many below it; what it says then."""
        place = self._into(text, below)
        self.page.evaluate(WATCH, place)
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function("window.ran", timeout=120_000)
        return self.said(text, below)

    def said(self, text: str, below: int = 0) -> str:
        """What is seen below the cell."""
        return "\n".join(self.cell(text, below).locator(".jp-OutputArea-output").all_inner_texts())

    def answer(self, text: str, exercise: str) -> str:
        """Type `text` into the cell below the one that says what the exercise is, and run that."""
        self.write(text, f'lab.your_turn("{exercise}")', 1)
        return self.run(f'lab.your_turn("{exercise}")', 1)

    def write(self, text: str, into: str, below: int = 0) -> None:
        """Type `text` in place of what the cell says."""
        self._into(into, below)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def uncomment(self, text: str, line: int) -> str:
        """Press Control and / in a line of the cell, and run it."""
        self._into(text)
        self.page.keyboard.press("Control+Home")
        for _ in range(line):
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Control+/")
        return self.run(text if line else text.removeprefix("# "))

    def insert(self, text: str, below: str) -> None:
        """Type `text` into a new cell below that one."""
        self._into(below)
        for key in ("Escape", "b", "Enter"):
            self.page.keyboard.press(key)
        self.page.keyboard.type(text)

    def restart(self) -> None:
        """Press 0 twice, and say yes."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.type("00")
        self.page.locator(".jp-Dialog").wait_for()
        self.page.keyboard.press("Enter")
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def source(self, text: str, below: int = 0) -> str:
        """What is written in the cell."""
        return "\n".join(self.cell(text, below).locator(".cm-line").all_inner_texts())

    def cell(self, text: str, below: int = 0) -> Any:
        """The cell, in view."""
        place = self.page.evaluate(BRING, [text, below])
        found = self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{place}']")
        found.wait_for()
        return found

    def _into(self, text: str, below: int = 0) -> int:
        """Click into the cell; its place."""
        cell = self.cell(text, below)
        cell.locator(".cm-content").click()
        return int(cell.get_attribute("data-windowed-list-index"))


def made(cloud: Cloud) -> tuple[set[tuple[str, str]], int, list[str]]:
    """What is there that a cell would make once more."""
    ecs = cloud.client("ecs")
    arns = ecs.list_tasks(cluster="drydock")["taskArns"]
    return set(owned(cloud)), len(ecs.list_task_definitions()["taskDefinitionArns"]), sorted(arns)


def down() -> None:
    subprocess.run([sys.executable, "-m", "drydock.cli", "down"], check=True, timeout=60, capture_output=True)


def _git_status() -> str:
    command = [tool("git"), "status", "--porcelain", "--", "labs", "notebooks", "runbooks"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.timeout(300)
def test_a_lab_is_taken_up_in_the_middle_broken_off_and_finished(url: str, tmp_path: Path) -> None:
    embedded.start(port=free_port())  # which nobody takes while it is down
    cloud = connect("embedded")
    Lab.open("03-cluster", cloud=cloud).set_up(before="four-of-ten")
    with browsing(tmp_path) as page:
        opened(page, url, SERVICES)
        here = Notebook(page)
        here.run('cloud = ""')
        here.run("import json")
        here.insert('lab.catch_up("scale")', "lab.resume()")
        said = here.run('lab.catch_up("scale")')
        assert "You are where scale begins: go on below the check of kill-a-task." in said

        said = here.uncomment('# lab.hint("scale")', 0)
        assert "Hint 1 of 2: scale" in said
        assert "○ scale: not started. backend wants three tasks." in said

        change = 'ecs.update_service(cluster="drydock", service="backend", desiredCount={})["service"]["desiredCount"]'
        assert here.answer(change.format(4), "scale") == "4"
        assert "✗ scale: wrong\nbackend wants 4 tasks." in here.run('lab.check("scale"')
        assert here.answer(change.format(5), "scale") == "5"
        assert "✓ scale: passed\nFive tasks over three zones: two, two and one." in here.run('lab.check("scale"')

        before = made(cloud)
        here.restart()
        here.run('cloud = ""')
        here.run("import json")
        said = here.run("lab.resume()")
        assert "Your names are back, and nothing was done twice.\nNext: bad-job" in said
        assert "Go on below the check of scale." in said
        assert made(cloud) == before
        page.keyboard.press("Control+s")
        page.wait_for_function(f"({SHOWN})()[0] === false")
        assert page.locator(".Toastify__toast").all_inner_texts() == []

    with browsing(tmp_path) as page:
        opened(page, url, SERVICES)
        here = Notebook(page)
        assert here.source('lab.your_turn("scale")', 1) == change.format(5)
        assert "✓ scale: passed" in here.said('lab.check("scale"')
        assert here.run("before = {").startswith("[1, 1, 1] tasks in the three zones")

        down()
        said = here.run("jobs = [")
        assert len(said.splitlines()) <= 10, said
        assert "The embedded AWS is not running: run the cell that says Lab.open again, then lab.resume()." in said
        here.run("import json")
        assert "Next: bad-job" in here.run("lab.resume()")
        assert "[0, 1, 3, 6" in here.run("jobs = [")

        here.answer('sqs.send_message(QueueUrl=queue, MessageBody="nobody can do this")', "bad-job")
        assert "✓ bad-job: passed" in here.run('lab.check("bad-job"')
        here.run("scaling = ")
        assert "✓" in here.run('lab.check("register-scalable-targets")')
        assert "Solution: scalable-worker" in here.uncomment('# lab.hint("scalable-worker")', 1)
        page.get_by_role("button", name="Put it into my cell").click()
        solution = catalogue.load("05").steps["scalable-worker"].source()
        assert here.source('lab.your_turn("scalable-worker")', 1) == solution
        here.run('lab.your_turn("scalable-worker")', 1)
        assert "✓ scalable-worker: passed" in here.run('lab.check("scalable-worker"')
        assert "Broken: " in here.run('lab.break_it("wrong-health-path")')
        here.answer('elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/health")', "wrong-health-path")
        assert "✓ wrong-health-path: passed" in here.run('lab.check("wrong-health-path"')
        assert "Broken: " in here.run('lab.break_it("stuck-deployment")')
        here.answer(ROOM, "stuck-deployment")
        assert "✓ stuck-deployment: passed" in here.run('lab.check("stuck-deployment"')

        assert "All steps are done: Clean up is left." in here.run("lab.resume()")
        before = made(cloud)
        said = here.run("lab.clean_up()")
        assert "Nothing is deleted yet.\nlab.clean_up(sure=True) deletes " in said
        assert "ECS service: 3" in said
        assert made(cloud) == before
        here.write("lab.clean_up(sure=True)", "lab.clean_up()")
        said = here.run("lab.clean_up(sure=True)")
        assert "Clean up: nothing of this lab is left." in said
        assert "Lab 03-cluster has left " in said
        assert said.endswith("drydock sweep ends it all.")
    assert owned(cloud, "05-services") == []


@pytest.mark.timeout(300)
def test_the_first_lab_runs_from_top_to_bottom(url: str, tmp_path: Path) -> None:
    try:
        with browsing(tmp_path) as page:
            opened(page, url, FIRST)
            text = "\n".join(run_all(page))
    finally:
        embedded.stop()
    assert "Traceback" not in text
    assert text.count("passed") >= 6
    assert "not started" not in text
    assert "Nothing is deleted yet" in text


@pytest.mark.timeout(120)
def test_a_lab_that_is_opened_shows_nothing_as_done(url: str, tmp_path: Path) -> None:
    with browsing(tmp_path) as page:
        opened(page, url, DEFINITIONS)
        dirty, *cells = page.evaluate(SHOWN)
        tab = page.inner_text(".jp-mod-current.lm-TabBar-tab")
    code: list[dict[str, Any]] = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 40
    assert {json.dumps(cell["outputs"]) for cell in code} == {"[]"}
    assert {cell["execution_count"] for cell in code} == {None}
    assert not dirty
    assert tab.strip() == "04-task-definitions.ipynb"
