"""Upstream's cases: kubernetes-sigs/karpenter, scheduling/instance_selection_test.go, context "MinValues"."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.karpenter_types import GIB, assorted, fake, pods

from drydock.policy.kubernetes.karpenter.consolidation import Running, consolidate
from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, InstanceType, NodePool, Offering, flexibility
from drydock.policy.kubernetes.karpenter.provisioning import BEST_EFFORT, schedule
from drydock.policy.kubernetes.karpenter.requirements import (
    ARCHITECTURE,
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    merged,
    requirement,
    requirements,
)
from drydock.policy.kubernetes.scheduling import Expression, Node

NUMBER = "karpenter/numerical-value"
ONE, TWO, THREE, FOUR = (f"instance-type-{n}" for n in (1, 2, 3, 4))


def of_size(name: str, cpu: int, price: float, architecture: str = "arm64", number: str = "") -> InstanceType:
    """Of as many GiB as CPUs, on Spot alone; with a label of its `number`."""
    one = fake(name, cpu, cpu, architecture=architecture, systems=("linux",), offerings=[Offering("zone", SPOT, price)])
    known = merged(one.requirements, requirement(NUMBER, "In", (number,))) if number else one.requirements
    return InstanceType(one.name, known, one.offerings, one.capacity, one.allocatable)


def wants(key: str, operator: str, *values: str, least: int) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values), "minValues": least}


def pool(*given: dict[str, Any]) -> NodePool:
    return NodePool("default", requirements(given))


SMALL_AND_LARGE = [of_size(ONE, 1, 0.52), of_size(TWO, 4, 1.0)]
NUMBERED = [
    of_size(ONE, 1, 0.52, number="2"), of_size(TWO, 1, 1.0, number="3"), of_size(THREE, 4, 1.2, number="4"),
    of_size(FOUR, 4, 1.2, number="5"),
]  # fmt: skip
SOME = assorted()[::67]
PAIR = pods(2, cpu=900, memory=0.9 * GIB)
"""Both fit on a type of 4 CPUs, and only one on a type of 1."""


@pytest.mark.parametrize(
    ("types", "asked"),
    [
        (SMALL_AND_LARGE, [wants(INSTANCE_TYPE, "In", ONE, TWO, least=2)]),
        (NUMBERED[:3], [wants(NUMBER, "Gt", "2", least=2)]),
        (
            [of_size(ONE, 1, 0.52, number="2"), of_size(TWO, 2, 1.0, number="3"), of_size(THREE, 4, 1.2, number="4")],
            [wants(NUMBER, "Lt", "4", least=2)],
        ),
        (
            [of_size(ONE, 1, 0.52), of_size(TWO, 2, 1.0), of_size(THREE, 4, 1.2)],
            [wants(INSTANCE_TYPE, "In", ONE, TWO, THREE, least=1), wants(INSTANCE_TYPE, "NotIn", THREE, least=2)],
        ),
        (NUMBERED, [wants(NUMBER, "Gt", "2", least=1), wants(NUMBER, "Lt", "5", least=2)]),
        (
            SMALL_AND_LARGE,
            [wants(INSTANCE_TYPE, "Exists", least=1), wants(INSTANCE_TYPE, "In", ONE, TWO, least=2)],
        ),
        (
            [of_size(ONE, 1, 0.52, "arm64"), of_size(TWO, 4, 1.0, "amd64")],
            [wants(ARCHITECTURE, "Exists", least=2), wants(INSTANCE_TYPE, "In", ONE, TWO, least=1)],
        ),
    ],
    ids=["instance-type", "Gt", "Lt", "max of In and NotIn", "max of Gt and Lt", "max of Exists and In", "two keys"],
)  # fmt: skip
def test_a_second_pod_takes_a_node_of_its_own(types: list[InstanceType], asked: list[dict[str, Any]]) -> None:
    """ "should schedule respecting the minValues …", "… considering the max of …", "… multiple requirement keys …"."""
    plan = schedule(PAIR, [pool(*asked)], types)
    assert not plan.unscheduled
    assert [len(node.pods) for node in plan.new] == [1, 1]
    assert all(len(node.types) >= 2 for node in plan.new)
    assert len(schedule(PAIR, [pool({**asked[0], "minValues": 1})], types).new) == 1


def test_values_that_the_types_do_not_have() -> None:
    """ "scheduler should fail if the minValues in Gt operator is not satisfied", and "… in Lt operator …"."""
    two = [of_size(ONE, 1, 0.52, number="2"), of_size(TWO, 4, 1.0, number="3")]
    asked = pods(2, cpu=900, node_affinity=((Expression(NUMBER, "Gt", ("2",)),),))
    plan = schedule(asked, [pool(wants(NUMBER, "Exists", least=2))], two)
    assert set(plan.unscheduled.values()) == {f"default: minValues is not met: {NUMBER} has 1"}
    apart = [of_size(ONE, 2, 0.52, number="2"), of_size(TWO, 4, 1.2, number="4")]
    assert len(schedule(PAIR, [pool(wants(NUMBER, "Lt", "4", least=2))], apart).unscheduled) == 2


def test_too_few_types() -> None:
    """ "schedule should fail if minimum number of InstanceTypes is not met as per the minValues in the requirement"."""
    asked = pool(wants(INSTANCE_TYPE, "Exists", least=11))
    assert schedule(pods(1), [asked], assorted()[:10]).unscheduled
    assert not schedule(pods(1), [asked], assorted()[:11]).unscheduled


def test_too_few_types_that_a_launch_may_name() -> None:
    """ "… is not met as per the minValues in the requirement after truncation"."""
    asked = pool(wants(INSTANCE_TYPE, "In", ONE, TWO, least=2))
    plan = schedule(PAIR, [asked], SMALL_AND_LARGE, most_types=1)
    assert not plan.new
    assert set(plan.unscheduled.values()) == {f"default: minValues is not met: {INSTANCE_TYPE} has 1"}


def test_best_effort() -> None:
    """scheduler.go, *addToNewNodeClaim*: the requirement is lowered to what there is, and the node says so."""
    asked = pool(wants(INSTANCE_TYPE, "Exists", least=11))
    [node] = schedule(pods(1), [asked], assorted()[:10], min_values_policy=BEST_EFFORT).new
    assert node.min_values_relaxed
    assert node.requirements[INSTANCE_TYPE].min_values == 10
    met = schedule(pods(1), [asked], assorted()[:11], min_values_policy=BEST_EFFORT).new
    assert not met[0].min_values_relaxed
    with pytest.raises(ValueError, match="'Lax' is neither Strict nor BestEffort"):
        schedule(pods(1), [asked], assorted()[:10], min_values_policy="Lax")


def test_how_many_types_are_needed() -> None:
    """pkg/cloudprovider/types.go, the two examples of *SatisfiesMinValues*."""
    family = "karpenter.kwok.sh/instance-family"
    wanted = requirements([wants(INSTANCE_TYPE, "Exists", least=3), wants(family, "In", "c4", "c5", "m4", least=3)])

    def of(*names: str) -> list[InstanceType]:
        each = [fake(name) for name in names]
        return [
            InstanceType(
                one.name, merged(one.requirements, requirement(family, "In", (one.name[:2],))), (), one.capacity, {}
            )
            for one in each
        ]

    assert flexibility(of("c4.large", "c5.xlarge", "m4.2xlarge"), wanted) == (3, {})
    assert flexibility(of("c4.large", "c4.xlarge", "c5.2xlarge"), wanted) == (3, {family: 2})
    assert flexibility(of("c4.large"), {}) == (0, {})


def of_price(name: str, price: float, kind: str) -> InstanceType:
    return fake(name, 32, 64, 100, offerings=[Offering("test-zone-1a", kind, price)])


def running(name: str, of: InstanceType, count: int, cpu: int = 1000) -> Running:
    offering = of.offerings[0]
    node = Node(name, {**of.allocatable, "cpu": 4000})
    return Running(
        node, "default", of.name, offering.zone, offering.capacity_type, offering.price,
        tuple(pods(count, cpu=cpu, name=name)),
    )  # fmt: skip


@pytest.mark.parametrize(("least", "launched"), [(16, 16), (10, 15), (21, None)])
def test_spot_to_spot(least: int, launched: int | None) -> None:
    """disruption/consolidation_test.go, "… should consider the max of default and minimum number …", "… less than 15.".

    21 is more than there are that are cheaper: "cannot replace spot with spot if …" (*Filtering by price*).
    """
    types = [of_price(f"spot-{n:02}", 1 + n / 10, SPOT) for n in range(20)]
    dear = of_price("most-expensive", 10.0, SPOT)
    asked = pool(wants(INSTANCE_TYPE, "Exists", least=least))
    move = consolidate([running("n0", dear, 1)], [asked], [*types, dear], spot_to_spot=True)
    assert (len(move.replacement.types) if move and move.replacement else None) == launched


@pytest.mark.parametrize(("least", "replaced"), [(2, True), (3, False)])
def test_only_cheaper_types_count_for_a_replacement(least: int, replaced: bool) -> None:
    """nodeclaim.go, *RemoveInstanceTypeOptionsByPriceAndMinValues*: of three types two are cheaper."""
    types = [of_price(f"t{n}", price, ON_DEMAND) for n, price in enumerate((0.3, 0.4, 0.5))]
    move = consolidate([running("n", types[2], 1)], [pool(wants(INSTANCE_TYPE, "Exists", least=least))], types)
    assert bool(move) is replaced


def test_nodes_do_not_merge_where_too_few_types_are_left() -> None:
    """ "should handle failing filterOutSameInstanceType correctly (without a panic) when minValues isn't satisfied"."""
    current, other = of_price("current-on-demand", 0.5, ON_DEMAND), of_price("other-on-demand", 0.4, ON_DEMAND)
    kinds = {"key": CAPACITY_TYPE, "operator": "In", "values": [ON_DEMAND]}
    nodes = [running("n0", current, 1, 2000), running("n1", current, 1, 2000), running("n2", current, 2, 2000)]
    move = consolidate(nodes, [pool(wants(INSTANCE_TYPE, "Exists", least=2), kinds)], [current, other])
    assert move and len(move.nodes) == 1
    assert move.replacement is None


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 3), st.sampled_from([200, 800, 3000, 7000]), st.integers(1, 12), st.booleans()
)
def test_a_planned_node_has_the_values_that_are_asked_for(
    types: int, arches: int, cpu: int, count: int, strict: bool
) -> None:
    """Every pod is on one node or left with a reason; of each label the types have minValues, or what there is."""
    asked = pool(wants(INSTANCE_TYPE, "Exists", least=types), wants(ARCHITECTURE, "Exists", least=arches))
    more = {} if strict else {"min_values_policy": BEST_EFFORT}
    plan = schedule(pods(count, cpu=cpu), [asked], SOME, **more)  # type: ignore[arg-type]
    placed = [pod.name for node in plan.new for pod in node.pods]
    assert sorted([*placed, *plan.unscheduled]) == sorted(pod.name for pod in pods(count))
    for node in plan.new:
        assert not flexibility(node.types, node.requirements)[1]
        assert not strict or len({one.name for one in node.types}) >= types
