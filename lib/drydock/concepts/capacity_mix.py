"""What capacity-mix draws, asks and shows: one service on FARGATE and FARGATE_SPOT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import cost
from drydock.policy.ecs import capacity
from drydock.policy.requests.errors import Invalid
from drydock.pricing import MONTH_HOURS, PRICES, THIRTY_DAYS_HOURS, fargate_tasks

ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"
BARS = 15

MOST = 100_000
"""Tasks of a service: far more than ECS allows, and few enough for sums that are exact to the cent."""
RECORDED = ((10, 1, 1, 4, 3, 7), (40, 1, 1, 4, 9, 31))
"""(tasks, base, weight, weight, on the first, on the second): answers of describe-tasks, AWS's ECS workshop, 2020."""


def strategy(base: int, fargate_weight: int, spot_weight: int) -> list[dict[str, Any]]:
    """A capacityProviderStrategy as the API has it.

    Raises ValueError for what is no whole number, and Invalid for a strategy that ECS refuses.
    """
    for name, value in (("base", base), ("fargate_weight", fargate_weight), ("spot_weight", spot_weight)):
        checks.whole(name, value, 0)
    asked = [
        {"capacityProvider": ON_DEMAND, "base": base, "weight": fargate_weight},
        {"capacityProvider": SPOT, "weight": spot_weight},
    ]
    capacity.validate(asked)
    return asked


def counts(n: int, base: int, fargate_weight: int, spot_weight: int) -> tuple[int, int]:
    """How many of `n` tasks are on FARGATE and on FARGATE_SPOT. Raises ValueError, Invalid."""
    checks.whole("n", n, 0, MOST)
    placed = capacity.split(capacity.items(strategy(base, fargate_weight, spot_weight)), n)
    return placed[ON_DEMAND], placed[SPOT]


def question(n: int, base: int, fargate_weight: int, spot_weight: int, *, more: int = 0) -> Question:
    """How many of `n` and `more` tasks run on FARGATE. Raises ValueError, Invalid."""
    checks.whole("n", n, 0, MOST)
    n += more
    on_demand, spot = counts(n, base, fargate_weight, spot_weight)
    first = min(base, n)
    rest = n - first
    weights = fargate_weight + spot_weight
    return Question(
        f"A service wants {n} tasks. Its strategy is FARGATE with base {base} and weight {fargate_weight}, and "
        f"FARGATE_SPOT with weight {spot_weight}. How many of the tasks run on FARGATE?",
        on_demand,
        f"The base puts {first} on FARGATE. The other {rest} are shared {fargate_weight}:{spot_weight}, which is "
        f"{rest * fargate_weight / weights:g} and {rest * spot_weight / weights:g}. Tasks are whole, so "
        f"{on_demand - first} and {spot} of them are placed: {on_demand} on FARGATE, {spot} on FARGATE_SPOT.",
    )


