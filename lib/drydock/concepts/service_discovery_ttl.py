"""What service-discovery-ttl draws, asks and shows: clients that still go to a task that has gone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import discovery
from drydock.policy.discovery import MULTIVALUE, WEIGHTED

PLANNED, KILLED = "stopped by ECS", "killed"
ENDS = (PLANNED, KILLED)
TTLS = (0, 5, 10, 30, 60, 300)
MOST_TTL = 86_400


def lives_on(end: str, stop_timeout: int, detection: int) -> float:
    """Seconds that a task serves after its name is gone; negative: for so long the name outlives it.

    One that ECS stops leaves Cloud Map first and has its stopTimeout then. One that is killed is found by a check, and
    Cloud Map takes some 30 s more. Raises ValueError.
    """
    if end not in ENDS:
        raise ValueError(f"end is {PLANNED!r} or {KILLED!r}, not {end!r}.")
    checks.whole("stop_timeout", stop_timeout, 0, 120)
    checks.whole("detection", detection, 0, 600)
    return float(stop_timeout) if end == PLANNED else -float(detection + discovery.HEALTH_DELAY)


def failed(tasks: int, ttl: int, load: int, end: str, stop_timeout: int, detection: int) -> float:
    """Requests that fail when one of the tasks ends; `load` in requests a second, of all tasks together."""
    _check(tasks, ttl, load)
    return load / tasks * discovery.failing_share(ttl, lives_on(end, stop_timeout, detection))


def question(ttl: int, stop_timeout: int, *, more: int = 60) -> Question:
    """For how long requests fail. Raises ValueError."""
    checks.whole("ttl", ttl, 0, MOST_TTL)
    ttl += more
    found = discovery.failing_seconds(ttl, lives_on(PLANNED, stop_timeout, 0))
    return Question(
        f"The name of a service has records with a TTL of {ttl} s. ECS stops one of its tasks: the address leaves the "
        f"name, and {stop_timeout} s later the task is gone. For how many seconds after that can clients still be sent "
        "to it by an answer that they keep?",
        found,
        f"The last client that may have the old address asked just before it left the name, and keeps it for {ttl} s. "
        f"For {stop_timeout} s of these the task still serves. {ttl} − {stop_timeout} = {ttl - stop_timeout}"
        + ("." if found else ", so for none."),
    )


def fading(tasks: int, ttl: int, load: int, end: str, stop_timeout: int, detection: int) -> Figure:
    """The share of all requests that goes to the task, second by second. Raises ValueError."""
    _check(tasks, ttl, load)
    serves = lives_on(end, stop_timeout, detection)
    lost = failed(tasks, ttl, load, end, stop_timeout, detection)
    lasts = discovery.failing_seconds(ttl, serves)
    last = max(ttl, stop_timeout, 30) * 1.1
    begins = min(0.0, serves)
    points = [begins + (last - begins) * part / 60 for part in range(61)]
    both = sorted({*points, 0.0, float(ttl), *([serves] if serves > 0 else [])})
    goes = [100 * (1 / tasks if at < 0 else discovery.misdirected(at, ttl, tasks)) for at in both]
    assert all(before >= after - 1e-9 for before, after in pairwise(goes)), "the share grows again"
    fails = [(at, one) for at, one in zip(both, goes, strict=True) if at >= serves]
    edge = [both[0], fails[0][0], *(at for at, _ in fails)], [0.0, 0.0, *(one for _, one in fails)]
    rows = [
        (f"{at:g}", f"{one:.1f} %", "fails" if at >= serves and one else "is served" if one else "")
        for at, one in zip(both, goes, strict=True)
        if at in {begins, 0.0, serves, float(ttl), *points[::10]}
    ]
    return Figure(
        f"The task is {end}: requests fail for {lasts:,.0f} s, {lost:,.0f} of them",
        ("Seconds after the name changed", "Of all requests go to the task", "Such a request"),
        rows,
        [
            _line("go to the task", both, goes, colour=COLOURS[0]),
            _line("fail", *edge, colour=COLOURS[5], fill="tozeroy"),
        ],
        {
            "xaxis": {"title": {"text": "seconds after the address left the name"}},
            "yaxis": {"title": {"text": "of all requests, %"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def by_ttl(tasks: int, load: int, stop_timeout: int, detection: int, clients: int, queries_price: float) -> Figure:
    """What each TTL loses, and how often is asked: a client never asks more often than it sends a request.

    queries_price  USD for a million queries.
    """
    checks.whole("clients", clients, 0)
    checks.price("queries_price", queries_price)
    rows = []
    for ttl in TTLS:
        asked = min(load, clients / ttl) if ttl else load * min(1, clients)
        rows.append(
            (f"{ttl} s",
             *(f"{failed(tasks, ttl, load, end, stop_timeout, detection):,.0f}" for end in ENDS),
             f"{asked:,.1f}", f"{asked * 3600 * 730 / 1e6 * queries_price:,.2f}")
        )  # fmt: skip
    return Figure(
        f"The end of one of {tasks} tasks, by TTL, at {load:,} requests a second",
        ("TTL", f"Failed, {PLANNED}", f"Failed, {KILLED}", f"Queries a second of {clients} clients", "USD in 730 h"),
        rows,
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": end,
                "x": list(TTLS),
                "y": [round(failed(tasks, ttl, load, end, stop_timeout, detection), 1) for ttl in TTLS],
            }
            for end in ENDS
        ],
        {
            "xaxis": {"title": {"text": "TTL, seconds"}},
            "yaxis": {"title": {"text": "requests that fail"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def answers() -> Figure:
    """How many addresses an answer has, and what a client can spread its requests over."""
    rows = []
    for instances in (1, 3, 8, 20):
        many, one = (discovery.answered(instances, routing) for routing in (MULTIVALUE, WEIGHTED))
        rows.append((instances, many, one, percent(many / instances), percent(one / instances)))
    return Figure(
        "Addresses in one answer, all instances healthy",
        ("Instances", MULTIVALUE, WEIGHTED, f"Of all, {MULTIVALUE}", f"Of all, {WEIGHTED}"),
        rows,
    )


def _check(tasks: int, ttl: int, load: int) -> None:
    checks.whole("tasks", tasks, 1, 1000)
    checks.whole("ttl", ttl, 0, MOST_TTL)
    checks.whole("load", load, 0)


def _line(name: str, x: list[float], y: list[float], *, colour: str, **more: Any) -> dict[str, Any]:
    return line(name, [round(one, 3) for one in x], [round(one, 4) for one in y], colour=colour, **more)
