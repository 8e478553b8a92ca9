"""The operations of CloudWatch Logs that read and match events."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException

from . import pattern

MOST_EVENTS = 10_000


def pattern_of(text: str | None) -> pattern.Pattern:
    """The pattern that a request gives; what is none is the API's own error."""
    try:
        return pattern.parse(text or "")
    except pattern.InvalidPattern as error:
        raise InvalidParameterException(f"Invalid filter pattern: {error}") from None


def checked(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An operation that keeps a filter pattern, refusing what is none."""
    if hasattr(operation, "__wrapped__"):
        return operation

    @functools.wraps(operation)
    def call(self: Any) -> Any:
        pattern_of(self._get_param("filterPattern"))
        return operation(self)

    return call


def filter_log_events(self: Any) -> ActionResult:
    """Events of all or some streams that match, by time; with the newest first if startFromHead is false."""
    group = _group(self)
    wanted = pattern_of(self._get_param("filterPattern"))
    start, end = self._get_param("startTime"), self._get_param("endTime")
    events = [
        (stream.log_stream_name, event)
        for stream in _streams(self, group)
        for event in stream.events
        if (start is None or event.timestamp >= start)
        and (end is None or event.timestamp <= end)
        and wanted.matches(event.message)
    ]
    backward = self._get_param("startFromHead") is False
    token = self._get_param("nextToken")
    if token:
        backward, first = token[0] == "b", _position(token)
    else:
        first = 0
    events.sort(key=lambda found: (found[1].timestamp, found[1].event_id), reverse=backward)
    last = first + _limit(self)
    page = [
        {
            "logStreamName": name,
            "timestamp": event.timestamp,
            "message": event.message,
            "ingestionTime": event.ingestion_time,
            "eventId": f"{event.event_id:056d}",
        }
        for name, event in events[first:last]
    ]
    answer: dict[str, Any] = {"events": page, "searchedLogStreams": []}
    if last < len(events):
        answer["nextToken"] = _token("b" if backward else "f", last)
    return ActionResult(answer)


def get_log_events(self: Any) -> ActionResult:
    """A page of one stream. Its tokens are places between events, so at either end the same one comes back."""
    group = _group(self)
    stream = group.streams.get(self._get_param("logStreamName"))
    if stream is None:
        raise ResourceNotFoundException("The specified log stream does not exist.")
    start, end = self._get_param("startTime"), self._get_param("endTime")
    events = sorted(
        (
            event
            for event in stream.events
            if (start is None or event.timestamp >= start) and (end is None or event.timestamp < end)
        ),
        key=lambda event: event.timestamp,
    )
    limit, token = _limit(self), self._get_param("nextToken")
    if token:
        forward, place = token[0] == "f", min(_position(token), len(events))
    else:
        forward = bool(self._get_param("startFromHead"))
        place = 0 if forward else len(events)
    first = place if forward else max(place - limit, 0)
    last = min(place + limit, len(events)) if forward else place
    return ActionResult(
        {
            "events": [event.to_response_dict() for event in events[first:last]],
            "nextForwardToken": _token("f", last),
            "nextBackwardToken": _token("b", first),
        }
    )


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
        if name not in group.streams:
            raise ResourceNotFoundException("The specified log stream does not exist.")
    return [
        stream
        for name, stream in group.streams.items()
        if (not names or name in names) and name.startswith(prefix or "")
    ]


def _limit(self: Any) -> int:
    limit = self._get_param("limit")
    if limit is not None and not 1 <= limit <= MOST_EVENTS:
        raise InvalidParameterException(
            constraint=f"Member must have value between 1 and {MOST_EVENTS}", parameter="limit", value=limit
        )
    return limit or MOST_EVENTS


def _token(direction: str, position: int) -> str:
    return f"{direction}/{position:056d}"


def _position(token: str) -> int:
    if token[:2] not in ("f/", "b/") or not (token[2:].isascii() and token[2:].isdigit()):
        raise InvalidParameterException("The specified nextToken is invalid.")
    return int(token[2:])
