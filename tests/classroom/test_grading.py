"""What was handed in is run and checked: by our checks, on an AWS of its own, in a place that nothing gets out of."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from typer.testing import CliRunner

from drydock.classroom import confined, examiner, folder, grading, reading, report
from drydock.classroom.folder import Class
from drydock.classroom.records import Graded, graded_in
from drydock.classroom.roster import Learner
from drydock.cli import app
from drydock.cloud import Cloud
from tests.classroom.conftest import QUEUES

RIGHT = {
    "c6b": 'sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "86400"})',
    "c10b": 'sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0"})',
}
FAKES = {
    "c1": 'cloud = "http://127.0.0.1:1"\nregion = "eu-west-1"\nsolve = clean_up = True\naccount = ""\nbudget_usd = 0.0',
    "c6b": "lab.check = lambda *_, **__: print('✓ keep-longer: passed')\nlab.solve = True",
    "c8": 'from drydock.labs import passed\npassed("`jobs` keeps messages for a day.")',
    "c9": 'print("broken")',
    "c12": 'raise SystemExit("enough")',
}
"""By the cell's id: another cloud, a `lab` that says what one likes, a check rewritten, a drill never broken."""
TRIES = """
import json, os, pathlib, signal, socket, subprocess, sys, urllib.request
here, secret, ours, port = pathlib.Path.cwd(), {secret!r}, {ours!r}, {port}
done = {{}}
def tries(what):
    def run(work):
        try:
            done[what] = repr(work())[:200]
        except BaseException as error:
            done[what] = type(error).__name__
    return run
@tries("write into the teacher's folder")
def _(): pathlib.Path(secret).with_name("mine").write_text("x")
@tries("write over the record of the grade")
def _(): pathlib.Path({grade!r}).write_text("x")
@tries("write into Drydock")
def _():
    import drydock
    (pathlib.Path(drydock.__path__[0]) / "mine.py").write_text("x")
@tries("write into the system")
def _(): pathlib.Path("/usr/mine").write_text("x")
@tries("read the teacher's files")
def _(): return pathlib.Path(secret).read_text()
@tries("read another's work")
def _(): return os.listdir({others!r})
@tries("read the solutions")
def _(): return [path.read_text() for path in pathlib.Path(ours).glob("*/checks.py")][0]
@tries("load the solutions")
def _():
    from drydock.labs import catalogue
    return catalogue.load("00-queues")
@tries("ask for a solution")
def _(): return lab.step("keep-longer").source()
@tries("be caught up")
def _(): return lab.catch_up("blind").heading
@tries("ask for more")
def _(): return lab._ask(do="solve", step="keep-longer")
@tries("set up with the exercises")
def _(): return lab._ask(do="set_up", before="blind")["heading"]
@tries("reach the machine's own loopback")
def _(): return socket.create_connection(("127.0.0.1", port), 2)
@tries("reach the world")
def _(): return socket.create_connection(("198.51.100.1", 80), 2)
@tries("see another process")
def _(): return [one for one in os.listdir("/proc") if one.isdigit() and {pid} == int(one)][0]
@tries("read its memory or signal it")
def _(): return os.kill({pid}, 0)
@tries("become more than it is")
def _(): subprocess.run(["mount", "-t", "tmpfs", "none", "/usr"], check=True, stderr=subprocess.DEVNULL)
@tries("change the machine's settings")
def _(): os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)
@tries("open a setting of the kernel that can be written")
def _():
    for folder, _, names in os.walk("/proc"):
        for name in names if not folder[6:7].isdigit() else ():
            try:
                os.open(os.path.join(folder, name), os.O_WRONLY)
            except OSError:
                continue
            if not folder.startswith("/proc/pressure"):  # everybody may be told of it
                return os.path.join(folder, name)
@tries("see the environment of the teacher")
def _(): return os.environ["DRYDOCK_A_SECRET"]
@tries("write beside the system")
def _(): pathlib.Path("/mine").write_text("x")
@tries("hold memory as files")
def _():
    for number in range(100):
        pathlib.Path(f"/dev/shm/{{number}}").write_bytes(bytes(1 << 20))
@tries("leave folders that nobody can remove")
def _():
    for _ in range(1500):
        os.mkdir("deep")
        os.chdir("deep")
    os.chdir(here)
@tries("write where it may")
def _(): return (here / "notes.txt").write_text("mine")
print(json.dumps(done))
"""
KEPT_OUT = {
    "write into the teacher's folder": "FileNotFoundError",
    "write over the record of the grade": "FileNotFoundError",
    "write into Drydock": "OSError",
    "write into the system": "OSError",
    "read the teacher's files": "FileNotFoundError",
    "read another's work": "FileNotFoundError",
    "read the solutions": "IndexError",
    "load the solutions": "NoSuchLab",
    "ask for a solution": "AttributeError",
    "be caught up": "'Not while a notebook is graded.'",
    "ask for more": "NotWhileGraded",
    "set up with the exercises": "'Set up: nothing is needed from earlier labs.'",
    "reach the machine's own loopback": "ConnectionRefusedError",
    "reach the world": "OSError",
    "see another process": "IndexError",
    "read its memory or signal it": "ProcessLookupError",
    "become more than it is": "CalledProcessError",
    "change the machine's settings": "OSError",
    "open a setting of the kernel that can be written": "None",
    "see the environment of the teacher": "KeyError",
    "write beside the system": "OSError",
    "hold memory as files": "OSError",
    "leave folders that nobody can remove": "None",
    "write where it may": "4",
}
AS_A_FUNCTION = """
import io, zipfile
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as content:
    content.writestr("main.py", '''
import glob, pathlib
def handler(event, context):
    done = []
    for path in event["write"]:
        try:
            pathlib.Path(path).write_text("x")
            done.append(path)
        except OSError:
            pass
    return done + [path for pattern in event["read"] for path in glob.glob(pattern)]
''')
trust = {{"Effect": "Allow", "Principal": {{"Service": "lambda.amazonaws.com"}}, "Action": "sts:AssumeRole"}}
policy = json.dumps({{"Version": "2012-10-17", "Statement": [trust]}})
role = cloud.client("iam").create_role(RoleName="out", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
awslambda = cloud.client("lambda")
awslambda.create_function(FunctionName="out", Runtime="python3.12", Role=role, Handler="main.handler",
                          Code={{"ZipFile": packed.getvalue()}}, Timeout=30)
event = {{"write": [{secret!r} + "2", "/usr/mine"], "read": [{secret!r}, {ours!r} + "/*/checks.py"]}}
print(awslambda.invoke(FunctionName="out", Payload=json.dumps(event))["Payload"].read().decode())
"""


