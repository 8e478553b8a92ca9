"""A runtime without processes: containers do what the test says, on the thread of whoever asks.

It keeps the contract of `drydock.embedded.carriers.runtime.base`, which tests/embedded/runtime/test_contract.py holds
against every runtime. Nothing in it takes time: a grace period ends when the clock has passed it and `turn` is called.
"""

from __future__ import annotations

import signal
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from drydock import disk
from drydock.embedded.carriers.runtime import CannotStart, ContainerSpec, Exit
from drydock.embedded.carriers.runtime.base import refuse_others, run_to_end, stop_signal
from drydock.embedded.carriers.runtime.command import arguments, environment
from drydock.embedded.core.clock import Clock
from drydock.images import UnpackedLayer
from drydock.policy.offers import Offer

KILLED = 128 + signal.SIGKILL
Output = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Program:
    """What a command does: says its lines, (stream, text with `$NAME` of the container's environment), then ends.

    exits    its exit status; None where it runs on
    handles  signals that end it, with its exit status then; as process 1 it does not notice others but SIGKILL
    echoes   gives its input back, and ends with it
    """

    says: Sequence[tuple[str, str]] = ()
    exits: int | None = None
    handles: Mapping[int, int] = field(default_factory=dict)
    echoes: bool = False


Programs = Callable[[Sequence[str], Mapping[str, str]], Program | None]


def serves(_argv: Sequence[str], _environment: Mapping[str, str]) -> Program:
    """Every command is a program that runs until it is told to stop."""
    return Program(handles={signal.SIGTERM: 0})


class FakeSession:
    def __init__(self, program: Program, on_output: Output) -> None:
        self._program, self._on_output = program, on_output
        self._code = program.exits

    def write(self, data: bytes) -> None:
        if self._code is None and self._program.echoes:
            self._on_output("stdout", data)

    def close_stdin(self) -> None:
        if self._program.echoes:
            self.end(0)

    def resize(self, rows: int, columns: int) -> None:
        pass

    def kill(self) -> None:
        self.end(KILLED)

    def end(self, code: int) -> None:
        if self._code is None:
            self._code = code

    def wait(self, timeout: float | None = None) -> int:
        """TimeoutError at once where it runs on: nothing changes while somebody waits."""
        if self._code is None:
            raise TimeoutError(f"the command still runs after {timeout} s")
        return self._code


class FakeContainer:
    def __init__(self, spec: ContainerSpec, pid: int, started_at: float) -> None:
        self.spec, self.pid, self.started_at = spec, pid, started_at
        self.environment = environment(spec.image, spec.environment, spec.address, spec.resolver)
        self.program = Program()
        self.sessions: list[FakeSession] = []
        self.killed_at: float | None = None
        self.running = True


class FakeRuntime:
    """Containers that only seem to run. `programs` says what a command does in an environment, None: there is none.

    It gives what `offers` says, in that a test finds it in the container's `spec`.
    """

    name = "fake"
    offers = frozenset({Offer.INIT, Offer.OPEN_FILES, Offer.HOSTS})
    """As processes do."""

    def __init__(self, clock: Clock, programs: Programs = serves) -> None:
        self.clock, self.programs = clock, programs
        self.containers: list[FakeContainer] = []
        """Those that run, oldest first."""
        self.started: list[FakeContainer] = []
        """All that ever did."""
        self.forgotten: list[tuple[UnpackedLayer, ...]] = []

    def start(self, spec: ContainerSpec) -> FakeContainer:
        refuse_others(spec, self.offers)
        container = FakeContainer(spec, len(self.started) + 1, self.clock.utcnow().timestamp())
        argv = arguments(spec.image, spec.entrypoint, spec.command)
        program = self.programs(argv, container.environment)
        if program is None:
            raise CannotStart(f'CannotStartContainerError: exec: "{argv[0]}": executable file not found in $PATH')
        container.program = program
        spec.state.mkdir(parents=True, exist_ok=True)
        self.containers.append(container)
        self.started.append(container)
        for stream, text in _said(program, container):
            spec.on_output(stream, text.encode())
        if program.exits is not None:
            self.end(container, program.exits)
        return container

    def open(
        self, container: FakeContainer, argv: Sequence[str], *, tty: bool = False, on_output: Output | None = None
    ) -> FakeSession:
        if not container.running:
            raise CannotStart(f"container {container.spec.key} is not running", 1)
        program = self.programs(argv, container.environment)
        if program is None:
            raise CannotStart(f'OCI runtime exec failed: exec: "{argv[0]}": executable file not found in $PATH')
        show = on_output or (lambda _stream, _data: None)
        for stream, text in _said(program, container):
            show("stdout" if tty else stream, f"{text}\n".encode())
        session = FakeSession(program, show)
        container.sessions.append(session)
        return session

    def execute(
        self,
        container: FakeContainer,
        argv: Sequence[str],
        *,
        on_output: Output | None = None,
        timeout: float | None,
        tty: bool = False,
    ) -> int:
        return run_to_end(lambda: self.open(container, argv, tty=tty, on_output=on_output), on_output, timeout)

    def signal(self, container: FakeContainer, number: int) -> None:
        if number == signal.SIGKILL:
            self.end(container, KILLED)
        elif number in container.program.handles:
            self.end(container, container.program.handles[number])
        elif container.spec.init:
            self.end(container, 128 + number)

    def stop(self, container: FakeContainer, grace: float) -> None:
        self.signal(container, stop_signal(container.spec.image.stop_signal))
        container.killed_at = self.clock.elapsed() + grace
        self.turn()

    def forget(self, layers: tuple[UnpackedLayer, ...]) -> None:
        self.forgotten.append(layers)

    def close(self) -> None:
        for container in list(self.containers):
            self.end(container, KILLED)

    # -- what only a test can do ----------------------------------------------------------------

    def turn(self) -> None:
        """Kill what was to stop and whose grace period has passed."""
        for container in list(self.containers):
            if container.killed_at is not None and self.clock.elapsed() >= container.killed_at:
                self.end(container, KILLED)

    def end(self, container: FakeContainer, code: int, reason: str | None = None) -> None:
        """Let the container's first process end, as after a crash; nothing happens if it has ended."""
        if not container.running:
            return
        container.running = False
        self.containers = [one for one in self.containers if one is not container]
        for session in container.sessions:
            session.kill()
        disk.remove(container.spec.state)
        container.spec.on_exit(Exit(code, reason))


def _said(program: Program, container: FakeContainer) -> list[tuple[str, str]]:
    return [(stream, string.Template(text).safe_substitute(container.environment)) for stream, text in program.says]
