"""What ecs-or-eks draws, asks and shows: the same tasks under both orchestrators, and who does which work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drydock import pricing
from drydock.concepts import checks, cost_explorer
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import cost
from drydock.policy.right_sizing import Size
from drydock.pricing import MONTH_HOURS, PRICES, SHAPES, ec2_hour

SMALL = 5
"""Percent of the bill below which the question takes a control plane's fee for small. Our own choice."""

WORK = (
    ("the control plane", "AWS, no fee", "AWS, no fee", "AWS, a fee", "AWS, a fee", "AWS, a fee"),
    ("upgrades of the orchestrator", "AWS", "AWS", "you, every few months", "you start, AWS does nodes", "you start"),
    ("instances: choice, patches, scaling", "AWS", "you", "you; AWS replaces them", "AWS", "AWS"),
    ("DNS, network plugin, load balancers", "built in", "built in", "you, as add-ons", "AWS", "you, as add-ons"),
    ("an agent on each host", "not possible", "daemon service", "DaemonSet", "DaemonSet", "not possible"),
    ("canary and blue/green", "built in", "built in", "Argo Rollouts, Flagger", "Argo Rollouts, Flagger",
     "Argo Rollouts, Flagger"),
    ("Helm, operators, custom resources", "no", "no", "yes", "yes", "yes"),
    ("elsewhere than on AWS", "ECS Anywhere: own machines", "ECS Anywhere: own machines", "any Kubernetes",
     "any Kubernetes", "any Kubernetes"),
)  # fmt: skip

WORDS = (
    ("task definition", "pod template"),
    ("task", "pod"),
    ("service", "Deployment and Service"),
    ("capacity provider", "node group, NodePool"),
    ("Fargate launch type", "Fargate profile"),
    ("task role", "Pod Identity association, or IRSA"),
    ("Service Connect, Cloud Map", "Service, CoreDNS, a mesh"),
    ("Application Auto Scaling", "HorizontalPodAutoscaler"),
    ("deployment circuit breaker", "progressDeadlineSeconds, and a controller that rolls back"),
    ("placement strategy and constraint", "affinity, topologySpreadConstraints"),
)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The tasks. `tasks_percent`: the part of each instance that they may reserve."""

    tasks: int
    cpu: int
    memory: int
    instance_type: str
    tasks_percent: int
    clusters: int

    def __post_init__(self) -> None:
        checks.whole("tasks", self.tasks, 1)
        checks.fargate_task(self.cpu, self.memory)
        checks.one_of("instance_type", self.instance_type, tuple(SHAPES))
        checks.whole("tasks_percent", self.tasks_percent, 1, 100)
        checks.whole("clusters", self.clusters, 1)

    @property
    def instances(self) -> int:
        """Whole ones. Raises ValueError where not one task fits on one."""
        shape = SHAPES[self.instance_type]
        fit = cost.tasks_that_fit(
            self.cpu / 1024,
            self.memory / 1024,
            instance_vcpu=shape.vcpu,
            instance_gb=shape.gb,
            tasks_share=self.tasks_percent / 100,
        )
        return cost.instances_needed(self.tasks, fit)

    def pod(self) -> Size:
        """What Fargate charges for one of the tasks as a pod."""
        return cost_explorer.charged_size(cost_explorer.checked(orchestrator="EKS", cpu=self.cpu, memory=self.memory))

    def ways(self) -> tuple[tuple[str, float, float], ...]:
        """(way, USD an hour of the compute, USD an hour of the control planes)."""
        instances = self.instances * ec2_hour(self.instance_type)
        tasks, pods = (self.tasks * _fargate(size) for size in (Size(self.cpu, self.memory), self.pod()))
        standard, extended = (
            pricing.estimate([pricing.control_planes(self.clusters, extended=one)], 1).usd for one in (False, True)
        )
        return (
            ("ECS on Fargate", tasks, 0.0),
            (f"ECS on {self.instance_type}", instances, 0.0),
            ("EKS on Fargate", pods, standard),
            (f"EKS on {self.instance_type}", instances, standard),
            (f"EKS on {self.instance_type}, extended support", instances, extended),
        )


def question(cpu: int, memory: int) -> Question:
    """From how many pods on Fargate on a control plane is less than `SMALL` percent of the bill. Raises ValueError."""
    fleet = Fleet(tasks=1, cpu=cpu, memory=memory, instance_type="m5.large", tasks_percent=100, clusters=1)
    fee, pod = PRICES["eks control plane"].usd, _fargate(fleet.pod())
    least = math.floor(fee * (100 / SMALL - 1) / pod) + 1
    return Question(
        f"One EKS cluster runs pods of {cpu} CPU units and {memory} MiB on Fargate, and nothing else is charged. How "
        f"many pods does it take at least for the control plane to be less than {SMALL} % of the bill? An answer "
        "within 15 % counts.",
        least,
        f"The fee is {fee:.2f} USD an hour. A pod is charged as {fleet.pod()}, {pod:.5f} USD an hour. At {least} pods "
        f"the fee is {percent(fee / (fee + least * pod), 2)} of the bill.",
        within=0.15,
    )


def compare(tasks: int, cpu: int, memory: int, instance_type: str, tasks_percent: int, clusters: int) -> Figure:
    """The month's bill of the same tasks, five ways: compute below, control planes on top. Raises ValueError."""
    fleet = Fleet(
        tasks=tasks, cpu=cpu, memory=memory, instance_type=instance_type, tasks_percent=tasks_percent, clusters=clusters
    )
    ways = fleet.ways()
    first = ways[0][1]
    return Figure(
        f"Tasks: {tasks}, each of {cpu} CPU units and {memory} MiB; as pods charged as {fleet.pod()}",
        ("Way", f"Compute, USD in {MONTH_HOURS} h", "Control planes", "Both", "Of it control planes", "First line = 1"),
        [
            (
                name,
                f"{compute * MONTH_HOURS:,.2f}",
                f"{fee * MONTH_HOURS:,.2f}",
                f"{(compute + fee) * MONTH_HOURS:,.2f}",
                percent(fee / (compute + fee), 1),
                f"{(compute + fee) / first:.2f}",
            )
            for name, compute, fee in ways
        ],
        [
            {
                "type": "bar",
                "name": name,
                "x": [way[0].replace(" on ", "<br>on ").replace(", ", ",<br>") for way in ways],
                "y": [round(hour * MONTH_HOURS, 2) for hour in hours],
                "marker": {"color": colour},
            }
            for name, hours, colour in (
                ("compute", [way[1] for way in ways], COLOURS[0]),
                ("control planes", [way[2] for way in ways], COLOURS[1]),
            )
        ],
        {
            "barmode": "stack",
            "yaxis": {"title": {"text": f"USD in {MONTH_HOURS} h"}, "rangemode": "tozero"},
            **LAYOUT,
            "margin": {"l": 70, "r": 20, "t": 85, "b": 100},
            "height": 450,
        },
    )


