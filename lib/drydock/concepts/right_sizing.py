"""What right-sizing draws, asks and shows: the size that a week of measured use asks for."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import right_sizing
from drydock.policy.right_sizing import Change, Size, Used
from drydock.pricing import MONTH_HOURS, fargate_hour

HOURS = 7 * 24
PERIODS = 12
"""In an hour: five minutes each."""
MONDAY = datetime(2026, 11, 16)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, its size, and what its busiest task uses.

    busy_cpu     CPU units at noon of a working day
    peak_memory  MiB, the most of the week
    percentile   of CPU that the size has to hold
    headroom     percent on top of what was used
    """

    tasks: int
    cpu: int
    memory: int
    busy_cpu: int
    peak_memory: int
    percentile: int
    headroom: int
    seed: int = 1

    def __post_init__(self) -> None:
        checks.whole("tasks", self.tasks, 1)
        checks.fargate_task(self.cpu, self.memory)
        checks.whole("busy_cpu", self.busy_cpu, 1)
        checks.whole("peak_memory", self.peak_memory, 1)
        checks.whole("percentile", self.percentile, 1, 100)
        checks.whole("headroom", self.headroom, 0, 200)
        checks.whole("seed", self.seed, 0)

    @property
    def size(self) -> Size:
        return Size(self.cpu, self.memory)

    @cached_property
    def used(self) -> tuple[Used, ...]:
        """A made-up week in periods of five minutes, the same for the same seed: busy days, calm nights, bursts.

        Memory grows over a day and falls at three o'clock, when the program is started anew.
        """
        chance = random.Random(self.seed)
        found = []
        for period in range(HOURS * PERIODS):
            hour = period / PERIODS
            daylight = max(0.0, math.sin(math.pi * (hour % 24 - 6) / 14)) if hour % 24 < 20 else 0.0
            load = (0.15 + 0.75 * daylight) * (1 if hour < 5 * 24 else 0.5)
            burst = 1.8 if chance.random() < 0.004 else 1.0
            grown = 0.62 + 0.3 * ((hour - 3) % 24) / 24
            found.append(
                Used(
                    self.busy_cpu * load * burst * chance.uniform(0.9, 1.1),
                    self.peak_memory * grown * chance.uniform(0.97, 1.03),
                )
            )
        most = max(one.memory for one in found)
        return tuple(Used(one.cpu, one.memory * self.peak_memory / most) for one in found)

    @property
    def need(self) -> Used:
        return right_sizing.needed(self.used, percent=self.percentile, headroom=self.headroom)

    @property
    def wanted(self) -> Size:
        """The cheapest size that holds the need. Raises ValueError where there is none."""
        return cheapest(self.need)


def cheapest(need: Used) -> Size:
    """The cheapest Fargate size for this need. Raises ValueError where Fargate has none so large."""
    size = right_sizing.right_size(need, price=price)
    if size is None:
        raise ValueError(
            f"Fargate has no task for {need.cpu:,.0f} CPU units and {need.memory:,.0f} MiB: choose a smaller busy_cpu, "
            "peak_memory or headroom."
        )
    return size


def price(size: Size) -> float:
    """USD an hour of a task, x86_64, on demand."""
    return fargate_hour(size.cpu / 1024, size.memory / 1024)


def question(*, more: int = 0, **given: int) -> Question:
    """How many MiB the cheapest size has, when memory has peaked at `more` MiB above the notebook's. ValueError."""
    noted = Service(**given)
    service = replace(noted, peak_memory=noted.peak_memory + more)
    need, size = service.need, service.wanted
    return Question(
        f"In another week the busiest task has used as much CPU as in this notebook, {service.need.cpu:,.0f} CPU units "
        f"with headroom, and up to {service.peak_memory} MiB. The headroom is {service.headroom} %. How many MiB of "
        "memory has the cheapest Fargate size that holds both?",
        size.memory,
        f"The need is {need.cpu:,.0f} CPU units and {need.memory:,.0f} MiB. The cheapest size that has both is {size}.",
    )


def week(**given: int) -> Figure:
    """The week's use, hour by hour, with the size as it is and the size that is asked for. Raises ValueError."""
    service = Service(**given)
    size, wanted, need = service.size, service.wanted, service.need
    now, then = (service.tasks * price(one) * MONTH_HOURS for one in (size, wanted))
    hours = list(range(HOURS))
    tops = [_top(service.used[hour * PERIODS : (hour + 1) * PERIODS]) for hour in hours]
    lines = [
        (name, [value, value], axis, colour, dash)
        for axis, values in (("y", (size.cpu, wanted.cpu)), ("y2", (size.memory, wanted.memory)))
        for (name, colour, dash), value in zip(
            (("size now", COLOURS[7], "dot"), ("size wanted", COLOURS[2], "dash")), values, strict=True
        )
    ]
    return Figure(
        f"Wanted: {wanted}, USD {then:,.2f} instead of {now:,.2f} a month, {100 * (then / now - 1):+.1f} %",
        ("", "CPU units", "MiB", f"USD in {MONTH_HOURS} h, {service.tasks} tasks"),
        [
            ("used on average", *_mean(service.used), ""),
            (
                f"{service.percentile}th percentile of CPU, most of memory",
                f"{right_sizing.percentile((one.cpu for one in service.used), service.percentile):,.0f}",
                f"{max(one.memory for one in service.used):,.0f}",
                "",
            ),
            (f"with {service.headroom} % headroom", f"{need.cpu:,.0f}", f"{need.memory:,.0f}", ""),
            ("size wanted", wanted.cpu, wanted.memory, f"{then:,.2f}"),
            ("size now", size.cpu, size.memory, f"{now:,.2f}"),
        ],
        [
            line(name, hours, values, colour=colour, yaxis=axis)
            for name, values, axis, colour in (
                ("CPU used", [round(top.cpu, 1) for top in tops], "y", COLOURS[0]),
                ("memory used", [round(top.memory, 1) for top in tops], "y2", COLOURS[5]),
            )
        ]
        + [
            line(name, [hours[0], hours[-1]], values, colour=colour, dash=dash, yaxis=axis, showlegend=axis == "y")
            for name, values, axis, colour, dash in lines
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "hour of the week, from Monday on"}, "dtick": 24, "anchor": "y2"},
            "yaxis": {"title": {"text": "CPU units"}, "rangemode": "tozero", "domain": [0.56, 1]},
            "yaxis2": {"title": {"text": "MiB"}, "rangemode": "tozero", "domain": [0, 0.44]},
            "height": 520,
        },
    )


