"""What fargate-or-ec2 draws, asks and shows: the same tasks on Fargate and on instances."""

from __future__ import annotations

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import cost
from drydock.pricing import MONTH_HOURS, PRICES, SHAPES, THIRTY_DAYS_HOURS, Shape, ec2_hour, fargate_hour

COMPARED = (
    "m5.large", "m5.xlarge", "m6i.large", "m6a.large", "m7i.large", "c5.large", "c5.xlarge", "r5.large",
    "m7g.large", "m8g.large", "c7g.large", "r7g.large",
)  # fmt: skip
"""Types to compare."""

APART = {"t3.medium": "is burstable, and Fargate is not", "g4dn.xlarge": "has a GPU, and Fargate has none"}
"""Types that are priced for something else than Fargate sells, and for what."""

NOT_PRICED = (
    "EC2 Spot: its price moves by the hour, by type and by zone",
    "Savings Plans and reserved instances",
    "disks: the volume of each instance; on Fargate storage above 20 GiB a task",
    "load balancers, public IPv4 addresses, NAT gateways, data transfer, logs",
    "the work of those who patch, scale and watch the instances",
)


def instance(instance_type: str) -> tuple[Shape, float]:
    """What the instance has, and its USD an hour. Raises LookupError, listing those that can be compared."""
    known = ", ".join(one for one in SHAPES if one not in APART)
    if instance_type in APART:
        raise LookupError(f"{instance_type} {APART[instance_type]}. Choose one of: {known}.")
    if instance_type not in SHAPES:
        raise LookupError(f"No dated price for instance_type {instance_type!r}. There is one for: {known}.")
    return SHAPES[instance_type], ec2_hour(instance_type)


def even(instance_type: str) -> float:
    """The part of the instance from which on it costs less than Fargate; above 1 it never does."""
    shape, hour = instance(instance_type)
    return cost.break_even(hour, fargate_hour(shape.vcpu, shape.gb, shape.architecture))


def question(instance_type: str) -> Question:
    """How many times the instance's price Fargate charges for as much."""
    shape, hour = instance(instance_type)
    whole = fargate_hour(shape.vcpu, shape.gb, shape.architecture)
    return Question(
        f"A task of {shape.vcpu} vCPU and {shape.gb} GB runs on Fargate ({shape.architecture}). The instance type "
        f"{instance_type} has as much. Both are on demand in us-east-1. How many times the instance's price does "
        "Fargate cost? An answer within 10 % counts.",
        whole / hour,
        f"Fargate charges {whole:.5f} USD an hour for {shape.vcpu} vCPU and {shape.gb} GB, and the {instance_type} "
        f"costs {hour:.5f}. That is {whole / hour:.2f} times as much.",
        within=0.10,
    )


def prices(instance_type: str) -> Figure:
    """The dated prices that everything here is computed from: Fargate's, and those of `instance_type` and COMPARED."""
    items = [item for item in PRICES.values() if item.item.startswith(("fargate x86_64", "fargate arm64"))]
    items += [PRICES[f"ec2 {one}"] for one in dict.fromkeys((*COMPARED, instance_type))]
    return Figure(
        "On-demand prices of Linux, us-east-1",
        ("What", "USD", "for each", "Date", "Source"),
        [(item.item, f"{item.usd:g}", item.unit, item.date, item.source) for item in items],
    )


