"""Waiting for a condition, the one way to wait in these tests."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE = 60.0  # seconds: what has not come by then never will, on the slowest machine


def eventually(condition: Callable[[], Found], what: str = "") -> Found:
    """The condition's first true value; a connection that is refused or breaks is not yet.

    What takes long is asked for less often: who asks takes the processor from what is waited for.

    AssertionError, with `what` and what was found last, when it never comes.
    """
    begun = time.monotonic()
    last: object = None
    while (waited := time.monotonic() - begun) < PATIENCE:
        try:
            if found := condition():
                return found
            last = found
        except ConnectionError as error:
            last = error
        time.sleep(min(max(0.02, waited / 10), 0.1))
    raise AssertionError(f"not within {PATIENCE:g} s: {what or 'the condition is true'}; last: {last!r}")


def answers(port: int) -> bool:
    """Whether somebody listens at this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
