"""Upstream's cases: kubernetes/autoscaler, tag cluster-autoscaler-1.36.1, cluster-autoscaler/<file named at each>."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes import cluster_autoscaler as ca
from drydock.policy.kubernetes.cluster_autoscaler import Group, Option, estimate
from drydock.policy.kubernetes.scheduling import HOSTNAME, ZONE, Cluster, HostPort, Node, Pod, Spread
from drydock.policy.kubernetes.scheduling.model import equal

MIB = 1024**2
APP = {"app": "estimatee"}


def node(cpu: int, mib: int, pods: int = 10, name: str = "template", zone: str = "zone-mars") -> Node:
    return Node(name, {"cpu": cpu, "memory": mib * MIB, "pods": pods}, {ZONE: zone})


def pod(cpu: int, memory: int = 1000, **more: object) -> Pod:
    return Pod("estimatee", {"cpu": cpu, "memory": memory}, "universe", APP, **more)  # type: ignore[arg-type]


def spread(skew: int, key: str, least: int) -> tuple[Spread, ...]:
    return (Spread(equal(APP), skew, key, least),)


OLD = node(100, 100, name="oldnode", zone="zone-jupiter")


@pytest.mark.parametrize(
    ("cpu", "mib", "groups", "most", "nodes", "scheduled"),
    [
        (1000, 2000, [(pod(350), 10)], None, 5, (10,)),
        (10000, 20000, [(pod(10, 100), 20)], None, 2, (20,)),
        (1000, 5000, [(pod(200, host_ports=(HostPort(5555),)), 8)], None, 8, (8,)),
        (1000, 5000, [(pod(500), 20)], 5, 5, (10,)),
        (1000, 5000, [(pod(50), 10), (pod(500), 10)], 5, 5, (0, 10)),
        (1000, 5000, [(pod(200, 200, spread=spread(2, HOSTNAME, 1)), 8)], None, 4, (8,)),
        (1000, 5000, [(pod(20, 100, spread=spread(2, ZONE, 1)), 8)], None, 1, (2,)),
        (1000, 5000, [(pod(20, 100, spread=spread(1, HOSTNAME, 3)), 12)], None, 3, (12,)),
    ],
    ids=[
        "simple resource-based binpacking",
        "pods-per-node bound binpacking",
        "hostport conflict forces pod-per-node",
        "limiter cuts binpacking",
        "decreasing ordered pods are processed first",
        "hostname topology spreading with maxSkew=2 forces 2 pods/node",
        "zonal topology spreading with maxSkew=2 only allows 2 pods to schedule",
        "hostname topology spreading with maxSkew=1 handles scheduling pods retroactively",
    ],
)
def test_binpacking_estimate(
    cpu: int, mib: int, groups: list[tuple[Pod, int]], most: int | None, nodes: int, scheduled: tuple[int, ...]
) -> None:
    """estimator/binpacking_estimator_test.go, TestBinpackingEstimate: all cases."""
    asked = [Group(*one) for one in groups]
    found = estimate(asked, node(cpu, mib), max_nodes=most, existing=[OLD])
    assert (found.nodes, found.scheduled) == (nodes, scheduled)


def test_the_benchmark_of_upstream_comes_out_at_its_number() -> None:
    """estimator/binpacking_estimator_test.go, BenchmarkBinpackingEstimate."""
    groups = [Group(pod(50, 100), 50_000), Group(pod(95, 190), 1000)]
    found = estimate(groups, node(1000, 5000, 100), max_nodes=3000, existing=[OLD])
    assert (found.nodes, found.pods) == (2595, 51_000)


@pytest.mark.parametrize("order", [[0], [2, 1, 0], [0, 2, 1], []])
def test_larger_pods_come_first(order: list[int]) -> None:
    """estimator/decreasing_pod_orderer_test.go: its three pods, on a node of 4 m and 600 MiB."""
    sizes = [(1, 1), (2, 1), (2, 100)]
    groups = [Group(pod(*sizes[place]), 1) for place in order]
    sorted_ = [order[place] for place in ca.largest_first(groups, node(4, 600))]
    assert sorted_ == sorted(order, reverse=True)


@settings(max_examples=40)
@given(st.integers(1, 400), st.integers(1, 1000), st.integers(1, 60))
def test_an_estimate_places_all_that_fit_and_no_node_is_over_full(count: int, cpu: int, limit: int) -> None:
    found = estimate([Group(pod(cpu), count)], node(1000, 5000), max_nodes=limit)
    fit = min(10, 1000 // cpu)
    assert found.nodes == min(limit, -(-count // fit))
    assert found.pods == min(count, limit * fit)


def test_a_pod_that_an_empty_node_does_not_take_adds_none() -> None:
    assert estimate([Group(pod(2000), 3)], node(1000, 5000)).nodes == 0


def waste_option(name: str, cpus: int, memories: int, pods: int = 1) -> Option:
    memory = 1000 * MIB
    one = Pod("p", {"cpu": 500, "memory": memory})
    return Option(name, 1, Node(name, {"cpu": cpus * 500, "memory": memories * memory}), (one,) * pods)


def test_least_waste() -> None:
    """expander/waste/waste_test.go, TestLeastWaste."""
    balanced, highmem, lowcpu = (
        waste_option("balanced", 16, 16), waste_option("highmem", 16, 32), waste_option("lowcpu", 8, 16),
    )  # fmt: skip
    assert ca.least_waste([waste_option("balanced", 16, 16, 0)])[0].group == "balanced"
    assert ca.least_waste([balanced]) == [balanced]
    assert ca.least_waste([balanced, highmem]) == [balanced]
    assert ca.least_waste([balanced, highmem, lowcpu]) == [lowcpu]
    assert [ca.waste(one) for one in (balanced, highmem, lowcpu)] == [1.875, 1.90625, 1.8125]


def test_waste_is_of_the_capacity_and_equal_waste_leaves_both() -> None:
    pods = (Pod("p", {"cpu": 500, "memory": 1024 * MIB}),) * 6

    def option(name: str, cpu: int, gib: int, nodes: int) -> Option:
        shape = {"cpu": cpu, "memory": gib * 1024 * MIB}
        return Option(name, nodes, Node(name, {"cpu": 1, "memory": 1}, capacity=shape), pods)

    large, xlarge, c5 = (
        option("m5.large", 2000, 8, 2),
        option("m5.xlarge", 4000, 16, 1),
        option("c5.xlarge", 4000, 8, 1),
    )
    assert [ca.waste(one) for one in (large, xlarge, c5)] == [0.875, 0.875, 0.5]
    assert ca.least_waste([large, xlarge]) == [large, xlarge]
    assert ca.least_waste([large, xlarge, c5]) == [c5]


@pytest.mark.parametrize(
    ("counts", "best"),
    [([], []), ([0], []), ([2], [0]), ([2, 1], [1]), ([6, 2, 2], [1, 2]), ([8, 8, 8], [0, 1, 2]),
     ([23, 0, 5, 8, 5, 5, 22], [2, 4, 5])],
)  # fmt: skip
def test_least_nodes(counts: list[int], best: list[int]) -> None:
    """expander/leastnodes/leastnodes_test.go, TestLeastNodes: all cases."""
    options = [Option(f"EO{place}", count, node(1, 1)) for place, count in enumerate(counts)]
    assert ca.least_nodes(options) == [options[place] for place in best]


def test_most_pods() -> None:
    """expander/mostpods/mostpods_test.go, TestMostPods."""
    none, one, other = (
        Option(name, 1, node(1, 1), (pod(1),) * count) for name, count in (("0", 0), ("1", 1), ("1b", 1))
    )
    assert ca.most_pods([none]) == [none]
    assert ca.most_pods([none, one]) == [one]
    assert ca.most_pods([none, one, other]) == [one, other]


TIERS = {5: [r".*t2\.micro.*"], 10: [r".*t2\.large.*", r".*t3\.large.*"], 50: [r".*m4\.4xlarge.*"]}
WILDCARD = {5: [".*"], 10: [r".t2\.large.*"]}
ONE = {10: [r".*t2\.large.*"]}


@pytest.mark.parametrize(
    ("tiers", "offered", "best"),
    [
        (TIERS, "t2.large", "t2.large"),
        (TIERS, "t2.large m4.4xlarge", "m4.4xlarge"),
        (WILDCARD, "t2.large t2.micro", "t2.large"),
        (TIERS, "t2.large t3.large t2.micro", "t2.large t3.large"),
        (TIERS, "t2.large t3.large", "t2.large t3.large"),
        (ONE, "t2.large t3.large m4.4xlarge", "t2.large"),
        ({}, "t2.large t3.large m4.4xlarge", "t2.large t3.large m4.4xlarge"),
        ({5: [r".*t\.micro.*"], 10: [r".*t\.large.*"]}, "t2.large t3.large", "t2.large t3.large"),
    ],
)
def test_priority(tiers: dict[int, list[str]], offered: str, best: str) -> None:
    """expander/priority/priority_test.go: all configurations; the last one is there and in no test of upstream's."""
    options = [Option(f"my-asg.{name}", 1, node(1, 1)) for name in offered.split()]
    assert [one.group.removeprefix("my-asg.") for one in ca.by_priority(tiers)(options)] == best.split()


