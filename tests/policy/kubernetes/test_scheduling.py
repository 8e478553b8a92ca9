"""Upstream's cases: kubernetes/kubernetes, pkg/scheduler/framework/plugins/<file named at each>."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from drydock.policy.kubernetes.scheduling import Cluster, Expression, Node, Pod, Spread, Taint, Toleration
from drydock.policy.kubernetes.scheduling import cluster as reasons
from drydock.policy.kubernetes.scheduling.model import equal, matches_node

DEDICATED = Taint("dedicated", "user1", "NoSchedule")
FOO = Taint("foo", "bar", "NoSchedule")


@pytest.mark.parametrize(
    ("tolerations", "taints", "fits"),
    [
        ([], [DEDICATED], False),
        ([Toleration("dedicated", value="user1", effect="NoSchedule")], [DEDICATED], True),
        ([Toleration("dedicated", "Equal", "user2", "NoSchedule")], [DEDICATED], False),
        ([Toleration("foo", "Exists", effect="NoSchedule")], [FOO], True),
        ([Toleration("dedicated", "Equal", "user2", "NoSchedule"), Toleration("foo", "Exists", effect="NoSchedule")],
         [Taint("dedicated", "user2"), FOO], True),
        ([Toleration("foo", "Equal", "bar", "PreferNoSchedule")], [FOO], False),
        ([Toleration("foo", "Equal", "bar")], [FOO], True),
        ([Toleration("dedicated", "Equal", "user2", "NoSchedule")],
         [Taint("dedicated", "user1", "PreferNoSchedule")], True),
        ([], [Taint("dedicated", "user1", "PreferNoSchedule")], True),
    ],
)  # fmt: skip
def test_taints(tolerations: list[Toleration], taints: list[Taint], fits: bool) -> None:
    """tainttoleration/taint_toleration_test.go, TestTaintTolerationFilter: all cases but those of Gt and Lt."""
    cluster = Cluster([Node("nodeA", {}, taints=tuple(taints))])
    found = cluster.reasons(Pod("pod1", tolerations=tuple(tolerations)), "nodeA")
    assert found == (() if fits else (reasons.TAINTED,))


FOOS = {"foo": ""}
ZONED = {"node-a": "zone1", "node-b": "zone1", "node-x": "zone2", "node-y": "zone2"}


def spread_cluster(on: dict[str, int], nodes: Sequence[str] = tuple(ZONED), **other: Pod) -> Cluster:
    found = Cluster([Node(name, {}, {"zone": ZONED.get(name, ""), "node": name}) for name in nodes])
    for name, count in on.items():
        for n in range(count):
            found.bind(Pod(f"{name}-{n}", labels=FOOS), name)
    return found


def spreading(skew: int, key: str, least: int = 1, **more: object) -> Pod:
    return Pod("p", **{"labels": FOOS, "spread": (Spread(equal(FOOS), skew, key, least),), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on", "pod", "fitting"),
    [
        ({}, spreading(1, "zone"), "a b x y"),
        ({"node-x": 1, "node-y": 1}, spreading(1, "zone"), "a b"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(1, "zone"), "a b x y"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(1, "node"), "x"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(2, "node"), "b x"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(1, "node", labels={"bar": ""}), "b x"),
        ({"node-a": 1, "node-b": 1, "node-y": 1}, spreading(2, "zone", 3), "x y"),
        ({"node-a": 2, "node-b": 1, "node-y": 3},
         spreading(1, "node", node_affinity=((Expression("node", "In", ("node-a", "node-y")),),)), "a"),
        ({"node-b": 2, "node-y": 1},
         spreading(1, "zone", node_affinity=((Expression("node", "NotIn", ("node-b",)),),)), "a"),
    ],
    ids=[
        "no existing pods", "0/2", "pods spread across zones as 3/3, all nodes fit",
        "pods spread across nodes as 2/1/0/3, only node-x fits", "maxSkew is 2, node-b and node-x fit",
        "pod doesn't match itself", "2/1, the number of domains < minDomains",
        "incoming pod has nodeAffinity, 2/~1~/~0~/3", "incoming pod has nodeAffinity, 0/~2~/0/1",
    ],
)  # fmt: skip
def test_topology_spread(on: dict[str, int], pod: Pod, fitting: str) -> None:
    """podtopologyspread/filtering_test.go, TestSingleConstraint. Here node affinity counts, too."""
    cluster = spread_cluster(on)
    assert " ".join(name[-1] for name in cluster.nodes if cluster.fits(pod, name)) == fitting


@pytest.mark.parametrize(("least", "fitting"), [(4, ["node-c"]), (2, ["node-a", "node-b", "node-c"])])
def test_fewer_domains_than_there_have_to_be(least: int, fitting: list[str]) -> None:
    """podtopologyspread/filtering_test.go: "2/2/1, maxSkew is 2, and the number of domains < / > minDomains"."""
    cluster = spread_cluster({"node-a": 2, "node-b": 2, "node-c": 1}, ["node-a", "node-b", "node-c"])
    assert [name for name in cluster.nodes if cluster.fits(spreading(2, "node", least), name)] == fitting


BARS = {"bar": ""}
BOTH = {**FOOS, **BARS}


def two(first: Spread, second: Spread, labels: dict[str, str], **more: object) -> Pod:
    return Pod("p", labels=labels, spread=(first, second), **more)  # type: ignore[arg-type]


BY_ZONE, BY_NODE = Spread(equal(FOOS), 1, "zone"), Spread(equal(FOOS), 1, "node")
BARS_BY_ZONE, BARS_BY_NODE = Spread(equal(BARS), 1, "zone"), Spread(equal(BARS), 1, "node")


@pytest.mark.parametrize(
    ("on", "pod", "fitting"),
    [
        ({"a": [FOOS, FOOS], "b": [FOOS], "y": [FOOS] * 4}, two(BY_ZONE, BY_NODE, FOOS), ""),
        ({"a": [FOOS], "y": [BARS]}, two(BY_ZONE, BARS_BY_NODE, BOTH), "x"),
        ({"a": [FOOS], "x": [BARS], "y": [BARS]}, two(BY_ZONE, BARS_BY_NODE, BOTH), ""),
        ({"a": [FOOS, BOTH], "y": [FOOS, BOTH, FOOS]}, two(BY_ZONE, BARS_BY_NODE, BOTH), "b"),
        ({"a": [FOOS], "x": [BARS], "y": [BARS]}, two(BY_ZONE, BARS_BY_NODE, BARS), "a b"),
        ({"a": [BOTH, FOOS], "b": [BOTH], "y": [FOOS, BOTH, FOOS]}, two(BARS_BY_ZONE, BY_ZONE, BOTH), "x y"),
    ],
    ids=[
        "spreads = [3/4, 2/1/0/4]", "[1/0, 1/0/0/1]", "[1/0, 0/0/1/1]", "[2/3, 1/0/0/1]",
        "pod doesn't match itself on 'zone' constraint", "two Constraints on zone, spreads = [3/3, 2/1]",
    ],
)  # fmt: skip
def test_two_constraints_hold_both(on: dict[str, list[dict[str, str]]], pod: Pod, fitting: str) -> None:
    """podtopologyspread/filtering_test.go, TestMultipleConstraints."""
    cluster = spread_cluster({})
    for name, each in on.items():
        for n, labels in enumerate(each):
            cluster.bind(Pod(f"{name}-{n}", labels=labels), f"node-{name}")
    assert " ".join(name[-1] for name in cluster.nodes if cluster.fits(pod, name)) == fitting


@pytest.mark.parametrize(
    ("unlike", "taint", "pod"),
    [
        ("y", "", two(BY_ZONE, Spread(equal(FOOS), 1, "node", honors_affinity=False), FOOS, node_selector=FOOS)),
        ("", "y", two(Spread(equal(FOOS), 1, "zone", honors_taints=True), BY_NODE, FOOS)),
    ],
    ids=["zone: honor/ignore, node: ignore/ignore", "zone: honor/honor, node: honor/ignore"],
)
def test_nodes_that_are_no_domain(unlike: str, taint: str, pod: Pod) -> None:
    """podtopologyspread/filtering_test.go, TestMultipleConstraints, "two node inclusion Constraints"."""
    cluster = Cluster()
    for name, zone in ZONED.items():
        labels = {"zone": zone, "node": name, **({} if name[-1] == unlike else FOOS)}
        cluster.add(Node(name, {}, labels, (FOO,) if name[-1] == taint else ()))
    for name in ("node-a", "node-b", "node-y"):
        cluster.bind(Pod(f"on-{name}", labels=FOOS), name)
    assert [name for name in cluster.nodes if cluster.fits(pod, name)] == ["node-x"]


def test_pods_of_another_namespace_do_not_count_and_a_node_without_the_label_fits_nothing() -> None:
    """podtopologyspread/filtering_test.go, the cases of these names."""
    cluster = spread_cluster({"node-x": 1, "node-y": 1})
    cluster.bind(Pod("p-a1", namespace="ns1", labels=FOOS), "node-a")
    cluster.bind(Pod("p-b1", namespace="ns2", labels=FOOS), "node-a")
    assert [name for name in cluster.nodes if cluster.fits(spreading(1, "zone"), name)] == ["node-a", "node-b"]
    assert cluster.reasons(spreading(1, "rack"), "node-a") == (reasons.UNLABELLED,)
    assert cluster.reasons(spreading(1, "zone"), "node-x") == (reasons.SKEWED,)


def test_taints_count_for_spread_only_where_they_are_honoured() -> None:
    """podtopologyspread/filtering_test.go, "… pod with NodeInclusionPolicy enabled": nodeTaintsPolicy."""
    nodes = [Node("a", {}, {"zone": "1"}, (FOO,)), Node("b", {}, {"zone": "2"})]
    for honours, domains in ((False, {"1", "2"}), (True, {"2"})):
        pod = Pod("p", labels=FOOS, spread=(Spread(equal(FOOS), 1, "zone", honors_taints=honours),))
        assert set(Cluster(nodes).domains(pod, pod.spread[0], pod.spread)) == domains


@pytest.mark.parametrize(
    ("requests", "found"),
    [
        ({}, ()),
        ({"cpu": 1, "memory": 1}, ()),
        ({"cpu": 6}, ("Insufficient cpu",)),
        ({"memory": 16}, ("Insufficient memory",)),
        ({"cpu": 6, "memory": 16}, ("Insufficient cpu", "Insufficient memory")),
        ({"example.com/aaa": 6}, ("Insufficient example.com/aaa",)),
        ({"kubernetes.io/something": 0}, ()),
    ],
)
def test_resources(requests: dict[str, int], found: tuple[str, ...]) -> None:
    """noderesources/fit_test.go, TestEnoughRequests: a node of 10 m, 20 B, 5 of a resource; half of it is taken."""
    cluster = Cluster([Node("n", {"cpu": 10, "memory": 20, "example.com/aaa": 5, "pods": 32})])
    cluster.bind(Pod("there", {"cpu": 5, "memory": 5}), "n")
    assert cluster.reasons(Pod("p", requests), "n") == found


def test_a_full_node_takes_no_pod_even_without_requests() -> None:
    """noderesources/fit_test.go, TestNotEnoughRequests: "Too many pods"."""
    cluster = Cluster([Node("n", {"cpu": 10, "pods": 1})])
    cluster.bind(Pod("there"), "n")
    assert cluster.reasons(Pod("p"), "n") == (reasons.TOO_MANY,)
    cluster.unbind(Pod("there"), "n")
    assert cluster.fits(Pod("p"), "n")


@pytest.mark.parametrize(
    ("terms", "labels", "fits"),
    [
        (((Expression("foo", "In", ("bar", "value2")),),), {"foo": "bar"}, True),
        (((Expression("kernel-version", "Gt", ("0204",)),),), {"kernel-version": "0206"}, True),
        (((Expression("mem-type", "NotIn", ("DDR", "DDR2")),),), {"mem-type": "DDR3"}, True),
        (((Expression("GPU", "Exists"),),), {"GPU": "NVIDIA"}, True),
        (((Expression("foo", "In", ("value1", "value2")),),), {"foo": "bar"}, False),
        (((),), {"foo": "bar"}, False),
        ((), {"foo": "bar"}, True),
        (((Expression("GPU", "Exists"), Expression("GPU", "NotIn", ("AMD", "INTER"))),), {"GPU": "NVIDIA"}, True),
        (((Expression("GPU", "Exists"), Expression("GPU", "In", ("AMD", "INTER"))),), {"GPU": "NVIDIA"}, False),
        (((Expression("foo", "In", ("bar",)),), (Expression("diffkey", "In", ("wrong",)),)), {"foo": "bar"}, True),
    ],
)  # fmt: skip
def test_node_affinity(terms: tuple[tuple[Expression, ...], ...], labels: dict[str, str], fits: bool) -> None:
    """nodeaffinity/node_affinity_test.go, TestNodeAffinity: required terms by labels."""
    assert matches_node(Pod("p", node_affinity=terms), Node("n", {}, labels)) is fits


def test_ports_of_the_host_are_taken_once() -> None:
    """nodeports/node_ports_test.go."""
    cluster = Cluster([Node("n", {})])
    cluster.bind(Pod("there", host_ports=(8080,)), "n")
    assert cluster.reasons(Pod("p", host_ports=(8080,)), "n") == (reasons.PORTS,)
    assert cluster.fits(Pod("p", host_ports=(8081,)), "n")


@pytest.mark.parametrize(
    ("given", "says"),
    [(("a", "Is"), "operator 'Is'"), (("a", "In"), "needs at least one value"),
     (("a", "Exists", ("b",)), "takes no values"), (("a", "Gt", ("b",)), "one whole number")],
)  # fmt: skip
def test_expressions_that_kubernetes_refuses(given: tuple[object, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Expression(*given)  # type: ignore[arg-type]
