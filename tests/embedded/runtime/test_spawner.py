"""The helper that starts every process, and what is left when somebody is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support.waiting import PATIENCE, eventually

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.runtime import spawner_of
from drydock.embedded.carriers.runtime.spawner import Spawner

from .conftest import Machine, alive

DAEMON = """
import sys, threading
from pathlib import Path
from drydock.embedded.carriers.runtime.spawner import Spawner

here = Path(sys.argv[1])
stubborn = '''
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(sys.argv[1], "a").write(f"{os.getpid()}\\\\n")
            time.sleep(600)
        os._exit(0)
    open(sys.argv[1], "a").write(f"{os.getpid()}\\\\n")
    time.sleep(600)
open(sys.argv[1], "a").write(f"{os.getpid()}\\\\n")
time.sleep(600)
'''
spawner = Spawner(here / "spawner.log")
threading.Thread(target=spawner.start).start()  # a thread that is gone when the tasks run
pids = here / "pids"
spawner.spawn(["python", "-c", stubborn, str(pids)], {}, here, python=True)
spawner.spawn(["sh", "-c", "trap '' TERM; setsid sleep 600 & sleep 600 & echo $! $$ >> pids; wait"],
              {"PATH": "/usr/bin:/bin"}, here, executable="/bin/sh")
with (here / "pids").open("a") as file:
    file.write(f"{spawner._helper.pid}\\n")
(here / "ready").touch()
sys.stdin.read()
"""


def started(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(tmp_path)], stdin=subprocess.PIPE)
    pids = tmp_path / "pids"
    eventually(lambda: (tmp_path / "ready").exists() and len(pids.read_text().split()) >= 6)
    return daemon, [*map(int, pids.read_text().split())]


@pytest.mark.skipif(sys.platform != "linux", reason="a process that leaves its group is found on Linux only")
@pytest.mark.parametrize("stuck", [False, True])
def test_nothing_is_left_when_the_daemon_is_killed(tmp_path: Path, stuck: bool) -> None:
    daemon, pids = started(tmp_path)
    family = {child.pid for child in psutil.Process(daemon.pid).children(recursive=True)}
    assert set(pids) <= set(filter(alive, family))
    if stuck:
        for child in psutil.Process(daemon.pid).children(recursive=True):
            if child.name() == "drydock-spawner":
                child.suspend()
    daemon.kill()
    daemon.wait()
    eventually(lambda: not any(map(alive, family)))


@pytest.mark.skipif(sys.platform != "linux", reason="a process that leaves its group is found on Linux only")
def test_nothing_is_left_when_the_helper_is_killed_and_the_next_start_has_another(spawner: Spawner) -> None:
    codes: list[int] = []
    child = spawner.spawn(["sleep", "600"], {}, "/", executable="/bin/sleep", on_exit=codes.append)
    guard = psutil.Process(spawner._helper.pid)  # type: ignore[union-attr]
    family = guard.children(recursive=True)
    helper = next(process for process in family if process.pid != child.pid)
    helper.kill()
    assert child.wait(10) == 137
    eventually(lambda: codes == [137])
    assert not any(alive(process.pid) for process in [guard, *family])
    assert spawner.spawn(["true"], {}, "/", executable="/bin/true").wait(10) == 0
    child.signal(signal.SIGTERM)  # of the lost generation: no one else's child is meant


@pytest.mark.parametrize("whole", [False, True])
def test_a_helper_that_is_frozen_keeps_nobody_waiting_and_is_replaced(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Frozen is the helper, or its guard as well."""
    child = spawner.spawn(["sleep", "600"], {"PATH": os.defpath}, "/", executable="/bin/sleep")
    assert spawner._helper is not None
    guard = psutil.Process(spawner._helper.pid)
    (helper,) = guard.children()
    monkeypatch.setattr("drydock.embedded.carriers.runtime.spawner.START_TIMEOUT", 0.2)
    for process in (helper, guard) if whole else (helper,):
        process.suspend()
    for _ in range(10_000):  # more than a socket holds
        child.stop(signal.SIGTERM, 30.0)
    assert child.wait(PATIENCE) == 137
    eventually(lambda: not alive(helper.pid))
    monkeypatch.undo()
    assert spawner.spawn(["true"], {}, "/", executable="/bin/true").wait(PATIENCE) == 0