def test_a_pattern_that_is_none_is_refused_with_its_tier() -> None:
    with pytest.raises(
        ValueError, match=re.escape("priority 10: '*large' is no regular expression: nothing to repeat")
    ):
        ca.by_priority({10: ["*large"]})


def price_option(
    name: str, nodes: int, cpu: int, price: float | None, pods: tuple[int, ...], exists: bool = True
) -> Option:
    return Option(
        name,
        nodes,
        Node(name, {"cpu": cpu, "memory": 1000}),
        tuple(Pod("p", {"cpu": one}) for one in pods),
        price,
        exists,
    )


@pytest.mark.parametrize(
    ("preferred", "options", "best"),
    [
        (2000, [("ng1", 2, 1000, 20, (1000, 500)), ("ng2", 1, 4000, 200, (1000, 500))], "ng1"),
        (4000, [("ng1", 2, 1000, 50, (1000, 500)), ("ng2", 1, 4000, 200, (1000, 500))], "ng2"),
        (4000, [("ng1", 80, 1000, 20, (1000, 500)), ("ng2", 40, 4000, 200, (1000, 500))], "ng1"),
        (2000, [("ng1", 2, 1000, 200, (1000, 500)), ("ng2", 1, 4000, 100, (1000, 500))], "ng2"),
        (2000, [("ng1", 2, 1000, 200, (1000,)), ("ng2", 1, 4000, 200, (1000, 500))], "ng2"),
        (2000, [("ng1", 2, 1000, None, (1000,)), ("ng2", 1, 4000, None, (1000, 500))], ""),
        (2000, [("ng1", 2, 1000, 200, (1000,)), ("ng2", 1, 4000, 200, (1000, 500)),
                ("ng3", 1, 4000, 200, (1000, 500), False)], "ng2"),
        (2000, [("ng1", 2, 1000, 200, (1000,)), ("ng2", 1, 4000, 200, (1000, 500)),
                ("ng3", 1, 4000, 90, (1000, 500), False)], "ng3"),
    ],
)  # fmt: skip
def test_price(preferred: int, options: list[tuple[object, ...]], best: str) -> None:
    """expander/price/price_test.go, TestPriceExpander: all steps. A pod of 1000 m costs 20 there, one of 500 m 10."""
    expander = ca.by_price(lambda cpu, memory: cpu / 50, preferred=preferred)
    assert [one.group for one in expander([price_option(*one) for one in options])] == best.split()  # type: ignore[arg-type]


