"""Upstream's cases: kubernetes-sigs/karpenter, pkg/controllers/disruption."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.karpenter_types import GIB, fake, pods

from drydock.policy.kubernetes.karpenter.consolidation import (
    Move,
    Running,
    consolidate,
    eviction_cost,
    score,
)
from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, InstanceType, NodePool, Offering
from drydock.policy.kubernetes.karpenter.requirements import CAPACITY_TYPE, ZONE, requirement
from drydock.policy.kubernetes.scheduling import Node, Pod, PodTerm, Spread
from drydock.policy.kubernetes.scheduling.model import equal

POOL = NodePool("default")


def of_price(name: str, price: float, kind: str = ON_DEMAND, cpu: int = 32) -> InstanceType:
    return fake(name, cpu, 64, 100, offerings=[Offering("test-zone-1a", kind, price)])


def running(name: str, of: InstanceType, on: list[Pod], pool: str = "default", **more: object) -> Running:
    offering = of.offerings[0]
    node = Node(name, of.allocatable, capacity=of.capacity)
    return Running(
        node, pool, of.name, offering.zone, offering.capacity_type, offering.price, tuple(on), **more  # type: ignore[arg-type]
    )  # fmt: skip


CHEAP, DEAR = of_price("least-expensive", 1.0), of_price("most-expensive", 10.0)
SPOT_DEAR = of_price("most-expensive-spot", 10.0, SPOT)
SPOTS = [of_price(f"spot-{n:02}", 1.0 + n / 10, SPOT) for n in range(20)]


def names(move: Move | None) -> list[str]:
    assert move
    return sorted(one.node.name for one in move.nodes)


@pytest.mark.parametrize(("allowed", "gone"), [(3, 3), (10, 10), (0, 0)])
def test_empty_nodes_go_within_their_budget(allowed: int, gone: int) -> None:
    """consolidation_test.go, "Budgets": of ten empty nodes, with 30 %, 100 % and 0 %."""
    nodes = [running(f"n{n}", CHEAP, []) for n in range(10)]
    move = consolidate(nodes, [POOL], [CHEAP], allowed={"default": {"Empty": allowed}})
    assert len(move.nodes if move else ()) == gone
    assert move is None or move.reason == "Empty"


@pytest.mark.parametrize("spot", [False, True])
def test_three_nodes_merge_into_one(spot: bool) -> None:
    """consolidation_test.go, "can merge 3 nodes into 1", on demand and on Spot."""
    dear = SPOT_DEAR if spot else DEAR
    kinds = {CAPACITY_TYPE: requirement(CAPACITY_TYPE, "In", (SPOT if spot else ON_DEMAND,))}
    nodes = [running(f"n{n}", dear, pods(1, cpu=12_000, name=f"p{n}")) for n in range(3)]
    types = [
        *SPOTS,
        SPOT_DEAR,
        fake("big", 40, 64, 100, offerings=[Offering("test-zone-1a", dear.offerings[0].capacity_type, 5.0)]),
    ]
    move = consolidate(nodes, [NodePool("default", kinds)], types, spot_to_spot=True)
    assert names(move) == ["n0", "n1", "n2"]
    assert move and move.replacement and len(move.replacement.pods) == 3
    assert move.saves == pytest.approx(30 - 5)


def test_nodes_whose_pods_fit_on_another_are_deleted() -> None:
    """consolidation_test.go, "can delete nodes"."""
    nodes = [running("n0", CHEAP, pods(2, cpu=1000)), running("n1", CHEAP, pods(1, cpu=1000, name="other"))]
    move = consolidate(nodes, [POOL], [CHEAP])
    assert names(move) == ["n1"]
    assert move and move.replacement is None
    assert move.saves == 1.0


def test_the_best_ratio_of_savings_to_disruption_goes_first() -> None:
    """consolidation_test.go, "should consolidate the node with best savings ratio first"."""
    on = [pods(2, cpu=16_000), pods(1, cpu=10_000, name="other")]
    nodes = [running("older", of_price("t", 1.0, cpu=64), on[0]), running("newer", of_price("t", 1.0, cpu=64), on[1])]
    assert names(consolidate(nodes, [POOL], [CHEAP])) == ["newer"]


def test_a_node_is_replaced_by_a_cheaper_one_that_holds_its_pods() -> None:
    """consolidation_test.go, "can replace node"."""
    move = consolidate([running("n0", DEAR, pods(1, cpu=1000))], [POOL], [CHEAP, DEAR])
    assert move and move.replacement and move.replacement.cheapest is CHEAP
    assert move.saves == 9.0
    assert consolidate([running("n0", CHEAP, pods(1, cpu=1000))], [POOL], [CHEAP, DEAR]) is None


def test_on_demand_is_not_replaced_where_a_spot_launch_might_cost_more() -> None:
    """consolidation_test.go, "won't replace node if any spot replacement is more expensive"."""
    spread = fake("potential-spot", 32, 64, 100, offerings=[
        Offering("a", SPOT, 1.0), Offering("b", SPOT, 0.2), Offering("c", SPOT, 0.4)])  # fmt: skip
    assert consolidate([running("n0", of_price("current", 0.5), pods(1, cpu=1000))], [POOL], [spread]) is None


def test_a_replacement_that_may_be_either_is_forced_to_spot() -> None:
    """consolidation.go, *computeConsolidation*: from on-demand to on-demand or Spot."""
    either = fake("either", 32, 64, 100, offerings=[Offering("a", SPOT, 0.3), Offering("a", ON_DEMAND, 0.9)])
    move = consolidate([running("n0", of_price("current", 0.5), pods(1, cpu=1000))], [POOL], [either])
    assert move and move.replacement
    assert move.replacement.requirements[CAPACITY_TYPE].values == {SPOT}


@pytest.mark.parametrize(
    ("types", "gate", "offered"),
    [(SPOTS, True, 15), (SPOTS[:15], True, 15), (SPOTS[:14], True, 0), (SPOTS, False, 0)],
    ids=[
        "20 cheaper types",
        "15",
        "14: less than minimum InstanceTypes flexibility",
        "spotToSpotConsolidation is disabled",
    ],
)
def test_spot_to_spot(types: list[InstanceType], gate: bool, offered: int) -> None:
    """consolidation_test.go, "cannot replace spot with spot if …"; "… should order the instance types by price …"."""
    move = consolidate([running("n0", SPOT_DEAR, pods(1, cpu=1000))], [POOL], [*types, SPOT_DEAR], spot_to_spot=gate)
    assert len(move.replacement.types if move and move.replacement else ()) == offered
    if offered:
        assert move and move.replacement
        assert [one.name for one in move.replacement.types] == [one.name for one in SPOTS[:15]]


def test_a_spot_node_of_the_cheapest_types_stays() -> None:
    """consolidation_test.go, "cannot replace spot with spot if it is part of the 15 cheapest instance types."."""
    assert consolidate([running("n0", SPOTS[10], pods(1, cpu=1000))], [POOL], SPOTS, spot_to_spot=True) is None


@pytest.mark.parametrize(("offered", "left"), [("nano small xlarge 2xlarge", "nano"), ("small xlarge 2xlarge", "")])
def test_nodes_are_not_replaced_by_what_one_of_them_is(offered: str, left: str) -> None:
    """multinodeconsolidation.go, *filterOutSameInstanceType*: both scenarios of its comment."""
    sizes = {"nano": (4, 0.1), "small": (5, 0.2), "xlarge": (8, 0.8), "2xlarge": (16, 1.6)}
    types = {
        name: fake(name, cpu, 64, 100, offerings=[Offering("a", ON_DEMAND, price)])
        for name, (cpu, price) in sizes.items()
    }
    nodes = [
        running(f"n{n}", types[name], pods(1, cpu=1200, name=f"p{n}"))
        for n, name in enumerate(("2xlarge", "2xlarge", "small"))
    ]
    full = replace(nodes[2], disruptable=True)
    move = consolidate([*nodes[:2], full], [POOL], [types[name] for name in offered.split()])
    if left:
        assert names(move) == ["n0", "n1", "n2"]
        assert move and move.replacement and [one.name for one in move.replacement.types] == [left]
    else:
        assert names(move) == ["n0", "n1"]
        assert move and move.replacement is None


@pytest.mark.parametrize("what", [{"disruptable": False}, {"settled": False}, {"pool": "gone"}])
def test_nodes_that_may_not_go_stay(what: dict[str, object]) -> None:
    """consolidation_test.go, "considers karpenter.sh/do-not-disrupt …", "does not delete nodes with pod churn"."""
    nodes = [running(f"n{n}", CHEAP, pods(1, cpu=1000, name=f"o{n}"), **(what if n == 0 else {})) for n in range(3)]
    move = consolidate(nodes, [POOL], [CHEAP])
    assert "n0" not in names(move)


@pytest.mark.parametrize(("settled", "gone"), [(True, ["n0"]), (False, [])])
def test_a_node_within_consolidate_after_takes_over_nothing(settled: bool, gone: list[str]) -> None:
    """consolidation_test.go, "should not consolidate pods onto a destination node that is under its …"."""
    full = running("n1", CHEAP, pods(2, cpu=1000, name="o"), disruptable=False, settled=settled)
    move = consolidate([running("n0", CHEAP, pods(1, cpu=1000)), full], [POOL], [CHEAP])
    assert (names(move) if move else []) == gone


def test_pools_that_consolidate_when_empty_only_or_never() -> None:
    """consolidation_test.go, "Events": consolidationPolicy WhenEmpty and consolidateAfter Never."""
    full = [running("n0", CHEAP, pods(1, cpu=1000)), running("n1", CHEAP, pods(1, cpu=1000, name="o"))]
    empty = running("n2", CHEAP, [])
    when_empty = NodePool("default", policy="WhenEmpty")
    assert consolidate(full, [when_empty], [CHEAP]) is None
    assert names(consolidate([*full, empty], [when_empty], [CHEAP])) == ["n2"]
    assert consolidate([*full, empty], [NodePool("default", consolidates=False)], [CHEAP]) is None


def test_two_new_nodes_are_no_move() -> None:
    """consolidation.go: "we're not going to turn a single node into multiple candidates"."""
    small = fake("half", 8, 64, 100, offerings=[Offering("a", ON_DEMAND, 0.1)])
    assert consolidate([running("n0", DEAR, pods(4, cpu=4500))], [POOL], [small]) is None


def test_budgets_bound_what_goes_at_once_and_single_moves() -> None:
    """consolidation_test.go, "should only allow 3 nodes to be deleted in multi node consolidation delete"."""
    nodes = [running(f"n{n}", CHEAP, pods(1, cpu=100, name=f"p{n}")) for n in range(10)]
    assert len(names(consolidate(nodes, [POOL], [CHEAP], allowed={"default": {"Underutilized": 3}}))) == 3
    assert consolidate(nodes, [POOL], [CHEAP], allowed={"default": {"Underutilized": 0}}) is None


def test_pods_of_daemon_sets_do_not_count_and_do_not_move() -> None:
    daemon = Pod("agent", {"cpu": 100}, of_daemon_set=True)
    assert running("n0", CHEAP, [daemon]).is_empty
    assert consolidate([running("n0", CHEAP, [daemon])], [POOL], [CHEAP]) == Move(
        "Empty", (running("n0", CHEAP, [daemon]),)
    )


def test_eviction_costs() -> None:
    """suite_test.go, "Disruption Cost": one for a pod, more and less with deletion cost and with priority."""
    plain = Pod("p")
    assert eviction_cost(plain) == 1.0
    costs = [eviction_cost(plain, cost) for cost in (101, 100, 99, -100)]
    assert costs == sorted(costs, reverse=True)
    assert costs[2] > 1.0 > costs[3]
    assert eviction_cost(Pod("p", priority=1)) > 1.0 > eviction_cost(Pod("p", priority=-1))
    assert eviction_cost(Pod("p", priority=10**9)) == 10.0


@pytest.mark.parametrize(("count", "ratio"), [(0, 4.84), (3, 1.21)])
def test_savings_ratio(count: int, ratio: float) -> None:
    """docs/facts.md 4.10, of upstream's SavingsRatio: a node of 4.84 without pods, and with three."""
    node = running("n0", of_price("t", 4.84), pods(count, cpu=100))
    assert node.price / node.disruption_cost == pytest.approx(ratio)


