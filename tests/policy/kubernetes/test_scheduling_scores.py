"""Upstream's cases: kubernetes/kubernetes, pkg/scheduler/framework/plugins/<file named at each>."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.scheduling import (
    HOSTNAME,
    Cluster,
    Expression,
    Node,
    Pod,
    Preferences,
    Spread,
    Taint,
    Toleration,
)
from drydock.policy.kubernetes.scheduling import scores as rules

GPU = "nvidia.com/gpu"


def amounts(cpu: int = 0, memory: int = 0, **more: int) -> dict[str, int]:
    return {"cpu": cpu, "memory": memory, **({GPU: more["gpu"]} if "gpu" in more else {})}


def holding(nodes: Sequence[Mapping[str, int]], *existing: tuple[int, Mapping[str, int]]) -> Cluster:
    """Nodes 0, 1 … with these amounts, and on node n pods that request so much."""
    cluster = Cluster(Node(str(number), of) for number, of in enumerate(nodes))
    for number, asked in existing:
        cluster.bind(Pod("there", asked), str(number))
    return cluster


NOTHING, CPU3, BOTH = amounts(), amounts(3000), amounts(3000, 5000)
SMALL, LARGE = amounts(4000, 10_000), amounts(10_000, 20_000)


@pytest.mark.parametrize(
    ("asked", "nodes", "existing", "weights", "expected"),
    [
        pytest.param(NOTHING, [SMALL, SMALL], [], {}, [100, 100], id="nothing scheduled, nothing requested"),
        pytest.param(BOTH, [SMALL, amounts(6000, 10_000)], [], {}, [37, 50],
                     id="nothing scheduled, resources requested, differently sized nodes"),
        pytest.param(NOTHING, [SMALL, SMALL], [(0, NOTHING), (1, NOTHING)], {}, [100, 100],
                     id="no resources requested, pods scheduled"),
        pytest.param(NOTHING, [LARGE, LARGE], [(0, CPU3), (0, CPU3), (1, CPU3), (1, BOTH)], {}, [70, 57],
                     id="no resources requested, pods scheduled with resources"),
        pytest.param(BOTH, [LARGE, LARGE], [(0, CPU3), (1, BOTH)], {}, [57, 45],
                     id="resources requested, pods scheduled with resources"),
        pytest.param(BOTH, [LARGE, amounts(10_000, 50_000)], [(0, CPU3), (1, BOTH)], {}, [57, 60],
                     id="resources requested, pods scheduled with resources, differently sized nodes"),
        pytest.param(CPU3, [SMALL, SMALL], [(0, CPU3), (1, BOTH)], {}, [50, 25],
                     id="requested resources exceed node capacity"),
        pytest.param(NOTHING, [{}, {}], [(0, CPU3), (1, BOTH)], {}, [0, 0],
                     id="zero node resources, pods scheduled with resources"),
        pytest.param(BOTH, [SMALL, amounts(6000, 10_000)], [], {"memory": 2, "cpu": 1}, [41, 50],
                     id="different weight on CPU and memory"),
        pytest.param(BOTH, [amounts(6000, 10_000), amounts(6000, 10_000, gpu=4)], [],
                     {"cpu": 1, "memory": 1, GPU: 1}, [50, 50], id="bypass extended resource"),
        pytest.param(amounts(3000, 5000, gpu=2), [amounts(6000, 10_000, gpu=4), amounts(6000, 10_000, gpu=10)], [],
                     {"cpu": 1, "memory": 1, GPU: 1}, [50, 60], id="honor extended resource if the pod requests"),
        pytest.param(amounts(3000, 4000), [amounts(6000, 10_000), amounts(6000, 10_000, gpu=4)], [],
                     {GPU: 2, "cpu": 1, "memory": 1}, [55, 55], id="if the node doesn't have a resource"),
    ],
)  # fmt: skip
def test_least_allocated(
    asked: Mapping[str, int],
    nodes: list[Mapping[str, int]],
    existing: list[tuple[int, Mapping[str, int]]],
    weights: Mapping[str, int],
    expected: list[int],
) -> None:
    """noderesources/least_allocated_test.go, TestLeastAllocatedScoringStrategy: all cases without an error."""
    cluster = holding(nodes, *existing)
    assert [
        rules.least_allocated(Pod("p", asked), cluster, name, weights or rules.EQUALLY) for name in "01"
    ] == expected


def test_pods_that_ask_for_nothing_are_taken_for_a_tenth_of_a_core_and_200_mib() -> None:
    """pkg/scheduler/util/pod_resources.go: so that they do not all go to one node."""
    cluster = holding([amounts(1000, 2000 * 1024**2)] * 2, (0, {}))
    assert [rules.least_allocated(Pod("p"), cluster, name) for name in "01"] == [80, 90]


@pytest.mark.parametrize(
    ("asked", "nodes", "existing", "weights", "expected"),
    [
        (NOTHING, [SMALL, SMALL], [], {}, [0, 0]),
        (BOTH, [SMALL, amounts(6000, 10_000)], [], {}, [62, 50]),
        (NOTHING, [LARGE, LARGE], [(0, CPU3), (0, CPU3), (1, CPU3), (1, BOTH)], {}, [30, 42]),
        (BOTH, [LARGE, LARGE], [(0, CPU3), (1, BOTH)], {}, [42, 55]),
        (amounts(5000, 9000), [amounts(5000, 10_000), amounts(10_000, 9000)], [], {}, [95, 75]),
        (BOTH, [SMALL, amounts(6000, 10_000)], [], {"memory": 2, "cpu": 1}, [58, 50]),
        ({}, [amounts(250, 1000 * 2**20)] * 2, [(0, {}), (0, {})], {}, [80, 30]),
        (BOTH, [amounts(6000, 10_000), amounts(6000, 10_000, gpu=4)], [], {"cpu": 1, "memory": 1, GPU: 1}, [50, 50]),
        (amounts(3000, 5000, gpu=2), [amounts(6000, 10_000, gpu=4), amounts(6000, 10_000, gpu=10)], [],
         {"cpu": 1, "memory": 1, GPU: 1}, [50, 40]),
    ],
    ids=[
        "nothing scheduled, nothing requested", "resources requested, differently sized nodes",
        "no resources requested, pods scheduled with resources", "resources requested, pods scheduled with resources",
        "resources requested equal node capacity", "different weights", "nonzero request for resource",
        "bypass extended resource", "honor extended resource if the pod request",
    ],
)  # fmt: skip
def test_most_allocated(
    asked: Mapping[str, int],
    nodes: list[Mapping[str, int]],
    existing: list[tuple[int, Mapping[str, int]]],
    weights: Mapping[str, int],
    expected: list[int],
) -> None:
    """noderesources/most_allocated_test.go, TestMostAllocatedScoringStrategy: all cases without an error."""
    cluster = holding(nodes, *existing)
    found = [rules.most_allocated(Pod("p", asked), cluster, name, weights or rules.EQUALLY) for name in "01"]
    assert found == expected


FOO_8, FOO_4 = {"foo": 8, "bar": 4}, {"foo": 4, "bar": 8}
TWO, BOTH_TWO, FOUR_TWO = {"foo": 2}, {"foo": 2, "bar": 2}, {"foo": 4, "bar": 2}
FALLING, RISING = [(0, 10), (100, 0)], [(0, 0), (100, 1)]
SINGLE, MULTIPLE = {"foo": 1}, {"foo": 3, "bar": 5}


@pytest.mark.parametrize(
    ("asked", "nodes", "existing", "shape", "weights", "expected"),
    [
        (NOTHING, [SMALL, SMALL], [(0, NOTHING), (0, NOTHING)], FALLING, rules.EQUALLY, [100, 100]),
        (BOTH, [SMALL, amounts(6000, 10_000)], [(0, NOTHING)], FALLING, rules.EQUALLY, [38, 50]),
        (NOTHING, [SMALL, amounts(6000, 10_000)], [(0, BOTH), (1, BOTH)], FALLING, rules.EQUALLY, [38, 50]),
        ({}, [FOO_8, FOO_4], [], RISING, SINGLE, [0, 0]),
        (TWO, [FOO_8, FOO_4], [], RISING, SINGLE, [2, 5]),
        (TWO, [FOO_8, FOO_4], [(1, TWO)], RISING, SINGLE, [2, 10]),
        ({"foo": 4}, [FOO_8, FOO_4], [], RISING, SINGLE, [5, 10]),
        ({}, [FOO_8, FOO_4], [], RISING, MULTIPLE, [0, 0]),
        (BOTH_TWO, [FOO_8, FOO_4], [], RISING, MULTIPLE, [4, 3]),
        (BOTH_TWO, [FOO_8, FOO_4], [(1, BOTH_TWO)], RISING, MULTIPLE, [4, 7]),
        (FOUR_TWO, [FOO_8, FOO_4], [], RISING, MULTIPLE, [5, 5]),
    ],
    ids=[
        "nothing requested", "resources requested, differently sized nodes", "pods scheduled with resources",
        "single: nothing requested", "single: less resources", "single: on node with existing pod running",
        "single: more resources", "multiple: nothing requested", "multiple: less resources",
        "multiple: on node with existing pod running", "multiple: more resources",
    ],
)  # fmt: skip
def test_requested_to_capacity_ratio(
    asked: Mapping[str, int],
    nodes: list[Mapping[str, int]],
    existing: list[tuple[int, Mapping[str, int]]],
    shape: list[tuple[int, int]],
    weights: Mapping[str, int],
    expected: list[int],
) -> None:
    """noderesources/requested_to_capacity_ratio_test.go, with TestResourceBinPacking{Single,MultipleExtended}."""
    cluster = holding(nodes, *existing)
    found = [rules.requested_to_capacity_ratio(Pod("p", asked), cluster, name, shape, weights) for name in "01"]
    assert found == expected


@pytest.mark.parametrize(
    ("points", "at"),
    [
        ([(10, 1), (90, 9)],
         {-10: 1, 0: 1, 9: 1, 10: 1, 15: 1, 19: 1, 20: 2, 89: 8, 90: 9, 99: 9, 100: 9, 110: 9}),
        ([(0, 2), (40, 10), (100, 0)], {-10: 2, 0: 2, 20: 6, 30: 8, 40: 10, 70: 5, 100: 0, 110: 0}),
        ([(0, 2), (40, 2), (100, 2)], dict.fromkeys((-10, 0, 20, 30, 40, 70, 100, 110), 2)),
    ],
)  # fmt: skip
def test_broken_linear_function(points: list[tuple[int, int]], at: dict[int, int]) -> None:
    """noderesources/requested_to_capacity_ratio_test.go, TestBrokenLinearFunction."""
    assert {x: rules.broken_line(points, x) for x in at} == at


@pytest.mark.parametrize(
    ("asked", "nodes", "existing", "resources", "expected"),
    [
        pytest.param(BOTH, [SMALL, amounts(6000, 10_000)], [], (), [87, 100],
                     id="nothing scheduled, resources requested, differently sized nodes"),
        pytest.param(BOTH, [LARGE, LARGE], [(0, CPU3), (1, BOTH)], (), [82, 95],
                     id="resources requested, pods scheduled with resources"),
        pytest.param(BOTH, [LARGE, amounts(10_000, 50_000)], [(0, CPU3), (1, BOTH)], (), [82, 80],
                     id="resources requested, pods scheduled with resources, differently sized nodes"),
        pytest.param(CPU3, [amounts(6000, 10_000)] * 2, [(0, CPU3), (1, BOTH)], (), [50, 75],
                     id="requested resources at node capacity"),
        pytest.param(amounts(gpu=1), [amounts(3500, 40_000, gpu=8)] * 2, [(0, amounts(3000, 5000, gpu=3)), (1, BOTH)],
                     ("cpu", "memory", GPU), [70, 65], id="include scalar resource on a node"),
        pytest.param(BOTH, [amounts(3500, 40_000, gpu=8), amounts(3500, 40_000)], [], ("cpu", "memory", GPU), [63, 63],
                     id="node without the scalar resource should skip the scalar resource"),
        pytest.param({}, [SMALL, SMALL], [(0, CPU3)], (), [0, 0], id="nothing requested: skipped"),
        pytest.param(BOTH, [SMALL, amounts(6000, 10_000)], [(0, CPU3), (1, CPU3)], (), [75, 75],
                     id="more than there is counts as all (ours, as the code)"),
    ],
)  # fmt: skip
def test_balanced_allocation(
    asked: Mapping[str, int],
    nodes: list[Mapping[str, int]],
    existing: list[tuple[int, Mapping[str, int]]],
    resources: tuple[str, ...],
    expected: list[int],
) -> None:
    """noderesources/balanced_allocation_test.go, TestNodeResourcesBalancedAllocation: all but those of DRA."""
    cluster = holding(nodes, *existing)
    of = resources or tuple(rules.EQUALLY)
    assert [rules.balanced_allocation(Pod("p", asked), cluster, name, of) for name in "01"] == expected


ARM, SSD = Taint("cpu-type", "arm64", "PreferNoSchedule"), Taint("disk-type", "ssd", "PreferNoSchedule")


def tolerating(*taints: Taint, effect: str = "PreferNoSchedule") -> Pod:
    return Pod("p", tolerations=tuple(Toleration(one.key, "Equal", one.value, effect) for one in taints))


FOO, BLAH = Taint("foo", "bar", "PreferNoSchedule"), Taint("foo", "blah", "PreferNoSchedule")


@pytest.mark.parametrize(
    ("pod", "nodes", "expected"),
    [
        (tolerating(FOO), [[FOO], [BLAH]], [100, 0]),
        (tolerating(ARM, SSD), [[], [ARM], [ARM, SSD]], [100, 100, 100]),
        (tolerating(FOO), [[], [ARM], [ARM, SSD]], [100, 50, 0]),
        (tolerating(ARM, SSD, effect="NoSchedule"), [[], [replace(ARM, effect="NoSchedule")], [ARM, SSD]],
         [100, 100, 0]),
        (Pod("p"), [[], [ARM]], [100, 0]),
    ],
)  # fmt: skip
def test_taint_toleration(pod: Pod, nodes: list[list[Taint]], expected: list[int]) -> None:
    """tainttoleration/taint_toleration_test.go, TestTaintTolerationScore: all cases but those of Gt and Lt."""
    cluster = Cluster(Node(str(number), {}, taints=tuple(taints)) for number, taints in enumerate(nodes))
    assert list(rules.taint_toleration(pod, cluster, list(cluster.nodes)).values()) == expected


def labelled(*labels: str) -> Cluster:
    """Nodes 0, 1 … with labels as "region=China az=az1"."""
    return Cluster(
        Node(str(number), {}, dict(one.split("=") for one in given.split())) for number, given in enumerate(labels)
    )


def isin(**labels: str) -> tuple[Expression, ...]:
    return tuple(Expression(key, "In", (value,)) for key, value in labels.items())


ONE = ((2, isin(foo="bar")),)
THREE = (*ONE, (4, isin(key="value")), (5, isin(foo="bar", key="value", az="az1")))


@pytest.mark.parametrize(
    ("terms", "labels", "expected"),
    [
        ((), ("foo=bar", "key=value", "az=az1"), [0, 0, 0]),
        (ONE, ("abc=az11 def=az22", "key=value", "az=az1"), [0, 0, 0]),
        (ONE, ("foo=bar", "key=value", "az=az1"), [100, 0, 0]),
        (THREE, ("foo=bar", "foo=bar key=value az=az1", "key=value"), [18, 100, 36]),
        ((*ONE, (3, isin(key="value"))), ("foo=bar", "key=value", "foo=bar key=value az=az1"), [40, 60, 100]),
        (((9, ()),), ("foo=bar", "key=value"), [0, 0]),
    ],
)
def test_node_affinity(terms: tuple[tuple[int, tuple[Expression, ...]], ...], labels: str, expected: list[int]) -> None:
    """nodeaffinity/node_affinity_test.go, TestNodeAffinityPriority; the last is component-helpers' nodeaffinity.go."""
    cluster = labelled(*labels)
    pod = Pod("p", preferences=Preferences(terms))
    assert list(rules.node_affinity(pod, cluster, list(cluster.nodes)).values()) == expected