def cells(file: Path) -> dict[str, Any]:
    return {cell["id"]: cell for cell in nbformat.read(file, as_version=4).cells}


def write(file: Path, sources: dict[str, str]) -> None:
    """Work on a learner's notebook: cell → what is in it."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        cell.source = sources.get(cell["id"], cell.source)
    nbformat.write(notebook, file)


@pytest.fixture(scope="module")
def made(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    """A class in which everybody has handed in something else, graded in one go."""
    place = tmp_path_factory.mktemp("teacher")
    learners = [Learner(name, name.title()) for name in ("right", "fake", "hungry", "torn", "none", "link")]
    made = folder.new(place / "Autumn", [QUEUES], learners).the_class
    files = {one.id: made.handed_out(one) / "sample" / QUEUES / f"{QUEUES}.ipynb" for one in made.members}
    (place / "secret").write_text("of the teacher")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_A_SECRET", "of the teacher")
        facts = {
            "secret": str(place / "secret"),
            "ours": os.environ["DRYDOCK_LABS"],
            "others": str(made.handed_out(made.member("right"))),
            "grade": str(made.graded(made.member("fake")) / f"{QUEUES}.json"),
            "port": server.getsockname()[1],
            "pid": os.getpid(),
        }
        write(files["right"], RIGHT)
        tried = {"c3": "lab.set_up()" + TRIES.format(**facts) + AS_A_FUNCTION.format(**facts)}
        write(files["fake"], FAKES | tried)
        write(files["hungry"], {"c6": "held = bytearray(1 << 29)\nheld[:] = b'x' * len(held)\nwhile True: pass"})
        files["torn"].write_text('{"cells": [')
        files["none"].unlink()
        files["link"].with_name("mine.txt").symlink_to(place / "secret")
        record = {"version": 2, "labs": {QUEUES: {"keep-longer": {"passed": True, "attempts": 1}}}}
        (made.handed_out(made.member("fake")) / "progress.json").write_text(json.dumps(record))
        asked = ["class", "grade", str(made.folder), "--jobs", "2", "--memory", "512"]
        said = CliRunner().invoke(app, asked)
        assert said.exit_code == 0, said.output
        (place / "said").write_text(said.stdout)
    yield made


def graded(made: Class, learner: str) -> Graded:
    found = graded_in(made.graded(made.member(learner)), QUEUES)
    assert found is not None
    return found


def executed(made: Class, learner: str) -> dict[str, Any]:
    return cells(made.graded(made.member(learner)) / f"{QUEUES}.ipynb")


def test_what_is_right_has_all_points(made: Class) -> None:
    found = graded(made, "right")
    assert (found.points, found.why, found.notes) == (4, "", [])
    assert found.steps["blind"].said == "A message can be seen at once."


def test_a_check_of_theirs_gives_no_points(made: Class) -> None:
    found = graded(made, "fake")
    outcomes = {step: result.outcome for step, result in found.steps.items()}
    assert outcomes == {
        "create-queue": "passed",
        "keep-longer": "not graded",
        "blind": "not graded",
        "unsure": "passed",
    }
    assert 'lab.check("keep-longer") was not called' in found.steps["keep-longer"].said
    assert "keeps messages for 345600 s" in found.steps["keep-longer"].said
    assert found.steps["blind"].said.startswith('lab.break_it("blind") and lab.check("blind") was not called')
    assert "Nothing is broken yet" in found.steps["blind"].said
    assert any('lab.check("keep-longer") was changed, to: \'from drydock.labs' in note for note in found.notes)
    assert any('lab.break_it("blind") was changed' in note for note in found.notes)


def test_a_notebook_gets_out_of_its_folder_nowhere(made: Class) -> None:
    tried, by_function = "".join(one.get("text", "") for one in executed(made, "fake")["c3"].outputs).splitlines()
    assert json.loads(tried) == KEPT_OUT
    assert json.loads(by_function) == []
    assert sorted(path.name for path in made.folder.parent.iterdir()) == ["Autumn", "said", "secret"]
    assert not (made.handed_out(made.member("fake")) / "sample" / QUEUES / "notes.txt").exists()


def test_what_cannot_be_graded_says_why(made: Class) -> None:
    assert graded(made, "hungry").why == "Over memory: stopped with more than 512 MiB, in code cell 7."
    assert graded(made, "hungry").steps["create-queue"].outcome == "passed"
    assert graded(made, "hungry").steps["blind"].outcome == "not graded"
    assert "is no notebook that can be run: " in graded(made, "torn").why
    assert graded(made, "none").why == f"sample/{QUEUES}/{QUEUES}.ipynb is not in the learner's folder."
    assert "mine.txt is a link" in graded(made, "link").why
    said = (made.folder.parent / "said").read_text()
    assert f"right  {QUEUES}  4 of 4 in " in said
    assert f"torn  {QUEUES}  0 of 4, 4 not graded in " in said


def test_over_time_it_is_stopped(made: Class) -> None:
    file = made.handed_out(made.member("none")) / "sample" / QUEUES / f"{QUEUES}.ipynb"
    shutil.copy(made.handed_out(made.member("right")) / "sample" / QUEUES / file.name, file)
    write(file, {"c7": "import os\nif os.fork():\n    while True: pass\nelse:\n    while True: pass"})
    results: list[grading.Result] = []
    limits = grading.Limits(seconds=1.5)
    grading.grade(made, [made.member("none")], [QUEUES], limits=limits, done=results.append)
    assert results[0].graded.why.startswith("Over time: stopped after 1.5 s, in code cell ")
    running = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    assert [command for command in running if "drydock.classroom.stand_in" in command] == []
    file.unlink()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x" * 21_000_000, "it has more than 20 MiB; clear its outputs"),
        ('{"cells": [], "metadata": {"language_info": {"name": "bash"}}, "nbformat": 4, "nbformat_minor": 5}',
         "it is one of 'bash', and only Python's are"),
        ("[" * 100_000, "RecursionError"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_of_pythons_is_not_run(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "it.ipynb").write_text(content)
    with pytest.raises(ValueError, match=re.escape(says)):
        examiner._readable(tmp_path / "it.ipynb")


def test_what_was_graded_is_not_run_again_until_it_changes(made: Class) -> None:
    said = (
        CliRunner().invoke(app, ["class", "grade", str(made.folder), "--learner", "right", "--learner", "fake"]).stdout
    )
    assert said.splitlines() == [
        f"right  {QUEUES}  4 of 4 (as before)",
        f"fake  {QUEUES}  2 of 4, 2 not graded (as before)",
    ]


def test_the_report_has_points_reasons_and_what_does_not_agree(made: Class) -> None:
    page = report.page(reading.read(made), datetime(2026, 11, 27, tzinfo=UTC))
    assert "Over memory: stopped with more than 512 MiB" in page
    assert "is no notebook that can be run" in page
    assert "≠" in page
    assert "passed after 1 checks; graded: not graded." in page


def test_without_bubblewrap_nothing_is_run(made: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined.shutil, "which", lambda _: None)
    confined._bwrap.cache_clear()
    said = CliRunner().invoke(app, ["class", "grade", str(made.folder), "--again"])
    confined._bwrap.cache_clear()
    assert said.exit_code == 2
    assert "install it (apt install bubblewrap)" in said.output
    assert graded(made, "right").points == 4
