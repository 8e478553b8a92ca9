"""What target-tracking draws, asks and shows: a service that follows its load, in simulated time."""

from __future__ import annotations

from typing import Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import scaling
from drydock.policy.scaling import Bounds
from drydock.policy.scaling_course import tracked
from drydock.simulation import Case, Course, Service, Stepping, Tracking, compare, simulate, traffic
from drydock.simulation.model import CPU, REQUESTS

AT, SHOWN = 5, 40
"""The minute in which the load changes, and how many minutes are shown."""
MOST = 200
MEASURED = ((60, 363), (20, 86))
"""(seconds of a value, seconds until the scale-out begins): AWS's own measurement, June 2026."""


def question(tasks: int, target: int, after: int, *, more: int = 700) -> Question:
    """To how many tasks a load leads. Raises ValueError."""
    _check(tasks, target, after)
    load = after + more
    each = load / tasks
    wanted = tracked(tasks, each, target)
    return Question(
        f"A service has {tasks} tasks. Its target is {target:,} requests for each task and minute, and there are "
        f"{load:,} requests a minute. How many tasks does target tracking set?",
        wanted,
        f"Each task has {load:,} / {tasks} = {each:,.1f} requests a minute. {tasks} × {each:,.1f} / {target:,} is "
        f"{tasks * each / target:.2f}. "
        + ("That is within the tenth that is left alone." if wanted == tasks else f"Rounded up, {wanted}."),
    )


def service(
    tasks: int, target: int, per_task: int, period: int, lag: int, out_cooldown: int, start_seconds: int
) -> Service:
    """A service with target tracking on requests for each task and minute. Raises ValueError."""
    checks.whole("tasks", tasks, 1, MOST)
    checks.whole("target", target, 1)
    checks.whole("per_task", per_task, 1)
    if period not in (60, 20):
        raise ValueError(f"period is 60, or 20 with high-resolution metrics, not {period!r}.")
    checks.whole("lag", lag, 0, 600)
    checks.whole("out_cooldown", out_cooldown, 0, 3600)
    checks.whole("start_seconds", start_seconds, 0, 600)
    policy = Tracking(
        1, MOST, target=target, metric=REQUESTS, period=period, lag=lag, out_cooldown=out_cooldown,
        in_cooldown=scaling.COOLDOWN,
    )  # fmt: skip
    return Service(tasks=tasks, per_task=per_task, start_seconds=start_seconds, scaling=policy)


