"""Labs run headless: what is reported, what is written, and what is left when a run is cut short."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from tests.support.waiting import eventually
from typer.testing import CliRunner

from drydock import embedded
from drydock.cli import app
from drydock.labs import runner
from drydock.notebooks import normalise, page, parameters
from drydock.notebooks.instances import own_instance
from drydock.notebooks.parameters import BadParameter

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture(autouse=True)
def _sample_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_LABS", str(SAMPLE))


def run(name: str, out: Path, **given: Any) -> runner.Report:
    return runner.run(name, out=out, cloud="embedded", given=given, progress_bar=False)


def test_a_lab_runs_to_the_end_and_its_report_says_so(running: embedded.Instance, tmp_path: Path) -> None:
    report = run("queues", tmp_path)
    assert (report.ok, report.passed, report.steps, report.error) == (True, 5, 5, None)
    assert report.notebook == tmp_path / "00-queues.ipynb"
    executed = nbformat.read(report.notebook, as_version=4)
    assert any("✓ blind: passed" in str(cell.get("outputs")) for cell in executed.cells)


def test_the_report_opens_offline_with_its_figure(running: embedded.Instance, tmp_path: Path) -> None:
    html = run("queues", tmp_path).page.read_text()
    assert 'Plotly.newPlot("figure-1"' in html
    outside = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"', html)
    assert outside == []
    body = html[html.index("<body") :]
    assert "Who answered how often" in body
    assert "<td" in body


def test_a_step_that_is_not_passed_stops_the_run_and_is_in_the_report(
    running: embedded.Instance, tmp_path: Path
) -> None:
    report = run("queues", tmp_path, solve="false")
    assert not report.ok
    assert (report.passed, report.steps) == (1, 5)
    assert report.error is not None
    assert "StepNotPassed: ✗ keep-longer: wrong" in report.error
    assert "StepNotPassed" in report.page.read_text()


def test_headless_runs_leave_the_learners_progress_alone(
    running: embedded.Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.json"
    monkeypatch.setenv("DRYDOCK_PROGRESS", str(mine))
    assert run("topics", tmp_path).ok
    assert not mine.exists()
    assert os.environ["DRYDOCK_PROGRESS"] == str(mine)


def test_the_kernel_is_this_interpreter_whatever_is_installed_as_python3(
    running: embedded.Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    assert run("topics", tmp_path / "out").ok


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("region", "eu-west-1", "eu-west-1"),
        ("solve", "True", True),
        ("budget_usd", "2", 2.0),
        ("account", "012345678901", "012345678901"),
    ],
)
def test_parameters_have_the_type_of_their_defaults(name: str, text: str, value: Any) -> None:
    typed = parameters.typed({name: text}, parameters.defaults(SAMPLE / "00-queues" / "00-queues.ipynb"))
    assert typed == {name: value}
    assert type(typed[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("regoin", "eu-west-1", "There is no parameter 'regoin'; there are cloud, region"),
        ("solve", "yes", "not of type bool"),
        ("solve", 1, "not of type bool"),
        ("account", 12345678901, "not of type str"),
        ("budget_usd", "much", "not of type float"),
    ],
)
def test_parameters_are_strict(name: str, value: Any, says: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(says)):
        parameters.typed({name: value}, parameters.defaults(SAMPLE / "00-queues" / "00-queues.ipynb"))


def test_a_bad_parameter_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(BadParameter):
        run("queues", tmp_path / "out", regoin="x")
    assert not (tmp_path / "out").exists()


def test_an_instance_of_its_own_is_gone_afterwards() -> None:
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), own_instance() as instance:
        assert embedded.find(instance.name) == instance
        assert instance.port != 4566
        raise ZeroDivisionError
    assert not psutil.pid_exists(instance.pid)
    assert not instance.directory.exists()
    assert dict(os.environ) == before


HANGS = """
import nbformat, sys
run = "import os, pathlib, time; pathlib.Path(%r).write_text(os.environ['DRYDOCK_INSTANCE']); time.sleep(600)"
cells = [nbformat.v4.new_code_cell("solve = False\\nclean_up = False", metadata={"tags": ["parameters"]}),
         nbformat.v4.new_code_cell(run)]
