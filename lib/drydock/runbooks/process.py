"""One run of a runbook in a process of its own, here or on another machine with the same disk: `carry_out`.

The process reads what it is asked from its standard input, which stays open for as long as somebody waits for it: when
that ends, the run is undone as by a signal. Where a run was cut short with its machine, whoever is asked next for the
same folder goes on from there, with the approval that it had; where that cannot be, what was begun is undone.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from drydock.notebooks.environment import environment
from drydock.notebooks.signals import Interrupted, ending_on_signals
from drydock.runbooks import approvals, executor, runbook, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged

_LOOK = 0.2
"""Seconds between two looks whether the run is to end."""
_TRIES = 2


@dataclass(frozen=True)
class Order:
    """What a process is asked: names and folders only. It finds credentials by itself, where it runs.

    folder  of the run
    stop    a file; once it is there, the run is undone and ends
    lock    a file that the process at work on this run holds
    approvers  the file that says who may approve; "" where none does
    """

    runbook: str
    given: Mapping[str, str]
    folder: str
    stop: str
    lock: str
    aws_profile: str = ""
    approvers: str = ""


def carry_out(order: Order) -> str:
    """Run it to its end. Says what stopped the process where it left no result; all else is in the run's folder.

    A process that is killed in the middle is followed by another, which goes on with what the first had begun.
    """
    why = ""
    for _ in range(_TRIES):
        if Path(order.stop).exists() and not Path(order.folder).exists():
            return "it was not begun"
        killed, why = _process(order)
        if ended(Path(order.folder)):
            return ""
        if not killed:
            break
    return why


def ended(folder: Path) -> bool:
    """Whether the run of that folder has come to its end."""
    return bool(executor.progress(Evidence(folder).events()).outcome)


def _process(order: Order) -> tuple[bool, str]:
    """Whether it was killed, and why it ended."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # a terminal's Ctrl-C comes to whoever waits, who decides
        )
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said on stderr tells
        told = False
        while True:
            try:
                code = process.wait(_LOOK)
                break
            except subprocess.TimeoutExpired:
                if not told and Path(order.stop).exists():
                    process.terminate()
                    told = True
        process.stdin.close()
        if code < 0:
            return True, f"its process was ended by signal {-code}"
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
        return False, lines[-1] if lines else f"its process ended with code {code}"


def _run(order: Order) -> None:
    folder = Path(order.folder)
    with Path(order.lock).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        far = executor.progress(Evidence(folder).events())
        given = {"AWS_PROFILE": order.aws_profile, approvals.APPROVERS: order.approvers}
        settings = {name: value for name, value in given.items() if value}
        with environment(settings):
            if far.outcome:
                return
            if far.begun:
                _gone_on_with(folder)
            else:
                runner.run(order.runbook, order.given, folder=folder)


def _gone_on_with(folder: Path) -> None:
    """To the end of what another process has left; back, where that cannot be."""
    try:
        runner.resume(folder)
    except (runbook.Refused, Damaged) as refused:
        runner.settle(Evidence(folder), str(refused))


def _end_with_whoever_waits() -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="who waits", daemon=True).start()


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    with ending_on_signals():
        _end_with_whoever_waits()
        _run(Order(**asked))


if __name__ == "__main__":
    try:
        main()
    except Interrupted as end:
        sys.exit(end.code)
