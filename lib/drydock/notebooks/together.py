"""Several pieces of work at a time, headless: each process does one after the other."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from typing import Any, TypeVar

from drydock.notebooks.signals import ending_on_signals

Done = TypeVar("Done")


class Ended(RuntimeError):
    """A process ended without a word of how its work went."""


def run(
    names: Sequence[str],
    work: Callable[[str], Done],
    *,
    jobs: int,
    within: Callable[[], AbstractContextManager[Any]],
    done: Callable[[Done], None],
) -> None:
    """Do the work of each name in this order, at most `jobs` at a time; `done` gets what comes of each as it comes.

    work, within  functions of a module, or partial ones of such; a process does all its work in one `within`

    Raises what `work` does, and Ended. However this ends, its processes end, and all that they started.
    """
    context = get_context("spawn")
    waiting = [*reversed(names)]
    running: dict[connection.Connection, str] = {}
    workers = []
    try:
        for _ in range(min(jobs, len(names))):
            ours, theirs = context.Pipe()
            workers.append(context.Process(target=_work, args=(theirs, work, within)))
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
    """The worker's next name; where none is left, it hears that its pipe is closed, and ends."""
    if waiting:
        running[to] = waiting.pop()
        with suppress(ConnectionError):  # of one that is gone, its silence says so
            to.send(running[to])
    else:
        to.close()


def _heard(worker: connection.Connection, name: str) -> Any:
    try:
        said = worker.recv()
    except (EOFError, ConnectionError) as error:
        raise Ended(f"The process that ran {name} was ended.") from error
    if isinstance(said, Exception):
        raise said
    return said


def _work(
    names: connection.Connection, work: Callable[[str], Any], within: Callable[[], AbstractContextManager[Any]]
) -> None:
    with ending_on_signals():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _end_with_the_parent()
        try:
            with within():
                while (name := _next(names)) is not None:
                    names.send(work(name))
        except Exception as error:
            names.send(error)


def _end_with_the_parent() -> None:
    """As by a signal, once the process that wants this work is no more."""
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


def _next(names: connection.Connection) -> str | None:
    """The next name; None after the last one, and when who asks is no more."""
    try:
        return str(names.recv())
    except EOFError:
        return None
