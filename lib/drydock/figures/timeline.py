"""Time lines: the life of tasks, and who answered when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from drydock.figures.figure import COLOURS, Figure
from drydock.figures.survey import Described, service_of

PHASES: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("PROVISIONING", "createdAt", ("pullStartedAt", "startedAt", "stoppingAt", "stoppedAt")),
    ("ACTIVATING: pulling", "pullStartedAt", ("pullStoppedAt", "startedAt", "stoppingAt", "stoppedAt")),
    ("ACTIVATING: starting", "pullStoppedAt", ("startedAt", "stoppingAt", "stoppedAt")),
    ("RUNNING", "startedAt", ("stoppingAt", "stoppedAt")),
    ("STOPPING", "stoppingAt", ("executionStoppedAt", "stoppedAt")),
    ("DEPROVISIONING", "executionStoppedAt", ("stoppedAt",)),
)
"""(name, the timestamp of describe_tasks it begins at, those it may end at)."""

_PHASE_COLOURS = ("#999999", "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7")


def lifecycle(tasks: Iterable[Described], *, now: datetime, title: str = "The life of each task") -> Figure:
    """A bar for each task of describe_tasks, from its creation on, a colour for each phase.

    Seconds are counted from the first `createdAt`; what is not over goes on to `now` (aware).
    """
    lives = sorted(tasks, key=lambda task: (task["createdAt"], task["taskArn"]))
    if not lives:
        return Figure(f"{title}: there are none", ("Task", "Service", "Phase", "From s", "To s"), ())
    zero = lives[0]["createdAt"]
    names = {task["taskArn"]: f"{service_of(task)} {index}" for index, task in enumerate(lives, 1)}
    spans = [
        (names[task["taskArn"]], service_of(task), phase, _seconds(begin, zero), _seconds(end, zero))
        for task in lives
        for phase, begin, end in _phases(task, now)
    ]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": phase,
            "y": [span[0] for span in spans if span[2] == phase],
            "base": [span[3] for span in spans if span[2] == phase],
            "x": [round(span[4] - span[3], 2) for span in spans if span[2] == phase],
            "marker": {"color": _PHASE_COLOURS[index]},
            "hovertemplate": "%{y}: %{x} s<extra>" + phase + "</extra>",
        }
        for index, (phase, _, _) in enumerate(PHASES)
        if any(span[2] == phase for span in spans)
    ]
    return Figure(
        title,
        ("Task", "Service", "Phase", "From s", "To s"),
        spans,
        data,
        {
            "barmode": "overlay",
            "xaxis": {"title": {"text": "seconds since the first was created"}, "zeroline": False},
            "yaxis": {"autorange": "reversed", "automargin": True},
            "height": max(250, 130 + 34 * len(lives)),
        },
    )


def _phases(task: Described, now: datetime) -> list[tuple[str, datetime, datetime]]:
    found = []
    for phase, begins, ends in PHASES:
        begin = task.get(begins)
        if begin is not None:
            end = next((task[name] for name in ends if task.get(name) is not None), now)
            found.append((phase, begin, end))
    return found


def _seconds(moment: datetime, zero: datetime) -> float:
    return round((moment - zero).total_seconds(), 2)


def answers(counts: Mapping[str, int], *, title: str = "Who answered how often") -> Figure:
    """A bar for each who answered; `counts` is who → how often."""
    who = sorted(counts)
    total = sum(counts.values())
    rows = [(name, counts[name], f"{counts[name] / total:.0%}" if total else "") for name in who]
    bars = {
        "type": "bar",
        "x": who,
        "y": [counts[name] for name in who],
        "text": [row[2] for row in rows],
        "marker": {"color": COLOURS[0]},
    }
    layout: dict[str, Any] = {
        "xaxis": {"type": "category", "automargin": True},
        "yaxis": {"title": {"text": "answers"}, "rangemode": "tozero"},
    }
    return Figure(title, ("Who", "Answers", "Share"), rows, [bars], layout)


def answers_over_time(
    seen: Iterable[tuple[float, str]],
    *,
    ttl: float | None = None,
    marks: Sequence[tuple[float, str]] = (),
    title: str = "Who answered when",
) -> Figure:
    """A dot for each answer: (seconds since the start, who).

    `ttl`: seconds that a client keeps a DNS answer, drawn as bands of that width. `marks`: (seconds, what
    happened then), such as a task that left, drawn as upright lines.
    """
    points = sorted(seen)
    who = sorted({name for _, name in points})
    end = max([moment for moment, _ in (*points, *marks)], default=0.0)
    shapes: list[dict[str, Any]] = [
        {"type": "line", "x0": moment, "x1": moment, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dash"}}
        for moment, _ in marks
    ]
    if ttl:
        shapes += [_band(2 * index * ttl, ttl) for index in range(int(end // (2 * ttl)) + 1)]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [round(moment, 2) for moment, one in points if one == name],
            "y": [name for _, one in points if one == name],
            "marker": {"size": 8},
        }
        for name in who
    ]
    return Figure(
        title,
        ("From s", "To s", "Who", "Answers", "What happened"),
        _runs(points, marks),
        data,
        {
            "shapes": shapes,
            "annotations": [
                {"x": moment, "y": 1, "yref": "paper", "text": what, "showarrow": False, "yanchor": "bottom"}
                for moment, what in marks
            ],
            "showlegend": False,
            "xaxis": {"title": {"text": "seconds" + (f"; bands of {ttl:g} s, the TTL" if ttl else "")}},
            "yaxis": {"type": "category", "automargin": True},
            "height": 160 + 40 * len(who),
        },
    )


def _runs(points: Sequence[tuple[float, str]], marks: Sequence[tuple[float, str]]) -> list[tuple[object, ...]]:
    """A row for each who answered between two marks, from the first answer to the last; and one for each mark."""
    happened = sorted(marks)
    runs: dict[tuple[int, str], list[float]] = {}
    for moment, name in points:
        after = sum(moment >= at for at, _ in happened)
        runs.setdefault((after, name), []).append(round(moment, 2))
    rows: list[tuple[int, tuple[object, ...]]] = [
        (2 * after, (min(run), max(run), name, len(run), "")) for (after, name), run in runs.items()
    ]
    rows += [(2 * index + 1, (round(at, 2), round(at, 2), "", 0, what)) for index, (at, what) in enumerate(happened)]
    return [row for _, row in sorted(rows, key=lambda one: (one[0], str(one[1][2])))]


def _band(start: float, width: float) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": start,
        "x1": start + width,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "fillcolor": "#8c959f",
        "opacity": 0.15,
        "line": {"width": 0},
        "layer": "below",
    }
