"""Several services that share one stream of requests: cells, regions, or the old and the new of a migration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from drydock.policy import failover
from drydock.simulation.model import Cause, Course, Minute, Service
from drydock.simulation.run import simulate
from drydock.simulation.state import MINUTE


@dataclass(frozen=True)
class Part:
    """One of them: what comes to it in each minute, and what of the stream is lost on the way, for which cause."""

    name: str
    service: Service
    loads: Sequence[float]
    gone: Sequence[float] = ()
    cause: Cause = Cause.REGION


def together(parts: Sequence[Part], seed: int = 0) -> tuple[Course, dict[str, Course]]:
    """The course of all of them, and that of each by its name. Each has a seed of its own that follows from `seed`.

    Raises ValueError as `simulate` does, and for parts of different length.
    """
    if len({len(part.loads) for part in parts}) != 1:
        raise ValueError("Parts of one stream have the same number of minutes, and there is one part at least.")
    courses = {part.name: simulate(part.service, part.loads, seed + index) for index, part in enumerate(parts)}
    minutes = [_sum(number, parts, [courses[part.name] for part in parts]) for number in range(len(parts[0].loads))]
    events = sorted(
        (at, f"{part.name}: {what}" if len(parts) > 1 else what)
        for part in parts
        for at, what in courses[part.name].events
    )
    gone = [any(amount > 0 for amount in at) for at in zip_longest(*(part.gone for part in parts), fillvalue=0.0)]
    stretches = [MINUTE * len(list(run)) for is_gone, run in groupby(gone) if is_gone]
    each = courses.values()
    return Course(
        tuple(minutes),
        tuple(events),
        max([*(course.outage for course in each), sum(stretches)]),
        max([*(course.longest_outage for course in each), *stretches]),
        max(course.short for course in each),
        sum(course.warned for course in each),
        sum(course.cut_off for course in each),
    ), courses


def _sum(number: int, parts: Sequence[Part], courses: Sequence[Course]) -> Minute:
    found = [course.minutes[number] for course in courses]
    causes: dict[Cause, float] = {}
    lost = [*(minute.causes for minute in found), *({part.cause: part.gone[number]} for part in parts if part.gone)]
    for cause, amount in (pair for one in lost for pair in one.items() if pair[1]):
        causes[cause] = causes.get(cause, 0.0) + amount
    gone = sum(part.gone[number] for part in parts if part.gone)
    return Minute(
        number,
        gone + sum(minute.load for minute in found),
        sum(minute.desired for minute in found),
        sum(minute.serving for minute in found),
        sum(minute.nodes for minute in found),
        gone + sum(minute.lost for minute in found),
        sum(minute.usd for minute in found),
        sum(minute.late for minute in found),
        dict(causes),
    )


@dataclass(frozen=True)
class FailedOver:
    """A stream whose region is lost for some minutes: what each region gets, and what is lost between them."""

    first: Sequence[float]
    second: Sequence[float]
    lost: Sequence[float]


def failed_over(
    loads: Sequence[float], *, minute: int, minutes: int, known: float, ttl: float, stuck: float
) -> FailedOver:
    """What becomes of a stream when its region is lost at `minute`, and is back, with its clients, `minutes` later.

    known, ttl, stuck  as of `failover.lost_seconds`; known is infinite where there is no second region.
    """
    first, second, lost = list(loads), [0.0] * len(loads), [0.0] * len(loads)
    for number in range(minute, min(minute + minutes, len(loads))):
        at = (number - minute) * MINUTE
        until, before = (failover.lost_seconds(one, known, ttl, stuck) for one in (at + MINUTE, at))
        lost[number] = loads[number] * (until - before) / MINUTE
        first[number], second[number] = 0.0, loads[number] - lost[number]
    return FailedOver(first, second, lost)