TOTALS = {"total_cost": 58.08, "total_disruption": 90.0}


@pytest.mark.parametrize(
    ("savings", "disruption", "totals", "k", "approved"),
    [
        (4.84, 5.0, {"total_cost": 58.08, "total_disruption": 117.0}, 2, True),
        (4.84, 32.0, {"total_cost": 58.08, "total_disruption": 117.0}, 2, False),
        (7.26, 4.0, TOTALS, 2, True),
        (4.84, 0.0, TOTALS, 2, True),
        (0.0, 0.0, TOTALS, 2, False),
        (0.0, 9.0, TOTALS, 2, False),
        (4.84, 5.0, {"total_cost": 0.0, "total_disruption": 90.0}, 2, False),
        (2.42, 9.0, TOTALS, 2, False),
        (2.42, 9.0, TOTALS, 3, True),
        (2.42, 9.0, TOTALS, 1, False),
        (4.84, 4.0, {"total_cost": 48.40, "total_disruption": 90.0}, 2, True),
        (1.45, 4.0, {"total_cost": 14.50, "total_disruption": 90.0}, 2, True),
    ],
)
def test_scores_of_balanced(
    savings: float, disruption: float, totals: dict[str, float], k: int, approved: bool
) -> None:
    """balanced_test.go, *ScoreMove*: the cases whose numbers stand there."""
    assert score(savings, disruption, **totals, k=k).approved is approved


