"""Events for functions: calls that nobody waits for, tried again where a function fails.

They are in memory: those that are under way, or wait to be tried again, end with the process.
"""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from drydock.embedded.core.host import Host
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.function import OLDEST, RETRIES

from .calls import Call, Calls, function_of

log = logging.getLogger(__name__)

_LOOK_AGAIN = 1.0
"""AWS seconds before an event is tried again for which a function had no room."""


@dataclass
class _Event:
    """One that is to be tried at an AWS second; `tried` counts its calls so far."""

    due: float
    region: str
    arn: str
    payload: bytes
    identity: str
    since: float
    tried: int = 0


class Events:
    """The events of a host's functions."""

    def __init__(self, host: Host, calls: Calls) -> None:
        self.host = host
        self.calls = calls
        self._lock = threading.Lock()
        self._waiting: list[_Event] = []

    def call(self, found: Any, event: bytes, client_context: str = "", *, arn: str = "", identity: str = "") -> Call:
        """A call of a function that may begin now, under another ARN than that of its version. Invalid."""
        room = found.reserved_concurrency
        if room is not None and self.calls.running(found.function_name, found.region) >= int(room):
            raise Invalid("TooManyRequestsException", "Rate Exceeded.")
        function = function_of(found, arn or found.function_arn)
        return Call(identity or str(uuid.uuid4()), function, event, client_context)

    def take(self, found: Any, payload: bytes) -> None:
        """Call a function as soon as it has room. Invalid, if it is of a kind that is not there."""
        function_of(found, found.function_arn)
        now = self.host.clock.time()
        self._try(_Event(now, found.region, found.function_arn, payload, str(uuid.uuid4()), now), found)

    def tick(self) -> None:
        """Try again what is due."""
        now = self.host.clock.time()
        with self._lock:
            due = [event for event in self._waiting if event.due <= now]
            self._waiting = [event for event in self._waiting if event.due > now]
        if not due:
            return
        with self.host.lock:
            for event in due:
                found = self._function(event)
                if found is None:
                    log.warning("an event of %s is lost: the function is gone", event.arn)
                else:
                    self._try(event, found)

    def _function(self, event: _Event) -> Any | None:
        from moto.awslambda.exceptions import UnknownFunctionException

        try:
            return self.host.backend("awslambda", event.region).get_function(event.arn)
        except UnknownFunctionException:
            return None

    def _try(self, event: _Event, found: Any) -> None:
        try:
            call = self.call(found, event.payload, identity=event.identity)
        except Invalid:
            if found.reserved_concurrency != 0:  # then it is given up at once (documented)
                self._again(event, found, _LOOK_AGAIN)
            return
        call.on_end = lambda call: self._ended(call, event, found)
        self.calls.begin(call)

    def _ended(self, call: Call, event: _Event, found: Any) -> None:
        assert call.outcome is not None
        event.tried += 1
        if (call.outcome.failed or call.outcome.refused) and event.tried <= _most_retries(found):
            self._again(event, found, RETRIES[event.tried - 1])

    def _again(self, event: _Event, found: Any, seconds: float) -> None:
        event.due = self.host.clock.time() + seconds
        if event.due - event.since <= _oldest(found):
            with self._lock:
                self._waiting.append(event)


def _config(found: Any) -> dict[str, Any]:
    configured = found.event_invoke_config
    return dict(configured[0].config) if configured else {}


def _most_retries(found: Any) -> int:
    return int(_config(found).get("MaximumRetryAttempts", len(RETRIES)))


def _oldest(found: Any) -> float:
    return float(_config(found).get("MaximumEventAgeInSeconds", OLDEST))
