"""What outlier-detection draws, asks and shows: hosts that fail, and when Envoy leaves them out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.envoy_lab import Proxy, Upstream, ask, cluster, envoy, static
from drydock.concepts.predict import Question
from drydock.embedded.carriers.envoy import Resource
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.mesh import outliers
from drydock.policy.mesh.outliers import AT_ONCE, Detector, Host, Limit

MORE = 2
"""Hosts that the question has more."""
SECONDS = 300
"""Of the course."""
_READINGS = {
    Limit.BEFORE: "oldest Envoys",
    Limit.FIRST_FREE: "then: the first host is free",
    Limit.STRICT: "Envoy 1.31 and later",
}
_BASE = 0.25  # seconds, of the real Envoy's base ejection time and interval in `times`
_TURNS = 3  # ejections there
_PATIENCE = 15.0  # our seconds for Envoy to get there


def check(hosts: int, max_ejection_percent: int) -> None:
    """Raises ValueError, naming the parameter."""
    checks.whole("hosts", hosts, 1, 20)
    checks.whole("max_ejection_percent", max_ejection_percent, 0, 100)


def question(hosts: int, max_ejection_percent: int) -> Question:
    """How many of some more hosts are out at once where all fail. Raises ValueError."""
    check(hosts, max_ejection_percent)
    checks.whole("hosts", hosts, 2, 20)  # a single one is never an outlier on the real Envoy below
    number = hosts + MORE
    today, oldest = (outliers.most_out(number, max_ejection_percent, limit) for limit in (Limit.STRICT, Limit.BEFORE))
    return Question(
        f"A service has {number} hosts, and all of them answer 500 to everything. Outlier detection may eject "
        f"{max_ejection_percent} % of them. How many has an Envoy of today ejected at most at once?",
        today,
        f"One more may be ejected while the part that is out after it is {max_ejection_percent} % or less. "
        f"{today} of {number} are {percent(today / number, 1)}, and one more were {percent((today + 1) / number, 1)}. "
        f"The oldest Envoys looked at the part before the ejection, and ejected {oldest}.",
    )


def rows_of_answers(consecutive: int) -> Figure:
    """What one host of two answers, and whether it is ejected. Raises ValueError."""
    checks.whole("max_server_errors", consecutive, 1, 10)
    detector = Detector(consecutive_5xx=consecutive, max_ejection_percent=50)
    cases: tuple[tuple[str, list[int], float], ...] = (
        (f"{consecutive} × 500 in one second", [500] * consecutive, 1 / consecutive),
        (f"{consecutive} × 500, one an hour", [500] * consecutive, 3600),
        (f"{consecutive} × 500 and 503 by turns", [(500, 503)[n % 2] for n in range(consecutive)], 1),
        (f"{consecutive} × 404", [404] * consecutive, 1),
    )
    if consecutive > 1:
        most = [500] * (consecutive - 1)
        cases += ((f"{consecutive - 1} × 500, one 200, {consecutive - 1} × 500", [*most, 200, *most], 0.1),)
    return Figure(
        f"Ejected after {consecutive} server errors in a row",
        ("What the host answers", "Ejected"),
        [(what, "yes" if _out(detector, answers, apart) else "no") for what, answers, apart in cases],
    )


def _out(detector: Detector, answers: Sequence[int], apart: float) -> bool:
    hosts = {"one": Host(), "other": Host()}
    for number, status in enumerate(answers):
        hosts = detector.answered(hosts, "one", status, number * apart)
    return hosts["one"].out is not None


@dataclass(frozen=True)
class Course:
    """A service over some minutes: out, how many hosts at the end of each second; failed, its part of requests."""

    out: list[int]
    failed: list[float]
    panic: list[bool]
    events: list[tuple[int, str, float]]
    """Second, host, and for how long it is out."""


def course(hosts: int, failing: int, detector: Detector, seconds: int = SECONDS) -> Course:
    """One request a second and host, in turn to those that are not out; `failing` of the hosts answer 500 always.

    While Envoy panics, all hosts get requests, those that are out among them.
    """
    state = {f"host {number}": Host() for number in range(1, hosts + 1)}
    bad = set(list(state)[:failing])
    turn, found = 0, Course([], [], [], [])
    for second in range(seconds):
        if second and second % detector.interval == 0:
            state = detector.swept(state, second)
        healthy = [name for name, host in state.items() if host.out is None]
        panic = outliers.panics(len(healthy), hosts)
        pool = list(state) if panic else healthy
        failed = 0
        for _ in range(hosts):
            name = pool[turn % len(pool)]
            turn += 1
            failed += name in bad
            before = state[name].out
            state = detector.answered(state, name, 500 if name in bad else 200, second)
            if before is None and state[name].out is not None:
                found.events.append((second, name, detector.ejection_time(state[name])))
        found.out.append(sum(host.out is not None for host in state.values()))
        found.failed.append(failed / hosts)
        found.panic.append(panic)
    return found


def detecting(consecutive: int, percent_: int, base: int) -> Detector:
    """Raises ValueError, naming the parameter."""
    checks.whole("max_server_errors", consecutive, 1, 10)
    checks.whole("max_ejection_percent", percent_, 0, 100)
    checks.whole("base_ejection_seconds", base, 1, 300)
    return Detector(consecutive_5xx=consecutive, base_ejection_time=base, max_ejection_percent=percent_)


def minutes(
    hosts: int, failing_hosts: int, max_server_errors: int, max_ejection_percent: int, base_ejection_seconds: int
) -> Figure:
    """Five minutes in which some hosts fail all their requests. Raises ValueError."""
    check(hosts, max_ejection_percent)
    checks.whole("failing_hosts", failing_hosts, 0)
    failing = min(failing_hosts, hosts)
    detector = detecting(max_server_errors, max_ejection_percent, base_ejection_seconds)
    found = course(hosts, failing, detector)
    most = outliers.most_out(hosts, max_ejection_percent)
    assert max(found.out) <= min(most, failing), "more are out than the limit allows, or a healthy one is"
    average = sum(found.failed) / len(found.failed)
    rows = [(f"{second} s", name, f"{lasts:g} s") for second, name, lasts in found.events[:10]]
    if len(found.events) > len(rows):
        rows.append((f"and {len(found.events) - len(rows)} more", "", ""))
    times = list(range(SECONDS))
    return Figure(
        f"{failing} of {hosts} hosts fail: {percent(average, 1)} of the requests fail, {percent(failing / hosts, 1)} "
        f"without ejections{'. Envoy panics' if any(found.panic) else ''}",
        ("Ejected at", "Host", "For at least"),
        rows or [("never", "", "")],
        [
            line("hosts that are out", times, found.out, colour=COLOURS[0], shape="hv"),
            line(
                "% of requests that fail, right",
                times,
                [round(100 * part, 1) for part in found.failed],
                colour=COLOURS[1],
                shape="hv",
                width=1,
                yaxis="y2",
            ),
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "seconds"}},
            "yaxis": {"title": {"text": "hosts out"}, "range": [0, hosts], "dtick": 1 if hosts <= 10 else 5},
            "yaxis2": {
                "title": {"text": "% that fail"},
                "range": [0, 100],
                "tickmode": "linear",
                "dtick": 25,
                "overlaying": "y",
                "side": "right",
                "showgrid": False,
            },
            "margin": {**LAYOUT["margin"], "r": 60},
        },
    )


def settings(consecutive: int, percent_: int, base: float, interval: float = 10) -> Resource:
    """Envoy's outlier_detection for these numbers; `base` and `interval` in seconds."""
    return {
        "consecutive_5xx": consecutive,
        "interval": f"{interval:g}s",
        "base_ejection_time": f"{base:g}s",
        "max_ejection_percent": percent_,
        "success_rate_minimum_hosts": 1000,  # so that nothing but the row of errors ejects
    }


