"""The awslogs driver: lines of a container into CloudWatch Logs, in batches, in order."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError

from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)
_EVERY = 0.2  # our seconds
_PATIENCE = 5.0  # our seconds in which the next line of an event comes, as in Docker's driver
_LONGEST = 256_000


@dataclass(frozen=True)
class Stream:
    """A log stream."""

    region: str
    group: str
    name: str


class LogDriver:
    """Gathers lines from the runtime's threads; `flush()` writes what has gathered."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: dict[Stream, list[tuple[int, str]]] = {}
        self._begins: dict[Stream, re.Pattern[str]] = {}
        self._events: dict[Stream, tuple[int, float, list[str]]] = {}  # (when it began, when the last line came, lines)
        self._lock = threading.Lock()
        self._last = 0.0

    def open(
        self, stream: Stream, *, create_group: bool, begins: re.Pattern[str] | None = None, hidden: float = 0.0
    ) -> None:
        """Create the stream (and the group, if asked). ClientError if the group is not there.

        `begins`: what a line has in it that begins an event of several lines. `hidden`: AWS seconds in which nobody
        finds a stream that is new.
        """
        logs = self._host.client("logs", stream.region)
        if create_group:
            try:
                logs.create_log_group(logGroupName=stream.group)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
        if begins is not None:
            with self._lock:
                self._begins[stream] = begins
        try:
            with self._host.lock:
                logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
                self._host.lately.note(("hidden stream", stream.region, stream.group, stream.name), hidden)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise

    def write(self, stream: Stream, line: bytes) -> None:
        at, text = int(self._host.clock.utcnow().timestamp() * 1000), line.decode("utf-8", "replace")
        with self._lock:
            begins = self._begins.get(stream)
            if begins is not None:
                self._gather(stream, begins, at, text)
            elif line:
                self._lines.setdefault(stream, []).append((at, text))

    def _gather(self, stream: Stream, begins: re.Pattern[str], at: int, text: str) -> None:
        began, _, lines = self._events.get(stream, (at, 0.0, []))
        if lines and (begins.search(text) or sum(map(len, lines)) + len(text) > _LONGEST):
            self._complete(stream)
            began, lines = at, []
        self._events[stream] = began, self._host.clock.elapsed(), [*lines, text]

    def _complete(self, stream: Stream) -> None:
        if stream in self._events:
            at, _, lines = self._events.pop(stream)
            if text := "\n".join(lines).rstrip("\n"):
                self._lines.setdefault(stream, []).append((at, text))

    def end(self, stream: Stream) -> None:
        """No line follows."""
        with self._lock:
            self._complete(stream)
            self._begins.pop(stream, None)

    def flush(self, *, now: bool = False) -> None:
        """Write what has gathered. The caller holds the host's lock."""
        elapsed = self._host.clock.elapsed()
        if not now and elapsed - self._last < _EVERY:
            return
        self._last = elapsed
        with self._lock:
            for stream, (_, came, _) in list(self._events.items()):
                if elapsed - came > _PATIENCE:
                    self._complete(stream)
            waiting, self._lines = self._lines, {}
        if not waiting:
            return
        for stream, events in waiting.items():
            lines = [{"timestamp": at, "message": text} for at, text in sorted(events, key=lambda event: event[0])]
            try:
                self._host.backend("logs", stream.region).put_log_events(stream.group, stream.name, lines)
            except JsonRESTError as error:
                log.warning("%d lines for %s %s are lost: %s", len(lines), stream.group, stream.name, error)
        try:
            self._host.data.commit()
        except OSError as error:
            log.error("the last lines for %d log streams are not kept yet: %s", len(waiting), error)
