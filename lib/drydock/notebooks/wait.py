"""Waiting for a condition, for what boto3 has no waiter for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from drydock.cloud import Cloud

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How a cloud is waited for: `patience` times as long as on the embedded one, with a look every `every` seconds."""

    patience: float
    every: float

    @classmethod
    def of(cls, cloud: Cloud) -> Pace:
        """A real account takes minutes where the embedded AWS takes seconds, and bounds how often it may be asked."""
        return cls(10.0, 5.0) if cloud.real else cls(1.0, 0.1)


_pace = Pace(1.0, 0.1)


def keep(pace: Pace) -> None:
    """Wait at this pace from now on, in this process."""
    global _pace
    _pace = pace


class TookTooLong(TimeoutError):
    """The condition was not met in time; the text says what was waited for and what was last seen."""


def wait_until(condition: Callable[[], T], what: str, *, timeout: float = 60.0) -> T:
    """Ask `condition` again and again until what it returns is true, and return that.

    `what` names it for the error: "three targets are healthy". `timeout` is in our seconds on the embedded AWS; the
    `Pace` of another cloud stretches it. Raises TookTooLong after that.
    """
    limit = timeout * _pace.patience
    deadline = time.monotonic() + limit
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise TookTooLong(f"Waited {limit:g} s until {what}; last seen: {seen!r}.")
        time.sleep(_pace.every)