def filling(instance_type: str) -> Figure:
    """USD an hour of an instance, and of Fargate for the tasks that fill a part of it."""
    shape, hour = instance(instance_type)
    whole = fargate_hour(shape.vcpu, shape.gb, shape.architecture)
    shares = range(0, 101, 10)
    meets = even(instance_type)
    end = f"they meet at {percent(meets)}" if meets <= 1 else "Fargate costs less even when it is full"
    return Figure(
        f"{instance_type} ({shape.vcpu} vCPU, {shape.gb} GB, {shape.architecture}): {end}",
        ("Part reserved by tasks", "Fargate, USD an hour", "Instance, USD an hour", "Costs less"),
        [
            (f"{share} %", f"{whole * share / 100:.5f}", f"{hour:.5f}", _less(whole * share / 100, hour))
            for share in shares
        ],
        [
            line(name, shares, [round(value(share), 6) for share in shares], colour=colour, dash=dash)
            for name, value, colour, dash in (
                ("Fargate, for these tasks", lambda share: whole * share / 100, COLOURS[0], "solid"),
                ("the instance, however full", lambda share: hour, COLOURS[1], "dash"),
            )
        ],
        {
            "xaxis": {"title": {"text": "part of the instance that tasks reserve, %"}},
            "yaxis": {"title": {"text": "USD an hour"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def compare(
    tasks: int, cpu: int, memory: int, instance_type: str, tasks_percent: int = 100, spot_discount: float = 0.70
) -> Figure:
    """The same tasks on Fargate and on whole instances, for both lengths of a month.

    cpu, memory    of one task, in CPU units and MiB.
    tasks_percent  the part of each instance that tasks may reserve, in %.
    spot_discount  of Fargate Spot, an assumption: AWS says up to 0.70.

    Raises ValueError for a size that Fargate has not got, and where not one task fits on the instance or there is none.
    """
    checks.whole("tasks", tasks, 1)
    checks.fargate_task(cpu, memory)
    checks.whole("tasks_percent", tasks_percent, 1, 100)
    checks.part("spot_discount", spot_discount)
    shape, price = instance(instance_type)
    vcpu, gb = cpu / 1024, memory / 1024
    fit = cost.tasks_that_fit(vcpu, gb, instance_vcpu=shape.vcpu, instance_gb=shape.gb, tasks_share=tasks_percent / 100)
    if not fit:
        raise ValueError(
            f"Not one task of cpu={cpu}, memory={memory} fits on {instance_type} with tasks_percent={tasks_percent}: "
            "choose a larger instance or a smaller task, or leave it more room."
        )
    count = cost.instances_needed(tasks, fit)
    part = tasks / fit
    in_vcpu, in_gb = cost.filled(tasks, vcpu, gb, instances=count, instance_vcpu=shape.vcpu, instance_gb=shape.gb)
    assert max(in_vcpu, in_gb) <= tasks_percent / 100 + 1e-9, "more is reserved than the instances have"
    x86 = tasks * fargate_hour(vcpu, gb)
    options = [
        ("Fargate x86_64", f"tasks: {tasks}", x86),
        ("Fargate arm64", f"tasks: {tasks}", tasks * fargate_hour(vcpu, gb, "arm64")),
        (f"Fargate Spot at {percent(spot_discount)} off", f"tasks: {tasks}", x86 * (1 - cost.saving(1, spot_discount))),
        (
            f"EC2 {instance_type}",
            f"instances: {count}, each for {fit} at most; reserved: {percent(in_vcpu)} of the vCPU, "
            f"{percent(in_gb)} of the memory",
            count * price,
        ),
        (f"EC2 {instance_type}, parts", f"instances: {part:.2f}", part * price),
    ]
    return Figure(
        f"Tasks: {tasks}, each of {vcpu:g} vCPU and {gb:g} GB",
        ("On", "Paid for", "USD an hour", f"USD in {THIRTY_DAYS_HOURS} h", f"USD in {MONTH_HOURS} h", "First line = 1"),
        [
            (
                name,
                paid,
                f"{hour:.5f}",
                f"{hour * THIRTY_DAYS_HOURS:,.2f}",
                f"{hour * MONTH_HOURS:,.2f}",
                f"{hour / x86:.2f}",
            )
            for name, paid, hour in options
        ],
        [
            {
                "type": "bar",
                "name": f"{hours} h",
                "x": [name for name, _, _ in options],
                "y": [round(hour * hours, 2) for _, _, hour in options],
                "marker": {"color": colour},
            }
            for hours, colour in ((THIRTY_DAYS_HOURS, COLOURS[4]), (MONTH_HOURS, COLOURS[0]))
        ],
        {
            "barmode": "group",
            "xaxis": {"automargin": True},
            "yaxis": {"title": {"text": "USD a month"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def break_evens() -> Figure:
    """The part of an instance at which it starts to cost less than Fargate, for each type compared."""
    rows = []
    for instance_type in COMPARED:
        shape, hour = instance(instance_type)
        whole = fargate_hour(shape.vcpu, shape.gb, shape.architecture)
        rows.append((instance_type, shape, whole, hour, even(instance_type)))
    return Figure(
        "How full an instance has to be to cost less than Fargate",
        ("Instance", "Has", "Fargate for as much, USD an hour", "Instance, USD an hour", "Ratio", "Break-even"),
        [
            (
                name,
                f"{shape.vcpu} vCPU, {shape.gb} GB, {shape.architecture}",
                f"{whole:.5f}",
                f"{hour:.5f}",
                f"{whole / hour:.2f}",
                percent(part),
            )
            for name, shape, whole, hour, part in rows
        ],
        [
            {
                "type": "bar",
                "x": [row[0] for row in rows],
                "y": [round(100 * row[4], 1) for row in rows],
                "marker": {"color": [COLOURS[2] if row[1].architecture == "arm64" else COLOURS[0] for row in rows]},
                "text": [percent(row[4]) for row in rows],
            }
        ],
        {
            "xaxis": {
                "title": {"text": "instance type; green ones are arm64, held against Fargate arm64"},
                "automargin": True,
            },
            "yaxis": {"title": {"text": "break-even, % of the instance"}, "range": [0, 100]},
            **LAYOUT,
        },
    )


def not_priced() -> Figure:
    """What none of these sums has in it."""
    return Figure("Not in these sums", ("What",), [(what,) for what in NOT_PRICED])


def _less(first: float, second: float) -> str:
    return "Fargate" if first < second else "the instance"
