"""Several services that share one stream of requests: cells, regions, or the old and the new of a migration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from drydock.policy import failover
from drydock.simulation.model import Cause, Course, Minute, Service, summed
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
    """The course of all of them, and that of each by its name, with what was lost on the way to it. Each has a seed of
    its own that follows from `seed`.

    Raises ValueError as `simulate` does, and for parts of different length.
    """
    if len({len(part.loads) for part in parts}) != 1:
        raise ValueError("Parts of one stream have the same number of minutes, and there is one part at least.")
    each = {
        part.name: _with_gone(part, simulate(part.service, part.loads, seed + index))
        for index, part in enumerate(parts)
    }
    courses = list(each.values())
    events = sorted(
        (at, f"{name}: {what}" if len(parts) > 1 else what)
        for name, course in each.items()
        for at, what in course.events
    )
    whole = Course(
        tuple(_sum([course.minutes[number] for course in courses]) for number in range(len(parts[0].loads))),
        tuple(events),
        max(course.outage for course in courses),
        max(course.longest_outage for course in courses),
        max(course.short for course in courses),
        sum(course.warned for course in courses),
        sum(course.cut_off for course in courses),
    )
    return whole, each


def _with_gone(part: Part, course: Course) -> Course:
    if not any(part.gone):
        return course
    stretches = [MINUTE * len(list(run)) for is_gone, run in groupby(amount > 0 for amount in part.gone) if is_gone]
    return replace(
        course,
        minutes=tuple(
            replace(
                minute,
                load=minute.load + gone,
                lost=minute.lost + gone,
                causes=summed([minute.causes, {part.cause: gone}]),
            )
            for minute, gone in zip(course.minutes, part.gone, strict=True)
        ),
        outage=max(course.outage, sum(stretches)),
        longest_outage=max(course.longest_outage, *stretches),
    )


def _sum(found: Sequence[Minute]) -> Minute:
    return Minute(
        found[0].minute,
        sum(minute.load for minute in found),
        sum(minute.desired for minute in found),
        sum(minute.serving for minute in found),
        sum(minute.nodes for minute in found),
        sum(minute.lost for minute in found),
        sum(minute.usd for minute in found),
        sum(minute.late for minute in found),
        summed([minute.causes for minute in found]),
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
