"""Dated prices, and what something would cost on a real account before it is created.

Only prices with a source are here. What has none is named as not priced, never guessed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from drydock.cloud import Call, Cloud
from drydock.policy import cost

MONTH_HOURS = 730
"""Hours of a twelfth of a year: 365 × 24 / 12, the month of AWS's calculator."""
THIRTY_DAYS_HOURS = 720
"""Hours of thirty days, the other month in use. A sum says which of the two it means."""


@dataclass(frozen=True)
class Price:
    """USD per `unit`, on demand, with its source and the source's date."""

    item: str
    usd: float
    unit: str
    region: str
    date: str
    source: str


PRICED = "us-east-1"
"""The Region of the prices."""
_FARGATE = "vantage.sh/blog/fargate-pricing and cloudburn.io/blog/aws-fargate-pricing"
_EC2 = "karpenter-provider-aws 1.14.1, zz_generated.pricing_aws.go"
_EKS = "AWS Containers Blog, EKS extended support pricing"
_ELB = "aws.amazon.com/elasticloadbalancing/pricing, the examples of us-east-1"
_PRIVATE_CA = "aws.amazon.com/private-ca/pricing"
_LATTICE = "aws.amazon.com/vpc/lattice/pricing, the examples of us-east-1"
_VPC = "AWS News Blog, public IPv4 address charge"
_WINDOWS = "vantage.sh/blog/fargate-pricing"
_ACCELERATOR = "aws.amazon.com/global-accelerator/pricing and awsnegotiations.com"
_NLB = "awsnegotiations.com/elastic-load-balancer-cost and clustercost.com/blog/network-load-balancer-pricing-2025"
_NAT = "cloudburn.io/blog/aws-nat-gateway-pricing and usage.ai/blogs/aws-network-costs"
_LOGS = "c3x.dev/blog/cloudwatch-logs-cost-optimization and hykell.com, aws-cloudwatch-logs-pricing"
_ECR = "cloudburn.io/blog/amazon-ecr-pricing and wring.co/blog/aws-ecr-pricing-guide"


def _price(item: str, usd: float, unit: str, source: str, date: str) -> Price:
    return Price(item, usd, unit, PRICED, date, source)


PRICES: dict[str, Price] = {
    price.item: price
    for price in (
        _price("fargate x86_64 vCPU", 0.04048, "vCPU-hour", _FARGATE, "2026-03"),
        _price("fargate x86_64 memory", 0.004445, "GB-hour", _FARGATE, "2026-03"),
        _price("fargate arm64 vCPU", 0.03238, "vCPU-hour", _FARGATE, "2026-03"),
        _price("fargate arm64 memory", 0.00356, "GB-hour", _FARGATE, "2026-03"),
        _price("fargate windows vCPU", 0.09148, "vCPU-hour", _WINDOWS, "2026-03"),
        _price("fargate windows memory", 0.01005, "GB-hour", _WINDOWS, "2026-03"),
        _price("fargate windows licence", 0.046, "vCPU-hour", _WINDOWS, "2026-03"),
        _price("fargate storage above 20 GiB", 0.000111, "GB-hour", _FARGATE, "2026-03"),
        _price("application load balancer", 0.0225, "hour", _ELB, "2026-09-20"),
        _price("application load balancer, LCU", 0.008, "LCU-hour", _NLB, "2026-05"),
        _price("network load balancer", 0.0225, "hour", _NLB, "2026-05"),
        _price("network load balancer, LCU", 0.006, "NLCU-hour", _NLB, "2026-05"),
        _price("NAT gateway", 0.045, "hour", _NAT, "2026-02-24"),
        _price("NAT gateway, data", 0.045, "GB", _NAT, "2026-02-24"),
        _price("logs, ingested", 0.50, "GB", _LOGS, "2026-06"),
        _price("logs, stored", 0.03, "GB-month", _LOGS, "2026-06"),
        _price("images, stored", 0.10, "GB-month", _ECR, "2026-03"),
        _price("public IPv4 address", 0.005, "hour", _VPC, "2024-02-01"),
        _price("eks control plane", 0.10, "hour", _EKS, "2026-11-21"),
        _price("eks control plane, extended support", 0.60, "hour", _EKS, "2026-11-21"),
        _price("private certificate authority, general-purpose", 400, "month", _PRIVATE_CA, "2026"),
        _price("private certificate authority, short-lived", 50, "month", _PRIVATE_CA, "2026"),
        _price("vpc lattice service", 0.025, "hour", _LATTICE, "2026"),
        _price("vpc lattice data", 0.025, "GB", _LATTICE, "2026"),
        _price("global accelerator", 0.025, "hour", _ACCELERATOR, "2026-05"),
        *(
            _price(f"ec2 {instance_type}", usd, "hour", _EC2, "2026-07-20")
            for instance_type, usd in {
                "m5.large": 0.096,
                "m5.xlarge": 0.192,
                "m5.2xlarge": 0.384,
                "m5a.large": 0.086,
                "m5n.large": 0.119,
                "m6i.large": 0.096,
                "m6i.xlarge": 0.192,
                "m6a.large": 0.0864,
                "m7i.large": 0.1008,
                "m7i-flex.large": 0.09576,
                "m7a.large": 0.11592,
                "m6g.large": 0.077,
                "m7g.large": 0.0816,
                "m7g.xlarge": 0.1632,
                "m8g.large": 0.08976,
                "c5.large": 0.085,
                "c5.xlarge": 0.17,
                "c5.2xlarge": 0.34,
                "c7g.large": 0.0725,
                "r5.large": 0.126,
                "r7g.large": 0.1071,
                "t3.medium": 0.0416,
                "g4dn.xlarge": 0.526,
            }.items()
        ),
    )
}
"""By item. One region, us-east-1; the date is the source's own."""


