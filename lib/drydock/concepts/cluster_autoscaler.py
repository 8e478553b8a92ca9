"""What cluster-autoscaler draws, asks and shows: groups of nodes that could grow, and nodes that could go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drydock.concepts import checks, eks
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import cluster_autoscaler as ca
from drydock.policy.kubernetes.cluster_autoscaler import Estimate, Expander, Group, Option
from drydock.policy.kubernetes.scheduling import HOSTNAME, ZONE, Cluster, Node, Pod, Spread, preemption
from drydock.policy.kubernetes.scheduling.model import equal
from drydock.pricing import MONTH_HOURS, PRICES, ec2_hour

EXPANDERS = ("least-waste", "most-pods", "least-nodes", "random", "priority")
MORE = 4
"""The question is about so many pods more than the tables have."""
MOST_PODS = 500
_LABELS = {"app": "web"}


def pod(pod_cpu: int, pod_memory: int, spread: tuple[Spread, ...] = ()) -> Pod:
    """`pod_cpu` in millicores, `pod_memory` in MiB."""
    checks.whole("pod_cpu", pod_cpu, 1, 192_000)
    checks.whole("pod_memory", pod_memory, 1, 768 * 1024)
    return Pod("web", {"cpu": pod_cpu, "memory": pod_memory * eks.MIB}, labels=_LABELS, spread=spread)


def estimate(name: str, pods: int, pod_cpu: int, pod_memory: int, max_nodes: int) -> Estimate:
    """What Cluster Autoscaler expects of a group of this instance type that may add `max_nodes`."""
    checks.whole("pods", pods, 1, MOST_PODS + MORE)
    checks.whole("max_nodes", max_nodes, 1, 1000)
    found = ca.estimate([Group(pod(pod_cpu, pod_memory), pods)], eks.node(name), max_nodes=max_nodes)
    assert found.pods <= pods and found.nodes <= max_nodes
    return found


def options(types: str, pods: int, pod_cpu: int, pod_memory: int, max_nodes: int) -> list[Option]:
    """The groups that would help, one for each instance type."""
    checks.whole("pods", pods, 1, MOST_PODS)
    one = pod(pod_cpu, pod_memory)
    found = []
    for name in eks.types(types):
        expected = estimate(name, pods, pod_cpu, pod_memory, max_nodes)
        if expected.nodes:
            found.append(Option(name, expected.nodes, eks.node(name), (one,) * expected.pods, ec2_hour(name)))
    return found


def tiers(manifest: str) -> dict[int, list[str]]:
    """The priorities of a ConfigMap cluster-autoscaler-priority-expander."""
    import yaml

    read = yaml.safe_load(yaml.safe_load(manifest)["data"]["priorities"])
    return {int(tier): list(patterns) for tier, patterns in read.items()}


def expanders(text: str, priorities: dict[int, list[str]]) -> list[Expander]:
    """Of what stands after --expander=, names with commas between them. Raises ValueError for one there is not."""
    known: dict[str, Expander] = {
        "least-waste": ca.least_waste,
        "most-pods": ca.most_pods,
        "least-nodes": ca.least_nodes,
        "priority": ca.by_priority(priorities),
        "random": list,
    }
    names = [name.strip() for name in str(text).split(",")]
    for name in names:
        if name not in known:
            raise ValueError(f"expander {name!r} is none of {', '.join(EXPANDERS)}. (price is not to be had on AWS.)")
    return [known[name] for name in names]


def question(types: str, pods: int, pod_cpu: int, pod_memory: int, max_nodes: int) -> Question:
    """How many nodes of the first type more pods need."""
    name = eks.types(types)[0]
    checks.whole("pods", pods, 1, MOST_PODS)
    wanted = pods + MORE
    found = estimate(name, wanted, pod_cpu, pod_memory, max_nodes)
    node = eks.node(name)
    free = node.allocatable
    fit = Cluster([node]).room(pod(pod_cpu, pod_memory), name)
    limit = f" The group may add {max_nodes} at most." if found.pods < wanted else ""
    return Question(
        f"{wanted} pods are pending; each requests {pod_cpu} m of CPU and {pod_memory} MiB. The group has nodes of "
        f"{name}, which EC2 sells with {node.whole['cpu'] // 1000} vCPU and {node.whole['memory'] // eks.GIB} GiB, and "
        f"may add {max_nodes}. How many does Cluster Autoscaler add?",
        found.nodes,
        f"Pods may request {free['cpu']} m and {free['memory'] // eks.MIB:,} MiB of a node, and {free['pods']} may "
        f"run: the kubelet and the system keep the rest. So {fit} of these pods fit on one, and {wanted} need "
        f"{-(-wanted // fit) if fit else 'a larger node'}.{limit}",
    )


def sizes(types: str) -> Figure:
    """What EC2 sells and what pods may request of it."""
    rows = []
    for name in eks.types(types):
        node = eks.node(name)
        rows.append(
            (
                name,
                f"{node.whole['cpu']:,} m",
                f"{node.allocatable['cpu']:,} m",
                f"{node.whole['memory'] // eks.MIB:,} MiB",
                f"{node.allocatable['memory'] // eks.MIB:,} MiB",
                node.allocatable["pods"],
            )
        )
    columns = ("Instance type", "CPU", "CPU for pods", "Memory", "Memory for pods", "Pods at most")
    return Figure("What a node has, and what is left of it for pods", columns, rows)


def compare(
    types: str,
    priorities: dict[int, list[str]],
    *,
    pods: int,
    pod_cpu: int,
    pod_memory: int,
    max_nodes: int,
    expander: str,
) -> Figure:
    """Each group that would help: the parts of its new nodes that nobody requests, and which one the expander takes."""
    offered = options(types, pods, pod_cpu, pod_memory, max_nodes)
    if not offered:
        raise ValueError(_none_takes(types, pod_cpu, pod_memory))
    left = ca.choose(offered, expanders(expander, priorities))
    assert left and all(one in offered for one in left)
    taken = left[0].group if len(left) == 1 else "at random one of " + ", ".join(one.group for one in left)
    idle = {resource: [_idle(one, resource) for one in offered] for resource in ("cpu", "memory")}
    names = [one.group for one in offered]
    return Figure(
        f"{pods} pods of {pod_cpu} m and {pod_memory} MiB: {expander} takes {taken}",
        ("Group", "New nodes", "Pods placed", "Idle CPU", "Idle memory", "Waste", "USD an hour", ""),
        [
            (
                one.group,
                one.nodes,
                len(one.pods),
                percent(idle["cpu"][place], 1),
                percent(idle["memory"][place], 1),
                f"{ca.waste(one):.3f}",
                f"{one.nodes * ec2_hour(one.group):.4f}",
                "← taken" if one in left and len(left) == 1 else "← one of these" if one in left else "",
            )
            for place, one in enumerate(offered)
        ],
        [
            {
                "type": "bar",
                "name": f"{word} that nobody requests",
                "x": names,
                "y": [round(100 * part, 2) for part in idle[resource]],
                "marker": {
                    "color": colour,
                    "line": {"color": "#d55e00", "width": [3 if one in left else 0 for one in offered]},
                },
            }
            for resource, word, colour in (("cpu", "CPU", COLOURS[0]), ("memory", "memory", COLOURS[1]))
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "group of nodes, by its instance type"}, "type": "category"},
            "yaxis": {"title": {"text": "% of the new nodes, added up"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def _none_takes(types: str, pod_cpu: int, pod_memory: int) -> str:
    return f"No node of {', '.join(eks.types(types))} takes a pod of {pod_cpu} m and {pod_memory} MiB."


def _idle(option: Option, resource: str) -> float:
    return 1 - option.requested(resource) / (option.nodes * option.node.whole[resource])


def prices(
    types: str, priorities: dict[int, list[str]], pods: int, pod_cpu: int, pod_memory: int, max_nodes: int
) -> Figure:
    """What each expander's choice costs, beside the cheapest group that places as many pods."""
    offered = options(types, pods, pod_cpu, pod_memory, max_nodes)
    most = max((len(one.pods) for one in offered), default=0)
    cheapest = min((one.nodes * ec2_hour(one.group) for one in offered if len(one.pods) == most), default=0.0)
    rows: list[tuple[object, ...]] = []
    for name in EXPANDERS:
        left = ca.choose(offered, expanders(name, priorities))
        hours = sorted({one.nodes * ec2_hour(one.group) for one in left})
        rows.append(
            (
                name,
                " or ".join(one.group for one in left),
                " or ".join(f"{hour:.4f}" for hour in hours),
                " or ".join(f"{hour * MONTH_HOURS:,.2f}" for hour in hours),
                " or ".join(percent(hour / cheapest - 1) for hour in hours),
            )
        )
    dated = PRICES[f"ec2 {offered[0].group}"] if offered else PRICES["ec2 m5.large"]
    return Figure(
        f"What the new nodes cost by expander. On demand, {dated.region}, prices of {dated.date}",
        ("Expander", "Takes", "USD an hour", f"USD in {MONTH_HOURS} h", "Above the cheapest"),
        rows,
    )


