"""What multi-region draws and asks: how long clients go on to a region that has failed, and what two regions cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.failover import (
    INTERVALS,
    THRESHOLDS,
    Detection,
    Group,
    accelerated,
    capacity_each,
    detection,
    is_healthy,
    lost_seconds,
    still_there,
)
from drydock.pricing import MONTH_HOURS, PRICES, fargate_tasks

UNTIL = 600


def until_known(check_interval: int, failure_threshold: int) -> Detection:
    """Seconds from the failure until it is known. Raises ValueError."""
    checks.one_of("check_interval", check_interval, INTERVALS)
    checks.whole("failure_threshold", failure_threshold, *THRESHOLDS)
    return detection(check_interval, failure_threshold)


def question(interval: int, threshold: int, ttl: int) -> Question:
    """Seconds until the last client is away, by DNS, at worst. Raises ValueError."""
    _check(interval, threshold, ttl, 0, 0)
    known = detection(interval, threshold).most
    return Question(
        f"A name has two regions behind it, with fail-over by Route 53. Health checks every {interval} s, failure "
        f"threshold {threshold}, TTL of the record {ttl} s. Every resolver keeps to the TTL. The first region fails. "
        "After how many seconds, at worst, does the last client stop asking it?",
        known + ttl,
        f"Detection takes up to {threshold} × {interval} = {known:g} s. A resolver that asked just before that keeps "
        f"the old answer for {ttl} s: {known:g} + {ttl} = {known + ttl:g} s.",
    )


def _check(interval: int, threshold: int, ttl: int, stuck_percent: int, reroute: int) -> None:
    until_known(interval, threshold)
    checks.whole("ttl", ttl, 0, 86_400)
    checks.whole("stuck_percent", stuck_percent, 0, 100)
    checks.whole("reroute_seconds", reroute, 0, 300)


def ways(
    check_interval: int, failure_threshold: int, ttl: int, stuck_percent: int, reroute_seconds: int
) -> list[tuple[str, float, float, float]]:
    """(name, seconds until it is known at worst, TTL, part that never asks again) of each way. Raises ValueError."""
    _check(check_interval, failure_threshold, ttl, stuck_percent, reroute_seconds)
    known = detection(check_interval, failure_threshold).most
    return [
        ("Route 53", known, ttl, stuck_percent / 100),
        ("Global Accelerator", known + reroute_seconds, 0, 0.0),
    ]


def moving(check_interval: int, failure_threshold: int, ttl: int, stuck_percent: int, reroute_seconds: int) -> Figure:
    """The part of a failed region's clients that still go there, over ten minutes. Raises ValueError."""
    compared = ways(check_interval, failure_threshold, ttl, stuck_percent, reroute_seconds)
    seconds = range(UNTIL + 1)
    parts = {name: [still_there(at, *rest) for at in seconds] for name, *rest in compared}
    assert all(before >= after for one in parts.values() for before, after in pairwise(one))
    lost = {name: lost_seconds(UNTIL, *rest) for name, *rest in compared}
    return Figure(
        f"Checks every {check_interval} s, threshold {failure_threshold}, TTL {ttl} s: lost are "
        f"{lost['Route 53']:.0f} s of traffic by DNS, {lost['Global Accelerator']:.0f} s by Global Accelerator",
        ("Seconds after the failure", *(f"Still there, {name}" for name in parts)),
        [
            (at, *(percent(one[at], 1) for one in parts.values()))
            for at in (0, 30, 60, 90, 120, 150, 180, 240, 300, 450, 600)
        ],
        [
            line(name, seconds, [100 * one for one in values], colour=colour, shape="hv")
            for (name, values), colour in zip(parts.items(), (COLOURS[0], COLOURS[1]), strict=True)
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "seconds after the failure"}},
            "yaxis": {"title": {"text": "still go there, % of clients"}, "range": [-4, 104]},
        },
    )


def detected(pairs: Sequence[tuple[int, int]]) -> Figure:
    """Seconds until a failure is known, for pairs of interval and threshold."""
    found = [(interval, threshold, detection(interval, threshold)) for interval, threshold in pairs]
    return Figure(
        "From the failure until it is known",
        ("Interval, s", "Threshold", "At least, s", "At most, s"),
        [(interval, threshold, f"{one.least:g}", f"{one.most:g}") for interval, threshold, one in found],
    )


