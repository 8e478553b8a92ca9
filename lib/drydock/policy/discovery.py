"""How long clients go to a task that has gone, when they find it by DNS, and how many addresses an answer has.

Source: Amazon Cloud Map API, *DnsConfig* (MULTIVALUE: up to eight healthy instances in random order, WEIGHTED: one),
*HealthCheckCustomConfig* (about 30 s until a status counts); RFC 1035 for the time to live (documented). The shares are
derived: clients asked at times that are spread evenly, choose evenly among the addresses that they have, and keep an
answer for its TTL.
"""

from __future__ import annotations

MULTIVALUE, WEIGHTED = "MULTIVALUE", "WEIGHTED"
ADDRESSES = 8
"""Addresses that a MULTIVALUE answer has at most (documented)."""
HEALTH_DELAY = 30
"""Seconds until Cloud Map acts on a status that it was told (documented, as an about)."""


def answered(instances: int, routing: str) -> int:
    """How many addresses an answer has. Raises ValueError for another routing policy."""
    if routing not in (MULTIVALUE, WEIGHTED):
        raise ValueError(f"RoutingPolicy is {MULTIVALUE} or {WEIGHTED}, not {routing!r}.")
    return min(instances, ADDRESSES if routing == MULTIVALUE else 1)


def stale(seconds: float, ttl: float) -> float:
    """The part of all clients whose answer is older than a change of `seconds` ago: from 1 to 0 at the TTL."""
    if seconds < 0 or ttl < 0:
        raise ValueError(f"Seconds are 0 or more, not {seconds:g} after the change and a TTL of {ttl:g}.")
    return max(0.0, 1 - seconds / ttl) if ttl else 0.0


def misdirected(seconds: float, ttl: float, tasks: int) -> float:
    """The part of all requests that goes to one of `tasks` that left the name `seconds` ago."""
    return stale(seconds, ttl) / max(1, tasks)


def failing_seconds(ttl: float, lives_on: float) -> float:
    """For how many seconds requests fail: from the end of the task until no client has its address any more.

    lives_on  seconds that it serves after its name is gone; negative where it was dead before that.
    """
    return max(0.0, ttl - lives_on)


def failing_share(ttl: float, lives_on: float) -> float:
    """Seconds' worth of one task's requests that fail: the integral of `stale` from the task's end on.

    Before the name is gone, where `lives_on` is negative, everybody has the address, and all of them fail.
    """
    dead = max(0.0, -lives_on)
    after = max(0.0, lives_on)
    return dead + (max(0.0, ttl - after) ** 2 / (2 * ttl) if ttl else 0.0)
