"""What managed-or-self-managed-nodes draws, asks and shows: what a node holds, and who looks after it."""

from __future__ import annotations

from drydock.concepts import checks, eks
from drydock.concepts.drawing import LAYOUT
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import eks_nodes
from drydock.policy.kubernetes.scheduling import Cluster, Pod
from drydock.pricing import MONTH_HOURS, PRICES, ec2_hour

SYSTEM = (
    ("aws-node (network)", 50, 0),
    ("kube-proxy", 100, 0),
)
"""DaemonSets that every node has: name, millicores and MiB that each requests, as EKS sets them up."""

DUTIES = (
    ("makes the Auto Scaling group", "EKS", "you", "there is none", "there is none"),
    ("picks the image", "EKS, or you by a launch template", "you", "you, by alias or id", "AWS"),
    ("starts an update of the image", "you", "you", "Karpenter, by drift, within its budgets", "AWS"),
    ("drains a node that goes", "EKS", "you, or a handler of yours", "Karpenter", "AWS"),
    ("answers a notice of Spot", "EKS", "a handler of yours", "Karpenter, by a queue", "AWS"),
    ("picks the instance type", "you, a list", "you, a list", "Karpenter, of what you allow", "AWS, of what you allow"),
    ("adds nodes for pending pods", "Cluster Autoscaler", "Cluster Autoscaler", "Karpenter", "AWS"),
    ("lets you log in to the node", "yes", "yes", "yes", "no"),
    ("costs besides the instances", "nothing", "nothing", "nothing", "a fee for each instance"),
)
"""Who does what: managed node group, self-managed, Karpenter, EKS Auto Mode."""


def limits(name: str, pod_cpu: int, pod_memory: int, *, prefixes: bool = False) -> dict[str, int]:
    """How many pods a node holds by each of its limits, its own DaemonSets taken off."""
    checks.whole("pod_cpu", pod_cpu, 1, 64_000)
    checks.whole("pod_memory", pod_memory, 1, 512 * 1024)
    node = eks.node(name, prefixes=prefixes)
    cluster = Cluster([node])
    for daemon, cpu, memory in SYSTEM:
        cluster.bind(Pod(daemon, {"cpu": cpu, "memory": memory * eks.MIB}, of_daemon_set=True), name)
    free = cluster.free(name)
    found = {
        "CPU": free["cpu"] // pod_cpu,
        "memory": free["memory"] // (pod_memory * eks.MIB),
        "addresses": free["pods"],
    }
    assert min(found.values()) == cluster.room(Pod("p", {"cpu": pod_cpu, "memory": pod_memory * eks.MIB}), name)
    return found


def question(instance_type: str, pod_cpu: int, pod_memory: int) -> Question:
    """How many such pods a node holds."""
    name = eks.one_type(instance_type)
    found = limits(name, pod_cpu, pod_memory)
    least = min(found, key=lambda one: found[one])
    node = eks.node(name)
    return Question(
        f"A pod requests {pod_cpu} m and {pod_memory} MiB. How many of them run on one {name} with "
        f"{node.whole['cpu'] // 1000} vCPU and {node.whole['memory'] // eks.GIB} GiB, as EKS sets it up?",
        found[least],
        f"By CPU {found['CPU']}, by memory {found['memory']}. Each pod has an address of the VPC, too: an {name} has "
        f"some for {eks.max_pods(name)} pods, of which {len(SYSTEM)} are the node's own. That leaves "
        f"{found['addresses']}. "
        f"The least of the three decides: {least}.",
    )


def density(types: str, pod_cpu: int, pod_memory: int) -> Figure:
    """How many pods each type holds, with single addresses and with prefixes, and what a pod costs then."""
    names = eks.types(types)
    plain = {name: limits(name, pod_cpu, pod_memory) for name in names}
    dense = {name: limits(name, pod_cpu, pod_memory, prefixes=True) for name in names}
    held = {name: (min(plain[name].values()), min(dense[name].values())) for name in names}
    rows = []
    for name in names:
        one, many = held[name]
        rows.append(
            (
                name,
                plain[name]["CPU"],
                plain[name]["memory"],
                plain[name]["addresses"],
                dense[name]["memory"],
                dense[name]["addresses"],
                one,
                many,
                f"{ec2_hour(name) * MONTH_HOURS / one:.2f}" if one else "",
                f"{ec2_hour(name) * MONTH_HOURS / many:.2f}" if many else "",
            )
        )
    if not any(many for _, many in held.values()):
        raise ValueError(
            f"Not one pod of {pod_cpu} m and {pod_memory} MiB fits on any of {', '.join(names)}: take less of "
            "pod_cpu and pod_memory, or larger types."
        )
    best = max(names, key=lambda name: held[name][1])
    return Figure(
        f"Pods of {pod_cpu} m and {pod_memory} MiB: one {best} holds {held[best][0]}, with prefixes {held[best][1]}",
        (
            "Type", "by CPU", "by memory", "by addresses", "by memory, prefixes", "by prefixes", "Pods",
            "Pods with prefixes", f"USD a pod in {MONTH_HOURS} h", "with prefixes",
        ),
        rows,
        [
            {"type": "bar", "name": label, "x": names, "y": [held[name][place] for name in names],
             "marker": {"color": COLOURS[place]}}
            for place, label in enumerate(("single addresses", "prefixes of 16"))
        ],
        {
            "barmode": "group",
            "xaxis": {"title": {"text": "instance type"}, "type": "category"},
            "yaxis": {"title": {"text": "pods that one node holds"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )  # fmt: skip


def duties() -> Figure:
    """Who looks after the nodes."""
    return Figure(
        "Who does what",
        ("What", "Managed node group", "Self-managed", "Karpenter", "EKS Auto Mode"),
        DUTIES,
    )


def updates(instance_type: str, nodes: int, zones: int, drain_minutes: int) -> Figure:
    """What an update of a managed group takes, by how many nodes may be unavailable."""
    name = eks.one_type(instance_type)
    checks.whole("nodes", nodes, 1, 450)
    checks.whole("zones", zones, 1, 6)
    checks.whole("drain_minutes", drain_minutes, 0, 15)
    rows = []
    for unavailable in sorted({min(one, nodes) for one in (1, 2, 5, 10, 33)}):
        first, rounds = eks_nodes.update(nodes, zones=zones, max_unavailable=unavailable)
        minutes = rounds * (drain_minutes + 1)
        extra = first * ec2_hour(name) * minutes / 60
        rows.append((unavailable, first, rounds, f"{minutes // 60} h {minutes % 60} min", f"{extra:.2f}"))
    return Figure(
        f"An update of {nodes} {name} in {zones} zones, {drain_minutes} minutes for a node to drain. us-east-1, prices "
        f"of {PRICES[f'ec2 {name}'].date}",
        ("Unavailable at once", "New nodes first, at most", "Rounds", "At least", "USD for the new nodes meanwhile"),
        rows,
    )