def test_scores_do_not_depend_on_the_size_of_the_pool() -> None:
    """balanced_test.go, "scale invariance"; adversarial: (20, 5) of (100, 100) is 4, (5, 50) is 0.1."""
    tenfold = {name: 10 * total for name, total in TOTALS.items()}
    assert score(7.26, 4.0, **TOTALS).value == pytest.approx(score(7.26, 4.0, **tenfold).value)
    hundred = {"total_cost": 100.0, "total_disruption": 100.0}
    found = [score(savings, cost, **hundred).value for savings, cost in ((20, 5), (10, 10), (5, 50), (10, 0), (0, 10))]
    assert found == pytest.approx([4, 1, 0.1, math.inf, 0])


def test_balanced_keeps_a_node_that_is_dear_to_drain() -> None:
    """balanced_scoring_test.go: a pool's nodes and pods make the totals; one of ten alike scores 1."""
    pool = NodePool("default", policy="Balanced")
    nodes = [running(f"n{n}", of_price("t", 4.84), pods(1, cpu=100, name=f"p{n}")) for n in range(10)]
    assert sum(one.disruption_cost for one in nodes) == 20.0
    assert score(4.84, 2.0, total_cost=48.4, total_disruption=20.0).value == pytest.approx(1.0)
    busy = [
        running("busy", CHEAP, pods(40, cpu=100)),
        running("calm", DEAR, pods(1, cpu=31_000, name="o"), disruptable=False),
    ]
    slightly = of_price("slightly", 0.9)
    assert consolidate(busy, [pool], [slightly, of_price("t", 9.9)]) is None
    assert consolidate(busy, [POOL], [slightly]) is not None


