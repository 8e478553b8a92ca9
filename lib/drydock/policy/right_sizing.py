"""Which Fargate size tasks need, from what they were measured to use, and over which stretches of time that counts.

Source: the sizes are Fargate's (`policy.requests.task_definition`). CPU that is short makes a task slower, so a
percentile of it is covered; memory that is short ends it, so the most that was ever used is covered (derived: AWS names
the two metrics and leaves the choice to the reader). CloudWatch tells both in percent of the task's size (documented).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drydock.policy.requests.task_definition import FARGATE_SIZES, cpu_units, memory_mib

LARGEST_BEFORE_1_4 = 4096
"""CPU units; larger tasks need platform version 1.4.0. Source: documented."""


@dataclass(frozen=True, order=True)
class Size:
    """CPU units and MiB of a task."""

    cpu: int
    memory: int

    def __str__(self) -> str:
        return f"{self.cpu} CPU units and {self.memory} MiB"

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Size:
        """Of a task definition that has a size, as all for Fargate have: `"1 vCPU"` and `"1024"` alike."""
        return cls(cpu_units(definition["cpu"]), memory_mib(definition["memory"]))


@dataclass(frozen=True)
class Used:
    """What the task that used most used in a period: CPU units and MiB."""

    cpu: float
    memory: float


@dataclass(frozen=True)
class Stretch:
    """Time in which all tasks of a service had one size."""

    start: datetime
    end: datetime
    size: Size


@dataclass(frozen=True)
class Change:
    """A deployment: when it began and ended, and the size that the tasks had before and after it; None: not known."""

    began: datetime
    ended: datetime | None
    before: Size | None
    after: Size | None


def sizes() -> Iterator[Size]:
    """Every size that Fargate has."""
    for cpu, memories in FARGATE_SIZES.items():
        for memory in memories:
            yield Size(cpu, memory)


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed (nearest rank); 0 where there is none."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(round(len(ordered) * percent / 100, 9))) - 1] if ordered else 0.0


def needed(used: Sequence[Used], *, percent: float, headroom: float) -> Used:
    """What a task has to have: the percentile of CPU and the peak of memory, and `headroom` percent of each besides."""
    more = 1 + headroom / 100
    cpu = percentile((each.cpu for each in used), percent)
    return Used(cpu * more, max((each.memory for each in used), default=0.0) * more)


def held_by_containers(containers: Iterable[Mapping[str, Any]]) -> Size:
    """The least that a task must have for ECS to register these container definitions."""
    named = list(containers)
    reserved = [int(each.get("memoryReservation") or each.get("memory") or 0) for each in named]
    limits = [int(each.get("memory") or 0) for each in named]
    cpu = sum(int(each.get("cpu") or 0) for each in named)
    return Size(cpu, max(sum(reserved), *limits, 0))


def right_size(
    need: Used, *, price: Callable[[Size], float], at_least: Size = Size(0, 0), most_cpu: int | None = None
) -> Size | None:
    """The cheapest size that Fargate has for this need; None where none is large enough.

    price     of a size, in any unit; of two that cost the same the smaller one is taken
    at_least  what the task definition's containers hold it to
    most_cpu  CPU units above which the platform version has no size
    """
    enough = [
        size
        for size in sizes()
        if size.cpu >= max(need.cpu, at_least.cpu) and size.memory >= max(need.memory, at_least.memory)
        if most_cpu is None or size.cpu <= most_cpu
    ]
    return min(enough, key=lambda size: (price(size), size), default=None)


def stretches(changes: Iterable[Change], size: Size, since: datetime, until: datetime) -> list[Stretch]:
    """From `since` to `until`, the times in which all tasks had one size that is known; the time of a deployment
    between two sizes is left out.

    size  the size now, which is that of the whole time where no deployment is known
    """
    ordered = sorted(changes, key=lambda change: change.began)
    parts: list[tuple[datetime, datetime, Size | None]] = []
    start, at = since, ordered[0].before if ordered else size
    for change in ordered:
        parts.append((start, change.began, at))
        same = change.before == change.after == at
        start, at = (change.began if same else change.ended or until), change.after
    parts.append((start, until, at))
    found: list[Stretch] = []
    for begin, end, had in parts:
        begin, end = max(begin, since), min(end, until)
        if had is None or begin >= end:
            continue
        if found and found[-1].size == had and found[-1].end == begin:
            begin = found.pop().start
        found.append(Stretch(begin, end, had))
    return found
