"""Calls of functions: each in a process of its own, beside everything else.

A call begins and ends in the host's pool; nobody's thread waits while it runs, and no lock is held. A process ends with
its call: every call is a cold start. Seconds of a timeout are ours, because the function's own clock is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import platform
import signal
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock import disk
from drydock.embedded.carriers.runtime import spawner_of
from drydock.embedded.carriers.runtime.base import LINE_LIMIT
from drydock.embedded.carriers.runtime.process import Drain, Pieces, pipe
from drydock.embedded.carriers.runtime.pump import Lines
from drydock.embedded.core.host import Host
from drydock.embedded.workload.awslogs import LogDriver, Stream
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.function import RESPONSE

from .code import Packages, site

if TYPE_CHECKING:
    from drydock.embedded.carriers.runtime.spawner import Child

log = logging.getLogger(__name__)

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_INIT = 10.0
"""Our seconds that a module may take to be imported (documented, of AWS's init phase)."""
_TAIL = 4096
"""Bytes of a log that a caller may be told (documented)."""
_OPEN_FILES = 1024
"""What a function may have open (documented)."""
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Function:
    """A version of a function, as it is when it is called."""

    region: str
    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    role: str
    memory: int
    timeout: float
    variables: Mapping[str, str]
    digest: str
    package: bytes = field(repr=False)

    @property
    def group(self) -> str:
        return f"/aws/lambda/{self.name}"


@dataclass(frozen=True)
class Outcome:
    """How a call ended: its answer, and whether the function failed; `refused`: why it was not even begun."""

    answer: bytes = b""
    failed: bool = False
    tail: bytes = b""
    refused: Invalid | None = None


class Call:
    """A call under way. `outcome` is None until it has ended."""

    def __init__(
        self,
        identity: str,
        function: Function,
        event: bytes,
        client_context: str = "",
        on_end: Callable[[Call], None] = lambda call: None,
    ) -> None:
        self.identity = identity
        self.function = function
        self.event = event
        self.client_context = client_context
        self.on_end = on_end
        self.outcome: Outcome | None = None
        self.child: Child | None = None
        self.timed_out = False
        self.said = bytearray()
        self.tail = bytearray()
        today = datetime.now(UTC)
        self.stream = Stream(
            function.region, function.group, f"{today:%Y/%m/%d}/[{function.version}]{identity.replace('-', '')}"
        )

    @property
    def began(self) -> bool:
        """Whether the handler was called."""
        return self.said.startswith(b"began ") and b"\n" in self.said


class Calls:
    """The calls of a host's functions."""

    def __init__(self, host: Host) -> None:
        self._host = host
        directory = host.directory / "functions"
        self._work = directory / "calls"
        with contextlib.suppress(OSError):
            disk.remove(self._work)  # of calls that a crash has ended
        self.packages = Packages(directory / "code")
        self._site = site(directory)
        self._logs = LogDriver(host)
        self._lock = threading.Lock()
        self._running: dict[str, Call] = {}

    def running(self, name: str, region: str) -> int:
        """How many calls of a function are under way."""
        with self._lock:
            return sum((call.function.name, call.function.region) == (name, region) for call in self._running.values())

    def digests(self) -> set[str]:
        """The packages of calls under way."""
        with self._lock:
            return {call.function.digest for call in self._running.values()}

    def begin(self, call: Call) -> None:
        """Let a call run; `call.on_end` is called when it has ended, in the host's pool."""
        with self._lock:
            self._running[call.identity] = call
        self._host.pool.submit(self._begin, call)

    def flush(self) -> None:
        """Write what has been logged. The host's lock is held."""
        self._logs.flush()

    # -- in the pool ----------------------------------------------------------------------------

    def _begin(self, call: Call) -> None:
        try:
            self._start(call)
        except Invalid as refused:
            self._end(call, Outcome(refused=refused))
        except Exception as error:
            if self._host.closing:
                return
            log.exception("a call of %s could not be begun", call.function.name)
            why = f"The embedded AWS could not start {call.function.name}: {type(error).__name__}: {error}"
            self._end(call, Outcome(refused=Invalid("ServiceException", why)))

    def _start(self, call: Call) -> None:
        function = call.function
        root = self.packages.unpacked(function.digest, function.package)
        work = self._work / call.identity
        (work / "tmp").mkdir(parents=True)
        environment = self._environment(call, root, work / "tmp")
        self._logs.open(call.stream, create_group=True)
        self._log(
            call,
            f"INIT_START Runtime Version: Python {platform.python_version()} of this machine, for {function.runtime}: "
            "a process of this user, without a sandbox. Run only code that you trust.",
        )
        self._log(call, f"START RequestId: {call.identity} Version: {function.version}")
        told = {
            "id": call.identity,
            "arn": function.arn,
            "timeout": function.timeout,
            "client_context": call.client_context,
        }
        event = call.event or b"{}"
        disk.write(work / "call", json.dumps(told).encode()[:-1] + b', "event": ' + event + b"}", lasting=False)
        spawner = self._host.helper(spawner_of)
        drain = Drain(spawner.pump, lambda code: self._ended(call, code))

        def printed(line: bytes) -> None:
            self._logs.write(call.stream, line)
            call.tail += line + b"\n"
            del call.tail[:-_TAIL]

        def said(data: bytes) -> None:
            before = call.began
            if len(call.said) <= RESPONSE + 100:
                call.said += data
            if call.began and not before:
                spawner.pump.later(function.timeout, partial(_end_if_running, weakref.ref(call)))

        with contextlib.ExitStack() as ours:
            answer, output = pipe(ours), pipe(ours)
            drain.watch(answer[0], Pieces(said))
            drain.watch(output[0], Lines(printed, LINE_LIMIT))
            call.child = spawner.spawn(
                ["python", "-u", str(BOOTSTRAP), str(work / "call")],
                environment,
                root,
                python=True,
                stdin=answer[1],
                stdout=output[1],
                stderr=output[1],
                on_exit=drain.exited,
                memory=function.memory << 20,
                open_files=(_OPEN_FILES, _OPEN_FILES),
            )
        not_begun = partial(_end_if_running, weakref.ref(call), unless_begun=True)
        spawner.pump.call(spawner.pump.later, _INIT + function.timeout, not_begun)

    def _environment(self, call: Call, root: Path, temporary: Path) -> dict[str, str]:
        """What AWS puts into a function's environment, and what the function itself sets."""
        function, host = call.function, self._host
        given = host.client("sts", function.region, derived=True).assume_role(
            RoleArn=function.role,
            RoleSessionName=function.name.ljust(2, "-"),  # no shorter one is allowed
        )["Credentials"]
        return {
            "PATH": PATH,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "AWS_ENDPOINT_URL": host.endpoint,
            **function.variables,
            "_HANDLER": function.handler,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": call.stream.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": call.stream.name,
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
            "LAMBDA_TASK_ROOT": str(root),
            "DRYDOCK_SITE": str(self._site),
        }

    # -- on the pump's thread -------------------------------------------------------------------

    def _ended(self, call: Call, code: int) -> None:
        if not self._host.closing:
            self._host.pool.submit(self._finish, call, code)

    # -- in the pool ----------------------------------------------------------------------------

    def _finish(self, call: Call, code: int) -> None:
        answer, failed, took, memory, init = _read(call, code)
        function, billed = call.function, math.ceil(took)
        self._log(call, f"END RequestId: {call.identity}")
        report = [
            f"REPORT RequestId: {call.identity}", f"Duration: {took:.2f} ms", f"Billed Duration: {billed} ms",
            f"Memory Size: {function.memory} MB", f"Max Memory Used: {memory} MB",
        ]  # fmt: skip
        if init is not None:
            report.append(f"Init Duration: {init:.2f} ms")
        if call.timed_out:
            report.append("Status: timeout")
        self._log(call, "\t".join(report) + "\t")
        if call.timed_out:
            moment = datetime.now(UTC)
            text = f"Task timed out after {function.timeout:.2f} seconds"
            self._log(call, f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z {call.identity} {text}")
        if len(answer) > RESPONSE:
            failed, answer = (
                True,
                _error(
                    "Function.ResponseSizeTooLarge",
                    f"Response payload size exceeded maximum allowed payload size ({RESPONSE} bytes).",
                ),
            )
        self._end(call, Outcome(answer, failed, bytes(call.tail)))

    def _end(self, call: Call, outcome: Outcome) -> None:
        self._logs.end(call.stream)
        with self._host.lock:
            self._logs.flush(now=True)
        with self._lock:
            self._running.pop(call.identity, None)
            call.outcome = outcome
        try:
            disk.remove(self._work / call.identity)
        except OSError as error:
            log.warning("%s stays: %s", self._work / call.identity, error)
        call.on_end(call)

    def _log(self, call: Call, line: str) -> None:
        self._logs.write(call.stream, line.encode())
        call.tail += line.encode() + b"\n"
        del call.tail[:-_TAIL]


def _end_if_running(known: weakref.ref[Call], *, unless_begun: bool = False) -> None:
    """On the pump's thread: a call has taken too long, if it is still under way. One that is over is not held."""
    call = known()
    if call is None or call.child is None or call.child.returncode is not None or (unless_begun and call.began):
        return
    call.timed_out = True
    call.child.signal(signal.SIGKILL)


def _read(call: Call, code: int) -> tuple[bytes, bool, float, int, float | None]:
    """What a process has said and how it ended: (answer, whether it failed, ms, MB, ms until it began)."""
    first, _, rest = bytes(call.said).partition(b"\n")
    init = float(first.split()[1]) if call.began else None
    second, _, answer = rest.partition(b"\n")
    child = call.child
    lasted = (time.time() - child.started_at) * 1000 if child is not None else 0.0
    if call.timed_out:
        text = f"RequestId: {call.identity} Error: Task timed out after {call.function.timeout:.2f} seconds"
        return _error("Sandbox.Timedout", text), True, call.function.timeout * 1000, call.function.memory, init
    if second.startswith(b"ended "):
        _, well, took, memory = second.split()
        return answer, well == b"0", float(took), math.ceil(int(memory) / 1024), init
    if child is not None and child.out_of_memory:
        why = "Runtime exited with error: signal: killed"
    elif code > 128:
        why = f"Runtime exited with error: signal: {_signal(code - 128)}"
    elif code:
        why = f"Runtime exited with error: exit status {code}"
    else:
        why = "Runtime exited without providing a reason"
    return (
        _error("Runtime.ExitError", f"RequestId: {call.identity} Error: {why}"),
        True,
        lasted,
        call.function.memory,
        init,
    )


def _signal(number: int) -> str:
    return (signal.strsignal(number) or f"signal {number}").lower()


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def function_of(found: Any, arn: str) -> Function:
    """What moto keeps of a version of a function. Invalid, if it is of a kind that is not there."""
    from drydock.policy.requests import function as rules

    rules.runs(found.run_time, found.package_type)
    return Function(
        region=found.region,
        name=found.function_name,
        arn=arn,
        version=str(found.version),
        handler=found.handler or "",
        runtime=found.run_time,
        role=found.role,
        memory=int(found.memory_size or 128),
        timeout=float(found.timeout or 3),
        variables=dict(found.environment_vars or {}),
        digest=found.code_digest,
        package=found.code_bytes,
    )
