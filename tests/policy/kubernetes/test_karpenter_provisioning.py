"""Upstream's cases: kubernetes-sigs/karpenter, pkg/controllers/provisioning."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.karpenter_types import DEFAULTS, GIB, MIB, assorted, fake, pods

from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, NodePool, Offering
from drydock.policy.kubernetes.karpenter.provisioning import MOST_TYPES, Plan, largest_first, schedule
from drydock.policy.kubernetes.karpenter.requirements import (
    ARCHITECTURE,
    CAPACITY_TYPE,
    NODE_POOL,
    OPERATING_SYSTEM,
    ZONE,
    requirement,
)
from drydock.policy.kubernetes.scheduling import Cluster, Expression, Node, Pod, Taint, Toleration

POOL = NodePool("default")
AMD = {"node_selector": {ARCHITECTURE: "amd64"}}
DEFAULT, SMALL = "default-instance-type", "small-instance-type"


def launched(plan: Plan) -> Counter[str]:
    assert not plan.unscheduled
    return Counter(node.cheapest.name for node in plan.new)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (pods(1, memory=100e6), {SMALL: 1}),
        (pods(1, memory=2000e6), {SMALL: 1}),
        (pods(1, cpu=3000), {DEFAULT: 1}),
        (pods(5, memory=10e6), {SMALL: 1}),
        (pods(40, memory=1.8e9, **AMD), {DEFAULT: 20}),
        (pods(40, memory=1.8e9, **AMD) + pods(20, memory=400e6, name="small", **AMD), {DEFAULT: 20}),
        (pods(25, cpu=1, memory=1, **AMD), {SMALL: 5}),
        (pods(1, cpu=2000, memory=GIB), {DEFAULT: 1}),
        ([Pod("p", {"foo.com/weird-resources": 0})], {SMALL: 1}),
    ],
    ids=[
        "a small pod on the smallest instance",
        "a small pod on the smallest possible instance type",
        "pod runtime class: 2 CPU of overhead and a request of 1",
        "multiple small pods on the smallest possible instance type",
        "new nodes when a node is at capacity",
        "pack small and large pods together",
        "new nodes due to pod limits per node",
        "initContainer resource requests: 2 CPU",
        "zero-quantity resource requests",
    ],
)
def test_binpacking(asked: list[Pod], expected: dict[str, int]) -> None:
    """scheduling/suite_test.go, "Binpacking". Overhead and init containers are part of our requests."""
    assert launched(schedule(asked, [POOL], DEFAULTS)) == expected


def test_nodes_are_packed_tightly() -> None:
    """scheduling/suite_test.go, "should pack nodes tightly", with *InstanceTypes(5)*."""
    types = [fake(f"fake-it-{n}", n + 1, 2 * (n + 1), 10 * (n + 1)) for n in range(5)]
    plan = schedule(pods(1, cpu=4500) + pods(1, cpu=1000, name="other"), [POOL], types)
    assert [node.cheapest.name for node in plan.new] == ["fake-it-4", "fake-it-1"]


@pytest.mark.parametrize("memory", [2 * 1024 * GIB, 1024 * GIB])
def test_pods_that_are_larger_than_any_type_stay(memory: int) -> None:
    """scheduling/suite_test.go, "should not schedule pods that exceed every instance type's capacity"."""
    plan = schedule(pods(1, memory=memory), [POOL], DEFAULTS)
    assert not plan.new
    assert plan.unscheduled["pod-0"] == "default: no instance type that meets the requirements has enough room"


def test_the_cheapest_is_taken_whatever_its_size_and_all_that_fit_are_offered() -> None:
    """scheduling/suite_test.go, "should select for valid instance types, regardless of price"."""
    prices = {"medium": (2, 3.0), "small": (1, 2.0), "large": (4, 1.0)}
    types = [
        fake(name, size, size, offerings=[Offering("test-zone-1a", ON_DEMAND, price)])
        for name, (size, price) in prices.items()
    ]
    [node] = schedule(pods(1, cpu=1, memory=MIB), [POOL], types).new
    assert [one.name for one in node.types] == ["large", "small", "medium"]
    assert node.price == 1.0


def limited(cpu: int | None = None, **more: int) -> NodePool:
    return NodePool("default", limits={**({"cpu": cpu} if cpu else {}), **more})


@pytest.mark.parametrize(
    ("pool", "used", "asked", "scheduled"),
    [
        (limited(20_000), {"cpu": 100_000}, pods(1), 0),
        (limited(2000), {}, pods(1, cpu=1750), 1),
        (limited(3000), {}, pods(2, cpu=1500), 1),
        (limited(2000), {}, pods(1, cpu=2100), 0),
        (limited(pods=1), {}, [Pod("gpu", {"fake.com/vendor-a": 1})], 0),
        (limited(2000), {"cpu": 2000}, pods(1, cpu=1750), 0),
        (limited(nodes=2), {}, pods(3, cpu=9000), 2),
    ],
    ids=["exceeded", "met", "partially", "would be exceeded", "GPU", "after a scheduling round", "node"],
)
def test_limits(pool: NodePool, used: dict[str, int], asked: list[Pod], scheduled: int) -> None:
    """suite_test.go, "Resource Limits". Its pods keep off each other by anti-affinity, ours by their size."""
    plan = schedule(asked, [pool], DEFAULTS, used={"default": used})
    assert len(asked) - len(plan.unscheduled) == scheduled
    assert set(plan.unscheduled.values()) <= {
        "default: the NodePool's limits are reached",
        "default: no instance type that meets the requirements has enough room",
    }


@pytest.mark.parametrize(("limit", "waiting"), [(17_000, 1), (18_000, 0)])
def test_a_limit_is_charged_with_the_largest_type_on_the_list(limit: int, waiting: int) -> None:
    """scheduling/scheduler.go, *subtractMax*: 16 CPU of the arm type, although a type of 2 would be launched."""
    zones = [Pod(zone, {"cpu": 1000}, node_selector={ZONE: f"test-zone-{zone}"}) for zone in "12"]
    plan = schedule(zones, [limited(limit)], DEFAULTS)
    assert len(plan.unscheduled) == waiting
    assert {node.cheapest.name for node in plan.new} == {SMALL}


def test_the_pool_with_the_highest_weight_comes_first_unless_another_is_asked_for() -> None:
    """suite_test.go, "Weighted NodePools" and "should schedule to an explicitly selected NodePool"."""
    pools = [NodePool("plain"), NodePool("light", weight=20), NodePool("heavy", weight=100)]
    assert {node.pool for node in schedule(pods(3), pools, DEFAULTS).new} == {"heavy"}
    [node] = schedule(pods(1, node_selector={NODE_POOL: "plain"}), pools, DEFAULTS).new
    assert node.pool == "plain"


def test_labels_and_soft_taints_of_a_pool() -> None:
    """suite_test.go, "should schedule to a NodePool by labels" and "… with PreferNoSchedule taint …"."""
    labelled = NodePool("a", labels={"foo": "bar"})
    assert schedule(pods(1, node_selector={"foo": "bar"}), [labelled, POOL], DEFAULTS).new[0].pool == "a"
    tainted = NodePool("a", taints=(Taint("foo", "bar", "PreferNoSchedule"),))
    assert schedule(pods(1), [tainted, POOL], DEFAULTS).new[0].pool == "default"
    assert schedule(pods(1), [tainted], DEFAULTS).new[0].pool == "a"


def test_a_taint_that_is_not_tolerated_is_said() -> None:
    tainted = NodePool("gpu", taints=(Taint("gpu", "yes"),))
    assert schedule(pods(1), [tainted], DEFAULTS).unscheduled == {
        "pod-0": "gpu: taint gpu=yes:NoSchedule is not tolerated"
    }
    assert schedule(pods(1, tolerations=(Toleration("gpu", "Exists"),)), [tainted], DEFAULTS).new


ASSORTED = assorted()


def wanted(**labels: str) -> dict[str, str]:
    keys = {"arch": ARCHITECTURE, "os": OPERATING_SYSTEM, "zone": ZONE, "ct": CAPACITY_TYPE}
    return {keys[name]: value for name, value in labels.items()}


@pytest.mark.parametrize(
    ("pool", "pod"),
    [
        ({}, {}),
        ({}, {"arch": "amd64"}), ({}, {"arch": "arm64"}), ({"arch": "amd64"}, {}), ({"arch": "arm64"}, {}),
        ({"os": "windows"}, {}), ({}, {"os": "windows"}), ({"os": "linux"}, {}), ({}, {"os": "linux"}),
        ({"zone": "test-zone-2"}, {}), ({}, {"zone": "test-zone-2"}),
        ({"ct": SPOT}, {}), ({}, {"ct": SPOT}),
        ({"ct": ON_DEMAND, "zone": "test-zone-1"}, {}), ({}, {"ct": SPOT, "zone": "test-zone-1"}),
        ({"ct": SPOT}, {"zone": "test-zone-2"}),
        ({"ct": ON_DEMAND, "zone": "test-zone-1", "arch": "arm64", "os": "windows"}, {}),
        ({"ct": SPOT, "zone": "test-zone-2"}, {"arch": "amd64", "os": "linux"}),
        ({}, {"ct": SPOT, "zone": "test-zone-2", "arch": "amd64", "os": "linux"}),
    ],
)  # fmt: skip
def test_one_of_the_cheapest_is_taken(pool: dict[str, str], pod: dict[str, str]) -> None:
    """scheduling/instance_selection_test.go, "should schedule on one of the cheapest instances": all cases."""
    requirements = {key: requirement(key, "In", (value,)) for key, value in wanted(**pool).items()}
    [node] = schedule(pods(1, node_selector=wanted(**pod)), [NodePool("p", requirements)], ASSORTED).new
    asked = {**wanted(**pool), **wanted(**pod)}
    assert node.price == pytest.approx(min(one.offerings[0].price for one in ASSORTED))
    for one in node.types:
        assert all(one.requirements[key].allows(value) for key, value in asked.items())
    suited = 1344 / 3 ** ("zone" in {**pool, **pod}) / 2 ** len({**pool, **pod}.keys() - {"zone"})
    assert len(node.types) == min(suited, MOST_TYPES)


@pytest.mark.parametrize(
    ("pool", "pod"),
    [({}, {"arch": "arm"}), ({}, {"arch": "arm", "zone": "test-zone-2"}), ({"arch": "arm"}, {"zone": "test-zone-2"})],
)
def test_nothing_is_taken_where_no_type_matches(pool: dict[str, str], pod: dict[str, str]) -> None:
    """scheduling/instance_selection_test.go, "should not schedule if no instance type matches selector": all cases."""
    requirements = {key: requirement(key, "In", (value,)) for key, value in wanted(**pool).items()}
    plan = schedule(pods(1, node_selector=wanted(**pod)), [NodePool("p", requirements)], ASSORTED[:96])
    assert not plan.new
    assert plan.unscheduled["pod-0"].startswith("p: no instance type meets the requirements")


@settings(max_examples=20)
@given(st.sampled_from([100, 1000, 2000, 4000, 8000, 16000, 32000]), st.sampled_from([1, 4, 8, 32, 64]))
def test_every_type_that_is_offered_holds_the_pods(cpu: int, gib: int) -> None:
    """scheduling/instance_selection_test.go, "should schedule on an instance with enough resources"."""
    for node in schedule(pods(3, cpu=cpu, memory=gib * GIB - 50 * MIB), [POOL], ASSORTED[::7]).new:
        for one in node.types:
            assert one.allocatable["cpu"] >= cpu * len(node.pods)
            assert one.allocatable["memory"] >= (gib * GIB - 50 * MIB) * len(node.pods)
        assert [one.cheapest(node.requirements) for one in node.types] == sorted(
            one.cheapest(node.requirements) for one in node.types
        )


def test_nodes_that_are_there_come_first_and_nothing_of_the_callers_changes() -> None:
    there = Cluster([Node("there", {"cpu": 4000, "memory": GIB, "pods": 10})])
    plan = schedule(pods(3, cpu=1500), [POOL], DEFAULTS, existing=there)
    assert [pod.name for pod in plan.existing["there"]] == ["pod-0", "pod-1"]
    assert launched(plan) == {DEFAULT: 1} or launched(plan) == {SMALL: 1}
    assert there.pods["there"] == []


def test_a_pod_joins_the_planned_node_with_the_fewest_pods() -> None:
    """scheduling/scheduler.go, *add*: planned nodes are sorted by how many pods they have."""
    types = [fake("t", 4, 16, 10)]
    asked = pods(2, cpu=2500, name="large") + pods(4, cpu=300, name="small")
    assert sorted(len(node.pods) for node in schedule(asked, [POOL], types).new) == [3, 3]


def test_pods_are_sorted_by_cpu_then_memory() -> None:
    """scheduling/queue.go, *byCPUAndMemoryDescending*."""
    asked = [Pod(name, {"cpu": cpu, "memory": memory}) for name, cpu, memory in
             (("a", 1, 9), ("b", 2, 1), ("c", 2, 3), ("d", 2, 3))]  # fmt: skip
    assert [pod.name for pod in largest_first(asked)] == ["c", "d", "b", "a"]


def test_daemons_take_their_part_of_each_new_node_that_they_run_on() -> None:
    daemon = Pod("agent", {"cpu": 1900}, of_daemon_set=True)
    assert launched(schedule(pods(1, cpu=500), [POOL], DEFAULTS, daemons=[daemon])) == {DEFAULT: 1}
    elsewhere = Pod("agent", {"cpu": 1900}, node_selector={"team": "a"}, of_daemon_set=True)
    assert launched(schedule(pods(1, cpu=500), [POOL], DEFAULTS, daemons=[elsewhere])) == {SMALL: 1}


def test_terms_of_node_affinity_are_tried_in_turn() -> None:
    """suite_test.go, "should relax …": the first term that cannot be had is given up."""
    nowhere, arm = Expression("nowhere", "In", ("a",)), Expression(ARCHITECTURE, "In", ("arm64",))
    plan = schedule(pods(1, cpu=1, node_affinity=((nowhere,), (arm,))), [POOL], DEFAULTS)
    assert launched(plan) == {"arm-instance-type": 1}


def test_pods_with_volumes_are_refused() -> None:
    with pytest.raises(ValueError, match="pod-0 claims volumes, and where those can be is not simulated here"):
        schedule(pods(1, claims=("data",)), [POOL], DEFAULTS)


def test_what_nothing_has_is_said() -> None:
    assert schedule([Pod("p", {"unknown": 1})], [POOL], DEFAULTS).unscheduled == {"p": "no instance type has unknown"}
    assert schedule(pods(1), [], DEFAULTS).unscheduled == {"pod-0": "there is no NodePool"}


def test_a_launch_names_a_type() -> None:
    with pytest.raises(ValueError, match="at least one instance type, not 0"):
        schedule([], [], [], most_types=0)
