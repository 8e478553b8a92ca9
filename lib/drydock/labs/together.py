"""Several labs at a time, headless: each process runs one after the other on an embedded AWS of its own."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

from drydock.labs import catalogue, runner
from drydock.notebooks.instances import own_instance
from drydock.notebooks.signals import ending_on_signals

_UNKNOWN = 30.0
"""Seconds of a lab that was never measured."""


class Ended(RuntimeError):
    """The process that ran a lab ended without a word of how it went."""


def run(
    names: Sequence[str],
    *,
    jobs: int,
    out: Path,
    given: Mapping[str, Any],
    keep_going: bool,
    done: Callable[[runner.Report], None],
) -> None:
    """Run the labs, at most `jobs` at a time, the longest first; `done` gets the report of each as it comes.

    Raises what `runner.run` does, and Ended. However this ends, its processes end, and all that they started.
    """
    context = get_context("spawn")
    waiting = sorted(names, key=_seconds)
    running: dict[connection.Connection, str] = {}
    workers = []
    try:
        for _ in range(min(jobs, len(names))):
            ours, theirs = context.Pipe()
            workers.append(context.Process(target=_work, args=(theirs, out, dict(given), keep_going)))
            with held_back(signal.SIGINT):  # Ctrl-C reaches a worker too: not before it can answer
                workers[-1].start()
            theirs.close()
            _give(ours, waiting, running)
        while running:
            for one in connection.wait(list(running)):
                assert isinstance(one, connection.Connection)
                done(_heard(one, running.pop(one)))
                _give(one, waiting, running)
    except BaseException:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
        raise
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.join()


def _give(to: connection.Connection, waiting: list[str], running: dict[connection.Connection, str]) -> None:
    """The worker's next lab; where none is left, it hears that its pipe is closed, and ends."""
    if waiting:
        running[to] = waiting.pop()
        with suppress(ConnectionError):  # of one that is gone, its silence says so
            to.send(running[to])
    else:
        to.close()


def _heard(worker: connection.Connection, lab: str) -> runner.Report:
    try:
        said = worker.recv()
    except (EOFError, ConnectionError) as error:
        raise Ended(f"The process that ran {lab} was ended.") from error
    if isinstance(said, Exception):
        raise said
    assert isinstance(said, runner.Report)
    return said


def _work(labs: connection.Connection, out: Path, given: dict[str, Any], keep_going: bool) -> None:
    with ending_on_signals():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _end_with_the_parent()
        try:
            with own_instance(profile=given.get("profile")):
                while (lab := _next(labs)) is not None:
                    labs.send(runner.run(lab, out=out, given=given, keep_going=keep_going, progress_bar=False))
        except Exception as error:
            labs.send(error)


def _end_with_the_parent() -> None:
    """As by a signal, once the process that wants these labs is no more."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@contextmanager
def held_back(number: signal.Signals) -> Iterator[None]:
    """This signal waits meanwhile, here, and in a process that is started until that lets it through."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next(labs: connection.Connection) -> str | None:
    """The lab to run; None after the last one, and when who asks is no more."""
    try:
        return str(labs.recv())
    except EOFError:
        return None


def _seconds(lab: str) -> float:
    """How long a run took when it was last measured."""
    try:
        measured = json.loads(catalogue.notebook(lab).with_name("measured.json").read_text())
    except FileNotFoundError:
        return _UNKNOWN
    return float(measured["seconds"])
