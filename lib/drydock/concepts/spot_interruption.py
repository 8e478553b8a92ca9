"""What spot-interruption draws, asks and shows: a service whose Spot tasks are taken back, in simulated time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.ecs import interruption
from drydock.pricing import MONTH_HOURS
from drydock.simulation import Case, Course, Reclaim, Service, Spot, compare, simulate, traffic

PER_TASK = 1200
"""Requests that a task of the example serves in a minute: 20 a second."""
AT, AFTER = 3, 8
"""The minute at which tasks are taken back, and how many are shown after Spot has capacity again."""


def checked(dry: int) -> int:
    """`dry`. Raises ValueError, naming it, for what is no whole number of minutes."""
    checks.whole("dry", dry, 0, 240)
    return dry


def service(
    n: int,
    base: int,
    spot_weight: int,
    *,
    taken: int = 100,
    dry: int = 0,
    stop_timeout: int = interruption.DEFAULT_STOP_TIMEOUT,
    start_seconds: int = 60,
    discount: float = 0.70,
    drains: bool = True,
    hazard: float = 0.0,
) -> Service:
    """`n` tasks, FARGATE with weight 1; `taken` per cent of those on Spot are taken back once. Raises ValueError."""
    for name, value, most in (("n", n, 500), ("base", base, 500), ("spot_weight", spot_weight, 1000)):
        checks.whole(name, value, 0 if name != "n" else 1, most)
    checks.whole("taken", taken, 0, 100)
    checked(dry)
    checks.whole("start_seconds", start_seconds, 1, 600)
    checks.part("spot_discount", discount)
    interruption.serves_on(stop_timeout)
    reclaims = (Reclaim(AT, taken / 100, dry),) if taken else ()
    spot = Spot(base, 1, spot_weight, discount, hazard, reclaims, stop_timeout, drains)
    return Service(tasks=n, per_task=PER_TASK, start_seconds=start_seconds, spot=spot)


def question(stop_timeout: int, start_seconds: int, *, more: int = 30) -> Question:
    """For how many seconds one task is missing. Raises ValueError."""
    checks.whole("stop_timeout", stop_timeout, 0)
    checks.whole("start_seconds", start_seconds, 1, 600)
    start = start_seconds + more
    short = interruption.shortage(stop_timeout, start)
    return Question(
        f"A service has a task on FARGATE_SPOT that is taken back. Its stopTimeout is {stop_timeout} s, and it goes on "
        f"serving as long as it may. Spot has other capacity, and a new task serves {start} s after it is ordered. "
        "For how many seconds does the service have a task too few?",
        short,
        f"The replacement is ordered at the warning and serves after {start} s. The old task is killed after "
        f"{interruption.serves_on(stop_timeout)} s, not after the {interruption.WARNING} s of the warning. "
        f"Between the two are {short:g} s.",
    )


def interrupted(
    n: int, base: int, spot_weight: int, taken: int, dry: int, stop_timeout: int, start_seconds: int, load_percent: int
) -> Figure:
    """Tasks that serve, minute by minute, beside those that the load needs. Raises ValueError, Invalid."""
    checks.whole("load_percent", load_percent, 1, 200)
    course = _course(
        service(n, base, spot_weight, taken=taken, dry=dry, stop_timeout=stop_timeout, start_seconds=start_seconds),
        load_percent,
        AT + dry + AFTER,
    )
    needs = n * load_percent / 100
    if course.warned:
        ends = (AT + dry + AFTER) * 60 - AT * 60 - interruption.serves_on(stop_timeout)
        known = min(interruption.shortage(stop_timeout, start_seconds, dry * 60), ends)
        assert abs(course.short - known) < 1e-6, f"simulated {course.short} s, the rule says {known} s"
    edges = [3 if minute.lost > 1e-6 else 0 for minute in course.minutes]
    return Figure(
        f"Told to end: {course.warned} of {n} tasks. Requests lost: {course.lost:,.0f}, "
        f"for {course.longest_outage:,.0f} s",
        ("Minute", "Tasks that serve, on average", "Tasks that the load needs", "Requests lost"),
        [(one.minute, f"{one.serving:g}", f"{needs:g}", f"{one.lost:,.0f}") for one in course.minutes],
        [
            {
                "type": "bar",
                "name": "tasks that serve (red edge: requests are lost)",
                "x": [one.minute for one in course.minutes],
                "y": [round(one.serving, 3) for one in course.minutes],
                "marker": {"color": COLOURS[0], "line": {"color": "#d55e00", "width": edges}},
            },
            line(
                "tasks that the load needs",
                [one.minute for one in course.minutes],
                [needs] * len(course.minutes),
                colour=COLOURS[1],
                dash="dash",
            ),
        ],
        {
            "xaxis": {"title": {"text": "minute"}},
            "yaxis": {"title": {"text": "tasks"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def shortages(start_seconds: int) -> Figure:
    """For how long a task is missing, by stopTimeout and by how long Spot has no capacity."""
    dries = (0, 1, 5, 15)
    return Figure(
        f"Seconds in which a task is missing; a new one serves after {start_seconds} s",
        ("stopTimeout", *(f"Spot back after {dry} min" for dry in dries)),
        [
            (
                f"{timeout} s",
                *(f"{interruption.shortage(timeout, start_seconds, 60 * dry):g}" for dry in dries),
            )
            for timeout in (0, 30, 60, 90, 120)
        ],
    )


def prices(
    n: int, base: int, spot_weight: int, taken: int, dry: int, stop_timeout: int, start_seconds: int,
    load_percent: int, discount: float, *, scheduler: str = "",
) -> Figure:  # fmt: skip
    """The month's bill by base, and what one interruption loses. `scheduler`: as `sweep` takes it.

    Raises AssertionError if a larger base loses more.
    """
    bases = sorted({0, base, *(n * part // 4 for part in (1, 2, 3, 4))})
    given: dict[str, Any] = {
        "taken": taken, "dry": dry, "stop_timeout": stop_timeout, "start_seconds": start_seconds, "discount": discount,
    }  # fmt: skip
    cases = [Case(str(one), service(n, one, spot_weight, **given)) for one in bases]
    minutes = AT + dry + AFTER
    busy = [_load(n, load_percent)] * minutes
    found = compare(cases, busy, scheduler=scheduler)
    lost = [one["lost"] for one in found]
    assert all(after <= before + 1e-6 for before, after in pairwise(lost)), "a larger base loses more"
    calm = [Case(str(one), service(n, one, spot_weight, taken=0, discount=discount)) for one in bases]
    bills = [one["usd"] * MONTH_HOURS for one in compare(calm, busy[:1] * 60, scheduler=scheduler)]
    return Figure(
        f"{n} tasks: the bill of {MONTH_HOURS} h, and what one interruption of {taken} % of Spot loses",
        ("Base on FARGATE", f"USD in {MONTH_HOURS} h", "Requests lost in one interruption", "Longest outage"),
        [
            (one["name"] + (" ← chosen" if one["name"] == str(base) else ""), f"{usd:,.2f}", f"{one['lost']:,.0f}",
             f"{one['longest_outage']:,.0f} s")
            for one, usd in zip(found, bills, strict=True)
        ],
        [
            {
                "type": "scatter",
                "mode": "lines+markers+text",
                "name": "one point for each base",
                "x": [round(usd, 2) for usd in bills],
                "y": [round(one, 1) for one in lost],
                "text": [f"base {one}" for one in bases],
                "textposition": "top right",
            }
        ],
        {
            "xaxis": {"title": {"text": f"USD in {MONTH_HOURS} h"}},
            "yaxis": {"title": {"text": "requests lost"}, "rangemode": "tozero"},
            "showlegend": False,
            **LAYOUT,
        },
    )  # fmt: skip


def endings(n: int, base: int, spot_weight: int, taken: int, load_percent: int, start_seconds: int) -> Figure:
    """What a task does with the signal, and what is lost by it."""
    ways = (
        ("goes on serving, and ends its requests in time", interruption.MAXIMUM_STOP_TIMEOUT, True),
        ("the same with the default stopTimeout", interruption.DEFAULT_STOP_TIMEOUT, True),
        ("does not hear the signal; is killed", interruption.DEFAULT_STOP_TIMEOUT, False),
        ("ends at once", 0, False),
    )
    rows = []
    for what, timeout, drains in ways:
        given = service(
            n, base, spot_weight, taken=taken, stop_timeout=timeout, drains=drains, start_seconds=start_seconds
        )
        course = _course(given, load_percent, AT + AFTER)
        rows.append((what, f"{timeout} s", f"{course.cut_off:,.1f}", f"{course.lost - course.cut_off:,.0f}"))
    return Figure(
        f"What the tasks that are told to end do ({taken} % of those on Spot)",
        ("A task that is told to end …", "Serves for", "Requests cut off", "Requests lost for lack of tasks"),
        rows,
    )


def week(
    n: int, base: int, spot_weight: int, hazard: float, start_seconds: int, discount: float, seed: int, *,
    scheduler: str = "",
) -> Figure:  # fmt: skip
    """A week of days and nights with single interruptions: four strategies under the same traffic.

    scheduler  as `sweep` takes it.
    """
    checks.number("hazard", hazard)
    if not 0 <= hazard < 1:
        raise ValueError(f"hazard is a chance within an hour, from 0 to below 1, not {hazard:g}.")
    loads = traffic.days(7, low=_load(n, 30), peak=_load(n, 95), noise=0.03, seed=seed)
    given: dict[str, Any] = {"taken": 0, "hazard": hazard, "start_seconds": start_seconds, "discount": discount}
    found = compare(
        [
            Case("all on FARGATE", service(n, n, spot_weight, **given)),
            Case(f"base {base}, weights 1:{spot_weight}", service(n, base, spot_weight, **given)),
            Case("so, with stopTimeout 120", service(n, base, spot_weight, stop_timeout=120, **given)),
            Case("two tasks more", replace(service(n, base, spot_weight, **given), tasks=n + 2)),
        ],
        loads,
        seed=seed,
        scheduler=scheduler,
    )
    return Figure(
        f"A week of {sum(loads) / 1e6:,.1f} million requests. Each hour {percent(hazard, 1)} of Spot is taken back",
        ("Strategy", "USD", "Interruptions", "Requests lost", "Lost of a million", "A task missing"),
        [
            (one["name"], f"{one['usd']:,.2f}", one["warned"], f"{one['lost']:,.0f}",
             f"{1e6 * one['lost'] / one['requests']:,.0f}", f"{one['short']:,.0f} s")
            for one in found
        ],
    )  # fmt: skip


def _load(n: int, percent: float) -> float:
    return n * PER_TASK * percent / 100


def _course(given: Service, load_percent: int, minutes: int) -> Course:
    return simulate(given, [given.tasks * PER_TASK * load_percent / 100] * minutes)