@pytest.mark.parametrize(
    ("count", "cpu", "gone", "new"), [(3, 1000, 0, ""), (4, 1000, 3, "m5.xlarge"), (3, 500, 2, "")]
)
def test_halving_finds_no_three_where_two_are_no_move(count: int, cpu: int, gone: int, new: str) -> None:
    """multinodeconsolidation.go, *firstNConsolidationOption*: of three it asks about two first, and then stops.

    Two m5.large cost as much as the m5.xlarge that would hold their pods; three would cost more.
    """
    large = fake("m5.large", 2, 8, 29, offerings=[Offering("a", ON_DEMAND, 0.096)])
    xlarge = fake("m5.xlarge", 4, 16, 58, offerings=[Offering("a", ON_DEMAND, 0.192)])
    nodes = [running(f"n{n}", large, pods(1, cpu=cpu, memory=GIB, name=f"p{n}")) for n in range(count)]
    move = consolidate(nodes, [POOL], [large, xlarge])
    assert len(move.nodes if move else ()) == gone
    assert (move.replacement.cheapest.name if move and move.replacement else "") == new


@settings(max_examples=25)
@given(st.lists(st.integers(100, 9000), min_size=1, max_size=6))
def test_a_move_saves_money_and_loses_no_pod(cpus: list[int]) -> None:
    types = [fake(f"t{cpu}", cpu, 64, 100, offerings=[Offering("a", ON_DEMAND, cpu / 10)]) for cpu in (2, 4, 10, 16)]
    nodes = [running(f"n{n}", types[2], pods(1, cpu=cpu, name=f"p{n}")) for n, cpu in enumerate(cpus)]
    move = consolidate(nodes, [POOL], types)
    if move:
        assert move.saves > 0
        moved = {pod.name for one in move.nodes for pod in one.moved}
        assert not move.replacement or {pod.name for pod in move.replacement.pods} <= moved