@dataclass(frozen=True)
class Shape:
    """What one EC2 instance has before the operating system and the ECS agent take their part; `gb` counts GiB."""

    vcpu: int
    gb: int
    architecture: str = "x86_64"


SHAPES: dict[str, Shape] = {
    **dict.fromkeys(("m5.large", "m5a.large", "m5n.large", "m6i.large", "m6a.large"), Shape(2, 8)),
    **dict.fromkeys(("m7i.large", "m7i-flex.large", "m7a.large"), Shape(2, 8)),
    **dict.fromkeys(("m6g.large", "m7g.large", "m8g.large"), Shape(2, 8, "arm64")),
    **dict.fromkeys(("m5.xlarge", "m6i.xlarge", "g4dn.xlarge"), Shape(4, 16)),
    "m7g.xlarge": Shape(4, 16, "arm64"),
    "m5.2xlarge": Shape(8, 32),
    **dict.fromkeys(("c5.large", "t3.medium"), Shape(2, 4)),
    "c7g.large": Shape(2, 4, "arm64"),
    "c5.xlarge": Shape(4, 8),
    "c5.2xlarge": Shape(8, 16),
    "r5.large": Shape(2, 16),
    "r7g.large": Shape(2, 16, "arm64"),
}
"""By instance type, for each that `PRICES` has. Source: EC2 DescribeInstanceTypes."""


@dataclass(frozen=True)
class Item:
    """Something that is charged by the hour: `count` of it. `price` is None where no dated price is known."""

    what: str
    usd_per_hour: float | None
    count: int = 1
    dated: str = ""


def fargate_tasks(count: int, *, cpu: int, memory: int, architecture: str = "x86_64") -> Item:
    """`count` Fargate tasks on demand; `cpu` in CPU units (1024 = 1 vCPU), `memory` in MiB, as ECS has them.

    Fargate Spot is priced the same here: its discount is "up to 70 %" and no fixed figure has a source.
    """
    return Item(
        f"Fargate task, {cpu} CPU units and {memory} MiB, {architecture}",
        fargate_hour(cpu / 1024, memory / 1024, architecture),
        count,
        PRICES[f"fargate {architecture} vCPU"].date,
    )


def ec2_hour(instance_type: str) -> float:
    """USD an hour of an instance, on demand, at the dated price. Raises KeyError where there is none."""
    return PRICES[f"ec2 {instance_type}"].usd


def fargate_hour(vcpu: float, gb: float, architecture: str = "x86_64") -> float:
    """USD an hour of so much vCPU and memory on Fargate, on demand, at the dated prices.

    architecture  "x86_64" and "arm64" with Linux, "windows" with its licence
    """
    licence = PRICES["fargate windows licence"].usd if architecture == "windows" else 0.0
    return cost.fargate_hour(
        vcpu,
        gb,
        vcpu_price=PRICES[f"fargate {architecture} vCPU"].usd + licence,
        gb_price=PRICES[f"fargate {architecture} memory"].usd,
    )


