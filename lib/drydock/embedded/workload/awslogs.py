"""The awslogs driver: lines of a container into CloudWatch Logs, in batches, in order."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError

from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)
_EVERY = 0.2  # our seconds


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
        self._lock = threading.Lock()
        self._last = 0.0

    def open(self, stream: Stream, *, create_group: bool) -> None:
        """Create the stream (and the group, if asked). ClientError if the group is not there."""
        logs = self._host.client("logs", stream.region)
        if create_group:
            try:
                logs.create_log_group(logGroupName=stream.group)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
        try:
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise

    def write(self, stream: Stream, line: bytes) -> None:
        if not line:
            return
        event = (int(self._host.clock.utcnow().timestamp() * 1000), line.decode("utf-8", "replace"))
        with self._lock:
            self._lines.setdefault(stream, []).append(event)

    def flush(self, *, now: bool = False) -> None:
        """Write what has gathered. The caller holds the host's lock."""
        elapsed = self._host.clock.elapsed()
        if not now and elapsed - self._last < _EVERY:
            return
        self._last = elapsed
        with self._lock:
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
