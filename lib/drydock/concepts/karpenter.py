"""What karpenter draws, asks and shows: nodes for pods, and fewer nodes when pods are gone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from drydock.concepts import checks, eks
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import migration
from drydock.policy.kubernetes.karpenter import budgets, consolidation, drift, provisioning
from drydock.policy.kubernetes.karpenter.consolidation import Move, Running
from drydock.policy.kubernetes.karpenter.offers import (
    ON_DEMAND,
    POLICIES,
    SPOT,
    InstanceType,
    NodePool,
    Offering,
    instance_type,
)
from drydock.policy.kubernetes.karpenter.provisioning import NewNode, Plan
from drydock.policy.kubernetes.karpenter.requirements import CAPACITY_TYPE, requirements
from drydock.policy.kubernetes.karpenter.requirements import ZONE as TOPOLOGY_ZONE
from drydock.policy.kubernetes.scheduling import HOSTNAME, Node, Pod, Spread, Taint
from drydock.policy.kubernetes.scheduling.model import equal
from drydock.pricing import MONTH_HOURS, PRICES, ec2_hour

MEMORY_OVERHEAD = 0.075
"""The part of an instance's memory that Karpenter takes for its hypervisor: --vm-memory-overhead-percent."""
ZONE = "us-east-1a"
ZONES = (ZONE, "us-east-1b", "us-east-1c")
LARGE, XLARGE = "m5.large", "m5.xlarge"