def spot_tasks(count: int, discount: float, *, cpu: int, memory: int, architecture: str = "x86_64") -> Item:
    """`count` tasks on Fargate Spot, at a discount that is the reader's assumption, a part of 1: no dated one is known.

    Raises ValueError for a discount outside 0 to 1, and for Windows, which Fargate Spot does not run.
    """
    if architecture == "windows":
        raise ValueError("Fargate Spot does not run Windows: choose no tasks on Spot, or another architecture.")
    on_demand = fargate_tasks(1, cpu=cpu, memory=memory, architecture=architecture)
    assert on_demand.usd_per_hour is not None
    return Item(
        f"{on_demand.what}, on Spot at {100 * discount:.0f} % off (assumed)",
        on_demand.usd_per_hour * (1 - cost.saving(1, discount)),
        count,
        on_demand.dated,
    )


def task_storage(count: int, gib: int) -> Item:
    """What `count` Fargate tasks with `gib` GiB of ephemeral storage are charged for it: for what is above 20 GiB."""
    price = PRICES["fargate storage above 20 GiB"]
    return Item(f"Fargate storage, {gib} GiB a task", price.usd * max(0, gib - 20), count, price.date)


def control_planes(count: int, *, extended: bool = False) -> Item:
    """`count` control planes of EKS, on versions in standard or in extended support. ECS charges for none."""
    what = "EKS control plane, extended support" if extended else "EKS control plane"
    return _hourly(what, f"eks{what.removeprefix('EKS')}", count)


def global_accelerators(count: int) -> Item:
    """`count` accelerators of Global Accelerator; the data that they carry is charged besides."""
    return _hourly("Global Accelerator", "global accelerator", count)


def instances(count: int, instance_type: str) -> Item:
    """`count` EC2 instances; not priced where the table does not have the type."""
    price = PRICES.get(f"ec2 {instance_type}")
    return Item(f"EC2 {instance_type}", price.usd if price else None, count, price.date if price else "")


def load_balancers(kind: str = "application", count: int = 1) -> Item:
    """`count` load balancers of a type, as the API names it; what they carry (capacity units) is charged besides."""
    what = f"{kind.capitalize()} Load Balancer"
    item = f"{kind} load balancer"
    return _hourly(what, item, count) if item in PRICES else unpriced(what, count)


def nat_gateways(count: int = 1) -> Item:
    """`count` NAT gateways; the data that they process is charged besides."""
    return _hourly("NAT gateway", "NAT gateway", count)


def stored(what: str, gib: float) -> Item:
    """What so much storage costs for an hour, of a month of MONTH_HOURS. `what`: "logs" or "images"; AWS's GB is 2**30
    bytes."""
    price = PRICES[f"{what}, stored"]
    return Item(f"{gib:.2f} GiB of {what}", price.usd * gib / MONTH_HOURS, 1, price.date)


def by_use(item: str) -> str:
    """What is charged besides by what is used, in words: "0.045 USD a GB (price of 2026-02-24)"."""
    price = PRICES[item]
    return f"{price.usd:g} USD a {price.unit} (price of {price.date})"


def public_addresses(count: int) -> Item:
    """`count` public IPv4 addresses in use: one of each public task, and of a load balancer one for each zone."""
    return _hourly("public IPv4 address", "public IPv4 address", count)


def _hourly(what: str, item: str, count: int) -> Item:
    return Item(what, PRICES[item].usd, count, PRICES[item].date)


def unpriced(what: str, count: int = 1) -> Item:
    """Something that a real account is charged for and no dated price here covers: a secret, a task on Spot."""
    return Item(what, None, count)


@dataclass(frozen=True)
class Estimate:
    """What `items` cost over `hours`. `usd` is the priced part; `not_priced` lists what it leaves out."""

    items: Sequence[Item]
    hours: float
    region: str = "us-east-1"

    @property
    def usd(self) -> float:
        return sum((item.usd_per_hour or 0.0) * item.count for item in self.items) * self.hours

    @property
    def not_priced(self) -> list[str]:
        return [item.what for item in self.items if item.usd_per_hour is None]

    def rows(self) -> list[tuple[str, int, str, str]]:
        """(what, how many, USD per hour, date of the price) for a table."""
        return [
            (
                item.what,
                item.count,
                "not priced" if item.usd_per_hour is None else f"{item.usd_per_hour * item.count:.5f}",
                item.dated,
            )
            for item in self.items
        ]

    def __str__(self) -> str:
        if not self.items:
            return "Nothing here is charged by the hour."
        dates = sorted({item.dated for item in self.items if item.dated})
        if not dates:
            where = "" if self.region == PRICED else f" in {self.region}"
            return f"Not priced{where}: {', '.join(self.not_priced)}"
        text = f"${self.usd:.4f} for {self.hours:g} h ({self.region}, prices of {', '.join(dates)})"
        return text + (f"; not priced: {', '.join(self.not_priced)}" if self.not_priced else "")


