"""A signal as an exception, so that what a run started is ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(SystemExit):
    """A signal asked this process to end; its code is 128 and the signal's number, as a shell has it."""


STOPPED = "Stopped; nothing is left."
ENDED = "Stopped; nothing of it runs on."


@contextmanager
def ending_on_signals(saying: str = "") -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into Interrupted, once, so that every `finally` runs. Main thread only.

    saying  said on stderr once all of them have run.
    """

    def end(number: int, _: object) -> None:
        for one in previous:
            signal.signal(one, lambda *_: None)  # SIG_IGN would complain of a signal that has already come
        raise Interrupted(128 + number)

    previous = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    for one in previous:
        signal.signal(one, end)
    try:
        yield
    except Interrupted:
        if saying:
            print(f"\n{saying}" if sys.stderr.isatty() else saying, file=sys.stderr)
        raise
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