@pytest.mark.parametrize(("nodes", "cpu"), [(2, 1), (6, 2), (7, 4), (20, 4), (60, 8), (200, 16), (201, 32)])
def test_the_preferred_node_doubles_with_the_cluster(nodes: int, cpu: int) -> None:
    """expander/price/preferred.go."""
    assert ca.preferred_millicores(nodes) == 1000 * cpu


def _holds(letter: str) -> ca.Expander:
    return lambda options: [one for one in options if letter in one.group]


@pytest.mark.parametrize(
    ("filters", "offered", "best"),
    [
        ("", "b a", "b a"),
        ("a", "ab b", "ab"),
        ("ab", "xab xa x", "xab"),
        ("x", "xc xaa xab", "xc xaa xab"),
        ("ab", "a", "a"),
    ],
)
def test_expanders_in_a_chain(filters: str, offered: str, best: str) -> None:
    """expander/factory/chain_test.go, before its fallback: what is left for that to take one of."""
    options = [Option(name, 1, node(1, 1)) for name in offered.split()]
    assert [one.group for one in ca.choose(options, [_holds(letter) for letter in filters])] == best.split()


P = Pod("p1", {"cpu": 100, "memory": 200_000})
EMPTY = Pod("p2")
DAEMON = Pod("p3", P.requests, of_daemon_set=True)
MIRROR = Pod("p4", P.requests, mirror=True)
WITH_SIDECAR = Pod("p-init", {"cpu": 150, "memory": 300_000})
LARGE_INIT = Pod("p-large-init", {"cpu": 50_000, "memory": 100_000_000})


