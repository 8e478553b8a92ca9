"""What was done a moment ago and has not come into force everywhere yet."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from drydock.embedded.core import seams
from drydock.embedded.core.clock import Clock


class Lately:
    """Things that are so for some AWS seconds from now on. A restart forgets them, as it lasts longer than they do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def note(self, thing: Hashable, seconds: float) -> None:
        """`thing` is so for `seconds`."""
        if seconds > 0 and not seams.replaying():
            now = self._clock.time()
            with self._lock:
                self._until = {key: until for key, until in self._until.items() if until > now}
                self._until[thing] = now + seconds

    def has(self, thing: Hashable) -> bool:
        """Whether it is so still."""
        return bool(self._until) and self._until.get(thing, 0.0) > self._clock.time()