def one_fails(hosts: int, max_server_errors: int) -> Figure:
    """A real Envoy, and one of the hosts behind it fails: what each gets until it is ejected, and after it.

    Raises ValueError; AssertionError where Envoy ejects another host, or sooner or later than the rule.
    """
    checks.whole("hosts", hosts, 2, 20)
    checks.whole("max_server_errors", max_server_errors, 1, 10)
    with ExitStack() as stack:
        bad = stack.enter_context(Upstream(lambda _: 500))
        good = [stack.enter_context(Upstream(lambda _: 200)) for _ in range(hosts - 1)]
        shop = cluster(
            "shop", bad, *good, outlier_detection=settings(max_server_errors, 100, 30), common_lb_config=AT_ONCE
        )
        proxy = stack.enter_context(envoy(static({"shop": {"cluster": "shop"}}, [shop])))
        url = proxy.url("shop")
        while bad.asked < max_server_errors:
            assert not proxy.ejected("shop")[bad.port], f"ejected after {bad.asked} errors"
            ask(url, 1)
        _until(lambda: proxy.ejected("shop")[bad.port], "the failing host is not ejected")
        until = [one.asked for one in (bad, *good)]
        after = ask(url, 20 * hosts)
        counted = [one.asked - before for one, before in zip((bad, *good), until, strict=True)]
        out = proxy.ejected("shop")
    assert [port for port, ejected in out.items() if ejected] == [bad.port]
    assert until[0] == max_server_errors
    assert not counted[0] and set(after) == {200}, f"the ejected host got {counted[0]} requests"
    names = ["host 1, answers 500", *(f"host {number}" for number in range(2, hosts + 1))]
    return Figure(
        f"{hosts} hosts behind Envoy, the first fails: ejected after {until[0]} errors",
        ("Host", "Requests until the ejection", "Requests after it", "Ejected"),
        [
            (name, first, second, "yes" if out[one.port] else "no")
            for name, first, second, one in zip(names, until, counted, (bad, *good), strict=True)
        ],
    )