def test_the_weights_are_those_of_the_default_profile() -> None:
    """apis/config/v1/default_plugins.go."""
    expected = {"TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2, "InterPodAffinity": 2}
    expected |= {"NodeResourcesFit": 1, "NodeResourcesBalancedAllocation": 1}
    assert dict(rules.WEIGHTS) == expected


def test_the_weighted_sum_decides_and_a_preference_keeps_a_pod_from_no_node() -> None:
    free, small = Node("free", amounts(4000, 4000)), Node("small", amounts(2000, 2000), {"disk": "ssd"})
    pod = Pod("p", amounts(1000, 1000))
    assert rules.choose(pod, Cluster([small, free])) == "free"
    liking = replace(pod, preferences=Preferences(((1, isin(disk="ssd")),)))
    assert rules.choose(liking, Cluster([small, free])) == "small", "2 · 100 is more than 25 of what is left"
    assert rules.choose(liking, Cluster([free])) == "free"
    assert rules.choose(replace(pod, requests=amounts(5000)), Cluster([small, free])) is None


def test_a_soft_taint_outweighs_a_preferred_label() -> None:
    """apis/config/v1/default_plugins.go: 3 · 100 against 2 · 100."""
    liked = Node("liked", {}, {"disk": "ssd"}, (ARM,))
    pod = Pod("p", preferences=Preferences(((1, isin(disk="ssd")),)))
    assert rules.choose(pod, Cluster([liked, Node("plain", {})])) == "plain"
    assert (
        rules.choose(replace(pod, tolerations=(Toleration(operator="Exists"),)), Cluster([Node("plain", {}), liked]))
        == "liked"
    )


@pytest.mark.parametrize("weight", [0, 101])
def test_a_weight_that_the_api_refuses(weight: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 100, not {weight}"):
        Preferences(((weight, isin(foo="bar")),))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1500), st.integers(0, 1500)), max_size=8))
def test_scores_are_per_cent_and_the_chosen_node_takes_the_pod(there: list[tuple[int, int, int]]) -> None:
    cluster = holding([amounts(4000, 4000)] * 3, *((number, amounts(cpu, memory)) for number, cpu, memory in there))
    pod = Pod("p", amounts(700, 300), preferences=Preferences(spread=(Spread((), 1, HOSTNAME),)))
    found = rules.scores(pod, cluster, list(cluster.nodes))
    assert all(0 <= score <= 100 for one in found.values() for score in one.values())
    assert all(set(one) == set(rules.WEIGHTS) for one in found.values())
    fitting = [name for name in cluster.nodes if cluster.fits(pod, name)]
    assert rules.choose(pod, cluster) in (fitting or [None])
