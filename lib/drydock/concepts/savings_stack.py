"""What savings-stack draws, asks and shows: discounts one on top of another, and commitments hour by hour."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import cost, savings_plans
from drydock.policy.savings_plans import Hour, Kind, Plan, Usage
from drydock.pricing import MONTH_HOURS, PRICES, ec2_hour, fargate_hour
from drydock.simulation import sweep

DAY = range(8, 20)
"""The hours in which all tasks run; in the other twelve only a part of them does. Our own example of a load."""

AWS_EXAMPLE = (
    Usage("r5.4xlarge", 4, 1.00, 0.70, 0.60, "r5"),
    Usage("m5.24xlarge", 1, 10.00, 8.20, 7.80, "m5"),
    Usage("vCPU of Fargate", 400, 0.04, 0.03),
    Usage("GB of Fargate", 1600, 0.004, 0.003),
    Usage("GB-seconds of Lambda", 1_500_000, 0.000015, 0.00001275),
    Usage("million requests of Lambda", 1, 0.20, 0.20),
)
"""The hour of the Savings Plans User Guide's example; its rates are for illustration (AWS's words)."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Fargate tasks on demand over a day, and what is committed. Percentages are whole numbers.

    night_percent       of the tasks run outside of `DAY`
    plan_percent        off the list price under the plan: an assumption
    commitment_percent  of what the plan would charge for the day's tasks, every hour
    """

    tasks: int
    cpu: int
    memory: int
    night_percent: int
    plan_percent: int
    commitment_percent: int

    def __post_init__(self) -> None:
        checks.whole("tasks", self.tasks, 1)
        checks.fargate_task(self.cpu, self.memory)
        checks.whole("night_percent", self.night_percent, 0, 100)
        checks.whole("plan_percent", self.plan_percent, 0, 99)
        checks.whole("commitment_percent", self.commitment_percent, 0, 200)

    @property
    def commitment(self) -> float:
        """USD an hour."""
        peak = self.tasks * fargate_hour(self.cpu / 1024, self.memory / 1024)
        return peak * (1 - self.plan_percent / 100) * self.commitment_percent / 100

    def running(self, hour: int) -> float:
        """Tasks in an hour of the day, on the average of many days: parts of a task are possible."""
        return self.tasks if hour in DAY else self.tasks * self.night_percent / 100

    def usage(self, hour: int) -> tuple[Usage, Usage]:
        """vCPU and GB in that hour. A plan takes the same part off both."""
        left = 1 - self.plan_percent / 100
        vcpu, gb = PRICES["fargate x86_64 vCPU"].usd, PRICES["fargate x86_64 memory"].usd
        return (
            Usage("Fargate vCPU", self.running(hour) * self.cpu / 1024, vcpu, vcpu * left),
            Usage("Fargate GB", self.running(hour) * self.memory / 1024, gb, gb * left),
        )

    def hours(self, commitment: float | None = None) -> list[Hour]:
        """The bills of the day's 24 hours, with this commitment in USD an hour instead of the load's own."""
        plan = Plan(Kind.COMPUTE, self.commitment if commitment is None else commitment)
        return [savings_plans.hour(self.usage(hour), [plan]) for hour in range(24)]


def question(**given: int) -> Question:
    """Whether a plan for the day's peak is cheaper than none, at half as many tasks by night as the notebook has."""
    noted = Load(**given, commitment_percent=100)
    load = replace(noted, night_percent=noted.night_percent // 2)
    tasks, night, plan_percent = load.tasks, load.night_percent, load.plan_percent
    without, with_plan = _total(load.hours(0)), _total(load.hours())
    part = (len(DAY) + (24 - len(DAY)) * night / 100) / 24
    return Question(
        f"A service runs {tasks} tasks from 8 to 20 o'clock, and {night} % of them in the other twelve hours. Somebody "
        f"buys a Compute Savings Plan at {plan_percent} % off, for all {tasks} tasks in every hour. Is the day's bill "
        "then lower or higher than without it?",
        "lower" if with_plan < without else "higher",
        f"The plan is paid in all 24 hours and used to {percent(part)}. It makes the day USD {with_plan:,.2f} instead "
        f"of {without:,.2f}: a commitment pays where more than {100 - plan_percent} % of it is used, which is 100 % "
        "less the discount.",
        choices=("lower", "higher"),
    )


def day(**given: int) -> Figure:
    """A day's hours: what the plan covers, what is charged on demand, and what of the commitment is lost.

    Raises ValueError for numbers that cannot be.
    """
    load = Load(**given)
    bills, without = load.hours(), _total(load.hours(0))
    parts: tuple[tuple[str, Sequence[float], str], ...] = (
        ("commitment used", [bill.used for bill in bills], COLOURS[2]),
        ("commitment paid and not used", [bill.committed - bill.used for bill in bills], COLOURS[5]),
        ("on demand", [bill.on_demand for bill in bills], COLOURS[0]),
    )
    total = _total(bills)
    assert abs(sum(sum(values) for _, values, _ in parts) - total) < 1e-6, "the parts are not the bill"
    change = 100 * (total / without - 1)
    return Figure(
        f"USD {total:,.2f} a day with the plan, {without:,.2f} without it: {change:+z.1f} %",
        ("Hours", "Tasks", "Committed, USD an hour", "Used", "Not used", "On demand", "USD an hour"),
        [
            (
                name,
                f"{load.running(hour):g}",
                f"{bills[hour].committed:.4f}",
                f"{bills[hour].used:.4f}",
                f"{bills[hour].committed - bills[hour].used:.4f}",
                f"{bills[hour].on_demand:.4f}",
                f"{bills[hour].total:.4f}",
            )
            for name, hour in (("8 to 20", DAY[0]), ("20 to 8", 0))
        ],
        [
            {
                "type": "bar",
                "name": name,
                "x": list(range(24)),
                "y": [round(value, 5) for value in values],
                "marker": {"color": colour},
            }
            for name, values, colour in parts
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "hour of the day"}, "dtick": 4},
            "yaxis": {"title": {"text": "USD an hour"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def commitments(*, scheduler: str = "", **given: int) -> Figure:
    """The day's bill by how much is committed: from nothing to a fifth more than the peak.

    scheduler  of a Dask cluster that computes each commitment, as `simulation.sweep` takes it.
    """
    steps = range(0, 121, 10)
    loads = [Load(**given, commitment_percent=step) for step in steps]
    days = sweep(Load.hours, loads, scheduler=scheduler)
    totals = [_total(bills) for bills in days]
    best = min(range(len(totals)), key=totals.__getitem__)
    return Figure(
        f"The least is USD {totals[best]:,.2f} a day, with {steps[best]} % of the peak committed",
        ("Committed, % of the peak", "USD an hour", "Used", "USD a day", "Against no plan", ""),
        [
            (
                step,
                f"{load.commitment:.4f}",
                percent(sum(bill.used for bill in bills) / (24 * load.commitment)) if load.commitment else "",
                f"{total:,.2f}",
                f"{100 * (total / totals[0] - 1):+z.1f} %",
                "← least" if place == best else "",
            )
            for place, (step, load, bills, total) in enumerate(zip(steps, loads, days, totals, strict=True))
        ],
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "with the plan",
                "x": list(steps),
                "y": [round(total, 4) for total in totals],
            },
            line("without a plan", [steps[0], steps[-1]], [round(totals[0], 4)] * 2, colour=COLOURS[1], dash="dash"),
        ],
        {
            "xaxis": {"title": {"text": "committed, % of the plan's price of the peak"}},
            "yaxis": {"title": {"text": "USD a day"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def stack(
    tasks: int,
    cpu: int,
    memory: int,
    *,
    to_cpu: int,
    to_memory: int,
    architecture: str,
    spot_percent: int,
    spot_discount: float,
    plan_percent: int,
) -> Figure:
    """The month's bill after each measure, one on top of the other: size, architecture, Spot, a plan for the rest.

    The plan covers all that is still on demand, in every hour. Raises ValueError for numbers that cannot be.
    """
    checks.whole("tasks", tasks, 1)
    checks.fargate_task(cpu, memory)
    checks.fargate_task(to_cpu, to_memory, of="to_")
    checks.one_of("architecture", architecture, ("x86_64", "arm64"))
    checks.whole("spot_percent", spot_percent, 0, 100)
    checks.part("spot_discount", spot_discount)
    checks.whole("plan_percent", plan_percent, 0, 99)
    spot = round(tasks * spot_percent / 100)
    as_it_is = tasks * fargate_hour(cpu / 1024, memory / 1024)
    smaller = tasks * fargate_hour(to_cpu / 1024, to_memory / 1024)
    other = tasks * fargate_hour(to_cpu / 1024, to_memory / 1024, architecture)
    on_spot = other * (1 - cost.saving(spot / tasks, spot_discount))
    on_demand = other * (tasks - spot) / tasks
    planned = on_spot - on_demand * plan_percent / 100
    steps = (
        (f"as it is: {cpu} CPU units and {memory} MiB", as_it_is),
        (f"{to_cpu} CPU units and {to_memory} MiB", smaller),
        (f"on {architecture}", other),
        (f"{spot} of {tasks} tasks on Spot at {percent(spot_discount)} off", on_spot),
        (f"a plan at {plan_percent} % off for the {tasks - spot} others", planned),
    )
    own = [1 - then / now for (_, now), (_, then) in itertools.pairwise(steps)]
    rows = [
        (
            name,
            f"{hour * MONTH_HOURS:,.2f}",
            percent(own[place - 1], 1) if place else "",
            percent(1 - hour / as_it_is, 1),
        )
        for place, (name, hour) in enumerate(steps)
    ]
    return Figure(
        f"All together save {percent(1 - planned / as_it_is, 1)}; their percentages add up to {percent(sum(own), 1)}",
        ("Measure", f"USD in {MONTH_HOURS} h", "Saves, of the line before", "Saved so far"),
        rows,
        [
            {
                "type": "bar",
                "x": ["as it is", "size", architecture, "Spot", "plan"],
                "y": [round(hour * MONTH_HOURS, 2) for _, hour in steps],
                "marker": {"color": [COLOURS[7], *([COLOURS[0]] * (len(steps) - 1))]},
            }
        ],
        {
            "yaxis": {"title": {"text": f"USD in {MONTH_HOURS} h"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def aws_example() -> Figure:
    """The four scenarios of AWS's guide, by the rule. Raises AssertionError where a sum is not AWS's."""
    reserved = [Usage(one.what, one.units - 2 * (one.family == "r5"), *_rates(one)) for one in AWS_EXAMPLE]
    scenarios = (
        ("1: a Compute plan of USD 50", AWS_EXAMPLE, [Plan(Kind.COMPUTE, 50)], 47.13, 0.0),
        ("2: a Compute plan of USD 2", AWS_EXAMPLE, [Plan(Kind.COMPUTE, 2)], 2.0, 56.24),
        ("3: a Compute plan of USD 18.20, 2 reserved r5", reserved, [Plan(Kind.COMPUTE, 18.20)], 18.20, 32.70),
        (
            "4: an r5 plan of USD 3 and a Compute plan of USD 16.80",
            AWS_EXAMPLE,
            [Plan(Kind.COMPUTE, 16.80), Plan(Kind.EC2_INSTANCE, 3, "r5")],
            2.40 + 16.80,
            32.70,
        ),
    )
    rows = []
    for name, usage, plans, used, on_demand in scenarios:
        bill = savings_plans.hour(usage, plans)
        assert abs(bill.used - used) < 0.006 and abs(bill.on_demand - on_demand) < 0.006, f"{name}: {bill}"
        rows.append(
            (
                name,
                ", ".join(f"{round(one.units, 3):,} {one.what}" for one in bill.covered),
                f"{bill.used:.3f}",
                f"{bill.committed - bill.used:.3f}",
                f"{bill.on_demand:.2f}",
            )
        )
    return Figure(
        "AWS's example, an hour that costs USD 59.10 on demand",
        ("Scenario", "Covered, in this order", "Committed and used", "Not used", "On demand"),
        rows,
    )


def moved_family(instances: int = 10) -> Figure:
    """An EC2 Instance plan for m5, before and after the instances become m7g. The rate is an assumption: 30 % off."""
    m5, m7g = ec2_hour("m5.large"), ec2_hour("m7g.large")
    plan = Plan(Kind.EC2_INSTANCE, instances * m5 * 0.7, "m5")
    rows = []
    for name, usage in (
        (f"{instances} m5.large", Usage("m5.large", instances, m5, instance_rate=m5 * 0.7, family="m5")),
        (f"{instances} m7g.large", Usage("m7g.large", instances, m7g, instance_rate=m7g * 0.7, family="m7g")),
    ):
        bill = savings_plans.hour([usage], [plan])
        rows.append(
            (name, *(f"{value:.4f}" for value in (bill.used, bill.committed - bill.used, bill.on_demand, bill.total)))
        )
    return Figure(
        f"A plan for m5 of USD {plan.commitment:.3f} an hour",
        ("Instances", "Committed and used", "Not used", "On demand", "USD an hour"),
        rows,
    )


def _rates(one: Usage) -> tuple[float, float | None, float | None, str]:
    return one.on_demand, one.compute_rate, one.instance_rate, one.family


def _total(bills: Sequence[Hour]) -> float:
    return sum(bill.total for bill in bills)