def all_fail(cases: Sequence[tuple[int, int]]) -> Figure:
    """A real Envoy whose hosts all fail, for some (hosts, max_ejection_percent): how many it ejects.

    Raises AssertionError where Envoy ejects another number than the rule of today says.
    """
    rows = []
    for hosts, limit in cases:
        computed = outliers.most_out(hosts, limit)
        counted, refused, panic = _all_fail(hosts, limit, computed)
        assert counted == computed, f"{hosts} hosts, {limit} %: Envoy ejected {counted}, the rule says {computed}"
        rows.append((hosts, f"{limit} %", computed, counted, "yes" if refused else "no", "yes" if panic else "no"))
    return Figure(
        "All hosts fail, counted on a real Envoy",
        ("Hosts", "Limit", "Ejected, computed", "Ejected, counted", "Others spared by the limit", "Panics"),
        rows,
    )


def _all_fail(hosts: int, limit: int, expected: int) -> tuple[int, bool, bool]:
    with ExitStack() as stack:
        bad = [stack.enter_context(Upstream(lambda _: 500)) for _ in range(hosts)]
        shop = cluster("shop", *bad, outlier_detection=settings(2, limit, 30), common_lb_config=AT_ONCE)
        proxy = stack.enter_context(envoy(static({"shop": {"cluster": "shop"}}, [shop])))
        url = proxy.url("shop")
        overflow = "cluster.shop.outlier_detection.ejections_overflow"

        def there() -> bool:
            ask(url, 2 * hosts)
            spared = proxy.stats(overflow)[overflow] > 0
            return sum(proxy.ejected("shop").values()) >= expected and (spared or expected == hosts)

        _until(there, f"{expected} of {hosts} are not ejected")
        ask(url, 4 * hosts)
        counted = sum(proxy.ejected("shop").values())
        panic = proxy.stats("cluster.shop.lb_healthy_panic")["cluster.shop.lb_healthy_panic"] > 0
        return counted, proxy.stats(overflow)[overflow] > 0, panic


def times() -> Figure:
    """How long a real Envoy leaves a host out that fails again as soon as it is back, by Envoy's own event log.

    Raises AssertionError where an ejection is shorter than the base.
    """
    with Upstream(lambda _: 500) as bad:
        shop = cluster("shop", bad, outlier_detection=settings(1, 100, _BASE, _BASE))
        shop["common_lb_config"] = {**AT_ONCE, "healthy_panic_threshold": {"value": 0}}
        log = {"cluster_manager": {"outlier_detection": {"event_log_path": "events.log"}}}
        with envoy(static({"shop": {"cluster": "shop"}}, [shop]), **log) as proxy:
            url = proxy.url("shop")

            def there() -> bool:
                ask(url, 1)
                return len(_moments(proxy)) >= 2 * _TURNS

            _until(there, "the host does not come back")
            moments = _moments(proxy)[: 2 * _TURNS]
    lasted = [back - out for out, back in list(pairwise(moments))[::2]]
    assert min(lasted) >= _BASE - 0.01, f"an ejection of {min(lasted)} s, and the base is {_BASE} s"
    return Figure(
        f"Base {_BASE:g} s, sweep every {_BASE:g} s",
        ("Ejection in a row", "At least, computed", "Lasted, by Envoy's event log"),
        [
            (
                turn,
                f"{outliers.Detector(base_ejection_time=_BASE).ejection_time(Host(factor=turn)):.2f} s",
                f"{one:.2f} s",
            )
            for turn, one in enumerate(lasted, start=1)
        ],
    )


def _moments(proxy: Proxy) -> list[float]:
    log = proxy.directory / "events.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [datetime.fromisoformat(json.loads(one)["timestamp"]).timestamp() for one in lines if one.endswith("}")]