def mix(n: int, base: int, fargate_weight: int, spot_weight: int) -> Figure:
    """The split of a growing service: a bar for each number of tasks, that of `n` outlined.

    Raises ValueError for what is no whole number, and Invalid for a strategy that ECS refuses.
    """
    on_demand, spot = counts(n, base, fargate_weight, spot_weight)
    step = max(1, n // 10)
    first = max(min(n, 1), n - 9 * step)
    numbers = range(first, first + BARS * step, step)
    split = [(number, *counts(number, base, fargate_weight, spot_weight)) for number in numbers]
    data = [
        {
            "type": "bar",
            "name": provider,
            "x": [str(row[0]) for row in split],
            "y": [row[column] for row in split],
            "marker": {
                "color": colour,
                "line": {"color": "#d55e00", "width": [3 if row[0] == n else 0 for row in split]},
            },
        }
        for column, provider, colour in ((1, ON_DEMAND, COLOURS[0]), (2, SPOT, COLOURS[1]))
    ]
    return Figure(
        f"Tasks wanted: {n}. On FARGATE: {on_demand}, on FARGATE_SPOT: {spot}",
        ("Tasks", ON_DEMAND, SPOT, "Share on Spot", ""),
        [(*row, percent(row[2] / row[0], 1) if row[0] else "", "← chosen" if row[0] == n else "") for row in split],
        data,
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "tasks that the service wants"}, "type": "category"},
            "yaxis": {"title": {"text": "tasks on each provider"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def recorded() -> Figure:
    """What AWS did, beside what the rule gives. Raises AssertionError where they differ."""
    rows = []
    for n, base, fargate_weight, spot_weight, first, second in RECORDED:
        ours = counts(n, base, fargate_weight, spot_weight)
        assert ours == (first, second), f"{n} tasks: AWS placed {first} and {second}, the rule gives {ours}"
        rest, weights = n - base, fargate_weight + spot_weight
        ideal = f"{base + rest * fargate_weight / weights:g} and {rest * spot_weight / weights:g}"
        down = rest * fargate_weight // weights + base
        rows.append((n, ideal, f"{first} and {second}", f"{ours[0]} and {ours[1]}", f"{down} and {n - down}"))
    return Figure(
        "Base 1 and weights 1:4, as recorded on AWS and by the rule",
        ("Tasks", "Exact shares", "Recorded on AWS", "Nearest (the rule)", "Had the first been rounded down"),
        rows,
    )


def saving(base: int, fargate_weight: int, spot_weight: int, discount: float) -> Figure:
    """What Spot saves of an all-FARGATE bill as the service grows, with this base and with none."""
    checks.part("spot_discount", discount)
    numbers = (1, 2, 3, 5, 10, 12, 20, 40, 100)
    shares = {one: [counts(n, one, fargate_weight, spot_weight)[1] / n for n in numbers] for one in (base, 0)}
    saved = {one: [cost.saving(share, discount) for share in on_spot] for one, on_spot in shares.items()}
    return Figure(
        f"Saving at {percent(discount)} off for Spot, by size of the service",
        ("Tasks", f"Share on Spot, base {base}", *(f"Saving, base {one}" for one in saved)),
        [
            (n, *(percent(part, 1) for part in parts))
            for n, *parts in zip(numbers, shares[base], *saved.values(), strict=True)
        ],
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"base {one}",
                "x": [str(n) for n in numbers],
                "y": [round(100 * value, 2) for value in values],
                "line": {"dash": "solid" if one == base else "dot"},
            }
            for one, values in saved.items()
        ],
        {
            "xaxis": {"title": {"text": "tasks that the service wants"}, "type": "category"},
            "yaxis": {"title": {"text": "saving, % of all on FARGATE"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def bill(n: int, base: int, fargate_weight: int, spot_weight: int, *, cpu: int, memory: int, discount: float) -> Figure:
    """USD for the service, all on FARGATE and mixed. `cpu` in CPU units, `memory` in MiB, `discount` from 0 to 1.

    Raises ValueError for a size that Fargate has not got.
    """
    checks.fargate_task(cpu, memory)
    checks.part("spot_discount", discount)
    on_demand, spot = counts(n, base, fargate_weight, spot_weight)
    task = fargate_tasks(1, cpu=cpu, memory=memory).usd_per_hour
    assert task is not None
    whole = n * task
    mixed = whole * (1 - cost.saving(spot / n, discount)) if n else 0.0
    assert abs(mixed - task * (on_demand + spot * (1 - discount))) < 1e-9, "the saving and the bill disagree"
    rows = [
        (what, f"{hour:.5f}", f"{hour * THIRTY_DAYS_HOURS:,.2f}", f"{hour * MONTH_HOURS:,.2f}")
        for what, hour in (("all on FARGATE", whole), (f"{on_demand} FARGATE, {spot} FARGATE_SPOT", mixed))
    ]
    dated = PRICES["fargate x86_64 vCPU"]
    return Figure(
        f"Tasks: {n}, each of {cpu} CPU units and {memory} MiB. {dated.region}, prices of {dated.date}",
        ("Tasks", "USD an hour", f"USD in {THIRTY_DAYS_HOURS} h", f"USD in {MONTH_HOURS} h"),
        rows,
    )


def refusals() -> Figure:
    """Strategies that ECS refuses, and what it answers. Raises AssertionError if one of them is accepted."""
    spot = {"capacityProvider": SPOT, "weight": 1}
    on_demand = {"capacityProvider": ON_DEMAND, "weight": 1}
    asg = {"capacityProvider": "my-ec2-group", "weight": 1}
    return Figure(
        "Strategies that are refused",
        ("Strategy", "AWS answers"),
        [
            _refused("FARGATE and an Auto Scaling group together", [on_demand, asg], {}),
            _refused("FARGATE_SPOT and an Auto Scaling group together", [spot, asg], {}),
            _refused("A base on two providers", [{**on_demand, "base": 1}, {**spot, "base": 1}], {}),
            _refused("Two providers, both of weight 0", [{**on_demand, "weight": 0}, {**spot, "weight": 0}], {}),
            _refused("A launch type besides the strategy", [on_demand, spot], {"launch_type": "FARGATE"}),
            _refused("A provider that the cluster does not have", [spot], {"associated": {ON_DEMAND: "ACTIVE"}}),
        ],
    )


def without_spot(n: int, base: int, fargate_weight: int, spot_weight: int) -> Figure:
    """What runs and what waits while FARGATE_SPOT has no capacity."""
    on_demand, spot = counts(n, base, fargate_weight, spot_weight)
    return Figure(
        f"Tasks wanted: {n}, while FARGATE_SPOT has no capacity",
        ("Provider", "Wanted", "Running", "Waiting"),
        [(ON_DEMAND, on_demand, on_demand, 0), (SPOT, spot, 0, spot), ("the service", n, on_demand, spot)],
    )


def _refused(what: str, asked: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> tuple[str, str]:
    try:
        capacity.validate(asked, known={"my-ec2-group"}, **more)
    except Invalid as error:
        return what, error.message
    raise AssertionError(f"{what}: accepted, and ECS refuses it")