def offered(types: str, spot_discount: float = 0.0, zones: Sequence[str] = (ZONE,)) -> list[InstanceType]:
    """The instance types, on demand, and with a discount as Spot too; at the same price in each zone."""
    found = []
    for name in eks.types(types):
        node = eks.node(name)
        price = ec2_hour(name)
        kinds = {ON_DEMAND: price, **({SPOT: price * (1 - spot_discount)} if spot_discount else {})}
        family, size = name.split(".")
        kept = {"memory": node.allocatable["memory"] - int(node.whole["memory"] * MEMORY_OVERHEAD)}
        found.append(
            instance_type(
                name,
                capacity=node.whole,
                allocatable={**node.allocatable, **kept},
                offerings=[Offering(zone, kind, each) for kind, each in kinds.items() for zone in zones],
                labels={
                    "karpenter.k8s.aws/instance-family": family,
                    "karpenter.k8s.aws/instance-category": family[0],
                    "karpenter.k8s.aws/instance-generation": family[1],
                    "karpenter.k8s.aws/instance-size": size,
                    "karpenter.k8s.aws/instance-cpu": str(node.whole["cpu"] // 1000),
                },
                architecture=node.labels["kubernetes.io/arch"],
            )
        )
    return found


def manifests(text: str) -> list[dict[str, Any]]:
    import yaml

    return [dict(one) for one in yaml.safe_load_all(text)]


def pool(manifest: Mapping[str, Any]) -> NodePool:
    """A NodePool of its manifest. Limits of anything but whole CPUs are refused."""
    spec = manifest["spec"]
    limits = spec.get("limits") or {}
    if set(limits) - {"cpu"} or not isinstance(limits.get("cpu", 0), int):
        raise ValueError(f"Here limits are whole CPUs, such as cpu: 100, not {limits}.")
    disruption = spec.get("disruption") or {}
    template = spec["template"]
    return NodePool(
        manifest["metadata"]["name"],
        requirements(template["spec"]["requirements"]),
        spec.get("weight", 0),
        labels=template.get("metadata", {}).get("labels", {}),
        taints=tuple(Taint(**one) for one in template["spec"].get("taints", ())),
        limits={"cpu": 1000 * limits["cpu"]} if limits else {},
        policy=disruption.get("consolidationPolicy", "WhenEmptyOrUnderutilized"),
        consolidates=disruption.get("consolidateAfter") != "Never",
    )


def allowances(manifest: Mapping[str, Any]) -> list[budgets.Budget]:
    """The budgets of a NodePool's manifest; without any, the one that the API sets."""
    given = (manifest["spec"].get("disruption") or {}).get("budgets")
    if given is None:
        return [budgets.Budget()]
    return [budgets.Budget(**{**one, "reasons": tuple(one.get("reasons", ()))}) for one in given]


def pods(count: int, cpu: int, memory: int) -> list[Pod]:
    """So many, of `cpu` millicores and `memory` MiB each."""
    checks.whole("pods_at_noon", count, 1, 500)
    checks.whole("pod_cpu", cpu, 1, 8000)
    checks.whole("pod_memory", memory, 1, 32 * 1024)
    return [Pod(f"web-{n}", {"cpu": cpu, "memory": memory * eks.MIB}) for n in range(1, count + 1)]


def plan(one: NodePool, types: Sequence[InstanceType], asked: Sequence[Pod]) -> Plan:
    """What Karpenter would launch. Raises ValueError where a pod fits nowhere, with the reason."""
    found = provisioning.schedule(asked, [one], types)
    if found.unscheduled:
        name, why = next(iter(found.unscheduled.items()))
        raise ValueError(
            f"{len(found.unscheduled)} of {len(asked)} pods get no node. {name}: {why}. Fewer or smaller pods "
            "(pods_at_noon, pod_cpu, pod_memory) or other types may fit."
        )
    assert sum(len(node.pods) for node in found.new) == len(asked)
    return found


def launched(node: NewNode, name: str) -> Running:
    """The planned node as it runs: of its cheapest type."""
    of = node.cheapest
    taken = next(one for one in of.offerings if one.price == node.price and one.suits(node.requirements))
    there = Node(name, of.allocatable, capacity=of.capacity)
    return Running(there, node.pool, of.name, taken.zone, taken.capacity_type, node.price, tuple(node.pods))


def launches(one: NodePool, types: Sequence[InstanceType], asked: Sequence[Pod]) -> Figure:
    """The nodes for these pods, and which types each of them could have been."""
    found = plan(one, types, asked)
    rows = []
    for number, node in enumerate(found.new, 1):
        names = [each.name for each in node.types]
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        rows.append((number, len(node.pods), ", ".join(names[:4]) + more, node.cheapest.name, f"{node.price:.4f}"))
    return Figure(
        f"{len(asked)} pods: {len(found.new)} nodes, USD {sum(node.price for node in found.new):.4f} an hour",
        ("Node", "Pods", "Types that hold them, the cheapest first", "Taken", "USD an hour"),
        rows,
    )


def question(running_nodes: int) -> Question:
    """Of so many m5.large with a pod of one CPU each, how many go with the next move."""
    checks.whole("running_nodes", running_nodes, 2, 40)
    nodes, one, types = example(running_nodes)
    move = consolidation.consolidate(nodes, [one], types)
    gone = len(move.nodes) if move else 0
    asked = [f"{count} {'are a move' if found else 'are none'}" for count, found in halving(nodes, one, types)]
    return Question(
        f"{running_nodes} nodes run, each an {LARGE} with one pod that requests 1,000 m. The NodePool allows {LARGE} "
        f"and {XLARGE}, on demand. An {XLARGE} costs as much as two {LARGE}. How many of the nodes go in Karpenter's "
        "next consolidation?",
        gone,
        f"It asks about several nodes at once, and halves: {', '.join(asked)}. Two {LARGE} cost just what the {XLARGE} "
        f"costs that would hold their pods, so two are no move. Three cost more than one {XLARGE}, and the pods of "
        "four need two new nodes. A number that the halving does not come to is not tried. One alone has no cheaper "
        "place.",
    )


def example(count: int) -> tuple[list[Running], NodePool, list[InstanceType]]:
    types = offered(f"{LARGE} {XLARGE}")
    one = NodePool("general", requirements([{"key": CAPACITY_TYPE, "operator": "In", "values": [ON_DEMAND]}]))
    large = types[0]
    return (
        [
            Running(
                Node(f"node-{n:02}", large.allocatable, capacity=large.capacity),
                one.name,
                LARGE,
                ZONE,
                ON_DEMAND,
                ec2_hour(LARGE),
                (Pod(f"web-{n}", {"cpu": 1000, "memory": eks.GIB}),),
            )
            for n in range(1, count + 1)
        ],
        one,
        types,
    )


def halving(nodes: Sequence[Running], one: NodePool, types: Sequence[InstanceType]) -> list[tuple[int, Move | None]]:
    """How many nodes the search asks about, in its order, and what it finds."""
    asked = []
    low, high = 1, len(nodes) - 1
    while low <= high:
        middle = (low + high) // 2
        found = consolidation.together(nodes[: middle + 1], nodes, [one], types)
        asked.append((middle + 1, found))
        low, high = (middle + 1, high) if found else (low, middle - 1)
    return asked


def sets(running_nodes: int) -> Figure:
    """Each number of the nodes that could go together, and whether Karpenter asks about it."""
    nodes, one, types = example(running_nodes)
    asked = [count for count, _ in halving(nodes, one, types)]
    rows: list[tuple[object, ...]] = []
    for count in range(2, running_nodes + 1):
        found = consolidation.together(nodes[:count], nodes, [one], types)
        new = found.replacement.cheapest.name if found and found.replacement else ""
        saves = f"{found.saves:.4f}" if found else ""
        order = f"asked as number {asked.index(count) + 1}" if count in asked else "not asked"
        rows.append((count, "yes" if found else "no", new, saves, order))
    return Figure(
        f"{running_nodes} {LARGE} with 1,000 m requested on each: which of them could go together",
        ("Nodes", "A move", "Replaced by", "Saves, USD an hour", "Search"),
        rows,
    )


def course(
    one: NodePool,
    types: Sequence[InstanceType],
    *,
    pods_at_noon: int,
    pods_at_night: int,
    pod_cpu: int,
    pod_memory: int,
    policy: str,
    budget_percent: int,
) -> Figure:
    """What the nodes cost from noon on: pods go in the evening, and consolidation does one move after another."""
    steps, rest = _course(one, types, pods_at_noon, pods_at_night, pod_cpu, pod_memory, policy, budget_percent)
    costs = [sum(node.price for node in nodes) for _, nodes in steps]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(costs)), "a move cost money"
    saved = 1 - costs[-1] / costs[0]
    moves = len(steps) - 2
    labels = ["noon", "evening", *(f"move {n}" for n in range(1, len(steps) - 1))]
    return Figure(
        f"{pods_at_noon} pods at noon, {pods_at_night} at night, {policy}: {percent(saved)} cheaper after "
        f"{moves} move{'s' * (moves != 1)}{rest}",
        ("Step", "What happens", "Nodes", "USD an hour", f"USD in {MONTH_HOURS} h"),
        [
            (label, what, len(nodes), f"{cost:.4f}", f"{cost * MONTH_HOURS:,.2f}")
            for label, (what, nodes), cost in zip(labels, steps, costs, strict=True)
        ],
        [
            {
                "type": "bar",
                "name": "USD an hour",
                "showlegend": True,
                "x": labels,
                "y": [round(cost, 5) for cost in costs],
                "marker": {"color": COLOURS[0]},
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "nodes",
                "x": labels,
                "y": [len(nodes) for _, nodes in steps],
                "yaxis": "y2",
                "line": {"color": COLOURS[5], "shape": "hv"},
            },
        ],
        {
            "xaxis": {"title": {"text": "step"}, "type": "category"},
            "yaxis": {"title": {"text": "USD an hour"}, "rangemode": "tozero"},
            "yaxis2": {
                "title": {"text": "nodes"},
                "overlaying": "y",
                "side": "right",
                "rangemode": "tozero",
                "showgrid": False,
                "tickmode": "linear",
                "dtick": max(1, max(len(nodes) for _, nodes in steps) // 5),
            },
            **LAYOUT,
            "margin": {**LAYOUT["margin"], "r": 60},
        },
    )


MOST_MOVES = 12


def _course(
    one: NodePool,
    types: Sequence[InstanceType],
    noon: int,
    night: int,
    cpu: int,
    memory: int,
    policy: str,
    budget_percent: int,
) -> tuple[list[tuple[str, list[Running]]], str]:
    """The nodes after each step; and, where the first `MOST_MOVES` moves were not all, a word of that."""
    asked = pods(noon, cpu, memory)
    checks.whole("pods_at_night", night, 0, noon)
    checks.whole("budget_percent", budget_percent, 0, 100)
    if policy not in POLICIES:
        raise ValueError(f"policy {policy!r} is none of {', '.join(POLICIES)}.")
    pool_of = replace(one, policy=policy)
    nodes = [launched(node, f"node-{n:02}") for n, node in enumerate(plan(one, types, asked).new, 1)]
    steps = [(f"{noon} pods on new nodes", nodes)]
    stay = {pod.name for n, pod in enumerate(asked) if n * night % noon < night}
    nodes = [_with(node, [pod for pod in node.pods if pod.name in stay]) for node in nodes]
    steps.append((f"{noon - len(stay)} pods end", nodes))
    made = len(nodes)
    while True:
        most = budgets.Budget(f"{budget_percent}%").allowed(len(nodes), _ANY)
        bound = dict.fromkeys(budgets.REASONS, most)
        move = consolidation.consolidate(nodes, [pool_of], types, allowed={one.name: bound})
        if move is None:
            return steps, ""
        if len(steps) == MOST_MOVES + 2:
            return steps, ", and more to come"
        nodes, made = _after(nodes, move, made)
        steps.append((_said(move), nodes))


_ANY = datetime(2026, 11, 21)
"""Budgets without a schedule do not ask what time it is."""


def _with(node: Running, on: Sequence[Pod]) -> Running:
    return Running(node.node, node.pool, node.type, node.zone, node.capacity_type, node.price, tuple(on))


def _after(nodes: Sequence[Running], move: Move, made: int) -> tuple[list[Running], int]:
    """The nodes once the move is done; its pods are where the simulation had put them."""
    going = {node.node.name for node in move.nodes}
    stay = [node for node in nodes if node.node.name not in going]
    new = [launched(node, f"node-{made + n:02}") for n, node in enumerate(move.replacements, 1)]
    after = [_with(node, [*node.pods, *move.onto.get(node.node.name, ())]) for node in stay] + new
    assert sum(len(node.pods) for node in after) == sum(len(node.pods) for node in nodes), "a move lost a pod"
    return after, made + len(new)


def _said(move: Move) -> str:
    kinds = {one.type for one in move.nodes}
    count = len(move.nodes)
    goes = f"{count} {kinds.pop() if len(kinds) == 1 else 'nodes'} {'goes' if count == 1 else 'go'}"
    if move.reason == "Empty":
        return f"{goes}: empty"
    if move.replacement:
        return f"{goes}, one {move.replacement.cheapest.name} comes"
    return f"{goes}: the pods fit elsewhere"


SPREADS = ("none", "zone", "hostname")


def spread(asked: Sequence[Pod], by: str, max_skew: int) -> list[Pod]:
    """The pods with a topologySpreadConstraint, DoNotSchedule, over zones or nodes."""
    if by not in SPREADS:
        raise ValueError(f"spread_by {by!r} is none of {', '.join(SPREADS)}.")
    checks.whole("max_skew", max_skew, 1, 10)
    labels = {"app": "web"}
    constraint = Spread(equal(labels), max_skew, TOPOLOGY_ZONE if by == "zone" else HOSTNAME)
    return [replace(pod, labels=labels, spread=() if by == "none" else (constraint,)) for pod in asked]


def renewal(
    one: NodePool,
    types: Sequence[InstanceType],
    asked: Sequence[Pod],
    *,
    spread_by: str,
    max_skew: int,
    old_nodes: int,
    budget_percent: int,
) -> Figure:
    """Where spread puts the pods over three zones, and how nodes with an old image are replaced, round by round."""
    steps = _renewal(one, types, spread(asked, spread_by, max_skew), old_nodes, budget_percent)
    labels = ["launch", *(f"round {n}" for n in range(1, len(steps)))]
    rows = []
    for label, (what, nodes) in zip(labels, steps, strict=True):
        counts = [sum(len(node.pods) for node in nodes if node.zone == zone) for zone in ZONES]
        cost = sum(node.price for node in nodes)
        rows.append((label, what, len(nodes), *counts, max(counts) - min(counts), f"{cost:.4f}"))
    first, last = steps[0][1], steps[-1][1]
    left = sum(node.node.name in {each.node.name for each in first[:old_nodes]} for node in last)
    rounds = len(steps) - 1
    by = "without spread" if spread_by == "none" else f"spread by {spread_by}, maxSkew {max_skew}"
    replaced = f"{rounds} round{'s' * (rounds != 1)} of replacement" + (f", {left} old nodes stay" if left else "")
    return Figure(
        f"{len(asked)} pods {by}: {len(first)} nodes; {replaced}",
        ("Step", "What happens", "Nodes", *(f"Pods in {zone}" for zone in ZONES), "Skew of zones", "USD an hour"),
        rows,
        [
            {
                "type": "bar",
                "name": f"pods in {zone}",
                "x": labels,
                "y": [row[3 + place] for row in rows],
                "marker": {"color": COLOURS[place]},
            }
            for place, zone in enumerate(ZONES)
        ],
        {
            "barmode": "group",
            "xaxis": {"title": {"text": "step"}, "type": "category"},
            "yaxis": {"title": {"text": "pods"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def _renewal(
    one: NodePool, types: Sequence[InstanceType], asked: Sequence[Pod], old_nodes: int, budget_percent: int
) -> list[tuple[str, list[Running]]]:
    """The nodes at first, and after each round: as many go in one as the budget allows at once."""
    checks.whole("old_nodes", old_nodes, 0, 10)
    checks.whole("budget_percent", budget_percent, 0, 100)
    nodes = [launched(node, f"node-{n:02}") for n, node in enumerate(plan(one, types, asked).new, 1)]
    steps, made = [(f"{len(asked)} pods on new nodes", nodes)], len(nodes)
    old = {node.node.name: float(n) for n, node in enumerate(nodes[:old_nodes])}
    while True:
        at_once = budgets.Budget(f"{budget_percent}%").allowed(len(nodes), _ANY)
        gone = came = 0
        while gone < at_once and (move := drift.drift(nodes, [one], types, old)):
            nodes, made = _after(nodes, move, made)
            gone, came = gone + 1, came + len(move.replacements)
        if not gone:
            return steps
        steps.append((f"{gone} {'goes' if gone == 1 else 'go'}, {came} {'comes' if came == 1 else 'come'}", nodes))


def days(given: Sequence[budgets.Budget], total: int) -> Figure:
    """How many nodes may go at four moments of a week."""
    checks.whole("total", total, 0)
    moments = (
        ("Friday, 09:00 UTC", 20, 9),
        ("Friday, 17:59 UTC", 20, 17.99),
        ("Friday, 18:00 UTC", 20, 18),
        ("Saturday, 09:00 UTC", 21, 9),
    )
    rows = []
    for label, day, hour in moments:
        now = datetime.fromisoformat(f"2026-11-{day}T{int(hour):02}:{round(hour % 1 * 60):02}:00+00:00")
        rows.append((label, *(budgets.allowed(given, total, reason, now) for reason in budgets.REASONS)))
    return Figure(f"How many of {total} nodes may go at once", ("When", *budgets.REASONS), rows)


def spot_to_spot(cheaper: int) -> Figure:
    """A Spot node and so many cheaper Spot types: whether it is replaced."""
    checks.whole("cheaper_types", cheaper, 0, 60)
    rows: list[tuple[object, ...]] = []
    for count in sorted({1, 14, 15, 20, cheaper}):
        types = [_spot(f"type-{n:02}", 0.01 + n / 1000) for n in range(count)] + [_spot("now", 0.2)]
        node = Running(Node("n", types[-1].allocatable), "spot", "now", ZONE, SPOT, 0.2, (Pod("web", {"cpu": 500}),))
        for gate in (False, True):
            move = consolidation.consolidate([node], [NodePool("spot")], types, spot_to_spot=gate)
            launch = len(move.replacement.types) if move and move.replacement else 0
            rows.append((count, "on" if gate else "off", "replaced" if launch else "stays", launch or ""))
    return Figure(
        "A Spot node and cheaper Spot types",
        ("Cheaper types", "SpotToSpotConsolidation", "The node", "Types in the launch"),
        rows,
    )


def _spot(name: str, price: float) -> InstanceType:
    amounts = {"cpu": 2000, "memory": 8 * eks.GIB, "pods": 29}
    return instance_type(
        name, capacity=amounts, allocatable=amounts, offerings=[Offering(ZONE, SPOT, price)], labels={}
    )


def scores() -> Figure:
    """Moves in a pool of ten nodes, each at 0.20 USD an hour with nine pods, under the policy Balanced."""
    rows = []
    for what, saves, moved in (
        ("delete a node with nine pods", 0.20, 9),
        ("delete a node with one pod", 0.20, 1),
        ("replace it by one that costs a fifth less", 0.04, 9),
        ("the same, with one pod", 0.04, 1),
        ("replace it by one at half the price", 0.10, 9),
    ):
        found = consolidation.score(saves, 1.0 + moved, total_cost=2.0, total_disruption=10 * (1.0 + 9.0))
        rows.append(
            (
                what,
                percent(found.savings, 1),
                percent(found.disruption, 1),
                f"{found.value:.2f}",
                "done" if found.approved else "not done",
            )
        )
    return Figure(
        "Balanced: ten nodes at USD 0.20 an hour with nine pods each",
        ("Move", "Of the pool's cost", "Of its disruption", "Score", "From 0.50 on"),
        rows,
    )


def carried_over(old: str, role: str = "") -> migration.Migrated:
    """The Provisioner and the AWSNodeTemplate of a text as manifests of today."""
    provisioner, template = manifests(old)
    return migration.migrate(provisioner, template, role=role)


def as_yaml(*given: Mapping[str, Any]) -> str:
    import yaml

    return "---\n".join(yaml.safe_dump(dict(one), sort_keys=False) for one in given)


def notes(found: migration.Migrated) -> Figure:
    return Figure("What changes with the new manifests", ("Note",), [(one,) for one in found.notes])


def dated() -> str:
    """Where prices are from, and of when."""
    return f"{PRICES[f'ec2 {LARGE}'].region}, on demand, prices of {PRICES[f'ec2 {LARGE}'].date}"
