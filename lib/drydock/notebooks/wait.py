"""Waiting for a condition, for what boto3 has no waiter for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from drydock.cloud import Cloud

from IPython.core.getipython import get_ipython
from IPython.display import display

from drydock.attended import attended
from drydock.policy import races
from drydock.policy.profiles import STRICT

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How a cloud is waited for: `patience` times as long as on the embedded one, with a look every `every` seconds.

    What takes long is looked at up to twice a second only: a look is what an embedded AWS spends its time on meanwhile.
    `speed`: AWS seconds in one of ours. `races`: calls that AWS refuses for a while are made again until it does not.
    """

    patience: float
    every: float
    speed: float = 1.0
    races: bool = False

    @classmethod
    def of(cls, cloud: Cloud) -> Pace:
        """A real account takes minutes where the embedded AWS takes seconds, and bounds how often it may be asked. So
        does a strict one, in the time that it keeps; but what runs on this machine takes as long as ever."""
        if cloud.real:
            return cls(10.0, 5.0, races=True)
        if cloud.profile == STRICT.name:
            return cls(max(1.0, 10.0 / cloud.speed), 5.0 / cloud.speed, cloud.speed, races=True)
        return cls(1.0, 0.1)

    def next(self, waited: float) -> float:
        """Seconds to the next look, where that many were waited."""
        return max(self.every, min(waited / 20, 0.5))

    def asks_again(self, service: str, operation: str, answer: dict[str, Any], times: int) -> float | None:
        """Our seconds until a call is made again that got this answer, so many times; None if that is its answer."""
        waited = times * self.every * self.speed
        return self.every if self.races and waited <= races.limit(service, operation, answer) else None


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
    seen, limit = again_and_again(condition, lambda _: f"until {what}", timeout=timeout)
    if not seen:
        raise TookTooLong(f"Waited {limit:g} s until {what}; last seen: {seen!r}.")
    return seen


def again_and_again(
    condition: Callable[[], T], what: Callable[[T], str], *, timeout: float, done: Callable[[T], object] = bool
) -> tuple[T, float]:
    """Ask `condition` until what it returns is `done`, or `timeout` is over; what it last returned, and the limit.

    `what` puts into words what is still waited for: shown with a counter where somebody looks at a cell or a terminal,
    and said where an interrupt ends the wait.
    """
    limit = timeout * _pace.patience
    begun = time.monotonic()
    said = ""
    line = _Line()
    try:
        while True:
            seen = condition()
            waited = time.monotonic() - begun
            if done(seen) or waited >= limit:
                return seen, limit
            said = what(seen)
            line.say(f"waiting {said} … {waited:.0f} s")
            time.sleep(_pace.next(waited))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Stopped waiting {said} after {time.monotonic() - begun:.0f} s.") from None
    finally:
        line.say("")


class _Line:
    """A line that is written over, for who looks at a cell or a terminal. Elsewhere nothing is written."""

    def __init__(self) -> None:
        self._in_cell = attended()
        self._in_terminal = not self._in_cell and get_ipython() is not None and sys.stderr.isatty()
        self._shown = ""
        self._handle: Any = None

    def say(self, text: str) -> None:
        if text == self._shown:
            return
        self._shown = text
        if self._in_cell and self._handle is None:
            self._handle = display({"text/plain": text}, raw=True, display_id=True)
        elif self._in_cell:
            self._handle.update({"text/plain": text}, raw=True)
        elif self._in_terminal:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
