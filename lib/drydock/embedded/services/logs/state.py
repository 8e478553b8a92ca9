"""moto's log groups and streams over the store: a stream is in the data file, and so are its events."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time, unix_time_millis
from moto.logs import models
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.logs_query import ParsedEvent
from moto.logs.logs_query.query_parser import parse_query

from drydock.embedded.core import seams

from . import pattern
from .store import Event, Store

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

DAY = 86_400_000
OLDEST, NEWEST = 14 * DAY, 7_200_000
"""How far in the past and in the future an event may be, in milliseconds."""
MOST_RESULTS = 10_000
_LOOK_FOR_EXPIRED = 60.0


class Streams:
    """What stands in the place of moto's lists of events."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.store = Store(host.data)
        self._expiring: deque[tuple[Any, Any]] = deque()
        self._look_at = 0.0
        host.data.clean_with(self._clean)

    def row(self, stream: Any) -> int:
        """The number of a stream of moto's in the store; one that another service made is entered now."""
        if "row" not in vars(stream):
            created = unix_time(stream.creation_time)
            stream.row = self.store.create(stream.region, stream.log_group.name, stream.log_stream_name, created)
        return int(stream.row)

    def read(self, group: Any, streams: list[Any], start: float | None = None, **more: Any) -> Iterator[Event]:
        """Events of some streams of a group that are not past its retention and have arrived; as `Store.read`."""
        rows = [self.row(stream) for stream in streams]
        found = self.store.read(rows, start=max(start or 0, oldest(group)), **more)
        lag = self._host.clock.real(self._host.profile.log_events)
        if not lag:
            return found
        arrived = int(unix_time_millis() - lag * 1000)
        return (event for event in found if event.ingested <= arrived)

    def is_seen(self, stream: Any) -> bool:
        """Whether anybody finds it yet."""
        key = ("hidden stream", stream.region, stream.log_group.name, stream.log_stream_name)
        return not self._host.lately.has(key)

    @property
    def gives_empty_pages(self) -> bool:
        return self._host.profile.empty_pages

    def restore(self) -> None:
        """After a replay, which made the groups, give them their streams; those of no group are no more."""
        for backend in seams.each(models.logs_backends):
            for group in backend.groups.values():
                group.streams.clear()
        for kept in self.store.streams():
            group = models.logs_backends[self._host.account][kept.region].groups.get(kept.group)
            if group is None:
                self.store.forget(kept.id)
                continue
            stream: Any = models.LogStream(group, kept.name)
            stream.row = kept.id
            stream.creation_time = datetime.fromtimestamp(kept.created, UTC).replace(tzinfo=None)
            group.streams[kept.name] = stream

    def _clean(self) -> None:
        if self.store.clean():
            return
        if self._expiring:
            group, stream = self._expiring[0]
            if self.store.expire(self.row(stream), oldest(group)):
                self._expiring.popleft()
        elif time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_FOR_EXPIRED
            for backend in seams.each(models.logs_backends):
                for group in backend.groups.values():
                    if group.retention_in_days:
                        self._expiring.extend((group, stream) for stream in group.streams.values())


def oldest(group: Any) -> int:
    """Since when the group keeps events, in milliseconds."""
    days = group.retention_in_days
    return int(unix_time_millis()) - int(days) * DAY if days else 0


def as_moto(event: Event) -> Any:
    made = models.LogEvent(event.ingested, {"timestamp": event.at, "message": event.message})
    made.event_id = event.id
    return made


