"""What cost-explorer draws, asks and shows: the bill of any mix of tasks, instances and what stands around them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from drydock import pricing
from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import right_sizing
from drydock.pricing import MONTH_HOURS, PRICES, SHAPES, THIRTY_DAYS_HOURS, Item

ORCHESTRATORS = ("ECS", "EKS", "EKS, extended support")
ARCHITECTURES = ("x86_64", "arm64", "windows")
INSTANCE_TYPES = tuple(SHAPES)
EKS_OVERHEAD_MIB = 256
"""Memory that a pod on Fargate is given for Kubernetes' own components. Source: EKS User Guide (documented)."""

NOT_IN_IT = (
    ("data transfer between zones, regions and to the internet", "by the GB"),
    ("capacity units of load balancers, data of Global Accelerator", "by what they carry"),
    ("logs that are kept, metrics and traces", "by the GB and month, and by the metric"),
    ("images in ECR, disks of instances", "by the GB and month"),
    ("the fee of EKS Auto Mode and of ECS Managed Instances", "a part of the instance's price: no dated one"),
    ("taxes, support plans, discounts by contract", "your own"),
    ("people", "your own, and often the largest"),
)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What runs. `cpu` in CPU units, `memory` in MiB of a task, `storage` in GiB of a task; `spot_percent` of the tasks
    are on Fargate Spot, `spot_discount` is a part of 1; GB through NAT gateways and of logs ingested in 730 h."""

    orchestrator: str = "ECS"
    clusters: int = 1
    tasks: int = 10
    cpu: int = 1024
    memory: int = 2048
    architecture: str = "x86_64"
    storage: int = 20
    spot_percent: int = 0
    spot_discount: float = 0.70
    instances: int = 0
    instance_type: str = "m5.large"
    load_balancers: int = 1
    public_addresses: int = 2
    accelerators: int = 0
    nat_gateways: int = 0
    nat_gb: int = 0
    logs_gb: int = 0


def checked(**given: Any) -> Mix:
    """A mix. Raises ValueError, naming the parameter, for what cannot be, on Fargate, with Windows or on EKS."""
    mix = Mix(**given)
    for name in (
        "tasks", "instances", "load_balancers", "public_addresses", "accelerators", "nat_gateways", "nat_gb", "logs_gb",
    ):  # fmt: skip
        checks.whole(name, getattr(mix, name), 0)
    checks.whole("clusters", mix.clusters, 1)
    checks.whole("storage", mix.storage, 20, 200)
    checks.whole("spot_percent", mix.spot_percent, 0, 100)
    checks.part("spot_discount", mix.spot_discount)
    checks.one_of("orchestrator", mix.orchestrator, ORCHESTRATORS)
    checks.one_of("architecture", mix.architecture, ARCHITECTURES)
    checks.one_of("instance_type", mix.instance_type, INSTANCE_TYPES)
    checks.fargate_task(mix.cpu, mix.memory)
    if mix.tasks and mix.architecture == "windows" and mix.cpu < 1024:
        raise ValueError(f"With Windows a Fargate task has 1024 CPU units or more, not {mix.cpu}.")
    if mix.tasks and _on_eks(mix) and (mix.architecture != "x86_64" or mix.spot_percent):
        raise ValueError(
            "On EKS, Fargate runs Linux on x86_64, and has no Spot. Choose ECS, architecture x86_64 and "
            "spot_percent 0, or instances and no tasks."
        )
    return mix


def charged_size(mix: Mix) -> right_sizing.Size:
    """The size that Fargate charges for: a task's own; a pod's with the 256 MiB of EKS, at the next size there is.

    Source: EKS User Guide, "Understand Fargate Pod configuration details" (documented); of several sizes that are
    large enough the cheapest one. Raises ValueError where none is large enough.
    """
    if not _on_eks(mix):
        return right_sizing.Size(mix.cpu, mix.memory)
    needed = right_sizing.Used(mix.cpu, mix.memory + EKS_OVERHEAD_MIB)
    size = right_sizing.right_size(needed, price=lambda one: pricing.fargate_hour(one.cpu / 1024, one.memory / 1024))
    if size is None:
        raise ValueError(
            f"No Fargate size holds a pod of {mix.cpu} CPU units and {mix.memory} MiB with {EKS_OVERHEAD_MIB} MiB more."
        )
    return size


def items(mix: Mix) -> list[Item]:
    """What of the mix is charged by the hour, in the order of the bill; nothing that there are none of."""
    size = charged_size(mix) if mix.tasks else right_sizing.Size(mix.cpu, mix.memory)
    on_spot = round(mix.tasks * mix.spot_percent / 100)
    task: Any = {"cpu": size.cpu, "memory": size.memory, "architecture": mix.architecture}
    found = [pricing.fargate_tasks(mix.tasks - on_spot, **task)]
    if on_spot:
        found.append(pricing.spot_tasks(on_spot, mix.spot_discount, **task))
    if mix.storage > 20:
        found.append(pricing.task_storage(mix.tasks, mix.storage))
    found += [
        pricing.instances(mix.instances, mix.instance_type),
        pricing.load_balancers(count=mix.load_balancers),
        pricing.public_addresses(mix.public_addresses),
        pricing.global_accelerators(mix.accelerators),
        pricing.nat_gateways(mix.nat_gateways),
        _by_gb("through NAT gateways", "NAT gateway, data", mix.nat_gb),
        _by_gb("of logs ingested", "logs, ingested", mix.logs_gb),
    ]
    if _on_eks(mix):
        found.append(pricing.control_planes(mix.clusters, extended=mix.orchestrator != "EKS"))
    return [item for item in found if item.count]


def hourly(mix: Mix) -> float:
    """USD an hour of the whole mix."""
    return pricing.estimate(items(mix), 1).usd


def question(**given: Any) -> Question:
    """By how many per cent the bill grows when there are twice as many tasks and instances. Raises ValueError."""
    mix = checked(**given)
    double = replace(mix, tasks=2 * mix.tasks, instances=2 * mix.instances)
    now, then = hourly(mix), hourly(double)
    if not now:
        raise ValueError("Nothing in this mix is charged: give it tasks or instances.")
    return Question(
        f"The mix of this notebook has {mix.tasks} tasks on Fargate and {mix.instances} instances, on "
        f"{mix.orchestrator}. Twice as many of both run next month; nothing else changes. By how many per cent does "
        "the bill grow? An answer within 5 % of it counts.",
        100 * (then / now - 1),
        f"The bill goes from {now:.5f} USD an hour to {then:.5f}. Tasks and instances are "
        f"{percent((then - now) / now)} of it. The rest stands there once, however many tasks there are.",
        within=0.05,
    )


def bill(**given: Any) -> Figure:
    """Each part of the mix in USD, stacked, for both lengths of a month. Raises ValueError for a mix that cannot be."""
    parts = items(checked(**given))
    total = pricing.estimate(parts, 1).usd
    rows = [_row(f"{item.count} × {item.what}", _hour(item), item.dated, total) for item in parts]
    assert abs(sum(_hour(item) for item in parts) - total) < 1e-9, "the parts are not the sum"
    return Figure(
        f"USD {total * MONTH_HOURS:,.2f} in {MONTH_HOURS} h, {total * THIRTY_DAYS_HOURS:,.2f} in {THIRTY_DAYS_HOURS} h",
        ("What", "USD an hour", f"USD in {THIRTY_DAYS_HOURS} h", f"USD in {MONTH_HOURS} h", "Part", "Price of"),
        [*rows, _row("all of it", total, "", total)],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": item.what,
                "y": [f"{hours} h" for hours in (THIRTY_DAYS_HOURS, MONTH_HOURS)],
                "x": [round(_hour(item) * hours, 2) for hours in (THIRTY_DAYS_HOURS, MONTH_HOURS)],
                "marker": {"color": COLOURS[place % len(COLOURS)]},
            }
            for place, item in enumerate(parts)
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "USD a month"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "month"}, "type": "category"},
            **LAYOUT,
            "legend": {"orientation": "v", "x": 0, "y": -0.35, "yanchor": "top"},
            "margin": {"l": 80, "r": 20, "t": 50, "b": 60 + 24 * len(parts)},
            "height": 300 + 24 * len(parts),
        },
    )


def one_change(**given: Any) -> Figure:
    """What each single change does to the bill of the mix. Changes that cannot be made to it say why."""
    mix = checked(**given)
    now = hourly(mix)
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("as it is", {}),
        ("tasks on arm64", {"architecture": "arm64"}),
        ("half of the tasks on Spot", {"spot_percent": 50}),
        ("half of the memory", {"memory": mix.memory // 2}),
        ("Windows", {"architecture": "windows"}),
        ("EKS instead of ECS", {"orchestrator": "EKS"}),
        ("EKS on a version in extended support", {"orchestrator": "EKS, extended support"}),
        ("without public addresses and load balancers", {"load_balancers": 0, "public_addresses": 0}),
    )
    rows = []
    for what, change in changes:
        try:
            then = hourly(checked(**{**asdict(mix), **change}))
        except ValueError as error:
            rows.append((what, "", "", f"cannot be: {error}"))
        else:
            rows.append(
                (what, f"{then:.5f}", f"{then * MONTH_HOURS:,.2f}", f"{100 * (then / now - 1) if now else 0:+.1f} %")
            )
    return Figure("One change at a time", ("Change", "USD an hour", f"USD in {MONTH_HOURS} h", "Bill"), rows)


def prices() -> Figure:
    """Every dated price there is, with its source."""
    return Figure(
        "Dated prices, us-east-1, on demand",
        ("What", "USD", "for each", "Date", "Source"),
        [(item.item, f"{item.usd:g}", item.unit, item.date, item.source) for item in PRICES.values()],
    )


def not_in_it() -> Figure:
    """What none of these sums has in it."""
    return Figure("Not in these sums", ("What", "How it is charged"), NOT_IN_IT)


def _on_eks(mix: Mix) -> bool:
    return mix.orchestrator != "ECS"


def _by_gb(what: str, item: str, gb: int) -> Item:
    """So many GB in 730 h, as what one hour of them costs."""
    price = PRICES[item]
    return Item(f"GB {what} in {MONTH_HOURS} h", price.usd / MONTH_HOURS, gb, price.date)


def _hour(item: Item) -> float:
    return (item.usd_per_hour or 0.0) * item.count


def _row(what: str, hour: float, dated: str, total: float) -> tuple[str, ...]:
    return (
        what,
        f"{hour:.5f}",
        f"{hour * THIRTY_DAYS_HOURS:,.2f}",
        f"{hour * MONTH_HOURS:,.2f}",
        percent(hour / total, 1) if total else "",
        dated,
    )