def _until(there: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not there():
        if time.monotonic() > deadline:
            raise AssertionError(f"{otherwise}, after {_PATIENCE:g} s")
        time.sleep(0.005)


def readings(max_ejection_percent: int) -> Figure:
    """How many hosts can be out under each reading of the limit, and whether Envoy panics then. Raises ValueError."""
    check(1, max_ejection_percent)
    rows = []
    for hosts in (1, 2, 3, 4, 5, 10, 20):
        most = [outliers.most_out(hosts, max_ejection_percent, limit) for limit in Limit]
        shown = [
            f"{out} ({percent(out / hosts)}){', panics' if outliers.panics(hosts - out, hosts) else ''}" for out in most
        ]
        rows.append((hosts, *shown))
    return Figure(
        f"Most hosts out at once, max_ejection_percent {max_ejection_percent}",
        ("Hosts", *(_READINGS[limit] for limit in Limit)),
        rows,
    )


def growing(base_ejection_seconds: int) -> Figure:
    """For how long a host is out that fails each time it is back. Raises ValueError."""
    checks.whole("base_ejection_seconds", base_ejection_seconds, 1, 300)
    detector = Detector(base_ejection_time=base_ejection_seconds)
    total, rows = 0.0, []
    for turn in (1, 2, 3, 4, 5, 10, 11):
        total = sum(detector.ejection_time(Host(factor=one)) for one in range(1, turn + 1))
        rows.append((turn, f"{detector.ejection_time(Host(factor=turn)):,g} s", f"{total:,g} s"))
    return Figure("A host that never recovers", ("Ejection in a row", "Out for at least", "Out in all"), rows)


def carrying(hosts: int, max_ejection_percent: int) -> Figure:
    """What the hosts that stay carry while others are out. Raises ValueError."""
    check(hosts, max_ejection_percent)
    most = outliers.most_out(hosts, max_ejection_percent)
    rows = []
    for out in range(most + 1):
        left = hosts - out
        rows.append((out, left, f"{percent(hosts / left)} of before" if left else "nobody is left"))
    return Figure(
        f"{hosts} hosts, limit {max_ejection_percent} %", ("Out", "Left", "Requests that each of them gets"), rows
    )


def hour(hosts: int, max_server_errors: int, max_ejection_percent: int, base_ejection_seconds: int) -> Figure:
    """Requests that fail in an hour with one dead host, at one a second and host. Raises ValueError."""
    check(hosts, max_ejection_percent)
    detector = detecting(max_server_errors, max_ejection_percent, base_ejection_seconds)
    found = course(hosts, 1, detector, 3600)
    failed = round(sum(found.failed) * hosts)
    return Figure(
        f"One of {hosts} hosts is dead for an hour, {hosts * 3600:,} requests",
        ("", "Requests that fail", "Ejections"),
        [
            ("without outlier detection", f"{3600:,}", 0),
            ("with it", f"{failed:,}", len(found.events)),
        ],
    )


def success_rates() -> Figure:
    """Hosts that are found by comparing success rates, with Envoy's defaults; five hosts and ten."""
    cases: tuple[tuple[str, list[int]], ...] = (
        ("one of 5 succeeds 50 %", [50, 100, 100, 100, 100]),
        ("one of 5 succeeds 99 %", [99, 100, 100, 100, 100]),
        ("two of 5 succeed 0 %", [0, 0, 100, 100, 100]),
        ("two of 10 succeed 0 %", [0, 0, *[100] * 8]),
        ("three of 10 succeed 0 %", [0, 0, 0, *[100] * 7]),
        ("all of 5 succeed 20 %", [20] * 5),
    )
    rows = []
    for what, rates in cases:
        seen = {f"host {number}": (rate, 100) for number, rate in enumerate(rates, start=1)}
        mean, threshold = outliers.success_rate_threshold(rates)
        found = outliers.success_rate_outliers(seen)
        flat = outliers.failure_percentage_outliers(seen)
        rows.append((what, f"{mean:g} %", f"{threshold:.2f} %", len(found), len(flat)))
    return Figure(
        "Success rates of the last interval, 100 requests for each host",
        ("Hosts", "Mean", "Ejected below", "Outliers", "By failure percentage, 85 %"),
        rows,
    )


def most_of_a_kind(factor: float = 1.9) -> float:
    """The part of the hosts up to which success rates find hosts that all fail alike, whatever they fail. Derived."""
    return 1 / (1 + factor**2)
