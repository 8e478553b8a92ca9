"""When a proxy tries a request again, how long it waits, and how much load that makes.

Sources: events and statuses, botocore 1.44.5, App Mesh ``HttpRetryPolicy``, and Envoy's documentation of the router
filter (*documented*). Back-off: Envoy's documentation has [0, (2^N - 1)·B) for retry N and base B; Envoy's code since
2020 and its tests have [0, 2^(N-1)·B), and so has the Envoy 1.40 that is installed (*observed*), so it is what stands
here. Budgets: Envoy's documentation and tests. What retries make of the load is *derived*: each attempt is taken to
fail by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

RESET, CONNECT_FAILURE, REFUSED = "reset", "connect-failure", "refused-stream"
BROKEN = frozenset({RESET, CONNECT_FAILURE, REFUSED})
"""What can come instead of a status."""
GATEWAY_ERRORS = frozenset({502, 503, 504})

ENVOY_EVENTS: Mapping[str, frozenset[int | str]] = {
    "5xx": frozenset(range(500, 600)) | BROKEN,
    "gateway-error": GATEWAY_ERRORS | BROKEN,
    "reset": BROKEN,
    "connect-failure": frozenset({CONNECT_FAILURE}),
    "refused-stream": frozenset({REFUSED}),
    "retriable-4xx": frozenset({409}),
}
"""Envoy's values of x-envoy-retry-on → what is retried for each."""
APP_MESH_EVENTS: Mapping[str, frozenset[int | str]] = {
    "server-error": frozenset({*range(500, 509), 510, 511}) | BROKEN,
    "gateway-error": GATEWAY_ERRORS | BROKEN,
    "client-error": frozenset({409}),
    "stream-error": frozenset({REFUSED}),
    "connection-error": frozenset({CONNECT_FAILURE}),
}
"""App Mesh's httpRetryEvents and tcpRetryEvents, in the same way."""

ROUTE_TIMEOUT = 15_000
"""Envoy's, in milliseconds, where a route has none of its own."""
BASE = 25
"""Envoy's base of the back-off, in milliseconds."""
MAX_RETRIES_AT_ONCE = 3
"""Envoy's default of the circuit breaker max_retries: retries of one cluster that are under way at once."""


def retried(events: Mapping[str, frozenset[int | str]], on: Collection[str], came: int | str) -> bool:
    """Whether what `came`, a status or one of `BROKEN`, is tried again under the events `on`.

    Raises ValueError for an event that `events` has not.
    """
    if unknown := sorted(set(on) - set(events)):
        raise ValueError(f"{', '.join(unknown)}: no such event; there are {', '.join(events)}.")
    return any(came in events[event] for event in on)


def ceiling(retry: int, *, base: int = BASE, longest: int | None = None) -> int:
    """Milliseconds that the back-off before `retry`, from 1, stays below; never more than `longest`, ten bases."""
    return int(min(base * 2 ** (retry - 1), 10 * base if longest is None else longest))


def backoff(number: int, retry: int, *, base: int = BASE, longest: int | None = None) -> int:
    """Milliseconds before `retry`, from 1, for this random `number`: the remainder by `ceiling`."""
    return number % ceiling(retry, base=base, longest=longest)


@dataclass(frozen=True)
class Attempt:
    """One try, in milliseconds since the request came: when it `starts` and `ends` at the latest.

    `cut` is whether the timeout of the route ended it, which is not later than its own then.
    """

    number: int
    starts: int
    ends: int
    cut: bool


def slowest(
    max_retries: int, per_try_timeout: int, *, route_timeout: int = ROUTE_TIMEOUT, base: int = BASE
) -> list[Attempt]:
    """The attempts of a request that nobody answers, each back-off as long as it gets; milliseconds.

    The timeout of the route is for all attempts with their back-offs. One of 0 is none, for either timeout.
    """
    end = route_timeout or float("inf")
    found: list[Attempt] = []
    starts = 0
    for number in range(max_retries + 1):
        starts += ceiling(number, base=base) if number else 0
        if starts >= end:
            break
        own = starts + per_try_timeout if per_try_timeout else float("inf")
        if min(own, end) == float("inf"):
            raise ValueError("per_try_timeout and route_timeout are both 0: an attempt that nobody answers never ends.")
        found.append(Attempt(number + 1, starts, int(min(own, end)), own >= end))
        starts = int(min(own, end))
    return found


def attempts(failing: float, max_retries: int) -> float:
    """Attempts of one request on average where each fails with probability `failing`: 1 + f + f² + …"""
    return sum(failing**retry for retry in range(max_retries + 1))


def load(failing: float, max_retries: int, hops: int) -> float:
    """Requests that the last of `hops` services gets for one of a customer, where each hop retries and the last fails.

    failing  probability from 0 to 1 that the last service fails an attempt. The others fail only as the last does.

    >>> load(1.0, 3, 3), load(0.0, 3, 3)
    (64.0, 1.0)
    """
    total = 1.0
    for _ in range(hops):
        total *= attempts(failing, max_retries)
        failing = failing ** (max_retries + 1)
    return total


def lost(failing: float, max_retries: int, hops: int) -> float:
    """The part of the customers' requests that fail after all of it."""
    return float(failing ** ((max_retries + 1) ** hops))


def budget(active: int, *, percent: float = 20.0, least: int = 3) -> int:
    """How many retries may be under way under a retry budget while `active` requests are: a part, but `least`."""
    return max(int(percent / 100 * active), least)