def follow(
    tasks: int, target: int, before: int, after: int, per_task: int, period: int, lag: int, out_cooldown: int,
    start_seconds: int,
) -> Figure:  # fmt: skip
    """A load that jumps at minute 5: tasks wanted, tasks that serve, and tasks that the load needs."""
    for name, value in (("before", before), ("after", after)):
        checks.whole(name, value, 0)
    given = service(tasks, target, per_task, period, lag, out_cooldown, start_seconds)
    loads = traffic.step(SHOWN, before=before, after=after, at=AT)
    course = simulate(given, loads)
    assert abs(course.requests - sum(loads)) < 1e-6 * max(1.0, course.requests), (
        "requests were made or lost in counting"
    )
    outs = [at - AT * 60 for at, what in course.events if _grows(what) and at >= AT * 60]
    if outs and tracked(tasks, before / tasks, target) == tasks:
        assert outs[0] >= scaling.HIGH_PERIODS * period + lag - period, "it scaled before its alarm could see it"
    began = f"First tasks are ordered after {outs[0]:,.0f} s" if outs else "It never scales out"
    minutes = [one.minute for one in course.minutes]
    needs = [load / target for load in loads]
    return Figure(
        f"{began}. Requests lost: {course.lost:,.0f}",
        ("Minute", "Requests", "Tasks wanted", "Tasks that serve", "Load / target", "Requests lost"),
        [
            (one.minute, f"{one.load:,.0f}", one.desired, f"{one.serving:.1f}", f"{one.load / target:.2f}",
             f"{one.lost:,.0f}")
            for one in course.minutes
            if _shown(one.minute, course)
        ],
        [
            line("tasks wanted", minutes, [one.desired for one in course.minutes], colour=COLOURS[0], shape="hv"),
            line("tasks that serve", minutes, [round(one.serving, 3) for one in course.minutes], colour=COLOURS[2]),
            line("load / target", minutes, needs, colour=COLOURS[1], dash="dash", shape="hv"),
        ],
        {
            "xaxis": {"title": {"text": "minute"}},
            "yaxis": {"title": {"text": "tasks"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )  # fmt: skip


def rounding() -> Figure:
    """What the rule makes of some values. Raises AssertionError where it differs from what docs/facts.md 4.7 has."""
    rows = []
    for tasks, value, target, expected, why in (
        (3, 5000 / 3, 1000, 5, "the guide's example, with requests of a minute"),
        (5, 90, 70, 7, "6.43, rounded up"),
        (5, 63, 70, 5, "nine tenths of the target exactly: nothing"),
        (10, 62, 70, 9, "8.86, rounded up"),
        (10, 30, 70, 5, "4.29, rounded up: never so few that the target is exceeded"),
        (100, 70.1, 70, 101, "one more at least"),
    ):
        found = tracked(tasks, value, target)
        assert found == expected, f"{tasks} tasks at {value:g} of {target}: {found}"
        rows.append((tasks, f"{value:,.2f}".rstrip("0").rstrip("."), target, found, why))
    return Figure("Target tracking, by example", ("Tasks", "Measured", "Target", "Wanted", "Why"), rows)


def delays(lag: int) -> Figure:
    """The least time until a scale-out begins, by the length of a value, and what AWS measured."""
    checks.whole("lag", lag, 0, 600)
    return Figure(
        "Seconds from a jump of the load until tasks are ordered",
        ("A value is of", "Three values", f"and {lag} s until the last is published", "Measured by AWS"),
        [
            (f"{period} s", scaling.HIGH_PERIODS * period, scaling.HIGH_PERIODS * period + lag, measured)
            for period, measured in MEASURED
        ],
    )


def strategies(per_task: int, peak: int, start_seconds: int, lag: int, seed: int, *, scheduler: str = "") -> Figure:
    """A day of one traffic on several strategies: the bill, and what is lost. `scheduler`: as `sweep` takes it."""
    checks.whole("peak", peak, 1, MOST * per_task)
    loads = traffic.days(1, low=peak / 4, peak=peak, bursts_a_day=3, burst=1.8, noise=0.03, seed=seed)
    full = -(-peak // per_task)
    common: dict[str, Any] = {"per_task": float(per_task), "start_seconds": float(start_seconds)}
    least = max(1, full // 5)

    def scaled(policy: Tracking | Stepping) -> Service:
        return Service(tasks=max(least, round(2 * loads[0] / per_task)), scaling=policy, **common)

    steps = (scaling.Step(1, 0, 10), scaling.Step(max(2, full // 4), 10))
    cases = [
        Case(f"fixed: enough for the peak, {full} tasks", Service(tasks=full, **common)),
        Case(f"fixed: half more, {full + full // 2} tasks", Service(tasks=full + full // 2, **common)),
        *(
            Case(f"tracking, {target} % CPU, values of {period} s",
                 scaled(Tracking(least, MOST, target=target, period=period, lag=lag if period == 60 else lag / 3,
                                 out_cooldown=60)))
            for target, period in ((50, 60), (70, 60), (70, 20), (90, 60))
        ),
        Case("steps: one task above 70 %, a quarter of the peak above 80 %",
             scaled(Stepping(least, MOST, high=70, low=40, out=steps, lag=lag, out_cooldown=60))),
    ]  # fmt: skip
    found = compare(cases, loads, seed=seed, scheduler=scheduler)
    return Figure(
        f"A day of {sum(loads) / 1e6:,.1f} million requests, with bursts",
        ("Strategy", "USD", "Requests lost", "Lost of 1,000", "Longest outage", "Changes of the count"),
        [
            (one["name"], f"{one['usd']:,.2f}", f"{one['lost']:,.0f}", f"{1000 * one['lost'] / one['requests']:.2f}",
             f"{one['longest_outage']:,.0f} s", one["scaled"])
            for one in found
        ],
        [
            {
                "type": "scatter",
                "mode": "markers",
                "name": one["name"],
                "x": [round(one["usd"], 2)],
                "y": [round(1000 * one["lost"] / one["requests"], 3)],
                "marker": {"size": 12},
            }
            for one in found
        ],
        {
            "xaxis": {"title": {"text": "USD for the day"}},
            "yaxis": {"title": {"text": "requests lost, of 1,000"}, "rangemode": "tozero"},
            **LAYOUT,
            "legend": {"orientation": "v", "x": 1.02, "y": 1},
        },
    )  # fmt: skip


def saturated(tasks: int) -> Figure:
    """A load of four times what the tasks can serve, seen as CPU and as requests."""
    rows = []
    for name, metric, target in (("CPU, target 70 %", CPU, 70), ("requests, target 700", REQUESTS, 700)):
        policy = Tracking(1, MOST, target=target, metric=metric, lag=60)
        course = simulate(Service(tasks=tasks, per_task=1000, start_seconds=30, scaling=policy), [4000 * tasks] * SHOWN)
        counts = [what.split()[-1] for _, what in course.events]
        rows.append((name, ", ".join(counts[:6]), f"{course.outage:,.0f} s", f"{course.lost:,.0f}"))
    return Figure(
        f"{tasks} tasks, each for 1,000 requests a minute, are asked for {4000 * tasks:,}",
        ("Metric", "Tasks wanted, in turn", "Requests are lost for", "Requests lost"),
        rows,
    )


def overshoot(tasks: int, target: int, after: int, per_task: int, lag: int, start_seconds: int) -> Figure:
    """The same jump with several cool-downs, one of them lag, start and a value of a minute together."""
    rows = []
    for cooldown in sorted({0, 60, lag + start_seconds + 60, 300}):
        given = service(tasks, target, per_task, 60, lag, cooldown, start_seconds)
        course = simulate(given, traffic.step(SHOWN, before=target * tasks, after=after, at=AT))
        most = max(one.desired for one in course.minutes)
        rows.append((f"{cooldown} s", most, -(-after // target), f"{course.lost:,.0f}", f"{course.usd:.2f}"))
    return Figure(
        f"A jump to {after:,} requests a minute, by cool-down",
        ("ScaleOutCooldown", "Most tasks wanted", "Load / target, rounded up", "Requests lost", f"USD in {SHOWN} min"),
        rows,
    )


def agreed(capacity: int, *wanted: int) -> Figure:
    """Several policies: what follows from what each of them wants."""
    asked = [
        scaling.Asked(f"policy {n}", "high", scaling.Stepping(scaling.EXACT, [scaling.Step(to, 0)], 0, True, [1]))
        for n, to in enumerate(wanted)
    ]
    decision = scaling.decide(capacity, Bounds(1, MOST), asked, scaling.Cooling(), 0)
    to = decision.capacity if isinstance(decision, scaling.Change) else capacity
    assert to == max(wanted), "out is for the largest"
    return Figure(
        "Two policies at once",
        ("Tasks", *(f"Policy {n + 1} wants" for n in range(len(wanted))), "Set"),
        [(capacity, *wanted, to)],
    )


def _check(tasks: int, target: int, after: int) -> None:
    checks.whole("tasks", tasks, 1, MOST)
    checks.whole("target", target, 1)
    checks.whole("after", after, 0)


def _grows(what: str) -> bool:
    *_, before, _, after = what.split()
    return what.startswith("desired") and int(after) > int(before)


def _shown(minute: int, course: Course) -> bool:
    """Minutes in which something changes, and every fifth."""
    if minute % 5 == 0:
        return True
    before, now = course.minutes[minute - 1], course.minutes[minute]
    return (before.desired, before.serving, before.load) != (now.desired, now.serving, now.load)
