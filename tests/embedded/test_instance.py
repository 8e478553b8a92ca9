"""One daemon for one state directory: starting, finding and ending it, whatever state it is in."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from drydock import cli, embedded
from drydock.cloud import connect
from drydock.embedded import assembly
from drydock.embedded import instance as instance_module
from drydock.embedded.assembly import AWS
from drydock.embedded.instance import LOCK, REPLAYING, directory_of, free_port, pid_of
from drydock.images import layout
from drydock.policy.profiles import NoSuchProfile
from tests.support.clients import client_of
from tests.support.waiting import PATIENCE, eventually

NAME = "one"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    embedded.stop(NAME)


def freeze(pid: int) -> None:
    """Stop a process and see that every thread of it has stopped: until then one of them may still answer."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    eventually(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads.glob("*/stat")))


def daemons(home: Path) -> list[int]:
    """Every daemon of this home, by the command line it was started with."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "drydock.embedded.daemon" in (process.info["cmdline"] or ()) and str(home) in str(process.info["cmdline"])
    ]


@contextmanager
def started_meanwhile() -> Iterator[list[embedded.Instance]]:
    """`embedded.start` in a thread; once it waits, the block; after the block its instance is in the list."""
    got: list[embedded.Instance] = []
    thread = threading.Thread(target=lambda: got.append(embedded.start(NAME)))
    thread.start()
    eventually(lambda: is_locked(directory_of(NAME) / "start.lock"))
    yield got
    thread.join(60)


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_start_that_was_cut_short_is_taken_up_by_the_next(home: Path) -> None:
    first = subprocess.Popen([sys.executable, "-m", "drydock.cli", "up", "--name", NAME], stderr=subprocess.DEVNULL)
    eventually(lambda: pid_of(NAME) is not None)
    pid = pid_of(NAME)
    assert pid is not None
    freeze(pid)
    first.kill()
    first.wait()
    with started_meanwhile() as got:
        os.kill(pid, signal.SIGCONT)
    assert got[0].pid == pid
    assert daemons(home) == [pid]
    assert embedded.stop(NAME)
    assert daemons(home) == []


def test_one_that_does_not_answer_is_waited_for_and_said_to_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_module, "_ANSWER_LIMIT", 0.5)
    instance = embedded.start(NAME)
    freeze(instance.pid)
    assert embedded.find(NAME) is None
    said = CliRunner().invoke(cli.app, ["status", "--name", NAME])
    assert said.exit_code == 1
    assert f"runs (process {instance.pid}) and does not answer" in " ".join(said.output.split())
    said = CliRunner().invoke(cli.app, ["status", "--name", NAME, "--json"])
    assert json.loads(said.output) == {"name": NAME, "running": True, "pid": instance.pid}
    assert "answers at" in CliRunner().invoke(cli.app, ["logs", "--name", NAME]).output
    with started_meanwhile() as got:
        os.kill(instance.pid, signal.SIGCONT)
    assert got == [instance]
    assert daemons(home) == [instance.pid]


def test_one_that_does_not_answer_can_be_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_module, "_STOP_LIMIT", 0.5)
    instance = embedded.start(NAME)
    freeze(instance.pid)
    assert embedded.stop(NAME)
    assert not psutil.pid_exists(instance.pid)
    assert not embedded.stop(NAME)


def test_a_second_daemon_does_not_touch_the_directory_of_the_first(home: Path) -> None:
    instance = embedded.start(NAME)
    command = [sys.executable, "-m", "drydock.embedded.daemon", "--directory", str(instance.directory)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert f"process {instance.pid} runs in {instance.directory} already" in second.stderr
    assert embedded.find(NAME) == instance


def test_reset_empties_one_that_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_module, "_STOP_LIMIT", 0.5)
    instance = embedded.start(NAME, port=free_port())
    journal = instance.directory / "journal.jsonl"
    journal.write_text("anything")
    freeze(instance.pid)
    again = embedded.reset(NAME)
    assert again is not None
    assert (again.port, journal.read_text()) == (instance.port, "")
    assert daemons(home) == [again.pid]


# A long replay


@contextmanager
def slow_daemon(replays: Callable[[Path], None]) -> Iterator[None]:
    """This process as a daemon that answers when `replays` has returned."""
    directory = directory_of(NAME)
    directory.mkdir(parents=True)

    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"pid": os.getpid()}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    def work() -> None:
        replays(directory)
        port = server.server_port
        state = {"name": NAME, "endpoint": f"http://127.0.0.1:{port}", "port": port, "pid": os.getpid()}
        (directory / "new").write_text(json.dumps({**state, "account": "000000000000", "speed": 30}))
        (directory / "new").rename(directory / "state.json")

    with ThreadingHTTPServer(("127.0.0.1", 0), Status) as server, (directory / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpid()))
        lock.flush()
        threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=work)]
        for thread in threads:
            thread.start()
        yield
        threads[1].join()
        server.shutdown()
        threads[0].join()


def test_a_replay_that_goes_on_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_module, "_START_LIMIT", 1.0)

    def replays(directory: Path) -> None:
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            (directory / REPLAYING).touch()
            time.sleep(0.05)

    with slow_daemon(replays):
        assert embedded.start(NAME).pid == os.getpid()


def test_a_replay_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_module, "_START_LIMIT", 0.5)
    given_up = threading.Event()
    with slow_daemon(lambda directory: given_up.wait(60) and None):
        try:
            with pytest.raises(embedded.NotStarted, match=rf"\(process {os.getpid()}\) runs and has not answered"):
                embedded.start(NAME)
        finally:
            given_up.set()


def test_what_does_not_start_in_time_is_ended(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "silent"
    silent.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    silent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr(instance_module, "_START_LIMIT", 0.2)
    with pytest.raises(embedded.NotStarted, match="did not answer in"):
        embedded.start(NAME)
    assert daemons(home) == []


def test_a_replay_shows_that_it_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "_TOUCH_EVERY", 0.0)
    first = AWS(home / "aws")
    first.listen()
    first.run()
    for name in ("a", "b", "c"):
        client_of(first, "sqs").create_queue(QueueName=name)
    first.close()
    again = AWS(home / "aws")
    sign = home / "aws" / REPLAYING
    seen: list[int] = []
    replay = again.app.replay

    def look_and_replay(entry: Any) -> None:
        seen.append(sign.stat().st_mtime_ns)
        time.sleep(0.05)  # more than the tick by which some kernels stamp files
        replay(entry)

    monkeypatch.setattr(again.app, "replay", look_and_replay)
    assert again.restore() == 3
    again.close()
    assert seen == sorted(set(seen))
    assert not sign.exists()


# What surrounds it


def test_a_proxy_is_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for command in ("up", "status", "down"):
        arguments = [sys.executable, "-m", "drydock.cli", command, "--name", NAME]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_users_aws_settings_do_not_reach_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text("[this is no config\n")
    for name, value in {"AWS_PROFILE": "gone", "AWS_CONFIG_FILE": str(home / "config"), "BOTO_CONFIG": "/x"}.items():
        monkeypatch.setenv(name, value)
    there = psutil.Process(embedded.start(NAME).pid).environ()
    assert {name: value for name, value in there.items() if name.startswith(("AWS_", "BOTO"))} == {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_relative_home_is_below_where_the_command_was_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("DRYDOCK_HOME", "here")
    instance = embedded.start(NAME)
    assert instance.directory == home / "here" / "instances" / NAME
    assert (instance.directory / "journal.jsonl").exists()
    assert layout.home() == home / "here" / "images"
    monkeypatch.chdir("/")
    monkeypatch.setenv("DRYDOCK_HOME", str(home / "here"))
    assert embedded.stop(NAME)


def test_a_home_may_be_written_with_a_tilde(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("DRYDOCK_HOME", "~/dock")
    assert instance_module.home() == home / "dock"
    assert layout.home() == home / "dock" / "images"


def test_what_a_crash_left_says_nothing_about_another_users_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    directory = directory_of(NAME)
    directory.mkdir(parents=True)
    state = {"name": NAME, "endpoint": "http://127.0.0.1:9", "port": 9, "pid": 1, "account": "0", "speed": 30}
    (directory / "state.json").write_text(json.dumps(state))
    (directory / LOCK).write_text("1")
    with monkeypatch.context() as patch:
        patch.setattr(instance_module.os, "kill", refused)
        assert embedded.find(NAME) is None
        assert not embedded.stop(NAME)
    assert embedded.start(NAME).pid != 1


def test_one_whose_directory_is_deleted_ends(home: Path) -> None:
    instance = embedded.start(NAME)
    process = psutil.Process(instance.pid)
    family = process.children(recursive=True)
    shutil.rmtree(instance.directory)
    assert psutil.wait_procs([process, *family], timeout=PATIENCE)[1] == []
    assert embedded.find(NAME) is None


def test_a_profile_is_kept_and_no_other_is_taken_while_it_runs(home: Path) -> None:
    assert embedded.start(NAME, port=free_port(), profile="strict").profile == "strict"
    with pytest.raises(
        embedded.NotStarted, match="drydock down --name one, then drydock up --name one --profile quick"
    ):
        embedded.start(NAME, profile="quick")
    with pytest.raises(embedded.NotStarted, match="runs with the profile strict, not quick"):
        connect("embedded", name=NAME, profile="quick")
    assert (
        connect("embedded", name=NAME, profile="strict").profile == connect("embedded", name=NAME).profile == "strict"
    )
    embedded.stop(NAME)
    again = embedded.start(NAME)
    assert (again.profile, again.status()["profile"]) == ("strict", "strict")
    embedded.reset(NAME)
    found = embedded.find(NAME)
    assert found is not None
    assert found.profile == "strict"
    embedded.stop(NAME)
    assert embedded.start(NAME, profile="quick").profile == "quick"


def test_a_profile_that_is_none_is_refused_before_anything_is_made(home: Path) -> None:
    with pytest.raises(NoSuchProfile, match="there are quick and strict"):
        embedded.start(NAME, profile="slow")
    assert not directory_of(NAME).exists()
