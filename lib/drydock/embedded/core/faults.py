"""Failures of one thing that must not stop the work on the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

FIRST_DELAY, LAST_DELAY = 0.1, 10.0


class Faults:
    """`with faults(name):` goes on after an error, and logs it when it is new or another than the last time.

    `changed` is called when a thing begins to fail, fails differently or is well again. `now`: our seconds.
    """

    def __init__(
        self,
        doing: str,
        changed: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doing = doing
        self._changed = changed
        self._now = now
        self._known: dict[str, str] = {}
        self._delays: dict[str, tuple[float, float]] = {}  # (when it is tried again, how long that was waited for)

    def attempt(self, name: str, function: Callable[..., object], *arguments: object) -> str | None:
        """Call `function`; after a failure not before some time has passed, which doubles from failure to failure.

        Returns why it failed, if that is new.
        """
        at, delay = self._delays.get(name, (0.0, 0.0))
        if self._now() < at:
            return None
        before = self._known.get(name)
        with self(name):
            function(*arguments)
        why = self._known.get(name)
        if why is None:
            self._delays.pop(name, None)
            return None
        delay = min(delay * 2 or FIRST_DELAY, LAST_DELAY)
        self._delays[name] = (self._now() + delay, delay)
        return why if why != before else None

    def why(self, name: str) -> str | None:
        return self._known.get(name)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            if self._known.get(name) != why:
                self._known[name] = why
                log.error("%s %s failed; the others are not affected", self._doing, name, exc_info=error)
                self._changed()
        else:
            if self._known.pop(name, None) is not None:
                self._changed()