def install(host: Host) -> Streams:
    """Put the store under moto's groups and streams."""
    streams = Streams(host)
    store = streams.store

    def events(stream: Any) -> list[Any]:
        return [as_moto(event) for event in streams.read(stream.log_group, [stream])]

    def stored_bytes(stream: Any) -> int:
        kept = store.stream(streams.row(stream))
        return kept.bytes if kept else 0

    def put_to_stream(stream: Any, log_events: list[dict[str, Any]]) -> str:
        number = streams.row(stream)
        if log_events:
            first = store.put(
                number, [(event["timestamp"], event["message"]) for event in log_events], unix_time(seams.utcnow())
            )
            _tell_subscribers(stream, [{"id": at, **event} for at, event in enumerate(log_events, first)])
        kept = store.stream(number)
        return f"{kept.puts if kept else 0:056d}"

    def describe_stream(stream: Any) -> dict[str, Any]:
        kept = store.stream(streams.row(stream))
        shown = {
            "arn": stream.arn,
            "creationTime": int(unix_time_millis(stream.creation_time)),
            "logStreamName": stream.log_stream_name,
            "storedBytes": kept.bytes if kept else 0,
        }
        span = store.span(kept.id, oldest(stream.log_group)) if kept else None
        if kept and span and kept.ingested is not None:
            shown |= {
                "firstEventTimestamp": span[0],
                "lastEventTimestamp": span[1],
                "lastIngestionTime": int(kept.ingested * 1000),
                "uploadSequenceToken": str(kept.puts),
            }
        return shown

    create = seams.original(models.LogGroup, "create_log_stream")
    describe_streams = seams.original(models.LogGroup, "describe_log_streams")
    delete_stream = seams.original(models.LogGroup, "delete_log_stream")
    delete_group = seams.original(models.LogsBackend, "delete_log_group")

    def create_log_stream(group: Any, log_stream_name: str) -> None:
        create(group, log_stream_name)
        streams.row(group.streams[log_stream_name])

    def describe_log_streams(group: Any, *given: Any, **named: Any) -> Any:
        shown = copy.copy(group)
        shown.streams = {name: stream for name, stream in group.streams.items() if streams.is_seen(stream)}
        return describe_streams(shown, *given, **named)

    def delete_log_stream(group: Any, log_stream_name: str) -> None:
        delete_stream(group, log_stream_name)
        store.delete(group.region, group.name, log_stream_name)

    def delete_log_group(backend: Any, log_group_name: str) -> None:
        group = backend.groups.get(log_group_name)
        delete_group(backend, log_group_name)
        backend.tagger.delete_all_tags_for_resource(group.arn)
        store.delete(backend.region_name, log_group_name)

    def execute_query(log_groups: list[Any], query: str, start_time: int, end_time: int) -> list[dict[str, Any]]:
        parsed = parse_query(query)
        found: list[ParsedEvent] = []
        for group in log_groups:
            by_row = {streams.row(stream): stream for stream in group.streams.values()}
            run = streams.read(
                group,
                list(by_row.values()),
                start_time * 1000 if start_time else None,
                end=end_time * 1000 + 1 if end_time else None,
                backward=parsed.sort_reversed(),
            )
            for _, event in zip(range(parsed.limit or MOST_RESULTS), run, strict=False):
                found.append(ParsedEvent(as_moto(event), parsed, by_row[event.stream], group))
        found.sort(key=lambda one: one.event.timestamp, reverse=parsed.sort_reversed())
        return [one.fields for one in found[: parsed.limit or MOST_RESULTS]]

    for owner, functions in (
        (models.LogGroup, (create_log_stream, describe_log_streams, delete_log_stream)),
        (models.LogsBackend, (delete_log_group, put_log_events)),
        (models, (execute_query,)),
    ):
        for function in functions:
            setattr(owner, function.__name__, function)
    for name, replacement in (
        ("events", property(events, _leave)),
        ("stored_bytes", property(stored_bytes, _leave)),
        ("put_log_events", put_to_stream),
        ("to_describe_dict", describe_stream),
    ):
        setattr(models.LogStream, name, replacement)
    return streams


def _leave(*_: Any) -> None:
    """moto's own constructor sets what is in the store."""


def _tell_subscribers(stream: Any, events: list[dict[str, Any]]) -> None:
    for subscription in stream.log_group.subscription_filters.values():
        wanted = pattern.parse(subscription.filter_pattern or "")
        if chosen := [event for event in events if wanted.matches(event["message"])]:
            arn = subscription.destination_arn
            stream._send_log_events(arn.split(":")[2], arn, subscription.name, chosen)


def put_log_events(
    backend: Any, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
) -> tuple[str, dict[str, int]]:
    """Keep those of events in order of time that are neither too old nor too new; and tell which are not."""
    group = backend.groups.get(log_group_name)
    if group is None:
        raise ResourceNotFoundException
    times = [event["timestamp"] for event in log_events]
    now = int(unix_time(seams.utcnow()) * 1000)
    too_old = sum(at < now - OLDEST for at in times)
    expired = sum(at < oldest(group) for at in times)
    too_new = sum(at > now + NEWEST for at in times)
    token = group.put_log_events(log_stream_name, log_events[max(too_old, expired) : len(times) - too_new])
    rejected = {
        **({"tooNewLogEventStartIndex": len(times) - too_new} if too_new else {}),
        **({"tooOldLogEventEndIndex": too_old} if too_old else {}),
        **({"expiredLogEventEndIndex": expired} if expired > too_old else {}),
    }
    return token, rejected