def in_zone(zone: str, price: float) -> InstanceType:
    return fake(f"in-{zone}", 2, 4, 10, offerings=[Offering(zone, ON_DEMAND, price)])


ZONES = ("test-zone-1", "test-zone-2", "test-zone-3")
SPREAD = Spread(equal({"app": "test"}))
APART = PodTerm(equal({"app": "test"}))


def one_in_each_zone(second: float, **more: object) -> list[Running]:
    of = [in_zone(zone, price) for zone, price in zip(ZONES, (1.0, second, 1.0), strict=True)]
    return [
        running(f"n{n}", each, pods(1, cpu=1000, name=f"p{n}", labels={"app": "test"}, **more))
        for n, each in enumerate(of, 1)
    ]


def test_a_replacement_keeps_the_spread() -> None:
    """consolidation_test.go, "can replace node maintaining zonal topology spread"."""
    types = [in_zone(zone, 1.0) for zone in ZONES]
    move = consolidate(one_in_each_zone(10.0, spread=(SPREAD,)), [POOL], types)
    assert names(move) == ["n2"]
    assert move and move.replacement
    assert move.replacement.requirements[ZONE].values == {"test-zone-2"}


def test_nodes_of_pods_that_keep_apart_stay() -> None:
    """consolidation_test.go, "won't delete node if it would violate pod anti-affinity"."""
    types = [in_zone(zone, 1.0) for zone in ZONES]
    room = [replace(one, node=replace(one.node, allocatable={"cpu": 4000, "memory": 8 * GIB, "pods": 10}))
            for one in one_in_each_zone(1.0, anti_affinity=(APART,))]  # fmt: skip
    assert consolidate(room, [POOL], types) is None
    free = [replace(one, pods=tuple(replace(pod, anti_affinity=()) for pod in one.pods)) for one in room]
    assert len(names(consolidate(free, [POOL], types))) == 2


def test_a_node_with_a_pod_that_may_not_be_evicted_stays() -> None:
    """consolidation_test.go: do-not-disrupt on a pod holds its node up, with a terminationGracePeriod too."""
    held = replace(running("n0", DEAR, pods(1, cpu=1000)), held=("pod-0",), terminates=True)
    assert consolidate([held], [POOL], [CHEAP, DEAR]) is None
