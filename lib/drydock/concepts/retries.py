"""What retries draws, asks and shows: a chain of services that each try again, and one Envoy that is all of them."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.envoy_lab import Upstream, ask, cluster, envoy, static
from drydock.concepts.predict import Question
from drydock.embedded.carriers.envoy import Resource
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.mesh import retries as rules
from drydock.pricing import MONTH_HOURS, PRICES, fargate_tasks

MOST_RETRIES, MOST_HOPS, MOST_RPS = 5, 4, 1_000_000
AT_ONCE = 12
"""Requests that are under way together in `brake`."""
_FAILURES = (0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def check(max_retries: int, hops: int) -> None:
    """Raises ValueError, naming the parameter."""
    checks.whole("max_retries", max_retries, 0, MOST_RETRIES)
    checks.whole("hops", hops, 1, MOST_HOPS)


def question(max_retries: int, hops: int) -> Question:
    """How many requests the last service of a chain gets that is longer by one. Raises ValueError."""
    check(max_retries, hops)
    longer = hops + 1
    each = max_retries + 1
    return Question(
        f"A chain has {longer} calls: the customer's proxy calls the first service, that calls the next, and so on. "
        f"The proxy of each call retries {max_retries} times at most. The last service is down and answers 503 at "
        "once. How many requests does it get for one of the customer's?",
        rules.load(1.0, max_retries, longer),
        f"Each call is tried {each} times: once, and {max_retries} times again. Each of these tries is a request to "
        f"the next service, which tries {each} times itself. That is {' × '.join([str(each)] * longer)} = "
        f"{each**longer}.",
    )


def events() -> Figure:
    """Which answers each event retries."""
    came: tuple[int | str, ...] = (409, 429, 500, 502, 503, 504, rules.CONNECT_FAILURE, rules.RESET)
    rows = []
    for whose, known in (("App Mesh", rules.APP_MESH_EVENTS), ("Envoy", rules.ENVOY_EVENTS)):
        for event in known:
            rows.append((whose, event, *("yes" if rules.retried(known, [event], one) else "–" for one in came)))
    return Figure("What is tried again", ("Of", "Event", *(str(one) for one in came)), rows)


def waits(retries: int = 6) -> Figure:
    """The back-off before each retry, as Envoy's documentation has it and as Envoy does it."""
    rows = []
    for retry in range(1, retries + 1):
        told = min((2**retry - 1) * rules.BASE, 10 * rules.BASE)
        done = rules.ceiling(retry)
        assert done <= told
        rows.append((retry, f"0 to {told - 1} ms", f"0 to {done - 1} ms", f"{(done - 1) / 2:g} ms"))
    return Figure(
        f"Back-off, base {rules.BASE} ms", ("Retry", "Envoy's documentation", "Envoy's code", "On average"), rows
    )


def checked(failure_percent: int) -> int:
    """`failure_percent`. Raises ValueError, naming it, for what is no whole number from 0 to 100."""
    checks.whole("failure_percent", failure_percent, 0, 100)
    return failure_percent


