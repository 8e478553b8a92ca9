"""Failures of one thing that must not stop the work on the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Faults:
    """`with faults(name):` goes on after an error, and logs it when it is new or another than the last time.

    `changed` is called when a thing begins to fail, fails differently or is well again.
    """

    def __init__(self, doing: str, changed: Callable[[], None] = lambda: None) -> None:
        self._doing = doing
        self._changed = changed
        self._known: dict[str, str] = {}

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
