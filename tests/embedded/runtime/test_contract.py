"""What every runtime keeps: processes of this machine, containers of an engine, and the fake that tests step."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.images import layer_of
from tests.support.runtime import FakeRuntime, Program
from tests.support.waiting import PATIENCE, eventually

from drydock.embedded.carriers.runtime import CannotStart, Capabilities, Mount, Offer
from drydock.embedded.core.clock import ManualClock

from .conftest import Machine, Run

FOREVER = "while :; do sleep 0.1; done"
SPEAKS = "echo $COLOUR; echo no >&2; exit 3"
HANDLES = f"trap 'exit 5' TERM; trap 'exit 6' USR1; echo ready; {FOREVER}"
DEAF = f"trap '' TERM; echo ready; {FOREVER}"
IDLE = "echo ready; exec sleep 600"
READY = ("stdout", "ready")
FAKE = {
    SPEAKS: Program([("stdout", "$COLOUR"), ("stderr", "no")], exits=3),
    HANDLES: Program([READY], handles={signal.SIGTERM: 5, signal.SIGUSR1: 6}),
    DEAF: Program([READY]),
    IDLE: Program([READY]),
    "cat": Program(echoes=True),
}


@dataclass
class Subject:
    """A runtime that can be tried. `pass_time` lets seconds pass where they do not by themselves."""

    machine: Machine
    pass_time: Callable[[float], None]

    @property
    def runtime(self) -> Any:
        return self.machine.runtime

    def needs_init(self) -> None:
        """Skip the test where an engine has no program for it."""
        if self.runtime.name == "docker":
            try:
                self.run("true", init=True).wait()
            except CannotStart as refused:
                assert "init" in refused.reason
                pytest.skip(f"the engine cannot start an init process: {refused.reason}")

    def run(self, script: str, **given: Any) -> Run:
        return self.machine.run("sh", "-c", script, environment={"COLOUR": "green"}, **given)

    def ready(self, script: str, **given: Any) -> Run:
        run = self.run(script, **given)
        run.until("ready")
        return run


def fake(rootfs: Path) -> Subject:
    clock = ManualClock()

    def programs(argv: Sequence[str], _environment: Mapping[str, str]) -> Program | None:
        return FAKE.get(argv[-1])

    runtime = FakeRuntime(clock, programs)

    def pass_time(seconds: float) -> None:
        clock.advance(seconds * clock.speed)
        runtime.turn()

    return Subject(Machine(runtime, rootfs), pass_time)


REAL = [pytest.param(name, marks=pytest.mark.process) for name in ("process", "docker")]


@pytest.fixture(params=[*REAL, "fake"])
def subject(request: pytest.FixtureRequest, rootfs: Path) -> Subject:
    if request.param == "fake":
        return fake(rootfs)
    machine = request.getfixturevalue("machine" if request.param == "process" else "docker_machine")
    return Subject(machine, lambda _seconds: None)


def test_lines_of_both_streams_come_before_the_exit_which_comes_once(subject: Subject) -> None:
    exits: list[int] = []
    run = Run()
    run.container = subject.run(
        SPEAKS, on_output=run.output, on_exit=lambda exit: (exits.append(exit.code), run.end(exit))
    ).container
    assert run.wait().code == 3
    assert sorted(run.lines) == [("stderr", b"no"), ("stdout", b"green")]
    assert run.lines_at_exit == 2
    subject.runtime.signal(run.container, signal.SIGKILL)
    assert exits == [3]


def test_a_container_runs_until_it_has_ended(subject: Subject) -> None:
    run = subject.ready(IDLE)
    assert run.container.running
    assert run.container.pid > 0 and run.container.started_at > 0
    assert run.container.spec.key == "task/app"
    subject.runtime.signal(run.container, signal.SIGKILL)
    assert run.wait().code == 137
    again = subject.ready(IDLE)  # of the same key, as one that a policy restarts
    assert again.container.running and again.container.pid != run.container.pid
    subject.runtime.signal(again.container, signal.SIGKILL)
    assert again.wait().code == 137
    eventually(lambda: not run.container.running)
    subject.runtime.signal(run.container, signal.SIGKILL)
    subject.runtime.stop(run.container, 0)


def test_stop_sends_the_images_stop_signal(subject: Subject) -> None:
    run = subject.ready(HANDLES)
    subject.runtime.stop(run.container, PATIENCE)
    assert run.wait().code == 5
    subject.machine.image = replace(subject.machine.image, stop_signal="SIGUSR1")
    run = subject.ready(HANDLES)
    subject.runtime.stop(run.container, PATIENCE)
    assert run.wait().code == 6


@pytest.mark.parametrize("script", [DEAF, IDLE])
def test_what_does_not_stop_is_killed_after_the_grace_period(subject: Subject, script: str) -> None:
    run = subject.ready(script)
    subject.runtime.stop(run.container, 0.5)
    assert run.exit is None
    subject.pass_time(0.5)
    assert run.wait().code == 137


def test_a_signal_that_process_1_has_no_handler_for_does_nothing(subject: Subject) -> None:
    run = subject.ready(IDLE)
    subject.runtime.signal(run.container, signal.SIGTERM)
    assert subject.runtime.execute(run.container, ["sh", "-c", SPEAKS], timeout=PATIENCE) == 3
    assert run.container.running


def test_a_command_that_is_not_there_cannot_start(subject: Subject) -> None:
    with pytest.raises(CannotStart, match="foo") as refused:
        subject.machine.run("foo")
    assert refused.value.reason.startswith("CannotStartContainerError: ")
    assert subject.machine.runs == []


def test_execute_gives_status_and_output_in_the_containers_environment(subject: Subject) -> None:
    run = subject.ready(IDLE)
    assert subject.machine.execute(run, "sh", "-c", SPEAKS) == (3, b"green\n", b"no\n")
    assert subject.machine.execute(run, "foo")[0] in (126, 127)


def test_execute_that_takes_too_long_ends_and_leaves_the_container(subject: Subject) -> None:
    run = subject.ready(IDLE)
    with pytest.raises(TimeoutError):
        subject.runtime.execute(run.container, ["sh", "-c", IDLE], timeout=0.5)
    assert run.container.running


def test_a_session_takes_input_until_it_is_closed(subject: Subject) -> None:
    run = subject.ready(IDLE)
    said: list[bytes] = []
    session = subject.runtime.open(run.container, ["cat"], on_output=lambda _, data: said.append(data))
    session.write(b"to and ")
    session.write(b"fro")
    session.close_stdin()
    assert session.wait(PATIENCE) == 0
    assert b"".join(said) == b"to and fro"


def test_all_that_a_terminal_shows_is_one_stream(subject: Subject) -> None:
    run = subject.ready(IDLE)
    said: list[tuple[str, bytes]] = []
    session = subject.runtime.open(
        run.container, ["sh", "-c", SPEAKS], tty=True, on_output=lambda *given: said.append(given)
    )
    session.resize(33, 101)
    assert session.wait(PATIENCE) == 3
    assert {stream for stream, _ in said} == {"stdout"}
    assert b"".join(data for _, data in said).split() == [b"green", b"no"]


def test_a_session_can_be_killed_and_ends_with_its_container(subject: Subject) -> None:
    run = subject.ready(IDLE)
    first, second = (subject.runtime.open(run.container, ["sh", "-c", IDLE]) for _ in range(2))
    first.kill()
    assert first.wait(PATIENCE) == 137
    subject.runtime.signal(run.container, signal.SIGKILL)
    run.wait()
    assert second.wait(PATIENCE) == 137
    with pytest.raises(CannotStart):
        subject.runtime.open(run.container, ["cat"])
    assert subject.runtime.execute(run.container, ["cat"], timeout=PATIENCE) == 1


def test_close_kills_every_container(subject: Subject) -> None:
    runs = [subject.ready(DEAF) for _ in range(2)]
    subject.runtime.close()
    assert [run.wait().code for run in runs] == [137, 137]


# -- what not every runtime has, and what each makes of an image


def said(subject: Subject, script: str, **given: Any) -> list[str]:
    """What a script prints in a container of its own."""
    run = subject.run(script, **given)
    run.wait()
    return run.stdout()


ASKS: dict[Offer, Callable[[Path], dict[str, Any]]] = {
    Offer.MOUNTS: lambda folder: {"mounts": (Mount(folder, "/m"), Mount(folder, "/r", read_only=True))},
    Offer.READ_ONLY_ROOT: lambda _: {"read_only_root": True},
    Offer.HOSTS: lambda _: {"hosts": {"db.test": "127.10.9.9"}},
    Offer.INIT: lambda _: {"init": True},
    Offer.CAPABILITIES: lambda _: {"capabilities": Capabilities(add=("SYS_PTRACE",), drop=("CHOWN",))},
    Offer.USER: lambda _: {"user": "1234:5678"},
    Offer.OPEN_FILES: lambda _: {"open_files": (77, 99)},
}
WRITES = "echo a > /m/a; cat /r/a; (echo b > /r/b) 2>/dev/null || echo refused"
MAKES = "(echo a > /app/new) 2>/dev/null || echo refused"
HOSTS = "cat /etc/hosts"
FINDS = 'python -c \'import socket; print(socket.gethostbyname("db.test"), "db.test")\''
PRIVILEGES = "while read name bits; do if [ $name = CapBnd: ]; then echo $bits; fi; done < /proc/self/status"
WHO = "id -u; id -g"
LIMITS = "ulimit -Sn; ulimit -Hn"


@pytest.mark.parametrize("offer", Offer)
def test_what_is_offered_is_given_and_what_is_not_is_refused(subject: Subject, tmp_path: Path, offer: Offer) -> None:
    given = ASKS[offer](tmp_path)
    if offer not in subject.runtime.offers:
        with pytest.raises(CannotStart, match=f"does not have {offer.value}"):
            subject.run(IDLE, **given)
        assert subject.machine.runs == []
        return
    if isinstance(subject.runtime, FakeRuntime):
        run = subject.ready(IDLE, **given)
        assert run.container.spec.asks_for == {offer}
        return
    match offer:
        case Offer.MOUNTS:
            assert said(subject, WRITES, **given) == ["a", "refused"]
            assert (tmp_path / "a").read_text() == "a\n"
        case Offer.READ_ONLY_ROOT:
            assert (said(subject, MAKES, **given), said(subject, MAKES)) == (["refused"], [])
        case Offer.HOSTS:
            script = FINDS if subject.runtime.name == "process" else HOSTS
            assert any(line.split() == ["127.10.9.9", "db.test"] for line in said(subject, script, **given))
        case Offer.INIT:
            subject.needs_init()
            run = subject.ready(IDLE, **given)
            subject.runtime.signal(run.container, signal.SIGTERM)
            assert run.wait().code == 143
        case Offer.CAPABILITIES:
            bits = int(said(subject, PRIVILEGES, **given)[0], 16)
            assert (bits >> 19 & 1, bits & 1) == (1, 0)
            assert int(said(subject, PRIVILEGES)[0], 16) & 1
        case Offer.USER:
            assert said(subject, WHO, **given) == ["1234", "5678"]
        case Offer.OPEN_FILES:
            assert said(subject, LIMITS, **given) == ["77", "99"]
            run = subject.ready(IDLE, **given)
            assert subject.machine.execute(run, "sh", "-c", LIMITS)[1].split() == [b"77", b"99"]


def test_the_state_of_a_container_is_there_while_it_runs_and_gone_when_that_is_told(
    subject: Subject, tmp_path: Path
) -> None:
    state, left = tmp_path / "deep" / "state", []
    run = Run()
    run.container = subject.run(
        IDLE, state=state, on_output=run.output, on_exit=lambda exit: (left.append(state.exists()), run.end(exit))
    ).container
    run.until("ready")
    assert state.is_dir()
    (state / "left").mkdir()
    (state / "left/file").write_text("x")
    subject.runtime.signal(run.container, signal.SIGKILL)
    run.wait()
    assert left == [False]


def test_a_container_that_cannot_start_leaves_no_state(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(CannotStart):
        subject.machine.run("foo", state=tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", REAL)
def test_layers_lie_over_one_another_with_their_whiteouts(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    machine = request.getfixturevalue("machine" if name == "process" else "docker_machine")
    upper = tmp_path / "upper"
    (upper / "data/.wh..wh..opq").parent.mkdir(parents=True)
    (upper / "data/.wh..wh..opq").touch()
    (upper / "data/new").write_text("new")
    (upper / ".wh.gone").touch()
    lower = tmp_path / "lower"
    (lower / "data").mkdir(parents=True)
    (lower / "data/old").write_text("old")
    (lower / "gone").write_text("gone")
    layers = (*machine.layers(), layer_of(lower, tmp_path / "l"), layer_of(upper, tmp_path / "u"))
    run = machine.run("sh", "-c", "cat /data/new; for x in /data/* /gone; do echo $x; done", layers=layers)
    run.wait()
    assert run.stdout()[0].startswith("new")
    assert not run.said("old") and not (machine.runtime.name == "process" and run.said("tasks/roots/gone"))
    machine.runtime.forget(layers)
    machine.run("sh", "-c", "true", layers=layers).wait()
