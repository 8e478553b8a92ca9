"""The `drydock` command, as a shell sees it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import psutil
import pytest

from drydock import doctor, embedded
from drydock.embedded.core import peers
from drydock.embedded.instance import free_port

SAMPLE = Path(__file__).parent / "labs" / "sample"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of this module's own; whatever still runs there at the end is stopped."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("DRYDOCK_HOME", str(folder))
        patch.setenv("DRYDOCK_LABS", str(SAMPLE))
        patch.setenv("COLUMNS", "200")
        for name in ("DRYDOCK_CLOUD", "DRYDOCK_INSTANCE"):
            patch.delenv(name, raising=False)
        yield folder
        for instance in embedded.instances():
            embedded.stop(instance.name)


def drydock(*arguments: str, code: int = 0) -> str:
    """Run it; its output, with what it said about an error."""
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def runs(pid: int) -> bool:
    """Whether the process has not ended; one that its parent has yet to look after has."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_up_status_down(home: Path) -> None:
    name = "cli-one"
    assert "not running" in drydock("status", "--name", name, code=1)
    assert json.loads(drydock("status", "--name", name, "--json", code=1)) == {"name": name, "running": False}
    said = drydock("up", "--name", name, "--speed", "60", "--profile", "strict")
    assert "http://127.0.0.1:" in said
    assert "60 AWS seconds" in said
    assert "profile strict" in said
    assert "profile strict, not quick" in drydock("up", "--name", name, "--profile", "quick", code=2)
    status = json.loads(drydock("status", "--name", name, "--json"))
    assert status["account"] == "000000000000"
    assert (status["speed"], status["profile"]) == (60, "strict")
    assert {"endpoint", "pid", "clusters", "services", "tasks"} <= set(status)
    assert status["endpoint"] in drydock("status", "--name", name)
    assert "answers at" in drydock("logs", "--name", name)
    assert "stopped" in drydock("down", "--name", name)
    assert not runs(status["pid"])
    assert "was not running" in drydock("down", "--name", name)
    assert "not running" in drydock("logs", "--name", name, code=1)


def test_what_a_profile_does_is_listed_with_its_source() -> None:
    said = drydock("profile")
    assert "150 s" in said
    assert "50 at once, 20/s" in said
    assert "https://docs.aws.amazon.com/" in said
    assert {"documented", "observed"} <= set(said.split())


def test_which_others_run_is_said(home: Path) -> None:
    drydock("up", "--name", "cli-other")
    for command in ("status", "down", "logs", "reset"):
        said = " ".join(drydock(command, "--name", "cli-never", code=1).split())
        assert ("not running" in said) if command in ("status", "logs") else ("there is no such instance" in said)
        assert "Running: cli-other (--name NAME)." in said
    assert not (home / "instances" / "cli-never").exists()
    drydock("down", "--name", "cli-other")


def test_what_cannot_be_because_it_runs_already_is_refused(home: Path) -> None:
    name = "cli-again"
    drydock("up", "--name", name, "--speed", "60", "--seed", "one")
    other = ("--speed", "10", "--port", str(free_port()), "--seed", "two")
    said = " ".join(drydock("up", "--name", name, *other, code=2).split())
    for words in ("speed 60 already, and not at 10", "To change that: drydock down --name cli-again", "another seed"):
        assert words in said
    drydock("up", "--name", name, "--speed", "60", "--seed", "one")
    drydock("down", "--name", name)
    assert "another seed" in drydock("up", "--name", name, "--seed", "two", code=2)
    assert "not running" in drydock("status", "--name", name, code=1)