def lost(requests_per_second: int, **given: int) -> Figure:
    """Requests that meet a failed region in ten minutes, by each way. Raises ValueError; `given` as of `ways`."""
    checks.whole("requests_per_second", requests_per_second, 1)
    rows = []
    for name, *rest in ways(**given):
        seconds = lost_seconds(UNTIL, *rest)
        rows.append((name, f"{seconds:.0f}", f"{seconds * requests_per_second:,.0f}", percent(seconds / UNTIL, 1)))
    return Figure(
        f"{requests_per_second} requests a second in the region that fails, over {UNTIL} s",
        ("Way", "Seconds of traffic lost", "Requests lost", "Of all in that time"),
        rows,
    )


def capacity(tasks: int, cpu: int, memory: int) -> Figure:
    """What spare regions cost: tasks in each, so that one may be lost. `tasks` bear the load. Raises ValueError."""
    checks.whole("tasks", tasks, 1)
    checks.fargate_task(cpu, memory)
    hour = fargate_tasks(1, cpu=cpu, memory=memory).usd_per_hour
    assert hour is not None
    rows: list[tuple[object, ...]] = [("1, nothing to lose", tasks, tasks, "0 %", f"{tasks * hour * MONTH_HOURS:,.2f}")]
    for regions in (2, 3, 4):
        each = -(-tasks // (regions - 1))
        assert each >= tasks * capacity_each(regions) - 1e-9
        whole = each * regions
        rows.append((regions, each, whole, percent(whole / tasks - 1), f"{whole * hour * MONTH_HOURS:,.2f}"))
    return Figure(
        f"{tasks} tasks bear the load, each of {cpu} CPU units and {memory} MiB on Fargate",
        ("Regions", "Tasks in each", "Tasks in all", "More than the load needs", f"USD in {MONTH_HOURS} h"),
        rows,
    )


def entry() -> Figure:
    """What is kept on whose side when a region fails."""
    fee = PRICES["global accelerator"]
    month = fee.usd * MONTH_HOURS
    return Figure(
        "Two ways into two regions",
        ("", "Route 53 with fail-over or latency records", "Global Accelerator"),
        [
            ("the client holds", "a name, and its answer for the TTL", "two addresses that stay"),
            ("what changes on a failure", "the answer", "the way of the packets, inside AWS"),
            ("old connections", "go on to where they are", "go on to where they are"),
            ("health is known from", "checkers in many places", "its own checks; of a load balancer, its targets"),
            ("fixed fee", "for each health check; not priced here", f"USD {month:.2f} in {MONTH_HOURS} h ({fee.date})"),
        ],
    )


def chosen() -> Figure:
    """Where an accelerator sends a client who is closest to eu-west-1."""
    home, near, far = "eu-west-1", "eu-central-1", "us-east-1"
    dead = [Group(one, 0) for one in (home, near, far, "us-west-2")]
    cases = [
        ("all healthy", [Group(home, 128), Group(near, 128), Group(far, 128)]),
        (f"{home} has no healthy endpoint", [Group(home, 0), Group(near, 128), Group(far, 128)]),
        (f"and {near} is taken out by a dial of 0", [Group(home, 0), Group(near, 128, dial=0), Group(far, 128)]),
        ("of five regions only the farthest is healthy", [*dead, Group("ap-southeast-2", 128)]),
    ]
    return Figure(
        "A client in Ireland, by the health of the regions",
        ("Case", "Goes to", "Why"),
        [(name, *accelerated(groups)) for name, groups in cases],
    )


def checkers(number: int) -> Figure:
    """How many of Route 53's checkers have to say that an endpoint is well. Raises ValueError."""
    checks.whole("number", number, 1)
    least = next(one for one in range(number + 1) if is_healthy(one, number))
    return Figure(
        f"{number} checkers",
        ("Say that it is healthy", "Route 53 takes it for"),
        [(least, "healthy"), (least - 1, "unhealthy")],
    )
