"""What a runtime is: containers of a task, started from a specification and watched until they exit."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from drydock.policy.offers import Offer

if TYPE_CHECKING:
    from drydock.images import ImageConfig, UnpackedLayer

_AFTER_KILL = 3.0
_NUMBER = re.compile(r"[0-9]{1,3}")
_REAL_TIME = re.compile(r"(RTMIN|RTMAX)([+-][0-9]{1,2})")
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
LINE_LIMIT = 262_118  # bytes: the largest CloudWatch Logs event the awslogs driver sends (256 KiB - 26)
OPEN_FILES = 65_535  # the soft and hard nofile limit of a Fargate container


class CannotStart(Exception):
    """The container, or the command in it, was never started. `reason` is worded as ECS words it in a container's
    `reason`; `code` is the exit status that `docker run` and `docker exec` give for it."""

    def __init__(self, reason: str, code: int = 127) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True)
class Exit:
    """How a container ended. `code` is its exit status, or 128+n when signal n killed it."""

    code: int
    reason: str | None = None


@dataclass(frozen=True)
class Mount:
    """A folder of this machine that a container sees at `target`."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Capabilities:
    """Linux capabilities beyond and below those that a container has by itself, without `CAP_`."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One container of one task. `environment` goes over the image's; None means the image's own value.

    What comes after `on_exit` a runtime gives only if it offers it; `start` refuses what it cannot give.
    """

    key: str  # "<task-id>/<container-name>"
    image: ImageConfig
    layers: tuple[UnpackedLayer, ...]  # of the image, the lowest first
    state: Path  # the runtime's: it makes this folder, and removes it with all that is in it before `on_exit`
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str]
    working_directory: str | None = None
    address: str  # the loopback address that the task owns
    resolver: tuple[str, int] | None = None  # the VPC's DNS server
    firewall: Path | None = None  # what security groups let through, posted for the task (workload/firewall.py)
    memory_limit_mib: int | None = None
    on_output: Callable[[str, bytes], None]  # ("stdout" | "stderr", one line without its newline)
    on_exit: Callable[[Exit], None]  # once, after the last line of output
    user: str | None = None
    mounts: tuple[Mount, ...] = ()
    read_only_root: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)  # name -> address
    init: bool = False  # a first process that is no program of the container's, hands on signals and reaps
    capabilities: Capabilities = Capabilities()
    open_files: tuple[int, int] | None = None  # the soft and the hard limit

    @property
    def asks_for(self) -> frozenset[Offer]:
        """What not every runtime can give."""
        asked = {
            Offer.USER: self.user,
            Offer.MOUNTS: self.mounts,
            Offer.READ_ONLY_ROOT: self.read_only_root,
            Offer.HOSTS: self.hosts,
            Offer.INIT: self.init,
            Offer.CAPABILITIES: self.capabilities != Capabilities(),
            Offer.OPEN_FILES: self.open_files,
        }
        return frozenset(offer for offer, wanted in asked.items() if wanted)


class Container(Protocol):
    """A container that was started."""

    @property
    def spec(self) -> ContainerSpec: ...
    @property
    def pid(self) -> int: ...
    @property
    def started_at(self) -> float: ...  # seconds since the epoch
    @property
    def running(self) -> bool: ...


class Session(Protocol):
    """A further command in a running container, with its input and output."""

    def write(self, data: bytes) -> None: ...
    def close_stdin(self) -> None: ...
    def resize(self, rows: int, columns: int) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...  # exit status after the last output; TimeoutError


Running = TypeVar("Running", bound=Container)


class Runtime(Protocol[Running]):
    """Starts containers. Callbacks come on a thread of the runtime's: they must be quick and must not wait for
    the runtime (`execute`, `Session.wait`). They may come before `start` has returned."""

    name: str
    offers: frozenset[Offer]

    def start(self, spec: ContainerSpec) -> Running:
        """Start a container, or raise `CannotStart`, as for one that asks for what this runtime does not offer."""
        ...

    def open(
        self,
        container: Running,
        argv: Sequence[str],
        *,
        tty: bool = False,
        on_output: Callable[[str, bytes], None] | None = None,
    ) -> Session:
        """Run a further command. Output comes as it is, not in lines; with `tty` all of it is "stdout"."""
        ...

    def execute(
        self,
        container: Running,
        argv: Sequence[str],
        *,
        on_output: Callable[[str, bytes], None] | None = None,
        timeout: float | None,
        tty: bool = False,
    ) -> int:
        """Run a further command to its end and give its exit status; TimeoutError after `timeout` of our
        seconds, when all it started has been killed. 127 when there is no such command, 126 when it
        cannot be executed, as `docker exec` gives them."""
        ...

    def signal(self, container: Running, number: int) -> None:
        """Send a signal to the container's first process."""
        ...

    def stop(self, container: Running, grace: float) -> None:
        """Send the image's stop signal (SIGTERM), and SIGKILL after `grace` of our seconds. Does not wait."""
        ...

    def forget(self, layers: tuple[UnpackedLayer, ...]) -> None:
        """Let go of what was made of these layers: no container has them, and they are about to be removed."""
        ...

    def close(self) -> None:
        """Kill every container."""
        ...


def refuse_others(spec: ContainerSpec, offers: frozenset[Offer]) -> None:
    """Raise CannotStart for a container that asks for what is not among `offers`."""
    if missing := spec.asks_for - offers:
        raise CannotStart(
            "CannotStartContainerError: the runtime of this container does not have "
            + ", ".join(sorted(offer.value for offer in missing))
        )


def run_to_end(
    begin: Callable[[], Session], on_output: Callable[[str, bytes], None] | None, timeout: float | None
) -> int:
    """`Runtime.execute`, for any runtime: `begin` opens the session, or raises CannotStart."""
    try:
        session = begin()
    except CannotStart as error:
        if on_output:
            on_output("stderr", error.reason.encode() + b"\n")
        return error.code
    session.close_stdin()
    try:
        return session.wait(timeout)
    except TimeoutError:
        session.kill()
        with contextlib.suppress(TimeoutError):
            session.wait(_AFTER_KILL)
        raise


def stop_signal(name: str | None) -> int:
    """The number of an image's STOPSIGNAL; SIGTERM where there is none such, as in Docker (moby, container.StopSignal).

    >>> stop_signal("SIGQUIT"), stop_signal("quit"), stop_signal("3"), stop_signal("RTMIN+3")
    (3, 3, 3, 37)
    >>> stop_signal(None), stop_signal("SIGFOO"), stop_signal("999")
    (15, 15, 15)
    """
    text = (name or "").upper().removeprefix("SIG")
    real_time = _REAL_TIME.fullmatch(text)
    base, offset = real_time.groups() if real_time else (text, "0")
    number = int(text) if _NUMBER.fullmatch(text) else signal.Signals.__members__.get(f"SIG{base}", 0) + int(offset)
    return number if number in signal.valid_signals() else int(signal.SIGTERM)
