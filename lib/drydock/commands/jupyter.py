"""`drydock lab jupyter`: JupyterLab over the learner's copies. What its notebooks have started ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import embedded
from drydock.labs.jupyterlab import arguments


def serve(course: Path, more: list[str]) -> int:
    """Run JupyterLab over `course` until it ends; its exit code. `more`: arguments of JupyterLab's."""
    before = {instance.name for instance in embedded.instances()}
    ours = ["--ServerApp.ip=127.0.0.1", *arguments(course), *(["--allow-root"] if os.getuid() == 0 else [])]
    try:
        process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *ours, *more])
        with _left_to(process):
            return process.wait()
    finally:
        ended = [one.name for one in embedded.instances() if one.name not in before and one.ends_idle]
        for name in ended:
            embedded.stop(name)
        runs = ", ".join(instance.name for instance in embedded.instances())
        rest = f"still running, as you started it yourself: {runs}" if runs else "nothing is left"
        print(f"Stopped; {rest}.", file=sys.stderr)


@contextmanager
def _left_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Signals are for JupyterLab: it asks, and ends. Ctrl-C reaches it from the terminal without our doing."""

    def hand_on(number: int, _: object) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.terminate()

    previous = {one: signal.signal(one, hand_on) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
