"""The journal follows what exists: requests about what has gone are taken out of it, at the start and while it grows.

While it grows, a process of its own looks for them, in the lines that there are when it begins, so that nobody waits.
What it has written, and what has been appended meanwhile, then takes the place of the journal in one step.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from drydock import disk
from drydock.embedded.core import journal
from drydock.embedded.core.app import App
from drydock.embedded.core.host import Host
from drydock.embedded.core.journal import Entry, Journal
from drydock.policy.dealings import Dealings, left_behind_nothing
from drydock.policy.lifespans import Done, Lifespan, needless

log = logging.getLogger(__name__)

FLOOR = 1 << 20
"""Bytes below which a journal is not worth the work."""
GROWTH = 2
"""By what factor it has grown since the last time when half of it may be about what has gone."""
_NICE = 10


@dataclass(frozen=True)
class Rules:
    """What is known of the requests of services, by their names."""

    lifespans: Mapping[str, Lifespan]
    dealings: Mapping[str, Dealings]


def gone(entries: Iterable[Entry], rules: Rules) -> set[int]:
    """The places of what was done to resources that are no more and left nothing behind, or was done again."""
    history = [
        Done(one.service, App.region_of(one), one.operation, one.body, f"{one.path}?{one.query}", one.at, one.made)
        for one in entries
    ]
    left = list(range(len(history)))
    while True:  # what one way finds may be all that the other missed
        found = left_behind_nothing([history[place] for place in left], rules.dealings)
        left = _others(left, found)
        found = needless([history[place] for place in left], rules.lifespans)
        if not found:
            return set(range(len(history))) - set(left)
        left = _others(left, found)


def _others(places: list[int], found: set[int]) -> list[int]:
    return [place for number, place in enumerate(places) if number not in found]


@dataclass(frozen=True)
class _Work:
    process: subprocess.Popen[bytes]
    new: BinaryIO
    upto: int


class Compaction:
    """Of a host's journal. While it runs, the `module` is run to look at the lines, which calls `work`.

    Of its own accord it begins when the journal has grown to `GROWTH` times what was left the last time. What cannot be
    done is said once; the journal stays as it is, and it is tried again when it has grown as much again.
    """

    def __init__(self, host: Host, kept: Journal, module: str) -> None:
        self._host = host
        self._journal = kept
        self._module = module
        self._left = kept.size
        self._work: _Work | None = None
        self._said = ""
        host.on_close(self._give_up, last=True)

    def leave_out(self, entries: Sequence[Entry], rules: Rules) -> set[int]:
        """At the start: forget what has gone; its places among the entries, which are all there are."""
        places, instead = _without(entries, rules)
        try:
            if places:
                self._journal.leave_out(places, instead)
        except OSError as error:
            self._failed(error)
        self._left = self._journal.size
        return places

    def turn(self) -> None:
        """Begin if it is time, and end what has been begun."""
        if self._work is None:
            if self._journal.size > max(FLOOR, GROWTH * self._left):
                self.begin()
        elif self._work.process.poll() is not None:
            self.finish()

    def begin(self) -> None:
        """Let the lines that there are be looked at."""
        with self._host.lock:
            upto = self._journal.size  # what is under way may yet be withdrawn, and holds the lock
        try:
            new = self._journal.anew()
        except OSError as error:
            return self._failed(error)
        try:
            with self._journal.path.open("rb") as lines:
                process = subprocess.Popen(
                    [sys.executable, "-m", self._module, str(upto)],
                    stdin=lines, stdout=new, stderr=subprocess.PIPE, cwd="/",
                )  # fmt: skip
        except OSError as error:
            self._journal.forget(new)
            return self._failed(error)
        self._work = _Work(process, new, upto)

    def finish(self) -> None:
        """Wait for what has been begun, and let what it has written take the place of the journal."""
        assert self._work is not None
        work, self._work = self._work, None
        _, told = work.process.communicate()
        try:
            if work.process.returncode != 0:
                lines = told.decode(errors="replace").splitlines() or [f"exit status {work.process.returncode}"]
                raise OSError(lines[-1])
            with self._host.lock:
                before = self._journal.size
                self._journal.replace(work.new, work.upto)
        except OSError as error:
            self._journal.forget(work.new)
            return self._failed(error)
        self._left, self._said = self._journal.size, ""
        log.info("the journal was put in order: %d KiB instead of %d", self._left >> 10, before >> 10)

    def _failed(self, error: OSError) -> None:
        self._left = self._journal.size
        why = str(disk.unusable(error, self._journal.path)) if error.errno else str(error)
        if why != self._said:
            log.warning("the journal keeps what is about things that have gone: %s", why)
        self._said = why

    def _give_up(self) -> None:
        if self._work is not None:
            self._work.process.kill()
            self._work.process.communicate()
            self._journal.forget(self._work.new)
            self._work = None


def _without(entries: Sequence[Entry], rules: Rules) -> tuple[set[int], Entry | None]:
    """The places of what need not be kept, and what is kept instead."""
    places = gone(entries, rules)
    if not places:
        return places, None
    places |= {place for place, entry in enumerate(entries) if not entry.service}
    return places, journal.left_out([entries[place] for place in places])


def work(rules: Rules) -> None:
    """In the process that looks at the lines: those of standard input that are needed go to standard output."""
    os.nice(_NICE)
    upto = int(sys.argv[1])
    try:
        text = sys.stdin.buffer.read(upto)
        texts = list(journal.together(io.BytesIO(text)))
        entries = [entry for each in texts if (entry := journal.read(each)) is not None]
        if len(text) < upto or len(entries) < len(texts):
            raise SystemExit("it has changed, or cannot be read")
        with open(1, "wb", buffering=0, closefd=False) as new:
            places, instead = _without(entries, rules)
            journal.write_without(places, texts, new, instead)
    except OSError as error:
        raise SystemExit(str(error)) from error