def choices(**given: int) -> Figure:
    """What the size depends on: how much of the CPU's use is held, and how much room there is besides."""
    service = Service(**given)
    rows = []
    for percentile in (50, 90, 95, 99, 100):
        for headroom in (0, 20, 50):
            need = right_sizing.needed(service.used, percent=percentile, headroom=headroom)
            size = right_sizing.right_size(need, price=price)
            wanted = (f"{percentile}", f"{headroom} %", f"{need.cpu:,.0f} and {need.memory:,.0f}")
            if size is None:
                rows.append((*wanted, "Fargate has none so large", "", ""))
                continue
            above = sum(one.cpu > size.cpu for one in service.used) / len(service.used)
            cost = f"{service.tasks * price(size) * MONTH_HOURS:,.2f}"
            rows.append((*wanted, str(size), cost, percent(above, 2)))
    return Figure(
        "The size by percentile and headroom",
        (
            "Percentile of CPU",
            "Headroom",
            "Needs CPU units and MiB",
            "Size",
            f"USD in {MONTH_HOURS} h",
            "Time short of CPU",
        ),
        rows,
    )


def too_small(**given: int) -> Figure:
    """What happens on sizes around the one that is wanted: CPU that is short, memory that ends the task."""
    service = Service(**given)
    around = sorted({Size(256, 512), service.wanted, cheapest(Used(1, service.peak_memory)), service.size})
    rows = []
    for size in around:
        short = sum(one.cpu > size.cpu for one in service.used) / len(service.used)
        killed = sum(one.memory > size.memory for one in service.used)
        room = percent(1 - service.peak_memory / size.memory) if not killed else "none"
        rows.append(
            (
                str(size),
                f"{service.tasks * price(size) * MONTH_HOURS:,.2f}",
                percent(short, 2),
                "killed" if killed else "fits",
                room,
                "← wanted" if size == service.wanted else "",
            )
        )
    return Figure(
        f"The same week on other sizes; the most memory was {service.peak_memory} MiB",
        ("Size", f"USD in {MONTH_HOURS} h", "Time short of CPU", "Memory", "Room above the peak", ""),
        rows,
    )


def shorter(**given: int) -> Figure:
    """The size that is asked for when only a part of the week was looked at."""
    service = Service(**given)
    parts = (
        ("Saturday and Sunday", service.used[5 * 24 * PERIODS :]),
        ("the first night, 0 to 6", service.used[: 6 * PERIODS]),
        ("Monday", service.used[: 24 * PERIODS]),
        ("the whole week", service.used),
    )
    return Figure(
        "The size by what was looked at",
        ("Looked at", "Needs CPU units and MiB", "Size"),
        [
            (name, f"{need.cpu:,.0f} and {need.memory:,.0f}", str(cheapest(need)))
            for name, used in parts
            for need in [right_sizing.needed(used, percent=service.percentile, headroom=service.headroom)]
        ],
    )


def after_a_change(**given: int) -> Figure:
    """The week cut into times of one size, when a deployment on Wednesday doubled the task. CloudWatch has percent."""
    service = Service(**given)
    before, after = Size(service.cpu // 2, service.memory // 2), service.size
    changed = Change(MONDAY + timedelta(days=2), MONDAY + timedelta(days=2, minutes=10), before, after)
    found = right_sizing.stretches([changed], after, MONDAY, MONDAY + timedelta(days=7))
    half = 0.5 * service.busy_cpu
    return Figure(
        f"50 % of CPU means {0.5 * before.cpu:.0f} CPU units before the deployment and {0.5 * after.cpu:.0f} after it",
        ("From", "To", "Size", f"{half:.0f} CPU units in percent of it"),
        [
            (f"{one.start:%a %H:%M}", f"{one.end:%a %H:%M}", str(one.size), percent(half / one.size.cpu, 1))
            for one in found
        ],
    )


def _top(used: Sequence[Used]) -> Used:
    return Used(max(one.cpu for one in used), max(one.memory for one in used))


def _mean(used: Sequence[Used]) -> tuple[str, str]:
    return f"{sum(one.cpu for one in used) / len(used):,.0f}", f"{sum(one.memory for one in used) / len(used):,.0f}"