def test_a_helper_is_held_against_the_ping_that_it_did_not_answer(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time of one is over, the next is perhaps on its way."""
    child = spawner.spawn(["sleep", "600"], {"PATH": os.defpath}, "/", executable="/bin/sleep")
    looks: list[Callable[[], None]] = []
    monkeypatch.setattr(spawner.pump, "later", lambda _, look: looks.append(look))
    child.stop(signal.SIGCONT, 600.0)
    eventually(lambda: looks and not spawner._pinged, "the first is answered")
    assert spawner._helper is not None
    (helper,) = psutil.Process(spawner._helper.pid).children()
    helper.suspend()
    child.stop(signal.SIGCONT, 600.0)
    eventually(lambda: len(looks) == 2)
    looks[0]()
    helper.resume()
    eventually(lambda: not spawner._pinged, "the second is answered, too")
    assert child.returncode is None


def test_a_start_that_a_frozen_helper_does_not_answer_fails(spawner: Spawner, monkeypatch: pytest.MonkeyPatch) -> None:
    spawner.start()
    assert spawner._helper is not None
    (helper,) = eventually(lambda: psutil.Process(spawner._helper.pid).children())  # type: ignore[union-attr]
    helper.suspend()
    monkeypatch.setattr("drydock.embedded.carriers.runtime.spawner.START_TIMEOUT", 0.2)
    with pytest.raises(TimeoutError, match="true was not started"):
        spawner.spawn(["true"], {}, "/", executable="/bin/true")
    monkeypatch.undo()
    assert spawner.spawn(["true"], {}, "/", executable="/bin/true").wait(PATIENCE) == 0


def test_close_ends_every_child(spawner: Spawner) -> None:
    child = spawner.spawn(["sh", "-c", "trap '' TERM; sleep 600"], {}, "/", executable="/bin/sh")
    spawner.close()
    assert child.wait(5) == 137
    assert not alive(child.pid)


@pytest.mark.parametrize("asked_before", [True, False])
def test_work_under_way_when_the_cloud_ends_starts_nothing_more(tmp_path: Path, asked_before: bool) -> None:
    host = AWS(tmp_path)
    if asked_before:
        host.helper(spawner_of)
    host.close()
    with pytest.raises(OSError, match="the cloud has ended"):
        host.helper(spawner_of).spawn(["true"], {"PATH": "/usr/bin:/bin"}, tmp_path)
    assert not any("drydock-pump" in thread.name for thread in threading.enumerate())


def test_a_program_that_is_not_there_is_an_error_that_names_it(spawner: Spawner) -> None:
    with pytest.raises(FileNotFoundError, match="/no/such/program"):
        spawner.spawn(["/no/such/program"], {}, "/")
    with pytest.raises(FileNotFoundError):
        spawner.spawn(["/bin/true"], {}, "/no/such/directory")


def test_environment_directory_and_input_are_exactly_those_given(spawner: Spawner, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        child = spawner.spawn(
            ["sh", "-c", "env; pwd; cat"], {"ONLY": "me\udcff"}, tmp_path, executable="/bin/sh", stdout=file.fileno()
        )
        assert child.wait(10) == 0
    lines = out.read_bytes().splitlines()
    assert set(lines) - {b"PWD=" + os.fsencode(tmp_path)} == {b"ONLY=me\xff", os.fsencode(tmp_path)}


def test_signals_reach_the_process_and_groups_are_killed_whole(spawner: Spawner, tmp_path: Path) -> None:
    ended = threading.Event()
    child = spawner.spawn(["/bin/sleep", "600"], {}, "/", on_exit=lambda code: ended.set())
    child.signal(signal.SIGTERM)
    assert child.wait(10) == 143
    assert ended.wait(10)
    child.signal(signal.SIGTERM)  # has ended: nothing happens
    both = spawner.spawn(["sh", "-c", "sleep 600; true"], {"PATH": "/bin:/usr/bin"}, "/", executable="/bin/sh")
    eventually(lambda: psutil.Process(both.pid).children())
    inner = psutil.Process(both.pid).children()[0].pid
    both.kill_group()
    assert both.wait(10) == 137
    eventually(lambda: not alive(inner))


def test_on_exit_may_start_the_next(spawner: Spawner) -> None:
    again = threading.Event()

    def restart(_: int) -> None:
        spawner.spawn(["/bin/true"], {}, "/", on_exit=lambda code: again.set())

    spawner.spawn(["/bin/true"], {}, "/", on_exit=restart)
    assert again.wait(10)


def test_python_tasks_are_forked_from_one_warm_interpreter(machine: Machine) -> None:
    """What that saves is printed by `python tests/embedded/runtime/measure.py`."""
    loaded = "import os, sys; print(os.getppid(), 'http.server' in sys.modules)"
    runs = [machine.python(loaded) for _ in range(20)]
    for run in runs:
        run.wait()
    said = {tuple(run.stdout()) for run in runs}
    assert len(said) == 1
    assert said.pop()[0].endswith(" True")  # though nobody has imported it
