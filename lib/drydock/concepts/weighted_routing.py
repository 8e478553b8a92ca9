"""What weighted-routing draws, asks and shows: two versions behind one Envoy, by weight."""

from __future__ import annotations

import itertools
import math

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.envoy_lab import Upstream, ask, cluster, envoy, static
from drydock.concepts.predict import Question
from drydock.embedded.carriers.envoy import Resource
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import traffic
from drydock.policy.mesh import locality, weights
from drydock.policy.mesh.locality import Hosts

STABLE, CANARY = "stable", "canary"
RISK = 1e-6
"""How often a correct Envoy would be outside of what is expected of it: once in a million runs."""
ADDED = 20
"""The weight of the third version in the question."""
MOST_RPS = 1_000_000
"""Requests a second that a table is made for."""
COUNTS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


def given(stable_weight: int, canary_weight: int) -> dict[str, int]:
    """The weights by version. Raises ValueError for what Envoy refuses."""
    checks.whole("stable_weight", stable_weight, 0)
    checks.whole("canary_weight", canary_weight, 0)
    found = {STABLE: stable_weight, CANARY: canary_weight}
    weights.check(weights.ENVOY, list(found.values()))
    return found


def question(stable_weight: int, canary_weight: int) -> Question:
    """Which share the canary has once a third version was added. Raises ValueError."""
    before = traffic.shares(given(stable_weight, canary_weight))[CANARY]
    after = traffic.shares({**given(stable_weight, canary_weight), "next": ADDED})[CANARY]
    total = stable_weight + canary_weight + ADDED
    limit = "" if total <= 100 else f" App Mesh refused this route: the sum, {total}, had to be 100 or less."
    return Question(
        f"A route has two versions: {STABLE} with weight {stable_weight} and {CANARY} with weight {canary_weight}. "
        f"Somebody adds a third with weight {ADDED} and changes nothing else. Which percentage of the requests does "
        f"{CANARY} get now?",
        100 * after,
        f"A weight is a part of the sum of all weights. The sum is {total} now, so {CANARY} gets "
        f"{canary_weight}/{total}, which is {percent(after, 2)}. Before it was {percent(before, 2)}.{limit}",
        within=0.02,
    )


def intervals(stable_weight: int, canary_weight: int) -> Figure:
    """Which remainders are whose. Raises ValueError."""
    versions = given(stable_weight, canary_weight)
    shares = traffic.shares(versions)
    rows = []
    for name, (first, end) in weights.ends(versions).items():
        if end > first:
            assert weights.chosen(versions, first) == weights.chosen(versions, end - 1) == name
        whose = f"{first} to {end - 1}" if end > first else "none"
        rows.append((name, versions[name], whose, percent(shares[name], 1)))
    return Figure(
        f"Sum of the weights: {sum(versions.values())}",
        ("Version", "Weight", "Gets the requests whose remainder is", "Share"),
        rows,
    )


