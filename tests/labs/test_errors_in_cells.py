"""What a learner sees of an exception: a few lines that say what to do; headless runs fail, with the whole trace."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager, start_new_kernel
from tests.support.waiting import eventually

from drydock import embedded
from drydock.notebooks.execution import execute

SAMPLE = Path(__file__).parent / "sample"
OPEN = """
from drydock import connect
from drydock.labs import Lab, wait_until
cloud = connect("embedded")
lab = Lab.open("00-queues", cloud=cloud)
"""
CASES = {
    "sqs.get_queue_url(QueueName='nope')": ["does not exist", "GetQueueUrl was refused", "list what there is"],
    "cloud.client('ecs').create_cluster(clusterName=3)": ["Invalid type for parameter clusterName", "did not leave"],
    "lab.check('creat-queue')": ["00-queues has no step 'creat-queue'; it has create-queue, keep-longer"],
    "lab.check()": ["Which step of 00-queues? It has create-queue"],
    "wait_until(lambda: 0, 'it is there', timeout=0)": ["Waited 0 s until it is there; last seen: 0"],
    "cloud.client('ecs').get_waiter('tasks_running').wait(cluster='c', tasks=['0' * 32], WaiterConfig={'Delay': 0})":
        ["Waiter TasksRunning failed", "MISSING"],
}  # fmt: skip
"""What is typed, and words of what is shown."""

Cell = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _a_learner(running: embedded.Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_LABS", str(SAMPLE))
    monkeypatch.setenv("DRYDOCK_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("DRYDOCK_STRICT", "DRYDOCK_SOLVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kernel() -> Iterator[tuple[KernelManager, Any]]:
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def cell(kernel: tuple[KernelManager, Any]) -> Cell:
    """Runs code as JupyterLab does, and gives the messages that came of it."""

    def run(code: str) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []
        reply = kernel[1].execute_interactive(code, allow_stdin=True, output_hook=heard.append, timeout=60)
        heard.append({"msg_type": "reply", "content": reply["content"]})
        return heard

    run(OPEN + "sqs = cloud.client('sqs')\ncloud.client('ecs').create_cluster(clusterName='c')")
    return run


def of(heard: list[dict[str, Any]], kind: str) -> Any:
    return next(message["content"] for message in heard if message["msg_type"] == kind)


def shown(heard: list[dict[str, Any]]) -> str:
    return "\n".join(of(heard, "error")["traceback"])


def test_an_error_is_ten_lines_and_says_what_to_do(cell: Cell) -> None:
    for code, words in CASES.items():
        heard = cell(code)
        assert of(heard, "reply")["status"] == "error", code
        text = shown(heard)
        assert [word for word in words if word not in text] == [], text
        assert len(text.splitlines()) <= 10
        assert "Traceback" not in text
        trace = of(heard, "display_data")["data"]["text/html"]
        assert trace.startswith("<details>")
        assert "Traceback (most recent call last)" in trace


def test_other_errors_are_pythons(cell: Cell) -> None:
    for code in ("1 / 0", "no_name_of_the_lesson", "def f():\n    sqs += 1\nf()"):
        assert "Traceback" in shown(cell(code))


def test_a_name_of_the_lesson_that_is_not_there_says_what_brings_it(cell: Cell) -> None:
    text = shown(cell("del sqs\nsqs.list_queues()"))
    assert "name 'sqs' is not defined" in text
    assert 'run that, or lab.catch_up("create-queue").' in text
    assert "Traceback" not in text


def test_what_connect_refuses_in_the_first_cell_of_all_is_short(kernel: tuple[KernelManager, Any]) -> None:
    for code in ("cloud = connect('aws')", "cloud = connect('http://127.0.0.1:9')", "cloud = connect('nowhere')"):
        heard: list[dict[str, Any]] = []
        opening = f"from drydock import connect\nfrom drydock.labs import Lab\n{code}"
        kernel[1].execute_interactive(opening, allow_stdin=True, output_hook=heard.append, timeout=60)
        assert "Traceback" not in shown(heard), code
        assert len(shown(heard).splitlines()) <= 10


def test_a_cloud_that_was_stopped_is_said_and_comes_back(cell: Cell, running: embedded.Instance) -> None:
    embedded.stop(running.name)
    try:
        for code in ("sqs.list_queues()", "lab.check('create-queue')"):
            text = shown(cell(code))
            assert "The embedded AWS is not running: run the cell that says Lab.open again, then lab.resume()" in text
            assert len(text.splitlines()) <= 10
        again = cell(
            "cloud = connect(cloud)\nlab = Lab.open('00-queues', cloud=cloud)\ncloud.client('sqs').list_queues()"
        )
        assert of(again, "reply")["status"] == "ok"
    finally:
        embedded.start(running.name, port=running.port)


@pytest.mark.parametrize("code", ["wait_until(lambda: 0, 'three targets are healthy')", "import time; time.sleep(60)"])
def test_an_interrupt_is_one_line(cell: Cell, kernel: tuple[KernelManager, Any], code: str) -> None:
    manager, client = kernel
    message = client.execute(code, allow_stdin=True)
    heard: list[dict[str, Any]] = []

    def listen() -> bool:
        heard.append(client.get_iopub_msg(timeout=30))
        return heard[-1]["msg_type"] == "execute_input"

    eventually(listen, "the cell runs")
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=30)
    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["status"] == "error"
    while heard[-1]["msg_type"] != "error":
        heard.append(client.get_iopub_msg(timeout=30))
    (line,) = heard[-1]["content"]["traceback"]
    assert re.fullmatch(r"Stopped waiting until three targets are healthy after \d+ s\.|Interrupted\.", line)


def test_a_headless_run_fails_with_the_whole_trace(tmp_path: Path) -> None:
    source = tmp_path / "fails.ipynb"
    cells = [
        nbformat.v4.new_code_cell(OPEN),
        nbformat.v4.new_code_cell("cloud.client('sqs').get_queue_url(QueueName='nope')"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    error = execute(source, tmp_path / "out.ipynb", {})
    assert error is not None
    assert "QueueDoesNotExist" in error
    outputs = [
        one for cell in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells for one in cell.get("outputs", ())
    ]
    (failed,) = [one for one in outputs if one.output_type == "error"]
    assert "get_queue_url" in "\n".join(failed.traceback)
    assert len(failed.traceback) > 3


def test_a_terminal_is_told_in_short_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
        input=f"{OPEN}\ncloud.client('sqs').get_queue_url(QueueName='nope')\n%tb\n",
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    short, _, whole = ran.stdout.partition("%tb shows the whole trace.")
    assert "GetQueueUrl was refused" in short
    assert "Traceback" not in short
    assert "get_queue_url" in whole