def spread_over_zones(types: str, pods: int, pod_cpu: int, pod_memory: int) -> Figure:
    """What one look expects of the first group that helps, with pods that spread over three zones of full nodes."""
    name = next((one.group for one in options(types, pods, pod_cpu, pod_memory, 1)), "")
    if not name:
        raise ValueError(_none_takes(types, pod_cpu, pod_memory))
    zones = ("us-east-1a", "us-east-1b", "us-east-1c")
    full = [_in(name, zone, f"old-{zone}", room=False) for zone in zones]
    rows: list[tuple[object, ...]] = []
    for skew in (1, 2, 5):
        one = pod(pod_cpu, pod_memory, (Spread(equal(_LABELS), skew, ZONE),))
        found = ca.estimate([Group(one, pods)], _in(name, zones[0], "new"), existing=full)
        assert found.pods == min(pods, skew)
        rows.append((skew, found.nodes, found.pods, pods - found.pods))
    alone = estimate(name, pods, pod_cpu, pod_memory, 1000)
    rows.append(("no constraint", alone.nodes, alone.pods, pods - alone.pods))
    return Figure(
        f"{pods} pods that spread over three zones, a group of {name}: what one look expects",
        ("maxSkew", "New nodes", "Pods placed", "Pods left for a later look"),
        rows,
    )