def storm(max_retries: int, hops: int, failure_percent: int) -> Figure:
    """Requests that reach the last service for one of the customer's, by how many attempts it fails. ValueError."""
    check(max_retries, hops)
    checked(failure_percent)
    failures = sorted({*_FAILURES, failure_percent})
    most = (max_retries + 1) ** hops
    rows, reached = [], []
    for failure in failures:
        load = rules.load(failure / 100, max_retries, hops)
        lost = rules.lost(failure / 100, max_retries, hops)
        assert 1 <= load <= most * (1 + 1e-9)
        reached.append(round(load, 3))
        mark = "← chosen" if failure == failure_percent else ""
        rows.append((f"{failure} %", f"{load:.2f}", _small(lost), mark))
    chosen = failures.index(failure_percent)
    return Figure(
        f"The last service fails {failure_percent} %: it gets {reached[chosen]:.2f} requests for one, {most} at most",
        ("Attempts that it fails", "Requests that it gets for one", "Customers' requests that fail", ""),
        rows,
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{hops} calls, {max_retries} retries each",
                "x": failures,
                "y": reached,
            },
            line(
                f"one call, {max_retries} retries",
                failures,
                [round(rules.load(failure / 100, max_retries, 1), 3) for failure in failures],
                colour=COLOURS[1],
                dash="dot",
            ),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [failure_percent],
                "y": [reached[chosen]],
                "marker": {"size": 14, "symbol": "diamond", "color": COLOURS[5]},
            },
        ],
        {
            "xaxis": {"title": {"text": "attempts that the last service fails, in %"}},
            "yaxis": {"title": {"text": "requests for one"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def _small(part: float) -> str:
    return percent(part, 2) if part >= 0.0001 or not part else "under 0.01 %"


def route(max_retries: int, target: str) -> Resource:
    """A route that retries what answers 5xx or not at all, with back-offs that are short enough for a notebook."""
    policy = {
        "retry_on": "5xx",
        "num_retries": max_retries,
        "per_try_timeout": "2s",
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"},
    }
    return {"cluster": target, "timeout": "15s", "retry_policy": policy}


def chain(max_retries: int, hops: int, requests: int, answer: Callable[[int], int]) -> tuple[int, list[int]]:
    """Requests one after the other through so many Envoy hops: how many reached the last service, and the statuses."""
    names = [f"call{hop}" for hop in range(2, hops + 1)]
    targets = [*names, "last"]
    inner = {name: route(max_retries, target) for name, target in zip(names, targets[1:], strict=True)}
    with Upstream(answer) as last:
        config = static({"call1": route(max_retries, targets[0])}, [cluster("last", last)], inner=inner)
        with envoy(config) as proxy:
            statuses = ask(proxy.url("call1"), requests)
        return last.asked, statuses


def dead(max_retries: int, hops: int) -> Figure:
    """One request through each length of chain whose last service is down, counted there beside what is computed.

    Raises ValueError; AssertionError where Envoy's count is another.
    """
    check(max_retries, hops)
    rows = []
    for length in range(1, hops + 1):
        asked, statuses = chain(max_retries, length, 1, lambda _: 503)
        computed = rules.load(1.0, max_retries, length)
        assert asked == computed, f"{length} calls: Envoy made {asked} requests of one, the rule says {computed:g}"
        assert statuses == [503]
        rows.append((length, f"{computed:g}", asked, statuses[0]))
    return Figure(
        f"One request, the last service down, {max_retries} retries in each call",
        ("Calls in the chain", "Computed", "Counted at the last service", "What the customer gets"),
        rows,
    )


def flaky(max_retries: int, failure_percent: int, requests: int = 200) -> Figure:
    """Requests to a service that fails now and then, through one call. It fails in the same places each time.

    Raises ValueError; AssertionError where Envoy tries otherwise than the rule.
    """
    check(max_retries, 1)
    checked(failure_percent)
    chance = random.Random(failure_percent)
    fails = [chance.random() < failure_percent / 100 for _ in range((max_retries + 1) * requests)]
    asked, statuses = chain(max_retries, 1, requests, lambda number: 503 if fails[number] else 200)
    attempts, failed = _replayed(fails, max_retries, requests)
    assert (asked, statuses.count(503)) == (attempts, failed), "Envoy tried otherwise than the rule"
    failing = failure_percent / 100
    expected = requests * rules.attempts(failing, max_retries), requests * rules.lost(failing, max_retries, 1)
    return Figure(
        f"{requests} requests, {max_retries} retries, a service that fails {failure_percent} % of its attempts",
        ("", "On average, by the rule", "Replayed, attempt by attempt", "Counted by Envoy"),
        [
            ("requests that the service got", f"{expected[0]:.1f}", attempts, asked),
            ("customers' requests that failed", f"{expected[1]:.1f}", failed, statuses.count(503)),
        ],
    )


def _replayed(fails: list[bool], max_retries: int, requests: int) -> tuple[int, int]:
    """How many attempts such a row of answers makes of so many requests, and how many of those fail."""
    attempts = failed = 0
    for _ in range(requests):
        for _ in range(max_retries + 1):
            attempts += 1
            if not fails[attempts - 1]:
                break
        else:
            failed += 1
    return attempts, failed


def latest(max_retries: int, per_try_timeout: int, route_timeout: int) -> Figure:
    """The attempts of a request that nobody answers; milliseconds. Raises ValueError."""
    check(max_retries, 1)
    checks.whole("per_try_timeout", per_try_timeout, 0)
    checks.whole("route_timeout", route_timeout, 0)
    found = rules.slowest(max_retries, per_try_timeout, route_timeout=route_timeout)
    rows = [
        (one.number, f"{one.starts:,}", f"{one.ends:,}", "the route's timeout" if one.cut else "its own timeout")
        for one in found
    ]
    rows += [(number, "never", "", "no time is left") for number in range(len(found) + 1, max_retries + 2)]
    return Figure(
        f"Nobody answers: the customer waits {found[-1].ends:,} ms for an error",
        ("Attempt", "Starts at the latest, ms", "Ends, ms", "Ended by"),
        rows,
    )


def bill(max_retries: int, hops: int, failure_percent: int, rps: float, rps_per_task: float) -> Figure:
    """Fargate tasks of the last service, and USD, with and without retries. Raises ValueError."""
    check(max_retries, hops)
    checks.number("requests_per_second", rps)
    checks.number("requests_per_task", rps_per_task)
    if not 0 < rps <= MOST_RPS or not rps_per_task >= 0.01:
        raise ValueError(
            f"requests_per_second and requests_per_task are above 0, the first {MOST_RPS:,} at most and the second "
            f"0.01 or more, not {rps!r} and {rps_per_task!r}."
        )
    task = fargate_tasks(1, cpu=512, memory=1024).usd_per_hour
    assert task is not None
    rows = []
    for what, times in (
        ("without retries", 1.0),
        (f"as it fails {failure_percent} %", rules.load(failure_percent / 100, max_retries, hops)),
        ("while it is down", rules.load(1.0, max_retries, hops)),
    ):
        tasks = math.ceil(rps * times / rps_per_task)
        rows.append(
            (what, f"{rps * times:,.0f}", f"{tasks:,}", f"{tasks * task:,.2f}", f"{tasks * task * MONTH_HOURS:,.0f}")
        )
    dated = PRICES["fargate x86_64 vCPU"]
    return Figure(
        f"{rps:g} requests a second, {rps_per_task:g} for a task of 512 CPU units and 1024 MiB. "
        f"{dated.region}, prices of {dated.date}",
        ("The last service", "Requests a second", "Tasks for them", "USD an hour", f"USD in {MONTH_HOURS} h"),
        rows,
    )


def budgets() -> Figure:
    """Retries at once that a budget of 20 % and Envoy's plain limit allow."""
    rows = []
    for active in (0, 5, 20, 50, 200, 1000):
        allowed = rules.budget(active)
        assert allowed >= min(active, 3)
        rows.append((f"{active:,}", allowed, rules.MAX_RETRIES_AT_ONCE))
    return Figure(
        "Retries that may be under way at once",
        ("Requests under way", "Budget of 20 %, at least 3", "Circuit breaker max_retries, Envoy's default"),
        rows,
    )


def brake() -> Figure:
    """Requests at once to a service that is down: how many are retried with Envoy's default limit.

    Raises AssertionError where Envoy allows another number.
    """
    all_there = threading.Barrier(AT_ONCE)
    go_on = threading.Event()

    def answer(number: int) -> int:
        """The first requests fail together; retries are held until the others were refused theirs."""
        if number < AT_ONCE:
            all_there.wait(20)
        else:
            go_on.wait(20)
        return 503

    refused = "cluster.last.upstream_rq_retry_overflow"
    with Upstream(answer) as last, envoy(static({"call1": route(1, "last")}, [cluster("last", last)])) as proxy:
        url = proxy.url("call1")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            sent = [pool.submit(ask, url, 1) for _ in range(AT_ONCE)]
            deadline = time.monotonic() + 20
            while proxy.stats(refused).get(refused, 0) < AT_ONCE - rules.MAX_RETRIES_AT_ONCE:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.01)
            go_on.set()
            statuses = [status for one in sent for status in one.result()]
        retried = last.asked - AT_ONCE
        overflow = proxy.stats(refused)[refused]
    assert (retried, overflow) == (rules.MAX_RETRIES_AT_ONCE, AT_ONCE - rules.MAX_RETRIES_AT_ONCE)
    assert set(statuses) == {503}
    return Figure(
        f"{AT_ONCE} requests at once to a service that is down, one retry each, Envoy's default limit",
        ("", "Counted"),
        [("retried", retried), ("not retried: three were under way", overflow), ("answered with 503", len(statuses))],
    )
