"""What circuit-breaker draws, asks and shows: a rolling deployment whose tasks fail, and what counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.ecs.breaker import Breaker, Event, ThresholdConfiguration, threshold
from drydock.pricing import fargate_tasks

TYPES = ("BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT")
WAVES = 40
"""Waves of tasks that are followed at most."""


@dataclass(frozen=True)
class Fate:
    """One task of the deployment: its number, when it fails or becomes healthy, and the count after that."""

    task: int
    second: int
    healthy: bool
    count: int
    tripped: bool


def configuration(type: str, value: int) -> ThresholdConfiguration:
    """`thresholdConfiguration`. Raises ValueError for what ECS refuses."""
    if type not in TYPES:
        raise ValueError(f"type is one of {', '.join(TYPES)}, not {type!r}.")
    checks.whole("value", value, 1, 100 if type != "COUNT" else None)
    return ThresholdConfiguration(type, value)


def checked(desired: int) -> int:
    """`desired`. Raises ValueError, naming it, for what is no whole number of tasks."""
    checks.whole("desired", desired, 1, 1000)
    return desired


def deployment(
    desired: int, type: str, value: int, reset: bool, healthy_every: int, fail_seconds: int
) -> Iterator[Fate]:
    """What becomes of the tasks of a rolling deployment at 100 and 200 %, until the breaker trips or all are healthy.

    As many tasks as are missing start at once, and each is judged after `fail_seconds`; each `healthy_every`-th one
    becomes healthy (0: none does), and the others fail and are replaced.
    """
    checked(desired)
    checks.whole("healthy_every", healthy_every, 0)
    checks.whole("fail_seconds", fail_seconds, 1)
    state = Breaker.read(
        {
            "enable": True,
            "rollback": True,
            "resetOnHealthyTask": bool(reset),
            "thresholdConfiguration": {"type": type, "value": value},
        },
        desired,
    )
    assert state.threshold == threshold(desired, configuration(type, value))
    task = healthy = 0
    for wave in range(1, WAVES + 1):
        for _ in range(desired - healthy):
            task += 1
            good = bool(healthy_every) and task % healthy_every == 0
            healthy += good
            state = state.after(Event.HEALTHY if good else Event.FAILED)
            yield Fate(task, wave * fail_seconds, good, state.failure_count, state.triggered)
            if state.triggered:
                return
        if healthy == desired:
            return


def question(type: str, value: int, *, desired: int) -> Question:
    """At how many failures a deployment fails. Raises ValueError."""
    given = configuration(type, value)
    found = threshold(desired, given)
    share = desired * value / 100
    return Question(
        f"A service of {desired} tasks has a circuit breaker with {type} {value}. No task of the new version "
        "ever starts. How many failed tasks does it take until the deployment is FAILED?",
        found,
        f"The value itself: {value}."
        if type == "COUNT"
        else f"{value} % of {desired} are {share:g}, rounded up"
        + (f", and never below 3 nor above 200: {found}." if type == TYPES[0] else f": {found}."),
    )


def course(desired: int, type: str, value: int, reset: bool, healthy_every: int, fail_seconds: int) -> Figure:
    """The count of failures, task by task, and the threshold."""
    limit = threshold(desired, configuration(type, value))
    fates = list(deployment(desired, type, value, reset, healthy_every, fail_seconds))
    last = fates[-1]
    assert not last.tripped or last.count >= limit, "it tripped below its threshold"
    healthy = sum(one.healthy for one in fates)
    if last.tripped:
        title = f"FAILED after {last.task} tasks and {last.second:,} s"
    elif healthy == desired:
        title = f"COMPLETED after {last.task} tasks and {last.second:,} s, {last.task - desired} of them failed"
    else:
        title = f"Neither FAILED nor COMPLETED after {last.task} tasks and {last.second:,} s"
    shown = fates[:60]
    return Figure(
        f"{title}. Threshold: {limit}",
        ("Task", "Second", "It", "Failures counted", ""),
        [
            (one.task, one.second, "is healthy" if one.healthy else "fails", one.count, "FAILED" if one.tripped else "")
            for one in fates[:20]
        ]
        + ([("…", "", "", "", "")] if len(fates) > 21 else [])
        + [
            (one.task, one.second, "is healthy" if one.healthy else "fails", one.count, "FAILED" if one.tripped else "")
            for one in fates[20:][-1:]
        ],
        [
            {
                "type": "bar",
                "name": "failures counted",
                "x": [one.task for one in shown],
                "y": [one.count for one in shown],
                "marker": {"color": [COLOURS[2] if one.healthy else COLOURS[0] for one in shown]},
            },
            line(
                "threshold", [shown[0].task - 0.5, shown[-1].task + 0.5], [limit, limit], colour=COLOURS[5], dash="dash"
            ),
        ],
        {
            "xaxis": {
                "title": {"text": "tasks of the deployment, in turn (the first 60 at most)"},
                "dtick": -(-len(shown) // 12),
            },
            "yaxis": {"title": {"text": "failures counted"}, "rangemode": "tozero", "dtick": -(-limit // 8)},
            **LAYOUT,
        },
    )


def thresholds() -> Figure:
    """The threshold by size of the service, as it was and as it is."""
    sizes = (1, 2, 4, 6, 7, 10, 25, 50, 100, 400, 800)
    now = [threshold(size) for size in sizes]
    assert now == sorted(now), "a larger service has a lower threshold"
    return Figure(
        "Failures until a deployment is FAILED, by default",
        ("Desired count", "Half of it, rounded up", "Threshold (3 to 200)", "Waves of new tasks until then"),
        [(size, -(-size // 2), limit, -(-limit // size)) for size, limit in zip(sizes, now, strict=True)],
        [
            {"type": "scatter", "mode": "lines+markers", "name": "threshold", "x": list(sizes), "y": now},
            line("10, as guide A has it", [sizes[0], sizes[-1]], [10, 10], colour=COLOURS[1], dash="dot"),
        ],
        {
            "xaxis": {"title": {"text": "desired count"}, "type": "log"},
            "yaxis": {"title": {"text": "failures"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def costs(desired: int, type: str, value: int, fail_seconds: int, cpu: int, memory: int) -> Figure:
    """A version that never starts: with the breaker, and without one for an hour and for a night."""
    checks.fargate_task(cpu, memory)
    task = fargate_tasks(1, cpu=cpu, memory=memory).usd_per_hour or 0.0
    fates = list(deployment(desired, type, value, True, 0, fail_seconds))
    rows = [(f"breaker with {type} {value}", f"{fates[-1].second:,} s", len(fates), len(fates) * fail_seconds)]
    for what, hours in (("no breaker, seen after an hour", 1), ("no breaker, seen after a night", 12)):
        waves = hours * 3600 // fail_seconds
        rows.append((what, f"{hours * 3600:,} s", desired * waves, desired * waves * fail_seconds))
    return Figure(
        f"A version that never starts, in a service of {desired} tasks",
        ("", "Until it ends", "Tasks started", "Task-seconds", "USD on FARGATE"),
        [
            (what, ends, f"{tasks:,}", f"{seconds:,}", f"{seconds / 3600 * task:.4f}")
            for what, ends, tasks, seconds in rows
        ],
    )


def resets(desired: int, fail_seconds: int) -> Figure:
    """Versions of which a part of the tasks fails, by resetOnHealthyTask."""
    rows = []
    for every, what in ((0, "no task"), (4, "each 4th task"), (3, "each 3rd task"), (2, "each 2nd task")):
        for reset in (True, False):
            fates = list(deployment(desired, "BOUNDED_PERCENT", 50, reset, every, fail_seconds))
            failed = sum(not one.healthy for one in fates)
            ends = "FAILED" if fates[-1].tripped else "COMPLETED" if len(fates) - failed == desired else "goes on"
            rows.append((what, str(reset).lower(), ends, len(fates), failed))
    return Figure(
        f"A service of {desired} tasks, when only some of the new ones become healthy",
        ("Healthy becomes", "resetOnHealthyTask", "The deployment", "Tasks started", "Tasks failed"),
        rows,
    )