def _in(name: str, zone: str, called: str, *, room: bool = True) -> Node:
    node = eks.node(name)
    free = node.allocatable if room else {**node.allocatable, "pods": 0}
    return Node(called, free, {**node.labels, ZONE: zone, HOSTNAME: called}, capacity=node.capacity)


LOADS: tuple[tuple[str, Sequence[tuple[str, int, dict[str, Any]]]], ...] = (
    ("node-a", [("web-1", 300, {}), ("web-2", 300, {})]),
    ("node-b", [("web-3", 500, {}), ("logs", 200, {"of_daemon_set": True})]),
    ("node-c", [("batch", 1200, {})]),
    ("node-d", [("web-4", 400, {"node_selector": {"disk": "local"}})]),
)
"""An example of four nodes: pods, the millicores that each requests, and what else they say."""


def cluster() -> Cluster:
    """The four nodes of `LOADS`, each an m5.large. The last has a label that its pod asks for."""
    found = Cluster()
    for name, pods in LOADS:
        node = eks.node("m5.large")
        labels = {**node.labels, "disk": "local"} if name == "node-d" else node.labels
        found.add(
            Node(name, node.allocatable, labels, capacity=node.capacity),
            [Pod(one, {"cpu": cpu, "memory": 256 * eks.MIB}, **more) for one, cpu, more in pods],
        )
    return found


def shrink(threshold_percent: int) -> Figure:
    """Which of the four nodes can go at this threshold, in per cent, and where their pods would go."""
    checks.whole("threshold_percent", threshold_percent, 0, 100)
    found = ca.scale_down(cluster(), threshold=threshold_percent / 100)
    rows = [
        (
            one.node,
            percent(one.utilization, 1),
            "goes" if not one.reason else "stays",
            one.reason or ", ".join(f"{name} to {where}" for name, where in one.to.items()) or "it is empty",
        )
        for one in found
    ]
    going = sum(not one.reason for one in found)
    return Figure(
        f"Four nodes at a threshold of {threshold_percent} %: {going} can go",
        ("Node", "Requested", "", "Why, or where its pods go"),
        rows,
    )


def timeline(added: int, unneeded: int) -> Figure:
    """When a node goes that was added at one second and is unneeded from another on."""
    checks.whole("added", added, 0)
    checks.whole("unneeded", unneeded, 0)
    after = ca.removable_after(unneeded, last_added=added)
    return Figure(
        f"A node is added at {added} s and unneeded from {unneeded} s on: it goes after {after:g} s",
        ("What", "Second"),
        [
            ("the last new node joins", added),
            ("little enough is requested", unneeded),
            ("--scale-down-unneeded-time is over", unneeded + ca.UNNEEDED_TIME),
            ("--scale-down-delay-after-add is over", added + ca.DELAY_AFTER_ADD),
            ("both are over", f"{after:g}"),
        ],
    )


def headroom() -> Figure:
    """A full node with a pod that only holds room: what happens to it and to one that does not when another comes."""
    node = eks.node("m5.large")
    rows = []
    for what, priority in (
        ("a pod that holds room", ca.PRIORITY_CUTOFF),
        ("a pod below the cutoff", -11),
        ("a web server", 0),
    ):
        trial = Cluster([node])
        held = Pod(what, {"cpu": 1500}, priority=priority)
        trial.bind(held, node.name)
        found = preemption.preempt(Pod("new", {"cpu": 1000}, priority=0), trial)
        goes = found is not None
        assert goes == (priority < 0)
        then = "starts at once" if goes else "waits for a new node"
        adds = "yes" if not goes or priority >= ca.PRIORITY_CUTOFF else "no"
        rows.append((what, priority, "goes" if goes else "stays", then, adds))
    return Figure(
        "A node with 430 m left, and a new pod of 1,000 m and priority 0",
        ("On the node", "Its priority", "It", "The new pod", "Cluster Autoscaler adds a node"),
        rows,
    )