def estimate(items: Iterable[Item], hours: float, *, region: str = "us-east-1") -> Estimate:
    """What `items` would cost in `hours`.

    In another region than the table's nothing is priced: a price of one region is not shown for another.
    """
    is_priced = region == PRICED
    return Estimate(tuple(item if is_priced else unpriced(item.what, item.count) for item in items), hours, region)


@dataclass(frozen=True)
class Change:
    """What is charged by the hour before something, and after it."""

    before: Sequence[Item]
    after: Sequence[Item]
    region: str = PRICED

    @property
    def usd_per_hour(self) -> float:
        """What the priced part costs more after it; less where it is below 0."""
        return estimate(self.after, 1, region=self.region).usd - estimate(self.before, 1, region=self.region).usd

    @property
    def not_priced(self) -> list[str]:
        """What comes or goes and has no price here."""
        before, after = (estimate(items, 1, region=self.region) for items in (self.before, self.after))
        return [
            f"{item.count} × {item.what} {word}"
            for items, others, word in ((before.items, after.items, "before"), (after.items, before.items, "after"))
            for item in items
            if item.usd_per_hour is None and item.count and item not in others
        ]

    def __str__(self) -> str:
        dates = sorted({item.dated for item in (*self.before, *self.after) if item.dated})
        left_out = f"Not priced: {'; '.join(self.not_priced)}." if self.not_priced else ""
        hour = self.usd_per_hour
        if not dates or self.region != PRICED:
            return left_out or "Nothing that is charged by the hour changes."
        if abs(hour) < 1e-9:
            return " ".join(filter(None, ["No change in what is charged by the hour and priced here.", left_out]))
        sign = "+" if hour > 0 else "−"
        told = (
            f"{sign}${abs(hour):.4f} an hour, {sign}${abs(hour) * MONTH_HOURS:.2f} a month of {MONTH_HOURS} hours "
            f"({self.region}, on demand, prices of {', '.join(dates)})."
        )
        return " ".join(filter(None, [told, left_out]))


def charged(cloud: Cloud, kind: str, identifier: str) -> list[Item]:
    """What of a resource of this kind, as `drydock.resources` names it, is charged by the hour, as it is now."""
    if kind == "ECS task":
        return _tasks(cloud, identifier.split("/")[-2], [identifier])
    if kind == "ECS service":
        cluster, name = identifier.split("/")
        arns = cloud.client("ecs").list_tasks(cluster=cluster, serviceName=name)["taskArns"]
        return _tasks(cloud, cluster, arns) if arns else []
    if kind == "load balancer":
        elbv2 = cloud.client("elbv2")
        one = elbv2.describe_load_balancers(LoadBalancerArns=[identifier])["LoadBalancers"][0]
        return [load_balancers(one.get("Type", "application")), public_addresses(len(one["AvailabilityZones"]))]
    return []


def _tasks(cloud: Cloud, cluster: str, arns: list[str]) -> list[Item]:
    """Tasks of one size are one item; their public addresses another."""
    tasks = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    sizes = Counter((int(task["cpu"]), int(task["memory"])) for task in tasks)
    items = [fargate_tasks(count, cpu=cpu, memory=memory) for (cpu, memory), count in sizes.items()]
    details = [detail for task in tasks for each in task.get("attachments", ()) for detail in each["details"]]
    ids = [detail["value"] for detail in details if detail["name"] == "networkInterfaceId"]
    wanted = [{"Name": "network-interface-id", "Values": ids}]
    found = cloud.client("ec2").describe_network_interfaces(Filters=wanted)["NetworkInterfaces"] if ids else []
    public = [one for one in found if one.get("Association", {}).get("PublicIp")]
    return [*items, public_addresses(len(public))] if public else items


@dataclass
class Cap:
    """Stops a real account's creating calls once what the estimate says has been spent. One of `Cloud.listeners`.

    Counts from when it is made, as if everything estimated had stood since then: it is early rather than late.
    Deleting and reading go on.
    """

    cloud: Cloud
    estimate: Estimate
    since: float = field(default_factory=time.monotonic)

    def asked(self, call: Call) -> None:
        pass

    def sending(self, call: Call) -> None:
        """Raises CloudRefused, naming both sums, before the call leaves."""
        if self.estimate.hours and call.operation.startswith(("Create", "Run", "Register", "Update", "Put", "Start")):
            hours = (time.monotonic() - self.since) / 3600
            spent = self.estimate.usd * hours / self.estimate.hours
            self.cloud.afford(spent, f"What has run for {hours:.1f} h")

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        pass
