"""An embedded AWS for one headless run, and the environment that its kernels see."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from drydock import embedded
from drydock.embedded.instance import free_port

_IDLE_EXIT = 300.0


@contextmanager
def own_instance(*, keep: bool = False, seed: str | None = None) -> Iterator[embedded.Instance]:
    """An embedded AWS for this run alone: its own name, port and state folder, all gone at the end.

    With `keep` it is left running, in the state folder of the user's.
    Should this process be killed outright, the instance ends by itself after five minutes without a call.
    """
    name = f"labs-{os.getpid()}"
    settings = {"DRYDOCK_INSTANCE": name, "DRYDOCK_CLOUD": "embedded"}
    if keep:
        with environment(settings):
            yield _started(name, seed, None)
        return
    home = Path(tempfile.mkdtemp(prefix="drydock-labs-"))
    with environment({"DRYDOCK_HOME": str(home), **settings}):
        try:
            yield _started(name, seed, _IDLE_EXIT)
        finally:
            try:
                embedded.stop(name)
            finally:
                shutil.rmtree(home, ignore_errors=True)


def _started(name: str, seed: str | None, idle_exit: float | None) -> embedded.Instance:
    """Start it in a thread: a signal meanwhile waits, so that no process is left that nobody knows of."""
    started: list[embedded.Instance | BaseException] = []

    def start() -> None:
        try:
            started.append(embedded.start(name, port=free_port(), seed=seed, idle_exit=idle_exit))
        except BaseException as error:
            started.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    try:
        thread.join()
    finally:
        thread.join()
    if isinstance(started[0], BaseException):
        raise started[0]
    return started[0]


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """These environment variables for the length of the block; kernels started in it have them."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