def spread(stable_weight: int, canary_weight: int, requests: int) -> Figure:
    """How far the canary's part of a sample may be from its share, by the size of the sample. Raises ValueError."""
    checks.whole("requests", requests, 1)
    share = traffic.shares(given(stable_weight, canary_weight))[CANARY]
    counts = sorted({*COUNTS, requests})
    bands = [traffic.sure_band(count, share) for count in counts]
    assert all(found.low <= math.ceil(found.expected) and math.floor(found.expected) <= found.high for found in bands)
    chosen = bands[counts.index(requests)]
    low, high = ([round(100 * end / count, 3) for end, count in zip(ends, counts, strict=True)] for ends in (
        [found.low for found in bands], [found.high for found in bands]))  # fmt: skip
    lines = (
        ("most", counts, high, COLOURS[0], "dot", 3),
        ("expected", counts, [round(100 * share, 3)] * len(counts), COLOURS[0], "solid", 3),
        ("fewest", counts, low, COLOURS[0], "dot", 3),
        ("chosen", [requests] * 2, [low[counts.index(requests)], high[counts.index(requests)]], COLOURS[5], "solid", 4),
    )
    expected = f"{chosen.expected:,.0f}, and from {chosen.low:,} to {chosen.high:,}"
    return Figure(
        f"Of {requests:,} requests the canary gets some {expected}",
        ("Requests", "Expected on the canary", "Fewest", "Most", "In % of the requests", ""),
        [_sample(count, found, count == requests) for count, found in zip(counts, bands, strict=True)],
        [
            line(name, x, values, colour=colour, dash=dash, width=width)
            for name, x, values, colour, dash, width in lines
        ],
        {
            "xaxis": {"title": {"text": "requests, on a logarithmic scale"}, "type": "log"},
            "yaxis": {"title": {"text": "% that the canary gets"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )  # fmt: skip


def _sample(count: int, found: traffic.Band, chosen: bool) -> tuple[str, ...]:
    parts = f"{percent(found.low / count, 1)} to {percent(found.high / count, 1)}"
    mark = "← chosen" if chosen else ""
    return f"{count:,}", f"{found.expected:,.1f}", f"{found.low:,}", f"{found.high:,}", parts, mark


def route(stable_weight: int, canary_weight: int) -> Resource:
    """The route that Envoy is given. Raises ValueError."""
    versions = given(stable_weight, canary_weight)
    return {"weighted_clusters": {"clusters": [{"name": name, "weight": weight} for name, weight in versions.items()]}}


def measured(stable_weight: int, canary_weight: int, requests: int, *, canary_status: int = 200) -> Figure:
    """So many requests through a real Envoy: what each version got, beside what was computed.

    canary_status  what the canary answers to all of its requests.

    Raises ValueError; AssertionError where Envoy is not within what is expected but for `RISK`.
    """
    checks.whole("requests", requests, 1, 20_000)
    shares = traffic.shares(given(stable_weight, canary_weight))
    with Upstream(lambda _: 200) as stable, Upstream(lambda _: canary_status) as canary:
        upstreams = {STABLE: stable, CANARY: canary}
        clusters = [cluster(name, one) for name, one in upstreams.items()]
        with envoy(static({"shop": route(stable_weight, canary_weight)}, clusters)) as proxy:
            statuses = ask(proxy.url("shop"), requests)
    counted = {name: one.asked for name, one in upstreams.items()}
    bands = {name: traffic.sure_band(requests, share, risk=RISK) for name, share in shares.items()}
    assert sum(counted.values()) == requests, f"{requests} requests, and {counted} arrived"
    for name, found in bands.items():
        assert found.holds(counted[name]), f"{name} got {counted[name]} of {requests}; expected {found}"
    failed = sum(status >= 500 for status in statuses)
    assert failed == (counted[CANARY] if canary_status >= 500 else 0), "others than the canary's requests failed"
    names = list(shares)
    return Figure(
        f"{requests:,} requests through Envoy: {counted[CANARY]:,} to the canary, {failed:,} failed",
        ("Version", "Share", "Expected", "Fewest", "Most", "Counted"),
        [
            (name, percent(shares[name], 1), f"{found.expected:,.1f}", f"{found.low:,}", f"{found.high:,}",
             f"{counted[name]:,}")
            for name, found in bands.items()
        ],
        [
            {
                "type": "bar",
                "name": "computed, with fewest and most",
                "x": names,
                "y": [bands[name].expected for name in names],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [bands[name].high - bands[name].expected for name in names],
                    "arrayminus": [bands[name].expected - bands[name].low for name in names],
                },
            },
            {
                "type": "scatter",
                "mode": "markers",
                "name": "counted",
                "x": names,
                "y": [counted[name] for name in names],
                "marker": {"size": 12, "symbol": "diamond", "color": COLOURS[5]},
            },
        ],
        {"xaxis": {"type": "category"}, "yaxis": {"title": {"text": "requests"}, "rangemode": "tozero"}, **LAYOUT},
    )  # fmt: skip


def waiting(stable_weight: int, canary_weight: int, error_percent: float, rps: float) -> Figure:
    """How long a canary of each share takes to show a fault, and whom it costs. Raises ValueError."""
    checks.number("error_percent", error_percent)
    checks.number("requests_per_second", rps)
    if not 0 < error_percent <= 100 or not 0 < rps <= MOST_RPS:
        raise ValueError(
            f"error_percent is above 0 and 100 at most, and requests_per_second above 0 and {MOST_RPS:,} at most, "
            f"not {error_percent!r} and {rps!r}."
        )
    own = traffic.shares(given(stable_weight, canary_weight))[CANARY]
    needed = traffic.requests_to_see(error_percent / 100)
    rows = []
    for share in sorted({own, 0.01, 0.05, 0.10, 0.25, 0.50, 1.0} - {0.0}):
        seconds = needed / (rps * share)
        rows.append(
            (percent(share, 1), f"{needed / share:,.0f}", f"{seconds:,.0f} s", "← this route" if share == own else "")
        )
    return Figure(
        f"To see a fault of {error_percent:g} % once, with 95 % confidence, the canary needs {needed:,} requests",
        ("Share of the canary", "Requests in all", f"At {rps:g} a second", ""),
        rows,
    )


def whom(stable_weight: int, canary_weight: int, error_percent: float, rps: float) -> Figure:
    """Requests that fail in a minute while a faulty canary is not noticed. Raises ValueError."""
    share = traffic.shares(given(stable_weight, canary_weight))[CANARY]
    rows = [
        (f"{minutes}", f"{60 * minutes * rps * share:,.0f}", f"{60 * minutes * rps * share * error_percent / 100:,.0f}")
        for minutes in (1, 5, 10, 30)
    ]
    return Figure(
        f"{rps:g} requests a second, {percent(share, 1)} of them to a canary of which {error_percent:g} % fail",
        ("Minutes", "Requests to the canary", "Failed"),
        rows,
    )


def limits() -> Figure:
    """What each router takes."""
    return Figure(
        "Weights, by router",
        ("Router", "Targets of a route, at most", "Weight of one", "Sum of the weights"),
        [
            (
                one.name,
                "not limited" if one.targets is None else one.targets,
                f"0 to {one.weight:,}",
                _sum(one),
            )
            for one in weights.ROUTERS
        ],
    )


def _sum(router: weights.Router) -> str:
    if router.most is None:
        return "not limited"
    return f"{router.least} to {router.most:,}"


def refusals() -> Figure:
    """Weights that a router refuses. Raises AssertionError if one is accepted."""
    asked = (
        (weights.APP_MESH, (90, 10, 20)),
        (weights.LOAD_BALANCER, (1,) * 6),
        (weights.LOAD_BALANCER, (9000, 1000)),
        (weights.VPC_LATTICE, (1,) * 11),
        (weights.GATEWAY_API, (50, -1)),
        (weights.ENVOY, (0, 0)),
    )
    return Figure(
        "Weights that are refused",
        ("Weights", "Why"),
        [(_short(given), _refused(router, given)) for router, given in asked],
    )


def zones(hosts: int) -> Figure:
    """What a zone gets while it loses its hosts, one after the other: by weight, and by priority. Raises ValueError."""
    checks.whole("hosts", hosts, 1, 100)
    whole = Hosts(hosts, hosts)
    rows = []
    for healthy in range(hosts, -1, -1):
        left = Hosts(healthy, hosts)
        by_weight = locality.shares({"a": left, "b": whole})
        first, second = locality.levels([left, whole])
        assert abs(sum(by_weight.values()) - 1) < 1e-9 and first.percent + second.percent == 100
        rows.append((healthy, by_weight["a"], first.percent / 100))
    kept = min(healthy for healthy, _, first in rows if first == 1)
    counts = [row[0] for row in rows]
    return Figure(
        f"Down to {kept} of {hosts} healthy hosts a zone keeps what it has, by an overprovisioning factor of "
        f"{locality.FACTOR / 100:g}",
        (
            "Healthy hosts in a",
            "By weights 1 and 1: a",
            "By weights: b",
            "By priorities 0 and 1: a",
            "By priorities: b",
        ),
        [(count, percent(one, 1), percent(1 - one, 1), percent(two), percent(1 - two)) for count, one, two in rows],
        [
            line("weights 1 and 1", counts, [round(100 * row[1], 1) for row in rows], colour=COLOURS[0]),
            line("priorities 0 and 1", counts, [round(100 * row[2]) for row in rows], colour=COLOURS[5]),
        ],
        {
            "xaxis": {"title": {"text": f"healthy hosts in zone a, of {hosts}"}, "autorange": "reversed"},
            "yaxis": {"title": {"text": "% that zone a gets"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def _short(given: tuple[int, ...]) -> str:
    runs = [(weight, len(list(same))) for weight, same in itertools.groupby(given)]
    return ", ".join(f"{weight}" if many == 1 else f"{many} times {weight}" for weight, many in runs)


def _refused(router: weights.Router, given: tuple[int, ...]) -> str:
    try:
        weights.check(router, given)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{router.name}: {given} accepted")
