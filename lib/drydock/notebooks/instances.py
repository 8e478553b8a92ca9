"""An embedded AWS for one headless run, and the environment that its kernels see."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import embedded
from drydock.embedded.instance import free_port
from drydock.notebooks.environment import environment
from drydock.notebooks.scratch import scratch

_IDLE_EXIT = 300.0


@contextmanager
def own_instance(
    *, keep: bool = False, seed: str | None = None, profile: str | None = None, speed: float | None = None
) -> Iterator[embedded.Instance]:
    """An embedded AWS for this run alone: its own name, port and state folder, all gone at the end.

    `speed`: AWS seconds in one of ours. With `keep` it is left running, in the state folder of the user's.
    Should this process be killed outright, the next command of `drydock` ends the instance, and it ends by itself
    after five minutes without a call.
    """
    name = instance_name()
    settings = {"DRYDOCK_INSTANCE": name, "DRYDOCK_CLOUD": "embedded"}
    if keep:
        with environment(settings):
            yield _started(name, seed, profile, speed, None)
        return
    with scratch("labs") as home, environment({"DRYDOCK_HOME": str(home), **settings}):
        try:
            yield _started(name, seed, profile, speed, _IDLE_EXIT)
        finally:
            embedded.stop(name)


@contextmanager
def own_home(what: str) -> Iterator[Path]:
    """A folder of state for this run alone. What the run starts in it ends with it, and all of it is gone then."""
    with scratch(what) as home, environment({"DRYDOCK_HOME": str(home)}):
        try:
            yield home
        finally:
            for one in embedded.instances():
                embedded.stop(one.name)


def instance_name() -> str:
    """What the instance of this process's own is called."""
    return f"labs-{os.getpid()}"


def _started(
    name: str, seed: str | None, profile: str | None, speed: float | None, idle_exit: float | None
) -> embedded.Instance:
    """Start it in a thread: a signal meanwhile waits, so that no process is left that nobody knows of."""
    started: list[embedded.Instance | BaseException] = []

    def start() -> None:
        try:
            started.append(
                embedded.start(name, port=free_port(), speed=speed, seed=seed, profile=profile, idle_exit=idle_exit)
            )
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
