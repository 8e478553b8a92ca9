"""What mesh-or-none draws, asks and shows: what calls need, which ways have it, and what each costs."""

from __future__ import annotations

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, grid
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.policy.mesh import choice
from drydock.policy.requests.task_definition import FARGATE_SIZES
from drydock.pricing import MONTH_HOURS, PRICES, fargate_hour

BOTH = ("ECS", "EKS")
ASKED = ("find", "find, balance, retry", "retry, caller", "encrypt, caller", "weights, accounts")
"""Needs to choose from."""
NODE_TASKS = 10
"""Pods of one node, for the number of ztunnels: an assumption."""


def check(services: int, tasks: int, rps: int) -> None:
    """Raises ValueError, naming the parameter."""
    checks.whole("services", services, 1, 2000)
    checks.whole("tasks", tasks, 1, 100)
    checks.whole("requests_per_second", rps, 0, 1_000_000)


def wanted(needs: str) -> list[str]:
    """The needs of a parameter such as "find, retry". Raises ValueError for one that there is not."""
    if not isinstance(needs, str):
        raise ValueError(f"needs is text, such as 'find, retry', not {needs!r}.")
    found = [one.strip() for one in needs.split(",") if one.strip()]
    choice.check_needs(found)
    return found


def question(services: int, tasks: int, requests_per_second: int) -> Question:
    """How many vCPU the sidecars of a mesh twice as busy use. Raises ValueError."""
    check(services, tasks, requests_per_second)
    rps = 2 * requests_per_second
    each = choice.PER_THOUSAND["sidecar"]
    used = 2 * rps / 1000 * each
    return Question(
        f"A mesh has {services} services of {tasks} pods, a sidecar in each pod, and {rps:,} calls a second between "
        f"them. By Istio's measurement a sidecar uses {each:g} vCPU for 1,000 requests a second. How many vCPU do the "
        "sidecars use in all?",
        used,
        f"Each call passes two sidecars, the caller's and the callee's: 2 × {rps:,} requests pass a sidecar in a "
        f"second, at {each:g} vCPU for a thousand. That is {used:g} vCPU, and the control plane comes on top.",
        within=0.05,
    )


def matrix(platform: str, needs: str) -> Figure:
    """Which way meets which need, those that are wanted marked. Raises ValueError."""
    asked = wanted(needs)
    fits = choice.ways(asked, platform)
    here = [way for way in choice.WAYS if platform in way.platforms]
    marked = [f"{'▸ ' if need in asked else ''}{words}" for need, words in choice.NEEDS.items()]
    first = fits[0].name if fits else "none"
    return Figure(
        f"On {platform}: {len(fits)} of {len(here)} have all that is wanted; the fewest parts: {first}",
        ("Way", "Parts to run", "Lacks of what is wanted", "Note"),
        [
            (way.name, way.parts, ", ".join(choice.missing(way, asked)) or "nothing", way.notes)
            for way in sorted(here, key=lambda way: (way not in fits, way.parts))
        ],
        [
            grid(
                [way.name.replace(" with ", "<br>with ").replace(", ", ",<br>") for way in here],
                marked,
                [[need in way.has for way in here] for need in choice.NEEDS],
                words=("no", "yes"),
                no="#6e7781",
            )
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "ways"}, "type": "category", "automargin": True},
            "yaxis": {"title": {"text": ""}, "type": "category", "autorange": "reversed"},
            "margin": {"l": 270, "r": 20, "t": 55, "b": 90},
            "height": 470,
        },
    )