nbformat.write(nbformat.v4.new_notebook(cells=cells), sys.argv[1])
"""


@contextmanager
def hanging(tmp_path: Path, *labs: str, jobs: int) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """`drydock lab run all` when each of its jobs has come to a cell that does not end, and all that it started.

    Afterwards nothing of it is left.
    """
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    reached = []
    for name in labs:
        lab = tmp_path / "labs" / name
        lab.mkdir(parents=True)
        (lab / "checks.py").write_text("from drydock.labs import Outline\noutline = Outline(title='t', goal='g')\n")
        reached.append(tmp_path / f"{name} is reached")
        subprocess.run([sys.executable, "-c", HANGS % str(reached[-1]), str(lab / f"{name}.ipynb")], check=True)
    command = [sys.executable, "-m", "drydock.cli", "lab", "run", "all", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*command, "--jobs", str(jobs)],
        env={**os.environ, "DRYDOCK_LABS": str(tmp_path / "labs"), "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(
        lambda: (
            len({path.read_text() for path in reached if path.exists()} - {""}) == jobs or process.poll() is not None
        ),
        "the cells are reached, each on an embedded AWS of its own",
    )
    assert process.poll() is None, process.stderr.read() if process.stderr else ""
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2 * jobs
    try:
        yield process, family
    finally:
        process.kill()
        process.communicate()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert list(scratch.iterdir()) == []


def said(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_signal_ends_everything_that_the_run_started(tmp_path: Path, number: signal.Signals, jobs: int) -> None:
    with hanging(tmp_path, "00-a", "01-b", "02-c", jobs=jobs) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
        assert said(process) == "Stopped; nothing is left.\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_killed_run_has_left_the_next_command_removes(tmp_path: Path, jobs: int) -> None:
    with hanging(tmp_path, "00-a", "01-b", jobs=jobs) as (process, _):
        process.kill()
        process.wait(timeout=60)
        environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
        subprocess.run(
            [sys.executable, "-m", "drydock.cli", "status"], env=environment, capture_output=True, check=False
        )


def test_ctrl_c_reaches_all_that_run_side_by_side(tmp_path: Path) -> None:
    with hanging(tmp_path, "00-a", "01-b", jobs=2) as (process, family):
        for one in [psutil.Process(process.pid), *workers(family)]:
            one.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 128 + signal.SIGINT
        assert said(process) == "Stopped; nothing is left.\n"


def test_a_run_whose_process_is_ended_ends_those_beside_it(tmp_path: Path) -> None:
    with hanging(tmp_path, "00-a", "01-b", jobs=2) as (process, family):
        workers(family)[0].terminate()
        assert process.wait(timeout=60) == 2
        assert re.search(r"Ended: The process that ran 0[01]-[ab] was ended\.$", said(process).strip())


def workers(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if "spawn_main" in " ".join(one.cmdline())]


def test_labs_side_by_side_are_reported_in_order_and_fail_if_one_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", "lab", "run", "topics", "00", "01-topics", "--jobs", "2",
         "--out", str(tmp_path), "-p", "solve=false"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, "a lab that fails fails the whole"
    table = [line.split()[:2] for line in done.stdout.splitlines()]
    assert table[1:3] == [["01-topics", "2/2"], ["00-queues", "1/5"]], "as they were asked for, each once"
    assert "2 labs in " in done.stdout
    assert sorted(re.findall(r"^(\d of 2): (\S+), ", done.stderr, re.MULTILINE)) in (
        [("1 of 2", "00-queues"), ("2 of 2", "01-topics")],
        [("1 of 2", "01-topics"), ("2 of 2", "00-queues")],
    )
    assert "StepNotPassed: ✗ keep-longer: wrong" in done.stderr


@pytest.mark.parametrize("more", [("--cloud", "embedded"), ("-p", "cloud=embedded"), ("--keep",), ("--record",)])
def test_labs_side_by_side_are_refused_where_they_would_share(more: tuple[str, ...], tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["lab", "run", "all", "--jobs", "2", "--out", str(tmp_path / "out"), *more])
    assert said.exit_code == 2
    assert "--jobs 2" in said.output
    assert not (tmp_path / "out").exists()


def test_a_passed_runs_time_is_kept_beside_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tmp_path / "05-x"
    lab.mkdir()
    (lab / "checks.py").write_text("")
    monkeypatch.setenv("DRYDOCK_LABS", str(tmp_path))
    runner.record(runner.Report("05-x", 1, 1, 7.4, tmp_path, tmp_path, None, {}))
    kept = json.loads((lab / "measured.json").read_text())
    assert kept["seconds"] == 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", kept["date"])


def test_a_notebook_rerun_twice_is_the_same_file() -> None:
    first, second = (nbformat.writes(normalise.rerun(SAMPLE / "00-queues" / "00-queues.ipynb")) for _ in range(2))
    assert first == second
    assert "✓ keep-longer: passed" in first
    assert tempfile.gettempdir() not in first


def test_normalising_joins_streams_and_keeps_tags() -> None:
    node = nbformat.v4.new_notebook(
        metadata={"papermill": {"duration": 3}},
        cells=[
            nbformat.v4.new_markdown_cell("# x"),
            nbformat.v4.new_code_cell(
                "print()",
                execution_count=7,
                metadata={"tags": ["nbval-ignore-output"], "execution": {"iopub.status.busy": "now"}},
                outputs=[
                    nbformat.v4.new_output("stream", text="a"),
                    nbformat.v4.new_output("stream", text="b"),
                    nbformat.v4.new_output("execute_result", {"text/plain": "c"}, execution_count=7),
                ],
            ),
        ],
    )
    normalise.normalised(node)
    cell = node.cells[1]
    assert [output.get("text") for output in cell.outputs] == ["ab", None]
    assert (cell.execution_count, cell.outputs[1].execution_count) == (1, 1)
    assert cell.metadata == {"tags": ["nbval-ignore-output"]}
    assert set(node.metadata) == {"kernelspec", "language_info"}


def test_text_that_would_end_a_script_cannot(tmp_path: Path) -> None:
    evil = {"data": [{"type": "bar", "name": "</script><b>"}], "layout": {}}
    output = nbformat.v4.new_output("display_data", {page.PLOTLY: evil})
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    page.write(node, tmp_path / "page.html", "<title>")
    html = (tmp_path / "page.html").read_text()
    assert "</script><b>" not in html
    assert "<title>&lt;title&gt;</title>" in html
