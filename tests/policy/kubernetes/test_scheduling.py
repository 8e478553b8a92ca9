"""Upstream's cases: kubernetes/kubernetes, pkg/scheduler/framework/plugins/<file named at each>."""

from __future__ import annotations

import pytest

from drydock.policy.kubernetes.scheduling import Cluster, Expression, Node, Pod, Taint, Toleration
from drydock.policy.kubernetes.scheduling import cluster as reasons
from drydock.policy.kubernetes.scheduling.model import matches_node

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