def monthly(services: int, tasks: int, rps: int, gb: int) -> list[tuple[str, float, float, float]]:
    """(way, vCPU, GB, USD a month) of what each way adds. Compute at Fargate's price, whatever it runs on."""
    check(services, tasks, rps)
    checks.whole("gb_a_month", gb, 0)
    nodes = -(-services * tasks // NODE_TASKS)
    uses = {
        "Cloud Map DNS": choice.Use(0, 0),
        "Application Load Balancer": choice.Use(0, 0),
        "ECS Service Connect": choice.service_connect(services, tasks),
        "VPC Lattice": choice.Use(0, 0),
        "Istio ambient, ztunnel only": choice.ambient(services, nodes, rps, waypoints=False),
        "Istio ambient with waypoints": choice.ambient(services, nodes, rps, waypoints=True),
        "Istio sidecars": choice.sidecars(services, tasks, rps),
    }
    fees = {
        "Application Load Balancer": PRICES["application load balancer"].usd * MONTH_HOURS,
        "VPC Lattice": services * PRICES["vpc lattice service"].usd * MONTH_HOURS + gb * PRICES["vpc lattice data"].usd,
    }
    assert set(uses) == {way.name for way in choice.WAYS}
    return [
        (name, use.vcpu, use.gb, fees.get(name, 0.0) + fargate_hour(use.vcpu, use.gb) * MONTH_HOURS)
        for name, use in uses.items()
    ]


def costs(services: int, tasks: int, requests_per_second: int, gb_a_month: int) -> Figure:
    """What each way adds to the bill in a month. Raises ValueError."""
    found = monthly(services, tasks, requests_per_second, gb_a_month)
    dated = PRICES["fargate x86_64 vCPU"]
    return Figure(
        f"{services} services of {tasks} tasks, {requests_per_second:,} calls a second: USD in {MONTH_HOURS} h. "
        f"{dated.region}, {dated.date}",
        ("Way", "vCPU of proxies", "GB of proxies", f"USD in {MONTH_HOURS} h", "for one service"),
        [
            (name, f"{vcpu:.2f}", f"{memory:.2f}", f"{usd:,.0f}", f"{usd / services:,.2f}")
            for name, vcpu, memory, usd in found
        ],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": "USD a month",
                "y": [name for name, *_ in found],
                "x": [round(usd, 2) for *_, usd in found],
                "text": [f"{usd:,.0f}" for *_, usd in found],
                "textposition": "auto",
            }
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": f"USD in {MONTH_HOURS} h"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": ""}, "type": "category", "autorange": "reversed"},
            "showlegend": False,
            "margin": {"l": 210, "r": 20, "t": 55, "b": 60},
        },
    )


def smallest() -> Figure:
    """For each need alone, and for some together, the way with the fewest parts."""
    cases = [(need, [need]) for need in choice.NEEDS]
    cases += [("retry and encrypt", ["retry", "encrypt"]), ("retry and caller", ["retry", "caller"])]
    cases += [("caller and accounts", ["caller", "accounts"]), ("all", list(choice.NEEDS))]
    rows = []
    for name, needs in cases:
        rows.append((choice.NEEDS.get(name, name), *(_first(needs, platform) for platform in BOTH)))
    return Figure("The fewest parts that have it", ("What is needed", *BOTH), rows)


def _first(needs: list[str], platform: str) -> str:
    fits = choice.ways(needs, platform)
    return fits[0].name if fits else "none alone"


def steps() -> Figure:
    """Fargate tasks that get a Service Connect proxy: the size that has room for both, and its price."""
    rows = []
    for cpu, memory in ((256, 512), (512, 1024), (1024, 2048), (2048, 4096), (4096, 8192)):
        need = cpu + choice.CONNECT_CPU, memory + choice.CONNECT_MEMORY
        size = min(
            (units, mib)
            for units, sizes in FARGATE_SIZES.items()
            for mib in sizes
            if units >= need[0] and mib >= need[1]
        )
        before, after = (fargate_hour(units / 1024, mib / 1024) for units, mib in ((cpu, memory), size))
        assert after > before
        rows.append(
            (f"{cpu} / {memory}", f"{need[0]} / {need[1]}", f"{size[0]} / {size[1]}", f"{after / before:.2f} times")
        )
    return Figure(
        "CPU units and MiB of a Fargate task",
        ("Without", "With the proxy it needs", "The next size that there is", "Price"),
        rows,
    )