def test_a_port_that_is_taken_is_said_to_be(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "NotStarted" in drydock("up", "--name", "cli-taken", "--port", port, code=2)


def test_reset_empties_it(home: Path) -> None:
    name = "cli-reset"
    drydock("up", "--name", name, "--port", str(free_port()))
    endpoint = json.loads(drydock("status", "--name", name, "--json"))["endpoint"]
    from drydock.cloud import connect

    connect(endpoint).client("sqs").create_queue(QueueName="gone")
    assert "empty" in drydock("reset", "--name", name, "--yes")
    assert connect(endpoint).client("sqs").list_queues().get("QueueUrls", []) == []
    drydock("down", "--name", name)


def asked(*arguments: str, answer: str) -> str:
    """Run it in a terminal and answer its question; what it said."""
    child = pexpect.spawn(sys.executable, ["-m", "drydock.cli", *arguments], timeout=60, encoding="utf-8")
    child.expect_exact("[y/N]")
    question = str(child.before)
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == (0 if answer == "y" else 1)
    return " ".join(question.split())


def test_what_destroys_asks_first_or_wants_to_be_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drydock.cloud import connect
    from drydock.labs import progress
    from drydock.ledger import Ledger, Recorder

    drydock("up", "--name", "cli-sure")
    cloud = connect("embedded", name="cli-sure")
    cloud.listeners.append(Recorder(Ledger(), cloud, "01-topics"))
    queue = cloud.client("sqs").create_queue(QueueName="mine")["QueueUrl"]
    with progress.changing("01-topics", "create-topic") as record:
        record["passed"] = True
    commands = {
        ("sweep", "--name", "cli-sure"): "Delete 1 thing that all labs made on embedded:cli-sure/",
        ("lab", "reset", "topics"): "Forget your progress in 01-topics?",
        ("lab", "reset"): "Forget your progress in all labs?",
        ("reset", "--name", "cli-sure"): "Forget everything in cli-sure",
    }
    for command, question in commands.items():
        assert "Nothing was done: say so with --yes." in drydock(*command, code=2)
        assert question in asked(*command, answer="n")
    assert cloud.client("sqs").list_queues()["QueueUrls"] == [queue]
    assert progress.of("01-topics")
    for command, question in commands.items():
        if command != ("lab", "reset"):
            assert question in asked(*command, answer="y")
    assert "forgotten" in drydock("lab", "reset")  # there is nothing to lose any more
    assert not progress.read()
    drydock("down", "--name", "cli-sure")


def test_in_the_foreground_it_shows_its_log_and_ends_with_ctrl_c(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "drydock.cli", "up", "--name", "cli-front", "--foreground"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "answers at" in line:
            break
    instance = embedded.find("cli-front")
    assert instance is not None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 128 + signal.SIGINT
    process.stdout.close()
    assert not runs(instance.pid)


def test_logs_can_be_followed(home: Path) -> None:
    drydock("up", "--name", "cli-follow")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "drydock.cli", "logs", "--name", "cli-follow", "-f"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any("answers at" in line for line in process.stdout)
    drydock("down", "--name", "cli-follow")
    assert process.wait(timeout=30) == 0
    process.stdout.close()


def test_labs_are_listed_run_and_forgotten(home: Path, tmp_path: Path) -> None:
    assert "00-queues  Queues" in drydock("lab", "list")
    said = drydock("lab", "run", "topics", "--out", str(tmp_path / "out"))
    assert "01-topics" in said
    assert "2/2" in said
    assert (tmp_path / "out" / "01-topics.html").exists()
    assert [one for one in embedded.instances() if one.name.startswith("labs-")] == []
    assert "create-topic" in drydock("lab", "progress", "topics")
    assert "forgotten" in drydock("lab", "reset", "topics", "--yes")


def test_a_lab_whose_step_is_not_passed_fails_the_command(home: Path, tmp_path: Path) -> None:
    said = drydock("lab", "run", "queues", "--out", str(tmp_path), "-p", "solve=false", code=1)
    assert "1/5" in said
    assert "keep-longer: wrong" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lab", "run", "nope"), "There are: 00-queues, 01-topics"),
        (("lab", "run", "queues", "-p", "regoin=x"), "There is no parameter 'regoin'"),
        (("lab", "run", "queues", "-p", "solve"), "name=value"),
        (("sweep", "--cloud", "aws"), "Name it"),
        (("lab", "run", "queues", "--cloud", "aws"), "-p account=<its 12 digits>"),
        (("sweep", "--cloud", "nowhere"), "is not a cloud"),
        (("sweep", "--cloud", "http://127.0.0.1:9", "--region", "no where"), "no where"),
        (("up", "--name", "no/name"), "use letters"),
        (("up", "--port", "70000"), "'--port'"),
        (("up", "--speed", "0"), "write a number above 0"),
        (("up", "--speed", "nan"), "write a number above 0"),
        (("up", "--name", "cli-slow", "--profile", "slow"), "there are quick and strict"),
        (("profile", "slow"), "there are quick and strict"),
        (("lab", "run", "queues", "--out", "/etc/hostname"), "is a file"),
        (("lab", "run", "queues", "--out", "/etc/hostname/below"), "/etc/hostname/below: Not a directory; choose"),
    ],
)
def test_mistakes_are_told_without_a_traceback(home: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in drydock(*arguments, code=2)


@pytest.mark.parametrize("command", [("up",), ("lab", "list"), ("image", "ls")])
def test_a_home_that_is_no_folder_is_told(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", "/dev/null")
    done = subprocess.run([sys.executable, "-m", "drydock.cli", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") == 1
    assert "/dev/null" in done.stderr and "DRYDOCK_HOME" in done.stderr


def test_sweep_lists_deletes_and_tells_what_is_left(home: Path) -> None:
    from drydock.cloud import connect
    from drydock.ledger import Ledger, Recorder

    drydock("up", "--name", "cli-sweep")
    cloud = connect("embedded", name="cli-sweep")
    cloud.listeners.append(Recorder(Ledger(), cloud, "01-topics"))
    cloud.client("sqs").create_queue(QueueName="swept")
    assert "swept" in drydock("sweep", "--name", "cli-sweep", "--dry-run")
    assert "swept" not in drydock("sweep", "--name", "cli-sweep", "--lab", "queues")
    assert "deleted  queue" in drydock("sweep", "--name", "cli-sweep", "--lab", "topics", "--yes")
    assert "Nothing was there" in drydock("sweep", "--name", "cli-sweep")
    drydock("down", "--name", "cli-sweep")
    assert "cli-sweep: was not running, and is stopped again" in drydock("sweep", "--name", "cli-sweep")
    assert "not running" in drydock("status", "--name", "cli-sweep", code=1)
    drydock("up", "--name", "cli-sweep")
    assert "stopped again" not in drydock("sweep", "--name", "cli-sweep")
    vpc = cloud.client("ec2").create_vpc(CidrBlock="10.44.0.0/16")["Vpc"]["VpcId"]
    cloud.listeners.clear()
    cloud.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.44.1.0/24")
    assert f"LEFT     VPC {vpc}" in drydock("sweep", "--name", "cli-sweep", "--within", "1", "--yes", code=1)
    drydock("down", "--name", "cli-sweep")


def test_doctor_finds_something_about_everything(home: Path) -> None:
    said = drydock("doctor")
    for what in (
        "Python",
        "127.0.0.0/8",
        "Ports under 1024",
        "Port 4566",
        "Who may call",
        "Envoy",
        "Memory",
        "dig",
        "Chromium",
    ):
        assert what in said


def test_doctor_tells_what_is_limited_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_can_bind", lambda address, port: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    findings = {finding.what: finding for finding in (doctor.loopback(), doctor.low_ports(), doctor.dig())}
    assert [finding.state for finding in findings.values()] == ["missing", "limited", "limited"]
    assert all(finding.fix for finding in findings.values())


def test_doctor_tells_where_every_user_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.callers().state == "ok"
    monkeypatch.setattr(peers, "_way", lambda: None)
    assert doctor.callers().state == "missing"
    monkeypatch.setattr(sys, "platform", "darwin")
    found = doctor.callers()
    assert (found.state, "every user of this machine" in found.found) == ("limited", True)


def test_every_command_starts_without_what_only_labs_need() -> None:
    code = "import sys, drydock.cli; print([m for m in ('boto3', 'papermill', 'plotly', 'moto') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_image_commands_are_there() -> None:
    assert "build" in drydock("image", "--help")
    assert "image" in drydock("--help")


def test_sweep_starts_no_cloud_that_there_is_not(home: Path) -> None:
    said = drydock("sweep", "--name", "cli-nobody", "--yes", code=1)
    assert "cli-nobody: there is no such instance." in said
    assert said == drydock("down", "--name", "cli-nobody", code=1)
    assert not (home / "instances" / "cli-nobody").exists()