def by_size(cpu: int, memory: int, instance_type: str, tasks_percent: int, clusters: int) -> Figure:
    """The part of the bill that is control planes, on instances, by the number of tasks and by support."""
    sizes = (1, 5, 10, 50, 100, 500, 1000)
    rows: list[Sequence[str]] = []
    for tasks in sizes:
        fleet = Fleet(
            tasks=tasks, cpu=cpu, memory=memory, instance_type=instance_type, tasks_percent=tasks_percent,
            clusters=clusters,
        )  # fmt: skip
        *_, (_, compute, standard), (_, _, extended) = fleet.ways()
        rows.append(
            (
                f"{tasks}",
                f"{fleet.instances}",
                f"{compute * MONTH_HOURS:,.2f}",
                percent(standard / (compute + standard), 1),
                percent(extended / (compute + extended), 1),
            )
        )
    return Figure(
        f"Control planes as a part of the bill on {instance_type}; EKS clusters: {clusters}",
        ("Tasks", "Instances", f"Compute, USD in {MONTH_HOURS} h", "Standard support", "Extended support"),
        rows,
    )


def merged(clusters: int) -> Figure:
    """What one cluster in place of several saves, in fees. Raises ValueError."""
    checks.whole("clusters", clusters, 1)
    standard, extended = PRICES["eks control plane"].usd, PRICES["eks control plane, extended support"].usd
    return Figure(
        "Fees of control planes, USD a month of 730 h",
        ("Clusters", "Standard support", "Extended support", "Saved by having one of them"),
        [
            (
                count,
                f"{count * standard * MONTH_HOURS:,.2f}",
                f"{count * extended * MONTH_HOURS:,.2f}",
                f"{(count - 1) * standard * MONTH_HOURS:,.2f}",
            )
            for count in sorted({1, 2, 5, 10, clusters})
        ],
    )


def work() -> Figure:
    """Who does what."""
    return Figure(
        "Who does it",
        ("Work", "ECS on Fargate", "ECS on EC2", "EKS, managed node groups", "EKS Auto Mode", "EKS on Fargate"),
        WORK,
    )


def words() -> Figure:
    """What is called how."""
    return Figure("The same thing, named twice", ("ECS", "EKS"), WORDS)


def _fargate(size: Size) -> float:
    return pricing.fargate_hour(size.cpu / 1024, size.memory / 1024)
