"""Waiting for a condition, for what boto3 has no waiter for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TookTooLong(TimeoutError):
    """The condition was not met in time; the text says what was waited for and what was last seen."""


def wait_until(condition: Callable[[], T], what: str, *, timeout: float = 60.0, every: float = 0.1) -> T:
    """Ask `condition` every `every` seconds until what it returns is true, and return that.

    `what` names it for the error: "three targets are healthy". Times are in our seconds.
    Raises TookTooLong after `timeout`.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise TookTooLong(f"Waited {timeout:g} s until {what}; last seen: {seen!r}.")
        time.sleep(every)