@pytest.mark.parametrize(
    ("pods", "daemons", "mirrors", "expected"),
    [
        ([P, P, EMPTY], False, False, 2 / 10),
        ([P, WITH_SIDECAR, LARGE_INIT], False, False, 50.25),
        ([P, P, EMPTY, DAEMON, DAEMON], True, False, 2.5 / 10),
        ([P, EMPTY, DAEMON], False, False, 2 / 10),
        ([P, P, EMPTY, MIRROR], False, True, 2 / 9),
        ([P, EMPTY, MIRROR], False, False, 2 / 10),
        ([P, MIRROR, DAEMON], True, True, 1 / 8),
    ],
)
def test_utilization(pods: list[Pod], daemons: bool, mirrors: bool, expected: float) -> None:
    """simulator/utilization/info_test.go, TestCalculate."""
    one = Node("node1", {"cpu": 2000, "memory": 2_000_000})
    found = ca.utilization(one, pods, ignore_daemon_sets=daemons, ignore_mirrors=mirrors)
    assert found.value == pytest.approx(expected, rel=0.01)
    assert found.of == "memory"


def test_utilization_of_a_gpu_node_is_that_of_its_gpus_and_needs_memory_elsewhere() -> None:
    gpu = Node("gpu_node", {"cpu": 2000, "memory": 2_000_000, ca.GPU: 1})
    assert ca.utilization(gpu, [P, P, Pod("g", {**P.requests, ca.GPU: 1})]).value == 1
    with pytest.raises(ValueError, match="node2 has no memory for pods"):
        ca.utilization(Node("node2", {"cpu": 2000}), [P])


def eligible(pods: list[Pod], **given: object) -> str:
    other = Node("other", {"cpu": 1000, "memory": 10, "pods": 110})
    cluster = Cluster([Node("regular", {"cpu": 1000, "memory": 10, "pods": 110}), other])
    for one in pods:
        cluster.bind(one, "regular")
    return ca.scale_down(cluster, **given)[0].reason  # type: ignore[arg-type]


BIG, SMALL, DS = Pod("big", {"cpu": 600}), Pod("small", {"cpu": 100}), Pod("ds", {"cpu": 500}, of_daemon_set=True)


@pytest.mark.parametrize(
    ("pods", "given", "reason"),
    [
        ([], {}, ""),
        ([], {"disabled": ["regular"]}, ca.DISABLED),
        ([BIG], {}, ca.BUSY),
        ([SMALL], {}, ""),
        ([SMALL, DS], {"ignore_daemon_sets": True}, ""),
        ([SMALL, DS], {"ignore_daemon_sets": False}, ca.BUSY),
        ([DS], {"ignore_daemon_sets": True, "threshold": 0}, ""),
    ],
)
def test_which_nodes_can_go(pods: list[Pod], given: dict[str, object], reason: str) -> None:
    """core/scaledown/eligibility/eligibility_test.go: the cases of utilization and of the annotation."""
    assert eligible(pods, **given) == reason


def test_a_node_at_the_threshold_can_go_and_one_above_it_cannot() -> None:
    assert eligible([Pod("half", {"cpu": 500})]) == ""
    assert eligible([Pod("more", {"cpu": 501})]) == ca.BUSY


def test_of_two_half_empty_nodes_one_goes_and_the_other_takes_its_pods() -> None:
    cluster = Cluster([Node(name, {"cpu": 1000, "memory": 10}) for name in ("a", "b")])
    cluster.bind(Pod("on-a", {"cpu": 400}), "a")
    cluster.bind(Pod("on-b", {"cpu": 400}), "b")
    first, second = ca.scale_down(cluster)
    assert (first.reason, first.to) == ("", {"on-a": "b"})
    assert second.reason == ca.NO_PLACE
    assert [len(cluster.pods[name]) for name in ("a", "b")] == [1, 1]


def test_pods_that_fit_nowhere_keep_their_node_unless_they_are_expendable() -> None:
    cluster = Cluster([Node(name, {"cpu": 1000, "memory": 10}) for name in ("a", "b")])
    cluster.bind(Pod("full", {"cpu": 900}), "b")
    cluster.bind(Pod("on-a", {"cpu": 400}), "a")
    assert ca.scale_down(cluster)[0].reason == ca.NO_PLACE
    cluster.unbind(cluster.pods["a"][0], "a")
    cluster.bind(Pod("cheap", {"cpu": 400}, priority=-11), "a")
    assert ca.scale_down(cluster)[0].reason == ""


def test_a_node_waits_out_both_times() -> None:
    assert ca.removable_after(100) == 700
    assert ca.removable_after(100, last_added=300) == 900
    assert ca.removable_after(1000, last_added=300) == 1600
