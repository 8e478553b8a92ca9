"""The operations of CloudWatch Logs that read and match events."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException

from drydock.embedded.core.data import whole

from . import pattern, state
from .store import FIRST, LAST, Event, Place

MOST_EVENTS = 10_000
MOST_BYTES, BYTES_OF_AN_EVENT = 1_048_576, 26
MOST_LOOKED_AT = 100_000
"""Events looked at for one page, so that a search for what is rare holds nobody up for long."""


def pattern_of(text: str | None) -> pattern.Pattern:
    """The pattern that a request gives; what is none is the API's own error."""
    try:
        return pattern.parse(text or "")
    except pattern.InvalidPattern as error:
        raise InvalidParameterException(f"Invalid filter pattern: {error}") from None


def checked(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An operation that keeps a filter pattern, refusing what is none."""

    @functools.wraps(operation)
    def call(self: Any) -> Any:
        pattern_of(self._get_param("filterPattern"))
        return operation(self)

    return call


def put_log_events(self: Any) -> ActionResult:
    """Refuses a batch that is too large or out of order; otherwise some of its events, which are named."""
    events = self._get_param("logEvents") or []
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")
    if times and times[-1] - times[0] > state.DAY:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    size = sum(_size(event["message"]) + BYTES_OF_AN_EVENT for event in events)
    if size > MOST_BYTES:
        raise InvalidParameterException(f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}")
    token, rejected = self.logs_backend.put_log_events(
        self._get_param("logGroupName"), self._get_param("logStreamName"), events
    )
    return ActionResult({"nextSequenceToken": token, **({"rejectedLogEventsInfo": rejected} if rejected else {})})


def filter_log_events(self: Any) -> ActionResult:
    """Events of all or some streams that match, by time; with the newest first if startFromHead is false.

    A page ends where its size, its number of events or what was looked at for them has reached a limit.
    """
    group = _group(self)
    wanted = pattern_of(self._get_param("filterPattern"))
    kept = self.logs_backend.kept
    streams = _streams(self, group)
    chosen = {kept.row(stream): stream.log_stream_name for stream in streams}
    end = self._get_param("endTime")
    token = self._get_param("nextToken")
    backward = token[0] == "b" if token else self._get_param("startFromHead") is False
    place = _place(token) if token else None
    run = kept.read(
        group,
        streams,
        self._get_param("startTime"),
        end=None if end is None else end + 1,
        **{"before" if backward else "after": place},
        backward=backward,
    )
    page = Page(_limit(self))
    page.take(run, lambda event: wanted.matches(event.message))
    if kept.gives_empty_pages and token is None and page.events:
        page.empty(backward=backward)
    answer: dict[str, Any] = {
        "events": [
            {
                "logStreamName": chosen[event.stream],
                "timestamp": event.at,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": f"{event.id:056d}",
            }
            for event in page.events
        ],
        "searchedLogStreams": [],
    }
    if page.end is not None:
        answer["nextToken"] = _token("b" if backward else "f", page.end)
    return ActionResult(answer)


def get_log_events(self: Any) -> ActionResult:
    """A page of one stream. Its tokens are places between events, so at either end the same one comes back."""
    group = _group(self)
    stream = group.streams.get(self._get_param("logStreamName"))
    if stream is None or not self.logs_backend.kept.is_seen(stream):
        raise ResourceNotFoundException("The specified log stream does not exist.")
    start, end = self._get_param("startTime"), self._get_param("endTime")
    token = self._get_param("nextToken")
    forward = token[0] == "f" if token else bool(self._get_param("startFromHead"))
    place = _place(token) if token else None
    kept = self.logs_backend.kept
    run = kept.read(
        group,
        [stream],
        start,
        end=end,
        **{"after" if forward else "before": place},
        backward=not forward,
    )
    page = Page(_limit(self))
    page.take(run, lambda _: True)
    events = page.events if forward else page.events[::-1]
    first, last = (events[0].place, events[-1].place) if events else (place or FIRST, place or FIRST)
    return ActionResult(
        {
            "events": [
                {"timestamp": event.at, "message": event.message, "ingestionTime": event.ingested} for event in events
            ],
            "nextForwardToken": _token("f", last),
            "nextBackwardToken": _token("b", first),
        }
    )


class Page:
    """Events until one of AWS's limits is reached; `end` is the place there, None where the events end before."""

    def __init__(self, limit: int) -> None:
        self.events: list[Event] = []
        self.end: Place | None = None
        self._limit = limit

    def take(self, run: Iterator[Event], wanted: Callable[[Event], bool]) -> None:
        size = 0
        last: Event | None = None
        for looked_at, event in enumerate(run):
            if last and (len(self.events) == self._limit or looked_at == MOST_LOOKED_AT or size > MOST_BYTES):
                self.end = last.place
                return
            last = event
            if wanted(event):
                size += _size(event.message) + BYTES_OF_AN_EVENT
                self.events.append(event)

    def empty(self, *, backward: bool) -> None:
        """Leave all that was found to the next page."""
        self.events, self.end = [], LAST if backward else FIRST


def test_metric_filter(self: Any) -> ActionResult:
    """Which of the given messages match; they are counted from 1."""
    wanted = pattern_of(self._get_param("filterPattern"))
    found = (
        (number, message, wanted.match(message))
        for number, message in enumerate(self._get_param("logEventMessages") or [], 1)
    )
    return ActionResult(
        {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": values}
                for number, message, values in found
                if values is not None
            ]
        }
    )


def _group(self: Any) -> Any:
    name, identifier = self._get_param("logGroupName"), self._get_param("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise InvalidParameterException("Specify either logGroupName or logGroupIdentifier, and not both.")
    name = name or identifier.split(":log-group:")[-1].removesuffix(":*")
    group = self.logs_backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException
    return group


def _streams(self: Any, group: Any) -> list[Any]:
    names, prefix = self._get_param("logStreamNames"), self._get_param("logStreamNamePrefix")
    if names and prefix:
        raise InvalidParameterException("Specify either logStreamNames or logStreamNamePrefix, and not both.")
    for name in names or []:
        if name not in group.streams or not self.logs_backend.kept.is_seen(group.streams[name]):
            raise ResourceNotFoundException("The specified log stream does not exist.")
    return [
        stream
        for name, stream in group.streams.items()
        if (not names or name in names) and name.startswith(prefix or "") and self.logs_backend.kept.is_seen(stream)
    ]


def _limit(self: Any) -> int:
    limit = self._get_param("limit")
    if limit is not None and not 1 <= limit <= MOST_EVENTS:
        raise InvalidParameterException(
            constraint=f"Member must have value between 1 and {MOST_EVENTS}", parameter="limit", value=limit
        )
    return limit or MOST_EVENTS


def _size(message: str) -> int:
    return len(message.encode("utf-8", "replace"))


def _token(direction: str, place: Place) -> str:
    return f"{direction}/{place[0]:028d}{place[1]:028d}"


def _place(token: str) -> Place:
    if not re.fullmatch(r"[fb]/[0-9]{56}", token, re.ASCII):
        raise InvalidParameterException("The specified nextToken is invalid.")
    return whole(int(token[2:30])), whole(int(token[30:]))
